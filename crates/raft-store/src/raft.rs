//! The types openraft is instantiated with.
//!
//! These types live in memory only: `record` turns them into bytes for the
//! disk and for peers, and no openraft type reaches either. What a caller of
//! openraft needs is named here once, without its type parameters.

mod timings;

use std::fmt;

use bytes::Bytes;
use openraft::RaftTypeConfig;
use openraft::vote::RaftLeaderId;

pub use self::timings::{InvalidTimings, RaftTimings, openraft_config};
use crate::record::{self, DecodeError, Proposal};

/// openraft, instantiated for router-hosts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TypeConfig;

impl RaftTypeConfig for TypeConfig {
    type D = EncodedProposal;
    type R = Response;
    type NodeId = NodeId;
    type Node = Member;
    type Term = u64;
    type LeaderId = LeaderId;
    type Vote = RaftVote;
    type Payload = RaftPayload;
    type Entry = RaftEntry;
    type AsyncRuntime = Runtime;
    type Responder<T>
        = openraft::impls::ProgressResponder<Self, T>
    where
        T: openraft::OptionalSend + 'static;
    type Batch<T>
        = openraft::impls::InlineBatch<T>
    where
        T: openraft::OptionalSend + 'static;
    type ErrorSource = openraft::impls::BoxedErrorSource;
}

/// The runtime openraft spawns, sleeps and draws chance with.
#[cfg(not(router_hosts_sim))]
pub type Runtime = openraft_rt_tokio::TokioRuntime;
/// The runtime openraft spawns, sleeps and draws chance with: in simulations
/// its chance comes from the seed of the enclosing task.
#[cfg(router_hosts_sim)]
pub type Runtime =
    openraft::rt::deterministic_rng::DeterministicRng<openraft_rt_tokio::TokioRuntime>;

/// The number of a node; given once per cluster and never reused.
pub type NodeId = u64;
/// Who leads a term: at most one node, as in the Raft paper.
pub type LeaderId = openraft::impls::leader_id_std::LeaderId<u64, NodeId>;
/// What a log id keeps of a leader: the term alone.
pub type CommittedLeaderId = <LeaderId as RaftLeaderId>::Committed;
/// Term and index of an entry.
pub type RaftLogId = openraft::LogId<CommittedLeaderId>;
/// A node's vote: term, for whom, and whether a majority granted it.
pub type RaftVote = openraft::Vote<LeaderId>;
/// Blank, proposal or membership.
pub type RaftPayload = openraft::EntryPayload<EncodedProposal, NodeId, Member>;
/// A log entry.
pub type RaftEntry = openraft::Entry<CommittedLeaderId, RaftPayload>;
/// Voters and learners.
pub type RaftMembership = openraft::Membership<NodeId, Member>;
/// A membership and the log id of the entry that set it.
pub type StoredMembership = openraft::StoredMembership<CommittedLeaderId, NodeId, Member>;
/// Up to where a snapshot reaches, and the membership there.
pub type SnapshotMeta = openraft::SnapshotMeta<CommittedLeaderId, NodeId, Member>;
/// A snapshot file and its meta data.
pub type RaftSnapshot =
    openraft::Snapshot<CommittedLeaderId, NodeId, Member, crate::snapshot::SnapshotFile>;
/// A request to append entries, or a heartbeat when it has none.
pub type AppendEntriesRequest = openraft::raft::AppendEntriesRequest<TypeConfig>;
/// The answer to [`AppendEntriesRequest`].
pub type AppendEntriesResponse = openraft::raft::AppendEntriesResponse<TypeConfig>;
/// A request for a vote, also for a pre-vote.
pub type VoteRequest = openraft::raft::VoteRequest<TypeConfig>;
/// The answer to [`VoteRequest`].
pub type VoteResponse = openraft::raft::VoteResponse<TypeConfig>;
/// The leader asks a follower to take over.
pub type TransferLeaderRequest = openraft::raft::TransferLeaderRequest<TypeConfig>;
/// The answer to [`TransferLeaderRequest`].
pub type TransferLeaderResponse = openraft::raft::TransferLeaderResponse<TypeConfig>;
/// The answer to a whole snapshot.
pub type SnapshotResponse = openraft::raft::SnapshotResponse<TypeConfig>;

/// A node as the membership knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// The name operators call it by, the one in its certificate.
    pub name: String,
    /// Where its peers reach it: `host:port`.
    pub address: String,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.name, self.address)
    }
}

/// A proposal as the bytes of its log entry.
///
/// Encoded once, by the proposer: the log keeps and the network carries
/// exactly these bytes, shared, and only `apply` decodes them.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodedProposal(Bytes);

impl EncodedProposal {
    /// Encodes `proposal`.
    pub fn new(proposal: &Proposal) -> Self {
        Self(record::encode_proposal(proposal))
    }

    /// Takes bytes that `record` has recognised as those of a proposal; their
    /// content is read by [`Self::decode`].
    pub(crate) const fn from_recognised(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// Reads the proposal back.
    pub fn decode(&self) -> Result<Proposal, DecodeError> {
        record::decode_proposal(&self.0)
    }

    /// The bytes of the entry.
    pub const fn bytes(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Debug for EncodedProposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodedProposal({} bytes)", self.0.len())
    }
}

impl fmt::Display for EncodedProposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "proposal of {} bytes", self.0.len())
    }
}

/// What applying an entry gave, for the one who proposed it.
#[derive(Debug, Clone, PartialEq)]
pub enum Response {
    /// Nothing to answer: a blank entry, a membership, or one part of a
    /// large change.
    None,
    /// The change took effect.
    Answered(hosts::Answer),
    /// The change was refused and left no trace: another entry came between
    /// the decision and the commit.
    Refused(hosts::Rejection),
    /// The change left no trace: it was decided in another term than the one
    /// of its entry, or the parts it commits are void.
    WrongTerm,
}
