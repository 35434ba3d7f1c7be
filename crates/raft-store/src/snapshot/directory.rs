//! The directory of snapshots: at most one that counts.
//!
//! A file's name says how far it reaches (index and term of its last entry)
//! and where it came from: `built` here, or `received` from a leader. That
//! matters at start: what this node built is never ahead of its log, and what
//! it received may be, until the log behind it is purged.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::reader::verify;
use super::{IncomingSnapshot, SnapshotError, SnapshotFile, writer};
use crate::applied::Applied;
use crate::chain::Chain;
use crate::disk::Disk;
use crate::failpoint;
use crate::limits::SNAPSHOT_BYTES_MAX;
use crate::raft::{RaftLogId, SnapshotMeta};

/// The snapshots of one node. Clones are the same.
#[derive(Debug, Clone)]
pub struct Snapshots {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    cluster: u128,
    current: Mutex<Option<Current>>,
    /// Numbers the files that arrive, of which there may be several at once.
    incoming: AtomicU64,
}

/// The snapshot that counts.
#[derive(Debug, Clone)]
pub(crate) struct Current {
    pub(crate) meta: SnapshotMeta,
    pub(crate) file: SnapshotFile,
    pub(crate) origin: Origin,
}

/// Where a snapshot came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Built,
    Received,
}

impl Snapshots {
    /// Opens the snapshots in `dir`, which is made if missing: the newest file
    /// that verifies counts. Unfinished and older files are removed; a damaged
    /// one is kept aside as `*.bad`, of which there is at most one.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        cluster: u128,
    ) -> Result<Self, OpenSnapshotsError> {
        let refused = |cause| OpenSnapshotsError::Directory {
            dir: dir.to_owned(),
            cause,
        };
        disk.create_dir_all(dir).map_err(refused)?;
        let mut found = Vec::new();
        for name in disk.list(dir).map_err(refused)? {
            match parse_name(&name) {
                Some(reach) => found.push((reach, name)),
                None if name.ends_with(TEMPORARY) => {
                    disk.remove(&dir.join(&name)).map_err(refused)?;
                }
                None => {}
            }
        }
        found.sort_by_key(|((last, _), _)| *last);
        let mut current = None;
        for ((last, origin), name) in found.into_iter().rev() {
            let path = dir.join(&name);
            if current.is_some() {
                disk.remove(&path).map_err(refused)?;
                continue;
            }
            match open_file(disk.as_ref(), &path, cluster) {
                Ok((meta, file)) if meta.last_log_id == last => {
                    current = Some(Current { meta, file, origin });
                }
                Ok((meta, _)) => {
                    let why = format!("it reaches {}", reach(meta.last_log_id));
                    set_aside(disk.as_ref(), dir, &name, &why).map_err(refused)?;
                }
                Err(error @ SnapshotError::Foreign { .. }) => {
                    return Err(OpenSnapshotsError::Foreign(error));
                }
                Err(error @ SnapshotError::Io { .. }) => {
                    return Err(OpenSnapshotsError::Read(error));
                }
                Err(error) => {
                    let why = format!("{}", Chain(&error));
                    set_aside(disk.as_ref(), dir, &name, &why).map_err(refused)?;
                }
            }
        }
        Ok(Self {
            inner: Arc::new(Inner {
                disk,
                dir: dir.to_owned(),
                cluster,
                current: Mutex::new(current),
                incoming: AtomicU64::new(0),
            }),
        })
    }

    /// A place for a snapshot of `len` bytes from a peer.
    pub fn receive(&self, len: u64) -> Result<IncomingSnapshot, SnapshotError> {
        let number = self.inner.incoming.fetch_add(1, Ordering::Relaxed);
        let path = self.inner.dir.join(format!("incoming-{number}{TEMPORARY}"));
        if len > SNAPSHOT_BYTES_MAX {
            let why = format!("{len} bytes are more than the {SNAPSHOT_BYTES_MAX} allowed");
            return Err(SnapshotError::NotAsAnnounced { path, why });
        }
        IncomingSnapshot::new(Arc::clone(&self.inner.disk), self.inner.cluster, path, len)
    }

    /// How far the snapshot that counts reaches, and its length in bytes.
    pub fn newest(&self) -> Option<(SnapshotMeta, u64)> {
        let current = self.current();
        current
            .as_ref()
            .map(|current| (current.meta.clone(), current.file.len()))
    }

    pub(crate) fn current(&self) -> MutexGuard<'_, Option<Current>> {
        self.inner
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn cluster(&self) -> u128 {
        self.inner.cluster
    }

    /// Writes the snapshot of `state` and makes it count. If the one that
    /// counts reaches as far already, that one is given instead.
    pub(crate) fn build(&self, state: &Applied) -> Result<Current, SnapshotError> {
        if let Some(current) = self.current().as_ref()
            && current.meta.last_log_id >= state.applied
        {
            return Ok(current.clone());
        }
        let path = self.inner.dir.join(format!("building{TEMPORARY}"));
        let io = |action| {
            let path = path.clone();
            move |cause| SnapshotError::Io {
                action,
                path,
                cause,
            }
        };
        let disk = &self.inner.disk;
        if disk.len(&path).map_err(io("look for"))?.is_some() {
            disk.remove(&path).map_err(io("replace"))?;
        }
        let mut file = disk.create(&path).map_err(io("create"))?;
        let len = writer::write(file.as_mut(), self.inner.cluster, state).map_err(io("write"))?;
        failpoint::SNAPSHOT_BUILT.pass().map_err(io("pass"))?;
        let file = SnapshotFile::new(path, len, file.into());
        let meta = SnapshotMeta {
            last_log_id: state.applied,
            last_membership: state.membership.clone(),
        };
        self.make_current(meta, file, Origin::Built)
    }

    /// Makes a verified file of a peer count. One that is in another
    /// directory is copied.
    pub(crate) fn adopt(
        &self,
        meta: SnapshotMeta,
        file: SnapshotFile,
    ) -> Result<Current, SnapshotError> {
        if let Some(current) = self.current().as_ref()
            && current.meta == meta
        {
            return Ok(current.clone());
        }
        let file = if file.path().parent() == Some(self.inner.dir.as_path()) {
            file
        } else {
            self.copy(&file)?
        };
        self.make_current(meta, file, Origin::Received)
    }

    fn copy(&self, from: &SnapshotFile) -> Result<SnapshotFile, SnapshotError> {
        const PIECE: usize = 256 * 1024;
        let mut to = self.receive(from.len())?;
        loop {
            let bytes = from
                .read_at(to.len(), PIECE)
                .map_err(|cause| SnapshotError::Io {
                    action: "copy",
                    path: from.path().to_owned(),
                    cause,
                })?;
            if bytes.is_empty() {
                return to.finish();
            }
            to.write(&bytes)?;
        }
    }

    /// Gives a flushed file its name, makes the name durable, and only then
    /// removes the one it replaces.
    fn make_current(
        &self,
        meta: SnapshotMeta,
        file: SnapshotFile,
        origin: Origin,
    ) -> Result<Current, SnapshotError> {
        let Inner { disk, dir, .. } = self.inner.as_ref();
        let path = dir.join(file_name(meta.last_log_id, origin));
        let io = |action| {
            let path = path.clone();
            move |cause| SnapshotError::Io {
                action,
                path,
                cause,
            }
        };
        // Held to the end: a snapshot that arrives while one is built must not
        // be replaced by it.
        let mut counting = self.current();
        if let Some(newer) = counting.as_ref()
            && origin == Origin::Built
            && newer.meta.last_log_id >= meta.last_log_id
        {
            disk.remove(file.path()).map_err(io("give up"))?;
            return Ok(newer.clone());
        }
        disk.rename(file.path(), &path).map_err(io("name"))?;
        failpoint::SNAPSHOT_NAMED.pass().map_err(io("pass"))?;
        disk.sync_dir(dir).map_err(io("flush the directory of"))?;
        let current = Current {
            meta,
            file: file.renamed(path.clone()),
            origin,
        };
        let replaced = counting.replace(current.clone());
        drop(counting);
        if let Some(replaced) = replaced
            && replaced.file.path() != path
            && let Err(error) = disk.remove(replaced.file.path())
        {
            // It is older than the one that counts: the next start removes it.
            tracing::warn!(path = %replaced.file.path().display(), %error, "cannot remove an older snapshot");
        }
        Ok(current)
    }
}

fn open_file(
    disk: &dyn Disk,
    path: &Path,
    cluster: u128,
) -> Result<(SnapshotMeta, SnapshotFile), SnapshotError> {
    let io = |cause| SnapshotError::Io {
        action: "open",
        path: path.to_owned(),
        cause,
    };
    let file = disk.open(path).map_err(io)?;
    let position = verify(path, file.as_ref(), cluster)?;
    let len = file.len().map_err(io)?;
    let meta = SnapshotMeta {
        last_log_id: position.applied,
        last_membership: position.membership,
    };
    Ok((meta, SnapshotFile::new(path.to_owned(), len, file.into())))
}

fn set_aside(disk: &dyn Disk, dir: &Path, name: &str, why: &str) -> io::Result<()> {
    for other in disk.list(dir)? {
        if other.ends_with(BAD) {
            disk.remove(&dir.join(other))?;
        }
    }
    let aside = format!("{name}{BAD}");
    tracing::error!(
        snapshot = name,
        kept_as = aside,
        why,
        "a snapshot is damaged and set aside"
    );
    disk.rename(&dir.join(name), &dir.join(aside))?;
    disk.sync_dir(dir)
}

const TEMPORARY: &str = ".tmp";
const BAD: &str = ".bad";
const BUILT: &str = "built";
const RECEIVED: &str = "received";
const NOTHING: &str = "empty";

fn file_name(last: Option<RaftLogId>, origin: Origin) -> String {
    let origin = match origin {
        Origin::Built => BUILT,
        Origin::Received => RECEIVED,
    };
    match last {
        Some(last) => format!("{:020}-{:020}.{origin}", last.index, last.leader_id.term),
        None => format!("{NOTHING}.{origin}"),
    }
}

fn parse_name(name: &str) -> Option<(Option<RaftLogId>, Origin)> {
    let (last, origin) = name.split_once('.')?;
    let origin = match origin {
        BUILT => Origin::Built,
        RECEIVED => Origin::Received,
        _ => return None,
    };
    if last == NOTHING {
        return Some((None, origin));
    }
    let (index, term) = last.split_once('-')?;
    let last = RaftLogId::new_term_index(term.parse().ok()?, index.parse().ok()?);
    Some((Some(last), origin))
}

fn reach(last: Option<RaftLogId>) -> String {
    match last {
        Some(last) => format!("entry {} of term {}", last.index, last.leader_id.term),
        None => "no entry".to_owned(),
    }
}

/// Why the snapshots of a node cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenSnapshotsError {
    /// The directory cannot be used.
    #[error("cannot use the directory of snapshots {}", dir.display())]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// What the disk says.
        #[source]
        cause: io::Error,
    },
    /// A snapshot cannot be read: nobody knows whether it is whole.
    #[error("a snapshot cannot be read; mend the disk and start again")]
    Read(#[source] SnapshotError),
    /// A snapshot belongs to another cluster.
    #[error("there is a snapshot of another cluster; move it out of the directory of this node")]
    Foreign(#[source] SnapshotError),
}
