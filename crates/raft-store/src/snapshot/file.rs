//! A snapshot on disk, as it is handed around.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::incoming::Temporary;
use crate::applied::Applied;
use crate::disk::DiskFile;

/// A snapshot file: its path, its length, and an open handle.
///
/// The handle keeps the bytes readable while they are sent to a peer, even
/// when a newer snapshot takes the file's place in the directory. Clones
/// share it.
#[derive(Clone)]
pub struct SnapshotFile {
    path: PathBuf,
    len: u64,
    file: Arc<dyn DiskFile>,
    /// What a received file holds: it was read whole to verify it.
    loaded: Option<Arc<Applied>>,
    /// Of a received file: removes it unless it is installed.
    temporary: Option<Arc<Temporary>>,
}

impl SnapshotFile {
    pub(crate) fn new(path: PathBuf, len: u64, file: Arc<dyn DiskFile>) -> Self {
        Self {
            path,
            len,
            file,
            loaded: None,
            temporary: None,
        }
    }

    /// A file that was received whole: what was found in it, and what removes
    /// it if nobody installs it.
    pub(super) fn received(mut self, loaded: Arc<Applied>, temporary: Arc<Temporary>) -> Self {
        self.loaded = Some(loaded);
        self.temporary = Some(temporary);
        self
    }

    /// The same file under its new name. What was found in it is dropped:
    /// whoever installs it has taken it.
    pub(super) fn renamed(self, path: PathBuf) -> Self {
        Self {
            path,
            loaded: None,
            temporary: None,
            ..self
        }
    }

    pub(crate) fn loaded(&self) -> Option<&Arc<Applied>> {
        self.loaded.as_ref()
    }

    pub(crate) fn disk_file(&self) -> &dyn DiskFile {
        self.file.as_ref()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes; no snapshot is like that.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes at `offset`, at most `max` of them; none at the end. Blocks.
    pub fn read_at(&self, offset: u64, max: usize) -> io::Result<Bytes> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; max.min(left)];
        let read = self.file.read_at(&mut bytes, offset)?;
        if read < bytes.len() {
            let path = self.path.display();
            let text = format!(
                "{path} ends at byte {}, before {}",
                offset + read as u64,
                self.len
            );
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        Ok(bytes.into())
    }
}

impl fmt::Debug for SnapshotFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotFile")
            .field("path", &self.path)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
