//! Facts, and the changes they make together.
//!
//! An event says what became of one host, with the old value beside the new: `apply` can refuse what no longer fits,
//! and a revision can be rebuilt backwards.

use std::sync::Arc;

use crate::address::Address;
use crate::command::ImportCounts;
use crate::host::{Host, HostId};
use crate::name::{Aliases, Hostname};
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
}

impl Event {
    /// The host it is about.
    #[must_use]
    pub const fn id(&self) -> HostId {
        match self {
            Self::HostCreated { id, .. }
            | Self::IpAddressChanged { id, .. }
            | Self::HostnameChanged { id, .. }
            | Self::AliasesModified { id, .. }
            | Self::CommentUpdated { id, .. }
            | Self::TagsModified { id, .. }
            | Self::HostEnabled { id }
            | Self::HostDisabled { id }
            | Self::HostDeleted { id, .. } => *id,
        }
    }
}

/// Why a host was deleted.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum DeleteReason {
    /// A caller asked for it.
    Requested,
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
}
