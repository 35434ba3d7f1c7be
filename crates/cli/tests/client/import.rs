//! A file is imported whole, under one request id, or not sent at all.

use crate::node::{Mood, nobody};
use crate::run::Place;

fn file(hosts: usize) -> String {
    (0..hosts)
        .map(|n| format!("10.{}.{}.{} n{n}.lan\n", n >> 16, (n >> 8) & 255, n & 255))
        .collect()
}

#[test]
fn a_file_larger_than_a_chunk_is_one_change() {
    let place = Place::new();
    let node = place.node();
    let text = file(20_000);
    assert!(text.len() > 4 * 64 * 1024);
    let path = place.write("hosts", &text);
    let path = path.to_str().unwrap();
    let summary = place
        .run(&[&node.address], &["host", "import", path])
        .json();
    assert_eq!(summary["processed"], 20_000);
    assert_eq!(summary["created"], 20_000);
    assert_eq!(summary["revision"], 1);
    assert_eq!(node.calls().len(), 1);

    let again = place
        .run(&[&node.address], &["host", "import", path])
        .json();
    assert_eq!(again["skipped"], 20_000);
    let strict = ["host", "import", path, "--conflict", "strict", "-f", "json"];
    place
        .run(&[&node.address], &strict)
        .refused(3, "IMPORT_CONFLICTS");
}

#[test]
fn standard_input_is_a_file_too() {
    let place = Place::new();
    let node = place.node();
    let import = ["host", "import", "-", "--conflict", "replace"];
    let first = b"10.0.0.7 nas.lan\n10.0.0.8 tv.lan # old\n";
    place.run_with(&[&node.address], &import, first).json();
    let second = b"10.0.0.8 tv.lan # new\n";
    let summary = place.run_with(&[&node.address], &import, second).json();
    assert_eq!(summary["updated"], 1);
    let nothing = place.run_with(&[&node.address], &import, b"").json();
    assert_eq!(nothing["processed"], 0);
}

#[test]
fn a_file_with_bad_lines_is_not_sent_and_all_of_them_are_named() {
    let place = Place::new();
    let node = place.node();
    let mut text = String::from("10.0.0.7 nas.lan\n10.0.0.300 tv.lan\n");
    text.push_str(&"10.0.0.8\n".repeat(120));
    let import = ["host", "import", "-"];
    let ended = place.run_with(&[&node.address], &import, text.as_bytes());
    assert_eq!(ended.status, 2);
    assert!(
        ended.stderr.contains("121 lines cannot be read"),
        "{}",
        ended.stderr
    );
    assert!(
        ended
            .stderr
            .contains("\n2     `10.0.0.300` is not an IP address\n"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("and 21 more"), "{}", ended.stderr);
    assert!(node.calls().is_empty());
    let ended = place.run_with(
        &[&node.address],
        &["host", "import", "-", "-f", "json"],
        b"x",
    );
    ended.refused(2, "INVALID_FILE");
}

#[test]
fn warnings_do_not_stop_it() {
    let place = Place::new();
    let node = place.node();
    let ended = place.run_with(
        &[&node.address],
        &["host", "import", "-"],
        b"10.0.0.7 my_nas.lan\n",
    );
    assert_eq!(ended.json()["created"], 1);
    assert!(ended.stderr.contains("my_nas.lan"), "{}", ended.stderr);
}

#[test]
fn an_import_goes_to_the_next_node_under_the_same_id() {
    let place = Place::new();
    let (first, second) = (place.node(), place.node());
    first.mood(Mood::Dies);
    let text = file(10_000);
    let ended = place.run_with(
        &[&nobody(), &first.address, &second.address],
        &["host", "import", "-"],
        text.as_bytes(),
    );
    assert_eq!(ended.json()["created"], 10_000);
    assert_eq!(first.calls()[0], second.calls()[0]);
    assert_eq!(
        ended.json()["request_id"],
        *second.calls()[0].1.as_ref().unwrap()
    );
}

#[test]
fn a_file_that_is_not_there_is_refused() {
    let place = Place::new();
    let node = place.node();
    let import = ["host", "import", "/nonexistent", "-f", "json"];
    place
        .run(&[&node.address], &import)
        .refused(2, "INVALID_ARGUMENT");
}
