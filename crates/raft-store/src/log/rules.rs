//! What may come next in the stream: no holes, and no promise taken back.
//!
//! The same rules hold for a call and for a record found on the disk.

use std::io;

use super::{
    format::{PAYLOAD_BYTES_MAX, Record, Standing},
    index::Index,
};
use crate::position::{LogId, Vote};

/// What may not come next. From a call it is the inner error of an
/// [`io::Error`] of the kind [`io::ErrorKind::InvalidInput`]: the call changed
/// nothing, and the log goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenRule {
    /// The log would have a hole.
    #[error("entry {found} does not follow entry {last}")]
    Gap {
        /// The index of the last entry.
        last: u64,
        /// The index offered.
        found: u64,
    },
    /// A leader of an older term cannot add to the entries of a newer one.
    #[error("entry {found} is of an older term than the one before it, {last}")]
    Term {
        /// The entry before.
        last: LogId,
        /// The entry offered.
        found: LogId,
    },
    /// No entry could come after it.
    #[error("there is no entry {index}: none could follow it")]
    Last {
        /// The largest number.
        index: u64,
    },
    /// An entry is larger than a record may be.
    #[error("entry {index} has {bytes} bytes, and at most {max} can be stored")]
    Large {
        /// Which entry.
        index: u64,
        /// Its payload, in bytes.
        bytes: usize,
        /// How many there may be.
        max: usize,
    },
    /// The vote takes back an earlier one.
    #[error("a vote for {vote} takes back the vote for {before}")]
    Vote {
        /// The vote that stands.
        before: Vote,
        /// The vote offered.
        vote: Vote,
    },
    /// The log holds no such entry, or another one there.
    #[error("the log cannot end after entry {to}, which it does not hold")]
    Truncate {
        /// The entry that was to be the last.
        to: LogId,
    },
    /// Purged entries cannot be made void.
    #[error("the log cannot be emptied: the entries up to {purged} were purged")]
    Empty {
        /// The last entry purged.
        purged: LogId,
    },
    /// The entries between are neither in the log nor purged.
    #[error("the entries up to {to} cannot be purged: the log begins at entry {first}")]
    Purge {
        /// The last entry to purge.
        to: LogId,
        /// The first entry of the log.
        first: u64,
    },
}

impl From<BrokenRule> for io::Error {
    fn from(broken: BrokenRule) -> Self {
        Self::new(io::ErrorKind::InvalidInput, broken)
    }
}

/// Whether `id` with `bytes` of payload may be the entry after `last`. An
/// empty log that nothing was purged from may begin anywhere.
pub(super) fn check_entry(last: Option<LogId>, id: LogId, bytes: usize) -> Result<(), BrokenRule> {
    check_index(id)?;
    if let Some(last) = last {
        if last.index.checked_add(1) != Some(id.index) {
            return Err(BrokenRule::Gap {
                last: last.index,
                found: id.index,
            });
        }
        if id.term < last.term {
            return Err(BrokenRule::Term { last, found: id });
        }
    }
    if bytes > PAYLOAD_BYTES_MAX {
        return Err(BrokenRule::Large {
            index: id.index,
            bytes,
            max: PAYLOAD_BYTES_MAX,
        });
    }
    Ok(())
}

/// The index after one in the log is counted all over this crate.
pub(super) const fn check_index(LogId { index, .. }: LogId) -> Result<(), BrokenRule> {
    if index == u64::MAX {
        return Err(BrokenRule::Last { index });
    }
    Ok(())
}

/// Whether `record` may come after `standing`. Entries up to `absent` may be
/// gone with the segments that held them.
pub(super) fn check(
    standing: &Standing,
    index: &Index,
    absent: Option<u64>,
    record: &Record<'_>,
) -> Result<(), BrokenRule> {
    match *record {
        Record::Entry { id, payload } => check_entry(standing.last, id, payload.len()),
        Record::Vote(vote) => match standing.vote {
            Some(before) if !vote.may_follow(&before) => Err(BrokenRule::Vote { before, vote }),
            _ => Ok(()),
        },
        Record::Truncate(None) => match standing.purged {
            Some(purged) => Err(BrokenRule::Empty { purged }),
            None => Ok(()),
        },
        Record::Truncate(Some(to)) => {
            let held = index.id(to.index) == Some(to)
                || standing.purged == Some(to)
                || (absent.is_some_and(|absent| to.index <= absent)
                    && standing.purged.is_none_or(|purged| purged.index < to.index));
            if held {
                Ok(())
            } else {
                Err(BrokenRule::Truncate { to })
            }
        }
        Record::Purged(to) => {
            check_index(to)?;
            let first = index.range().start;
            let hole = absent.is_none() && to.index.checked_add(1).is_some_and(|next| next < first);
            let back = standing
                .purged
                .is_some_and(|purged| to.index <= purged.index);
            if hole || back {
                Err(BrokenRule::Purge { to, first })
            } else {
                Ok(())
            }
        }
        Record::Committed(_) | Record::Sealed | Record::Flushed => Ok(()),
    }
}
