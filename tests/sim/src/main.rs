//! Real nodes of router-hosts on a simulated network, clock and disk: one process, one seed.
//!
//! `sim --seed N` runs one seed and prints what came of it; `sim --seeds COUNT` runs many, each in a process of its own.

mod chance;
mod client;
mod clock;
mod entropy;
mod faults;
mod files;
mod invariants;
mod ledger;
mod machine;
mod net;
mod observe;
mod pki;
mod run;
mod runner;
mod trace;

use clap::Parser;
use serde_json::json;
use std::{error::Error, path::PathBuf, process::ExitCode, time::Duration};

/// Runs real nodes on a simulated network, clock and disk.
#[derive(Debug, Parser)]
struct Args {
    /// Runs this seed, in this process
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// With --seed: writes everything that happens to this file
    #[arg(long, requires = "seed")]
    trace: Option<PathBuf>,
    /// What the nodes log into the trace
    #[arg(long, default_value = "info")]
    log: tracing::Level,
    /// Runs so many seeds after those of seeds.txt, each in a process of its own
    #[arg(long)]
    seeds: Option<u64>,
    /// The first of them
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// How many processes at once
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Ends at the first violation
    #[arg(long)]
    stop_at_first: bool,
    /// With --seeds: begins no further one after so many minutes
    #[arg(long, requires = "seeds")]
    minutes: Option<u64>,
    /// With --seeds: adds a line to this ledger, docs/reliability/ledger.csv
    #[arg(long, requires = "seeds")]
    ledger: Option<PathBuf>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    match args.seed {
        Some(seed) => one(seed, &args),
        None => runner::many(&runner::Many {
            count: args.seeds.unwrap_or(100),
            from: args.from,
            jobs: args.jobs,
            stop_at_first: args.stop_at_first,
            within: args
                .minutes
                .map(|minutes| Duration::from_secs(60 * minutes)),
            ledger: args.ledger,
        }),
    }
}

/// Time of a processor that a seed may take; most take a second or two. In one whose tasks only wake each other, no
/// virtual time passes.
const CPU_SECONDS_MAX: u64 = 120;

/// Runs one seed; the last line is for the runner.
fn one(seed: u64, args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    entropy::take_at_most(CPU_SECONDS_MAX)?;
    // Its name is drawn again where another run has it: that is no chance of this one.
    let directory = tempfile::tempdir()?;
    trace::begin(args.trace.as_deref(), args.log, directory.path())?;
    entropy::begin(seed);
    let report = run::run(seed, directory)?;
    entropy::end();
    let (digest, lines) = trace::end()?;
    let line = json!({
        "seed": seed,
        "nodes": report.nodes,
        "virtual_ms": report.millis,
        "cpu_ms": entropy::cpu_millis(),
        "faults": report.faults,
        "operations": report.operations,
        "committed": report.committed,
        "recovered_ms": report.recovered,
        "violation": report.violation,
        "trace": digest,
        "trace_lines": lines,
    });
    println!("{line}");
    Ok(ExitCode::from(u8::from(report.violation.is_some())))
}
