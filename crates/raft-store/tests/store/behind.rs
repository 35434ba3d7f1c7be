//! The state and the snapshots never reach the disk ahead of the log.
//!
//! openraft applies an entry once a majority has it on disk. This node may not
//! be one of them: its own flush may still be under way, or fail.

use raft_store::disk::memory::{Operation, Trouble};

use crate::driver::Machine;
use crate::history::History;

#[test]
fn what_the_log_could_not_flush_is_not_in_the_state_after_a_restart() {
    let machine = Machine::default();
    let mut history = History::new();
    history.add(1);
    let durable = history.last();
    history.add(2);
    let mut node = machine.open().unwrap();
    node.vote(1).unwrap();
    let [known @ .., lost] = history.entries.as_slice() else {
        panic!("a history of two entries at least");
    };
    node.run(known).unwrap();

    machine.disk.fail(Operation::Sync, 0, Trouble::Io);
    node.append(std::slice::from_ref(lost)).unwrap_err();
    let error = node.apply(std::slice::from_ref(lost)).unwrap_err();
    assert!(
        error.to_string().contains("can no longer be stored"),
        "{error}"
    );
    node.snapshot().unwrap_err();
    drop(node);

    machine.crash(1);
    let node = machine.open().unwrap();
    assert_eq!(node.applied().applied, Some(durable));
}
