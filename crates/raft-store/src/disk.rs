//! The disk seam: every file of this crate, sled's apart, is reached through
//! [`Disk`].
//!
//! The real one is [`RealDisk`]; a simulation or a crash test takes
//! [`memory::MemoryDisk`], which forgets at a power cut what was not flushed.
//! All calls block: they belong on a thread, not in an async function.

use std::{fmt, io, path::Path};

pub mod memory;
mod real;

pub use real::RealDisk;

/// A file system as far as this crate needs one.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Makes `dir` and what is missing above it. One that is there is fine.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// The names in `dir`, sorted.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// The length of a file in bytes, or `None` if there is none.
    fn len(&self, path: &Path) -> io::Result<Option<u64>>;
    /// Makes a new, empty file; one that is there is an error. The name is
    /// durable after [`Disk::sync_dir`].
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file that is there, to read it and to add to its end.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file another name in the same directory, in place of what had
    /// it. Durable after [`Disk::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Durable after [`Disk::sync_dir`].
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes the exclusive lock of a file, which is made if missing, until the
    /// answer is dropped. [`io::ErrorKind::WouldBlock`] if another has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;
}

/// An open file.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Adds all of `bytes` to the end. After an error any part of them may be
    /// there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Flushes contents and length to the medium (`fdatasync`). After an error
    /// nothing is known, and another flush proves nothing: Linux may have
    /// dropped the pages it could not write.
    fn sync(&mut self) -> io::Result<()>;
    /// Reads at `offset` until `into` is full or the file ends; says how many
    /// bytes that were.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;
    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file holds nothing.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts the file to `len` bytes. Durable after [`DiskFile::sync`].
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// A held lock; dropping it gives it up.
pub trait DiskLock: fmt::Debug + Send {}

/// Where background work runs: writing the log, the state, a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// On a thread of its own.
    Threads,
    /// On the caller, finished before the call returns: a simulation has one
    /// thread and one order of events.
    Inline,
}

/// The whole file, which may have at most `max` bytes; a longer one is
/// [`io::ErrorKind::InvalidData`] and not read.
pub fn read_to_end(disk: &dyn Disk, path: &Path, max: usize) -> io::Result<Vec<u8>> {
    read_whole(disk.open(path)?.as_ref(), max)
}

/// As [`read_to_end`], for an open file.
pub fn read_whole(file: &dyn DiskFile, max: usize) -> io::Result<Vec<u8>> {
    let len = file.len()?;
    let len = usize::try_from(len)
        .ok()
        .filter(|len| *len <= max)
        .ok_or_else(|| {
            let text = format!("it has {len} bytes, and at most {max} are expected");
            io::Error::new(io::ErrorKind::InvalidData, text)
        })?;
    let mut bytes = vec![0; len];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}
