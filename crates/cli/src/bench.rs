//! A load on a cluster, and what it does under it.
//!
//! Writers add hosts and readers read them, over a few connections that all
//! share, for a while or until Ctrl-C. Everything it adds has a name and an
//! address by which it is found and deleted again: see [`names`]. Memory does
//! not grow with the length of a run.

mod acked;
pub(crate) mod clean;
pub(crate) mod disk;
pub(crate) mod generate;
mod histogram;
pub(crate) mod names;
mod pool;
mod reader;
mod run;
mod tally;
mod targets;
mod until;
pub(crate) mod verify;
mod writer;

pub(crate) use run::{Load, run};
pub(crate) use targets::Via;

use crate::output::Latency;
use histogram::Histogram;
use std::time::Duration;

/// A histogram as a row of a report; `count` of it within `time` make the rate.
fn latency(kind: &'static str, took: &Histogram, count: u64, time: Duration) -> Latency {
    let millis = |took: Duration| took.as_micros() as f64 / 1000.0;
    Latency {
        kind,
        count: took.total(),
        per_second: match time.is_zero() {
            true => 0.0,
            false => count as f64 / time.as_secs_f64(),
        },
        p50_ms: millis(took.quantile(500)),
        p95_ms: millis(took.quantile(950)),
        p99_ms: millis(took.quantile(990)),
        max_ms: millis(took.max()),
    }
}
