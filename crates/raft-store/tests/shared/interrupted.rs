//! A disk in memory on which something happens just before a call.

use std::{
    fmt, io,
    path::Path,
    sync::{Arc, Mutex},
};

use raft_store::disk::{Disk, DiskFile, DiskLock, memory::MemoryDisk};

/// The calls before which something can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Create,
    Open,
    Remove,
}

type Interruption = Box<dyn FnOnce() + Send>;

/// The disk; clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Interrupted {
    pub(crate) disk: MemoryDisk,
    planned: Arc<Mutex<Option<(Call, Interruption)>>>,
}

impl Interrupted {
    /// Does this, once, before the next such call, on the thread that calls.
    pub(crate) fn before(&self, call: Call, act: impl FnOnce() + Send + 'static) {
        *self.planned.lock().unwrap() = Some((call, Box::new(act)));
    }

    fn called(&self, call: Call) {
        let planned = self
            .planned
            .lock()
            .unwrap()
            .take_if(|(planned, _)| *planned == call);
        if let Some((_, act)) = planned {
            act();
        }
    }
}

impl Disk for Interrupted {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir_all(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }
    fn len(&self, path: &Path) -> io::Result<Option<u64>> {
        self.disk.len(path)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.called(Call::Create);
        self.disk.create(path)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.called(Call::Open);
        self.disk.open(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.called(Call::Remove);
        self.disk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.disk.lock(path)
    }
}

impl fmt::Debug for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interrupted")
    }
}
