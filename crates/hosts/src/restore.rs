//! Putting a projection together again from stored rows, and refusing rows that no projection has.
//!
//! What `restore` accepts is what `apply` could have built: damage that checksums missed is found here.

use std::collections::BTreeSet;
use std::sync::Arc;

use thiserror::Error;

use crate::actor::Actor;
use crate::address::Address;
use crate::host::{Host, HostId};
use crate::limits::{HOSTS_MAX, REQUESTS_MAX};
use crate::name::Hostname;
use crate::plan::within_hosts;
use crate::projection::{Position, Projection};
use crate::requests::RequestRow;
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
}

impl Projection {
    /// The projection with these parts, in whatever order they come; the reverse of [`Projection::position`],
    /// [`Projection::hosts`] and [`Projection::requests`].
    ///
    /// # Errors
    /// [`RestoreError`] for parts that `apply` could not have left behind.
    pub fn restore(
        position: Position,
        hosts: impl IntoIterator<Item = Host>,
        requests: impl IntoIterator<Item = RequestRow>,
    ) -> Result<Self, RestoreError> {
        if position.rendered > position.rendered_with_comments
            || position.rendered_with_comments > position.revision
        {
            return Err(RestoreError::Position);
        }
        let mut projection = Self::at(position);
        for host in hosts {
            check_host(&projection, &host)?;
            projection.insert(Arc::new(host));
        }
        for row in requests {
            check_request(&projection, &row)?;
            if projection.record(row).is_some() {
                return Err(RestoreError::TooManyRequests);
            }
        }
        Ok(projection)
    }
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
