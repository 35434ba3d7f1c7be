//! sled as a database of rows.
//!
//! sled 0.34's `flush` does not reach the medium on Linux (it writes, and
//! asks for `sync_file_range`), so [`StateStore::sync`] flushes its file
//! itself. It can panic on damage: whoever opens one catches that. This is
//! the only file that knows it.

use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::{RowIter, StateError, StateStore, StateStores, Write};

/// Databases of sled, each a directory.
#[derive(Debug, Clone, Copy, Default)]
pub struct SledStates;

/// Bytes of sled's page cache. The projection is in memory anyway, and sled
/// exceeds this number tenfold.
const CACHE_BYTES: u64 = 1024 * 1024;

/// The file in a database's directory that holds all of it: batches are kept
/// so small that sled never uses others.
const DATABASE: &str = "db";

impl StateStores for SledStates {
    fn names(&self, dir: &Path) -> Result<Vec<String>, StateError> {
        let list = || -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in fs::read_dir(dir)? {
                let entry = entry?;
                if entry.file_type()?.is_dir()
                    && let Ok(name) = entry.file_name().into_string()
                {
                    names.push(name);
                }
            }
            names.sort();
            Ok(names)
        };
        list().map_err(|cause| StateError::new("list", dir, cause))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn StateStore>, StateError> {
        let refused = |cause: Box<dyn Error + Send + Sync>| StateError::new("open", path, cause);
        let database = sled::Config::default()
            .path(path)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .open()
            .map_err(|cause| refused(cause.into()))?;
        let file = File::open(path.join(DATABASE)).map_err(|cause| refused(cause.into()))?;
        Ok(Box::new(SledState {
            path: path.to_owned(),
            database,
            file,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), StateError> {
        fs::rename(from, to).map_err(|cause| StateError::new("rename", from, cause))
    }

    fn remove(&self, path: &Path) -> Result<(), StateError> {
        match fs::remove_dir_all(path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Err(StateError::new("remove", path, cause))
            }
            _ => Ok(()),
        }
    }
}

#[derive(Debug)]
struct SledState {
    path: PathBuf,
    database: sled::Db,
    /// To flush what sled has written.
    file: File,
}

impl StateStore for SledState {
    fn rows(&self) -> RowIter<'_> {
        Box::new(self.database.iter().map(|row| match row {
            // Copied: sled's own type keeps a whole page alive.
            Ok((key, value)) => Ok((key.to_vec().into(), value.to_vec().into())),
            Err(cause) => Err(StateError::new("read", &self.path, cause)),
        }))
    }

    fn write(&mut self, batch: Vec<Write>) -> Result<(), StateError> {
        let mut writes = sled::Batch::default();
        for Write { key, value } in batch {
            match value {
                Some(value) => writes.insert(key, value.as_ref()),
                None => writes.remove(key),
            }
        }
        self.database
            .apply_batch(writes)
            .map_err(|cause| StateError::new("write", &self.path, cause))
    }

    /// sled ends a batch with two writes to its file, and wakes all its threads
    /// for each; what is put one by one goes out when a segment is full.
    fn put(&mut self, writes: Vec<Write>) -> Result<(), StateError> {
        for Write { key, value } in writes {
            let put = match value {
                Some(value) => self.database.insert(key, value.as_ref()),
                None => self.database.remove(key),
            };
            put.map_err(|cause| StateError::new("write", &self.path, cause))?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StateError> {
        self.database
            .flush()
            .map_err(|cause| StateError::new("flush", &self.path, cause))?;
        self.file
            .sync_data()
            .map_err(|cause| StateError::new("flush", &self.path, cause))
    }
}
