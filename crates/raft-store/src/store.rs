//! Opens everything a node remembers, and checks that it fits together.
//!
//! Order: whose directory (`identity`), the log, the snapshot, the state. The
//! log is never behind what the others have seen, or it was lost or replaced
//! by an older copy, and the node must not vote: it refuses to start, and says
//! what to do. A state that is missing, damaged or behind the snapshot is
//! rebuilt from the snapshot; openraft then applies the log from there.

mod check;
mod stats;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

pub use self::check::Contradiction;
pub use self::stats::{StoreSizes, StoreStats};
use crate::applied::Applied;
use crate::disk::{Disk, RealDisk, Work};
use crate::identity::{Claim, Identity, IdentityError};
use crate::log::{Log, LogOptions, OpenLogError};
use crate::log_store::LogStore;
use crate::snapshot::{OpenSnapshotsError, SnapshotError, Snapshots, load};
use crate::state::{
    Generations, OpenStateError, SledStates, StateError, StateFault, StateStore, StateStores,
    StateWriter,
};
use crate::state_machine::StateMachine;

/// What a node remembers, opened.
#[derive(Debug)]
pub struct Store {
    /// For openraft: vote and entries.
    pub log: LogStore,
    /// For openraft: the state machine.
    pub machine: StateMachine,
    /// Follows what is applied.
    pub applied: watch::Receiver<Arc<Applied>>,
    /// Takes snapshots from peers.
    pub snapshots: Snapshots,
    /// For the status of the node.
    pub stats: StoreStats,
    /// Becomes something when the state can no longer be stored; the node
    /// then has to stop.
    pub fault: watch::Receiver<Option<StateFault>>,
    /// Ends it all in order.
    pub keeper: Keeper,
}

/// What the store stands on: the real machine, or a simulated one.
#[derive(Debug, Clone)]
pub struct Seams {
    /// Every file but those of the state.
    pub disk: Arc<dyn Disk>,
    /// The state.
    pub states: Arc<dyn StateStores>,
    /// Where work that blocks runs.
    pub work: Work,
}

impl Seams {
    /// The real machine: its disk, sled, and threads.
    pub fn real() -> Self {
        Self {
            disk: Arc::new(RealDisk),
            states: Arc::new(SledStates),
            work: Work::Threads,
        }
    }
}

/// The bounds of a store.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreOptions {
    /// The bounds of the log. Whether it must exist is known here, and
    /// ignored.
    pub log: LogOptions,
}

impl Store {
    /// Opens what the node `identity` keeps under `dir`, or begins it. Reads
    /// all of the log and the state, so it blocks for up to seconds.
    pub fn open(
        seams: Seams,
        dir: &Path,
        identity: Identity,
        options: StoreOptions,
    ) -> Result<Self, OpenError> {
        let Seams { disk, states, work } = seams;
        let mut claim = Claim::take(Arc::clone(&disk), dir, identity)?;
        let room = claim.room().to_owned();
        let log = Log::open(
            Arc::clone(&disk),
            &room.join("wal"),
            (identity.cluster, identity.node),
            LogOptions {
                must_exist: claim.is_known(),
                ..options.log
            },
            work,
        )
        .map_err(|cause| OpenError::Log(Box::new(cause)))?;
        claim.settle()?;
        let snapshots =
            Snapshots::open(Arc::clone(&disk), &room.join("snapshots"), identity.cluster)
                .map_err(|cause| OpenError::Snapshots(Box::new(cause)))?;
        let (generations, opened) =
            Generations::open(disk, states, &room.join("state")).map_err(OpenError::State)?;
        let (generations, store, state) = recover(&log, &snapshots, generations, opened, &room)?;
        let writer =
            StateWriter::start(generations, store, log.clone(), work).map_err(OpenError::Thread)?;
        let writer = Arc::new(writer);
        let machine = StateMachine::new(
            Arc::new(state),
            log.clone(),
            Arc::clone(&writer),
            snapshots.clone(),
            work,
        );
        let applied = machine.applied();
        tracing::info!(
            dir = %room.display(),
            applied = applied.borrow().index(),
            hosts = applied.borrow().projection.len(),
            "store opened"
        );
        Ok(Self {
            log: LogStore::new(log.clone(), work),
            machine,
            stats: StoreStats::new(log.clone(), snapshots.clone(), applied.clone()),
            applied,
            snapshots,
            fault: writer.fault(),
            keeper: Keeper {
                log,
                writer,
                _claim: claim,
            },
        })
    }
}

type Recovered = (Generations, Box<dyn StateStore>, Applied);

/// Brings the parts to one story: the newest of state and snapshot, checked
/// against the log.
fn recover(
    log: &Log,
    snapshots: &Snapshots,
    mut generations: Generations,
    opened: Option<(Box<dyn StateStore>, Applied)>,
    room: &Path,
) -> Result<Recovered, OpenError> {
    let snapshot = snapshots.current().clone();
    let stored = opened.as_ref().and_then(|(_, state)| state.applied);
    check::check(log, snapshot.as_ref(), stored, opened.is_some()).map_err(|cause| {
        OpenError::Contradiction {
            room: room.to_owned(),
            cause,
        }
    })?;
    let reached = snapshot
        .as_ref()
        .and_then(|current| current.meta.last_log_id);
    if let Some((store, state)) = opened
        && state.applied >= reached
    {
        return Ok((generations, store, state));
    }
    let state = match &snapshot {
        Some(current) => {
            let file = &current.file;
            load(file.path(), file.disk_file(), snapshots.cluster()).map_err(OpenError::Rebuild)?
        }
        None => Applied::default(),
    };
    tracing::info!(
        from = state.index(),
        "the state is rebuilt from snapshot and log"
    );
    let store = generations.rebuild(&state).map_err(OpenError::Store)?;
    Ok((generations, store, state))
}

/// Ends a store in order.
///
/// Shut openraft down first; it owns the log and the state machine.
pub struct Keeper {
    log: Log,
    writer: Arc<StateWriter>,
    /// Given up last.
    _claim: Claim,
}

impl Keeper {
    /// Writes and flushes what is queued, ends the threads, and gives the
    /// directory up. Blocks. What is refused here is rebuilt at the next
    /// start: nothing acknowledged is lost.
    pub fn close(self) -> Result<(), StateFault> {
        let Self {
            log,
            writer,
            _claim,
        } = self;
        // The writer flushes the log before it writes the last rows.
        let stored = writer.stop();
        log.close();
        stored
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory is not this node's.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The log does not open.
    #[error("the log cannot be opened")]
    Log(#[source] Box<OpenLogError>),
    /// The snapshots do not open.
    #[error("the snapshots cannot be opened")]
    Snapshots(#[source] Box<OpenSnapshotsError>),
    /// The state neither opens nor can be replaced.
    #[error("the state cannot be opened")]
    State(#[source] OpenStateError),
    /// Log, snapshot and state tell different stories.
    #[error("what {} holds does not fit together", room.display())]
    Contradiction {
        /// Raft's directory.
        room: PathBuf,
        /// What contradicts what.
        #[source]
        cause: Contradiction,
    },
    /// The snapshot the state has to be rebuilt from cannot be used.
    #[error("the state has to be rebuilt, and its snapshot cannot be used")]
    Rebuild(#[source] SnapshotError),
    /// The rebuilt state cannot be stored.
    #[error("the rebuilt state cannot be stored")]
    Store(#[source] StateError),
    /// The system gives no thread.
    #[error("cannot start the thread that stores the state")]
    Thread(#[source] io::Error),
}
