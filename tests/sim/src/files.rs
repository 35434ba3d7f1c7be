//! The hosts file of one node, on a file system that can fail and lose its power.
//!
//! A replacement is durable when it says so. One whose directory could not be flushed may be gone after a power cut,
//! and the old file back. What any reader can see is [`SimFiles::seen`]: a reader reads between any two calls.

use crate::chance::Chance;
use node::publish::{FileMark, Files, Over, ReplaceError, Replaced};
use std::{
    io::{self, Cursor, ErrorKind, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The file system; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimFiles {
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    live: Option<Contents>,
    durable: Option<Contents>,
    copy: Option<Vec<u8>>,
    faults: Vec<FileFault>,
    /// Counts changes: no two files have one mark.
    changes: u64,
    /// What readers could see since the last look.
    shown: Vec<Contents>,
    /// The last power cut took a file that was not flushed.
    taken_back: bool,
}

#[derive(Clone, Debug)]
struct Contents {
    bytes: Arc<[u8]>,
    mark: FileMark,
}

/// What the next replacement meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileFault {
    /// The new file cannot be written.
    Write,
    /// It cannot take the old one's place.
    Rename,
    /// Readers have it, but a power cut may take it back.
    NotFlushed,
}

impl SimFiles {
    /// What a reader can have seen since the last look, in order, and at the end what it sees now; each with a number
    /// of its own. Nothing if there is no file now.
    pub(crate) fn seen(&self) -> Vec<(u64, Arc<[u8]>)> {
        let mut state = self.state();
        let shown = std::mem::take(&mut state.shown);
        let Some(live) = &state.live else {
            return Vec::new();
        };
        let before = shown
            .into_iter()
            .filter(|contents| contents.mark != live.mark);
        before
            .chain([live.clone()])
            .map(|Contents { bytes, mark }| (mark.inode, bytes))
            .collect()
    }

    /// Whether the last end of a node took a file back that was said not to be flushed.
    pub(crate) fn was_taken_back(&self) -> bool {
        self.state().taken_back
    }

    /// The next replacement meets this.
    pub(crate) fn fail(&self, fault: FileFault) {
        self.state().faults.push(fault);
    }

    /// Nothing fails from now on.
    pub(crate) fn heal(&self) {
        self.state().faults.clear();
    }

    /// What is left after a power cut, or after the program was killed. What the old node still does to this one,
    /// nobody sees.
    pub(crate) fn after(&self, power_cut: Option<&mut Chance>) -> Self {
        let mut state = State::clone(&self.state());
        state.taken_back = false;
        if let Some(chance) = power_cut {
            let may_stay = state.live.as_ref().map(|live| live.mark)
                == state.durable.as_ref().map(|durable| durable.mark);
            if !may_stay && chance.percent(50) {
                state.live.clone_from(&state.durable);
                state.taken_back = true;
            }
            state.durable.clone_from(&state.live);
        }
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files for SimFiles {
    fn clean(&self, _path: &Path) -> io::Result<usize> {
        Ok(0)
    }

    fn mark(&self, _path: &Path) -> io::Result<Option<FileMark>> {
        Ok(self.state().live.as_ref().map(|live| live.mark))
    }

    fn open(&self, _path: &Path) -> io::Result<Option<Box<dyn Read + Send>>> {
        let state = self.state();
        Ok(state
            .live
            .as_ref()
            .map(|live| Box::new(Cursor::new(live.bytes.to_vec())) as Box<dyn Read + Send>))
    }

    fn replace(&self, path: &Path, bytes: &[u8], over: Over) -> Result<Replaced, ReplaceError> {
        let mut state = self.state();
        let fault = (!state.faults.is_empty()).then(|| state.faults.remove(0));
        let path = path.to_owned();
        match fault {
            Some(FileFault::Write) => {
                let cause = ErrorKind::StorageFull.into();
                return Err(ReplaceError::Write { path, cause });
            }
            Some(FileFault::Rename) => {
                let cause = io::Error::from_raw_os_error(libc::EIO);
                return Err(ReplaceError::Rename { path, cause });
            }
            Some(FileFault::NotFlushed) | None => {}
        }
        let present = state.live.as_ref().map(|live| live.mark);
        if !matches!(over, Over::Anything) && over != Over::Only(present) {
            return Err(ReplaceError::Changed { path });
        }
        state.changes += 1;
        let number = state.changes;
        let mark = FileMark {
            device: 1,
            inode: number,
            size: bytes.len() as u64,
            modified: i128::from(number),
            changed: i128::from(number),
        };
        state.taken_back = false;
        let contents = Contents {
            bytes: bytes.into(),
            mark,
        };
        state.shown.push(contents.clone());
        state.live = Some(contents);
        let not_flushed = fault.map(|_| io::Error::from_raw_os_error(libc::EIO));
        if not_flushed.is_none() {
            state.durable = state.live.clone();
        }
        Ok(Replaced {
            mark,
            in_place: None,
            not_flushed,
        })
    }

    fn copy_of(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        let copy = path.with_added_extension("copy");
        Ok(self.state().copy.is_some().then_some(copy))
    }

    fn keep_copy(&self, path: &Path, bytes: &[u8]) -> Result<PathBuf, ReplaceError> {
        self.state().copy = Some(bytes.to_vec());
        Ok(path.with_added_extension("copy"))
    }

    fn remove_copy(&self, _path: &Path) -> io::Result<()> {
        self.state().copy = None;
        Ok(())
    }
}
