//! A snapshot comes back whole, or not at all.

use std::path::PathBuf;

use raft_store::disk::Disk as _;
use raft_store::raft::RaftSnapshot;

use crate::driver::{Machine, Node};
use crate::history::History;

/// A node with a snapshot of `hosts` hosts.
fn with_snapshot(hosts: u32) -> (Machine, Node, History, RaftSnapshot) {
    let machine = Machine::default();
    let mut history = History::new();
    for number in 0..hosts {
        history.add(number);
    }
    let mut node = machine.open().unwrap();
    node.vote(1).unwrap();
    node.run(&history.entries).unwrap();
    let snapshot = node.snapshot().unwrap();
    (machine, node, history, snapshot)
}

fn files(machine: &Machine) -> Vec<String> {
    machine.disk.list(&Machine::room("snapshots")).unwrap()
}

fn path(machine: &Machine) -> PathBuf {
    let [name] = &files(machine)[..] else {
        panic!("{:?}", files(machine))
    };
    Machine::room("snapshots").join(name)
}

#[test]
fn a_snapshot_of_many_frames_installs_on_another_node() {
    let (_machine, _node, history, snapshot) = with_snapshot(2000);
    assert!(snapshot.snapshot.len() > 3 * 64 * 1024);
    let other = Machine::default();
    let mut node = other.open().unwrap();
    node.vote(1).unwrap();
    node.install(&snapshot).unwrap();
    assert_eq!(node.applied().digest(), history.model.digest());
    assert_eq!(node.applied().projection.as_ref(), &history.model);
    assert_eq!(node.applied().applied, Some(history.last()));

    // It is ahead of the log until the log is purged, and that is fine.
    node.close();
    other.crash(0);
    let mut node = other.open().unwrap();
    assert_eq!(node.applied().digest(), history.model.digest());
    node.purge(history.last()).unwrap();
    node.close();
    let node = other.open().unwrap();
    assert_eq!(node.applied().projection.as_ref(), &history.model);
}

#[test]
fn a_newer_snapshot_takes_the_place_of_the_older() {
    let (machine, mut node, mut history, first) = with_snapshot(3);
    history.add(10);
    node.run(&history.entries[4..]).unwrap();
    let second = node.snapshot().unwrap();
    assert_eq!(files(&machine).len(), 1);
    assert_eq!(second.meta.last_log_id, Some(history.last()));
    // Who was sending the first one can go on.
    assert!(!first.snapshot.read_at(0, 10).unwrap().is_empty());
    // Without new entries there is no new file.
    let third = node.snapshot().unwrap();
    assert_eq!(third.snapshot.path(), second.snapshot.path());
}

#[test]
fn damage_anywhere_is_noticed_and_never_installed() {
    let (_machine, _node, _history, snapshot) = with_snapshot(3);
    let whole = snapshot.snapshot.read_at(0, usize::MAX).unwrap().to_vec();
    let other = Machine::default();
    let node = other.open().unwrap();
    let offer = |bytes: &[u8]| {
        let mut incoming = node.store.snapshots.receive(bytes.len() as u64).unwrap();
        incoming.write(bytes).unwrap();
        incoming.finish()
    };
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x04;
        offer(&damaged).expect_err(&format!("byte {at}"));
    }
    for len in 0..whole.len() {
        offer(&whole[..len]).expect_err(&format!("length {len}"));
    }
    let longer = [&whole[..], &[0]].concat();
    offer(&longer).unwrap_err();
    assert!(files(&other).is_empty(), "refused files are removed");
    let file = offer(&whole).unwrap();
    assert_eq!(files(&other).len(), 1);
    drop(file);
    assert!(
        files(&other).is_empty(),
        "one that nobody installs is removed"
    );
}

#[test]
fn more_or_fewer_bytes_than_announced_are_refused() {
    let machine = Machine::default();
    let node = machine.open().unwrap();
    let mut incoming = node.store.snapshots.receive(4).unwrap();
    incoming.write(b"abc").unwrap();
    incoming.write(b"de").unwrap_err();
    let error = incoming.finish().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("3 bytes came, and 4 were announced"),
        "{error}"
    );
    node.store.snapshots.receive(u64::MAX).unwrap_err();
}

#[test]
fn a_snapshot_of_another_cluster_is_refused() {
    let (_machine, _node, _history, snapshot) = with_snapshot(1);
    let other = Machine::default();
    let identity = raft_store::Identity {
        cluster: 7,
        node: 1,
    };
    let options = raft_store::StoreOptions::default();
    let store = raft_store::Store::open(other.seams(), Machine::dir(), identity, options).unwrap();
    let mut node = Node { store };
    let error = node.install(&snapshot).unwrap_err();
    assert!(error.to_string().contains("of cluster"), "{error}");
    assert_eq!(node.applied().index(), None);
}

#[test]
fn a_damaged_snapshot_is_set_aside_when_the_state_reaches_further() {
    let (machine, node, history, _snapshot) = with_snapshot(5);
    node.close();
    let path = path(&machine);
    machine.disk.edit(&path, |bytes| bytes[100] ^= 1).unwrap();
    let mut node = machine.open().unwrap();
    assert_eq!(node.applied().digest(), history.model.digest());
    assert!(node.store.snapshots.newest().is_none());
    assert!(files(&machine)[0].ends_with(".bad"));
    // And a new one can be built.
    let again = node.snapshot().unwrap();
    assert_eq!(again.meta.last_log_id, Some(history.last()));
}

#[test]
fn unfinished_files_are_removed_at_the_next_start() {
    let (machine, node, _history, _snapshot) = with_snapshot(1);
    node.close();
    let stray = Machine::room("snapshots").join("incoming-9.tmp");
    machine.disk.create(&stray).unwrap();
    drop(machine.open().unwrap());
    assert_eq!(files(&machine).len(), 1);
}
