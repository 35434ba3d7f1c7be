//! The line that many seeds add to `docs/reliability/ledger.csv`, when they are asked to.

use crate::runner::Sum;
use node::clock::{Clock as _, SystemClock};
use std::{error::Error, fs::File, io::Write as _, path::Path, process::Command};

/// Adds a line about the seeds from `first` on.
///
/// # Errors
/// There is no such ledger, it cannot be written, or git does not know the commit.
pub(crate) fn note(ledger: &Path, sum: &Sum, first: u64) -> Result<(), Box<dyn Error>> {
    let commit = Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR")])
        .args(["rev-parse", "--short", "HEAD"])
        .output()?;
    if !commit.status.success() {
        return Err(String::from_utf8_lossy(&commit.stderr).into());
    }
    let commit = String::from_utf8(commit.stdout)?;
    let now = SystemClock.now().to_string();
    let date = now.split('T').next().unwrap_or_default();
    let of = |kind: &str| sum.operations.get(kind).copied().unwrap_or_default();
    let cuts: u64 = sum
        .faults
        .iter()
        .filter(|(name, _)| name.starts_with("power_cut"))
        .map(|(_, times)| times)
        .sum();
    let line = format!(
        "{date},{},sim,{},,{cuts},{},{},{},{},,,,,just sim {} {first}\n",
        commit.trim(),
        sum.seeds,
        sum.operations.values().sum::<u64>(),
        of("acknowledged"),
        of("unknown"),
        sum.violations,
        sum.seeds,
    );
    let mut file = File::options().append(true).open(ledger)?;
    Ok(file.write_all(line.as_bytes())?)
}
