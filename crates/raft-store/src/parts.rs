//! The parts of a change that is too large for one entry, until their commit.
//!
//! They are kept in memory only: until the commit, nothing stored or
//! snapshot lies behind the first part, so a restart gets them from the log
//! again. Which parts are void is decided by the log alone, and alike on
//! every node.

use bytes::Bytes;

use crate::limits::{CHANGE_BYTES_MAX, PARTS_SPAN_MAX};
use crate::raft::RaftLogId;

/// The parts of at most one change.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    id: u128,
    /// The entry of the first part; its term is that of all.
    first: RaftLogId,
    bytes: Vec<Bytes>,
    len: usize,
}

impl Parts {
    pub(crate) const fn is_empty(&self) -> bool {
        self.pending.is_none()
    }

    /// The entry `at` is about to be applied: parts of another term, and
    /// parts that waited too long, are void.
    pub(crate) fn reach(&mut self, at: RaftLogId) {
        let void = self.pending.as_ref().is_some_and(|pending| {
            pending.first.leader_id != at.leader_id
                || at.index - pending.first.index > PARTS_SPAN_MAX
        });
        if void {
            self.pending = None;
        }
    }

    /// Takes a part that does not begin a change. One that does not follow
    /// on, or is too much, voids the others.
    pub(crate) fn add(&mut self, id: u128, number: u32, bytes: Bytes) {
        let fits = self.pending.as_mut().is_some_and(|pending| {
            pending.len += bytes.len();
            pending.id == id
                && usize::try_from(number) == Ok(pending.bytes.len())
                && pending.len <= CHANGE_BYTES_MAX
        });
        match &mut self.pending {
            Some(pending) if fits => pending.bytes.push(bytes),
            _ => self.pending = None,
        }
    }

    /// Takes the first part of a change, at the entry `at`. Those of any
    /// other are void.
    pub(crate) fn begin(&mut self, at: RaftLogId, id: u128, bytes: Bytes) {
        self.pending = Some(Pending {
            id,
            first: at,
            len: bytes.len(),
            bytes: vec![bytes],
        });
    }

    /// The parts of the change `id`, if all `count` of them are there. None
    /// are left.
    pub(crate) fn commit(&mut self, id: u128, count: u32) -> Option<Vec<Bytes>> {
        let pending = self.pending.take()?;
        (pending.id == id && usize::try_from(count) == Ok(pending.bytes.len()))
            .then_some(pending.bytes)
    }

    /// Forgets them.
    pub(crate) fn clear(&mut self) {
        self.pending = None;
    }
}
