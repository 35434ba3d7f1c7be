//! Each thing that cannot have happened is found, and what can have happened is not.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests; the lints' own exceptions stop at test functions"
)]

mod world;

use std::time::Duration;

use hosts::{Command, Comment, ConflictMode, HostPatch, HostRef, NewHost};
use oracle::{Answered, Asked, Effect, Reading, Reason, Seen, Violation, second_opinion};
use world::{World, acknowledged, host, read_all, seen};

const PATIENCE: Duration = Duration::from_secs(20);

fn add(request: &str, name: &str, address: &str) -> Asked {
    Asked::Add {
        request: request.to_owned(),
        host: host(name, address),
    }
}

fn update(request: &str, id: &Seen, address: &str) -> (Command, Asked) {
    let patch = HostPatch {
        address: Some(address.parse().unwrap()),
        ..HostPatch::default()
    };
    let id = id.id.parse().unwrap();
    let command = Command::UpdateHost {
        id,
        patch: patch.clone(),
        expected: None,
    };
    let asked = Asked::Update {
        request: request.to_owned(),
        host: HostRef::Id(id),
        patch,
        expected: None,
    };
    (command, asked)
}

fn delete(request: &str, host: &Seen) -> (Command, Asked) {
    let id = host.id.parse().unwrap();
    let asked = Asked::Delete {
        request: request.to_owned(),
        host: HostRef::Id(id),
        expected: None,
    };
    (Command::DeleteHost { id, expected: None }, asked)
}

fn import(request: &str, rows: Vec<NewHost>, mode: ConflictMode) -> (Command, Asked) {
    let asked = Asked::Import {
        request: request.to_owned(),
        rows: rows.clone(),
        mode,
    };
    (Command::ImportHosts { rows, mode }, asked)
}

/// The same with a comment.
fn remarked(host: NewHost, comment: &str) -> NewHost {
    NewHost {
        comment: Some(Comment::parse(comment).unwrap()),
        ..host
    }
}

#[test]
fn a_history_that_happened_is_believed_by_both() {
    let mut world = World::default();
    let nas = world.add("r1", "nas.lan", "10.0.0.1");
    world.add("r2", "tv.lan", "10.0.0.2");
    world.read();
    let (command, asked) = update("r3", &nas, "10.0.0.9");
    let answer = world.commit("r3", &command);
    world.told(asked.clone(), Answered::Unknown);
    // The repeat gets the first answer, after others have gone on.
    world.add("r4", "pi.lan", "10.0.0.4");
    world.told(asked, acknowledged(&answer));
    world.told(
        add("r5", "pi.lan", "10.0.0.4"),
        Answered::Rejected(Reason::Duplicate),
    );
    let (command, asked) = delete("r6", &nas);
    let answer = world.commit("r6", &command);
    world.told(asked, acknowledged(&answer));
    let (_, asked) = delete("r7", &nas);
    world.told(asked, Answered::Rejected(Reason::NotFound));
    world.told(add("r8", "x.lan", "10.0.0.8"), Answered::Refused);
    world.told(add("r9", "y.lan", "10.0.0.8"), Answered::Unknown);
    world.read();

    let summary = world.check().unwrap();
    assert_eq!(summary.operations, 12);
    assert_eq!((summary.acknowledged, summary.reads), (5, 2));
    assert_eq!((summary.rejected, summary.refused), (2, 1));
    assert_eq!((summary.unknown, summary.unknown_done), (2, 1));

    let opinion = second_opinion(&world.history, &world.replay(), PATIENCE);
    assert_eq!((opinion.names, &opinion.illegal[..]), (3, &[][..]));
    assert!(opinion.undecided.is_empty() && opinion.operations > 9);
}

#[test]
fn an_acknowledged_change_that_is_not_in_the_log_is_lost() {
    let mut world = World::default();
    world.add("r1", "nas.lan", "10.0.0.1");
    let lost = world.add("r2", "tv.lan", "10.0.0.2");
    world.entries.pop();
    let found = world.check().unwrap_err();
    let request = "r2".to_owned();
    let revision = lost.version;
    assert!(
        found.contains(&Violation::Lost { request, revision }),
        "{found:?}"
    );
}

#[test]
fn a_request_that_was_accepted_twice_is_found() {
    let mut world = World::default();
    world.add("r1", "nas.lan", "10.0.0.1");
    // Another caller's table does not know the request.
    let command = Command::AddHost(host("tv.lan", "10.0.0.2"));
    let mut other = World::default();
    other.commit("r0", &Command::AddHost(host("a.lan", "10.0.0.3")));
    other.commit("r1", &command);
    let mut entry = other.entries.pop().unwrap();
    let decoded = raft_store::record::decode_proposal(&entry.payload).unwrap();
    let raft_store::record::Proposal::Change { term, mut change } = decoded else {
        panic!("a change");
    };
    change.stamp.by = "editor:bob".parse().unwrap();
    entry.payload =
        raft_store::record::encode_proposal(&raft_store::record::Proposal::Change { term, change });
    world.entries.push(entry);
    assert_eq!(
        world.violation(),
        Violation::Twice {
            request: "r1".to_owned(),
            revisions: vec![1, 2]
        }
    );
}

#[test]
fn a_refused_change_that_is_in_the_log_is_found() {
    let mut world = World::default();
    world.commit("r1", &Command::AddHost(host("nas.lan", "10.0.0.1")));
    world.told(add("r1", "nas.lan", "10.0.0.1"), Answered::Refused);
    assert_eq!(
        world.violation(),
        Violation::DoneAllTheSame {
            request: "r1".to_owned(),
            revision: 1
        }
    );
}

#[test]
fn a_change_that_nobody_asked_for_is_found() {
    let mut world = World::default();
    world.commit("r1", &Command::AddHost(host("nas.lan", "10.0.0.1")));
    assert_eq!(
        world.violation(),
        Violation::Foreign {
            request: "r1".to_owned(),
            revision: 1
        }
    );
}

#[test]
fn a_change_to_something_else_than_was_asked_for_is_found() {
    let mut world = World::default();
    world.commit("r1", &Command::AddHost(host("nas.lan", "10.0.0.1")));
    world.told(add("r1", "nas.lan", "10.0.0.2"), Answered::Unknown);
    assert!(matches!(
        world.violation(),
        Violation::NotAsked { revision: 1, .. }
    ));
}

#[test]
fn an_answer_with_another_revision_or_host_is_found() {
    let mut world = World::default();
    let answer = world.commit("r1", &Command::AddHost(host("nas.lan", "10.0.0.1")));
    world.commit("r2", &Command::AddHost(host("tv.lan", "10.0.0.2")));
    world.told(add("r2", "tv.lan", "10.0.0.2"), Answered::Unknown);
    let told = Answered::Acknowledged {
        revision: 2,
        effect: Effect::Host(seen(&answer)),
    };
    let number = world.told(add("r1", "nas.lan", "10.0.0.1"), told);
    assert_eq!(
        world.violation(),
        Violation::WrongRevision {
            request: "r1".to_owned(),
            told: 2,
            found: 1
        }
    );
    let mut other = seen(&answer);
    other.address = "10.0.0.77".to_owned();
    world.history.operations[number].answered = Answered::Acknowledged {
        revision: 1,
        effect: Effect::Host(other),
    };
    assert!(matches!(
        world.violation(),
        Violation::WrongAnswer { revision: 1, .. }
    ));
}

#[test]
fn a_stale_read_is_found_by_both() {
    let mut world = World::default();
    let nas = world.add("r1", "nas.lan", "10.0.0.1");
    let (command, asked) = delete("r2", &nas);
    let answer = world.commit("r2", &command);
    world.told(asked, acknowledged(&answer));
    let stale = Answered::Read {
        applied: 1,
        hosts: vec![nas],
    };
    let number = world.told(read_all(), stale);
    assert_eq!(
        world.violation(),
        Violation::OutOfOrder {
            operation: number,
            revision: 1,
            earlier: 1,
            seen: 2
        }
    );
    let opinion = second_opinion(&world.history, &world.replay(), PATIENCE);
    assert_eq!(opinion.illegal, ["nas.lan"]);
    // Nobody promised that a local read is up to date.
    let Asked::Read { linearizable, .. } = &mut world.history.operations[number].asked else {
        panic!("a read");
    };
    *linearizable = false;
    world.check().unwrap();
}

#[test]
fn a_read_of_what_never_was_is_found() {
    let mut world = World::default();
    let mut nas = world.add("r1", "nas.lan", "10.0.0.1");
    nas.address = "10.0.0.66".to_owned();
    let hosts = vec![nas];
    world.told(read_all(), Answered::Read { applied: 1, hosts });
    assert!(matches!(world.violation(), Violation::WrongAnswer { .. }));
    let opinion = second_opinion(&world.history, &world.replay(), PATIENCE);
    assert_eq!(opinion.illegal, ["nas.lan"]);
}

#[test]
fn a_write_that_is_put_before_one_that_was_done_is_found() {
    let mut world = World::default();
    let first = world.commit("r1", &Command::AddHost(host("nas.lan", "10.0.0.1")));
    let second = world.commit("r2", &Command::AddHost(host("tv.lan", "10.0.0.2")));
    world.told_at(
        0,
        10,
        add("r2", "tv.lan", "10.0.0.2"),
        acknowledged(&second),
    );
    world.told_at(
        20,
        30,
        add("r1", "nas.lan", "10.0.0.1"),
        acknowledged(&first),
    );
    assert_eq!(
        world.violation(),
        Violation::OutOfOrder {
            operation: 1,
            revision: 1,
            earlier: 0,
            seen: 2
        }
    );
    // Under way at the same time, either order is right.
    world.history.operations[1].called = 9;
    world.check().unwrap();
}

#[test]
fn a_rejection_that_was_never_true_is_found() {
    let mut world = World::default();
    let nas = world.add("r1", "nas.lan", "10.0.0.1");
    let (_, asked) = delete("r2", &nas);
    let number = world.told(asked.clone(), Answered::Rejected(Reason::NotFound));
    assert!(
        matches!(world.violation(), Violation::NeverTrue { operation, from: 1, .. } if operation == number)
    );
    // It was true while the call was under way.
    let (command, other) = delete("r3", &nas);
    let answer = world.commit("r3", &command);
    let Asked::Delete { request, .. } = &asked else {
        panic!("a delete");
    };
    assert_eq!(request, "r2");
    let called = world.history.operations[number].called;
    world.told_at(called, called + 1, other, acknowledged(&answer));
    world.check().unwrap();
}

#[test]
fn a_rejection_without_a_reason_that_can_be_is_found() {
    let mut world = World::default();
    let rows = vec![host("nas.lan", "10.0.0.1")];
    let (_, asked) = import("r1", rows, ConflictMode::Skip);
    let told = |reason: &str| Answered::Rejected(Reason::Other(reason.to_owned()));
    let number = world.told(asked, told("InvalidArgument TRUNCATED"));
    assert_eq!(world.check().unwrap().unchecked, 1);
    for reason in ["Internal INTERNAL", "PermissionDenied PERMISSION_DENIED"] {
        world.history.operations[number].answered = told(reason);
        assert!(matches!(world.violation(), Violation::NoReason { .. }));
    }
}

#[test]
fn rejections_that_bound_each_other_are_held_against_each_other() {
    let mut world = World::default();
    let nas = world.add("r1", "nas.lan", "10.0.0.1");
    let (_, absent) = delete("r2", &nas);
    let (command, deletion) = delete("r3", &nas);
    let answer = world.commit("r3", &command);
    // The deletion is under way all the time: it is there, then gone, and cannot be there again.
    world.told_at(20, 90, deletion, acknowledged(&answer));
    world.told_at(30, 40, absent, Answered::Rejected(Reason::NotFound));
    let again = add("r4", "nas.lan", "10.0.0.1");
    let there = world.told_at(50, 60, again, Answered::Rejected(Reason::Duplicate));
    assert!(
        matches!(world.violation(), Violation::NeverTrue { operation, from: 2, to: 2, .. } if operation == there)
    );
    // Under way at the same time, either order is right.
    world.history.operations[there].called = 40;
    world.check().unwrap();
}

#[test]
fn a_repeat_that_is_rejected_for_what_the_request_did_itself_is_found_by_both() {
    let mut world = World::default();
    world.commit("r1", &Command::AddHost(host("nas.lan", "10.0.0.1")));
    world.told(add("r1", "nas.lan", "10.0.0.1"), Answered::Unknown);
    let repeat = world.told(
        add("r1", "nas.lan", "10.0.0.1"),
        Answered::Rejected(Reason::Duplicate),
    );
    assert!(
        matches!(world.violation(), Violation::NeverTrue { operation, to: 0, .. } if operation == repeat)
    );
    let opinion = second_opinion(&world.history, &world.replay(), PATIENCE);
    assert_eq!(opinion.illegal, ["nas.lan"]);
}

#[test]
fn a_repeat_may_be_rejected_for_what_was_so_before_the_request_was_done() {
    let mut world = World::default();
    let nas = world.add("r1", "nas.lan", "10.0.0.1");
    world.told(add("r2", "nas.lan", "10.0.0.1"), Answered::Unknown);
    world.told(
        add("r2", "nas.lan", "10.0.0.1"),
        Answered::Rejected(Reason::Duplicate),
    );
    let (command, asked) = delete("r3", &nas);
    let answer = world.commit("r3", &command);
    world.told(asked, acknowledged(&answer));
    // The first attempt was on its way all the time.
    world.commit("r2", &Command::AddHost(host("nas.lan", "10.0.0.1")));
    world.read();
    world.check().unwrap();
    let opinion = second_opinion(&world.history, &world.replay(), PATIENCE);
    assert!(opinion.illegal.is_empty());
}

#[test]
fn a_rejection_may_be_about_the_host_that_had_the_name_when_it_was_looked_up() {
    let mut world = World::default();
    let nas = world.add("r1", "nas.lan", "10.0.0.1");
    world.add("r2", "tv.lan", "10.0.0.2");
    // Looked up as nas.lan; when its turn comes it is the second tv.lan, and the other one has the address.
    let asked = Asked::Update {
        request: "r4".to_owned(),
        host: HostRef::Name("nas.lan".parse().unwrap()),
        patch: HostPatch {
            address: Some("10.0.0.2".parse().unwrap()),
            ..HostPatch::default()
        },
        expected: None,
    };
    let number = world.told(asked, Answered::Rejected(Reason::Duplicate));
    assert!(matches!(world.violation(), Violation::NeverTrue { .. }));
    let called = world.history.operations[number].called;
    let id = nas.id.parse().unwrap();
    let patch = HostPatch {
        hostname: Some("tv.lan".parse().unwrap()),
        ..HostPatch::default()
    };
    let command = Command::UpdateHost {
        id,
        patch: patch.clone(),
        expected: None,
    };
    let answer = world.commit("r3", &command);
    let renamed = Asked::Update {
        request: "r3".to_owned(),
        host: HostRef::Id(id),
        patch,
        expected: None,
    };
    world.told_at(called, called + 1, renamed, acknowledged(&answer));
    world.check().unwrap();
}

#[test]
fn a_local_read_may_miss_what_was_added() {
    let mut world = World::default();
    let nas = world.add("r1", "nas.lan", "10.0.0.1");
    let mut read = Asked::Read {
        what: Reading::One(HostRef::Id(nas.id.parse().unwrap())),
        linearizable: true,
    };
    let number = world.told(read.clone(), Answered::Rejected(Reason::NotFound));
    assert!(matches!(world.violation(), Violation::NeverTrue { .. }));
    if let Asked::Read { linearizable, .. } = &mut read {
        *linearizable = false;
    }
    world.history.operations[number].asked = read;
    world.check().unwrap();
}

#[test]
fn an_index_beyond_the_log_is_found() {
    let mut world = World::default();
    let nas = world.add("r1", "nas.lan", "10.0.0.1");
    let hosts = vec![nas];
    let number = world.told(read_all(), Answered::Read { applied: 9, hosts });
    assert_eq!(
        world.violation(),
        Violation::BeyondTheLog {
            operation: number,
            index: 9,
            last: 1
        }
    );
}

#[test]
fn an_update_that_changes_nothing_needs_no_entry() {
    let mut world = World::default();
    let nas = world.add("r1", "nas.lan", "10.0.0.1");
    let (_, asked) = update("r2", &nas, "10.0.0.1");
    let told = Answered::Acknowledged {
        revision: 1,
        effect: Effect::Host(nas.clone()),
    };
    world.told(asked, told.clone());
    assert_eq!(world.check().unwrap().unchanged, 1);
    let (_, other) = update("r3", &nas, "10.0.0.2");
    let number = world.told(other, told);
    assert!(matches!(world.violation(), Violation::Lost { .. }));
    // Nothing to change, and not at the version that the caller relied on.
    let (_, mut stale) = update("r3", &nas, "10.0.0.1");
    if let Asked::Update { expected, .. } = &mut stale {
        *expected = Some(nas.version);
    }
    world.history.operations[number].asked = stale.clone();
    world.check().unwrap();
    if let Asked::Update { expected, .. } = &mut stale {
        *expected = Some(nas.version + 1);
    }
    world.history.operations[number].asked = stale;
    assert!(matches!(world.violation(), Violation::Lost { .. }));
}

#[test]
fn imports_that_happened_are_believed() {
    let mut world = World::default();
    world.add("r1", "nas.lan", "10.0.0.1");
    let nas = remarked(host("nas.lan", "10.0.0.1"), "in the cellar");
    let rows = vec![host("tv.lan", "10.0.0.2"), nas.clone(), nas];
    for (request, mode) in [("r2", ConflictMode::Skip), ("r3", ConflictMode::Replace)] {
        let (command, asked) = import(request, rows.clone(), mode);
        let answer = world.commit(request, &command);
        world.told(asked, acknowledged(&answer));
    }
    let (_, asked) = import("r4", rows, ConflictMode::Strict);
    world.told(asked, Answered::Rejected(Reason::ImportConflicts));
    world.read();
    let summary = world.check().unwrap();
    assert_eq!((summary.acknowledged, summary.rejected), (3, 1));
}

#[test]
fn an_import_that_leaves_out_what_it_was_to_replace_or_refuse_is_found() {
    let mut world = World::default();
    world.add("r1", "nas.lan", "10.0.0.1");
    let nas = remarked(host("nas.lan", "10.0.0.1"), "in the cellar");
    let rows = vec![host("tv.lan", "10.0.0.2"), nas];
    let (skip, skipping) = import("r2", rows.clone(), ConflictMode::Skip);
    let answer = world.commit("r2", &skip);
    let number = world.told(skipping, acknowledged(&answer));
    world.check().unwrap();
    for other in [ConflictMode::Replace, ConflictMode::Strict] {
        let (_, asked) = import("r2", rows.clone(), other);
        world.history.operations[number].asked = asked;
        assert!(matches!(
            world.violation(),
            Violation::NotAsked { revision: 2, .. }
        ));
    }
}

#[test]
fn an_import_that_changes_what_no_row_names_is_found() {
    let mut world = World::default();
    let rows = vec![host("nas.lan", "10.0.0.1"), host("tv.lan", "10.0.0.2")];
    let (more, _) = import("r1", rows, ConflictMode::Skip);
    let answer = world.commit("r1", &more);
    let rows = vec![host("nas.lan", "10.0.0.1")];
    let (_, asked) = import("r1", rows, ConflictMode::Skip);
    world.told(asked, acknowledged(&answer));
    assert!(matches!(
        world.violation(),
        Violation::NotAsked { revision: 1, .. }
    ));
}

#[test]
fn counts_of_an_import_that_are_not_so_are_found() {
    let mut world = World::default();
    let (command, asked) = import("r1", vec![host("nas.lan", "10.0.0.1")], ConflictMode::Skip);
    let mut answer = world.commit("r1", &command);
    let right = acknowledged(&answer);
    let number = world.told(asked, right.clone());
    world.check().unwrap();
    let hosts::Outcome::Imported(counts) = &mut answer.outcome else {
        panic!("an import");
    };
    counts.updated += 1;
    world.history.operations[number].answered = acknowledged(&answer);
    assert!(matches!(world.violation(), Violation::WrongAnswer { .. }));
    world.history.operations[number].answered = right;
    // One that changed nothing has no entry to be held against: what it comes to is counted anew.
    let (_, again) = import("r2", vec![host("nas.lan", "10.0.0.1")], ConflictMode::Skip);
    let mut counts = hosts::ImportCounts {
        processed: 1,
        skipped: 1,
        ..Default::default()
    };
    let told = |counts: &hosts::ImportCounts| Answered::Acknowledged {
        revision: 1,
        effect: Effect::Imported(counts.clone()),
    };
    let number = world.told(again, told(&counts));
    assert_eq!(world.check().unwrap().unchanged, 1);
    counts.skipped = 0;
    world.history.operations[number].answered = told(&counts);
    assert!(matches!(world.violation(), Violation::Lost { .. }));
}

#[test]
fn an_import_that_skips_is_never_rejected_for_what_is_taken() {
    let mut world = World::default();
    world.add("r1", "nas.lan", "10.0.0.1");
    let rows = vec![host("nas.lan", "10.0.0.1")];
    let (_, asked) = import("r2", rows.clone(), ConflictMode::Strict);
    let number = world.told(asked, Answered::Rejected(Reason::ImportConflicts));
    world.check().unwrap();
    let (_, asked) = import("r2", rows, ConflictMode::Skip);
    world.history.operations[number].asked = asked;
    assert!(matches!(world.violation(), Violation::NeverTrue { .. }));
}

#[test]
fn nodes_that_committed_different_entries_have_no_log() {
    let mut world = World::default();
    world.add("r1", "nas.lan", "10.0.0.1");
    let mut other = World::default();
    other.add("r1", "tv.lan", "10.0.0.2");
    let mut log = world.log();
    let error = log.take(other.entries).unwrap_err();
    assert_eq!(
        error.to_string(),
        "two different entries were committed at index 1"
    );
}

#[test]
fn a_log_with_a_gap_is_no_log() {
    let mut world = World::default();
    for number in 0..3 {
        world.add(&format!("r{number}"), &format!("h{number}.lan"), "10.0.0.1");
    }
    world.entries.remove(1);
    let error = oracle::Replay::of(&world.log()).unwrap_err();
    assert_eq!(error.to_string(), "the entry at index 2 is missing");
}

#[test]
fn parts_take_effect_at_their_commit_and_those_of_another_term_never() {
    use raft_store::record::{Proposal, encode_proposal, split_change};
    let mut world = World::default();
    world.commit("r1", &Command::AddHost(host("nas.lan", "10.0.0.1")));
    let decoded = raft_store::record::decode_proposal(&world.entries[0].payload).unwrap();
    let Proposal::Change { change, .. } = decoded else {
        panic!("a change");
    };
    let proposals = split_change(1, 7, &change, 40).unwrap();
    assert!(proposals.len() > 2);
    let entries = |from: u64, proposals: &[Proposal], term| -> Vec<_> {
        (from..)
            .zip(proposals)
            .map(|(index, proposal)| raft_store::log::Entry {
                id: raft_store::position::LogId { term, index },
                payload: encode_proposal(proposal),
            })
            .collect()
    };
    let mut log = oracle::CommittedLog::default();
    log.take(entries(1, &proposals, 2)).unwrap();
    assert!(log.changes().unwrap().is_empty());
    let after = log.last().unwrap() + 1;
    let mut log = oracle::CommittedLog::default();
    log.take(entries(after, &proposals, 1)).unwrap();
    let changes = log.changes().unwrap();
    assert_eq!(changes, [(log.last().unwrap(), change)]);
}
