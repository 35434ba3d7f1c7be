//! The files seam: what the publisher asks of a file system, and how a
//! refusal is told to an operator.
//!
//! The real one is [`super::RealFiles`]; tests and simulations take
//! [`super::memory::MemoryFiles`]. All calls block: they belong on a thread,
//! not in an async function.

use std::{
    fmt,
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

/// A file system as far as the publisher needs one. Symbolic links are
/// followed to their final target by every call.
pub trait Files: fmt::Debug + Send + Sync + 'static {
    /// Removes the temporaries that a killed process left beside `path`, and
    /// says how many they were.
    fn clean(&self, path: &Path) -> io::Result<usize>;
    /// What the file at `path` looks like from outside, or `None` if there is
    /// none. Cheap: the contents are not read.
    fn mark(&self, path: &Path) -> io::Result<Option<FileMark>>;
    /// Opens the file at `path` to read it, or says `None` if there is none.
    /// Anything that is not a regular file is an error.
    fn open(&self, path: &Path) -> io::Result<Option<Box<dyn Read + Send>>>;
    /// Puts `bytes` in the place of the file at `path`, or makes it. A reader
    /// sees the old file or the new one, unless the answer is
    /// [`Replaced::in_place`]. Durable on return, unless the answer is
    /// [`Replaced::not_flushed`].
    fn replace(&self, path: &Path, bytes: &[u8], over: Over) -> Result<Replaced, ReplaceError>;
    /// The copy that [`Files::keep_copy`] made of the file at `path`, if it is
    /// still there.
    fn copy_of(&self, path: &Path) -> io::Result<Option<PathBuf>>;
    /// Keeps `bytes`, which the file at `path` has now, beside it, and says
    /// where. An earlier copy is replaced. Durable on return.
    fn keep_copy(&self, path: &Path, bytes: &[u8]) -> Result<PathBuf, ReplaceError>;
    /// Removes that copy, if there is one.
    fn remove_copy(&self, path: &Path) -> io::Result<()>;
}

/// What a replacement may take the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Whatever is there.
    Anything,
    /// The file that looks like this, or nothing where there was none. What
    /// somebody else has written since is not overwritten.
    Only(Option<FileMark>),
}

/// What changes when somebody changes a file: its place, size and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMark {
    /// The device it is on.
    pub device: u64,
    /// Its inode on that device.
    pub inode: u64,
    /// Its length in bytes.
    pub size: u64,
    /// When its contents were last changed: nanoseconds since the Unix epoch.
    pub modified: i128,
    /// When anything of it was last changed, its mode and owner included.
    pub changed: i128,
}

/// A file that was replaced.
#[derive(Debug)]
pub struct Replaced {
    /// The new file, as it was when the call returned.
    pub mark: FileMark,
    /// `Some` when the file could not be replaced by a rename, and why: it was
    /// overwritten where it is, and a reader may have seen a part of it.
    pub in_place: Option<io::Error>,
    /// `Some` when the directory could not be flushed, and why: readers have
    /// the new file, but a power cut could bring the old one back.
    pub not_flushed: Option<io::Error>,
}

/// Why a file was not replaced. The old one is as it was, except after
/// [`ReplaceError::Torn`].
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// The final target cannot be found out.
    #[error("cannot follow {path} to the file it names")]
    Resolve {
        /// The path as configured.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// There is something that is not a file.
    #[error("{path} is a {kind} and is not replaced by a hosts file")]
    NotAFile {
        /// The final target.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// Somebody else has changed the file since it was read.
    #[error("{path} was changed by somebody else at the same moment")]
    Changed {
        /// The final target.
        path: PathBuf,
    },
    /// The new file cannot be begun.
    #[error("cannot create a temporary file in {directory}")]
    Create {
        /// The directory of the final target.
        directory: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Owner, group or mode of the old file cannot be given to the new one.
    #[error("cannot give the new {path} the {what} of the old one")]
    Keep {
        /// The final target.
        path: PathBuf,
        /// Which of them.
        what: &'static str,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The new file cannot be written and flushed.
    #[error("cannot write the new {path}")]
    Write {
        /// The final target.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The new file cannot take the old one's place.
    #[error("cannot put the new {path} in the place of the old one")]
    Rename {
        /// The final target.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A file that can only be overwritten where it is could not be. Its old
    /// contents were put back.
    #[error("cannot write {path} in place")]
    InPlace {
        /// The final target.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The same, and its old contents could not be put back either. It may be
    /// torn until the next attempt succeeds.
    #[error("cannot write {path} in place, and it may be torn")]
    Torn {
        /// The final target.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The copy is there, but may be gone after a power cut.
    #[error("cannot flush the directory {directory}")]
    SyncDirectory {
        /// The directory of the final target.
        directory: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

impl ReplaceError {
    /// Whether the old file is there as it was.
    pub(super) fn left_the_old(&self) -> bool {
        !matches!(self, Self::Torn { .. })
    }

    /// Whether a whole file was written and flushed for nothing, and will be
    /// until somebody mends it: the target is immutable, or cannot be written.
    pub(super) fn is_costly(&self) -> bool {
        let lasts = |cause: &io::Error| {
            matches!(
                cause.kind(),
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
            )
        };
        matches!(self, Self::Rename { cause, .. } if lasts(cause))
    }

    /// What failed, why, and what the operator can do: one line.
    #[must_use]
    pub fn report(&self) -> String {
        match self.cause() {
            None if matches!(self, Self::Changed { .. }) => {
                format!("{self}; the node tries again, and gives way to whoever else writes it")
            }
            None => format!("{self}; name a file in [hosts] path"),
            Some(cause) => format!("{self}: {cause}; {}", advice(cause)),
        }
    }

    fn cause(&self) -> Option<&io::Error> {
        match self {
            Self::NotAFile { .. } | Self::Changed { .. } => None,
            Self::Resolve { cause, .. }
            | Self::Create { cause, .. }
            | Self::Keep { cause, .. }
            | Self::Write { cause, .. }
            | Self::Rename { cause, .. }
            | Self::InPlace { cause, .. }
            | Self::Torn { cause, .. }
            | Self::SyncDirectory { cause, .. } => Some(cause),
        }
    }
}

/// What to do about `cause`. The node tries again by itself in any case.
pub(super) fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        ErrorKind::NotFound => "create the directory",
        ErrorKind::IsADirectory => "name a file in [hosts] path",
        ErrorKind::NotADirectory => "correct [hosts] path: a part of it is not a directory",
        ErrorKind::ReadOnlyFilesystem => {
            "mount the file system writable, or name another place in [hosts] path"
        }
        ErrorKind::StorageFull => "free space or inodes on the file system",
        ErrorKind::QuotaExceeded => "raise the quota of the node's user, or free space",
        ErrorKind::PermissionDenied => {
            "let the node's user write to the directory and own the file, and see that neither is \
             immutable (lsattr)"
        }
        ErrorKind::FileTooLarge => "name another file in [hosts] path: this one is no hosts file",
        ErrorKind::InvalidFilename => "choose a shorter name in [hosts] path",
        _ => "the node tries again; if this stays, look at the disk and the kernel's log",
    }
}
