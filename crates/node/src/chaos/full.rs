//! A disk that is full while a file says so.
//!
//! What would take room is refused with `ENOSPC`: to begin a file, to add to one, to put a hosts file in place. What
//! takes none works, as on a disk that is full: to read, flush, rename, remove. The rows of the state (sled) are not
//! refused: the log comes before them, and without it the node ends.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use raft_store::disk::{Disk, DiskFile, DiskLock};
use rustix::io::Errno;

use crate::publish::{FileMark, Files, Over, RealFiles, ReplaceError, Replaced};

/// The file that says so.
#[derive(Clone, Debug)]
pub(super) struct Flag {
    path: Arc<Path>,
}

impl Flag {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path: path.into() }
    }

    /// `ENOSPC` while the file is there, which grows by a byte: whoever put it there sees that it had an effect.
    fn room(&self) -> io::Result<()> {
        match File::options().append(true).open(&self.path) {
            Ok(mut flag) => {
                flag.write_all(b".")?;
                Err(Errno::NOSPC.into())
            }
            Err(_) => Ok(()),
        }
    }
}

/// The disk of log and snapshots.
#[derive(Debug)]
pub(super) struct FullDisk {
    real: Arc<dyn Disk>,
    flag: Flag,
}

#[derive(Debug)]
struct FullFile {
    real: Box<dyn DiskFile>,
    flag: Flag,
}

impl FullDisk {
    pub(super) fn new(real: Arc<dyn Disk>, flag: Flag) -> Self {
        Self { real, flag }
    }

    fn file(&self, real: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(FullFile {
            real,
            flag: self.flag.clone(),
        })
    }
}

impl Disk for FullDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.real.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.real.list(dir)
    }

    fn len(&self, path: &Path) -> io::Result<Option<u64>> {
        self.real.len(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.flag.room()?;
        Ok(self.file(self.real.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.real.open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.real.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.real.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.real.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.real.lock(path)
    }
}

impl DiskFile for FullFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.flag.room()?;
        self.real.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.real.sync()
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.real.read_at(into, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.real.len()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.real.truncate(len)
    }
}

/// The disk of the hosts file.
#[derive(Debug)]
pub(super) struct FullFiles {
    real: RealFiles,
    flag: Flag,
}

impl FullFiles {
    pub(super) fn new(real: RealFiles, flag: Flag) -> Self {
        Self { real, flag }
    }

    fn room(&self, path: &Path) -> Result<(), ReplaceError> {
        self.flag.room().map_err(|cause| ReplaceError::Create {
            directory: path.parent().unwrap_or(path).to_owned(),
            cause,
        })
    }
}

impl Files for FullFiles {
    fn clean(&self, path: &Path) -> io::Result<usize> {
        self.real.clean(path)
    }

    fn mark(&self, path: &Path) -> io::Result<Option<FileMark>> {
        self.real.mark(path)
    }

    fn open(&self, path: &Path) -> io::Result<Option<Box<dyn Read + Send>>> {
        self.real.open(path)
    }

    fn replace(&self, path: &Path, bytes: &[u8], over: Over) -> Result<Replaced, ReplaceError> {
        self.room(path)?;
        self.real.replace(path, bytes, over)
    }

    fn copy_of(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        self.real.copy_of(path)
    }

    fn keep_copy(&self, path: &Path, bytes: &[u8]) -> Result<PathBuf, ReplaceError> {
        self.room(path)?;
        self.real.keep_copy(path, bytes)
    }

    fn remove_copy(&self, path: &Path) -> io::Result<()> {
        self.real.remove_copy(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raft_store::disk::RealDisk;
    use std::fs;

    #[test]
    fn a_full_disk_takes_nothing_gives_everything_and_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("disk-full");
        let flag = Flag::new(path.clone());
        let disk = FullDisk::new(Arc::new(RealDisk), flag.clone());
        let files = FullFiles::new(RealFiles::new(), flag);
        let (log, hosts) = (dir.path().join("log"), dir.path().join("hosts"));
        let mut file = disk.create(&log).unwrap();
        file.append(b"before").unwrap();
        files
            .replace(&hosts, b"1.2.3.4 a\n", Over::Anything)
            .unwrap();

        File::create(&path).unwrap();
        let full = io::ErrorKind::StorageFull;
        assert_eq!(file.append(b"during").unwrap_err().kind(), full);
        assert_eq!(
            disk.create(&dir.path().join("new")).unwrap_err().kind(),
            full
        );
        let refused = files.replace(&hosts, b"1.2.3.4 b\n", Over::Anything);
        let said = refused.unwrap_err().report();
        assert!(said.contains("free space"), "{said}");
        assert_eq!(fs::metadata(&path).unwrap().len(), 3);
        let mut read = [0; 6];
        assert_eq!(file.read_at(&mut read, 0).unwrap(), 6);
        file.sync().unwrap();
        assert_eq!(fs::read(&hosts).unwrap(), b"1.2.3.4 a\n");

        fs::remove_file(&path).unwrap();
        file.append(b"after").unwrap();
        assert_eq!(file.len().unwrap(), 11);
    }
}
