//! A state that is missing, behind, half written or damaged is rebuilt from
//! snapshot and log, and is the same again.

use std::fs;
use std::path::Path;

use raft_store::Seams;
use raft_store::state::StateStores as _;

use crate::driver::{Machine, Node, open};
use crate::history::History;

/// Where the snapshot of [`closed`] reaches.
const SNAPSHOT: u64 = 23;

/// A closed node with a snapshot in the middle of its log, and named ones
/// before and after it.
fn closed() -> (Machine, History) {
    let machine = Machine::default();
    let history = live(machine.open().unwrap());
    (machine, history)
}

fn live(mut node: Node) -> History {
    let mut history = History::new();
    for number in 0..13 {
        history.add(number);
    }
    history.snapshots(1000);
    let first = history.entries.len();
    node.vote(1).unwrap();
    node.run(&history.entries).unwrap();
    let snapshot = node.snapshot().unwrap();
    node.purge(snapshot.meta.last_log_id.unwrap()).unwrap();
    for number in 20..30 {
        history.add(number);
    }
    history.snapshots(2000);
    node.run(&history.entries[first..]).unwrap();
    node.close();
    history
}

fn assert_whole(mut node: Node, history: &History) {
    node.apply_committed().unwrap();
    assert_eq!(node.applied().digest(), history.model.digest());
    assert_eq!(node.applied().applied, Some(history.last()));
}

/// The names of what was set aside.
fn set_aside(machine: &Machine) -> Vec<String> {
    let mut names = machine.states.names(&Machine::room("state")).unwrap();
    names.retain(|name| name.contains("bad"));
    names
}

#[test]
fn a_whole_state_is_used_as_it_is() {
    let (machine, history) = closed();
    let node = machine.open().unwrap();
    assert_eq!(node.applied().applied, Some(history.last()));
    assert_whole(node, &history);
    assert!(set_aside(&machine).is_empty());
}

#[test]
fn any_damaged_missing_or_foreign_row_is_noticed_and_the_state_rebuilt() {
    let (pristine, history) = closed();
    let mut keys = Vec::new();
    pristine.states.edit(&pristine.state_path(), |rows| {
        keys = rows.keys().cloned().collect()
    });
    assert_eq!(keys.len(), 1 + history.model.rows().count());
    for key in &keys {
        for damage in 0..3 {
            let (machine, history) = closed();
            assert!(
                machine
                    .states
                    .edit(&machine.state_path(), |rows| match damage {
                        0 => drop(rows.remove(key)),
                        1 => {
                            let mut value = rows[key].to_vec();
                            let middle = value.len() / 2;
                            value[middle] ^= 0x10;
                            rows.insert(key.clone(), value.into());
                        }
                        _ => {
                            // A whole row, under another key.
                            let value = rows.remove(key).unwrap();
                            let mut other = key.clone();
                            *other.last_mut().unwrap() ^= 0x40;
                            rows.insert(other, value);
                        }
                    })
            );
            let node = machine.open().unwrap();
            let told = format!("key {}, damage {damage}", key.escape_ascii());
            assert_eq!(set_aside(&machine).len(), 1, "{told}");
            assert_eq!(node.applied().index(), Some(SNAPSHOT), "{told}");
            assert_whole(node, &history);
        }
    }
}

#[test]
fn a_state_that_was_written_in_part_is_rebuilt() {
    let (machine, history) = closed();
    machine.states.edit(&machine.state_path(), |rows| {
        let index = 30u64.to_be_bytes();
        let mut value = crc32c::crc32c(&index).to_le_bytes().to_vec();
        value.extend_from_slice(&index);
        rows.insert(b"b".to_vec(), value.into());
    });
    let node = machine.open().unwrap();
    assert_eq!(node.applied().index(), Some(SNAPSHOT));
    assert_whole(node, &history);
    assert_eq!(set_aside(&machine).len(), 1);
}

#[test]
fn a_state_that_did_not_survive_its_last_opening_is_not_trusted_again() {
    let (machine, history) = closed();
    let marker = Machine::room("state").join("sm.opening");
    use raft_store::disk::Disk as _;
    machine.disk.create(&marker).unwrap().sync().unwrap();
    machine.disk.sync_dir(&Machine::room("state")).unwrap();
    let node = machine.open().unwrap();
    assert_eq!(node.applied().index(), Some(SNAPSHOT));
    assert_whole(node, &history);
    // Once is enough: the new one is trusted.
    let node = machine.open().unwrap();
    assert_eq!(node.applied().applied, Some(history.last()));
}

#[test]
fn a_state_behind_the_snapshot_is_rebuilt_from_it() {
    let machine = Machine::default();
    let mut history = History::new();
    for number in 0..10 {
        history.add(number);
    }
    let mut node = machine.open().unwrap();
    node.vote(1).unwrap();
    node.run(&history.entries[..5]).unwrap();
    let early = machine.states.names(&Machine::room("state")).unwrap();
    let mut rows = Default::default();
    machine
        .states
        .edit(&machine.state_path(), |all| rows = all.clone());
    node.run(&history.entries[5..]).unwrap();
    let snapshot = node.snapshot().unwrap();
    node.purge(snapshot.meta.last_log_id.unwrap()).unwrap();
    node.close();
    machine
        .states
        .edit(&machine.state_path(), |all| *all = rows);

    let node = machine.open().unwrap();
    assert_ne!(
        machine.states.names(&Machine::room("state")).unwrap(),
        early
    );
    assert_whole(node, &history);
}

#[test]
fn a_state_that_cannot_be_written_is_reported_and_stops_the_node() {
    let machine = Machine::default();
    let mut history = History::new();
    history.add(1);
    let mut node = machine.open().unwrap();
    node.run(&history.entries).unwrap();
    assert!(node.store.fault.borrow().is_none());
    machine.states.fail("no space left");
    history.add(2);
    node.run(&history.entries[2..]).unwrap_err();
    let fault = node.store.fault.borrow().clone().unwrap();
    let cause = std::error::Error::source(&fault).unwrap();
    assert!(cause.to_string().contains("state"), "{cause}");
    history.add(3);
    node.run(&history.entries[3..]).unwrap_err();
}

/// Damages sled's file in many places; every start gives the right state.
#[test]
fn a_damaged_sled_is_rebuilt() {
    let pristine = tempfile::tempdir().unwrap();
    let history = live(open(Seams::real(), pristine.path()).unwrap());
    let database = |dir: &Path| {
        let state = dir.join("raft/state");
        let current = fs::read_to_string(state.join("CURRENT")).unwrap();
        state.join(format!("sm.{}", current.trim())).join("db")
    };
    let bytes = fs::read(database(pristine.path())).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let mut rebuilt = 0;
    for step in 0..12 {
        let dir = tempfile::tempdir().unwrap();
        copy(pristine.path(), dir.path());
        let mut damaged = bytes.clone();
        match step {
            0 => damaged.truncate(used / 2),
            1 => damaged.clear(),
            2 => damaged[..used].fill(0xA5),
            _ => damaged[used * step / 12] ^= 0xFF,
        }
        fs::write(database(dir.path()), damaged).unwrap();
        let mut node = open(Seams::real(), dir.path()).unwrap_or_else(|e| panic!("{step}: {e:?}"));
        if node.applied().applied != Some(history.last()) {
            rebuilt += 1;
        }
        node.apply_committed().unwrap();
        assert_eq!(
            node.applied().digest(),
            history.model.digest(),
            "step {step}"
        );
        node.close();
    }
    assert!(rebuilt >= 3, "only {rebuilt} of 12 damages were noticed");
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
