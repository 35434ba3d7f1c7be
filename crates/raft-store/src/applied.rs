//! The state at one applied entry, as it is published, stored and snapshot.
//! `state_machine` publishes each as the newest value of a `watch`.

use std::sync::Arc;

use hosts::{Digest, Projection};

use crate::raft::{RaftLogId, StoredMembership};
use crate::record::PositionRow;

/// The state after the last applied entry. Frozen: later entries make a new
/// one.
///
/// Two nodes that report the same applied index must report the same
/// [`Applied::digest`]; if they do not, they have diverged.
#[derive(Debug, Clone, Default)]
pub struct Applied {
    /// Hosts, answered requests and named snapshots. Its revision lies behind `applied` when
    /// the last entries were blank, memberships, parts or refused.
    pub projection: Arc<Projection>,
    /// The last applied entry; `None` before the first one.
    pub applied: Option<RaftLogId>,
    /// The last applied membership.
    pub membership: StoredMembership,
}

impl Applied {
    /// The index of the last applied entry.
    pub fn index(&self) -> Option<u64> {
        self.applied.map(|id| id.index)
    }

    /// The digest of the projection, to be compared between nodes at equal
    /// indexes.
    pub fn digest(&self) -> Digest {
        self.projection.digest()
    }

    /// What is stored beside the rows of this state.
    pub(crate) fn position_row(&self) -> PositionRow {
        PositionRow {
            applied: self.applied,
            membership: self.membership.clone(),
            position: self.projection.position(),
            digest: self.projection.digest(),
            hosts: self.projection.len() as u64,
            snapshots: self.projection.snapshots().count() as u64,
        }
    }
}
