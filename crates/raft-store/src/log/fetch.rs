//! Reads entries: from memory, and from the disk what is too old for that.

use std::{io, ops::Range, path::PathBuf, sync::Arc};

use bytes::Bytes;

use super::{
    Entry,
    failure::{Indexes, LogFailure},
    format::{ENTRY_OVERHEAD, Record},
    index::{Place, Stored},
    queue::{Shared, State},
    writer::segment_path,
};
use crate::{disk::DiskFile, position::LogId};

/// The entries in `range` that are there, from its beginning and without a
/// gap, up to `bytes_max` of payload, but at least one. What is on the disk is
/// read in pieces of `piece_bytes_max`, or of one entry.
pub(super) fn read(
    shared: &Shared,
    range: Range<u64>,
    bytes_max: usize,
    piece_bytes_max: usize,
) -> io::Result<Vec<Entry>> {
    loop {
        let Plan { missing, cached } = {
            let state = shared.state();
            shared.check(&state)?;
            Plan::new(&state, &range, bytes_max)
        };
        match fetch(shared, &missing, piece_bytes_max, cached.len()) {
            Ok(mut entries) => {
                entries.extend(cached);
                return Ok(entries);
            }
            Err(failure) => {
                let mut state = shared.state();
                if missing.iter().all(|missing| missing.is_still_there(&state)) {
                    return Err(shared.fail(&mut state, failure).into());
                }
                // Purged or cut off while it was read: look again.
            }
        }
    }
}

/// What to return, part of it yet to be read. The cache holds the end of the
/// log, so what is missing comes first.
struct Plan {
    missing: Vec<Missing>,
    cached: Vec<Entry>,
}

/// An entry to read back.
struct Missing {
    id: LogId,
    stored: Stored,
    /// Begins the checksums of its segment.
    seed: u32,
}

impl Plan {
    fn new(state: &State, range: &Range<u64>, bytes_max: usize) -> Self {
        let index = &state.index;
        let there = index.range();
        let mut plan = Self {
            missing: Vec::new(),
            cached: Vec::new(),
        };
        let mut bytes = 0;
        for at in range.start.max(there.start)..range.end.min(there.end) {
            let Some((id, place)) = index.id(at).zip(index.place(at)) else {
                break;
            };
            let payload = index.payload(at);
            bytes += match place {
                Place::Stored(stored) => stored.len as usize - ENTRY_OVERHEAD,
                Place::Queued(_) => payload.map_or(0, Bytes::len),
            };
            let is_first = plan.missing.is_empty() && plan.cached.is_empty();
            if bytes > bytes_max && !is_first {
                break;
            }
            match (payload, place) {
                (Some(payload), _) => plan.cached.push(Entry {
                    id,
                    payload: payload.clone(),
                }),
                (None, Place::Stored(stored)) => {
                    let seed = state
                        .segments
                        .get(&stored.segment)
                        .map_or(0, |found| found.seed);
                    plan.missing.push(Missing { id, stored, seed });
                }
                // What is queued stays in memory.
                (None, Place::Queued(_)) => break,
            }
        }
        plan
    }
}

impl Missing {
    fn is_still_there(&self, state: &State) -> bool {
        state.index.place(self.id.index) == Some(Place::Stored(self.stored))
            && state.segments.contains_key(&self.stored.segment)
    }

    fn end(&self) -> u32 {
        self.stored.offset + self.stored.len
    }
}

/// Reads `missing`; the answer has room for `more`.
fn fetch(
    shared: &Shared,
    missing: &[Missing],
    piece_bytes_max: usize,
    more: usize,
) -> Result<Vec<Entry>, LogFailure> {
    let mut entries = Vec::with_capacity(missing.len() + more);
    let mut open: Option<Open> = None;
    let mut rest = missing;
    while let Some(first) = rest.first() {
        let (piece, after) = rest.split_at(piece_len(first, rest, piece_bytes_max));
        rest = after;
        let file = match open
            .take()
            .filter(|open| open.segment == first.stored.segment)
        {
            Some(file) => file,
            None => Open::new(shared, first)?,
        };
        file.read(piece, &mut entries)?;
        open = Some(file);
    }
    Ok(entries)
}

/// How many entries from the first one on are read at once.
fn piece_len(first: &Missing, rest: &[Missing], piece_bytes_max: usize) -> usize {
    let mut from = first.stored.offset;
    let fits = |next: &&Missing| {
        let in_order = next.stored.segment == first.stored.segment && next.stored.offset >= from;
        from = next.stored.offset;
        in_order && (next.end() - first.stored.offset) as usize <= piece_bytes_max
    };
    rest.iter().take_while(fits).count().max(1)
}

/// A segment that is read from.
struct Open {
    segment: u64,
    path: PathBuf,
    file: Box<dyn DiskFile>,
}

impl Open {
    fn new(shared: &Shared, first: &Missing) -> Result<Self, LogFailure> {
        let segment = first.stored.segment;
        let path = segment_path(&shared.dir, segment);
        match shared.disk.open(&path) {
            Ok(file) => Ok(Self {
                segment,
                path,
                file,
            }),
            Err(cause) => Err(failure("open", path, first, cause)),
        }
    }

    fn read(&self, piece: &[Missing], entries: &mut Vec<Entry>) -> Result<(), LogFailure> {
        let (Some(first), Some(last)) = (piece.first(), piece.last()) else {
            return Ok(());
        };
        let start = first.stored.offset;
        let mut bytes = vec![0; (last.end() - start) as usize];
        let read = self.file.read_at(&mut bytes, u64::from(start));
        let read = read.map_err(|cause| failure("read", self.path.clone(), first, cause))?;
        bytes.truncate(read);
        let bytes = Bytes::from(bytes);
        for missing in piece {
            let at = (missing.stored.offset - start) as usize;
            match Record::decode(&bytes, at, u64::from(start), missing.seed) {
                Ok((Record::Entry { id, payload }, _)) if id == missing.id => {
                    entries.push(Entry {
                        id,
                        payload: bytes.slice_ref(payload),
                    });
                }
                _ => {
                    return Err(LogFailure::Damaged {
                        path: self.path.clone(),
                        offset: u64::from(missing.stored.offset),
                        indexes: Indexes::some(missing.id.index, missing.id.index),
                    });
                }
            }
        }
        Ok(())
    }
}

fn failure(doing: &'static str, path: PathBuf, first: &Missing, cause: io::Error) -> LogFailure {
    LogFailure::Disk {
        doing,
        path,
        offset: u64::from(first.stored.offset),
        indexes: Indexes::from(first.id.index),
        cause: Arc::new(cause),
    }
}
