//! Why the log takes nothing more.
//!
//! The first failure is kept and is the answer to every later call: after a
//! flush that failed nobody knows what is on the disk, and a second flush
//! would only pretend to.

use std::{fmt, io, path::PathBuf, sync::Arc};

pub(super) use crate::REMEDY;

/// Why the log takes nothing more. Comes as the inner error of an
/// [`io::Error`], the same one from every call.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogFailure {
    /// The disk refused a write, a flush or a change of names.
    #[error(
        "cannot {doing} {path} at offset {offset} ({indexes}): the log takes nothing more until \
         the node is started again; what was acknowledged is safe. First {}",
        first_step(cause)
    )]
    Disk {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// From which byte on.
        offset: u64,
        /// The entries on their way.
        indexes: Indexes,
        /// What the disk said.
        #[source]
        cause: Arc<io::Error>,
    },
    /// An entry that was flushed cannot be read back.
    #[error(
        "{path} is damaged at offset {offset} ({indexes}): what is there is not what was written. \
         {}",
        REMEDY
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where the entry should be.
        offset: u64,
        /// The entry.
        indexes: Indexes,
    },
    /// [`super::Log::close`] was called.
    #[error("the log in {dir} is closed")]
    Closed {
        /// The directory of the log.
        dir: PathBuf,
    },
    /// The writer's thread ended without being told to.
    #[error("the writer of the log in {dir} ended early; start the node again and report this")]
    Gone {
        /// The directory of the log.
        dir: PathBuf,
    },
}

/// What a person does before the node is started again.
fn first_step(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on the disk",
        _ => "look at the disk and the kernel's messages",
    }
}

impl From<LogFailure> for io::Error {
    fn from(failure: LogFailure) -> Self {
        let kind = match &failure {
            LogFailure::Disk { cause, .. } => cause.kind(),
            LogFailure::Damaged { .. } => io::ErrorKind::InvalidData,
            LogFailure::Closed { .. } | LogFailure::Gone { .. } => io::ErrorKind::BrokenPipe,
        };
        Self::new(kind, failure)
    }
}

/// A range of entries, for messages: first and last, where known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indexes {
    /// The first one.
    pub first: Option<u64>,
    /// The last one; before the first if no entry is meant.
    pub last: Option<u64>,
}

impl Indexes {
    pub(super) fn some(first: u64, last: u64) -> Self {
        Self {
            first: Some(first),
            last: Some(last),
        }
    }

    pub(super) fn from(first: u64) -> Self {
        Self {
            first: Some(first),
            last: None,
        }
    }

    /// Also means `index`.
    pub(super) fn add(&mut self, index: u64) {
        self.first = Some(self.first.map_or(index, |first| first.min(index)));
        self.last = Some(self.last.map_or(index, |last| last.max(index)));
    }
}

impl fmt::Display for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.last) {
            (Some(first), Some(last)) if last < first => f.write_str("no entry"),
            (Some(first), Some(last)) if first == last => write!(f, "entry {first}"),
            (Some(first), Some(last)) => write!(f, "entries {first} to {last}"),
            (Some(first), None) => write!(f, "entries from {first} on"),
            (None, _) => f.write_str("no entry"),
        }
    }
}
