//! What a command came to, as the leader tells a follower and as the request
//! table keeps it.

use std::sync::Arc;

use bytes::Bytes;
use hosts::{Answer, Holder, ImportConflict, Outcome, Rejection, Revision};

use super::change::{CountsShape, counts_from, counts_shape, request_from};
use super::host::{
    HostShape, address_bytes, address_from, host_from, host_id_bytes, host_id_from, host_shape,
    hostname_from,
};
use super::snapshot::{
    MadeShape, RolledBackShape, made_from, made_shape, rolled_back_from, rolled_back_shape,
    snapshot_id_bytes, snapshot_id_from,
};
use super::wire::{DecodeError, Flaw, encoded, required, versioned};
use super::{FIRST, SNAPSHOTS};
use crate::limits::COMMAND_BYTES_MAX;

/// The bytes of an answer between peers.
pub fn encode_answer(answer: &Answer) -> Bytes {
    encoded(&AnswerRecord {
        format: match answer.outcome {
            Outcome::Added(_)
            | Outcome::Updated(_)
            | Outcome::Deleted(_)
            | Outcome::Imported(_) => FIRST,
            Outcome::SnapshotCreated(_) | Outcome::SnapshotDeleted(_) | Outcome::RolledBack(_) => {
                SNAPSHOTS
            }
        },
        answer: Some(answer_shape(answer)),
    })
}

/// Reads an answer from a peer.
pub fn decode_answer(bytes: &Bytes) -> Result<Answer, DecodeError> {
    const WHAT: &str = "an answer";
    let AnswerRecord { format: _, answer } = versioned(WHAT, bytes, COMMAND_BYTES_MAX)?;
    required("answer", answer)
        .and_then(answer_from)
        .map_err(|flaw| flaw.in_record(WHAT))
}

/// The bytes of a rejection between peers.
pub fn encode_rejection(rejection: &Rejection) -> Bytes {
    encoded(&RejectionRecord {
        format: match rejection {
            Rejection::SnapshotNotFound { .. }
            | Rejection::SnapshotTaken { .. }
            | Rejection::TooManySnapshots { .. }
            | Rejection::Overtaken { .. } => SNAPSHOTS,
            _ => FIRST,
        },
        rejection: Some(rejection_shape(rejection)),
    })
}

/// Reads a rejection from a peer.
pub fn decode_rejection(bytes: &Bytes) -> Result<Rejection, DecodeError> {
    const WHAT: &str = "a rejection";
    let RejectionRecord {
        format: _,
        rejection,
    } = versioned(WHAT, bytes, COMMAND_BYTES_MAX)?;
    required("rejection", rejection)
        .and_then(rejection_from)
        .map_err(|flaw| flaw.in_record(WHAT))
}

#[derive(Clone, PartialEq, prost::Message)]
struct AnswerRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(message, optional, tag = "2")]
    answer: Option<AnswerShape>,
}

/// A revision and what came of the request there.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AnswerShape {
    #[prost(uint64, tag = "1")]
    revision: u64,
    #[prost(oneof = "OutcomeShape", tags = "2, 3, 4, 5, 16, 17, 18")]
    outcome: Option<OutcomeShape>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum OutcomeShape {
    #[prost(message, tag = "2")]
    Added(HostShape),
    #[prost(message, tag = "3")]
    Updated(HostShape),
    #[prost(bytes = "bytes", tag = "4")]
    Deleted(Bytes),
    #[prost(message, tag = "5")]
    Imported(CountsShape),
    #[prost(message, tag = "16")]
    SnapshotCreated(MadeShape),
    #[prost(bytes = "bytes", tag = "17")]
    SnapshotDeleted(Bytes),
    #[prost(message, tag = "18")]
    RolledBack(RolledBackShape),
}

pub(crate) fn answer_shape(Answer { revision, outcome }: &Answer) -> AnswerShape {
    AnswerShape {
        revision: revision.get(),
        outcome: Some(match outcome {
            Outcome::Added(host) => OutcomeShape::Added(host_shape(host)),
            Outcome::Updated(host) => OutcomeShape::Updated(host_shape(host)),
            Outcome::Deleted(id) => OutcomeShape::Deleted(host_id_bytes(*id)),
            Outcome::Imported(counts) => OutcomeShape::Imported(counts_shape(counts)),
            Outcome::SnapshotCreated(made) => OutcomeShape::SnapshotCreated(made_shape(made)),
            Outcome::SnapshotDeleted(id) => OutcomeShape::SnapshotDeleted(snapshot_id_bytes(*id)),
            Outcome::RolledBack(counts) => OutcomeShape::RolledBack(rolled_back_shape(counts)),
        }),
    }
}

pub(crate) fn answer_from(AnswerShape { revision, outcome }: AnswerShape) -> Result<Answer, Flaw> {
    let host = |field, shape| {
        host_from(shape)
            .map(Arc::new)
            .map_err(|flaw: Flaw| flaw.within(field))
    };
    Ok(Answer {
        revision: Revision::new(revision),
        outcome: match required("outcome", outcome)? {
            OutcomeShape::Added(shape) => Outcome::Added(host("added", shape)?),
            OutcomeShape::Updated(shape) => Outcome::Updated(host("updated", shape)?),
            OutcomeShape::Deleted(id) => Outcome::Deleted(host_id_from("deleted", &id)?),
            OutcomeShape::Imported(counts) => Outcome::Imported(counts_from(counts)),
            OutcomeShape::SnapshotCreated(made) => Outcome::SnapshotCreated(
                made_from(&made).map_err(|flaw| flaw.within("snapshot_created"))?,
            ),
            OutcomeShape::SnapshotDeleted(id) => {
                Outcome::SnapshotDeleted(snapshot_id_from("snapshot_deleted", &id)?)
            }
            OutcomeShape::RolledBack(counts) => Outcome::RolledBack(
                rolled_back_from(&counts).map_err(|flaw| flaw.within("rolled_back"))?,
            ),
        },
    })
}

#[derive(Clone, PartialEq, prost::Message)]
struct RejectionRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(
        oneof = "RejectionShape",
        tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 24, 25, 26, 27"
    )]
    rejection: Option<RejectionShape>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum RejectionShape {
    #[prost(bytes = "bytes", tag = "2")]
    NotFound(Bytes),
    #[prost(bytes = "bytes", tag = "3")]
    IdTaken(Bytes),
    #[prost(message, tag = "4")]
    Duplicate(DuplicateShape),
    #[prost(message, tag = "5")]
    VersionMismatch(MismatchShape),
    #[prost(string, tag = "6")]
    RequestReused(String),
    #[prost(string, tag = "7")]
    RequestKnown(String),
    #[prost(bytes = "bytes", tag = "8")]
    Moved(Bytes),
    #[prost(message, tag = "9")]
    ImportConflicts(ConflictsShape),
    #[prost(message, tag = "10")]
    ImportTooLarge(OverShape),
    #[prost(uint64, tag = "11")]
    TooManyHosts(u64),
    #[prost(message, tag = "12")]
    ChangeTooLarge(OverShape),
    #[prost(message, tag = "13")]
    RevisionBehind(BehindShape),
    #[prost(string, tag = "14")]
    RequestForgotten(String),
    #[prost(bytes = "bytes", tag = "24")]
    SnapshotNotFound(Bytes),
    #[prost(bytes = "bytes", tag = "25")]
    SnapshotTaken(Bytes),
    #[prost(uint64, tag = "26")]
    TooManySnapshots(u64),
    #[prost(message, tag = "27")]
    Overtaken(OvertakenShape),
}

#[derive(Clone, PartialEq, prost::Message)]
struct DuplicateShape {
    #[prost(bytes = "bytes", tag = "1")]
    address: Bytes,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(bytes = "bytes", tag = "3")]
    existing: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MismatchShape {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(uint64, tag = "2")]
    expected: u64,
    #[prost(uint64, tag = "3")]
    actual: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ConflictsShape {
    #[prost(message, repeated, tag = "1")]
    shown: Vec<ConflictShape>,
    #[prost(uint64, tag = "2")]
    total: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ConflictShape {
    #[prost(uint64, tag = "1")]
    row: u64,
    #[prost(bytes = "bytes", tag = "2")]
    address: Bytes,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(oneof = "HolderShape", tags = "4, 5")]
    held_by: Option<HolderShape>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum HolderShape {
    #[prost(bytes = "bytes", tag = "4")]
    Host(Bytes),
    #[prost(uint64, tag = "5")]
    Row(u64),
}

/// How many there are, and how many there may be.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct OverShape {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(uint64, tag = "2")]
    limit: u64,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct BehindShape {
    #[prost(uint64, tag = "1")]
    at: u64,
    #[prost(uint64, tag = "2")]
    current: u64,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct OvertakenShape {
    #[prost(uint64, tag = "1")]
    base: u64,
    #[prost(uint64, tag = "2")]
    current: u64,
}

fn rejection_shape(rejection: &Rejection) -> RejectionShape {
    match rejection {
        Rejection::NotFound { id } => RejectionShape::NotFound(host_id_bytes(*id)),
        Rejection::IdTaken { id } => RejectionShape::IdTaken(host_id_bytes(*id)),
        Rejection::Duplicate {
            address,
            name,
            existing,
        } => RejectionShape::Duplicate(DuplicateShape {
            address: address_bytes(*address),
            name: name.as_str().to_owned(),
            existing: host_id_bytes(*existing),
        }),
        Rejection::VersionMismatch {
            id,
            expected,
            actual,
        } => RejectionShape::VersionMismatch(MismatchShape {
            id: host_id_bytes(*id),
            expected: expected.get(),
            actual: actual.get(),
        }),
        Rejection::RequestReused { request } => {
            RejectionShape::RequestReused(request.as_str().to_owned())
        }
        Rejection::RequestKnown { request } => {
            RejectionShape::RequestKnown(request.as_str().to_owned())
        }
        Rejection::RequestForgotten { request } => {
            RejectionShape::RequestForgotten(request.as_str().to_owned())
        }
        Rejection::Moved { id } => RejectionShape::Moved(host_id_bytes(*id)),
        Rejection::ImportConflicts { shown, total } => {
            RejectionShape::ImportConflicts(ConflictsShape {
                shown: shown.iter().map(conflict_shape).collect(),
                total: wide(*total),
            })
        }
        Rejection::ImportTooLarge { rows, limit } => RejectionShape::ImportTooLarge(OverShape {
            count: wide(*rows),
            limit: wide(*limit),
        }),
        Rejection::TooManyHosts { limit } => RejectionShape::TooManyHosts(wide(*limit)),
        Rejection::ChangeTooLarge { events, limit } => RejectionShape::ChangeTooLarge(OverShape {
            count: wide(*events),
            limit: wide(*limit),
        }),
        Rejection::RevisionBehind { at, current } => RejectionShape::RevisionBehind(BehindShape {
            at: at.get(),
            current: current.get(),
        }),
        Rejection::SnapshotNotFound { id } => {
            RejectionShape::SnapshotNotFound(snapshot_id_bytes(*id))
        }
        Rejection::SnapshotTaken { id } => RejectionShape::SnapshotTaken(snapshot_id_bytes(*id)),
        Rejection::TooManySnapshots { limit } => RejectionShape::TooManySnapshots(wide(*limit)),
        Rejection::Overtaken { base, current } => RejectionShape::Overtaken(OvertakenShape {
            base: base.get(),
            current: current.get(),
        }),
    }
}

fn rejection_from(shape: RejectionShape) -> Result<Rejection, Flaw> {
    Ok(match shape {
        RejectionShape::NotFound(id) => Rejection::NotFound {
            id: host_id_from("not_found", &id)?,
        },
        RejectionShape::IdTaken(id) => Rejection::IdTaken {
            id: host_id_from("id_taken", &id)?,
        },
        RejectionShape::Duplicate(DuplicateShape {
            address,
            name,
            existing,
        }) => Rejection::Duplicate {
            address: address_from("duplicate.address", &address)?,
            name: hostname_from("duplicate.name", &name)?,
            existing: host_id_from("duplicate.existing", &existing)?,
        },
        RejectionShape::VersionMismatch(MismatchShape {
            id,
            expected,
            actual,
        }) => Rejection::VersionMismatch {
            id: host_id_from("version_mismatch.id", &id)?,
            expected: Revision::new(expected),
            actual: Revision::new(actual),
        },
        RejectionShape::RequestReused(request) => Rejection::RequestReused {
            request: request_from("request_reused", &request)?,
        },
        RejectionShape::RequestKnown(request) => Rejection::RequestKnown {
            request: request_from("request_known", &request)?,
        },
        RejectionShape::RequestForgotten(request) => Rejection::RequestForgotten {
            request: request_from("request_forgotten", &request)?,
        },
        RejectionShape::Moved(id) => Rejection::Moved {
            id: host_id_from("moved", &id)?,
        },
        RejectionShape::ImportConflicts(ConflictsShape { shown, total }) => {
            Rejection::ImportConflicts {
                shown: shown
                    .into_iter()
                    .enumerate()
                    .map(|(at, shape)| conflict_from(shape).map_err(|flaw| flaw.at("shown", at)))
                    .collect::<Result<_, _>>()?,
                total: narrow("total", total)?,
            }
        }
        RejectionShape::ImportTooLarge(OverShape { count, limit }) => Rejection::ImportTooLarge {
            rows: narrow("rows", count)?,
            limit: narrow("limit", limit)?,
        },
        RejectionShape::TooManyHosts(limit) => Rejection::TooManyHosts {
            limit: narrow("limit", limit)?,
        },
        RejectionShape::ChangeTooLarge(OverShape { count, limit }) => Rejection::ChangeTooLarge {
            events: narrow("events", count)?,
            limit: narrow("limit", limit)?,
        },
        RejectionShape::RevisionBehind(BehindShape { at, current }) => Rejection::RevisionBehind {
            at: Revision::new(at),
            current: Revision::new(current),
        },
        RejectionShape::SnapshotNotFound(id) => Rejection::SnapshotNotFound {
            id: snapshot_id_from("snapshot_not_found", &id)?,
        },
        RejectionShape::SnapshotTaken(id) => Rejection::SnapshotTaken {
            id: snapshot_id_from("snapshot_taken", &id)?,
        },
        RejectionShape::TooManySnapshots(limit) => Rejection::TooManySnapshots {
            limit: narrow("limit", limit)?,
        },
        RejectionShape::Overtaken(OvertakenShape { base, current }) => Rejection::Overtaken {
            base: Revision::new(base),
            current: Revision::new(current),
        },
    })
}

fn conflict_shape(conflict: &ImportConflict) -> ConflictShape {
    let ImportConflict {
        row,
        address,
        name,
        held_by,
    } = conflict;
    ConflictShape {
        row: wide(*row),
        address: address_bytes(*address),
        name: name.as_str().to_owned(),
        held_by: Some(match held_by {
            Holder::Host(id) => HolderShape::Host(host_id_bytes(*id)),
            Holder::Row(row) => HolderShape::Row(wide(*row)),
        }),
    }
}

fn conflict_from(
    ConflictShape {
        row,
        address,
        name,
        held_by,
    }: ConflictShape,
) -> Result<ImportConflict, Flaw> {
    Ok(ImportConflict {
        row: narrow("row", row)?,
        address: address_from("address", &address)?,
        name: hostname_from("name", &name)?,
        held_by: match required("held_by", held_by)? {
            HolderShape::Host(id) => Holder::Host(host_id_from("held_by.host", &id)?),
            HolderShape::Row(row) => Holder::Row(narrow("held_by.row", row)?),
        },
    })
}

/// A count on the wire.
fn wide(count: usize) -> u64 {
    u64::try_from(count).expect("no count is beyond 64 bits")
}

/// A count from the wire, which may come from a machine with wider words.
fn narrow(field: &str, count: u64) -> Result<usize, Flaw> {
    usize::try_from(count).map_err(|cause| Flaw::new(field, cause))
}
