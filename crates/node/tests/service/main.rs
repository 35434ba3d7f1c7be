//! What clients, peers and operators see of real nodes: three or one of them
//! in this process, with real files, over a network of pipes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the helpers of these tests stop them where they fail"
)]

mod bad_input;
mod clocks;
mod disks;
mod imports;
mod lessons;
mod once;
mod peers;
mod quorum;
mod reads;
mod records;
mod roles;
mod snapshots;
mod starts;
mod stops;
mod support;
mod watchers;
mod wire;
mod writes;
