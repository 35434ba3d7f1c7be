//! Which file the hooks were told of last, across restarts.
//!
//! A node may end between a write and its hooks. At its next start the bytes
//! are the same and would be told to nobody, so what was told is noted. The
//! note is not flushed: one that a power cut takes back costs one reload.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use raft_store::{
    disk::{Disk, Work, read_to_end},
    failpoint,
};
use tracing::warn;

use crate::aside::aside;

/// Where it is noted.
#[derive(Clone, Debug)]
pub struct Note {
    /// The disk of the data directory.
    pub disk: Arc<dyn Disk>,
    /// The data directory, which exists.
    pub directory: PathBuf,
    /// Where reading and writing run.
    pub work: Work,
}

/// SHA-256 of a whole file.
pub(super) type Sha256 = [u8; 32];

const NAME: &str = "TOLD";
const NEW_NAME: &str = "TOLD.new";

impl Note {
    /// The file that was told of last; `None` if that is not known.
    pub(super) async fn read(&self) -> Option<Sha256> {
        let (disk, directory) = (self.disk.clone(), self.directory.clone());
        let read = aside(self.work, move || read(&*disk, &directory)).await;
        match read.map_err(io::Error::from).flatten() {
            Ok(told) => told,
            Err(cause) => {
                let directory = self.directory.display();
                warn!(%directory, %cause, "what hooks were told cannot be read: they are told again");
                None
            }
        }
    }

    pub(super) async fn write(&self, told: Sha256) {
        let (disk, directory) = (self.disk.clone(), self.directory.clone());
        let written = aside(self.work, move || write(&*disk, &directory, told)).await;
        if let Err(cause) = written.map_err(io::Error::from).flatten() {
            let directory = self.directory.display();
            warn!(%directory, %cause, "what hooks were told cannot be noted: the next start tells them again");
        }
    }
}

fn read(disk: &dyn Disk, directory: &Path) -> io::Result<Option<Sha256>> {
    let path = directory.join(NAME);
    if disk.len(&path)?.is_none() {
        return Ok(None);
    }
    let bytes = read_to_end(disk, &path, BYTES_MAX)?;
    // After a power cut it may be empty.
    Ok(Sha256::try_from(bytes).ok())
}

fn write(disk: &dyn Disk, directory: &Path, told: Sha256) -> io::Result<()> {
    let (path, new) = (directory.join(NAME), directory.join(NEW_NAME));
    if disk.len(&new)?.is_some() {
        disk.remove(&new)?;
    }
    failpoint::HOOKS_NOTE.pass()?;
    disk.create(&new)?.append(&told)?;
    disk.rename(&new, &path)
}

/// More is no note.
const BYTES_MAX: usize = 1024;
