//! The ladder that replaces a file on a real file system.
//!
//! Never delete first: a temporary in the same directory gets the owner, group,
//! mode and labels of the old file, is flushed, renamed over it, and the
//! directory is flushed. Only where a rename cannot work (the file is a mount
//! point of its own) the file is overwritten in place, and the answer says so.

use std::{
    fs::{self, File, Metadata},
    io::{self, ErrorKind, Read},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use raft_store::failpoint;

use super::{
    FileMark, Files, Over, ReplaceError, Replaced,
    place::{Place, Temporary, absent_is_none, kind_if_not_a_file},
};

/// The file system of this machine.
#[derive(Debug)]
pub struct RealFiles {
    /// `fs::rename`, except in tests of what follows when it fails.
    rename: fn(&Path, &Path) -> io::Result<()>,
}

impl RealFiles {
    /// The file system of this machine.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rename: |from, to| fs::rename(from, to),
        }
    }
}

impl Default for RealFiles {
    fn default() -> Self {
        Self::new()
    }
}

impl Files for RealFiles {
    fn clean(&self, path: &Path) -> io::Result<usize> {
        let place = Place::of(path)?;
        let entries = match fs::read_dir(&place.directory) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        let mut removed = 0;
        for entry in entries {
            let entry = entry?;
            if place.is_temporary(&entry.file_name()) && entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn mark(&self, path: &Path) -> io::Result<Option<FileMark>> {
        Ok(absent_is_none(fs::metadata(path))?.as_ref().map(mark_of))
    }

    fn open(&self, path: &Path) -> io::Result<Option<Box<dyn Read + Send>>> {
        match absent_is_none(fs::metadata(path))? {
            None => Ok(None),
            Some(metadata) => match kind_if_not_a_file(&metadata) {
                Some(kind) => {
                    let text = format!("it is a {kind}, not a file");
                    Err(io::Error::new(ErrorKind::IsADirectory, text))
                }
                None => Ok(Some(Box::new(File::open(path)?))),
            },
        }
    }

    fn replace(&self, path: &Path, bytes: &[u8], over: Over) -> Result<Replaced, ReplaceError> {
        let place = place_of(path)?;
        let old = place.old()?;
        let temporary = match Temporary::create(&place) {
            Ok(temporary) => temporary,
            Err(cause) => {
                // Where a directory is read-only, a file in it that is not is a mount of its own.
                if cause.kind() == ErrorKind::ReadOnlyFilesystem
                    && old.is_some()
                    && let Ok(file) = place.open_old()
                {
                    return overwrite(&place, &file, bytes, over, cause);
                }
                let directory = place.directory;
                return Err(ReplaceError::Create { directory, cause });
            }
        };
        let mut temporary = place.fresh(temporary, old.as_ref(), bytes)?;
        must_be(&place, over)?;
        let passed = failpoint::PUBLISH_RENAME.pass();
        match passed.and_then(|()| (self.rename)(&temporary.path, &place.target)) {
            Ok(()) => {
                temporary.renamed = true;
                // Readers have it by now: an error would hide that from those who wait for it.
                let passed = failpoint::PUBLISH_RENAMED.pass();
                let not_flushed = passed.and_then(|()| place.sync_directory()).err();
                let metadata = temporary.file.metadata();
                let metadata = metadata.map_err(|cause| place.write_error(cause))?;
                Ok(Replaced {
                    mark: mark_of(&metadata),
                    in_place: None,
                    not_flushed,
                })
            }
            Err(cause) if is_mount_point(&cause) && old.is_some() => {
                drop(temporary);
                match place.open_old() {
                    Ok(file) => overwrite(&place, &file, bytes, over, cause),
                    Err(cause) => Err(ReplaceError::Rename {
                        path: place.target,
                        cause,
                    }),
                }
            }
            Err(cause) => Err(ReplaceError::Rename {
                path: place.target,
                cause,
            }),
        }
    }

    fn copy_of(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        let copy = Place::of(path)?.copy();
        Ok(absent_is_none(fs::symlink_metadata(&copy))?.map(|_| copy))
    }

    fn keep_copy(&self, path: &Path, bytes: &[u8]) -> Result<PathBuf, ReplaceError> {
        let place = place_of(path)?;
        let old = place.old()?;
        let temporary = Temporary::create(&place).map_err(|cause| ReplaceError::Create {
            directory: place.directory.clone(),
            cause,
        })?;
        let mut temporary = place.fresh(temporary, old.as_ref(), bytes)?;
        let copy = place.copy();
        match fs::rename(&temporary.path, &copy) {
            Ok(()) => temporary.renamed = true,
            Err(cause) => return Err(ReplaceError::Rename { path: copy, cause }),
        }
        match place.sync_directory() {
            Ok(()) => Ok(copy),
            Err(cause) => Err(ReplaceError::SyncDirectory {
                directory: place.directory,
                cause,
            }),
        }
    }

    fn remove_copy(&self, path: &Path) -> io::Result<()> {
        absent_is_none(fs::remove_file(Place::of(path)?.copy())).map(|_| ())
    }
}

fn place_of(path: &Path) -> Result<Place, ReplaceError> {
    Place::of(path).map_err(|cause| ReplaceError::Resolve {
        path: path.to_owned(),
        cause,
    })
}

/// Refuses if the target is not what it is expected to be. As late as can be:
/// writing and flushing the new file may take seconds on a slow flash.
fn must_be(place: &Place, over: Over) -> Result<(), ReplaceError> {
    match over {
        Over::Only(expected) if place.old()?.as_ref().map(mark_of) != expected => {
            Err(ReplaceError::Changed {
                path: place.target.clone(),
            })
        }
        _ => Ok(()),
    }
}

/// Overwrites the old file where it is: one write, then the length, then a
/// flush. What fails half-way, on a full disk for one, is undone: the old
/// bytes need no new room. `because` says why there was no other way.
fn overwrite(
    place: &Place,
    mut file: &File,
    bytes: &[u8],
    over: Over,
    because: io::Error,
) -> Result<Replaced, ReplaceError> {
    let error = |cause| ReplaceError::InPlace {
        path: place.target.clone(),
        cause,
    };
    let write = |bytes: &[u8]| {
        file.write_all_at(bytes, 0)?;
        file.set_len(bytes.len() as u64)?;
        file.sync_all()
    };
    let mut old = Vec::new();
    file.read_to_end(&mut old).map_err(error)?;
    must_be(place, over)?;
    if let Err(cause) = write(bytes) {
        return Err(match write(&old) {
            Ok(()) => error(cause),
            Err(_) => ReplaceError::Torn {
                path: place.target.clone(),
                cause,
            },
        });
    }
    let metadata = file.metadata().map_err(error)?;
    Ok(Replaced {
        mark: mark_of(&metadata),
        in_place: Some(because),
        not_flushed: None,
    })
}

/// Renaming onto a mount point is `EBUSY`, across one `EXDEV`.
fn is_mount_point(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        ErrorKind::ResourceBusy | ErrorKind::CrossesDevices
    )
}

fn mark_of(metadata: &Metadata) -> FileMark {
    let nanos = |seconds, part| i128::from(seconds) * 1_000_000_000 + i128::from(part);
    FileMark {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.len(),
        modified: nanos(metadata.mtime(), metadata.mtime_nsec()),
        changed: nanos(metadata.ctime(), metadata.ctime_nsec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{ffi::OsString, os::unix::fs::symlink};

    /// A `RealFiles` whose rename fails as on a mount point.
    fn on_a_mount_point(kind: fn(&Path, &Path) -> io::Result<()>) -> RealFiles {
        RealFiles { rename: kind }
    }

    fn names(directory: &Path) -> Vec<OsString> {
        let mut names: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_mount_point_is_overwritten_in_place_and_keeps_its_inode() {
        for files in [
            on_a_mount_point(|_, _| Err(ErrorKind::ResourceBusy.into())),
            on_a_mount_point(|_, _| Err(ErrorKind::CrossesDevices.into())),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("hosts");
            fs::write(&path, "a longer old text\n").unwrap();
            let inode = fs::metadata(&path).unwrap().ino();
            let replaced = files.replace(&path, b"short\n", Over::Anything).unwrap();
            assert!(replaced.in_place.is_some());
            assert_eq!(fs::read(&path).unwrap(), b"short\n");
            assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
            assert_eq!(files.mark(&path).unwrap(), Some(replaced.mark));
            assert_eq!(names(dir.path()), ["hosts"], "the temporary is gone");
        }
    }

    #[test]
    fn a_new_file_is_not_written_in_place() {
        let files = on_a_mount_point(|_, _| Err(ErrorKind::ResourceBusy.into()));
        let dir = tempfile::tempdir().unwrap();
        let refused = files
            .replace(&dir.path().join("hosts"), b"x\n", Over::Anything)
            .unwrap_err();
        assert!(
            matches!(refused, ReplaceError::Rename { .. }),
            "{refused:?}"
        );
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn a_rename_that_fails_leaves_the_old_file_and_no_temporary() {
        let files = on_a_mount_point(|_, _| Err(ErrorKind::ReadOnlyFilesystem.into()));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hosts");
        fs::write(&path, "old\n").unwrap();
        let refused = files.replace(&path, b"new\n", Over::Anything).unwrap_err();
        assert!(
            refused.report().contains("mount the file system writable"),
            "{}",
            refused.report()
        );
        assert_eq!(fs::read(&path).unwrap(), b"old\n");
        assert_eq!(names(dir.path()), ["hosts"]);
    }

    #[test]
    fn only_our_own_temporaries_are_removed_at_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let ours = [".hosts.rh-1-0", ".hosts.rh-4711-23"];
        let others = [
            ".hosts.rh-",
            ".hosts.rh-1",
            ".hosts.rh-x-1",
            ".hosts.swp",
            ".other.rh-1-0",
            "hosts",
        ];
        for name in ours.iter().chain(&others) {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        fs::create_dir(dir.path().join(".hosts.rh-9-9")).unwrap();
        let link = dir.path().join("link");
        symlink("hosts", &link).unwrap();
        assert_eq!(RealFiles::new().clean(&link).unwrap(), 2);
        let mut left: Vec<_> = others.iter().map(OsString::from).collect();
        left.extend([".hosts.rh-9-9".into(), "link".into()]);
        left.sort();
        assert_eq!(names(dir.path()), left);
        assert_eq!(
            RealFiles::new()
                .clean(&dir.path().join("none/hosts"))
                .unwrap(),
            0
        );
    }
}
