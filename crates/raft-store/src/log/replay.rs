//! Reads the stream again, record by record, as the segments come.

use bytes::Bytes;

use super::{
    Entry,
    failure::Indexes,
    format::{Record, Standing},
    index::{Index, Place, Stored},
    rules::{self, BrokenRule},
};

pub(super) struct Replay {
    pub(super) standing: Standing,
    pub(super) index: Index,
    /// The last of the entries that were in segments before the first one
    /// there is. They have to turn out to be purged.
    absent: Option<u64>,
    begun: bool,
}

impl Replay {
    pub(super) fn new(cache_bytes: usize) -> Self {
        Self {
            standing: Standing::default(),
            index: Index::new(cache_bytes),
            absent: None,
            begun: false,
        }
    }

    /// The next segment begins with `standing`. False if that does not follow
    /// from what was read before.
    pub(super) fn begin(&mut self, standing: Standing) -> bool {
        if self.begun {
            return standing == self.standing;
        }
        let ends = [standing.purged, standing.last];
        if ends
            .into_iter()
            .flatten()
            .any(|id| rules::check_index(id).is_err())
        {
            return false;
        }
        self.begun = true;
        self.standing = standing;
        if let Some(last) = standing.last {
            self.index.purge(last.index);
            self.absent = Some(last.index).filter(|last| !self.is_purged(*last));
        }
        true
    }

    /// The next record.
    pub(super) fn take(&mut self, record: &Record<'_>, stored: Stored) -> Result<(), BrokenRule> {
        rules::check(&self.standing, &self.index, self.absent, record)?;
        match *record {
            Record::Entry { id, payload } => {
                let payload = Bytes::copy_from_slice(payload);
                self.index
                    .push(Entry { id, payload }, Place::Stored(stored));
                self.index.evict();
            }
            Record::Truncate(to) => {
                self.index.truncate(to.map_or(0, |to| to.index + 1));
                self.absent = self.absent.min(to.map(|to| to.index));
            }
            Record::Purged(to) => self.index.purge(to.index),
            Record::Vote(_) | Record::Committed(_) | Record::Sealed | Record::Flushed => {}
        }
        self.standing.take(record);
        Ok(())
    }

    /// The entries that are neither in the segments read nor purged.
    pub(super) fn missing(&self) -> Option<Indexes> {
        let absent = self.absent.filter(|absent| !self.is_purged(*absent))?;
        let first = self.standing.purged.map_or(0, |purged| purged.index + 1);
        Some(Indexes::some(first, absent))
    }

    /// The index of the entry that comes next.
    pub(super) fn next(&self) -> u64 {
        self.index.range().end
    }

    fn is_purged(&self, index: u64) -> bool {
        self.standing
            .purged
            .is_some_and(|purged| index <= purged.index)
    }
}
