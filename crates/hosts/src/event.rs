//! Facts, and the changes they make together.
//!
//! An event says what became of one host, with the old value beside the new: `apply` can refuse what no longer fits,
//! and a revision can be rebuilt backwards. Others say what became of a named snapshot.

use std::sync::Arc;

use crate::address::Address;
use crate::command::{ImportCounts, RollbackCounts};
use crate::host::{Host, HostId};
use crate::label::Label;
use crate::name::{Aliases, Hostname};
use crate::snapshot::SnapshotId;
use crate::stamp::{Revision, Stamp};
use crate::text::{Comment, Tags};

/// Facts that take effect together, as one log entry, or not at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// In the order they take effect. Only their joint result has to keep the rules: a name may move from one host
    /// to another within a change.
    pub events: Vec<Event>,
    /// What the caller is answered once this is applied.
    pub reply: Reply,
    /// Versions the caller relied on. If one has moved by the time of `apply`, the change is refused.
    pub expected: Vec<Expected>,
    /// When, by whom, in answer to which request.
    pub stamp: Stamp,
}

/// A host was last changed at `version`, or this change is not what its caller meant.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Expected {
    /// The host.
    pub id: HostId,
    /// Its version before the change.
    pub version: Revision,
}

/// What became of one host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A host that was not there before.
    HostCreated {
        /// The new host.
        id: HostId,
        /// Its address.
        address: Address,
        /// Its first name.
        hostname: Hostname,
        /// Its further names.
        aliases: Aliases,
        /// Its tags.
        tags: Tags,
        /// Its comment.
        comment: Option<Comment>,
        /// Whether it is rendered.
        enabled: bool,
    },
    /// Its names lead elsewhere.
    IpAddressChanged {
        /// The host.
        id: HostId,
        /// Before.
        old: Address,
        /// After.
        new: Address,
    },
    /// Its first name is another.
    HostnameChanged {
        /// The host.
        id: HostId,
        /// Before.
        old: Hostname,
        /// After.
        new: Hostname,
    },
    /// Its further names are others, or in another order.
    AliasesModified {
        /// The host.
        id: HostId,
        /// Before.
        old: Aliases,
        /// After.
        new: Aliases,
    },
    /// Its comment was set, changed or cleared.
    CommentUpdated {
        /// The host.
        id: HostId,
        /// Before.
        old: Option<Comment>,
        /// After.
        new: Option<Comment>,
    },
    /// Its tags are others.
    TagsModified {
        /// The host.
        id: HostId,
        /// Before.
        old: Tags,
        /// After.
        new: Tags,
    },
    /// It is rendered again.
    HostEnabled {
        /// The host, disabled before.
        id: HostId,
    },
    /// It is kept, but no longer rendered.
    HostDisabled {
        /// The host, enabled before.
        id: HostId,
    },
    /// It is gone.
    HostDeleted {
        /// The host.
        id: HostId,
        /// Why.
        reason: DeleteReason,
        /// The whole record as it was.
        old: Arc<Host>,
    },
    /// A deleted host is back, with its id and the time it was created.
    HostRestored {
        /// The whole record as it was; it gets another version and the time of this change.
        host: Arc<Host>,
    },
    /// The hosts as they were before this change have an id now, by which they can be seen and restored.
    SnapshotCreated {
        /// The new snapshot.
        id: SnapshotId,
        /// What a person calls it.
        name: Option<Label>,
        /// Why it was made.
        trigger: Label,
    },
    /// A snapshot is gone.
    SnapshotDeleted {
        /// The snapshot.
        id: SnapshotId,
        /// Why.
        reason: DropReason,
    },
    /// The events of this change make the hosts what a snapshot shows.
    RolledBack {
        /// The snapshot.
        to: SnapshotId,
        /// The revision that the difference was taken at. After any other change it is another difference.
        base: Revision,
    },
}

impl Event {
    /// The host it is about, if it is about one.
    #[must_use]
    pub fn host(&self) -> Option<HostId> {
        Some(match self {
            Self::HostCreated { id, .. }
            | Self::IpAddressChanged { id, .. }
            | Self::HostnameChanged { id, .. }
            | Self::AliasesModified { id, .. }
            | Self::CommentUpdated { id, .. }
            | Self::TagsModified { id, .. }
            | Self::HostEnabled { id }
            | Self::HostDisabled { id }
            | Self::HostDeleted { id, .. } => *id,
            Self::HostRestored { host } => host.id,
            Self::SnapshotCreated { .. }
            | Self::SnapshotDeleted { .. }
            | Self::RolledBack { .. } => return None,
        })
    }
}

/// Why a host was deleted.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum DeleteReason {
    /// A caller asked for it.
    Requested,
}

/// Why a snapshot was deleted.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum DropReason {
    /// A caller asked for it.
    Requested,
    /// The leader's limits let it go: there were too many, it was too old, or all kept too much.
    Retired,
}

/// What a request is answered with once its change is applied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// The new host, as it is after the change.
    Added(HostId),
    /// The changed host, as it is after the change.
    Updated(HostId),
    /// The id of the host that is gone.
    Deleted(HostId),
    /// What became of the rows.
    Imported(ImportCounts),
    /// The new snapshot, as it is after the change.
    SnapshotCreated(SnapshotId),
    /// The id of the snapshot that is gone.
    SnapshotDeleted(SnapshotId),
    /// What it took to make the hosts those of a snapshot.
    RolledBack(RollbackCounts),
}
