//! Writing a private key: nobody else can read it at any moment, and it is whole and durable or not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Writes `pem` to `path` with mode 0600, replacing what is there. On return it is on disk: the file is flushed before
/// it gets its name, and the directory after. Blocks.
///
/// # Errors
/// When the directory is missing or not writable, or the disk fails; `path` is as before then.
pub fn write_private(path: &Path, pem: &str) -> Result<(), WriteError> {
    let failed = |cause| WriteError {
        path: path.to_owned(),
        cause,
    };
    let unfinished = unfinished(path).ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    write(&unfinished, path, pem).map_err(|cause| {
        // The error that matters is the first; what is left over is removed by the next attempt too.
        drop(fs::remove_file(&unfinished));
        failed(cause)
    })
}

/// A private key could not be written.
#[derive(Debug, Error)]
#[error("cannot write {path}")]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// What the operating system said.
    #[source]
    pub cause: io::Error,
}

fn write(unfinished: &Path, path: &Path, pem: &str) -> io::Result<()> {
    match fs::remove_file(unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // A new file, so that nobody has opened it before, and no link leads elsewhere.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(unfinished)?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()?;
    fs::rename(unfinished, path)?;
    File::open(directory(path))?.sync_all()
}

/// The name under which the file is written, beside its own.
fn unfinished(path: &Path) -> Option<PathBuf> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name()?);
    name.push(".unfinished");
    Some(path.with_file_name(name))
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_private_file_is_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        write_private(&path, "one").unwrap();
        assert_eq!(
            (fs::read_to_string(&path).unwrap().as_str(), mode(&path)),
            ("one", 0o600)
        );
    }

    #[test]
    fn a_file_that_others_could_read_is_replaced_by_one_they_cannot() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write_private(&path, "new").unwrap();
        assert_eq!(
            (fs::read_to_string(&path).unwrap().as_str(), mode(&path)),
            ("new", 0o600)
        );
    }

    #[test]
    fn what_a_crash_left_over_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        fs::write(unfinished(&path).unwrap(), "half").unwrap();
        write_private(&path, "whole").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        fs::create_dir(&path).unwrap();
        let error = write_private(&path, "x").unwrap_err();
        assert_eq!(error.path, path);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
