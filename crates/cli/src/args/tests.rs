use super::host::{Host, HostRef, Wait};
use super::*;
use clap::CommandFactory as _;
use clap::error::ErrorKind;
use std::path::Path;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("router-hosts").chain(line.split_whitespace()))
}

fn refused(line: &str) -> clap::Error {
    parse(line).expect_err(line)
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn values_are_parsed_before_anything_is_sent() {
    for line in [
        "host add --ip 10.0.0.256 --hostname nas.lan",
        "host add --ip 10.0.0.7 --hostname *.lan",
        "host add --ip 10.0.0.7 --hostname nas.lan --tag a=b",
        "host get 10.0.0.7",
        "host list --limit 0",
        "host list --offset -1",
        "host list --timeout soon",
        "host list --timeout 0s",
        "host list -f yaml",
    ] {
        let error = refused(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn an_update_of_nothing_is_refused() {
    let error = refused("host update nas.lan --if-version 4");
    assert_eq!(error.kind(), ErrorKind::MissingRequiredArgument);
}

#[test]
fn contradictions_are_refused() {
    for line in [
        "host update nas.lan --enable --disable",
        "host update nas.lan --alias a.lan --clear-aliases",
        "host update nas.lan --tag a --clear-tags",
        "host list -q -v",
    ] {
        assert_eq!(refused(line).kind(), ErrorKind::ArgumentConflict, "{line}");
    }
}

#[test]
fn global_flags_stand_before_and_after_the_command() {
    for line in [
        "-s a:1,b:2 --timeout 2s host list",
        "host -s a:1,b:2 list --timeout 2s",
        "host list --server a:1 -s b:2 --timeout 2000ms",
    ] {
        let global = parse(line).unwrap().global;
        assert_eq!(global.server, ["a:1", "b:2"], "{line}");
        assert_eq!(global.timeout, Some(Duration::from_secs(2)), "{line}");
    }
}

#[test]
fn wait_alone_means_published() {
    let wait = |line: &str| match parse(line).unwrap().command {
        Command::Host(host) => match *host {
            Host::Delete { change, .. } => change.wait,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(wait("host delete nas.lan"), None);
    assert_eq!(wait("host delete --wait nas.lan"), Some(Wait::Published));
    assert_eq!(
        wait("host delete --wait=committed nas.lan"),
        Some(Wait::Committed)
    );
}

#[test]
fn a_host_is_named_by_id_or_name() {
    let id = "01ARYZ6S41TSV4RRFFQ69G5FAV";
    assert!(matches!(id.parse(), Ok(HostRef::Either(..))));
    let digits = "01234567890123456789012345";
    assert!(matches!(digits.parse(), Ok(HostRef::Id(_))));
    assert!(matches!("nas.lan".parse(), Ok(HostRef::Name(_))));
    assert!("a b".parse::<HostRef>().is_err());
}

#[test]
fn every_command_says_what_it_does_and_shows_how() {
    for (words, command) in vocabulary::commands() {
        let about = command.get_about().map(ToString::to_string);
        assert!(about.is_some_and(|about| !about.is_empty()), "{words}");
        let examples = command.get_after_help().map(ToString::to_string);
        let examples = examples.unwrap_or_else(|| panic!("{words} has no examples"));
        let (_, examples) = examples
            .split_once("Example")
            .unwrap_or_else(|| panic!("{words} has no examples: {examples}"));
        assert!(
            examples.contains(&format!("{words} "))
                || examples.contains(&format!("{words}\n"))
                || examples.ends_with(&words),
            "{words}: {examples}"
        );
        for argument in command.get_arguments() {
            let help = argument.get_help().map(ToString::to_string);
            let id = argument.get_id();
            assert!(help.is_some_and(|help| !help.is_empty()), "{words}: {id}");
        }
    }
}

#[test]
fn examples_in_help_are_of_this_program() {
    for (words, command) in vocabulary::commands() {
        let help = command.clone().render_long_help().to_string();
        assert_eq!(vocabulary::problems_of_text(&help), [""; 0], "{words}");
    }
}

/// The lesson: documents of an earlier version named commands and flags that did not exist.
#[test]
fn lesson_docs_documents_name_only_commands_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut read = 0;
    let mut folders = vec![
        root.clone(),
        root.join("docs"),
        root.join("deploy"),
        root.join("examples"),
    ];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && folder != root {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path)
                && path.is_file()
            {
                let problems = vocabulary::problems_of_text(&text);
                assert_eq!(problems, [""; 0], "{}", path.display());
                read += usize::from(text.contains("router-hosts "));
            }
        }
    }
    assert!(read > 5, "{read} documents were read");
}

/// A flag that no test types may do nothing, and nobody would see it.
#[test]
fn every_flag_of_these_commands_is_typed_in_a_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/client");
    let typed = texts_below(&tests);
    for (words, command) in vocabulary::commands() {
        let second = words.split(' ').nth(1);
        if !matches!(
            second,
            Some("host" | "config" | "completion" | "bench" | "man" | "chaos" | "assert")
        ) {
            continue;
        }
        for flag in command.get_arguments().filter_map(|arg| arg.get_long()) {
            assert!(typed.contains(&format!("--{flag}")), "{words} --{flag}");
        }
    }
}

/// All files of a directory and of those in it, one behind the other.
fn texts_below(directory: &Path) -> String {
    let entries = std::fs::read_dir(directory).unwrap();
    let texts = entries.map(|entry| match entry.unwrap().path() {
        directory if directory.is_dir() => texts_below(&directory),
        file => std::fs::read_to_string(file).unwrap(),
    });
    texts.collect()
}

#[test]
fn help_lists_only_what_exists() {
    let help = Cli::command().render_long_help().to_string();
    for later in ["edit", "session", "watch", "doctor"] {
        assert!(!help.contains(&format!("  {later} ")), "{later}");
    }
}
