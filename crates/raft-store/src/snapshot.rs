//! Snapshots: the whole state as one plain file.
//!
//! ```text
//! magic | head: cluster, log id, membership, counts, digest | frames of rows | tail: rows, crc
//! ```
//!
//! Every frame has its own CRC32C and the tail one over all bytes before it,
//! so a cut, a flipped bit or a missing frame is found before a row is used.
//! A file is written under a temporary name, flushed, renamed, and its
//! directory flushed; the older one goes afterwards. A crash at any point
//! leaves the old or the new one, never half. Files are written and read in
//! frames: memory stays bounded whatever their size.

mod directory;
mod error;
mod file;
mod frame;
mod incoming;
mod reader;
mod writer;

pub(crate) use self::directory::{Current, Origin};
pub use self::directory::{OpenSnapshotsError, Snapshots};
pub use self::error::SnapshotError;
pub use self::file::SnapshotFile;
pub use self::incoming::IncomingSnapshot;
pub(crate) use self::reader::load;
