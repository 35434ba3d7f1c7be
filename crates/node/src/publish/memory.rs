//! Files in memory, with failures on demand, for tests and simulations.

use std::{
    collections::BTreeMap,
    io::{self, Cursor, ErrorKind, Read},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{FileMark, Files, Over, ReplaceError, Replaced};

/// A file system that holds a few files and forgets them with itself.
#[derive(Debug, Default)]
pub struct MemoryFiles {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<PathBuf, File>,
    fault: Option<Fault>,
    attempts: u64,
    reads: u64,
    written: Vec<Vec<u8>>,
    /// Counts every change, so that no two files have one mark.
    ticks: u64,
}

#[derive(Clone, Debug)]
struct File {
    bytes: Vec<u8>,
    mark: FileMark,
}

#[derive(Clone, Copy, Debug)]
struct Fault {
    kind: ErrorKind,
    /// How many more writes fail.
    times: u64,
    at: Stage,
}

/// Where a replacement fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Write,
    Rename,
    /// When readers have the new file.
    SyncDirectory,
}

impl MemoryFiles {
    /// No files yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the next `times` calls of [`Files::replace`] fail with an error of
    /// this kind, leaving the old file as it was.
    pub fn fail(&self, kind: ErrorKind, times: u64) {
        self.state().fault = Some(Fault {
            kind,
            times,
            at: Stage::Write,
        });
    }

    /// The same for every call from now on, when the new file is complete and
    /// is to take the old one's place.
    pub fn fail_renames(&self, kind: ErrorKind) {
        self.state().fault = Some(Fault {
            kind,
            times: u64::MAX,
            at: Stage::Rename,
        });
    }

    /// Lets every directory fail to be flushed once the new file is in it.
    pub fn fail_directory_flushes(&self, kind: ErrorKind) {
        self.state().fault = Some(Fault {
            kind,
            times: u64::MAX,
            at: Stage::SyncDirectory,
        });
    }

    /// Ends what [`MemoryFiles::fail`] and its like began.
    pub fn heal(&self) {
        self.state().fault = None;
    }

    /// Puts a file there, as somebody else would.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        self.state().put(path, bytes);
    }

    /// Removes a file, as somebody else would.
    pub fn remove(&self, path: &Path) {
        self.state().files.remove(path);
    }

    /// What is in the file, or `None` if there is none.
    #[must_use]
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        self.state().files.get(path).map(|file| file.bytes.clone())
    }

    /// How often [`Files::replace`] was called, failures included.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.state().attempts
    }

    /// How often [`Files::open`] was called.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.state().reads
    }

    /// Everything [`Files::replace`] has written, in order.
    #[must_use]
    pub fn written(&self) -> Vec<Vec<u8>> {
        self.state().written.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is made whole, so a panic elsewhere spoils nothing here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, path: &Path, bytes: &[u8]) -> FileMark {
        self.ticks += 1;
        let mark = FileMark {
            device: 1,
            inode: self.ticks,
            size: bytes.len() as u64,
            modified: i128::from(self.ticks),
            changed: i128::from(self.ticks),
        };
        self.files.insert(
            path.to_owned(),
            File {
                bytes: bytes.to_vec(),
                mark,
            },
        );
        mark
    }

    fn failure(&mut self, at: Stage) -> Option<ErrorKind> {
        let fault = self.fault.as_mut().filter(|fault| fault.at == at)?;
        fault.times = fault.times.checked_sub(1)?;
        Some(fault.kind)
    }
}

impl Files for MemoryFiles {
    fn clean(&self, _path: &Path) -> io::Result<usize> {
        Ok(0)
    }

    fn mark(&self, path: &Path) -> io::Result<Option<FileMark>> {
        Ok(self.state().files.get(path).map(|file| file.mark))
    }

    fn open(&self, path: &Path) -> io::Result<Option<Box<dyn Read + Send>>> {
        self.state().reads += 1;
        Ok(self
            .bytes(path)
            .map(|bytes| Box::new(Cursor::new(bytes)) as Box<dyn Read + Send>))
    }

    fn replace(&self, path: &Path, bytes: &[u8], over: Over) -> Result<Replaced, ReplaceError> {
        let mut state = self.state();
        state.attempts += 1;
        if let Some(kind) = state.failure(Stage::Write) {
            return Err(ReplaceError::Write {
                path: path.to_owned(),
                cause: kind.into(),
            });
        }
        if let Some(kind) = state.failure(Stage::Rename) {
            return Err(ReplaceError::Rename {
                path: path.to_owned(),
                cause: kind.into(),
            });
        }
        let present = state.files.get(path).map(|file| file.mark);
        if !matches!(over, Over::Anything) && over != Over::Only(present) {
            let path = path.to_owned();
            return Err(ReplaceError::Changed { path });
        }
        state.written.push(bytes.to_vec());
        Ok(Replaced {
            mark: state.put(path, bytes),
            in_place: None,
            not_flushed: state.failure(Stage::SyncDirectory).map(io::Error::from),
        })
    }

    fn copy_of(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        let copy = copy_at(path);
        Ok(self.state().files.contains_key(&copy).then_some(copy))
    }

    fn keep_copy(&self, path: &Path, bytes: &[u8]) -> Result<PathBuf, ReplaceError> {
        let copy = copy_at(path);
        self.state().put(&copy, bytes);
        Ok(copy)
    }

    fn remove_copy(&self, path: &Path) -> io::Result<()> {
        self.state().files.remove(&copy_at(path));
        Ok(())
    }
}

fn copy_at(path: &Path) -> PathBuf {
    path.with_added_extension("copy")
}
