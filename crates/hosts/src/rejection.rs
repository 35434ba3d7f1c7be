//! Why a command or a change is refused. A refused change leaves no trace, and every node refuses it alike.

use std::fmt;

use thiserror::Error;

use crate::address::Address;
use crate::host::HostId;
use crate::limits::REQUESTS_MAX;
use crate::name::Hostname;
use crate::snapshot::SnapshotId;
use crate::stamp::{RequestId, Revision};

/// What stands against a command or a change.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Rejection {
    /// No host has this id.
    #[error("there is no host {id}")]
    NotFound {
        /// The id asked for.
        id: HostId,
    },
    /// A host has this id already.
    #[error("there is a host {id} already")]
    IdTaken {
        /// The id of the new host.
        id: HostId,
    },
    /// Another host holds the same address together with the same name.
    #[error("{address} {name} belongs to host {existing}")]
    Duplicate {
        /// The address.
        address: Address,
        /// The hostname or alias.
        name: Hostname,
        /// The host that holds both.
        existing: HostId,
    },
    /// The host has changed since the caller saw it.
    #[error("host {id} is at version {actual}, not {expected}")]
    VersionMismatch {
        /// The host.
        id: HostId,
        /// What the caller has seen.
        expected: Revision,
        /// What it is now.
        actual: Revision,
    },
    /// The same caller used this request id for something else.
    #[error("request id {request} was used for another request")]
    RequestReused {
        /// The id.
        request: RequestId,
    },
    /// A change for this request is applied already; its answer is in the request table.
    #[error("request {request} is applied already")]
    RequestKnown {
        /// The id.
        request: RequestId,
    },
    /// The request may have been applied and forgotten since: the table of requests no longer reaches back to when
    /// it was first sent.
    #[error(
        "the outcome is unknown: request {request} was first sent before the oldest of the {REQUESTS_MAX} changes that \
         are remembered, and may be one of those before; this time nothing was changed"
    )]
    RequestForgotten {
        /// The id.
        request: RequestId,
    },
    /// A value is no longer what the change was decided on: another change came between.
    #[error("host {id} has changed since this was decided")]
    Moved {
        /// The host.
        id: HostId,
    },
    /// No snapshot has this id.
    #[error("there is no snapshot {id}")]
    SnapshotNotFound {
        /// The id asked for.
        id: SnapshotId,
    },
    /// A snapshot has this id already, or one was made at the same revision.
    #[error("there is a snapshot {id} already")]
    SnapshotTaken {
        /// The id of the new snapshot.
        id: SnapshotId,
    },
    /// More snapshots than there may be.
    #[error("there would be more than {limit} snapshots")]
    TooManySnapshots {
        /// The most that are allowed.
        limit: usize,
    },
    /// The difference to a snapshot is another one: a change came between.
    #[error(
        "hosts have changed since revision {base}, when this was decided: they are at {current}"
    )]
    Overtaken {
        /// Where it was decided.
        base: Revision,
        /// The last accepted revision.
        current: Revision,
    },
    /// Rows of an import cannot be taken.
    #[error("{total} rows conflict{}", First(shown))]
    ImportConflicts {
        /// The first hundred, in the order of the file.
        shown: Vec<ImportConflict>,
        /// All of them.
        total: usize,
    },
    /// More rows than one import may have.
    #[error("{rows} rows are more than the {limit} of one import")]
    ImportTooLarge {
        /// How many there are.
        rows: usize,
        /// The most that are allowed.
        limit: usize,
    },
    /// More hosts than a projection may have.
    #[error("there would be more than {limit} hosts")]
    TooManyHosts {
        /// The most that are allowed.
        limit: usize,
    },
    /// More events than one change may have.
    #[error("{events} events are more than the {limit} of one change")]
    ChangeTooLarge {
        /// How many there are.
        events: usize,
        /// The most that are allowed.
        limit: usize,
    },
    /// The change is to be applied at or before a revision that is applied already.
    #[error("revision {at} is not after {current}")]
    RevisionBehind {
        /// Where it was to be applied.
        at: Revision,
        /// The last accepted revision.
        current: Revision,
    },
}

impl Rejection {
    /// A word for machines, stable across versions.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "NOT_FOUND",
            Self::IdTaken { .. } => "ID_TAKEN",
            Self::Duplicate { .. } => "DUPLICATE",
            Self::VersionMismatch { .. } => "VERSION_MISMATCH",
            Self::RequestReused { .. } => "REQUEST_REUSED",
            Self::RequestKnown { .. } => "REQUEST_KNOWN",
            Self::RequestForgotten { .. } => "OUTCOME_UNKNOWN",
            Self::Moved { .. } => "MOVED",
            Self::SnapshotNotFound { .. } => "SNAPSHOT_NOT_FOUND",
            Self::SnapshotTaken { .. } => "SNAPSHOT_TAKEN",
            Self::TooManySnapshots { .. } => "TOO_MANY_SNAPSHOTS",
            Self::Overtaken { .. } => "OVERTAKEN",
            Self::ImportConflicts { .. } => "IMPORT_CONFLICTS",
            Self::ImportTooLarge { .. } => "IMPORT_TOO_LARGE",
            Self::TooManyHosts { .. } => "TOO_MANY_HOSTS",
            Self::ChangeTooLarge { .. } => "CHANGE_TOO_LARGE",
            Self::RevisionBehind { .. } => "REVISION_BEHIND",
        }
    }
}

/// A row of an import whose address and name are taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportConflict {
    /// The row, counted from 1.
    pub row: usize,
    /// Its address.
    pub address: Address,
    /// The first of its names that is taken.
    pub name: Hostname,
    /// Who has them.
    pub held_by: Holder,
}

/// Who holds an address together with a name.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Holder {
    /// A host that was there before the import.
    Host(HostId),
    /// An earlier row of the same import, counted from 1.
    Row(usize),
}

impl fmt::Display for ImportConflict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            row,
            address,
            name,
            held_by,
        } = self;
        write!(out, "row {row}: {address} {name} belongs to ")?;
        match held_by {
            Holder::Host(id) => write!(out, "host {id}"),
            Holder::Row(row) => write!(out, "row {row}"),
        }
    }
}

/// The first conflict of a list, as the end of a sentence.
struct First<'a>(&'a [ImportConflict]);

impl fmt::Display for First<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.first() {
            Some(conflict) => write!(out, ", the first in {conflict}"),
            None => Ok(()),
        }
    }
}
