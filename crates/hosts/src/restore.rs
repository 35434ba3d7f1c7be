//! Putting a projection together again from stored rows, and refusing rows that no projection has.
//!
//! What `restore` accepts is what `apply` could have built: damage that checksums missed is found here.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::actor::Actor;
use crate::address::Address;
use crate::host::{Host, HostId};
use crate::limits::{HOSTS_MAX, REQUESTS_MAX, SNAPSHOTS_MAX};
use crate::name::Hostname;
use crate::plan::within_hosts;
use crate::projection::{Position, Projection};
use crate::requests::RequestRow;
use crate::row::{OldRow, Row};
use crate::snapshot::{Snapshot, SnapshotId};
use crate::stamp::{RequestId, Revision};

/// Rows that are not the parts of one projection.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum RestoreError {
    /// Positions that contradict each other: a rendering newer than the last change, or than the one with comments.
    #[error("the positions contradict each other")]
    Position,
    /// Two rows for one host.
    #[error("host {id} is there twice")]
    HostTwice {
        /// The host.
        id: HostId,
    },
    /// Two hosts, or one host twice, with the same address and name.
    #[error("{address} {name} belongs to host {first} and to host {second}")]
    Shared {
        /// The address.
        address: Address,
        /// The name.
        name: Hostname,
        /// One of its owners.
        first: HostId,
        /// The other.
        second: HostId,
    },
    /// A host that changed after the last change.
    #[error("host {id} is newer than the last change")]
    HostAhead {
        /// The host.
        id: HostId,
    },
    /// More hosts than a projection may have.
    #[error("there are more than {HOSTS_MAX} hosts")]
    TooManyHosts,
    /// Two rows for one request.
    #[error("request {request} of {by} is there twice")]
    RequestTwice {
        /// Who asked.
        by: Actor,
        /// Its id.
        request: RequestId,
    },
    /// Two requests for one revision.
    #[error("two requests are answered with revision {revision}")]
    RevisionTwice {
        /// The revision.
        revision: Revision,
    },
    /// A request answered after the last change.
    #[error("request {request} of {by} is newer than the last change")]
    RequestAhead {
        /// Who asked.
        by: Actor,
        /// Its id.
        request: RequestId,
    },
    /// More requests than the table may have.
    #[error("there are more than {REQUESTS_MAX} requests")]
    TooManyRequests,
    /// Two snapshots with one id, or made at one revision.
    #[error("snapshot {id} is there twice, or with another one of revision {revision}")]
    SnapshotTwice {
        /// Its id.
        id: SnapshotId,
        /// The revision that made it.
        revision: Revision,
    },
    /// A snapshot made after the last change.
    #[error("snapshot {id} is newer than the last change")]
    SnapshotAhead {
        /// Its id.
        id: SnapshotId,
    },
    /// More snapshots than there may be.
    #[error("there are more than {SNAPSHOTS_MAX} snapshots")]
    TooManySnapshots,
    /// An old record of a host that no snapshot keeps, that is there twice, or that is of another host or a later time.
    #[error("the record of host {id} kept at revision {revision} belongs to no snapshot")]
    Old {
        /// The revision of its snapshot.
        revision: Revision,
        /// The host.
        id: HostId,
    },
}

impl Projection {
    /// The projection with these rows; the reverse of [`Projection::position`] and [`Projection::rows`]. They may come
    /// in any order, except that a snapshot comes before what it keeps.
    ///
    /// # Errors
    /// [`RestoreError`] for rows that `apply` could not have left behind.
    pub fn restore(
        position: Position,
        rows: impl IntoIterator<Item = Row>,
    ) -> Result<Self, RestoreError> {
        if position.rendered > position.rendered_with_comments
            || position.rendered_with_comments > position.revision
        {
            return Err(RestoreError::Position);
        }
        let mut projection = Self::at(position);
        for row in rows {
            match row {
                Row::Host(host) => {
                    check_host(&projection, &host)?;
                    projection.insert(host);
                }
                Row::Request(row) => {
                    check_request(&projection, &row)?;
                    if projection.record(row).is_some() {
                        return Err(RestoreError::TooManyRequests);
                    }
                }
                Row::Snapshot(snapshot) => {
                    check_snapshot(&projection, &snapshot)?;
                    projection.kept_snapshots_mut().insert(snapshot);
                }
                Row::Old(OldRow { snapshot, id, host }) => {
                    let fits = host
                        .as_ref()
                        .is_none_or(|host| host.id == id && host.version < snapshot);
                    let kept = projection.kept_snapshots_mut();
                    if !fits || kept.remember(snapshot, id, host).is_none() {
                        let revision = snapshot;
                        return Err(RestoreError::Old { revision, id });
                    }
                }
            }
        }
        Ok(projection)
    }
}

fn check_snapshot(projection: &Projection, snapshot: &Snapshot) -> Result<(), RestoreError> {
    let (id, revision) = (snapshot.id, snapshot.revision);
    let kept = projection.kept_snapshots();
    if kept.get(id).is_some() || kept.at(revision).is_some() {
        return Err(RestoreError::SnapshotTwice { id, revision });
    }
    let position = projection.position();
    if revision > position.revision || snapshot.created > position.last_stamp {
        return Err(RestoreError::SnapshotAhead { id });
    }
    if kept.len() >= SNAPSHOTS_MAX {
        return Err(RestoreError::TooManySnapshots);
    }
    Ok(())
}

fn check_host(projection: &Projection, host: &Host) -> Result<(), RestoreError> {
    let id = host.id;
    if projection.host(id).is_some() {
        return Err(RestoreError::HostTwice { id });
    }
    within_hosts(projection.len() + 1).map_err(|_| RestoreError::TooManyHosts)?;
    let position = projection.position();
    if host.version > position.revision
        || host.updated > position.last_stamp
        || host.created > host.updated
    {
        return Err(RestoreError::HostAhead { id });
    }
    let mut own = BTreeSet::new();
    for name in host.names() {
        let first = match projection.owner(host.address, name) {
            Some(other) => other,
            None if !own.insert(name) => id,
            None => continue,
        };
        return Err(RestoreError::Shared {
            address: host.address,
            name: name.clone(),
            first,
            second: id,
        });
    }
    Ok(())
}

fn check_request(projection: &Projection, row: &RequestRow) -> Result<(), RestoreError> {
    let (by, request) = (row.by.clone(), row.request.clone());
    let revision = row.answer.revision;
    if projection.answered(&by, &request).is_some() {
        return Err(RestoreError::RequestTwice { by, request });
    }
    if revision > projection.revision() {
        return Err(RestoreError::RequestAhead { by, request });
    }
    if projection.request_at(revision).is_some() {
        return Err(RestoreError::RevisionTwice { revision });
    }
    Ok(())
}
