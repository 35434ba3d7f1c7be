//! The memory of router-hosts: Raft's log, the state, the snapshots.
//!
//! Only this crate knows sled and the files of the log; no openraft type
//! reaches the disk or the wire from here.

pub mod disk;
pub mod position;
