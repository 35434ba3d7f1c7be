//! A change in parts takes effect whole at its commit, or not at all.

use raft_store::limits::PARTS_SPAN_MAX;
use raft_store::record::{Proposal, split_change};

use crate::driver::{Machine, Node};
use crate::history::{History, import, unreadable};

const SMALL: usize = 900;

fn running(history: &History) -> (Machine, Node) {
    let machine = Machine::default();
    let mut node = machine.open().unwrap();
    node.run(&history.entries).unwrap();
    (machine, node)
}

/// Runs what the history has beyond the node, and compares.
fn catch_up(node: &mut Node, history: &History) {
    let next = node.applied().index();
    node.run(history.after(next)).unwrap();
    let applied = node.applied();
    assert_eq!(applied.digest(), history.digests[&applied.index().unwrap()]);
}

/// The parts of an import, and their commit.
fn parts(history: &History, id: u128) -> (Vec<Proposal>, Proposal) {
    let change = import(&history.model, 1000, 60);
    let mut proposals = split_change(history.term, id, &change, SMALL).unwrap();
    let commit = proposals.pop().unwrap();
    (proposals, commit)
}

#[test]
fn parts_show_at_their_commit_and_not_before() {
    let mut history = History::new();
    history.add(1);
    let (_machine, mut node) = running(&history);
    let large = import(&history.model, 1000, 60);
    let commit = history.change_in_parts(9, &large, SMALL);

    let (last, parts) = history.entries.split_last().unwrap();
    node.run(&parts[2..]).unwrap();
    assert_eq!(node.applied().projection.len(), 1);
    node.run(std::slice::from_ref(last)).unwrap();
    assert_eq!(node.applied().projection.len(), 61);
    assert_eq!(node.applied().projection.revision().get(), commit.index);
    assert_eq!(node.applied().digest(), history.model.digest());
}

#[test]
fn other_changes_may_come_between_the_parts() {
    let mut history = History::new();
    let (_machine, mut node) = running(&history);
    let (parts, commit) = parts(&history, 9);
    for (number, part) in (1..).zip(&parts) {
        history.propose(part);
        history.add(number);
    }
    let change = import(&history.model, 1000, 60);
    history.propose(&commit);
    // The model takes it where the commit stands; its stamp is the one of the parts.
    let mut expected = history.model.clone();
    let at = hosts::Revision::new(history.last().index);
    expected
        .apply(at, &import(&hosts::Projection::new(), 1000, 60))
        .unwrap();
    assert_eq!(change.events.len(), 60);
    node.run(&history.entries[1..]).unwrap();
    assert_eq!(node.applied().digest(), expected.digest());
}

#[test]
fn a_snapshot_and_a_stored_state_stay_before_pending_parts() {
    let mut history = History::new();
    history.add(1);
    let before = history.last();
    let large = import(&history.model, 1000, 60);
    history.change_in_parts(9, &large, SMALL);
    let (last, entries) = history.entries.split_last().unwrap();

    let machine = Machine::default();
    let mut node = machine.open().unwrap();
    node.run(entries).unwrap();
    assert_eq!(node.applied().index(), Some(last.log_id.index - 1));
    let snapshot = node.snapshot().unwrap();
    assert_eq!(snapshot.meta.last_log_id, Some(before));
    node.purge(before).unwrap();
    node.close();
    machine.crash(1);

    let mut node = machine.open().unwrap();
    assert_eq!(node.applied().applied, Some(before));
    node.apply_committed().unwrap();
    node.run(std::slice::from_ref(last)).unwrap();
    assert_eq!(node.applied().digest(), history.model.digest());
    // With nothing pending, snapshots follow again.
    assert_eq!(node.snapshot().unwrap().meta.last_log_id, Some(last.log_id));
}

#[test]
fn parts_are_void_in_the_next_term() {
    let mut history = History::new();
    let (_machine, mut node) = running(&history);
    let (parts, commit) = parts(&history, 9);
    for part in &parts {
        history.propose(part);
    }
    history.term = 2;
    history.blank();
    history.propose(&commit);
    catch_up(&mut node, &history);
    assert!(node.applied().projection.is_empty());
    assert_eq!(
        node.snapshot().unwrap().meta.last_log_id,
        Some(history.last())
    );
}

#[test]
fn parts_are_void_when_others_begin_or_one_is_missing() {
    let mut history = History::new();
    let (_machine, mut node) = running(&history);
    let (first, first_commit) = parts(&history, 9);
    let (second, second_commit) = parts(&history, 10);
    history.propose(&first[0]);
    history.propose(&second[0]); // the first ones are void from here
    for part in &first[1..] {
        history.propose(part); // and these do not follow on
    }
    history.propose(&first_commit);
    for part in &second[1..] {
        history.propose(part);
    }
    history.propose(&second_commit);
    catch_up(&mut node, &history);
    assert!(node.applied().projection.is_empty());
}

#[test]
fn parts_that_are_not_what_their_commit_says_are_void() {
    let mut history = History::new();
    let (_machine, mut node) = running(&history);
    let (mut parts, commit) = parts(&history, 9);
    if let Proposal::Part { bytes, .. } = &mut parts[1] {
        let mut other = bytes.to_vec();
        other[20] ^= 1;
        *bytes = other.into();
    }
    for proposal in parts.iter().chain([&commit]) {
        history.propose(proposal);
    }
    catch_up(&mut node, &history);
    assert!(node.applied().projection.is_empty());
}

#[test]
fn parts_that_nobody_commits_do_not_hold_up_snapshots_for_ever() {
    let mut history = History::new();
    let (_machine, mut node) = running(&history);
    let (parts, _) = parts(&history, 9);
    let begun = history.propose(&parts[0]).index;
    while history.next() <= begun + PARTS_SPAN_MAX {
        history.blank();
    }
    let next = node.applied().index();
    node.apply(history.after(next)).unwrap();
    let held = node.snapshot().unwrap().meta.last_log_id.unwrap();
    assert_eq!(held.index, begun - 1);
    let last = history.blank();
    node.apply(history.after(Some(last.index - 1))).unwrap();
    assert_eq!(node.snapshot().unwrap().meta.last_log_id, Some(last));
}

#[test]
fn a_change_of_another_term_is_void() {
    let mut history = History::new();
    let (_machine, mut node) = running(&history);
    let change = history.adding(1);
    history.term = 2;
    history.propose(&Proposal::Change { term: 1, change });
    catch_up(&mut node, &history);
    assert!(node.applied().projection.is_empty());
}

#[test]
fn an_entry_that_cannot_be_read_stops_the_node_and_what_was_before_it_holds() {
    let mut history = History::new();
    let (_machine, mut node) = running(&history);
    let good = history.add(1);
    let bad = history.push(unreadable());
    let error = node.run(&history.entries[1..]).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&format!("entry {}", bad.index)), "{text}");
    assert_eq!(node.applied().applied, Some(good));
}

#[test]
fn a_change_that_fits_is_one_proposal_and_a_larger_one_is_parts() {
    let history = History::new();
    let change = import(&history.model, 1, 60);
    let whole = split_change(1, 9, &change, 64 * 1024).unwrap();
    assert!(matches!(whole.as_slice(), [Proposal::Change { .. }]));
    let parts = split_change(1, 9, &change, SMALL).unwrap();
    for part in &parts {
        assert!(raft_store::record::encode_proposal(part).len() <= SMALL);
    }
    assert!(parts.len() > 3);
}
