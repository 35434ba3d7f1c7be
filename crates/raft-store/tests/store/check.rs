//! Log, snapshot and state have to tell one story.

use raft_store::disk::Disk as _;
use raft_store::{Contradiction, OpenError};

use crate::driver::Machine;
use crate::history::History;

/// A closed node with ten entries, all of them applied.
fn closed(snapshot: bool) -> (Machine, History) {
    let machine = Machine::default();
    let mut history = History::new();
    for number in 0..10 {
        history.add(number);
    }
    let mut node = machine.open().unwrap();
    node.vote(1).unwrap();
    node.run(&history.entries).unwrap();
    if snapshot {
        let built = node.snapshot().unwrap();
        node.purge(built.meta.last_log_id.unwrap()).unwrap();
    }
    node.close();
    (machine, history)
}

fn contradiction(machine: &Machine) -> Contradiction {
    match machine.open() {
        Err(OpenError::Contradiction { cause, .. }) => cause,
        Err(other) => panic!("another error: {other:?}"),
        Ok(_) => panic!("it opened"),
    }
}

#[test]
fn a_log_that_is_gone_is_not_begun_anew() {
    let (machine, _) = closed(false);
    let wal = Machine::room("wal");
    for name in machine.disk.list(&wal).unwrap() {
        machine.disk.remove(&wal.join(name)).unwrap();
    }
    assert!(matches!(machine.open(), Err(OpenError::Log(_))));
}

#[test]
fn an_older_log_than_the_state_is_refused_with_both_numbers() {
    let (machine, history) = closed(false);
    // The log of the same node, as it was after three entries.
    let older = Machine::default();
    let mut node = older.open().unwrap();
    node.vote(1).unwrap();
    node.run(&history.entries[..3]).unwrap();
    node.close();
    replace_log(&machine, &older);

    let refused = contradiction(&machine);
    assert!(
        matches!(refused, Contradiction::LogBehind { what: "state", .. }),
        "{refused:?}"
    );
    let text = refused.to_string();
    assert!(
        text.contains("entry 10 of term 1") && text.contains("entry 2 of term 1"),
        "{text}"
    );
    assert!(
        text.contains("begin the whole cluster anew"),
        "it says what to do: {text}"
    );
}

#[test]
fn a_log_of_another_history_is_refused() {
    let (machine, _) = closed(false);
    let mut other_history = History::new();
    other_history.term = 3;
    while other_history.next() < 12 {
        other_history.blank();
    }
    let other = Machine::default();
    let mut node = other.open().unwrap();
    node.vote(3).unwrap();
    node.append(&other_history.entries).unwrap();
    node.close();
    replace_log(&machine, &other);

    let refused = contradiction(&machine);
    assert!(
        matches!(refused, Contradiction::OtherEntry { .. }),
        "{refused:?}"
    );
}

#[test]
fn a_log_that_begins_after_everything_else_ends_is_refused() {
    let (machine, _) = closed(true);
    let snapshots = Machine::room("snapshots");
    for name in machine.disk.list(&snapshots).unwrap() {
        machine.disk.remove(&snapshots.join(name)).unwrap();
    }
    machine
        .states
        .edit(&machine.state_path(), |rows| drop(rows.remove(&b"a"[..])));
    let refused = contradiction(&machine);
    assert!(matches!(refused, Contradiction::Gap { .. }), "{refused:?}");
}

#[test]
fn a_lost_snapshot_does_not_matter_while_the_state_is_whole() {
    let (machine, history) = closed(true);
    let snapshots = Machine::room("snapshots");
    for name in machine.disk.list(&snapshots).unwrap() {
        machine.disk.remove(&snapshots.join(name)).unwrap();
    }
    let node = machine.open().unwrap();
    assert_eq!(node.applied().digest(), history.model.digest());
}

fn replace_log(machine: &Machine, by: &Machine) {
    let wal = Machine::room("wal");
    for name in machine.disk.list(&wal).unwrap() {
        machine.disk.remove(&wal.join(name)).unwrap();
    }
    for name in by.disk.list(&wal).unwrap() {
        let path = wal.join(name);
        let bytes = raft_store::disk::read_to_end(&by.disk, &path, usize::MAX).unwrap();
        machine.disk.create(&path).unwrap().append(&bytes).unwrap();
    }
}
