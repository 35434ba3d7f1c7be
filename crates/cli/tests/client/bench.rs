//! A load is put on, its acknowledged writes are checked, and it is taken off.

use crate::node::{Mood, nobody};
use crate::run::Place;
use std::fs;

#[test]
fn what_a_run_adds_is_found_by_verify_and_deleted_by_clean() {
    let place = Place::new();
    let node = place.node();
    let nodes = [node.address.as_str()];
    let add = ["host", "add", "--ip", "198.18.0.1", "--hostname"];
    place
        .run(&nodes, &[&add[..], &["bench.lan"]].concat())
        .json();

    let acked = place.path("acked");
    let acked = acked.to_str().unwrap();
    let load = [
        "bench",
        "--writers",
        "3",
        "--readers",
        "2",
        "--for",
        "3s",
        "--hosts",
        "5",
        "--acked",
        acked,
    ];
    let report = place.run(&nodes, &load).json();
    assert_eq!(report["ended"], "time");
    assert_eq!(report["errors"].as_array().unwrap().len(), 0, "{report}");
    let kinds = report["latency"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["add", "update", "get"]);

    let lines = fs::read_to_string(acked).unwrap();
    let writes = lines.lines().count();
    assert!((1..=8).contains(&writes), "{writes}");
    assert_eq!(node.hosts(), writes + 1);
    let verify = ["bench", "verify", "--acked", acked];
    let verified = place.run(&nodes, &verify).json();
    assert_eq!(verified["found"], writes);

    let gone = lines.lines().next().unwrap().split(' ').nth(1).unwrap();
    place.run(&nodes, &["host", "delete", gone]).json();
    let verified = place.run(&nodes, &verify);
    assert_eq!(verified.status, 1);
    assert!(verified.stdout.contains(gone) && verified.stdout.contains("missing"));

    let cleaned = place.run(&nodes, &["bench", "clean"]).json();
    assert_eq!(cleaned["deleted"], writes - 1);
    assert_eq!(node.hosts(), 1, "what no run has added stays");
}

#[test]
fn a_node_that_is_down_is_gone_around() {
    let place = Place::new();
    let (node, down) = (place.node(), nobody());
    let load = ["bench", "--writers", "2", "--for", "2s"];
    let report = place.run(&[&down, &node.address], &load).json();
    assert_eq!(report["latency"][0]["kind"], "add");
    assert_eq!(report["errors"][0]["reason"], "UNREACHABLE");
}

#[test]
fn a_run_that_cannot_begin_is_refused() {
    let place = Place::new();
    let node = place.node();
    let refused = |nodes: &[&str], arguments: &[&str], status, reason| {
        let arguments = [&["-f", "json", "bench"], arguments].concat();
        place.run(nodes, &arguments).refused(status, reason);
    };
    refused(
        &[&node.address],
        &["--via", "cellar"],
        2,
        "INVALID_ARGUMENT",
    );
    refused(&[&node.address], &["--via", "leader"], 5, "NO_NODE");
    refused(&[&node.address], &["--readers", "1"], 4, "NOTHING_TO_READ");
    refused(&[&nobody()], &["--writers", "1"], 5, "UNAVAILABLE");
    assert_eq!(node.hosts(), 0);
}

#[test]
fn what_nobody_acknowledged_is_not_noted_as_acknowledged() {
    let place = Place::new();
    let node = place.node();
    node.mood(Mood::Unsure);
    let acked = place.path("acked");
    let load = [
        "bench",
        "--writers",
        "1",
        "--for",
        "100ms",
        "--timeout",
        "200ms",
    ];
    let noted = ["-f", "json", "--acked", acked.to_str().unwrap()];
    place
        .run(&[&node.address], &[&load[..], &noted].concat())
        .refused(5, "NOTHING_ANSWERED");
    assert_eq!(fs::read_to_string(acked).unwrap(), "");
    assert_eq!(node.hosts(), 1, "every attempt has the same request id");
}

#[test]
fn a_run_that_every_node_refuses_ends_as_the_refusal() {
    let place = Place::new();
    let node = place.node();
    node.mood(Mood::Forbids);
    let load = ["bench", "--writers", "2", "--for", "100ms", "-f", "json"];
    let ended = place.run(&[&node.address], &load);
    ended.refused(6, "PERMISSION_DENIED");
    assert!(ended.stderr.contains("viewer:alice"), "{}", ended.stderr);
    assert!(ended.error()["hint"].as_str().unwrap().contains("editor"));
}

#[test]
fn global_flags_stand_anywhere_and_flags_of_a_load_only_where_there_is_one() {
    let place = Place::new();
    let node = place.node();
    let nodes = [node.address.as_str()];
    for line in [
        "-f json bench clean",
        "bench -f json clean",
        "bench clean -f json",
        "bench --timeout 5s clean -f json",
        "bench -f json generate --lines 3",
        "bench disk --for 10ms --bytes 10 -f json",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let ended = place.run(&nodes, &words);
        assert_eq!(ended.status, 0, "{line}: {}", ended.stderr);
    }
    for line in [
        "bench --writers 3 clean -f json",
        "bench clean --writers 3 -f json",
        "bench --for 3s verify --acked acked -f json",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        place.run(&nodes, &words).refused(2, "INVALID_ARGUMENT");
    }
}
