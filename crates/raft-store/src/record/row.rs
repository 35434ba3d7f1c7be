//! The rows of the state, and the head and tail of a snapshot, which holds
//! the same rows.

use bytes::Bytes;
use hosts::{Digest, Host, Position, RequestRow, Revision, Timestamp};

use super::answer::{AnswerShape, answer_from, answer_shape};
use super::change::{actor_from, fingerprint_bytes, fingerprint_from, request_from};
use super::entry::{
    LogIdShape, StoredMembershipShape, log_id_from, log_id_shape, stored_membership_from,
    stored_membership_shape,
};
use super::host::{HostShape, host_from, host_shape};
use super::wire::{DecodeError, Flaw, array, encoded, id, id_bytes, message, required, versioned};
use super::{FIRST, SNAPSHOTS};
use crate::limits::{FRAME_BYTES_MAX, ROW_BYTES_MAX};
use crate::raft::{RaftLogId, StoredMembership};

/// How far a state has come, and what its rows must add up to.
#[derive(Debug, Clone, PartialEq)]
pub struct PositionRow {
    /// The last entry applied.
    pub applied: Option<RaftLogId>,
    /// The last membership applied.
    pub membership: StoredMembership,
    /// That of the projection.
    pub position: Position,
    /// That of the projection.
    pub digest: Digest,
    /// How many hosts there are.
    pub hosts: u64,
    /// How many named snapshots there are.
    pub snapshots: u64,
}

impl PositionRow {
    /// The oldest format that can say it, with the rows beside it.
    const fn format(&self) -> u32 {
        match self.snapshots {
            0 => FIRST,
            _ => SNAPSHOTS,
        }
    }
}

/// What a snapshot begins with.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotHead {
    /// The cluster it is of.
    pub cluster: u128,
    /// How far it reaches and what its rows must add up to.
    pub position: PositionRow,
}

/// What a snapshot ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotTail {
    /// How many rows there are, of all kinds.
    pub rows: u64,
    /// The CRC32C of every byte of the file before the frame of this tail.
    pub crc: u32,
}

/// The bytes of the row of a host.
pub fn encode_host_row(host: &Host) -> Bytes {
    encoded(&host_shape(host))
}

/// Reads the row of a host.
pub fn decode_host_row(bytes: &Bytes) -> Result<Host, DecodeError> {
    const WHAT: &str = "the row of a host";
    let shape: HostShape = message(WHAT, bytes, ROW_BYTES_MAX)?;
    host_from(shape).map_err(|flaw| flaw.in_record(WHAT))
}

/// The bytes of the row of a request.
pub fn encode_request_row(row: &RequestRow) -> Bytes {
    let RequestRow {
        by,
        request,
        fingerprint,
        answer,
    } = row;
    encoded(&RequestShape {
        by: by.to_string(),
        request: request.as_str().to_owned(),
        fingerprint: fingerprint_bytes(fingerprint),
        answer: Some(answer_shape(answer)),
    })
}

/// Reads the row of a request.
pub fn decode_request_row(bytes: &Bytes) -> Result<RequestRow, DecodeError> {
    const WHAT: &str = "the row of a request";
    let RequestShape {
        by,
        request,
        fingerprint,
        answer,
    } = message(WHAT, bytes, ROW_BYTES_MAX)?;
    let read = || {
        Ok(RequestRow {
            by: actor_from("by", &by)?,
            request: request_from("request", &request)?,
            fingerprint: fingerprint_from("fingerprint", &fingerprint)?,
            answer: required("answer", answer)
                .and_then(answer_from)
                .map_err(|flaw| flaw.within("answer"))?,
        })
    };
    read().map_err(|flaw: Flaw| flaw.in_record(WHAT))
}

/// The bytes of the position.
pub fn encode_position_row(row: &PositionRow) -> Bytes {
    encoded(&PositionRecord {
        format: row.format(),
        position: Some(position_shape(row)),
    })
}

/// Reads the position.
pub fn decode_position_row(bytes: &Bytes) -> Result<PositionRow, DecodeError> {
    const WHAT: &str = "the position of the state";
    let PositionRecord {
        format: _,
        position,
    } = versioned(WHAT, bytes, ROW_BYTES_MAX)?;
    required("position", position)
        .and_then(position_from)
        .map_err(|flaw| flaw.in_record(WHAT))
}

/// The bytes of the head of a snapshot.
pub fn encode_snapshot_head(head: &SnapshotHead) -> Bytes {
    encoded(&HeadRecord {
        format: head.position.format(),
        cluster: id_bytes(head.cluster),
        position: Some(position_shape(&head.position)),
    })
}

/// Reads the head of a snapshot.
pub fn decode_snapshot_head(bytes: &Bytes) -> Result<SnapshotHead, DecodeError> {
    const WHAT: &str = "the head of a snapshot";
    let HeadRecord {
        format: _,
        cluster,
        position,
    } = versioned(WHAT, bytes, FRAME_BYTES_MAX)?;
    let read = || {
        Ok(SnapshotHead {
            cluster: id("cluster", &cluster)?,
            position: position_from(required("position", position)?)?,
        })
    };
    read().map_err(|flaw: Flaw| flaw.in_record(WHAT))
}

/// The bytes of the tail of a snapshot.
pub fn encode_snapshot_tail(tail: SnapshotTail) -> Bytes {
    let SnapshotTail { rows, crc } = tail;
    encoded(&TailRecord { rows, crc })
}

/// Reads the tail of a snapshot.
pub fn decode_snapshot_tail(bytes: &Bytes) -> Result<SnapshotTail, DecodeError> {
    let TailRecord { rows, crc } = message("the tail of a snapshot", bytes, FRAME_BYTES_MAX)?;
    Ok(SnapshotTail { rows, crc })
}

#[derive(Clone, PartialEq, prost::Message)]
struct RequestShape {
    #[prost(string, tag = "1")]
    by: String,
    #[prost(string, tag = "2")]
    request: String,
    #[prost(bytes = "bytes", tag = "3")]
    fingerprint: Bytes,
    #[prost(message, optional, tag = "4")]
    answer: Option<AnswerShape>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PositionRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(message, optional, tag = "2")]
    position: Option<PositionShape>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HeadRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(bytes = "bytes", tag = "2")]
    cluster: Bytes,
    #[prost(message, optional, tag = "3")]
    position: Option<PositionShape>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct TailRecord {
    #[prost(uint64, tag = "1")]
    rows: u64,
    #[prost(fixed32, tag = "2")]
    crc: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PositionShape {
    #[prost(message, optional, tag = "1")]
    applied: Option<LogIdShape>,
    #[prost(message, optional, tag = "2")]
    membership: Option<StoredMembershipShape>,
    #[prost(uint64, tag = "3")]
    revision: u64,
    #[prost(uint64, tag = "4")]
    rendered: u64,
    #[prost(uint64, tag = "5")]
    rendered_with_comments: u64,
    #[prost(uint64, tag = "6")]
    last_stamp: u64,
    #[prost(bytes = "bytes", tag = "7")]
    digest: Bytes,
    #[prost(uint64, tag = "8")]
    hosts: u64,
    #[prost(uint64, tag = "9")]
    snapshots: u64,
}

fn position_shape(row: &PositionRow) -> PositionShape {
    let PositionRow {
        applied,
        membership,
        position:
            Position {
                revision,
                rendered,
                rendered_with_comments,
                last_stamp,
            },
        digest,
        hosts,
        snapshots,
    } = row;
    PositionShape {
        applied: applied.as_ref().map(log_id_shape),
        membership: Some(stored_membership_shape(membership)),
        revision: revision.get(),
        rendered: rendered.get(),
        rendered_with_comments: rendered_with_comments.get(),
        last_stamp: last_stamp.as_millis(),
        digest: Bytes::copy_from_slice(digest.as_bytes()),
        hosts: *hosts,
        snapshots: *snapshots,
    }
}

fn position_from(
    PositionShape {
        applied,
        membership,
        revision,
        rendered,
        rendered_with_comments,
        last_stamp,
        digest,
        hosts,
        snapshots,
    }: PositionShape,
) -> Result<PositionRow, Flaw> {
    Ok(PositionRow {
        applied: applied.map(log_id_from),
        membership: required("membership", membership)
            .and_then(stored_membership_from)
            .map_err(|flaw| flaw.within("membership"))?,
        position: Position {
            revision: Revision::new(revision),
            rendered: Revision::new(rendered),
            rendered_with_comments: Revision::new(rendered_with_comments),
            last_stamp: Timestamp::from_millis(last_stamp),
        },
        digest: array("digest", &digest).map(Digest::from_bytes)?,
        hosts,
        snapshots,
    })
}
