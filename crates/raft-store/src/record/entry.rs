//! The payload of a log entry, and the ids, votes and memberships around it.
//!
//! A payload is one byte for its kind and then its content. The bytes of a
//! proposal are the proposer's, kind included, so storing and sending one
//! copies nothing.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use openraft::EntryPayload;
use openraft::vote::RaftLeaderId;

use super::wire::{DecodeError, Flaw, bounded, required, versioned};
use super::{FIRST, proposal};
use crate::limits::{ENTRY_BYTES_MAX, MEMBERS_MAX};
use crate::raft::StoredMembership;
use crate::raft::{
    EncodedProposal, LeaderId, Member, RaftLogId, RaftMembership, RaftPayload, RaftVote,
};

/// A payload as the log keeps it. A proposal is shared, not copied.
pub fn encode_payload(payload: &RaftPayload) -> Bytes {
    match payload {
        EntryPayload::Blank => Bytes::from_static(&[BLANK]),
        EntryPayload::Normal(proposal) => proposal.bytes().clone(),
        EntryPayload::Membership(membership) => {
            let shape = MembershipRecord {
                format: FIRST,
                membership: Some(membership_shape(membership)),
            };
            let mut bytes = vec![MEMBERSHIP];
            prost::Message::encode(&shape, &mut bytes).expect("a vector grows to what it needs");
            bytes.into()
        }
    }
}

/// Reads a payload back. The content of a proposal stays encoded, and shares
/// `bytes`.
pub fn decode_payload(bytes: &Bytes) -> Result<RaftPayload, DecodeError> {
    bounded(ENTRY, bytes.len(), ENTRY_BYTES_MAX)?;
    match bytes.first() {
        Some(&BLANK) if bytes.len() == 1 => Ok(EntryPayload::Blank),
        Some(&proposal::KIND) => Ok(EntryPayload::Normal(EncodedProposal::from_recognised(
            bytes.clone(),
        ))),
        Some(&MEMBERSHIP) => {
            let MembershipRecord {
                format: _,
                membership,
            } = versioned(MEMBERSHIP_ENTRY, &bytes.slice(1..), ENTRY_BYTES_MAX)?;
            required("membership", membership)
                .and_then(membership_from)
                .map(EntryPayload::Membership)
                .map_err(|flaw| flaw.in_record(MEMBERSHIP_ENTRY))
        }
        Some(kind) => {
            Err(Flaw::new("kind", format!("{kind} is none of the known kinds")).in_record(ENTRY))
        }
        None => Err(Flaw::missing("kind").in_record(ENTRY)),
    }
}

const ENTRY: &str = "a log entry";
const MEMBERSHIP_ENTRY: &str = "a membership entry";

const BLANK: u8 = 0;
const MEMBERSHIP: u8 = 2;

/// Term and index.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct LogIdShape {
    #[prost(uint64, tag = "1")]
    pub(crate) term: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) index: u64,
}

pub(crate) const fn log_id_shape(id: &RaftLogId) -> LogIdShape {
    LogIdShape {
        term: id.leader_id.term,
        index: id.index,
    }
}

pub(crate) fn log_id_from(LogIdShape { term, index }: LogIdShape) -> RaftLogId {
    RaftLogId::new_term_index(term, index)
}

/// Term, node voted for, and whether a majority granted it.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct VoteShape {
    #[prost(uint64, tag = "1")]
    pub(crate) term: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) node: u64,
    #[prost(bool, tag = "3")]
    pub(crate) committed: bool,
}

pub(crate) const fn vote_shape(vote: &RaftVote) -> VoteShape {
    VoteShape {
        term: vote.leader_id.term,
        node: vote.leader_id.voted_for,
        committed: vote.committed,
    }
}

pub(crate) fn vote_from(
    VoteShape {
        term,
        node,
        committed,
    }: VoteShape,
) -> RaftVote {
    RaftVote {
        leader_id: LeaderId::new(term, node),
        committed,
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct MembershipRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(message, optional, tag = "2")]
    membership: Option<MembershipShape>,
}

/// Voters by configuration (two while it changes), and everyone's address.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MembershipShape {
    #[prost(message, repeated, tag = "1")]
    configs: Vec<ConfigShape>,
    #[prost(message, repeated, tag = "2")]
    members: Vec<MemberShape>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ConfigShape {
    #[prost(uint64, repeated, tag = "1")]
    voters: Vec<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MemberShape {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    address: String,
}

fn membership_shape(membership: &RaftMembership) -> MembershipShape {
    MembershipShape {
        configs: membership
            .get_joint_config()
            .iter()
            .map(|voters| ConfigShape {
                voters: voters.iter().copied().collect(),
            })
            .collect(),
        members: membership
            .nodes()
            .map(|(&id, Member { name, address })| MemberShape {
                id,
                name: name.clone(),
                address: address.clone(),
            })
            .collect(),
    }
}

fn membership_from(
    MembershipShape { configs, members }: MembershipShape,
) -> Result<RaftMembership, Flaw> {
    let voters: usize = configs.iter().map(|config| config.voters.len()).sum();
    if members.len().max(voters) > MEMBERS_MAX {
        let many = members.len().max(voters);
        return Err(Flaw::new(
            "members",
            format!("{many} are more than the {MEMBERS_MAX} a cluster may have"),
        ));
    }
    let configs = configs
        .into_iter()
        .map(|ConfigShape { voters }| voters.into_iter().collect::<BTreeSet<_>>())
        .collect();
    let mut nodes = BTreeMap::new();
    for MemberShape { id, name, address } in members {
        if nodes.insert(id, Member { name, address }).is_some() {
            return Err(Flaw::new("members", format!("node {id} is named twice")));
        }
    }
    RaftMembership::new(configs, nodes).map_err(|cause| Flaw::new("configs", cause.to_string()))
}

/// A membership and the entry that set it; both absent before the first one.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StoredMembershipShape {
    #[prost(message, optional, tag = "1")]
    log_id: Option<LogIdShape>,
    #[prost(message, optional, tag = "2")]
    membership: Option<MembershipShape>,
}

pub(crate) fn stored_membership_shape(stored: &StoredMembership) -> StoredMembershipShape {
    StoredMembershipShape {
        log_id: stored.log_id().as_ref().map(log_id_shape),
        membership: Some(membership_shape(stored.membership())),
    }
}

pub(crate) fn stored_membership_from(
    StoredMembershipShape { log_id, membership }: StoredMembershipShape,
) -> Result<StoredMembership, Flaw> {
    let membership = membership_from(required("membership", membership)?)?;
    Ok(StoredMembership::new(log_id.map(log_id_from), membership))
}
