//! From an empty directory to a member of a cluster.
//!
//! The first-listed node initialises, once every other has said that it is
//! empty and has noted on disk that it belongs to the cluster from now on.
//! A node that finds itself empty among members has lost its data: under its
//! old id it could vote twice in one term, so it never speaks Raft again.

use crate::{config::InitialMember, peers::Peers, raft::Raft};
use openraft::async_runtime::WatchReceiver as _;
use raft_store::{Identity, REMEDY, disk::Disk, raft::Member};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// Whether this node belongs to a formed cluster, and how it comes to.
#[derive(Debug)]
pub struct Formation {
    raft: Raft,
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    /// The log or the vote said so when the node started. openraft's metrics
    /// begin empty and learn of the log a moment later.
    began: bool,
    formed: AtomicBool,
}

/// Why a node does not become a member.
#[derive(Debug, thiserror::Error)]
pub enum FormationError {
    /// The disk does not take the note.
    #[error("cannot note in {directory} that the cluster is formed")]
    Note {
        /// The data directory.
        directory: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The directory is empty, and the cluster exists.
    #[error(
        "{directory} is empty, but the cluster exists ({witness} is a member): this node has lost \
         its data. {REMEDY}"
    )]
    LostItsData {
        /// The data directory.
        directory: PathBuf,
        /// Who says so.
        witness: String,
    },
    /// The cluster's note is there, and Raft's files are gone.
    #[error(
        "{directory} has belonged to a member of a cluster, and Raft's files in it are gone: this \
         node has lost its data. {REMEDY}"
    )]
    Emptied {
        /// The data directory.
        directory: PathBuf,
    },
    /// Raft refused the first membership.
    #[error("cannot initialise the cluster")]
    Initialize(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl FormationError {
    /// Whether the data is gone, so that only a person can help.
    #[must_use]
    pub const fn is_lost_data(&self) -> bool {
        matches!(self, Self::LostItsData { .. } | Self::Emptied { .. })
    }
}

/// The note's name in the data directory.
const NOTE: &str = "FORMED";

/// Between two rounds of asking the others.
const ROUND: Duration = Duration::from_millis(100);

/// How long one node may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// Refuses a directory that was a member's and has no log any more. The log
/// begins, and names its node, before the note is ever written.
///
/// # Errors
/// [`FormationError::Emptied`], or the directory cannot be read.
pub fn must_not_be_emptied(disk: &dyn Disk, directory: &Path) -> Result<(), FormationError> {
    let note = disk.len(&directory.join(NOTE));
    let note = note.map_err(|cause| FormationError::Note {
        directory: directory.to_owned(),
        cause,
    })?;
    // A directory whose identity cannot be read is refused by the store, with its reason.
    match Identity::read(disk, directory) {
        Ok(None) if note.is_some() => Err(FormationError::Emptied {
            directory: directory.to_owned(),
        }),
        Ok(_) | Err(_) => Ok(()),
    }
}

impl Formation {
    /// Reads what `directory` knows; `began` is what the log and the vote know.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn open(
        raft: Raft,
        disk: Arc<dyn Disk>,
        directory: PathBuf,
        began: bool,
    ) -> Result<Self, FormationError> {
        let note = disk.len(&directory.join(NOTE));
        let note = note.map_err(|cause| FormationError::Note {
            directory: directory.clone(),
            cause,
        })?;
        Ok(Self {
            raft,
            disk,
            directory,
            began,
            formed: AtomicBool::new(began || note.is_some()),
        })
    }

    /// Whether Raft may be spoken with this node.
    #[must_use]
    pub fn is_formed(&self) -> bool {
        self.formed.load(Ordering::Acquire)
    }

    /// Whether the log has an entry or a snapshot, or began with a vote.
    #[must_use]
    pub fn is_initialized(&self) -> bool {
        if self.began {
            return true;
        }
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        metrics.last_log_index.is_some() || metrics.snapshot.is_some()
    }

    /// Notes, durably, that this node belongs to the cluster.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn prepare(&self) -> Result<(), FormationError> {
        if self.is_formed() {
            return Ok(());
        }
        let write = || {
            let path = self.directory.join(NOTE);
            if self.disk.len(&path)?.is_none() {
                self.disk.create(&path)?.sync()?;
                self.disk.sync_dir(&self.directory)?;
            }
            Ok(())
        };
        write().map_err(|cause| FormationError::Note {
            directory: self.directory.clone(),
            cause,
        })?;
        self.formed.store(true, Ordering::Release);
        Ok(())
    }

    /// Returns once this node is a member with a log of its own.
    ///
    /// # Errors
    /// [`FormationError`]; the node must not go on.
    pub async fn form(
        &self,
        own: u64,
        initial: &[InitialMember],
        peers: &Peers,
    ) -> Result<(), FormationError> {
        for InitialMember { id, name, address } in initial {
            peers.learn(
                *id,
                &Member {
                    name: name.clone(),
                    address: address.clone(),
                },
            );
        }
        let first = initial.first().is_some_and(|member| member.id == own);
        while !self.is_initialized() {
            let all_empty = self.others_are_empty(own, initial, peers).await?;
            if first && all_empty && self.all_prepared(own, initial, peers).await? {
                self.initialize(initial).await?;
                break;
            }
            self.initialized_within(ROUND).await;
        }
        self.prepare()
    }

    /// Whether every other member answered that it is empty.
    async fn others_are_empty(
        &self,
        own: u64,
        initial: &[InitialMember],
        peers: &Peers,
    ) -> Result<bool, FormationError> {
        let mut all = true;
        for InitialMember { id, name, .. } in initial.iter().filter(|member| member.id != own) {
            match peers.status(*id, Instant::now() + ANSWER_TIME).await {
                // Whoever initialised had this node's note before: without the
                // note, and without a log, it has lost both.
                Ok(status) if status.initialized && !self.is_formed() => {
                    return Err(FormationError::LostItsData {
                        directory: self.directory.clone(),
                        witness: name.clone(),
                    });
                }
                Ok(status) => all &= !status.initialized,
                Err(error) => {
                    tracing::debug!(node = %name, %error, "waiting for a first member");
                    all = false;
                }
            }
        }
        Ok(all)
    }

    /// Has every member note that it belongs to the cluster, this one first.
    async fn all_prepared(
        &self,
        own: u64,
        initial: &[InitialMember],
        peers: &Peers,
    ) -> Result<bool, FormationError> {
        self.prepare()?;
        for InitialMember { id, name, .. } in initial.iter().filter(|member| member.id != own) {
            match peers.prepare(*id, Instant::now() + ANSWER_TIME).await {
                Ok(status) if !status.initialized => {}
                // It was empty a moment ago, and is no longer: look again.
                Ok(_) => return Ok(false),
                Err(error) => {
                    tracing::warn!(node = %name, %error, "a first member is not prepared");
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn initialize(&self, initial: &[InitialMember]) -> Result<(), FormationError> {
        let members: BTreeMap<u64, Member> = initial
            .iter()
            .map(|InitialMember { id, name, address }| {
                (
                    *id,
                    Member {
                        name: name.clone(),
                        address: address.clone(),
                    },
                )
            })
            .collect();
        tracing::info!(members = members.len(), "initialising the cluster");
        let initialized = self.raft.initialize(members).await;
        initialized.map_err(|cause| FormationError::Initialize(Box::new(cause)))
    }

    async fn initialized_within(&self, time: Duration) {
        let mut metrics = self.raft.metrics();
        let appended = async {
            while !self.is_initialized() {
                if metrics.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        // Either way the caller looks again.
        let _timed_out = tokio::time::timeout(time, appended).await;
    }
}
