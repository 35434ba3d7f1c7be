//! What the leader proposes: a change, or the parts of a large one.
//!
//! A proposal carries the term it was decided in; one that lands in a later
//! term is void. A change too large for one entry is encoded whole, cut into
//! parts, and takes effect as one at the entry that commits them.

use bytes::Bytes;
use hosts::Change;
use sha2::{Digest as _, Sha256};

use super::FIRST;
use super::change::{ChangeShape, change_format, change_from, change_shape};
use super::wire::{DecodeError, Flaw, array, bounded, encoded, id, id_bytes, required, versioned};
use crate::limits::{CHANGE_BYTES_MAX, ENTRY_BYTES_MAX, PARTS_SPAN_MAX};

/// What one entry proposes.
#[derive(Debug, Clone, PartialEq)]
pub enum Proposal {
    /// A whole change.
    Change {
        /// The term it was decided in.
        term: u64,
        /// What is to become true.
        change: Change,
    },
    /// One part of a change that is too large for one entry.
    Part {
        /// The term the change was decided in.
        term: u64,
        /// The same for all parts of a change, and for no other change.
        id: u128,
        /// Counted from 0, without gaps.
        number: u32,
        /// The next piece of the encoded change.
        bytes: Bytes,
    },
    /// Makes the parts before it take effect, at the revision of this entry.
    Commit {
        /// The term the change was decided in.
        term: u64,
        /// That of the parts.
        id: u128,
        /// How many there are.
        parts: u32,
        /// The SHA-256 of the encoded change.
        digest: [u8; 32],
    },
}

impl Proposal {
    /// The term it was decided in.
    pub const fn term(&self) -> u64 {
        match self {
            Self::Change { term, .. } | Self::Part { term, .. } | Self::Commit { term, .. } => {
                *term
            }
        }
    }
}

/// The bytes of the entry that proposes this.
pub fn encode_proposal(proposal: &Proposal) -> Bytes {
    let format = match proposal {
        Proposal::Change { term: _, change } => change_format(change),
        Proposal::Part { .. } | Proposal::Commit { .. } => FIRST,
    };
    let shape = ProposalShape {
        format,
        term: proposal.term(),
        body: Some(match proposal {
            Proposal::Change { term: _, change } => Body::Change(change_shape(change)),
            Proposal::Part {
                term: _,
                id,
                number,
                bytes,
            } => Body::Part(PartShape {
                id: id_bytes(*id),
                number: *number,
                bytes: bytes.clone(),
            }),
            Proposal::Commit {
                term: _,
                id,
                parts,
                digest,
            } => Body::Commit(CommitShape {
                id: id_bytes(*id),
                parts: *parts,
                digest: Bytes::copy_from_slice(digest),
            }),
        }),
    };
    let mut bytes = Vec::with_capacity(1 + prost::Message::encoded_len(&shape));
    bytes.push(KIND);
    prost::Message::encode(&shape, &mut bytes).expect("a vector grows to what it needs");
    bytes.into()
}

/// Reads the bytes of an entry that proposes something.
pub fn decode_proposal(bytes: &Bytes) -> Result<Proposal, DecodeError> {
    bounded(WHAT, bytes.len(), ENTRY_BYTES_MAX)?;
    if bytes.first() != Some(&KIND) {
        return Err(Flaw::new("kind", "it is not that of a proposal").in_record(WHAT));
    }
    let ProposalShape {
        format: _,
        term,
        body,
    } = versioned(WHAT, &bytes.slice(1..), ENTRY_BYTES_MAX)?;
    let read = || {
        Ok(match required("body", body)? {
            Body::Change(change) => Proposal::Change {
                term,
                change: change_from(change).map_err(|flaw| flaw.within("change"))?,
            },
            Body::Part(PartShape {
                id: part_of,
                number,
                bytes,
            }) => Proposal::Part {
                term,
                id: id("part.id", &part_of)?,
                number,
                bytes,
            },
            Body::Commit(CommitShape {
                id: commits,
                parts,
                digest,
            }) => Proposal::Commit {
                term,
                id: id("commit.id", &commits)?,
                parts,
                digest: array("commit.digest", &digest)?,
            },
        })
    };
    read().map_err(|flaw: Flaw| flaw.in_record(WHAT))
}

/// The proposals that make `change` take effect: the change itself if it
/// encodes to at most `max` bytes, or else its parts and their commit, to be
/// proposed in this order. `id` is one no other change has.
pub fn split_change(
    term: u64,
    id: u128,
    change: &Change,
    max: usize,
) -> Result<Vec<Proposal>, ChangeTooLong> {
    let shape = ChangeRecord {
        format: change_format(change),
        change: Some(change_shape(change)),
    };
    let len = prost::Message::encoded_len(&shape);
    if len + OVERHEAD <= max {
        return Ok(vec![Proposal::Change {
            term,
            change: change.clone(),
        }]);
    }
    let piece = max.saturating_sub(OVERHEAD).max(1);
    let parts = len.div_ceil(piece);
    let span = usize::try_from(PARTS_SPAN_MAX).unwrap_or(usize::MAX);
    if len > CHANGE_BYTES_MAX || parts >= span {
        return Err(ChangeTooLong { len });
    }
    let bytes = encoded(&shape);
    let digest = Sha256::digest(&bytes).into();
    let mut proposals: Vec<_> = (0u32..)
        .zip((0..len).step_by(piece))
        .map(|(number, from)| Proposal::Part {
            term,
            id,
            number,
            bytes: bytes.slice(from..len.min(from + piece)),
        })
        .collect();
    let parts = u32::try_from(proposals.len()).expect("fewer parts than their span");
    proposals.push(Proposal::Commit {
        term,
        id,
        parts,
        digest,
    });
    Ok(proposals)
}

/// A change that not even parts may carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a change of {len} bytes is longer than the {CHANGE_BYTES_MAX} allowed")]
pub struct ChangeTooLong {
    /// Its length in bytes.
    pub len: usize,
}

/// Puts the parts of a change together again, in their order.
pub fn join_parts(parts: &[Bytes], digest: &[u8; 32]) -> Result<Change, InvalidParts> {
    let len = parts.iter().map(Bytes::len).sum();
    let mut bytes = Vec::with_capacity(len);
    for part in parts {
        bytes.extend_from_slice(part);
    }
    if Sha256::digest(&bytes).as_slice() != digest {
        return Err(InvalidParts::Digest {
            parts: parts.len(),
            len,
        });
    }
    let ChangeRecord { format: _, change } =
        versioned(WHOLE, &bytes.into(), CHANGE_BYTES_MAX).map_err(InvalidParts::Decode)?;
    required("change", change)
        .and_then(change_from)
        .map_err(|flaw| InvalidParts::Decode(flaw.in_record(WHOLE)))
}

/// Why parts do not make a change.
#[derive(Debug, thiserror::Error)]
pub enum InvalidParts {
    /// They are not what their commit says.
    #[error("{parts} parts of {len} bytes in all do not have the digest their commit names")]
    Digest {
        /// How many parts.
        parts: usize,
        /// Their length together.
        len: usize,
    },
    /// They are, and it is no change.
    #[error("the parts of a change cannot be read")]
    Decode(#[source] DecodeError),
}

/// The first byte of the payload of an entry that proposes something.
pub(super) const KIND: u8 = 1;

const WHAT: &str = "a proposal";
const WHOLE: &str = "a change in parts";

/// Room for what stands around a change or a part in its entry: kind, format,
/// term, id, number and lengths.
const OVERHEAD: usize = 64;

#[derive(Clone, PartialEq, prost::Message)]
struct ProposalShape {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(uint64, tag = "2")]
    term: u64,
    #[prost(oneof = "Body", tags = "3, 4, 5")]
    body: Option<Body>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Body {
    #[prost(message, tag = "3")]
    Change(ChangeShape),
    #[prost(message, tag = "4")]
    Part(PartShape),
    #[prost(message, tag = "5")]
    Commit(CommitShape),
}

#[derive(Clone, PartialEq, prost::Message)]
struct PartShape {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(uint32, tag = "2")]
    number: u32,
    #[prost(bytes = "bytes", tag = "3")]
    bytes: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CommitShape {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(uint32, tag = "2")]
    parts: u32,
    #[prost(bytes = "bytes", tag = "3")]
    digest: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ChangeRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(message, optional, tag = "2")]
    change: Option<ChangeShape>,
}
