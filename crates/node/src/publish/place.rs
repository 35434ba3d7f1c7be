//! The place of an output in a real file system: where its path leads, and
//! the temporary that takes the old file's place with all that it had.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, Metadata, OpenOptions, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use super::ReplaceError;

/// Where a configured path leads.
pub(super) struct Place {
    /// The final target: no symbolic link, as far as could be seen.
    pub(super) target: PathBuf,
    /// Its directory.
    pub(super) directory: PathBuf,
    /// Its name in that directory.
    name: OsString,
}

impl Place {
    /// Follows symbolic links to a target that need not exist.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut target = path.to_owned();
        for _ in 0..=LINKS_MAX {
            match fs::symlink_metadata(&target) {
                Ok(metadata) if metadata.is_symlink() => {
                    // A relative target counts from the link's directory; an absolute one replaces all.
                    let named = fs::read_link(&target)?;
                    target = directory_of(&target).join(named);
                }
                Err(cause) if cause.kind() != ErrorKind::NotFound => return Err(cause),
                _ => {
                    let name = target.file_name().ok_or_else(|| {
                        io::Error::new(ErrorKind::InvalidFilename, "the path names no file")
                    })?;
                    return Ok(Self {
                        directory: directory_of(&target).to_owned(),
                        name: name.to_owned(),
                        target,
                    });
                }
            }
        }
        Err(io::Error::other(format!(
            "more than {LINKS_MAX} symbolic links, or a loop of them"
        )))
    }

    /// The file that is there, which must be one.
    pub(super) fn old(&self) -> Result<Option<Metadata>, ReplaceError> {
        let old = absent_is_none(fs::symlink_metadata(&self.target)).map_err(|cause| {
            ReplaceError::Resolve {
                path: self.target.clone(),
                cause,
            }
        })?;
        match old.as_ref().and_then(kind_if_not_a_file) {
            Some(kind) => Err(ReplaceError::NotAFile {
                path: self.target.clone(),
                kind,
            }),
            None => Ok(old),
        }
    }

    /// `.<name>.rh-<process>-<n>`: dotted, because a resolver loads every
    /// other file of a watched directory, and not to be mistaken for what an
    /// editor or rsync leaves.
    fn temporary_prefix(&self) -> OsString {
        let mut prefix = OsString::from(".");
        prefix.push(&self.name);
        prefix.push(".rh-");
        prefix
    }

    pub(super) fn is_temporary(&self, name: &OsStr) -> bool {
        let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        name.as_encoded_bytes()
            .strip_prefix(self.temporary_prefix().as_encoded_bytes())
            .and_then(|rest| {
                let dash = rest.iter().position(|byte| *byte == b'-')?;
                let (process, number) = rest.split_at_checked(dash)?;
                Some(digits(process) && digits(number.strip_prefix(b"-")?))
            })
            .unwrap_or(false)
    }

    /// Gives the new file what the old one has, whatever the umask. The owner
    /// comes first: changing it may clear bits of the mode.
    fn keep_attributes(&self, new: &File, old: Option<&Metadata>) -> Result<(), ReplaceError> {
        let error = |what| {
            let path = self.target.clone();
            move |cause| ReplaceError::Keep { path, what, cause }
        };
        let mode = match old {
            None => MODE_WHEN_NEW,
            Some(old) => {
                let fresh = new.metadata().map_err(error("owner"))?;
                let owner = (old.uid() != fresh.uid()).then(|| old.uid());
                let group = (old.gid() != fresh.gid()).then(|| old.gid());
                if owner.is_some() || group.is_some() {
                    fchown(new, owner, group).map_err(error("owner and group"))?;
                }
                old.mode() & MODE_BITS
            }
        };
        new.set_permissions(Permissions::from_mode(mode))
            .map_err(error("mode"))?;
        if old.is_some() {
            keep_labels(&self.target, new);
        }
        Ok(())
    }

    pub(super) fn open_old(&self) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(&self.target)
    }

    /// Where the file is kept as it was before a block came into it. Dotted,
    /// for the same reason as the temporary.
    pub(super) fn copy(&self) -> PathBuf {
        let mut name = OsString::from(".");
        name.push(&self.name);
        name.push(COPY_SUFFIX);
        self.directory.join(name)
    }

    /// A new file beside the target with the attributes of the `old` one, or
    /// those of a new one, and these bytes; flushed.
    pub(super) fn fresh(
        &self,
        temporary: Temporary,
        old: Option<&Metadata>,
        bytes: &[u8],
    ) -> Result<Temporary, ReplaceError> {
        self.keep_attributes(&temporary.file, old)?;
        let written = temporary.write(bytes);
        written.map_err(|cause| self.write_error(cause))?;
        Ok(temporary)
    }

    pub(super) fn sync_directory(&self) -> io::Result<()> {
        match File::open(&self.directory).and_then(|directory| directory.sync_all()) {
            // Some file systems have nothing to flush here and say so.
            Err(cause) if cause.kind() == ErrorKind::InvalidInput => Ok(()),
            flushed => flushed,
        }
    }

    pub(super) fn write_error(&self, cause: io::Error) -> ReplaceError {
        ReplaceError::Write {
            path: self.target.clone(),
            cause,
        }
    }
}

/// A file beside the target, removed when dropped before it is renamed.
pub(super) struct Temporary {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// It has the target's name now, and is not ours to remove.
    pub(super) renamed: bool,
}

impl Temporary {
    /// Readable by its owner only, until it gets the mode it is to have.
    pub(super) fn create(place: &Place) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let mut last = None;
        for _ in 0..NAMES_MAX {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let mut name = place.temporary_prefix();
            name.push(format!("{}-{number}", process::id()));
            let path = place.directory.join(name);
            match OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
            {
                Ok(file) => {
                    return Ok(Self {
                        path,
                        file,
                        renamed: false,
                    });
                }
                Err(cause) if cause.kind() == ErrorKind::AlreadyExists => last = Some(cause),
                Err(cause) => return Err(cause),
            }
        }
        Err(last.unwrap_or_else(|| ErrorKind::AlreadyExists.into()))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.file).write_all(bytes)?;
        self.file.sync_all()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed
            && let Err(cause) = fs::remove_file(&self.path)
        {
            tracing::debug!(path = %self.path.display(), %cause, "a temporary file stays until the next start");
        }
    }
}

/// Copies the extended attributes of the old file: SELinux labels, access
/// lists, what users put there. A file system or a user that cannot have them
/// goes without.
fn keep_labels(old: &Path, new: &File) {
    use xattr::FileExt as _;
    let Ok(names) = xattr::list(old) else { return };
    for name in names.filter(|name| !OF_THE_CONTENTS.iter().any(|of| name == of)) {
        let copied = xattr::get(old, &name)
            .and_then(|value| value.map_or(Ok(()), |value| new.set_xattr(&name, &value)));
        if let Err(cause) = copied {
            let path = old.display();
            tracing::debug!(%path, name = %name.display(), %cause, "an extended attribute was not kept");
        }
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != "" => parent,
        _ => Path::new("."),
    }
}

pub(super) fn kind_if_not_a_file(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("directory")
    } else if kind.is_fifo() {
        Some("named pipe")
    } else if kind.is_socket() {
        Some("socket")
    } else {
        Some("device")
    }
}

pub(super) fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// A resolver runs as another user and must be able to read a new file.
const MODE_WHEN_NEW: u32 = 0o644;
/// What tells the copy from before the first block.
const COPY_SUFFIX: &str = ".before-router-hosts";
/// The bits `chmod` can set.
const MODE_BITS: u32 = 0o7777;
/// As many symbolic links as Linux follows.
const LINKS_MAX: u32 = 40;
/// How many names of temporaries are tried: more than one is taken only where
/// another process of the same number, in another container, writes here too.
const NAMES_MAX: u32 = 16;
/// Attributes that vouch for the old contents and would be wrong on the new.
const OF_THE_CONTENTS: [&str; 3] = ["security.ima", "security.evm", "security.capability"];
