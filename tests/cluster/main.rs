//! Real processes, real faults: clusters that `router-hosts dev` runs, used and broken as people use and break them.
//!
//! Nothing here knows the inside of a node: what is looked at is what the command line says and what the hosts files
//! hold. A test waits for a state, with a bound, and never for a time. One that fails prints its seed and the end of
//! every node's log; `CLUSTER_SEED` runs it again with the same chance.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod assertion;
mod certificates;
mod chaos;
mod damage;
mod dev;
mod disk;
#[cfg(feature = "failpoints")]
mod failpoints;
mod flood;
mod formats;
mod hooks;
mod kill;
mod large;
mod pause;
mod power;
mod quorum;
mod resolver;
mod snapshot;
mod start;
mod stop;
mod support;
mod trouble;
mod write;
