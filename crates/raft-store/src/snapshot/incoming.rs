//! A snapshot on its way in from a peer.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::{SnapshotError, SnapshotFile, load};
use crate::disk::{Disk, DiskFile};
use crate::failpoint;

/// The bytes of a snapshot as they arrive, under a temporary name.
///
/// At most the announced length is taken. Unless it is installed in the end,
/// the file goes with the last one who holds it. All calls block.
#[derive(Debug)]
pub struct IncomingSnapshot {
    cluster: u128,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    temporary: Temporary,
    announced: u64,
    len: u64,
}

impl IncomingSnapshot {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        cluster: u128,
        path: PathBuf,
        announced: u64,
    ) -> Result<Self, SnapshotError> {
        let file = disk.create(&path).map_err(|cause| SnapshotError::Io {
            action: "create",
            path: path.clone(),
            cause,
        })?;
        Ok(Self {
            cluster,
            path: path.clone(),
            file,
            temporary: Temporary { disk, path },
            announced,
            len: 0,
        })
    }

    /// How many bytes are there.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether no byte is there yet.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes the next bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let len = self.len + bytes.len() as u64;
        if len > self.announced {
            return Err(SnapshotError::NotAsAnnounced {
                path: self.path.clone(),
                why: format!("{len} bytes came, and {} were announced", self.announced),
            });
        }
        let passed = failpoint::SNAPSHOT_RECEIVE.pass();
        let written = passed.and_then(|()| self.file.append(bytes));
        written.map_err(|cause| SnapshotError::Io {
            action: "write",
            path: self.path.clone(),
            cause,
        })?;
        self.len = len;
        Ok(())
    }

    /// Flushes the file and verifies all of it: length, frames, rows and what
    /// they add up to. It then waits to be installed.
    pub fn finish(mut self) -> Result<SnapshotFile, SnapshotError> {
        if self.len != self.announced {
            return Err(SnapshotError::NotAsAnnounced {
                path: self.path.clone(),
                why: format!(
                    "{} bytes came, and {} were announced",
                    self.len, self.announced
                ),
            });
        }
        self.file.sync().map_err(|cause| SnapshotError::Io {
            action: "flush",
            path: self.path.clone(),
            cause,
        })?;
        let state = load(&self.path, self.file.as_ref(), self.cluster)?;
        let file = SnapshotFile::new(self.path, self.len, self.file.into());
        Ok(file.received(Arc::new(state), Arc::new(self.temporary)))
    }
}

/// A file that is removed with this, if it still has its temporary name.
#[derive(Debug)]
pub(super) struct Temporary {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        match self.disk.remove(&self.path) {
            Ok(()) => {}
            // It was installed under another name.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // The next start removes it.
            Err(error) => {
                let path = self.path.display();
                tracing::warn!(%path, %error, "cannot remove an unfinished snapshot");
            }
        }
    }
}
