//! The line that a campaign adds to `docs/reliability/ledger.csv`, when it is asked to.

use std::env;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use node::clock::{Clock as _, SystemClock};

use crate::campaign::Campaign;

/// The file; relative to the workspace.
const FILE: &str = "ROUTER_HOSTS_LEDGER";

/// Adds a line for these trials, if a ledger is named.
pub(crate) fn note(campaign: &Campaign) {
    let Some(path) = env::var_os(FILE).map(PathBuf::from) else {
        return;
    };
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let commit = Command::new("git")
        .args(["-C", root, "rev-parse", "--short", "HEAD"])
        .output();
    let commit = String::from_utf8(commit.unwrap().stdout).unwrap();
    let date = SystemClock.now().to_string();
    let date = date.split('T').next().unwrap();
    let gaps = campaign.failovers();
    let seconds = |share| {
        quantile(&gaps, share).map_or(String::new(), |gap| format!("{:.2}", gap.as_secs_f64()))
    };
    let line = format!(
        "{date},{},trials,,{},{},{},{},{},{},{},{},{},,CLUSTER_SEED={}\n",
        commit.trim(),
        campaign.trials,
        campaign.cuts,
        campaign.operations,
        campaign.acknowledged,
        campaign.unknown,
        campaign.violations,
        campaign.inconclusive,
        seconds(50),
        seconds(99),
        campaign.seed,
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
