//! Making the hosts what a snapshot shows: the difference as one change, with ids and times of creation kept.

use crate::command::{Outcome, RollbackCounts};
use crate::decide::{Drafted, differences, new_snapshot_id, plain};
use crate::event::{DeleteReason, Event, Reply};
use crate::label::Label;
use crate::plan::count;
use crate::projection::Projection;
use crate::rejection::Rejection;
use crate::retention::Retention;
use crate::snapshot::{BEFORE_ROLLBACK, Difference, Point, SnapshotId};
use crate::stamp::Stamp;

/// What a rollback to `to` comes to. What is there now is kept in a snapshot of the same change; the one rolled back to
/// stays, whatever the retention says.
pub(crate) fn roll_back(
    hosts: &Projection,
    to: SnapshotId,
    stamp: &Stamp,
    retention: &Retention,
) -> Result<Drafted, Rejection> {
    let (Some(snapshot), Some(all)) = (
        hosts.snapshot(to),
        hosts.differences(Point::Now, Point::Snapshot(to)),
    ) else {
        return Err(Rejection::SnapshotNotFound { id: to });
    };
    let mut counts = RollbackCounts {
        backup: None,
        hosts: snapshot.hosts,
        created: 0,
        updated: 0,
        deleted: 0,
    };
    if all.is_empty() {
        return Ok(Drafted::Nothing(Outcome::RolledBack(counts)));
    }
    let backup = new_snapshot_id(hosts, stamp);
    counts.backup = Some(backup);
    let mut events = retention.make_room(hosts, stamp.at, Some(to));
    events.push(Event::SnapshotCreated {
        id: backup,
        name: None,
        trigger: Label::own(BEFORE_ROLLBACK),
    });
    events.push(Event::RolledBack {
        to,
        base: hosts.revision(),
    });
    for Difference { before, after } in all {
        match (before, after) {
            (None, Some(host)) => {
                counts.created += 1;
                events.push(Event::HostRestored { host });
            }
            (Some(now), Some(then)) => {
                counts.updated += 1;
                events.extend(differences(&now, &then.facts()));
            }
            (Some(old), None) => {
                counts.deleted += 1;
                events.push(Event::HostDeleted {
                    id: old.id,
                    reason: DeleteReason::Requested,
                    old,
                });
            }
            (None, None) => {}
        }
    }
    debug_assert_eq!(
        count(hosts.len()) + counts.created - counts.deleted,
        counts.hosts
    );
    Ok(plain(events, Reply::RolledBack(counts)))
}
