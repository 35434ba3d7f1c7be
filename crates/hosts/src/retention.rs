//! How many named snapshots are kept, and for how long: decided by the leader, told to all as events.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::event::{DropReason, Event};
use crate::limits::{SNAPSHOT_AGE_KEPT, SNAPSHOT_ROWS_MAX, SNAPSHOTS_KEPT, SNAPSHOTS_MAX};
use crate::projection::Projection;
use crate::snapshot::{Snapshot, SnapshotId};
use crate::time::Timestamp;

/// What a leader keeps. By default 50 snapshots, each for 30 days.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Snapshots that are there at the most once another one was made: 1–1000. The target of a rollback is not counted.
    pub snapshots_max: usize,
    /// Older ones go when another one is made, by its stamp.
    pub snapshot_age_max: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            snapshots_max: SNAPSHOTS_KEPT,
            snapshot_age_max: SNAPSHOT_AGE_KEPT,
        }
    }
}

impl Retention {
    /// The events that let go what has no place beside a new snapshot made at `now`, the oldest first. `needed` stays.
    pub(crate) fn make_room(
        &self,
        hosts: &Projection,
        now: Timestamp,
        needed: Option<SnapshotId>,
    ) -> Vec<Event> {
        let spared = |snapshot: &Snapshot| Some(snapshot.id) == needed;
        let there = hosts.snapshots().filter(|s| !spared(s)).count();
        let all = hosts.snapshots().count();
        let too_many = (there + 1)
            .saturating_sub(self.snapshots_max.max(1))
            .max((all + 1).saturating_sub(SNAPSHOTS_MAX));
        let age_max = u64::try_from(self.snapshot_age_max.as_millis()).unwrap_or(u64::MAX);
        let too_old = |snapshot: &Snapshot| {
            now.as_millis().saturating_sub(snapshot.created.as_millis()) > age_max
        };
        let others = hosts.snapshots().filter(|snapshot| !spared(snapshot));
        others
            .enumerate()
            .filter(|(place, snapshot)| *place < too_many || too_old(snapshot))
            .map(|(_, snapshot)| retired(snapshot.id))
            .collect()
    }
}

/// Adds the events that let the oldest snapshots go where all of them would keep too many old records.
pub(crate) fn limit_old_rows(hosts: &Projection, events: &mut Vec<Event>) {
    let dropped: BTreeSet<SnapshotId> = events
        .iter()
        .filter_map(|event| match event {
            Event::SnapshotDeleted { id, .. } => Some(*id),
            _ => None,
        })
        .collect();
    let needed = events.iter().find_map(|event| match event {
        Event::RolledBack { to, .. } => Some(*to),
        _ => None,
    });
    let mut rows = hosts.snapshot_rows() + events.len();
    for (snapshot, kept) in hosts.kept_snapshots().sizes() {
        if rows <= SNAPSHOT_ROWS_MAX {
            return;
        }
        if Some(snapshot.id) == needed {
            continue;
        }
        rows = rows.saturating_sub(kept);
        if !dropped.contains(&snapshot.id) {
            events.push(retired(snapshot.id));
        }
    }
}

const fn retired(id: SnapshotId) -> Event {
    let reason = DropReason::Retired;
    Event::SnapshotDeleted { id, reason }
}
