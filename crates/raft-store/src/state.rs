//! The state on disk: one row per host, request, named snapshot and what that
//! keeps, and the position they belong to.
//!
//! Everything here can be rebuilt from the snapshot and the log. Rows are
//! written behind the acknowledgement, and flushed only with a snapshot, with
//! every few megabytes and at the end; so the state may lag behind what was
//! applied, and openraft applies the entries in between again at the next
//! start. A state that cannot be opened or does not verify is set aside and
//! rebuilt.

mod generations;
pub(crate) mod keys;
mod load;
mod memory;
mod rows;
mod sled;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

pub(crate) use self::generations::Generations;
pub use self::generations::OpenStateError;
pub use self::load::LoadStateError;
pub use self::memory::MemoryStates;
pub use self::sled::SledStates;
pub use self::writer::StateFault;
pub(crate) use self::writer::StateWriter;

/// Where databases of rows come from: sled on a real machine, memory in a
/// simulation. All calls block.
pub trait StateStores: fmt::Debug + Send + Sync + 'static {
    /// The databases in `dir`, by name and sorted.
    fn names(&self, dir: &Path) -> Result<Vec<String>, StateError>;
    /// Opens the database at `path`, which is made if missing.
    fn open(&self, path: &Path) -> Result<Box<dyn StateStore>, StateError>;
    /// Gives a closed database another name.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), StateError>;
    /// Removes a closed database. One that is missing is fine.
    fn remove(&self, path: &Path) -> Result<(), StateError>;
}

/// An open database of rows.
pub trait StateStore: fmt::Debug + Send {
    /// Every row, in the order of keys.
    fn rows(&self) -> RowIter<'_>;
    /// Makes all writes of a batch, or none of them, and keeps them in order
    /// with other batches. They are durable after [`StateStore::sync`].
    fn write(&mut self, batch: Vec<Write>) -> Result<(), StateError>;
    /// Makes these writes one by one, in this order and with others: of what
    /// is not durable, a crash leaves the first ones. Cheaper than a batch, for
    /// who notes that more is to come.
    fn put(&mut self, writes: Vec<Write>) -> Result<(), StateError> {
        self.write(writes)
    }
    /// Makes everything written so far durable.
    fn sync(&mut self) -> Result<(), StateError>;
}

/// The rows of a database, each with its key, in the order of keys.
pub type RowIter<'a> = Box<dyn Iterator<Item = Result<(Bytes, Bytes), StateError>> + 'a>;

/// One write of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The key of the row.
    pub key: Vec<u8>,
    /// What stands there from now on; `None` removes the row.
    pub value: Option<Bytes>,
}

/// A database that cannot do what it should.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} the state {}", path.display())]
pub struct StateError {
    /// What was tried.
    pub action: &'static str,
    /// The database.
    pub path: PathBuf,
    /// What it says.
    #[source]
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}

impl StateError {
    pub(crate) fn new(
        action: &'static str,
        path: &Path,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            action,
            path: path.to_owned(),
            cause: cause.into(),
        }
    }
}
