//! The next node when one does not answer, one request id for one change, and
//! an outcome that nobody knows.

use crate::node::{Mood, nobody};
use crate::pki::{Authority, When};
use crate::run::Place;
use std::io::Read as _;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tonic::Code;

const ADD: [&str; 8] = [
    "host",
    "add",
    "--ip",
    "10.0.0.7",
    "--hostname",
    "nas.lan",
    "-f",
    "json",
];

fn with<'a>(arguments: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [arguments, more].concat()
}

#[test]
fn the_next_node_is_asked_when_one_refuses_the_connection() {
    let place = Place::new();
    let node = place.node();
    let added = place.run(&[&nobody(), &node.address], &ADD).json();
    assert_eq!(added["hostname"], "nas.lan");
    assert_eq!(added["revision"], 1);
    assert_eq!(node.calls().len(), 1);
}

#[test]
fn the_next_node_is_asked_when_one_has_no_quorum() {
    let place = Place::new();
    let (first, second) = (place.node(), place.node());
    first.mood(Mood::NoQuorum);
    let ended = place.run(&[&first.address, &second.address], &ADD);
    ended.json();
    assert_eq!((first.hosts(), second.hosts()), (0, 1));
    assert_eq!(first.calls()[0].1, second.calls()[0].1, "one request id");
}

#[test]
fn the_next_node_is_asked_when_one_is_not_trusted() {
    let place = Place::new();
    let stranger = Authority::new().node(&["127.0.0.1"], When::Now);
    let stranger = crate::node::Node::start(&stranger, &place.authority.pem);
    let node = place.node();
    place.run(&[&stranger.address, &node.address], &ADD).json();
}

#[test]
fn nobody_and_no_quorum_are_unavailable() {
    let place = Place::new();
    let ended = place.run(&[&nobody(), &nobody()], &ADD);
    ended.refused(5, "UNAVAILABLE");
    assert!(ended.stderr.contains("refused"), "{}", ended.stderr);

    let node = place.node();
    node.mood(Mood::NoQuorum);
    let ended = place.run(&[&node.address, &nobody()], &ADD);
    ended.refused(5, "NO_QUORUM");
    assert_eq!(
        node.calls().len(),
        1,
        "it was not made, so it is not repeated"
    );
}

#[test]
fn a_refusal_is_final() {
    let place = Place::new();
    let (first, second) = (place.node(), place.node());
    first.mood(Mood::Forbids);
    place
        .run(&[&first.address, &second.address], &ADD)
        .refused(6, "PERMISSION_DENIED");
    assert!(second.calls().is_empty());
}

#[test]
fn a_change_whose_node_dies_is_found_done_on_the_next() {
    let place = Place::new();
    let (first, second) = (place.node(), place.node());
    let seed = with(&ADD, &["--request-id", "r-1"]);
    // What the first has made, the second knows: it is one cluster.
    place.run(&[&second.address], &seed).json();
    first.share(&second);
    first.mood(Mood::Dies);
    let added = place.run(&[&first.address, &second.address], &seed).json();
    assert_eq!(added["revision"], 1, "the first answer, again");
    assert_eq!(second.hosts(), 1);
    assert_eq!(first.calls()[0].1.as_deref(), Some("r-1"));
}

#[test]
fn an_unknown_outcome_names_the_request_id_and_exits_with_7() {
    let place = Place::new();
    let node = place.node();
    node.mood(Mood::Unsure);
    let ended = place.run(&[&node.address], &ADD);
    ended.refused(7, "OUTCOME_UNKNOWN");
    let calls = node.calls();
    assert_eq!(calls.len(), 2, "asked once more, which may have told");
    let id = calls[0].1.clone().unwrap();
    assert_eq!(calls[1].1.as_ref(), Some(&id));
    let first = (None, Some(0));
    assert_eq!((node.sinces()[0], node.sinces()[1]), first, "it was new");
    let hint = ended.error()["hint"].as_str().unwrap().to_owned();
    let both = ["--request-id", &id, "--request-since", "0"];
    assert!(hint.contains(&both.join(" ")), "{hint}");

    // What the hint says works: it was done, and is done once.
    node.mood(Mood::Well);
    let again = place.run(&[&node.address], &with(&ADD, &both));
    assert_eq!(again.json()["revision"], 1);
    assert_eq!(node.hosts(), 1);
}

#[test]
fn a_node_that_dies_with_a_change_leaves_its_outcome_unknown() {
    let place = Place::new();
    let node = place.node();
    node.mood(Mood::Dies);
    let ended = place.run(&[&node.address], &with(&ADD, &["--request-id", "r-1"]));
    ended.refused(7, "OUTCOME_UNKNOWN");
    assert!(ended.stderr.contains("--request-id r-1"));
}

#[test]
fn a_change_that_may_be_made_is_not_refused_by_what_another_node_says_of_itself() {
    for (code, reason) in [
        (Code::Unimplemented, None),
        (Code::Internal, Some("INTERNAL")),
        (Code::InvalidArgument, Some("TRUNCATED")),
        (Code::PermissionDenied, Some("PERMISSION_DENIED")),
    ] {
        let place = Place::new();
        let (first, second) = (place.node(), place.node());
        first.mood(Mood::Dies);
        second.mood(Mood::Refuses(code, reason));
        let ended = place.run(&[&first.address, &second.address], &ADD);
        ended.refused(7, "OUTCOME_UNKNOWN");
        let hint = ended.error()["hint"].as_str().unwrap().to_owned();
        assert!(hint.contains("--request-since 0"), "{hint}");

        // A node that can tell still has its turn.
        let (first, third) = (place.node(), place.node());
        first.mood(Mood::Dies);
        let nodes = [&*first.address, &second.address, &third.address];
        assert_eq!(place.run(&nodes, &ADD).json()["revision"], 1, "{code:?}");
    }
}

#[test]
fn what_the_records_refuse_was_not_made_before_either() {
    let place = Place::new();
    let (first, second) = (place.node(), place.node());
    place.run(&[&second.address], &ADD).json();
    first.mood(Mood::Dies);
    place
        .run(&[&first.address, &second.address], &ADD)
        .refused(3, "DUPLICATE");
}

#[test]
fn a_repeat_that_no_node_remembers_is_not_made_and_exits_with_7() {
    let place = Place::new();
    let node = place.node();
    let add = with(&ADD, &["--request-id", "r-1"]);
    place.run(&[&node.address], &add).json();
    node.is_changed(hosts::limits::REQUESTS_MAX);
    let before = node.hosts();
    let old = with(&add, &["--request-since", "0"]);
    let ended = place.run(&[&node.address], &old);
    ended.refused(7, "OUTCOME_UNKNOWN");
    assert!(
        ended.stderr.contains("oldest of the 16384"),
        "{}",
        ended.stderr
    );
    assert_eq!(node.hosts(), before);

    // What may have been sent since the oldest of them is known for sure.
    let other = ["host", "add", "--ip", "10.0.0.8", "--hostname", "tv.lan"];
    let recent = ["--request-id", "r-2", "--request-since", "1000"];
    place.run(&[&node.address], &with(&other, &recent)).json();
    assert_eq!(node.hosts(), before + 1);
    let alone = place.run(&[&node.address], &with(&ADD, &["--request-since", "0"]));
    alone.refused(2, "INVALID_ARGUMENT");
}

#[test]
fn silence_is_an_unknown_outcome_for_a_change_and_unavailable_for_a_read() {
    let place = Place::new();
    let node = place.node();
    node.mood(Mood::Silent);
    let brief = ["--timeout", "300ms"];
    let ended = place.run(&[&node.address], &with(&ADD, &brief));
    ended.refused(7, "OUTCOME_UNKNOWN");
    let read = ["host", "list", "-f", "json", "--timeout", "300ms"];
    place.run(&[&node.address], &read).refused(5, "UNAVAILABLE");
}

/// Runs a command against a node that is silent, and ends it when it waits.
fn interrupted(arguments: &[&str], signal: &str) -> crate::run::Ended {
    let place = Place::new();
    let node = place.node();
    node.mood(Mood::Silent);
    let config = place.configure(std::slice::from_ref(&node.address));
    let child = crate::run::start(&config, arguments);
    node.until_called();
    crate::run::signal(&child, signal);
    crate::run::end(child)
}

#[test]
fn a_change_that_is_interrupted_tells_how_to_find_out() {
    for signal in ["-INT", "-TERM"] {
        let ended = interrupted(&with(&ADD, &["--request-id", "r-1"]), signal);
        ended.refused(7, "OUTCOME_UNKNOWN");
        let hint = "--request-id r-1";
        assert!(ended.stderr.contains(hint), "{signal}: {}", ended.stderr);
    }
}

#[test]
fn a_read_that_is_interrupted_says_so() {
    for signal in ["-INT", "-TERM"] {
        let ended = interrupted(&["host", "list", "-f", "json"], signal);
        ended.refused(130, "INTERRUPTED");
        let said = ended.error()["message"].as_str().unwrap().to_owned();
        assert!(said.starts_with("interrupted: list hosts"), "{said}");
    }
}

#[test]
fn nothing_holds_up_the_end_of_a_command_that_waits_for_no_node() {
    let place = Place::new();
    let node = place.node();
    node.is_changed(2_000);
    let config = place.configure(std::slice::from_ref(&node.address));
    let mut child = crate::run::start(&config, &["host", "list", "-f", "json"]);
    // More than a pipe takes, and nobody reads more than the beginning.
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0]).unwrap();
    crate::run::signal(&child, "-TERM");
    let (ended, ending) = mpsc::channel();
    thread::spawn(move || ended.send(child.wait().unwrap().code()));
    let status = ending.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(status, Some(130));
}

#[test]
fn a_repeated_rename_or_delete_by_name_gets_the_first_answer() {
    let place = Place::new();
    let node = place.node();
    let id = place.run(&[&node.address], &ADD).json()["id"].clone();
    let run = |arguments: &[&str], request: &str| {
        let request = ["-f", "json", "--request-id", request];
        place.run(&[&node.address], &with(arguments, &request))
    };
    let rename = ["host", "update", "nas.lan", "--hostname", "tv.lan"];
    let first = run(&rename, "rename").json();
    assert_eq!(first["hostname"], "tv.lan");
    assert_eq!(run(&rename, "rename").json(), first);
    // Even when another host has that name by then.
    let other = ["host", "add", "--ip", "10.0.0.8", "--hostname", "nas.lan"];
    run(&other, "other").json();
    assert_eq!(run(&rename, "rename").json(), first);
    let reused = ["host", "update", "tv.lan", "--hostname", "tv.lan"];
    run(&reused, "rename").refused(2, "REQUEST_REUSED");

    let delete = ["host", "delete", "tv.lan"];
    let first = run(&delete, "gone").json();
    assert_eq!((&first["id"], &first["deleted"]), (&id, &true.into()));
    assert_eq!(run(&delete, "gone").json(), first);
    let missing_ok = with(&delete, &["--missing-ok"]);
    assert_eq!(run(&missing_ok, "gone").json(), first);
    run(&["host", "delete", "tv.lan"], "anew").refused(4, "NOT_FOUND");
}

#[test]
fn a_repeated_delete_by_id_gets_the_first_answer() {
    let place = Place::new();
    let node = place.node();
    let id = place.run(&[&node.address], &ADD).json()["id"].clone();
    let request = ["-f", "json", "--request-id", "gone"];
    let delete = with(&["host", "delete", id.as_str().unwrap()], &request);
    let first = place.run(&[&node.address], &delete).json();
    assert_eq!(first["deleted"], true);
    assert_eq!(place.run(&[&node.address], &delete).json(), first);
}

#[test]
fn an_unknown_outcome_by_name_is_found_out_by_name() {
    let place = Place::new();
    let node = place.node();
    place.run(&[&node.address], &ADD).json();
    let delete = ["host", "delete", "nas.lan", "-f", "json"];
    node.mood(Mood::Unsure);
    let ended = place.run(&[&node.address], &with(&delete, &["--request-id", "r-1"]));
    ended.refused(7, "OUTCOME_UNKNOWN");
    node.mood(Mood::Well);
    let again = with(&delete, &["--request-id", "r-1", "--request-since", "0"]);
    assert_eq!(place.run(&[&node.address], &again).json()["deleted"], true);
    assert_eq!(node.hosts(), 0);
}

#[test]
fn verbose_names_what_is_tried() {
    let place = Place::new();
    let node = place.node();
    let down = nobody();
    let ended = place.run(&[&down, &node.address], &with(&ADD, &["-v"]));
    assert_eq!(ended.status, 0);
    assert!(ended.stderr.contains(&down), "{}", ended.stderr);
}
