//! The parts of the story that need no running node.

use super::*;
#[test]
fn the_status_of_a_command_is_as_in_a_shell() {
    assert_eq!(status_of(ExitStatus::from_raw(0)), 0);
    assert_eq!(status_of(ExitStatus::from_raw(7 << 8)), 7);
    assert_eq!(status_of(ExitStatus::from_raw(9)), 137);
}

#[test]
fn our_program_is_found_first() {
    let path = path_with_us(Path::new("/opt/router hosts/bin/router-hosts")).unwrap();
    let first = env::split_paths(&path).next();
    assert_eq!(first, Some(PathBuf::from("/opt/router hosts/bin")));
}

#[test]
fn what_cannot_be_read_is_not_imported() {
    readable(Some(Path::new("/"))).unwrap_err();
    let failure = readable(Some(Path::new("/nowhere/home.hosts"))).unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(!is_of_interest(&Err(failure)));
    assert_eq!(readable(Some(Path::new("-"))), Ok(()));
    assert_eq!(readable(None), Ok(()));
}

#[test]
fn the_logs_of_a_failure_are_of_interest() {
    assert!(!is_of_interest(&Ok(0)));
    assert!(is_of_interest(&Ok(1)));
    assert!(!is_of_interest(&Ok(Told::Interrupt.status())));
    assert!(is_of_interest(&Err(Failure::of(reasons::NODE, "it ended"))));
}

#[test]
fn the_example_is_a_hosts_file_without_a_fault() {
    let parsed =
        hosts::format::hosts_file::parse(include_bytes!("../../../../examples/home.hosts"));
    let parsed = parsed.unwrap();
    assert_eq!(parsed.warnings_total, 0, "{:?}", parsed.warnings);
    assert!(parsed.rows.len() > 30);
}
