//! The memory of router-hosts: Raft's log, the state, the snapshots.
//!
//! Only this crate knows sled and the files of the log; no openraft type
//! reaches the disk or the wire from here.

mod applied;
mod aside;
mod assemble;
pub mod chain;
pub mod disk;
pub mod failpoint;
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

/// What a person can do about a data directory that has lost something: a sentence without its end. A node that goes on
/// without what it has voted for could vote twice.
pub const REMEDY: &str = "Put the data directory back as it was when the node last stopped; an \
     older copy has forgotten votes. If it is gone, begin the whole cluster anew: export the hosts \
     from another node (`router-hosts host export`), stop all nodes, give each a new, empty data \
     directory, remove the file (or the block) that each has written, start them and import";

pub use applied::Applied;
pub use assemble::AssembleError;
pub use identity::{Identity, IdentityError};
pub use log_store::LogStore;
pub use state_machine::{SnapshotBuilder, StateMachine};
pub use store::{
    Contradiction, Keeper, OpenError, Seams, Store, StoreOptions, StoreSizes, StoreStats,
};
