//! Whether words that a text tells people to type are words of this program.
//!
//! For tests: of help, hints and documents.

use super::Cli;
use clap::{Arg, Command, CommandFactory as _};

/// The definition with everything that clap adds on its own, such as `--help`.
pub(crate) fn definition() -> Command {
    let mut definition = Cli::command();
    definition.build();
    definition
}

/// Every command with its words, the program itself first.
pub(crate) fn commands() -> Vec<(String, Command)> {
    fn collect(command: &Command, words: &str, into: &mut Vec<(String, Command)>) {
        into.push((words.to_owned(), command.clone()));
        for sub in command.get_subcommands() {
            collect(sub, &format!("{words} {}", sub.get_name()), into);
        }
    }
    let mut all = Vec::new();
    collect(&definition(), "router-hosts", &mut all);
    all
}

/// What is wrong with the commands in a text: inline as `` `router-hosts …` ``, or a line of their own that is
/// indented or between fences, as in help and in documents.
pub(crate) fn problems_of_text(text: &str) -> Vec<String> {
    let inline = text.split('`').skip(1).step_by(2);
    let mut fenced = false;
    let lines = text.lines().filter(|line| {
        fenced ^= line.starts_with("```");
        fenced || line.starts_with("  ") || line.starts_with("$ ")
    });
    let lines: Vec<&str> = lines.flat_map(|line| line.split(['|', ';', '&'])).collect();
    let alone = lines
        .into_iter()
        .map(|line| line.trim().trim_start_matches("$ "));
    inline
        .chain(alone)
        .filter_map(|line| line.strip_prefix("router-hosts "))
        .filter_map(problem)
        .collect()
}

/// What is wrong with a command line, without the program's name; nothing where it only speaks about the program.
fn problem(line: &str) -> Option<String> {
    let line = line.split(['#', '>']).next().unwrap_or(line);
    let mut here = definition();
    let mut value_next = false;
    for word in &words(line) {
        let word = word.trim_matches(['[', ']', '(', ')', ',']);
        if std::mem::take(&mut value_next) || word == "--" {
            continue;
        }
        if let Some(flag) = word.strip_prefix('-').filter(|flag| !flag.is_empty()) {
            let name = flag.split('=').next().unwrap_or(flag);
            let Some(found) = here.get_arguments().find(|arg| is_called(arg, name)) else {
                return Some(format!("`{line}`: no flag {word} of {}", here.get_name()));
            };
            // What follows `--run` is another program's line.
            if found.get_id() == "run" {
                return None;
            }
            let takes = found.get_num_args().is_some_and(|n| n.min_values() > 0);
            value_next = takes && !word.contains('=') && !stuck_together(word);
            continue;
        }
        let next = here.find_subcommand(word).cloned();
        match next {
            Some(next) => here = next,
            None if here.get_positionals().next().is_some() => {}
            None if is_placeholder(word) => return None,
            None => {
                return Some(format!(
                    "`{line}`: no command {word} of {}",
                    here.get_name()
                ));
            }
        }
    }
    None
}

/// The words of a shell's line; blanks between quotes are part of a word.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (String::new(), None);
    for c in line.chars() {
        match quote {
            Some(open) if open == c => quote = None,
            None if matches!(c, '\'' | '"') => quote = Some(c),
            None if c.is_whitespace() => words.push(std::mem::take(&mut word)),
            _ => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

fn is_called(arg: &Arg, name: &str) -> bool {
    match name.strip_prefix('-') {
        Some(long) => arg.get_long() == Some(long),
        None => arg.get_short() == name.chars().next(),
    }
}

/// `-fjson`
fn stuck_together(word: &str) -> bool {
    !word.starts_with("--") && word.len() > 2
}

fn is_placeholder(word: &str) -> bool {
    word.contains(['…', '►', '$', '\\']) || word.chars().all(|c| c.is_ascii_uppercase())
}

#[test]
fn what_does_not_exist_is_found() {
    for (text, found) in [
        ("see `router-hosts cluster status`", None),
        (
            "run\n  router-hosts -f json host list --limit 3 # three\n",
            None,
        ),
        (
            "  $ cat x | router-hosts host import - --wait=published",
            None,
        ),
        ("`router-hosts completion SHELL`", None),
        ("`router-hosts health`", Some("no command health")),
        ("`router-hosts host list --tags`", Some("no flag --tags")),
        (
            "```sh\nrouter-hosts host purge\n```\n",
            Some("no command purge"),
        ),
        ("$ x | router-hosts -Z host list", Some("no flag -Z")),
        ("router-hosts keeps records.", None),
    ] {
        let problems = problems_of_text(text);
        match found {
            None => assert_eq!(problems, [""; 0]),
            Some(found) => assert!(problems[0].contains(found), "{problems:?}"),
        }
    }
}
