//! From changes of the projection to the bytes of the hosts file.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may fail loudly, too"
)]

mod block;
mod disk;
mod pace;
mod restart;
mod support;
mod trouble;
