//! The rules of the core, asked through its public items only. `world` is the one place that drives them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy takes the helpers of these tests for code that ships"
)]

mod block;
mod enabled;
mod formats;
mod hosts_file;
mod import;
mod model;
mod query;
mod render;
mod requests;
mod restore;
mod rules;
mod snapshot_model;
mod snapshots;
mod target;
mod world;
