//! The meaning of router-hosts: hosts, the changes made to them, and the projection they add up to.
//!
//! Pure: values in, values out. Nothing here reads a clock, a file, a socket or chance, and nothing iterates in an
//! order that could differ between two nodes. Time, ids and names of callers arrive in a [`Stamp`], read once by the
//! leader; equal changes therefore give equal projections, and equal projections render equal bytes.
//!
//! ```text
//! Command ── decide ──► Change ── apply ──► Projection ── render ──► bytes of the hosts file
//! ```
#![forbid(unsafe_code)]

mod actor;
mod address;
mod command;
mod decide;
mod digest;
mod event;
pub mod format;
mod host;
mod import;
mod label;
pub mod limits;
mod name;
mod plan;
mod projection;
mod query;
mod rejection;
mod requests;
mod restore;
mod retention;
mod rollback;
mod row;
mod snapshot;
mod stamp;
mod target;
mod text;
mod time;
mod ulid;
mod view;

pub use actor::{Actor, ActorName, InvalidActor, InvalidRole, Role};
pub use address::{Address, InvalidAddress};
pub use command::{
    Answer, Command, ConflictMode, Decision, HostPatch, ImportCounts, LeftOut, NewHost, Outcome,
    RollbackCounts, SnapshotMade,
};
pub use decide::{decide, decide_within};
pub use digest::{Digest, Fingerprint};
pub use event::{Change, DeleteReason, DropReason, Event, Expected, Reply};
pub use host::{Host, HostId, InvalidHostId};
pub use label::Label;
pub use name::{Aliases, Hostname, HostnameFault, InvalidHostname};
pub use projection::{Applied, Position, Projection};
pub use query::{InvalidQuery, Query};
pub use rejection::{Holder, ImportConflict, Rejection};
pub use requests::RequestRow;
pub use restore::RestoreError;
pub use retention::Retention;
pub use row::{OldRow, Row, RowKey};
pub use snapshot::{Difference, InvalidSnapshotId, Point, Snapshot, SnapshotId};
pub use stamp::{InvalidRequestId, InvalidRevision, RequestId, Revision, Stamp};
pub use target::{HostRef, NoTarget, Target};
pub use text::{Comment, InvalidText, Tag, Tags, TextFault, TooMany};
pub use time::Timestamp;
pub use view::View;
