//! Many records at once, with a node lost in the middle.
//!
//! `CLUSTER_LINES` says how many; a run of all tests takes few, so that it stays short.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::{Cluster, Writers, until};

#[test]
fn an_import_whose_leader_is_killed_is_whole_or_absent_and_taken_once() {
    let lines = lines();
    let cluster = Cluster::of(3);
    let file = generated(&cluster, lines);
    let first = cluster.via_any().add("first.lan", "192.168.0.1");
    cluster.until_all_at(first);
    let leader = cluster.leader();
    let followers = cluster.others(&leader);
    let import = [
        "host",
        "import",
        &file,
        "--request-id",
        "the-import",
        "--timeout",
        "60s",
    ];

    let over = AtomicBool::new(false);
    let (ended, seen) = thread::scope(|scope| {
        let sent = cluster.via_all(&followers);
        let sending = scope.spawn(move || sent.run(&import));
        // Whoever looks sees all of it or nothing of it.
        let looking = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                if let Ok(status) = cluster.via_all(&followers).status() {
                    seen.extend(status.nodes.iter().filter(|n| n.reachable).map(|n| n.hosts));
                }
            }
            seen
        });
        // Its first part is in the leader's log: it may be on its way to the others, or not.
        until("the import has begun", || {
            match cluster.via(&leader).status() {
                Ok(status) if status.node(&leader).last_log_index > first => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        cluster.kill([&leader]);
        let ended = sending.join().unwrap();
        over.store(true, Ordering::Relaxed);
        (ended, looking.join().unwrap())
    });
    assert!(
        [0, 5, 7].contains(&ended.status),
        "whole, absent or unknown: {ended:?}"
    );
    let all = u64::from(lines) + 1;
    assert!(seen.is_subset(&BTreeSet::from([1, all])), "{seen:?}");

    let hand = cluster.via_all(&followers);
    let again = until("the import is taken", || {
        let again = hand.run(&import);
        match again.status {
            0 => Ok(again),
            5 | 7 => Err(format!("{again:?}")),
            _ => panic!("{again:?}"),
        }
    });
    assert_eq!(again.json()["created"], lines);
    let revision = again.json()["revision"].as_u64().unwrap();
    if ended.status == 0 {
        assert_eq!(ended.json()["revision"], revision, "taken twice");
    }
    cluster.restart([&leader]);
    let status = cluster.until_all_at(revision);
    for node in &status.nodes {
        assert_eq!(
            (node.revision, node.hosts),
            (revision, all),
            "{}",
            node.name
        );
    }
    let text = cluster.assert_same_file_everywhere();
    assert_eq!(text.lines().count() as u64, all + 1, "and a header");
}

#[test]
fn a_node_far_behind_is_sent_a_large_snapshot_while_others_write() {
    let lines = lines();
    let mut cluster = Cluster::with(3, "\n[raft]\nsnapshot_after = 100\n");
    let followers = cluster.others(&cluster.leader());
    let behind = cluster.any_of(&followers);
    let present = cluster.others(&behind);
    let last = cluster.status().node(&behind).last_log_index;
    cluster.kill([&behind]);
    let file = generated(&cluster, lines);
    let imported = cluster
        .via_all(&present)
        .run(&["host", "import", &file, "--timeout", "60s"]);
    assert_eq!(imported.json()["created"], lines);
    let writers = Writers::start(1, vec![cluster.via_all(&present); 4]);
    writers.until_more(230);
    cluster.until_purged_beyond(last);
    cluster.restart([&behind]);
    writers.until_more(20);
    let written = writers.stop();
    cluster.assert_true_everywhere(&written);
    assert!(cluster.log(&behind).contains("snapshot received"));
}

fn lines() -> u32 {
    match std::env::var("CLUSTER_LINES") {
        Ok(lines) => lines.parse().unwrap(),
        Err(_) => 20_000,
    }
}

/// A hosts file of so many lines, each a name of its own.
fn generated(cluster: &Cluster, lines: u32) -> String {
    let mut text = String::new();
    for line in 0..lines {
        let [_, high, middle, low] = line.to_be_bytes();
        writeln!(text, "11.{high}.{middle}.{low} h{line}.example.lan").unwrap();
    }
    let path = cluster.scratch("large.hosts");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
