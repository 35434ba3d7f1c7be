//! Many seeds, each in a process of its own: progress, a summary.

use crate::ledger;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// Which seeds to run.
pub(crate) struct Many {
    pub(crate) count: u64,
    pub(crate) from: u64,
    pub(crate) jobs: usize,
    pub(crate) stop_at_first: bool,
    /// No further one is begun after this.
    pub(crate) within: Option<Duration>,
    /// Gets a line about them.
    pub(crate) ledger: Option<PathBuf>,
}

/// Seeds that once failed, beside this crate's manifest.
const KEPT: &str = "seeds.txt";

/// Runs them; the kept ones first. Fails when one did not hold, and when fewer ran than were asked for and there was
/// time.
///
/// # Errors
/// The list of kept seeds cannot be read, or the ledger cannot be written.
pub(crate) fn many(many: &Many) -> Result<ExitCode, Box<dyn Error>> {
    let kept = kept(&Path::new(env!("CARGO_MANIFEST_DIR")).join(KEPT))?;
    let fresh = many.from..many.from + many.count;
    let fresh: Vec<u64> = fresh.filter(|seed| !kept.contains(seed)).collect();
    let asked = kept.len() + fresh.len();
    let mut waiting = kept.into_iter().chain(fresh);

    let begun = Instant::now();
    let late = || many.within.is_some_and(|within| begun.elapsed() >= within);
    let mut sum = Sum::default();
    let (done, ended) = mpsc::channel();
    let mut running = 0;
    loop {
        while running < many.jobs.max(1)
            && !(many.stop_at_first && sum.violations > 0)
            && !late()
            && let Some(seed) = waiting.next()
        {
            let program = std::env::current_exe()?;
            let done = done.clone();
            thread::spawn(move || {
                let mut command = Command::new(program);
                command.args(["--seed", &seed.to_string()]);
                let ended = command.stdin(Stdio::null()).output();
                // Whoever waits may have given up.
                drop(done.send((seed, ended)));
            });
            running += 1;
        }
        if running == 0 {
            break;
        }
        let (seed, output) = ended.recv()?;
        running -= 1;
        match output {
            Ok(output) => sum.take(seed, &output),
            Err(error) => {
                sum.violations += 1;
                eprintln!("seed {seed} cannot be run: {error}");
            }
        }
    }
    println!("{}", sum.line());
    if let Some(path) = &many.ledger {
        ledger::note(path, &sum, many.from)?;
    }
    let all = sum.seeds == asked as u64 || late();
    if !all {
        eprintln!("{} of {asked} seeds ran", sum.seeds);
    }
    Ok(ExitCode::from(u8::from(sum.violations > 0 || !all)))
}

/// One seed a line; what follows a `#` says what it found.
fn kept(path: &Path) -> Result<BTreeSet<u64>, Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    let seeds = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    let seeds = seeds.filter(|seed| !seed.is_empty()).map(str::parse);
    Ok(seeds.collect::<Result<_, _>>()?)
}

/// What came of many seeds.
#[derive(Default)]
pub(crate) struct Sum {
    pub(crate) seeds: u64,
    pub(crate) violations: u64,
    committed: u64,
    millis: u64,
    cpu_millis: u64,
    recovered_most: u64,
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) operations: BTreeMap<String, u64>,
}

impl Sum {
    fn take(&mut self, seed: u64, output: &Output) {
        let text = String::from_utf8_lossy(&output.stdout);
        let report = text.lines().last().map(serde_json::from_str::<Value>);
        let Some(Ok(report)) = report else {
            self.violations += 1;
            let words = String::from_utf8_lossy(&output.stderr);
            eprintln!(
                "seed {seed} ended without a report ({}): {words}",
                output.status
            );
            again(seed);
            return;
        };
        self.seeds += 1;
        let number = |key: &str| report[key].as_u64().unwrap_or_default();
        self.committed += number("committed");
        self.millis += number("virtual_ms");
        self.cpu_millis += number("cpu_ms");
        self.recovered_most = self.recovered_most.max(number("recovered_ms"));
        add(&mut self.faults, &report["faults"]);
        add(&mut self.operations, &report["operations"]);
        if let Some(violation) = report["violation"].as_str() {
            self.violations += 1;
            eprintln!("seed {seed}: {violation}");
            again(seed);
        } else if self.seeds.is_multiple_of(20) {
            eprintln!("{} seeds, {} violations", self.seeds, self.violations);
        }
    }

    fn line(&self) -> Value {
        json!({
            "seeds": self.seeds,
            "violations": self.violations,
            "virtual_seconds": self.millis / 1000,
            "cpu_seconds": self.cpu_millis / 1000,
            "committed": self.committed,
            "recovered_ms_most": self.recovered_most,
            "faults_total": self.faults.values().sum::<u64>(),
            "operations": self.operations,
            "faults": self.faults,
        })
    }
}

fn again(seed: u64) {
    eprintln!(
        "  again: (cd tests/sim && cargo run -- --seed {seed} --trace ../../target/sim/{seed}.txt)"
    );
}

fn add(sum: &mut BTreeMap<String, u64>, counts: &Value) {
    for (key, count) in counts.as_object().into_iter().flatten() {
        *sum.entry(key.clone()).or_default() += count.as_u64().unwrap_or_default();
    }
}
