use super::host::{Host, HostRef, Wait};
use super::*;
use clap::CommandFactory as _;
use clap::error::ErrorKind;

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
fn help_lists_only_what_exists() {
    let help = Cli::command().render_long_help().to_string();
    for later in ["edit", "session", "snapshot", "watch", "doctor"] {
        assert!(!help.contains(&format!("  {later} ")), "{later}");
    }
}
