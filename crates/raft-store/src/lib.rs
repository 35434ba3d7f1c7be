//! The memory of router-hosts: Raft's log, the state, the snapshots.
//!
//! Only this crate knows sled and the files of the log; no openraft type
//! reaches the disk or the wire from here.

mod applied;
mod aside;
mod assemble;
mod chain;
pub mod disk;
mod identity;
pub mod limits;
pub mod log;
mod log_store;
mod parts;
pub mod position;
pub mod raft;
pub mod record;
pub mod snapshot;
pub mod state;
mod state_machine;
mod store;

pub use applied::Applied;
pub use assemble::AssembleError;
pub use identity::{Identity, IdentityError};
pub use log_store::LogStore;
pub use state_machine::{SnapshotBuilder, StateMachine};
pub use store::{
    Contradiction, Keeper, OpenError, Seams, Store, StoreOptions, StoreSizes, StoreStats,
};
