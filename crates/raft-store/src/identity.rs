//! Whose directory this is, and that one process has it.
//!
//! `raft/LOCK` is locked while a node runs. `raft/IDENTITY` names cluster,
//! node and format; it is written once, after the log has begun, so a
//! directory that has one must have a log too.

use crate::REMEDY;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hosts::HostId;

use crate::disk::{Disk, DiskLock, read_to_end};
use crate::limits::IDENTITY_BYTES_MAX;

/// Which node of which cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The cluster: chance, drawn once when it is made.
    pub cluster: u128,
    /// The node: given once in a cluster, never reused.
    pub node: u64,
}

impl Identity {
    /// The identity of the data directory `dir`; none if no node ever stored
    /// anything there. Takes no lock.
    pub fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>, IdentityError> {
        let path = dir.join(ROOM).join(FILE);
        let refused = |cause| IdentityError::Disk {
            action: "read",
            path: path.clone(),
            cause,
        };
        if disk.len(&path).map_err(refused)?.is_none() {
            return Ok(None);
        }
        let bytes = read_to_end(disk, &path, IDENTITY_BYTES_MAX).map_err(refused)?;
        parse(&path, &bytes).map(Some)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, node } = self;
        let cluster = HostId::from_u128(*cluster); // any ULID reads alike
        write!(f, "node {node} of cluster {cluster}")
    }
}

/// The directory of Raft's files, locked for this process until it is
/// dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    disk: Arc<dyn Disk>,
    room: PathBuf,
    identity: Identity,
    known: bool,
    /// Only ever dropped; a mutex because a lock need not be shareable.
    _lock: Mutex<Box<dyn DiskLock>>,
}

impl Claim {
    /// Locks the data directory `dir`, which is made if missing, and refuses
    /// one that belongs to another node.
    pub(crate) fn take(
        disk: Arc<dyn Disk>,
        dir: &Path,
        identity: Identity,
    ) -> Result<Self, IdentityError> {
        let room = dir.join(ROOM);
        disk.create_dir_all(&room)
            .map_err(|cause| IdentityError::Disk {
                action: "make",
                path: room.clone(),
                cause,
            })?;
        let lock_path = room.join(LOCK);
        let lock = disk.lock(&lock_path).map_err(|cause| {
            if cause.kind() == io::ErrorKind::WouldBlock {
                return IdentityError::Locked {
                    dir: dir.to_owned(),
                };
            }
            IdentityError::Disk {
                action: "lock",
                path: lock_path.clone(),
                cause,
            }
        })?;
        let found = Identity::read(disk.as_ref(), dir)?;
        if let Some(found) = found
            && found != identity
        {
            return Err(IdentityError::Foreign {
                dir: dir.to_owned(),
                found,
                expected: identity,
            });
        }
        Ok(Self {
            disk,
            room,
            identity,
            known: found.is_some(),
            _lock: Mutex::new(lock),
        })
    }

    /// Whether this node has stored something here before.
    pub(crate) const fn is_known(&self) -> bool {
        self.known
    }

    /// The directory of Raft's files.
    pub(crate) fn room(&self) -> &Path {
        &self.room
    }

    /// Writes down whose directory this is, durably, if it is not yet.
    pub(crate) fn settle(&mut self) -> Result<(), IdentityError> {
        if self.known {
            return Ok(());
        }
        let (path, next) = (self.room.join(FILE), self.room.join(NEXT));
        let write = || -> io::Result<()> {
            if self.disk.len(&next)?.is_some() {
                self.disk.remove(&next)?;
            }
            let mut file = self.disk.create(&next)?;
            file.append(text(self.identity).as_bytes())?;
            file.sync()?;
            self.disk.rename(&next, &path)?;
            self.disk.sync_dir(&self.room)
        };
        write().map_err(|cause| IdentityError::Disk {
            action: "write",
            path: path.clone(),
            cause,
        })?;
        self.known = true;
        Ok(())
    }
}

/// Why a directory is not this node's to use.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The disk refuses.
    #[error("cannot {action} {}", path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the disk says.
        #[source]
        cause: io::Error,
    },
    /// Another process has it.
    #[error(
        "the data directory {} is in use by another process; stop that one first, or give this \
         node a directory of its own", dir.display()
    )]
    Locked {
        /// The data directory.
        dir: PathBuf,
    },
    /// It is another node's.
    #[error(
        "the data directory {} belongs to {found}, and this is {expected}; correct the \
         configuration, or give this node a directory of its own", dir.display()
    )]
    Foreign {
        /// The data directory.
        dir: PathBuf,
        /// Whose it is.
        found: Identity,
        /// Who asks.
        expected: Identity,
    },
    /// A newer version wrote it.
    #[error(
        "{} has format {found}, and this version reads up to {FORMAT}; install the newer version \
         again, there is no way back for a directory", path.display()
    )]
    Newer {
        /// The identity file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// It says nothing that can be trusted.
    #[error(
        "{} is damaged ({why}), so nobody knows whose directory this is. {REMEDY}", path.display()
    )]
    Damaged {
        /// The identity file.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
}

/// Raft's part of a data directory.
const ROOM: &str = "raft";
const LOCK: &str = "LOCK";
const FILE: &str = "IDENTITY";
const NEXT: &str = "IDENTITY.tmp";

/// The format of the whole directory.
const FORMAT: u32 = 1;

/// The file: lines that a person can read, and a checksum over them.
fn text(Identity { cluster, node }: Identity) -> String {
    let lines = format!("router-hosts\nformat {FORMAT}\ncluster {cluster:032x}\nnode {node}\n");
    let crc = crc32c::crc32c(lines.as_bytes());
    format!("{lines}check {crc:08x}\n")
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Identity, IdentityError> {
    let damaged = |why: &str| IdentityError::Damaged {
        path: path.to_owned(),
        why: why.to_owned(),
    };
    let text = str::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
    let mut lines = text.lines();
    if lines.next() != Some("router-hosts") {
        return Err(damaged("it does not begin like one"));
    }
    let mut field = |name: &str| -> Result<&str, IdentityError> {
        let line = lines.next().and_then(|line| line.strip_prefix(name));
        line.and_then(|value| value.strip_prefix(' '))
            .ok_or_else(|| damaged(&format!("it has no {name}")))
    };
    let format = field("format")?
        .parse()
        .map_err(|_| damaged("its format is no number"))?;
    if format > FORMAT {
        return Err(IdentityError::Newer {
            path: path.to_owned(),
            found: format,
        });
    }
    let cluster = u128::from_str_radix(field("cluster")?, 16)
        .map_err(|_| damaged("its cluster is no number"))?;
    let node = field("node")?
        .parse()
        .map_err(|_| damaged("its node is no number"))?;
    let identity = Identity { cluster, node };
    if self::text(identity) != text {
        return Err(damaged("its checksum does not fit"));
    }
    Ok(identity)
}
