//! The client as it is used: the real binary, over real TLS, against small
//! servers that answer as nodes do, or as nodes do on a bad day.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests, which say what was not run"
)]

mod bad_input;
mod bench;
mod commands;
mod failover;
mod import;
mod node;
mod pki;
mod run;
mod snapshots;
mod tls;
