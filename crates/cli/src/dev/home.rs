//! The directory of a cluster: one `dev` at a time has it, and nobody else's files are touched.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::layout::{CLUSTER, make_directory};

/// A directory that this process has, until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    temporary: Option<TempDir>,
    _lock: File,
}

/// A directory cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HomeError {
    /// It cannot be made or written.
    #[error("cannot use the directory {path}")]
    Directory {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// It holds what `dev` did not write, and might overwrite.
    #[error("{path} holds other files than a `dev` cluster, such as `{found}`")]
    Foreign { path: PathBuf, found: String },
    /// Another `dev` has it.
    #[error("`router-hosts dev` runs on {path} already{holder}")]
    Taken {
        path: PathBuf,
        /// Its process, as the end of the sentence; empty if it is not known.
        holder: String,
    },
}

impl Home {
    /// Takes `dir`, which is made if it is missing, or a fresh temporary directory.
    pub(crate) fn take(dir: Option<&Path>) -> Result<Self, HomeError> {
        if let Some(dir) = dir {
            return Self::lock(dir.to_owned(), None);
        }
        let made = private_temporary("router-hosts-dev-");
        let made = made.map_err(|cause| HomeError::Directory {
            path: std::env::temp_dir(),
            cause,
        })?;
        Self::lock(made.path().to_owned(), Some(made))
    }

    fn lock(root: PathBuf, temporary: Option<TempDir>) -> Result<Self, HomeError> {
        let unusable = |cause| HomeError::Directory {
            path: root.clone(),
            cause,
        };
        make_directory(&root).map_err(unusable)?;
        let path = root.join(LOCK);
        if !path.exists()
            && !root.join(CLUSTER).exists()
            && let Some(entry) = fs::read_dir(&root).map_err(unusable)?.next()
        {
            return Err(HomeError::Foreign {
                path: root.clone(),
                found: entry.map_err(unusable)?.file_name().display().to_string(),
            });
        }
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(HomeError::Taken {
                    path: root.clone(),
                    holder: holder(file),
                });
            }
            Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
        }
        file.set_len(0).map_err(unusable)?;
        writeln!(file, "{}", std::process::id()).map_err(unusable)?;
        Ok(Self {
            // The nodes are given absolute paths, and other processes have other working directories.
            path: fs::canonicalize(&root).map_err(unusable)?,
            temporary,
            _lock: file,
        })
    }

    /// Absolute, and without symbolic links.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the directory back. A temporary one is removed, unless it is to be `kept`: then its path is returned.
    pub(crate) fn leave(self, kept: bool) -> Option<PathBuf> {
        let temporary = self.temporary?;
        kept.then(|| temporary.keep())
    }
}

/// A fresh temporary directory that nobody else may look into.
pub(super) fn private_temporary(prefix: &str) -> io::Result<TempDir> {
    tempfile::Builder::new()
        .prefix(prefix)
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir()
}

/// Who holds the lock, for the message: an unreadable file names nobody.
fn holder(file: File) -> String {
    let mut process = String::new();
    file.take(PROCESS_BYTES_MAX)
        .read_to_string(&mut process)
        .ok();
    match process.trim() {
        "" => String::new(),
        process => format!(" (process {process})"),
    }
}

/// Held while a `dev` runs. It is never removed: who opened a removed file would hold a lock that others do not see.
const LOCK: &str = "dev.lock";

/// The id of a process and the end of the line.
const PROCESS_BYTES_MAX: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_dev_is_refused_while_the_first_runs() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("new/one");
        let home = Home::take(Some(&root)).unwrap();
        let error = Home::take(Some(&root)).unwrap_err().to_string();
        let process = format!("already (process {})", std::process::id());
        assert!(error.ends_with(&process), "{error}");
        home.leave(false);
        Home::take(Some(&root)).unwrap();
    }

    #[test]
    fn files_of_others_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("letter.txt"), "dear").unwrap();
        let error = Home::take(Some(dir.path())).unwrap_err().to_string();
        assert!(error.contains("letter.txt"), "{error}");
        assert!(!dir.path().join(LOCK).exists());
    }

    #[test]
    fn only_a_temporary_directory_is_removed_and_only_if_it_is_not_kept() {
        let home = Home::take(None).unwrap();
        let path = home.path().to_owned();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(home.leave(false), None);
        assert!(!path.exists());

        let kept = Home::take(None).unwrap().leave(true).unwrap();
        assert!(kept.exists());
        fs::remove_dir_all(kept).unwrap();

        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Home::take(Some(dir.path())).unwrap().leave(false), None);
        assert!(dir.path().exists());
    }
}
