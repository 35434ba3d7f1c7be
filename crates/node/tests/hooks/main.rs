//! Hooks that are real processes, and behave badly.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may fail loudly, too"
)]

mod lab;
mod trouble;
