//! The entries of the log in memory: where each is on the disk, and the
//! payloads of the newest.
//!
//! The payloads held are always those at the end of the log: all that are not
//! flushed yet, and as many before them as the cache may hold.

use std::{collections::VecDeque, ops::Range};

use bytes::Bytes;

use super::Entry;
use crate::position::LogId;

/// What an entry in the cache costs besides its payload, about, in bytes.
const SLOT_BYTES: usize = 64;

#[derive(Debug)]
pub(super) struct Index {
    /// The index of the first slot, or of the next entry if there is none.
    first: u64,
    slots: VecDeque<Slot>,
    /// The payloads of the last slots.
    cached: VecDeque<Bytes>,
    cached_bytes: usize,
    cached_bytes_max: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    term: u64,
    place: Place,
}

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On its way to the disk, with the job of this number.
    Queued(u64),
    /// On the disk.
    Stored(Stored),
}

/// Where the record of an entry is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) segment: u64,
    pub(super) offset: u32,
    pub(super) len: u32,
}

impl Index {
    pub(super) fn new(cached_bytes_max: usize) -> Self {
        Self {
            first: 0,
            slots: VecDeque::new(),
            cached: VecDeque::new(),
            cached_bytes: 0,
            cached_bytes_max,
        }
    }

    /// The indexes of the entries that are there.
    pub(super) fn range(&self) -> Range<u64> {
        self.first..self.next()
    }

    /// The index of the first entry whose payload is in memory.
    pub(super) fn first_cached(&self) -> u64 {
        self.next() - self.cached.len() as u64
    }

    /// The id of the entry at `index`.
    pub(super) fn id(&self, index: u64) -> Option<LogId> {
        self.slot(index).map(|slot| LogId {
            term: slot.term,
            index,
        })
    }

    pub(super) fn place(&self, index: u64) -> Option<Place> {
        self.slot(index).map(|slot| slot.place)
    }

    /// The payload of the entry at `index`, if it is in memory.
    pub(super) fn payload(&self, index: u64) -> Option<&Bytes> {
        let at = index.checked_sub(self.first_cached())?;
        self.cached.get(usize::try_from(at).ok()?)
    }

    /// Adds the next entry. Into an empty log any entry may come first.
    pub(super) fn push(&mut self, Entry { id, payload }: Entry, place: Place) {
        if self.slots.is_empty() {
            self.first = id.index;
        }
        debug_assert_eq!(id.index, self.next(), "the caller looked for gaps");
        self.slots.push_back(Slot {
            term: id.term,
            place,
        });
        self.cached_bytes += payload.len() + SLOT_BYTES;
        self.cached.push_back(payload);
    }

    /// Forgets the entries from `index` on; the next one is `index`.
    pub(super) fn truncate(&mut self, index: u64) {
        while self.next() > index && self.slots.pop_back().is_some() {
            if let Some(payload) = self.cached.pop_back() {
                self.cached_bytes -= payload.len() + SLOT_BYTES;
            }
        }
        self.first = self.first.min(index);
    }

    /// Forgets the entries up to `index`; the first one is not before the next.
    pub(super) fn purge(&mut self, index: u64) {
        while self.first <= index && !self.slots.is_empty() {
            if self.cached.len() == self.slots.len() {
                self.uncache();
            }
            self.slots.pop_front();
            self.first += 1;
        }
        self.first = self.first.max(index.saturating_add(1));
    }

    /// The job `ticket` has put the entry at `index` here. If the entry was
    /// replaced since, that is of no interest any more.
    pub(super) fn stored(&mut self, index: u64, ticket: u64, stored: Stored) {
        let at = index
            .checked_sub(self.first)
            .and_then(|at| usize::try_from(at).ok());
        if let Some(slot) = at.and_then(|at| self.slots.get_mut(at))
            && slot.place == Place::Queued(ticket)
        {
            slot.place = Place::Stored(stored);
        }
    }

    /// Lets the oldest payloads go until the rest fits the cache; what is not
    /// on the disk yet stays.
    pub(super) fn evict(&mut self) {
        while self.cached_bytes > self.cached_bytes_max
            && let Some(Place::Stored(_)) = self.place(self.first_cached())
        {
            self.uncache();
        }
    }

    fn uncache(&mut self) {
        if let Some(payload) = self.cached.pop_front() {
            self.cached_bytes -= payload.len() + SLOT_BYTES;
        }
    }

    fn next(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    fn slot(&self, index: u64) -> Option<&Slot> {
        let at = index.checked_sub(self.first)?;
        self.slots.get(usize::try_from(at).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(term: u64, index: u64) -> Entry {
        let payload = Bytes::from_static(&[0; 100]);
        Entry {
            id: LogId { term, index },
            payload,
        }
    }

    #[test]
    fn an_entry_is_not_looked_for_where_the_one_it_replaced_was_stored() {
        let stored = |offset| Stored {
            segment: 1,
            offset,
            len: 125,
        };
        let mut index = Index::new(0);
        index.push(entry(1, 0), Place::Queued(1));
        index.truncate(0);
        index.push(entry(2, 0), Place::Queued(2));
        index.stored(0, 1, stored(128));
        index.evict();
        assert_eq!(index.place(0), Some(Place::Queued(2)));
        assert!(index.payload(0).is_some(), "it is nowhere else yet");
        index.stored(0, 2, stored(253));
        index.evict();
        assert_eq!(index.place(0), Some(Place::Stored(stored(253))));
        assert_eq!((index.payload(0), index.cached_bytes), (None, 0));
    }

    #[test]
    fn the_cache_holds_the_end_of_the_log_within_its_bound() {
        let mut index = Index::new(5 * 164);
        for at in 0..20 {
            let stored = Stored {
                segment: 1,
                offset: 0,
                len: 125,
            };
            index.push(entry(1, at), Place::Stored(stored));
            index.evict();
        }
        assert_eq!((index.range(), index.first_cached()), (0..20, 15));
        index.truncate(18);
        assert_eq!((index.range(), index.first_cached()), (0..18, 15));
        index.purge(15);
        assert_eq!((index.range(), index.first_cached()), (16..18, 16));
        assert_eq!(index.cached_bytes, 2 * 164);
        index.purge(40);
        assert_eq!((index.range(), index.cached_bytes), (41..41, 0));
    }
}
