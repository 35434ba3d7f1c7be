//! `docs/reliability/ledger.csv`: a line for each campaign that is asked for one with `ROUTER_HOSTS_LEDGER`.

use std::env;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use node::clock::{Clock as _, SystemClock};

/// What a campaign came to.
#[derive(Default)]
pub(crate) struct Row {
    /// The campaign.
    pub(crate) kind: &'static str,
    pub(crate) trials: usize,
    pub(crate) cuts: usize,
    pub(crate) operations: usize,
    pub(crate) acknowledged: usize,
    pub(crate) unknown: usize,
    pub(crate) violations: usize,
    pub(crate) inconclusive: usize,
    /// The longest time without an acknowledged write after each fault of a leader alone, in order.
    pub(crate) gaps: Vec<Duration>,
    /// The chance that repeats it.
    pub(crate) seed: u64,
}

/// Adds the line, if a ledger is named; its path is relative to the workspace.
pub(crate) fn note(row: &Row) {
    let Some(path) = env::var_os("ROUTER_HOSTS_LEDGER").map(PathBuf::from) else {
        return;
    };
    let Row {
        kind,
        trials,
        cuts,
        operations,
        acknowledged,
        unknown,
        violations,
        inconclusive,
        gaps,
        seed,
    } = row;
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let commit = Command::new("git")
        .args(["-C", root, "rev-parse", "--short", "HEAD"])
        .output();
    let commit = String::from_utf8(commit.unwrap().stdout).unwrap();
    let commit = commit.trim();
    let date = SystemClock.now().to_string();
    let date = date.split('T').next().unwrap();
    let seconds = |share| {
        quantile(gaps, share).map_or(String::new(), |gap| format!("{:.2}", gap.as_secs_f64()))
    };
    let (middle, most) = (seconds(50), seconds(99));
    let line = format!(
        "{date},{commit},{kind},,{trials},{cuts},{operations},{acknowledged},{unknown},{violations},{inconclusive},{middle},\
         {most},,CLUSTER_SEED={seed}\n"
    );
    let mut file = File::options()
        .append(true)
        .open(PathBuf::from(root).join(path))
        .unwrap();
    file.write_all(line.as_bytes()).unwrap();
}

/// The value that so many of a hundred do not exceed; `sorted` is in order.
pub(crate) fn quantile(sorted: &[Duration], of_hundred: usize) -> Option<Duration> {
    let last = sorted.len().checked_sub(1)?;
    sorted
        .get(
            (sorted.len() * of_hundred)
                .div_ceil(100)
                .saturating_sub(1)
                .min(last),
        )
        .copied()
}
