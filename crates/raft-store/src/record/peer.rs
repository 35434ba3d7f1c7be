//! What nodes say to each other about Raft.
//!
//! The transport wraps these bytes in an envelope with the cluster and the
//! node they are for. Entries travel as the bytes the log keeps. A message
//! may lack fields of a newer build and may have ones this build skips, so
//! nodes of neighbouring versions understand each other.

use bytes::Bytes;
use openraft::raft::TransferLeaderError;

use super::entry::{
    LogIdShape, StoredMembershipShape, VoteShape, decode_payload, encode_payload, log_id_from,
    log_id_shape, stored_membership_from, stored_membership_shape, vote_from, vote_shape,
};
use super::wire::{DecodeError, Flaw, encoded, message, required};
use crate::limits::PEER_MESSAGE_BYTES_MAX;
use crate::raft::{
    AppendEntriesRequest, AppendEntriesResponse, RaftEntry, RaftVote, SnapshotMeta,
    SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};

/// What a leader says before it streams the bytes of a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotOffer {
    /// The leader's vote.
    pub vote: RaftVote,
    /// Up to where the snapshot reaches.
    pub meta: SnapshotMeta,
    /// The bytes that follow.
    pub len: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AppendEntriesRequestShape {
    #[prost(message, optional, tag = "1")]
    vote: Option<VoteShape>,
    #[prost(message, optional, tag = "2")]
    previous: Option<LogIdShape>,
    #[prost(message, optional, tag = "3")]
    committed: Option<LogIdShape>,
    #[prost(message, repeated, tag = "4")]
    entries: Vec<EntryShape>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct EntryShape {
    #[prost(message, optional, tag = "1")]
    id: Option<LogIdShape>,
    #[prost(bytes = "bytes", tag = "2")]
    payload: Bytes,
}

/// The bytes of a request to append.
pub fn encode_append_entries_request(request: &AppendEntriesRequest) -> Bytes {
    let AppendEntriesRequest {
        vote,
        prev_log_id,
        entries,
        leader_commit,
    } = request;
    encoded(&AppendEntriesRequestShape {
        vote: Some(vote_shape(vote)),
        previous: prev_log_id.as_ref().map(log_id_shape),
        committed: leader_commit.as_ref().map(log_id_shape),
        entries: entries
            .iter()
            .map(|RaftEntry { log_id, payload }| EntryShape {
                id: Some(log_id_shape(log_id)),
                payload: encode_payload(payload),
            })
            .collect(),
    })
}

/// Reads a request to append; its entries share `bytes`.
pub fn decode_append_entries_request(bytes: &Bytes) -> Result<AppendEntriesRequest, DecodeError> {
    const WHAT: &str = "a request to append entries";
    let AppendEntriesRequestShape {
        vote,
        previous,
        committed,
        entries,
    } = message(WHAT, bytes, PEER_MESSAGE_BYTES_MAX)?;
    let read = || {
        Ok(AppendEntriesRequest {
            vote: vote_from(required("vote", vote)?),
            prev_log_id: previous.map(log_id_from),
            leader_commit: committed.map(log_id_from),
            entries: entries
                .into_iter()
                .enumerate()
                .map(|(at, entry)| entry_from(entry).map_err(|flaw| flaw.at("entries", at)))
                .collect::<Result<_, _>>()?,
        })
    };
    read().map_err(|flaw: Flaw| flaw.in_record(WHAT))
}

fn entry_from(EntryShape { id, payload }: EntryShape) -> Result<RaftEntry, Flaw> {
    Ok(RaftEntry {
        log_id: log_id_from(required("id", id)?),
        payload: decode_payload(&payload).map_err(|cause| Flaw::new("payload", cause))?,
    })
}

#[derive(Clone, PartialEq, prost::Message)]
struct AppendEntriesResponseShape {
    #[prost(oneof = "AppendOutcome", tags = "1, 2, 3, 4")]
    outcome: Option<AppendOutcome>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum AppendOutcome {
    #[prost(message, tag = "1")]
    Success(Nothing),
    #[prost(message, tag = "2")]
    Partial(MaybeLogId),
    #[prost(message, tag = "3")]
    Conflict(Nothing),
    #[prost(message, tag = "4")]
    HigherVote(VoteShape),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Nothing {}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct MaybeLogId {
    #[prost(message, optional, tag = "1")]
    id: Option<LogIdShape>,
}

/// The bytes of an answer to a request to append.
pub fn encode_append_entries_response(response: &AppendEntriesResponse) -> Bytes {
    let outcome = match response {
        AppendEntriesResponse::Success => AppendOutcome::Success(Nothing {}),
        AppendEntriesResponse::PartialSuccess(id) => AppendOutcome::Partial(MaybeLogId {
            id: id.as_ref().map(log_id_shape),
        }),
        AppendEntriesResponse::Conflict => AppendOutcome::Conflict(Nothing {}),
        AppendEntriesResponse::HigherVote(vote) => AppendOutcome::HigherVote(vote_shape(vote)),
    };
    encoded(&AppendEntriesResponseShape {
        outcome: Some(outcome),
    })
}

/// Reads an answer to a request to append.
pub fn decode_append_entries_response(bytes: &Bytes) -> Result<AppendEntriesResponse, DecodeError> {
    const WHAT: &str = "an answer to a request to append entries";
    let AppendEntriesResponseShape { outcome } = message(WHAT, bytes, PEER_MESSAGE_BYTES_MAX)?;
    match required("outcome", outcome).map_err(|flaw| flaw.in_record(WHAT))? {
        AppendOutcome::Success(Nothing {}) => Ok(AppendEntriesResponse::Success),
        AppendOutcome::Partial(MaybeLogId { id }) => {
            Ok(AppendEntriesResponse::PartialSuccess(id.map(log_id_from)))
        }
        AppendOutcome::Conflict(Nothing {}) => Ok(AppendEntriesResponse::Conflict),
        AppendOutcome::HigherVote(vote) => Ok(AppendEntriesResponse::HigherVote(vote_from(vote))),
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct VoteRequestShape {
    #[prost(message, optional, tag = "1")]
    vote: Option<VoteShape>,
    #[prost(message, optional, tag = "2")]
    last: Option<LogIdShape>,
    #[prost(bool, tag = "3")]
    leadership_transfer: bool,
}

/// The bytes of a request for a vote or a pre-vote.
pub fn encode_vote_request(request: &VoteRequest) -> Bytes {
    let VoteRequest {
        vote,
        last_log_id,
        leadership_transfer,
    } = request;
    encoded(&VoteRequestShape {
        vote: Some(vote_shape(vote)),
        last: last_log_id.as_ref().map(log_id_shape),
        leadership_transfer: *leadership_transfer,
    })
}

/// Reads a request for a vote or a pre-vote.
pub fn decode_vote_request(bytes: &Bytes) -> Result<VoteRequest, DecodeError> {
    const WHAT: &str = "a request for a vote";
    let VoteRequestShape {
        vote,
        last,
        leadership_transfer,
    } = message(WHAT, bytes, PEER_MESSAGE_BYTES_MAX)?;
    let vote = required("vote", vote).map_err(|flaw| flaw.in_record(WHAT))?;
    Ok(VoteRequest {
        vote: vote_from(vote),
        last_log_id: last.map(log_id_from),
        leadership_transfer,
    })
}

#[derive(Clone, PartialEq, prost::Message)]
struct VoteResponseShape {
    #[prost(message, optional, tag = "1")]
    vote: Option<VoteShape>,
    #[prost(bool, tag = "2")]
    granted: bool,
    #[prost(message, optional, tag = "3")]
    last: Option<LogIdShape>,
}

/// The bytes of an answer to a request for a vote.
pub fn encode_vote_response(response: &VoteResponse) -> Bytes {
    let VoteResponse {
        vote,
        vote_granted,
        last_log_id,
    } = response;
    encoded(&VoteResponseShape {
        vote: Some(vote_shape(vote)),
        granted: *vote_granted,
        last: last_log_id.as_ref().map(log_id_shape),
    })
}

/// Reads an answer to a request for a vote.
pub fn decode_vote_response(bytes: &Bytes) -> Result<VoteResponse, DecodeError> {
    const WHAT: &str = "an answer to a request for a vote";
    let VoteResponseShape {
        vote,
        granted,
        last,
    } = message(WHAT, bytes, PEER_MESSAGE_BYTES_MAX)?;
    let vote = required("vote", vote).map_err(|flaw| flaw.in_record(WHAT))?;
    Ok(VoteResponse {
        vote: vote_from(vote),
        vote_granted: granted,
        last_log_id: last.map(log_id_from),
    })
}

#[derive(Clone, PartialEq, prost::Message)]
struct TransferLeaderRequestShape {
    #[prost(message, optional, tag = "1")]
    from: Option<VoteShape>,
    #[prost(uint64, tag = "2")]
    to: u64,
    #[prost(message, optional, tag = "3")]
    last: Option<LogIdShape>,
}

/// The bytes of a request to take over.
pub fn encode_transfer_leader_request(request: &TransferLeaderRequest) -> Bytes {
    encoded(&TransferLeaderRequestShape {
        from: Some(vote_shape(request.from_leader())),
        to: *request.to_node_id(),
        last: request.last_log_id().map(log_id_shape),
    })
}

/// Reads a request to take over.
pub fn decode_transfer_leader_request(bytes: &Bytes) -> Result<TransferLeaderRequest, DecodeError> {
    const WHAT: &str = "a request to take over";
    let TransferLeaderRequestShape { from, to, last } =
        message(WHAT, bytes, PEER_MESSAGE_BYTES_MAX)?;
    let from = required("from", from).map_err(|flaw| flaw.in_record(WHAT))?;
    Ok(TransferLeaderRequest::new(
        vote_from(from),
        to,
        last.map(log_id_from),
    ))
}

#[derive(Clone, PartialEq, prost::Message)]
struct TransferLeaderResponseShape {
    #[prost(oneof = "TransferOutcome", tags = "1, 2, 3")]
    outcome: Option<TransferOutcome>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum TransferOutcome {
    #[prost(message, tag = "1")]
    Accepted(Nothing),
    #[prost(message, tag = "2")]
    VoteChanged(VotePair),
    #[prost(message, tag = "3")]
    NotFlushed(LogIdPair),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct VotePair {
    #[prost(message, optional, tag = "1")]
    expected: Option<VoteShape>,
    #[prost(message, optional, tag = "2")]
    actual: Option<VoteShape>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct LogIdPair {
    #[prost(message, optional, tag = "1")]
    expected: Option<LogIdShape>,
    #[prost(message, optional, tag = "2")]
    actual: Option<LogIdShape>,
}

/// The bytes of an answer to a request to take over.
pub fn encode_transfer_leader_response(response: &TransferLeaderResponse) -> Bytes {
    let outcome = match response {
        Ok(()) => TransferOutcome::Accepted(Nothing {}),
        Err(TransferLeaderError::VoteChanged { expected, actual }) => {
            TransferOutcome::VoteChanged(VotePair {
                expected: Some(vote_shape(expected)),
                actual: Some(vote_shape(actual)),
            })
        }
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
            TransferOutcome::NotFlushed(LogIdPair {
                expected: expected.as_ref().map(log_id_shape),
                actual: actual.as_ref().map(log_id_shape),
            })
        }
    };
    encoded(&TransferLeaderResponseShape {
        outcome: Some(outcome),
    })
}

/// Reads an answer to a request to take over.
pub fn decode_transfer_leader_response(
    bytes: &Bytes,
) -> Result<TransferLeaderResponse, DecodeError> {
    const WHAT: &str = "an answer to a request to take over";
    let TransferLeaderResponseShape { outcome } = message(WHAT, bytes, PEER_MESSAGE_BYTES_MAX)?;
    let read = || {
        Ok(match required("outcome", outcome)? {
            TransferOutcome::Accepted(Nothing {}) => Ok(()),
            TransferOutcome::VoteChanged(VotePair { expected, actual }) => {
                Err(TransferLeaderError::VoteChanged {
                    expected: vote_from(required("expected", expected)?),
                    actual: vote_from(required("actual", actual)?),
                })
            }
            TransferOutcome::NotFlushed(LogIdPair { expected, actual }) => {
                Err(TransferLeaderError::LogNotFlushed {
                    expected: expected.map(log_id_from),
                    actual: actual.map(log_id_from),
                })
            }
        })
    };
    read().map_err(|flaw: Flaw| flaw.in_record(WHAT))
}

#[derive(Clone, PartialEq, prost::Message)]
struct SnapshotOfferShape {
    #[prost(message, optional, tag = "1")]
    vote: Option<VoteShape>,
    #[prost(message, optional, tag = "2")]
    last: Option<LogIdShape>,
    #[prost(message, optional, tag = "3")]
    membership: Option<StoredMembershipShape>,
    #[prost(uint64, tag = "4")]
    len: u64,
}

/// The bytes of what precedes a snapshot.
pub fn encode_snapshot_offer(offer: &SnapshotOffer) -> Bytes {
    let SnapshotOffer {
        vote,
        meta: SnapshotMeta {
            last_log_id,
            last_membership,
        },
        len,
    } = offer;
    encoded(&SnapshotOfferShape {
        vote: Some(vote_shape(vote)),
        last: last_log_id.as_ref().map(log_id_shape),
        membership: Some(stored_membership_shape(last_membership)),
        len: *len,
    })
}

/// Reads what precedes a snapshot.
pub fn decode_snapshot_offer(bytes: &Bytes) -> Result<SnapshotOffer, DecodeError> {
    const WHAT: &str = "the offer of a snapshot";
    let SnapshotOfferShape {
        vote,
        last,
        membership,
        len,
    } = message(WHAT, bytes, PEER_MESSAGE_BYTES_MAX)?;
    let read = || {
        Ok(SnapshotOffer {
            vote: vote_from(required("vote", vote)?),
            meta: SnapshotMeta {
                last_log_id: last.map(log_id_from),
                last_membership: required("membership", membership)
                    .and_then(stored_membership_from)
                    .map_err(|flaw| flaw.within("membership"))?,
            },
            len,
        })
    };
    read().map_err(|flaw: Flaw| flaw.in_record(WHAT))
}

#[derive(Clone, PartialEq, prost::Message)]
struct SnapshotResponseShape {
    #[prost(message, optional, tag = "1")]
    vote: Option<VoteShape>,
}

/// The bytes of an answer to a whole snapshot.
pub fn encode_snapshot_response(response: &SnapshotResponse) -> Bytes {
    let SnapshotResponse { vote } = response;
    encoded(&SnapshotResponseShape {
        vote: Some(vote_shape(vote)),
    })
}

/// Reads an answer to a whole snapshot.
pub fn decode_snapshot_response(bytes: &Bytes) -> Result<SnapshotResponse, DecodeError> {
    const WHAT: &str = "an answer to a snapshot";
    let SnapshotResponseShape { vote } = message(WHAT, bytes, PEER_MESSAGE_BYTES_MAX)?;
    let vote = required("vote", vote).map_err(|flaw| flaw.in_record(WHAT))?;
    Ok(SnapshotResponse::new(vote_from(vote)))
}
