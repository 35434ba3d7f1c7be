//! Which database counts, and what becomes of one that does not verify.
//!
//! A state is a generation, `sm.<number>`; the file `CURRENT` names the one
//! that counts. While one is opened and checked, the file `sm.opening` is
//! there: found at a start, it says that the last attempt did not survive,
//! and the state is not trusted again. One that fails is kept as
//! `sm.bad-<number>` for whoever wants to look, and replaced by a new
//! generation.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::load::{LoadStateError, load};
use super::writer::new_generation;
use super::{StateError, StateStore, StateStores};
use crate::applied::Applied;
use crate::disk::{Disk, read_to_end};

/// The databases of one node.
#[derive(Debug)]
pub(crate) struct Generations {
    disk: Arc<dyn Disk>,
    stores: Arc<dyn StateStores>,
    dir: PathBuf,
    /// The one that counts; 0 before the first.
    current: u64,
}

/// A database that verified, and the state in it.
pub(crate) type Opened = (Box<dyn StateStore>, Applied);

impl Generations {
    /// The log could not be flushed up to what was to be written.
    pub(crate) fn behind(&self, cause: io::Error) -> StateError {
        StateError::new("flush the log before", &self.dir, cause)
    }

    /// Opens the generation that counts in `dir`, which is made if missing.
    /// Gives its content if there is one and it verifies.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        stores: Arc<dyn StateStores>,
        dir: &Path,
    ) -> Result<(Self, Option<Opened>), OpenStateError> {
        let mut generations = Self {
            disk,
            stores,
            dir: dir.to_owned(),
            current: 0,
        };
        let io = |cause| OpenStateError::Directory {
            dir: dir.to_owned(),
            cause,
        };
        generations.disk.create_dir_all(dir).map_err(io)?;
        let current = generations.read_current().map_err(io)?;
        let Some(current) = current else {
            generations.sweep().map_err(OpenStateError::Database)?;
            generations.set_marker(false).map_err(io)?;
            return Ok((generations, None));
        };
        generations.current = current;
        generations.sweep().map_err(OpenStateError::Database)?;
        let distrusted = generations.has_marker().map_err(io)?;
        generations.set_marker(true).map_err(io)?;
        let checked = if distrusted {
            Err(Untrusted::Marker)
        } else {
            generations.check()
        };
        let opened = match checked {
            Ok(opened) => opened,
            Err(why) => {
                generations
                    .set_aside(&why)
                    .map_err(OpenStateError::Database)?;
                None
            }
        };
        generations.set_marker(false).map_err(io)?;
        Ok((generations, opened))
    }

    /// A new, empty generation. It counts after [`Generations::adopt`].
    pub(crate) fn begin(&self) -> Result<(u64, Box<dyn StateStore>), StateError> {
        let number = self.current + 1;
        let path = self.path(number);
        self.stores.remove(&path)?;
        Ok((number, self.stores.open(&path)?))
    }

    /// Makes generation `number`, which is filled, flushed and open, count.
    /// Its predecessor, which is closed, is removed.
    pub(crate) fn adopt(&mut self, number: u64) -> Result<(), StateError> {
        let refused = |cause: io::Error| StateError::new("switch to", &self.path(number), cause);
        let (current, next) = (self.dir.join(CURRENT), self.dir.join(NEXT));
        let write = || -> io::Result<()> {
            if self.disk.len(&next)?.is_some() {
                self.disk.remove(&next)?;
            }
            let mut file = self.disk.create(&next)?;
            file.append(format!("{number}\n").as_bytes())?;
            file.sync()?;
            self.disk.rename(&next, &current)?;
            self.disk.sync_dir(&self.dir)
        };
        write().map_err(refused)?;
        let replaced = std::mem::replace(&mut self.current, number);
        if replaced != 0 {
            self.stores.remove(&self.path(replaced))?;
        }
        Ok(())
    }

    /// A new generation that holds `state`, durable and counting. None other
    /// is open.
    pub(crate) fn rebuild(&mut self, state: &Applied) -> Result<Box<dyn StateStore>, StateError> {
        let (number, store) = new_generation(self, state)?;
        self.adopt(number)?;
        Ok(store)
    }

    /// Opens and reads the generation that counts. sled may panic on damage.
    fn check(&self) -> Result<Option<Opened>, Untrusted> {
        let path = self.path(self.current);
        let attempt = || -> Result<Option<Opened>, Untrusted> {
            let store = self.stores.open(&path).map_err(Untrusted::Open)?;
            let loaded = load(store.as_ref()).map_err(Untrusted::Load)?;
            Ok(loaded.map(|state| (store, state)))
        };
        // Nothing of ours is left half changed by a panic in there: the
        // database is dropped, and set aside.
        catch_unwind(AssertUnwindSafe(attempt))
            .unwrap_or_else(|panic| Err(Untrusted::Panic(panic_text(panic.as_ref()))))
    }

    fn set_aside(&self, why: &Untrusted) -> Result<(), StateError> {
        for name in self.stores.names(&self.dir)? {
            if name.starts_with(BAD) {
                self.stores.remove(&self.dir.join(name))?;
            }
        }
        let from = self.path(self.current);
        let to = self.dir.join(format!("{BAD}{}", self.current));
        tracing::error!(
            state = %from.display(),
            kept_as = %to.display(),
            why = %crate::chain::Chain(why),
            "the stored state is not usable and is rebuilt from snapshot and log"
        );
        if self
            .stores
            .names(&self.dir)?
            .contains(&generation(self.current))
        {
            self.stores.rename(&from, &to)?;
        }
        Ok(())
    }

    /// Removes generations that do not count: left by a crash between the
    /// steps of a switch.
    fn sweep(&self) -> Result<(), StateError> {
        for name in self.stores.names(&self.dir)? {
            let number = name
                .strip_prefix(GENERATION)
                .and_then(|n| n.parse::<u64>().ok());
            if number.is_some_and(|number| number != self.current) {
                self.stores.remove(&self.dir.join(name))?;
            }
        }
        Ok(())
    }

    fn read_current(&self) -> io::Result<Option<u64>> {
        let path = self.dir.join(CURRENT);
        if self.disk.len(&path)?.is_none() {
            return Ok(None);
        }
        let bytes = read_to_end(self.disk.as_ref(), &path, CURRENT_BYTES_MAX)?;
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        match text.trim_end().parse() {
            Ok(number) => Ok(Some(number)),
            // Whatever it counted can be rebuilt.
            Err(_) => {
                tracing::error!(path = %path.display(), "the name of the stored state is damaged; the state is rebuilt");
                self.disk.remove(&path)?;
                Ok(None)
            }
        }
    }

    fn has_marker(&self) -> io::Result<bool> {
        Ok(self.disk.len(&self.dir.join(OPENING))?.is_some())
    }

    fn set_marker(&self, on: bool) -> io::Result<()> {
        let path = self.dir.join(OPENING);
        match (on, self.has_marker()?) {
            (true, false) => self.disk.create(&path)?.sync()?,
            (false, true) => self.disk.remove(&path)?,
            _ => return Ok(()),
        }
        self.disk.sync_dir(&self.dir)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(generation(number))
    }
}

fn generation(number: u64) -> String {
    format!("{GENERATION}{number}")
}

const CURRENT: &str = "CURRENT";
const NEXT: &str = "CURRENT.tmp";
const OPENING: &str = "sm.opening";
const GENERATION: &str = "sm.";
const BAD: &str = "sm.bad-";
/// A number and a line end.
const CURRENT_BYTES_MAX: usize = 32;

/// Why a stored state is not used.
#[derive(Debug, thiserror::Error)]
enum Untrusted {
    #[error("the last attempt to open it did not survive")]
    Marker,
    #[error("it cannot be opened")]
    Open(#[source] StateError),
    #[error("opening it panicked: {0}")]
    Panic(String),
    #[error("it does not verify")]
    Load(#[source] LoadStateError),
}

/// What a panic says, if it says it in words.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "no words".to_owned())
}

/// Why no state can be kept, not even a new one.
#[derive(Debug, thiserror::Error)]
pub enum OpenStateError {
    /// The directory cannot be used.
    #[error("cannot use the directory of the state {}", dir.display())]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// What the disk says.
        #[source]
        cause: io::Error,
    },
    /// A database can neither be used nor set aside.
    #[error("the stored state cannot be used or replaced")]
    Database(#[source] StateError),
}
