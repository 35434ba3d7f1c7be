//! What the README promises of `dev`.

use std::time::Duration;

use crate::support::{Ended, Slot, binary, output_within};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A whole `dev`, from the repository. No wait of its own is longer together.
fn dev(words: &[&str]) -> Ended {
    let _slot = Slot::take();
    let mut command = binary(["dev"]);
    command.args(words).current_dir(REPOSITORY);
    Ended::of(output_within(&mut command, Duration::from_secs(180)))
}

#[test]
fn the_home_network_is_imported_and_its_files_are_equal() {
    let ended = dev(&["--import", "examples/home.hosts", "--once"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.stdout.ends_with("\n\n3 equal files\n"), "{ended:?}");
    let hashes: Vec<_> = ended
        .stdout
        .split_whitespace()
        .filter(|word| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .collect();
    assert_eq!(hashes.len(), 3, "{ended:?}");
    assert!(hashes.iter().all(|hash| hash == &hashes[0]), "{ended:?}");
}

#[test]
fn the_example_loses_its_leader_and_ends_with_equal_files() {
    let ended = dev(&["--run", "sh", "examples/failover.sh"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    for step in [
        "== add nas.lan through",
        "== change nas.lan through",
        "== kill the leader,",
        "== add printer.lan:",
        "== compare the hosts files",
        "3 equal files, with everything that was acknowledged",
    ] {
        assert!(ended.stdout.contains(step), "{step}: {ended:?}");
    }
}

#[test]
fn the_example_of_chaos_ends_with_a_report_in_which_everything_holds() {
    let place = tempfile::tempdir().unwrap();
    let report = place.path().join("report.xml");
    let report = report.to_str().unwrap();
    let ended = dev(&["--chaos", "--run", "sh", "examples/chaos.sh", report]);
    assert_eq!(ended.status, 0, "{ended:?}");
    for step in [
        "== cut the leader off",
        "== kill a follower",
        "== heal everything",
        "== what has to be true now",
        "faults: passed",
    ] {
        assert!(ended.stdout.contains(step), "{step}: {ended:?}");
    }
    let xml = std::fs::read_to_string(report).unwrap();
    assert_eq!(xml.matches("<testcase ").count(), 4, "{xml}");
    assert!(
        !xml.contains("<failure") && !xml.contains("<error"),
        "{xml}"
    );
}

#[test]
fn a_command_that_fails_gives_dev_its_status() {
    let ended = dev(&["--nodes", "1", "--run", "sh", "-c", "exit 9"]);
    assert_eq!(ended.status, 9, "{ended:?}");
}
