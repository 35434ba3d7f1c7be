//! The one door between the wire and `hosts`: nothing else names both sides.
//!
//! Messages are taken apart field by field, so a new field does not compile
//! until it is handled here. What comes in is parsed into a `hosts` type or
//! refused with an [`InvalidMessage`] that names the field; what goes out
//! cannot fail.

mod host;
mod import;
mod read;
mod sink;
mod snapshot;
mod time;

use thiserror::Error;

pub use import::{ImportOptions, conflict_mode_name, file_format, import_line};
pub use read::{Consistency, Get, List, Search};
pub use sink::SinkState;
pub use snapshot::{
    CreateSnapshot, DiffSnapshot, ListSnapshots, RollBack, ShowSnapshot, difference_from_wire,
};
pub use time::{timestamp_from_wire, timestamp_to_wire};

/// Why a message is not taken: the field, and what is wrong with it.
///
/// Display names the field; the fault itself is the source, where there is
/// one, and is not repeated.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum InvalidMessage {
    /// A field that must be there is not.
    #[error("{field} is missing")]
    Missing {
        /// Its name on the wire.
        field: &'static str,
    },
    /// `id` is not a host id.
    #[error("id is not valid")]
    Id(#[source] hosts::InvalidHostId),
    /// `snapshot_id`, `from` or `to` is not the id of a snapshot.
    #[error("{field} is not valid")]
    SnapshotId {
        /// Its name on the wire.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        cause: hosts::InvalidSnapshotId,
    },
    /// `name` or `trigger` of a snapshot cannot be taken.
    #[error("{field} is not valid")]
    Label {
        /// Its name on the wire.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        cause: hosts::InvalidText,
    },
    /// `created_by` of a snapshot is not who made it.
    #[error("created_by is not valid")]
    Actor(#[source] hosts::InvalidActor),
    /// `name` is not a name.
    #[error("name is not valid")]
    Name(#[source] hosts::InvalidHostname),
    /// A host is named both ways, which may be two hosts.
    #[error("id and name cannot be given together")]
    IdAndName,
    /// A row of a bulk call names an edit session.
    #[error("edit_token cannot be given: rows are added outside of edit sessions")]
    EditToken,
    /// `ip_address` is not an address.
    #[error("ip_address is not valid")]
    Address(#[source] hosts::InvalidAddress),
    /// `hostname` is not a name.
    #[error("hostname is not valid")]
    Hostname(#[source] hosts::InvalidHostname),
    /// One of `aliases` is not a name.
    #[error("aliases[{index}] is not valid")]
    Alias {
        /// Which one, counted from 0.
        index: usize,
        /// What is wrong with it.
        #[source]
        cause: hosts::InvalidHostname,
    },
    /// More `aliases` than a host may have.
    #[error("aliases are too many")]
    Aliases(#[source] hosts::TooMany),
    /// One of `tags` is not a tag.
    #[error("tags[{index}] is not valid")]
    Tag {
        /// Which one, counted from 0.
        index: usize,
        /// What is wrong with it.
        #[source]
        cause: hosts::InvalidText,
    },
    /// More `tags` than a host may have.
    #[error("tags are too many")]
    Tags(#[source] hosts::TooMany),
    /// `comment` is not a comment.
    #[error("comment is not valid")]
    Comment(#[source] hosts::InvalidText),
    /// `version` of an entry is not a revision of this kind of cluster.
    #[error("version is not valid")]
    Version(#[source] hosts::InvalidRevision),
    /// A time before 1970, or with impossible nanoseconds.
    #[error("{field} is not a time since 1970")]
    Time {
        /// Its name on the wire.
        field: &'static str,
    },
    /// `filter` or `query` cannot be read.
    #[error("{field} cannot be read as a query")]
    Query {
        /// Its name on the wire.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        cause: hosts::InvalidQuery,
    },
    /// A number below zero where there is nothing below zero.
    #[error("{field} is {value}, and may not be below zero")]
    Negative {
        /// Its name on the wire.
        field: &'static str,
        /// What it was.
        value: i32,
    },
    /// A word or number that is none of the known ones.
    #[error("{field} is none of {known}")]
    Unknown {
        /// Its name on the wire.
        field: &'static str,
        /// The known ones, for a person.
        known: &'static str,
    },
}
