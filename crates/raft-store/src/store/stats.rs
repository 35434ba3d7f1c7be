//! Sizes of what a node remembers, for its status.

use std::sync::Arc;

use tokio::sync::watch;

use crate::applied::Applied;
use crate::log::Log;
use crate::raft::RaftLogId;
use crate::snapshot::Snapshots;

/// Measures a store; clones measure the same one.
#[derive(Debug, Clone)]
pub struct StoreStats {
    log: Log,
    snapshots: Snapshots,
    applied: watch::Receiver<Arc<Applied>>,
}

/// Sizes at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSizes {
    /// Bytes of the log's files.
    pub log_bytes: u64,
    /// Files of the log.
    pub log_segments: usize,
    /// The last entry that was thrown away: a node whose log ends before it needs
    /// the snapshot. None as long as the log has every entry.
    pub purged_index: Option<u64>,
    /// Up to where the snapshot reaches; none without one.
    pub snapshot_last: Option<RaftLogId>,
    /// Bytes of the snapshot; 0 without one.
    pub snapshot_bytes: u64,
    /// Rows of the state: hosts and answered requests.
    pub state_rows: usize,
}

impl StoreStats {
    pub(super) const fn new(
        log: Log,
        snapshots: Snapshots,
        applied: watch::Receiver<Arc<Applied>>,
    ) -> Self {
        Self {
            log,
            snapshots,
            applied,
        }
    }

    /// The sizes now. Reads no disk.
    pub fn sizes(&self) -> StoreSizes {
        let log = self.log.state();
        let (snapshot_last, snapshot_bytes) = match self.snapshots.newest() {
            Some((meta, bytes)) => (meta.last_log_id, bytes),
            None => (None, 0),
        };
        let applied = Arc::clone(&self.applied.borrow());
        StoreSizes {
            log_bytes: log.bytes,
            log_segments: log.segments,
            purged_index: log.purged.map(|id| id.index),
            snapshot_last,
            snapshot_bytes,
            state_rows: applied.projection.len() + applied.projection.requests().count(),
        }
    }
}
