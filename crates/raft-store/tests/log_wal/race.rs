//! A purge that comes while an entry is read back from its segment.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex},
};

use futures::executor::block_on;
use raft_store::{
    disk::{Disk, DiskFile, DiskLock, Work, memory::MemoryDisk},
    log::Log,
};

use crate::driver::{DIR, IDENTITY, OPTIONS, append, entry, id};

type Interruption = Box<dyn FnOnce() + Send>;

/// A disk on which something happens just before a file is opened.
#[derive(Clone)]
struct Interrupted {
    disk: MemoryDisk,
    before_open: Arc<Mutex<Option<Interruption>>>,
}

#[test]
fn an_entry_that_is_purged_while_it_is_read_is_no_damage() {
    let disk = Interrupted {
        disk: MemoryDisk::new(),
        before_open: Arc::default(),
    };
    let shared = Arc::new(disk.clone());
    let log = Log::open(shared, Path::new(DIR), IDENTITY, OPTIONS, Work::Inline).unwrap();
    append(&log, (0..60).map(|index| entry(1, index, 200)).collect()).unwrap();
    let purging = log.clone();
    *disk.before_open.lock().unwrap() = Some(Box::new(move || {
        block_on(purging.purge(id(1, 29))).unwrap()
    }));
    let read = log.read(3..32, None).unwrap();
    assert_eq!(read, [entry(1, 30, 200), entry(1, 31, 200)]);
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
        self.disk.create(path)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let interruption = self.before_open.lock().unwrap().take();
        if let Some(interruption) = interruption {
            interruption();
        }
        self.disk.open(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.disk.lock(path)
    }
}

impl std::fmt::Debug for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Interrupted")
    }
}
