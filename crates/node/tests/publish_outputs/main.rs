//! From changes of the projection to the bytes of the hosts file.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail loudly, too"
)]

mod block;
mod disk;
mod lessons;
// The machine of the store's power cuts: a mount namespace and a file system
// of its own for a test. Root only; see there.
#[path = "../../../raft-store/tests/power_cut/machine.rs"]
mod machine;
mod mounts;
mod pace;
mod readers;
mod restart;
mod support;
mod trouble;
