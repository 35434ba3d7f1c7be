//! What reads bytes from outside, or decides by rules, as functions that take any bytes.
//!
//! Each target panics when a promise of the code under it is broken; that the input is refused is fine. The engine
//! beside this crate looks for inputs that make one panic (`just fuzz`). The corpora it has found, and every input
//! that once broke something, are run by `cargo test` as they are: see `tests/replay.rs`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a target tells by a panic"
)]

pub mod block;
pub mod certificate;
pub mod csv;
pub mod decide_apply;
pub mod exports;
pub mod hosts_file;
pub mod json;
pub mod log_segments;
mod made;
pub mod names;
pub mod node_config;
pub mod peer_messages;
pub mod query;
pub mod records;
mod same;
pub mod snapshot;
pub mod wire_messages;

/// A target by its name, which is that of its folders in `corpus` and `regressions`.
#[derive(Copy, Clone, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Takes an input; panics when a promise is broken.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("block", block::run),
    target("certificate", certificate::run),
    target("csv", csv::run),
    target("decide_apply", decide_apply::run),
    target("exports", exports::run),
    target("hosts_file", hosts_file::run),
    target("json", json::run),
    target("log_segments", log_segments::run),
    target("names", names::run),
    target("node_config", node_config::run),
    target("peer_messages", peer_messages::run),
    target("query", query::run),
    target("records", records::run),
    target("snapshot", snapshot::run),
    target("wire_messages", wire_messages::run),
];

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}
