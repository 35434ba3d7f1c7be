//! The log that was committed, as changes at their indexes.
//!
//! Made from the entries themselves, a second time and in another way than the state machine does it: parts are
//! joined, and what was decided in another term is void.

use std::collections::BTreeMap;

use bytes::Bytes;
use hosts::Change;
use raft_store::log::Entry;
use raft_store::position::LogId;
use raft_store::raft::RaftPayload;
use raft_store::record::{self, DecodeError, InvalidParts, Proposal};
use thiserror::Error;

/// Entries that a majority has, from index to content.
#[derive(Clone, Debug, Default)]
pub struct CommittedLog {
    entries: BTreeMap<u64, (u64, Bytes)>,
}

/// Why there is no one committed log.
#[derive(Debug, Error)]
pub enum LogError {
    /// Two nodes have different entries that both were committed.
    #[error("two different entries were committed at index {index}")]
    Diverged {
        /// Where.
        index: u64,
    },
    /// An entry is not there, although later ones are.
    #[error("the entry at index {index} is missing")]
    Missing {
        /// Where.
        index: u64,
    },
    /// An entry cannot be read.
    #[error("the entry at index {index} cannot be read")]
    Unreadable {
        /// Where.
        index: u64,
        /// Why.
        #[source]
        cause: DecodeError,
    },
}

impl CommittedLog {
    /// Takes committed entries of one node; those of several nodes may be taken one after the other.
    ///
    /// # Errors
    /// [`LogError::Diverged`]: another entry was taken at the same index.
    pub fn take(&mut self, entries: impl IntoIterator<Item = Entry>) -> Result<(), LogError> {
        for Entry { id, payload } in entries {
            let LogId { term, index } = id;
            let known = self
                .entries
                .entry(index)
                .or_insert_with(|| (term, payload.clone()));
            if *known != (term, payload) {
                return Err(LogError::Diverged { index });
            }
        }
        Ok(())
    }

    /// The index of the last entry.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.entries.keys().next_back().copied()
    }

    /// The changes that count, in order, refused ones included.
    ///
    /// # Errors
    /// [`LogError::Missing`] and [`LogError::Unreadable`].
    pub fn changes(&self) -> Result<Vec<(u64, Change)>, LogError> {
        let mut changes = Vec::new();
        let mut parts: Option<Parts> = None;
        let first = self.entries.keys().next().copied().unwrap_or_default();
        for (expected, (&index, (term, payload))) in (first..).zip(&self.entries) {
            if index != expected {
                return Err(LogError::Missing { index: expected });
            }
            let unreadable = |cause| LogError::Unreadable { index, cause };
            let RaftPayload::Normal(proposal) =
                record::decode_payload(payload).map_err(unreadable)?
            else {
                continue;
            };
            let proposal = proposal.decode().map_err(unreadable)?;
            if proposal.term() != *term {
                continue;
            }
            match proposal {
                Proposal::Change { term: _, change } => changes.push((index, change)),
                Proposal::Part {
                    term,
                    id,
                    number,
                    bytes,
                } => parts = Parts::with(parts, (term, id), number, bytes, index),
                Proposal::Commit {
                    term,
                    id,
                    parts: count,
                    digest,
                } => {
                    let whole = parts
                        .take()
                        .filter(|parts| parts.are(term, id, count, index));
                    let joined = whole.map(|parts| record::join_parts(&parts.bytes, &digest));
                    match joined {
                        Some(Ok(change)) => changes.push((index, change)),
                        Some(Err(InvalidParts::Decode(cause))) => return Err(unreadable(cause)),
                        Some(Err(InvalidParts::Digest { .. })) | None => {}
                    }
                }
            }
        }
        Ok(changes)
    }
}

/// Parts of one change, in order from the first.
struct Parts {
    of: (u64, u128),
    first: u64,
    bytes: Vec<Bytes>,
}

impl Parts {
    fn with(
        before: Option<Self>,
        of: (u64, u128),
        number: u32,
        part: Bytes,
        index: u64,
    ) -> Option<Self> {
        if number == 0 {
            return Some(Self {
                of,
                first: index,
                bytes: vec![part],
            });
        }
        let mut parts = before?;
        let next = u32::try_from(parts.bytes.len()).ok()?;
        if parts.of != of || next != number {
            return None;
        }
        parts.bytes.push(part);
        Some(parts)
    }

    fn are(&self, term: u64, id: u128, count: u32, at: u64) -> bool {
        self.of == (term, id)
            && u32::try_from(self.bytes.len()) == Ok(count)
            && at - self.first <= raft_store::limits::PARTS_SPAN_MAX
    }
}
