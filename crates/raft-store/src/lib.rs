//! The memory of router-hosts: Raft's log, the state, the snapshots.
//!
//! Only this crate knows sled and the files of the log; no openraft type
//! reaches the disk or the wire from here.

mod applied;
mod assemble;
pub mod disk;
pub mod limits;
pub mod log;
pub mod position;
pub mod raft;
pub mod record;
pub mod snapshot;
mod state;

pub use applied::Applied;
pub use assemble::AssembleError;
