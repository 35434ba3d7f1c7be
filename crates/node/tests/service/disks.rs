//! The table of failing disks: which call fails, and what the node says. It
//! acknowledges nothing more, ends, and has all that it acknowledged when it
//! is started again on a disk that works.

use crate::support::{Cluster, add, listed};
use futures::future::join_all;
use node::{Seams, api::status::chain};
use raft_store::{
    disk::{
        Work,
        memory::{
            MemoryDisk,
            Operation::{self, Append, Create, Rename, Sync, SyncDir},
            Trouble::{self, Io, NoSpace, Short},
        },
    },
    state::MemoryStates,
};
use std::{collections::BTreeSet, sync::Arc};

#[derive(Clone, Copy, Debug)]
struct Row {
    /// What fails, counted from when the node serves.
    fails: (Operation, u64, Trouble),
    /// What the node's last line has.
    says: &'static [&'static str],
}

const fn row(
    operation: Operation,
    nth: u64,
    trouble: Trouble,
    says: &'static [&'static str],
) -> Row {
    Row {
        fails: (operation, nth, trouble),
        says,
    }
}

const WRITE: &[&str] = &["ended early", "cannot write", ".wal at offset"];
const FLUSH: &[&str] = &["ended early", "cannot flush", ".wal at offset"];
const SNAPSHOT: &[&str] = &["ended early", "the snapshot", "os error"];

const TABLE: [Row; 18] = [
    row(Append, 0, Io, WRITE),
    row(Append, 0, NoSpace, WRITE),
    row(Append, 0, Short, WRITE),
    row(Append, 1, Io, WRITE),
    row(Append, 1, NoSpace, WRITE),
    row(Append, 1, Short, WRITE),
    row(Append, 6, Io, WRITE),
    row(Append, 7, Short, WRITE),
    row(Sync, 0, Io, FLUSH),
    row(Sync, 0, NoSpace, FLUSH),
    row(Sync, 1, Io, FLUSH),
    row(Sync, 7, NoSpace, FLUSH),
    row(Create, 0, Io, SNAPSHOT),
    row(Create, 0, NoSpace, SNAPSHOT),
    row(Rename, 0, Io, SNAPSHOT),
    row(Rename, 0, NoSpace, SNAPSHOT),
    row(SyncDir, 0, Io, SNAPSHOT),
    row(SyncDir, 0, NoSpace, SNAPSHOT),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_disk_fails_acknowledges_nothing_more_and_says_so() {
    // Side by side: each waits for elections most of the time.
    join_all(TABLE.map(async |row| {
        let Row {
            fails: (operation, nth, trouble),
            says,
        } = row;
        let words = disk_fails(|machine| machine.disk.fail(operation, nth, trouble)).await;
        let cause = match trouble {
            Io => "os error 5",
            NoSpace | Short => "os error 28",
        };
        for word in says.iter().chain(&[cause]) {
            assert!(words.contains(word), "{row:?}: no {word:?} in {words}");
        }
        let steps = words.matches("until the node is started again").count();
        assert!(steps <= 1, "{row:?}: {words}");
        assert!(!words.contains("anew"), "{row:?}: {words}");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_state_cannot_be_stored_says_so() {
    let words = disk_fails(|machine| machine.states.fail("the disk is gone")).await;
    for word in ["the part `state` ended", "the state", "the disk is gone"] {
        assert!(words.contains(word), "no {word:?} in {words}");
    }
}

/// What a node works on.
#[derive(Default)]
struct Machine {
    disk: MemoryDisk,
    states: MemoryStates,
}

impl Machine {
    fn seams(&self, cluster: &Cluster) -> Seams {
        Seams {
            store: raft_store::Seams {
                disk: Arc::new(self.disk.clone()),
                states: Arc::new(self.states.clone()),
                work: Work::Threads,
            },
            ..cluster.seams(1)
        }
    }
}

/// Writes hosts to a node until its disk fails as planned; starts it again.
/// What it ended with.
async fn disk_fails(plan: impl FnOnce(&Machine)) -> String {
    let machine = Machine::default();
    let mut cluster = Cluster::planned(1);
    cluster.start_on(1, machine.seams(&cluster));
    cluster.until_ready(1).await;
    let mut client = cluster.editor(1);
    let mut acknowledged = BTreeSet::new();
    let mut number = 0;
    plan(&machine);
    let refused = loop {
        // A snapshot comes with a hundred entries.
        assert!(number < 400, "the disk never failed");
        let name = format!("h{number}.lan");
        match client.add_host(add("10.0.0.7", &name)).await {
            Ok(_) => acknowledged.insert(name),
            Err(status) => break status,
        };
        number += 1;
    };
    let words = chain(&cluster.ended(1).await.expect_err("its disk has failed"));
    assert!(!words.is_empty(), "{refused:?}");

    // The same files, and a disk that works: what was cached is on it or gone.
    machine.disk.crash(number);
    let mended = Machine {
        disk: machine.disk,
        states: MemoryStates::new(),
    };
    cluster.start_on(1, mended.seams(&cluster));
    cluster.until_ready(1).await;
    let there = listed(&mut cluster.editor(1)).await;
    let there: BTreeSet<_> = there.into_iter().map(|host| host.hostname).collect();
    assert!(
        there.is_superset(&acknowledged),
        "{acknowledged:?} were acknowledged, and there are {there:?}"
    );
    // At most the one of unknown outcome is there besides.
    assert!(there.len() <= acknowledged.len() + 1, "{there:?}");
    cluster.end().await;
    words
}
