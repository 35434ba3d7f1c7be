//! Why a snapshot cannot be read, written or used.

use std::io;
use std::path::PathBuf;

use hosts::HostId;

use crate::assemble::AssembleError;
use crate::record::DecodeError;

/// What is wrong with a snapshot, and where.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The disk refuses.
    #[error("cannot {action} the snapshot {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the disk says.
        #[source]
        cause: io::Error,
    },
    /// The bytes are not those that were written.
    #[error("the snapshot {} is damaged at byte {offset}: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damaged frame begins.
        offset: u64,
        /// What does not fit.
        why: String,
    },
    /// A frame that is whole holds something that cannot be read.
    #[error("the snapshot {} cannot be understood at byte {offset}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// Where the frame begins.
        offset: u64,
        /// What cannot be read.
        #[source]
        cause: DecodeError,
    },
    /// The rows are not those of one state.
    #[error("the rows of the snapshot {} do not make a state", path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// What contradicts what.
        #[source]
        cause: AssembleError,
    },
    /// It is of another cluster.
    #[error(
        "the snapshot {} is of cluster {}, and this node belongs to {}",
        path.display(), HostId::from_u128(*found), HostId::from_u128(*expected)
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: u128,
        /// Whose it should be.
        expected: u128,
    },
    /// It is not the one that was announced.
    #[error("the snapshot {} is not the one announced: {why}", path.display())]
    NotAsAnnounced {
        /// The file.
        path: PathBuf,
        /// What differs.
        why: String,
    },
}

impl From<SnapshotError> for io::Error {
    fn from(error: SnapshotError) -> Self {
        let kind = match &error {
            SnapshotError::Io { cause, .. } => cause.kind(),
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
