//! A snapshot from a peer that arrives while one is built here.

use std::sync::{Arc, mpsc};
use std::thread;

use futures::executor::block_on;
use openraft::RaftSnapshotBuilder as _;
use openraft::storage::RaftStateMachine as _;
use raft_store::Seams;
use raft_store::disk::{Disk as _, Work};
use raft_store::state::MemoryStates;

use crate::driver::{Machine, open};
use crate::history::History;
use crate::interrupted::{Call, Interrupted};

#[test]
fn a_snapshot_that_is_built_does_not_replace_a_newer_one_that_arrives_meanwhile() {
    let mut history = History::new();
    for number in 0..9 {
        history.add(number);
    }
    let leader = Machine::default();
    let mut node = leader.open().unwrap();
    node.vote(1).unwrap();
    node.run(&history.entries).unwrap();
    let newer = node.snapshot().unwrap();

    let disk = Interrupted::default();
    let seams = Seams {
        disk: Arc::new(disk.clone()),
        states: Arc::new(MemoryStates::new()),
        work: Work::Inline,
    };
    let mut behind = open(seams.clone(), Machine::dir()).unwrap();
    behind.vote(1).unwrap();
    behind.run(&history.entries[..4]).unwrap();
    let builder = block_on(behind.store.machine.try_create_snapshot_builder(true));
    let (installed, arrived) = mpsc::channel();
    let arriving = newer.clone();
    disk.before(Call::Create, move || {
        // On a thread of its own, as in a node.
        let installing = thread::spawn(move || {
            behind.install(&arriving).unwrap();
            installed.send(behind).unwrap();
        });
        installing.join().unwrap();
    });
    let given = block_on(builder.unwrap().build_snapshot()).unwrap();
    let mut behind = arrived.try_recv().expect("it arrived meanwhile");
    assert_eq!(given.meta, newer.meta);
    let (counting, _) = behind.store.snapshots.newest().unwrap();
    assert_eq!(counting, newer.meta);
    let files = disk.list(&Machine::room("snapshots")).unwrap();
    assert!(
        matches!(&files[..], [one] if one.ends_with(".received")),
        "{files:?}"
    );

    // Purged behind it, the node is whole at its next start.
    behind.purge(history.last()).unwrap();
    behind.close();
    disk.disk.crash(0);
    let behind = open(seams, Machine::dir()).unwrap();
    assert_eq!(behind.applied().digest(), history.model.digest());
}
