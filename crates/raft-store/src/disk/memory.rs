//! A disk in memory that a test can cut off from power, break and damage.
//!
//! It keeps what a real one may keep, and not more. Bytes are durable after
//! [`DiskFile::sync`], names after [`Disk::sync_dir`]. At [`MemoryDisk::crash`]
//! the rest is gone, except for as much as chance had already written: the
//! beginning of what was added to a file, or any of its sectors up to a
//! length, with zeros between them, and the first of the changed names of a
//! directory. After a flush that failed, later ones succeed and store nothing,
//! as on Linux.
//! Directories themselves are durable at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Disk, DiskFile, DiskLock};

mod file;

use file::Inode;

/// The disk; clones are the same one.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

/// What a disk does, for [`MemoryDisk::fail`] and [`MemoryDisk::counts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// [`Disk::create`]
    Create,
    /// [`DiskFile::append`]
    Append,
    /// [`DiskFile::sync`]
    Sync,
    /// [`DiskFile::truncate`]
    Truncate,
    /// [`Disk::rename`]
    Rename,
    /// [`Disk::remove`]
    Remove,
    /// [`Disk::sync_dir`]
    SyncDir,
    /// [`DiskFile::read_at`]
    Read,
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// `EIO`; nothing is done.
    Io,
    /// `ENOSPC`; nothing is done.
    NoSpace,
    /// `ENOSPC` after half of the bytes of an append are in the file.
    Short,
}

/// What was done to the disk since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How often each operation was called.
    pub calls: BTreeMap<Operation, u64>,
    /// How many bytes were given to append.
    pub bytes: u64,
}

impl Counts {
    /// How often `operation` was called.
    pub fn of(&self, operation: Operation) -> u64 {
        self.calls.get(&operation).copied().unwrap_or(0)
    }

    /// How many operations changed something.
    pub fn changes(&self) -> u64 {
        self.calls.values().sum::<u64>() - self.of(Operation::Read)
    }
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy with a life of its own; files open on this disk are not open on
    /// the copy, and nobody holds its locks.
    pub fn fork(&self) -> Self {
        let mut state = self.state().clone();
        state.locked.clear();
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Cuts the power during the change after the next `changes` ones: it and
    /// all calls after it fail until [`MemoryDisk::crash`].
    pub fn cut_after(&self, changes: u64) {
        let mut state = self.state();
        state.cut_at = Some(state.counts.changes() + changes);
    }

    /// The `nth` call of `operation` from now fails; 0 is the next one.
    pub fn fail(&self, operation: Operation, nth: u64, trouble: Trouble) {
        let mut state = self.state();
        let at = state.counts.of(operation) + nth;
        state.troubles.insert((operation, at), trouble);
    }

    /// The power was gone and is back. What was not durable is lost, as far
    /// as `seed` says; open files are closed, locks free, planned troubles
    /// forgotten.
    pub fn crash(&self, seed: u64) {
        let mut state = self.state();
        let State { inodes, dirs, .. } = &mut *state;
        let mut chance = Chance(seed);
        for dir in dirs.values_mut() {
            dir.crash(&mut chance);
        }
        let linked: BTreeSet<u64> = dirs
            .values()
            .flat_map(|dir| dir.live.values().copied())
            .collect();
        inodes.retain(|id, _| linked.contains(id));
        for inode in inodes.values_mut() {
            inode.crash(&mut chance);
        }
        drop(state);
        self.kill();
    }

    /// The program was killed: its files are closed and its locks free, and
    /// nothing is lost. What was not flushed still can be, at the next crash.
    pub fn kill(&self) {
        let mut state = self.state();
        state.epoch += 1;
        state.cut_at = None;
        state.troubles.clear();
        state.locked.clear();
    }

    /// Changes the bytes of a file behind the back of its writer: a medium
    /// that rots, a hand that slips.
    pub fn edit(&self, path: &Path, edit: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut state = self.state();
        let id = state.find(path)?;
        state.inode(id)?.edit(edit);
        Ok(())
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does one operation: counted, failed if planned, and half done if the
    /// power goes during it.
    fn run<T>(
        &self,
        operation: Operation,
        epoch: Option<u64>,
        run: impl FnOnce(&mut State, Option<Trouble>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.state();
        if epoch.is_some_and(|epoch| epoch != state.epoch) || state.power_is_off() {
            return Err(no_power());
        }
        let nth = state.counts.of(operation);
        *state.counts.calls.entry(operation).or_default() += 1;
        let trouble = state.troubles.remove(&(operation, nth));
        let done = run(&mut state, trouble)?;
        if operation != Operation::Read && state.power_is_off() {
            return Err(no_power());
        }
        Ok(done)
    }

    /// As [`MemoryDisk::run`], for what cannot be half done.
    fn run_whole<T>(
        &self,
        operation: Operation,
        epoch: Option<u64>,
        run: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        self.run(operation, epoch, |state, trouble| match trouble {
            Some(trouble) => Err(trouble.into()),
            None => run(state),
        })
    }

    fn file(&self, id: u64, epoch: u64) -> Box<dyn DiskFile> {
        Box::new(MemoryFile {
            disk: self.clone(),
            id,
            epoch,
        })
    }
}

#[derive(Clone, Default)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    dirs: BTreeMap<PathBuf, Directory>,
    locked: BTreeSet<PathBuf>,
    /// The last inode number given out.
    inode: u64,
    /// Counts crashes: a file opened before one is closed by it.
    epoch: u64,
    cut_at: Option<u64>,
    troubles: BTreeMap<(Operation, u64), Trouble>,
    counts: Counts,
}

impl State {
    fn power_is_off(&self) -> bool {
        self.cut_at.is_some_and(|at| self.counts.changes() > at)
    }

    fn dir(&mut self, dir: &Path) -> io::Result<&mut Directory> {
        self.dirs
            .get_mut(dir)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn find(&mut self, path: &Path) -> io::Result<u64> {
        let (dir, name) = split(path)?;
        self.dir(dir)?
            .live
            .get(name)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn inode(&mut self, id: u64) -> io::Result<&mut Inode> {
        self.inodes
            .get_mut(&id)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// The names in a directory: as seen now, as on the medium, and what was
/// changed since, in order.
#[derive(Clone, Default)]
struct Directory {
    live: BTreeMap<String, u64>,
    durable: BTreeMap<String, u64>,
    pending: Vec<NameChange>,
}

#[derive(Clone)]
enum NameChange {
    Link { name: String, inode: u64 },
    Unlink { name: String },
    Rename { from: String, to: String },
}

impl Directory {
    fn change(&mut self, change: NameChange) {
        apply(&mut self.live, &change);
        self.pending.push(change);
    }

    fn sync(&mut self) {
        self.durable.clone_from(&self.live);
        self.pending.clear();
    }

    fn crash(&mut self, chance: &mut Chance) {
        let kept = chance.up_to(self.pending.len());
        for change in self.pending.iter().take(kept) {
            apply(&mut self.durable, change);
        }
        self.pending.clear();
        self.live.clone_from(&self.durable);
    }
}

fn apply(names: &mut BTreeMap<String, u64>, change: &NameChange) {
    match change {
        NameChange::Link { name, inode } => {
            names.insert(name.clone(), *inode);
        }
        NameChange::Unlink { name } => {
            names.remove(name);
        }
        NameChange::Rename { from, to } => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
    }
}

impl Disk for MemoryDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        if state.power_is_off() {
            return Err(no_power());
        }
        for dir in dir.ancestors() {
            state.dirs.entry(dir.to_path_buf()).or_default();
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        if state.power_is_off() {
            return Err(no_power());
        }
        Ok(state.dir(dir)?.live.keys().cloned().collect())
    }

    fn len(&self, path: &Path) -> io::Result<Option<u64>> {
        let mut state = self.state();
        if state.power_is_off() {
            return Err(no_power());
        }
        match state.find(path) {
            Ok(id) => Ok(Some(state.inode(id)?.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let (dir, name) = split(path)?;
        self.run_whole(Operation::Create, None, |state| {
            let inode = state.inode + 1;
            let dir = state.dir(dir)?;
            if dir.live.contains_key(name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            dir.change(NameChange::Link {
                name: name.to_owned(),
                inode,
            });
            state.inode = inode;
            state.inodes.insert(inode, Inode::default());
            Ok(self.file(inode, state.epoch))
        })
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        if state.power_is_off() {
            return Err(no_power());
        }
        let id = state.find(path)?;
        Ok(self.file(id, state.epoch))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (dir, from) = split(from)?;
        let (to_dir, to) = split(to)?;
        if dir != to_dir {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        self.run_whole(Operation::Rename, None, |state| {
            let dir = state.dir(dir)?;
            if !dir.live.contains_key(from) {
                return Err(io::ErrorKind::NotFound.into());
            }
            dir.change(NameChange::Rename {
                from: from.to_owned(),
                to: to.to_owned(),
            });
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (dir, name) = split(path)?;
        self.run_whole(Operation::Remove, None, |state| {
            state.find(path)?;
            state.dir(dir)?.change(NameChange::Unlink {
                name: name.to_owned(),
            });
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.run(Operation::SyncDir, None, |state, trouble| {
            if let Some(trouble) = trouble {
                return Err(trouble.into());
            }
            // Cut during the flush: chance decides what of it was done.
            if !state.power_is_off() {
                state.dir(dir)?.sync();
            }
            Ok(())
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let (dir, name) = split(path)?;
        let mut state = self.state();
        if state.power_is_off() {
            return Err(no_power());
        }
        let inode = state.inode + 1;
        let names = state.dir(dir)?;
        if !names.live.contains_key(name) {
            names.change(NameChange::Link {
                name: name.to_owned(),
                inode,
            });
            state.inode = inode;
            state.inodes.insert(inode, Inode::default());
        }
        if !state.locked.insert(path.to_path_buf()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(MemoryLock {
            disk: self.clone(),
            path: path.to_path_buf(),
            epoch: state.epoch,
        }))
    }
}

#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    id: u64,
    epoch: u64,
}

impl DiskFile for MemoryFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk
            .run(Operation::Append, Some(self.epoch), |state, trouble| {
                if trouble.is_none() {
                    state.counts.bytes += bytes.len() as u64;
                }
                let inode = state.inode(self.id)?;
                match trouble {
                    None => inode.append(bytes),
                    Some(trouble) => {
                        if trouble == Trouble::Short {
                            inode.append(bytes.get(..bytes.len() / 2).unwrap_or_default());
                        }
                        return Err(trouble.into());
                    }
                }
                Ok(())
            })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk
            .run(Operation::Sync, Some(self.epoch), |state, trouble| {
                let cut = state.power_is_off();
                let inode = state.inode(self.id)?;
                if let Some(trouble) = trouble {
                    inode.doom();
                    return Err(trouble.into());
                }
                if !cut {
                    inode.sync();
                }
                Ok(())
            })
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk
            .run_whole(Operation::Read, Some(self.epoch), |state| {
                Ok(state.inode(self.id)?.read_at(into, offset))
            })
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        if state.epoch != self.epoch || state.power_is_off() {
            return Err(no_power());
        }
        Ok(state.inode(self.id)?.len())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.disk
            .run_whole(Operation::Truncate, Some(self.epoch), |state| {
                state.inode(self.id)?.truncate(len);
                Ok(())
            })
    }
}

#[derive(Debug)]
struct MemoryLock {
    disk: MemoryDisk,
    path: PathBuf,
    epoch: u64,
}

impl DiskLock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.epoch == self.epoch {
            state.locked.remove(&self.path);
        }
    }
}

/// Chance from a seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of 0 to `most`, with all and nothing likelier than the rest.
    fn up_to(&mut self, most: usize) -> usize {
        match self.next() % 4 {
            0 => 0,
            1 => most,
            _ => usize::try_from(self.next() % (most as u64 + 1)).unwrap_or(most),
        }
    }
}

impl From<Trouble> for io::Error {
    fn from(trouble: Trouble) -> Self {
        Self::from_raw_os_error(match trouble {
            Trouble::Io => 5,
            Trouble::NoSpace | Trouble::Short => 28,
        })
    }
}

fn no_power() -> io::Error {
    io::Error::other("the power is off")
}

fn split(path: &Path) -> io::Result<(&Path, &str)> {
    let parts = path
        .parent()
        .zip(path.file_name().and_then(|name| name.to_str()));
    parts.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryDisk")
    }
}

#[cfg(test)]
mod tests;
