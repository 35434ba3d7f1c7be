//! Databases in memory, for simulations.
//!
//! What is not flushed is lost at [`MemoryStates::crash`], down to a batch
//! that chance chooses; batches are never torn, as in sled.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{RowIter, StateError, StateStore, StateStores, Write};

/// Databases that live as long as this and its clones.
#[derive(Debug, Clone, Default)]
pub struct MemoryStates {
    all: Arc<Mutex<BTreeMap<PathBuf, Contents>>>,
    fail: Arc<Mutex<Option<&'static str>>>,
}

type Rows = BTreeMap<Vec<u8>, Bytes>;

#[derive(Debug, Clone, Default)]
struct Contents {
    durable: Rows,
    /// Batches since the last flush.
    volatile: Vec<Vec<Write>>,
}

impl MemoryStates {
    /// No databases.
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy with a life of its own; what is open here is not open there.
    #[must_use]
    pub fn fork(&self) -> Self {
        let all = self.all().clone();
        Self {
            all: Arc::new(Mutex::new(all)),
            fail: Arc::default(),
        }
    }

    /// The power was gone and is back: of the batches since the last flush,
    /// as many are left as `seed` says, the first ones.
    pub fn crash(&self, seed: u64) {
        let mut all = self.all();
        for (salt, contents) in (0u64..).zip(all.values_mut()) {
            let batches = contents.volatile.len() as u64;
            // Weyl steps spread small seeds over all remainders.
            let chance = seed.wrapping_add(salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
            let kept = usize::try_from(chance % (batches + 1)).expect("at most all batches");
            contents.volatile.truncate(kept);
            contents.settle();
        }
    }

    /// From now on every write and flush is refused with `why`.
    pub fn fail(&self, why: &'static str) {
        *self.fail.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// Changes the rows of a database behind its back, and says whether there
    /// is one at `path`.
    pub fn edit(&self, path: &Path, edit: impl FnOnce(&mut BTreeMap<Vec<u8>, Bytes>)) -> bool {
        match self.all().get_mut(path) {
            Some(contents) => {
                contents.settle();
                edit(&mut contents.durable);
                true
            }
            None => false,
        }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Contents>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, action: &'static str, path: &Path) -> Result<(), StateError> {
        match *self.fail.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(why) => Err(StateError::new(action, path, why)),
            None => Ok(()),
        }
    }
}

impl Contents {
    /// Takes every batch in.
    fn settle(&mut self) {
        for Write { key, value } in self.volatile.drain(..).flatten() {
            match value {
                Some(value) => self.durable.insert(key, value),
                None => self.durable.remove(&key),
            };
        }
    }
}

impl StateStores for MemoryStates {
    fn names(&self, dir: &Path) -> Result<Vec<String>, StateError> {
        let all = self.all();
        let inside = all.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside
            .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
            .collect())
    }

    fn open(&self, path: &Path) -> Result<Box<dyn StateStore>, StateError> {
        self.all().entry(path.to_owned()).or_default();
        Ok(Box::new(MemoryState {
            states: self.clone(),
            path: path.to_owned(),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), StateError> {
        let mut all = self.all();
        match all.remove(from) {
            Some(contents) => {
                all.insert(to.to_owned(), contents);
                Ok(())
            }
            None => Err(StateError::new("rename", from, "there is none")),
        }
    }

    fn remove(&self, path: &Path) -> Result<(), StateError> {
        self.all().remove(path);
        Ok(())
    }
}

#[derive(Debug)]
struct MemoryState {
    states: MemoryStates,
    path: PathBuf,
}

impl MemoryState {
    fn with<T>(
        &self,
        action: &'static str,
        act: impl FnOnce(&mut Contents) -> T,
    ) -> Result<T, StateError> {
        match self.states.all().get_mut(&self.path) {
            Some(contents) => Ok(act(contents)),
            None => Err(StateError::new(action, &self.path, "it was removed")),
        }
    }
}

impl StateStore for MemoryState {
    fn rows(&self) -> RowIter<'_> {
        let rows = self.with("read", |contents| {
            contents.settle();
            contents.durable.clone()
        });
        match rows {
            Ok(rows) => Box::new(rows.into_iter().map(|(key, value)| Ok((key.into(), value)))),
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    }

    fn write(&mut self, batch: Vec<Write>) -> Result<(), StateError> {
        self.states.refuse("write", &self.path)?;
        self.with("write", |contents| contents.volatile.push(batch))
    }

    fn sync(&mut self) -> Result<(), StateError> {
        self.states.refuse("flush", &self.path)?;
        self.with("flush", Contents::settle)
    }
}
