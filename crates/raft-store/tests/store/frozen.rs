//! The bytes of every record, frozen: this version writes them, and every
//! later one reads them.
//!
//! A new record gets its file by running the tests with
//! `RAFT_STORE_FREEZE=1`, which never touches a file that is there.

use std::fmt::Debug;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::{env, fs};

use bytes::Bytes;
use hosts::{
    Address, Aliases, Answer, Change, Command, Comment, ConflictMode, DeleteReason, Digest,
    DropReason, Event, Expected, Fingerprint, Holder, Host, HostId, HostPatch, Hostname,
    ImportConflict, ImportCounts, Label, LeftOut, NewHost, OldRow, Outcome, Position, Rejection,
    Reply, RequestId, RequestRow, Revision, RollbackCounts, RowKey, Snapshot, SnapshotId,
    SnapshotMade, Stamp, Tag, Tags, Timestamp,
};
use openraft::EntryPayload;
use openraft::raft::TransferLeaderError;
use raft_store::raft::{
    AppendEntriesRequest, AppendEntriesResponse, EncodedProposal, RaftEntry, RaftLogId,
    RaftMembership, RaftVote, SnapshotMeta, SnapshotResponse, StoredMembership,
    TransferLeaderRequest, VoteRequest, VoteResponse,
};
use raft_store::record::{self, DecodeError, PositionRow, Proposal, SnapshotHead, SnapshotOffer};

use crate::driver::Machine;
use crate::history::{History, membership};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/frozen")
        .join(format!("{name}.bin"))
}

/// The frozen bytes of `name`, which are those of `now`.
fn frozen_bytes(name: &str, now: &Bytes) -> Bytes {
    let path = path(name);
    if !path.exists() && env::var_os("RAFT_STORE_FREEZE").is_some() {
        fs::write(&path, now).unwrap();
    }
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(
        bytes == *now,
        "{name} is written in other bytes than the frozen ones"
    );
    bytes.into()
}

/// Checks a record against its file, both ways, and that no damage of the
/// file makes the reader panic or read past it.
fn frozen<T: Debug>(
    name: &str,
    value: &T,
    encode: impl Fn(&T) -> Bytes,
    decode: impl Fn(&Bytes) -> Result<T, DecodeError>,
) {
    let bytes = frozen_bytes(name, &encode(value));
    let read = decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    assert_eq!(format!("{read:?}"), format!("{value:?}"), "{name}");
    assert_eq!(encode(&read), bytes, "{name}");
    for at in 0..bytes.len().min(400) {
        drop(decode(&bytes.slice(..at)));
        let mut damaged = bytes.to_vec();
        damaged[at] = damaged[at].wrapping_add(0x7F);
        drop(decode(&damaged.into()));
    }
}

fn id(bits: u128) -> HostId {
    HostId::from_u128(bits)
}

fn v4(text: &str) -> Address {
    Address::new(text.parse::<Ipv4Addr>().unwrap().into())
}

fn v6(text: &str) -> Address {
    Address::new(text.parse::<Ipv6Addr>().unwrap().into())
}

fn name(text: &str) -> Hostname {
    Hostname::parse(text).unwrap()
}

fn aliases(texts: &[&str]) -> Aliases {
    Aliases::new(texts.iter().map(|text| name(text)).collect()).unwrap()
}

fn tags(texts: &[&str]) -> Tags {
    Tags::new(texts.iter().map(|text| Tag::parse(text).unwrap()).collect()).unwrap()
}

fn facts() -> NewHost {
    NewHost {
        address: v4("10.0.0.7"),
        hostname: name("nas.lan"),
        aliases: aliases(&["files.lan", "backup.lan"]),
        tags: tags(&["storage", "site/a"]),
        comment: Some(Comment::parse("under the stairs").unwrap()),
        enabled: true,
    }
}

fn a_host() -> Host {
    let NewHost {
        address,
        hostname,
        aliases,
        tags,
        comment,
        enabled,
    } = facts();
    Host {
        id: id(0x0189_0000_0000_0000_0000_0000_0000_0020),
        address,
        hostname,
        aliases,
        tags,
        comment,
        enabled,
        version: Revision::new(41),
        created: Timestamp::from_millis(1_795_197_600_000),
        updated: Timestamp::from_millis(1_795_197_600_123),
    }
}

fn change() -> Change {
    let created = facts();
    let events = vec![
        Event::HostCreated {
            id: id(1),
            address: created.address,
            hostname: created.hostname,
            aliases: created.aliases,
            tags: created.tags,
            comment: created.comment,
            enabled: created.enabled,
        },
        Event::IpAddressChanged {
            id: id(2),
            old: v4("10.0.0.8"),
            new: v6("fd00::8"),
        },
        Event::HostnameChanged {
            id: id(2),
            old: name("a.lan"),
            new: name("b.lan"),
        },
        Event::AliasesModified {
            id: id(2),
            old: aliases(&[]),
            new: aliases(&["c.lan"]),
        },
        Event::CommentUpdated {
            id: id(2),
            old: Some(Comment::parse("old").unwrap()),
            new: None,
        },
        Event::TagsModified {
            id: id(2),
            old: tags(&["x"]),
            new: tags(&["y", "z"]),
        },
        Event::HostEnabled { id: id(3) },
        Event::HostDisabled { id: id(4) },
        Event::HostDeleted {
            id: a_host().id,
            reason: DeleteReason::Requested,
            old: Arc::new(a_host()),
        },
    ];
    Change {
        events,
        reply: Reply::Updated(id(2)),
        expected: vec![Expected {
            id: id(2),
            version: Revision::new(40),
        }],
        stamp: Stamp {
            at: Timestamp::from_millis(1_795_197_600_456),
            by: "admin:alice".parse().unwrap(),
            request: RequestId::parse("01J0000000000000000000000A").unwrap(),
            since: None,
            fingerprint: Fingerprint::from_bytes([7; 16]),
            seed: 0xFEDC_BA98,
        },
    }
}

fn at(term: u64, index: u64) -> RaftLogId {
    RaftLogId::new_term_index(term, index)
}

fn stored_membership() -> StoredMembership {
    StoredMembership::new(Some(at(2, 8)), membership())
}

fn position() -> PositionRow {
    PositionRow {
        applied: Some(at(3, 42)),
        membership: stored_membership(),
        position: Position {
            revision: Revision::new(41),
            rendered: Revision::new(39),
            rendered_with_comments: Revision::new(40),
            last_stamp: Timestamp::from_millis(1_795_197_600_456),
        },
        digest: Digest::from_bytes([9; 32]),
        hosts: 1,
        snapshots: 0,
    }
}

#[test]
fn proposals_and_payloads_keep_their_bytes() {
    let proposals = [
        (
            "proposal_change",
            Proposal::Change {
                term: 3,
                change: change(),
            },
        ),
        (
            "proposal_part",
            Proposal::Part {
                term: 3,
                id: 0xABCD,
                number: 2,
                bytes: Bytes::from_static(b"a piece"),
            },
        ),
        (
            "proposal_commit",
            Proposal::Commit {
                term: 3,
                id: 0xABCD,
                parts: 3,
                digest: [5; 32],
            },
        ),
    ];
    for (name, proposal) in &proposals {
        frozen(
            name,
            proposal,
            record::encode_proposal,
            record::decode_proposal,
        );
    }
    // Later than the others: entries without it are read, and mean what they meant.
    let mut since = change();
    since.stamp.since = Some(Revision::new(39));
    let since = Proposal::Change {
        term: 3,
        change: since,
    };
    frozen(
        "proposal_since",
        &since,
        record::encode_proposal,
        record::decode_proposal,
    );
    let replies = [
        ("reply_added", Reply::Added(id(1))),
        ("reply_deleted", Reply::Deleted(id(1))),
        ("reply_imported", Reply::Imported(counts())),
        (
            "reply_imported_left_out",
            Reply::Imported(counts_with_left_out()),
        ),
    ];
    for (name, reply) in replies {
        let change = Change {
            reply,
            events: Vec::new(),
            ..change()
        };
        let proposal = Proposal::Change { term: 1, change };
        frozen(
            name,
            &proposal,
            record::encode_proposal,
            record::decode_proposal,
        );
    }
    // The second format: with named snapshots.
    let named = Proposal::Change {
        term: 3,
        change: Change {
            events: snapshot_events(),
            ..change()
        },
    };
    frozen(
        "proposal_snapshots",
        &named,
        record::encode_proposal,
        record::decode_proposal,
    );
    for (name, reply) in [
        (
            "reply_snapshot_created",
            Reply::SnapshotCreated(snapshot(1)),
        ),
        (
            "reply_snapshot_deleted",
            Reply::SnapshotDeleted(snapshot(1)),
        ),
        ("reply_rolled_back", Reply::RolledBack(rollback_counts())),
    ] {
        let change = Change {
            reply,
            events: Vec::new(),
            ..change()
        };
        let proposal = Proposal::Change { term: 1, change };
        frozen(
            name,
            &proposal,
            record::encode_proposal,
            record::decode_proposal,
        );
    }
    let [_, (_, part), _] = &proposals;
    let joint = RaftMembership::new(
        vec![[1].into(), [1, 2].into()],
        std::collections::BTreeMap::from([
            (1, membership().get_node(&1).unwrap().clone()),
            (2, Default::default()),
            (3, Default::default()),
        ]),
    )
    .unwrap();
    for (name, payload) in [
        ("payload_blank", EntryPayload::Blank),
        ("payload_membership", EntryPayload::Membership(joint)),
        (
            "payload_proposal",
            EntryPayload::Normal(EncodedProposal::new(part)),
        ),
    ] {
        frozen(
            name,
            &payload,
            record::encode_payload,
            record::decode_payload,
        );
    }
}

fn snapshot(bits: u128) -> SnapshotId {
    SnapshotId::from_u128(bits)
}

fn label(text: &str) -> Label {
    Label::parse("name", text).unwrap()
}

fn snapshot_events() -> Vec<Event> {
    vec![
        Event::SnapshotDeleted {
            id: snapshot(1),
            reason: DropReason::Requested,
        },
        Event::SnapshotDeleted {
            id: snapshot(2),
            reason: DropReason::Retired,
        },
        Event::SnapshotCreated {
            id: snapshot(3),
            name: Some(label("before the move")),
            trigger: label("manual"),
        },
        Event::SnapshotCreated {
            id: snapshot(4),
            name: None,
            trigger: label("pre-rollback"),
        },
        Event::RolledBack {
            to: snapshot(5),
            base: Revision::new(40),
        },
        Event::HostRestored {
            host: Arc::new(a_host()),
        },
    ]
}

fn rollback_counts() -> RollbackCounts {
    RollbackCounts {
        backup: Some(snapshot(6)),
        hosts: 10,
        created: 3,
        updated: 2,
        deleted: 1,
    }
}

fn counts() -> ImportCounts {
    ImportCounts {
        processed: 6,
        created: 3,
        updated: 2,
        skipped: 1,
        left_out: LeftOut::default(),
    }
}

fn counts_with_left_out() -> ImportCounts {
    ImportCounts {
        skipped: 300,
        left_out: LeftOut {
            rows: [2, 300].into(),
            total: 3,
        },
        ..counts()
    }
}

#[test]
fn commands_answers_and_rejections_keep_their_bytes() {
    let patch = HostPatch {
        address: Some(v6("fd00::7")),
        hostname: Some(name("new.lan")),
        aliases: Some(aliases(&[])),
        tags: Some(tags(&["t"])),
        comment: Some(None),
        enabled: Some(false),
    };
    let update = |patch, expected| Command::UpdateHost {
        id: id(2),
        patch,
        expected,
    };
    for (name, command) in [
        ("command_add", Command::AddHost(facts())),
        ("command_update", update(patch, Some(Revision::new(40)))),
        ("command_update_nothing", update(HostPatch::default(), None)),
        (
            "command_delete",
            Command::DeleteHost {
                id: id(2),
                expected: Some(Revision::new(40)),
            },
        ),
        ("command_import_skip", import(ConflictMode::Skip)),
        ("command_import_replace", import(ConflictMode::Replace)),
        ("command_import_strict", import(ConflictMode::Strict)),
        (
            "command_create_snapshot",
            Command::CreateSnapshot {
                name: Some(label("before the move")),
                trigger: Some(label("cron")),
            },
        ),
        (
            "command_create_snapshot_unnamed",
            Command::CreateSnapshot {
                name: None,
                trigger: None,
            },
        ),
        (
            "command_delete_snapshot",
            Command::DeleteSnapshot { id: snapshot(7) },
        ),
        ("command_roll_back", Command::RollBack { to: snapshot(7) }),
    ] {
        frozen(
            name,
            &command,
            record::encode_command,
            record::decode_command,
        );
    }
    for (name, outcome) in [
        ("answer_added", Outcome::Added(Arc::new(a_host()))),
        ("answer_updated", Outcome::Updated(Arc::new(a_host()))),
        ("answer_deleted", Outcome::Deleted(id(2))),
        ("answer_imported", Outcome::Imported(counts())),
        (
            "answer_imported_left_out",
            Outcome::Imported(counts_with_left_out()),
        ),
        (
            "answer_snapshot_created",
            Outcome::SnapshotCreated(SnapshotMade {
                id: snapshot(7),
                created: Timestamp::from_millis(1_795_197_600_000),
                hosts: 10,
            }),
        ),
        (
            "answer_snapshot_deleted",
            Outcome::SnapshotDeleted(snapshot(7)),
        ),
        ("answer_rolled_back", Outcome::RolledBack(rollback_counts())),
        (
            "answer_rolled_back_nothing",
            Outcome::RolledBack(RollbackCounts {
                backup: None,
                ..rollback_counts()
            }),
        ),
    ] {
        let answer = Answer {
            revision: Revision::new(41),
            outcome,
        };
        frozen(name, &answer, record::encode_answer, record::decode_answer);
    }
    for rejection in rejections() {
        let name = format!("rejection_{}", rejection.reason().to_lowercase());
        frozen(
            &name,
            &rejection,
            record::encode_rejection,
            record::decode_rejection,
        );
    }
}

fn import(mode: ConflictMode) -> Command {
    let rows = vec![facts(), NewHost::new(v6("fd00::9"), name("p.lan"))];
    Command::ImportHosts { rows, mode }
}

fn rejections() -> Vec<Rejection> {
    let request = RequestId::parse("again").unwrap();
    let conflict = |row, held_by| ImportConflict {
        row,
        address: v4("10.0.0.7"),
        name: name("nas.lan"),
        held_by,
    };
    vec![
        Rejection::NotFound { id: id(2) },
        Rejection::IdTaken { id: id(2) },
        Rejection::Duplicate {
            address: v4("10.0.0.7"),
            name: name("nas.lan"),
            existing: id(2),
        },
        Rejection::VersionMismatch {
            id: id(2),
            expected: Revision::new(3),
            actual: Revision::new(4),
        },
        Rejection::RequestReused {
            request: request.clone(),
        },
        Rejection::RequestKnown {
            request: request.clone(),
        },
        Rejection::RequestForgotten { request },
        Rejection::Moved { id: id(2) },
        Rejection::ImportConflicts {
            shown: vec![
                conflict(1, Holder::Host(id(2))),
                conflict(2, Holder::Row(1)),
            ],
            total: 200,
        },
        Rejection::ImportTooLarge {
            rows: 300_000,
            limit: 200_000,
        },
        Rejection::TooManyHosts { limit: 1_000_000 },
        Rejection::ChangeTooLarge {
            events: 2_000_000,
            limit: 1_000_000,
        },
        Rejection::SnapshotNotFound { id: snapshot(7) },
        Rejection::SnapshotTaken { id: snapshot(7) },
        Rejection::TooManySnapshots { limit: 1000 },
        Rejection::Overtaken {
            base: Revision::new(40),
            current: Revision::new(41),
        },
        Rejection::RevisionBehind {
            at: Revision::new(3),
            current: Revision::new(4),
        },
    ]
}

#[test]
fn outcomes_of_forwarded_commands_keep_their_bytes() {
    use raft_store::record::ForwardOutcome;
    let answer = Answer {
        revision: Revision::new(41),
        outcome: Outcome::Deleted(id(2)),
    };
    for (name, outcome) in [
        ("forward_answered", ForwardOutcome::Answered(answer)),
        (
            "forward_rejected",
            ForwardOutcome::Rejected(Rejection::NotFound { id: id(2) }),
        ),
        ("forward_not_leader", ForwardOutcome::NotLeader),
        ("forward_unknown", ForwardOutcome::Unknown),
        ("forward_busy", ForwardOutcome::Busy),
    ] {
        frozen(
            name,
            &outcome,
            record::encode_forward_outcome,
            record::decode_forward_outcome,
        );
    }
}

#[test]
fn messages_between_peers_keep_their_bytes() {
    let vote = RaftVote::new(3, 1);
    let granted = RaftVote::new_committed(3, 1);
    let entry = |index, payload| RaftEntry {
        log_id: at(3, index),
        payload,
    };
    let request = AppendEntriesRequest {
        vote: granted,
        prev_log_id: Some(at(2, 8)),
        entries: vec![
            entry(9, EntryPayload::Blank),
            entry(10, EntryPayload::Membership(membership())),
        ],
        leader_commit: Some(at(2, 7)),
    };
    frozen(
        "append_entries_request",
        &request,
        record::encode_append_entries_request,
        record::decode_append_entries_request,
    );
    for (name, response) in [
        ("append_entries_success", AppendEntriesResponse::Success),
        (
            "append_entries_partial",
            AppendEntriesResponse::PartialSuccess(Some(at(3, 9))),
        ),
        ("append_entries_conflict", AppendEntriesResponse::Conflict),
        (
            "append_entries_higher_vote",
            AppendEntriesResponse::HigherVote(vote),
        ),
    ] {
        frozen(
            name,
            &response,
            record::encode_append_entries_response,
            record::decode_append_entries_response,
        );
    }
    let mut request = VoteRequest::new(vote, Some(at(2, 8)));
    request.leadership_transfer = true;
    frozen(
        "vote_request",
        &request,
        record::encode_vote_request,
        record::decode_vote_request,
    );
    let response = VoteResponse::new(vote, Some(at(2, 8)), true);
    frozen(
        "vote_response",
        &response,
        record::encode_vote_response,
        record::decode_vote_response,
    );
    let request = TransferLeaderRequest::new(granted, 2, Some(at(3, 10)));
    frozen(
        "transfer_leader_request",
        &request,
        record::encode_transfer_leader_request,
        record::decode_transfer_leader_request,
    );
    for (name, response) in [
        ("transfer_leader_accepted", Ok(())),
        (
            "transfer_leader_vote_changed",
            Err(TransferLeaderError::VoteChanged {
                expected: granted,
                actual: vote,
            }),
        ),
        (
            "transfer_leader_not_flushed",
            Err(TransferLeaderError::LogNotFlushed {
                expected: Some(at(3, 10)),
                actual: None,
            }),
        ),
    ] {
        frozen(
            name,
            &response,
            record::encode_transfer_leader_response,
            record::decode_transfer_leader_response,
        );
    }
    let offer = SnapshotOffer {
        vote: granted,
        meta: SnapshotMeta {
            last_log_id: Some(at(3, 42)),
            last_membership: stored_membership(),
        },
        len: 123_456,
    };
    frozen(
        "snapshot_offer",
        &offer,
        record::encode_snapshot_offer,
        record::decode_snapshot_offer,
    );
    frozen(
        "snapshot_response",
        &SnapshotResponse::new(vote),
        record::encode_snapshot_response,
        record::decode_snapshot_response,
    );
}

#[test]
fn rows_keep_their_bytes() {
    frozen(
        "row_host",
        &a_host(),
        record::encode_host_row,
        record::decode_host_row,
    );
    let row = RequestRow {
        by: "editor:bob".parse().unwrap(),
        request: RequestId::parse("r-1").unwrap(),
        fingerprint: Fingerprint::from_bytes([3; 16]),
        answer: Answer {
            revision: Revision::new(41),
            outcome: Outcome::Deleted(id(2)),
        },
    };
    frozen(
        "row_request",
        &row,
        record::encode_request_row,
        record::decode_request_row,
    );
    frozen(
        "row_position",
        &position(),
        record::encode_position_row,
        record::decode_position_row,
    );
    let head = SnapshotHead {
        cluster: 0xC0FFEE,
        position: position(),
    };
    frozen(
        "snapshot_head",
        &head,
        record::encode_snapshot_head,
        record::decode_snapshot_head,
    );
    // The second format.
    let named = PositionRow {
        snapshots: 2,
        ..position()
    };
    frozen(
        "row_position_snapshots",
        &named,
        record::encode_position_row,
        record::decode_position_row,
    );
    let a_snapshot = Snapshot {
        id: snapshot(7),
        name: Some(label("before the move")),
        trigger: label("manual"),
        created: Timestamp::from_millis(1_795_197_600_000),
        by: "editor:bob".parse().unwrap(),
        revision: Revision::new(42),
        hosts: 10,
    };
    frozen(
        "row_snapshot",
        &a_snapshot,
        record::encode_snapshot_row,
        record::decode_snapshot_row,
    );
    let host = a_host();
    for (name, old) in [("row_old", Some(host.clone())), ("row_old_absent", None)] {
        let row = OldRow {
            snapshot: Revision::new(42),
            id: host.id,
            host: old.map(Arc::new),
        };
        frozen(name, &row, record::encode_old_row, record::decode_old_row);
    }
    let tail = record::SnapshotTail { rows: 2, crc: 77 };
    frozen(
        "snapshot_tail",
        &tail,
        |tail| record::encode_snapshot_tail(*tail),
        record::decode_snapshot_tail,
    );
}

#[test]
fn files_and_keys_keep_their_bytes() {
    let machine = Machine::default();
    let mut history = History::new();
    history.add(1);
    let mut node = machine.open().unwrap();
    node.vote(1).unwrap();
    node.run(&history.entries).unwrap();
    let snapshot = node.snapshot().unwrap().snapshot;
    frozen_bytes("file_snapshot", &snapshot.read_at(0, usize::MAX).unwrap());
    node.close();

    let mut keys = Vec::new();
    machine.states.edit(&machine.state_path(), |rows| {
        keys = rows.keys().cloned().collect()
    });
    let host = history.model.hosts().next().unwrap().id.as_u128();
    assert_eq!(
        keys,
        [
            b"a".to_vec(),
            [&b"h/"[..], &host.to_be_bytes()].concat(),
            [&b"i/"[..], &1u64.to_be_bytes()].concat(),
        ]
    );

    // Named snapshots have rows of their own, in files of the second format.
    let machine = Machine::default();
    let mut history = History::new();
    for number in 0..4 {
        history.add(number);
    }
    history.snapshots(1000);
    let mut node = machine.open().unwrap();
    node.vote(1).unwrap();
    node.run(&history.entries).unwrap();
    let snapshot = node.snapshot().unwrap().snapshot;
    frozen_bytes(
        "file_snapshot_named",
        &snapshot.read_at(0, usize::MAX).unwrap(),
    );
    node.close();
    machine.states.edit(&machine.state_path(), |rows| {
        keys = rows.keys().cloned().collect()
    });
    keys.retain(|key| matches!(key[0], b's' | b'u'));
    let rows = history.model.rows().filter_map(|row| match row.key() {
        RowKey::Snapshot(at) => Some([&b"s/"[..], &at.get().to_be_bytes()].concat()),
        RowKey::Old(at, id) => {
            let (at, id) = (at.get().to_be_bytes(), id.as_u128().to_be_bytes());
            Some([&b"u/"[..], &at, &id].concat())
        }
        RowKey::Host(_) | RowKey::Request(_) => None,
    });
    assert_eq!(keys, rows.collect::<Vec<_>>());
    assert!(keys.len() > 4);

    let identity = Machine::room("IDENTITY");
    let identity = raft_store::disk::read_to_end(&machine.disk, &identity, 4096).unwrap();
    frozen_bytes("file_identity", &identity.into());
}

#[test]
fn a_newer_format_is_refused_by_name() {
    // Field 1, the format, as a varint: 3 instead of 1.
    for (name, decode) in [
        (
            "proposal_change",
            (|bytes| record::decode_proposal(bytes).map(drop)) as fn(&Bytes) -> Result<(), _>,
        ),
        ("payload_membership", |bytes| {
            record::decode_payload(bytes).map(drop)
        }),
        ("command_add", |bytes| {
            record::decode_command(bytes).map(drop)
        }),
        ("answer_added", |bytes| {
            record::decode_answer(bytes).map(drop)
        }),
        ("rejection_not_found", |bytes| {
            record::decode_rejection(bytes).map(drop)
        }),
        ("row_position", |bytes| {
            record::decode_position_row(bytes).map(drop)
        }),
        ("snapshot_head", |bytes| {
            record::decode_snapshot_head(bytes).map(drop)
        }),
    ] {
        let mut bytes = fs::read(path(name)).unwrap();
        let format = bytes.iter().position(|byte| *byte == 0x08).unwrap() + 1;
        assert_eq!(bytes[format], 1, "{name}");
        bytes[format] = 3;
        let error = decode(&bytes.into()).unwrap_err();
        assert!(
            matches!(error, DecodeError::Newer { found: 3, .. }),
            "{name}: {error:?}"
        );
        assert!(error.to_string().contains("upgrade this node"), "{error}");
    }
}

#[test]
fn what_is_longer_than_its_kind_may_be_is_refused_before_it_is_read() {
    use raft_store::limits;
    let over = |max: usize| Bytes::from(vec![0; max + 1]);
    let refused = |result: Result<(), DecodeError>| {
        assert!(
            matches!(result, Err(DecodeError::TooLong { .. })),
            "{result:?}"
        );
    };
    refused(record::decode_payload(&over(limits::ENTRY_BYTES_MAX)).map(drop));
    refused(record::decode_proposal(&over(limits::ENTRY_BYTES_MAX)).map(drop));
    refused(record::decode_vote_request(&over(limits::PEER_MESSAGE_BYTES_MAX)).map(drop));
    refused(record::decode_host_row(&over(limits::ROW_BYTES_MAX)).map(drop));
    refused(record::decode_command(&over(limits::COMMAND_BYTES_MAX)).map(drop));
}

#[test]
fn an_error_says_what_and_where() {
    let mut row = record::encode_host_row(&a_host()).to_vec();
    let at = row.windows(7).position(|part| part == b"nas.lan").unwrap();
    row[at] = b'*';
    let error = record::decode_host_row(&row.into()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the row of a host: hostname cannot be accepted"
    );
    let cause = std::error::Error::source(&error).unwrap();
    assert!(cause.to_string().contains("*as.lan"), "{cause}");
}
