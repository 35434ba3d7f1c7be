//! `bench …`: what may be typed, and what it means.

use super::{ended, log, output, settings};
use crate::args::{Consistency, Global, some_time};
use crate::bench::names::{PAYLOAD_MAX, Prefix};
use crate::bench::{self, Load, Via};
use crate::client::{Client, interrupt};
use crate::exit::{Failure, reasons};
use crate::output::Output;
use clap::{Args, Subcommand};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The words of `router-hosts bench …`.
#[derive(Args, Debug)]
#[command(after_help = "\
Writers add hosts with names under .test and addresses of 198.18.0.0/15, which are free for such
use; `bench clean` deletes them again. Every hosts file of the cluster has them until then: think
before you run it on one that serves. Ctrl-C ends a run early, and it still reports.

Examples:
  router-hosts bench --for 30s --writers 32 --readers 32
  router-hosts bench --writers 1 --via leader --for 10s -f json | jq .latency
  router-hosts bench --writers 8 --for 1m --acked acked.txt
  router-hosts bench verify --acked acked.txt
  router-hosts bench clean
  router-hosts bench disk --dir /var/lib/router-hosts
  router-hosts dev --run router-hosts bench --for 5s")]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    command: Option<BenchCommand>,
    #[command(flatten)]
    load: LoadArgs,
}

/// What a load is like. Every flag is optional here, so that one that was typed
/// is told from one that was not.
#[derive(Args, Clone, PartialEq, Debug, Default)]
struct LoadArgs {
    /// Tasks that write, each one host after the other [default: 8; 0 where only readers are named]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(..=TASKS_MAX))]
    writers: Option<u16>,
    /// Tasks that read, each one host after the other, from all nodes in turn [default: 8; 0 where
    /// only writers are named]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(..=TASKS_MAX))]
    readers: Option<u16>,
    /// Bytes of comment in every host that is written, at most 1024 [default: 0]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(..=PAYLOAD_MAX as i64))]
    payload: Option<u16>,
    /// How long, such as 10s or 1h [default: 10s]
    #[arg(long = "for", value_name = "DURATION", value_parser = some_time)]
    time: Option<Duration>,
    /// Where writers go: leader, follower (each of them), all, or the name of a node; to another one
    /// when that one fails [default: all]
    #[arg(long, value_name = "NODE")]
    via: Option<Via>,
    /// Connections to every node, which the tasks share [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    connections: Option<u8>,
    /// Add at most so many hosts; then writers change the comments of those they added [default:
    /// 100000]
    #[arg(long, value_name = "N")]
    hosts: Option<u64>,
    /// How fresh reads must be [default: linearizable]
    #[arg(long, value_enum)]
    consistency: Option<Consistency>,
    /// Append a line for every host whose addition was acknowledged, for `bench verify`
    #[arg(long, value_name = "FILE")]
    acked: Option<PathBuf>,
    /// What the names of added hosts begin with [default: bench]
    #[arg(long)]
    prefix: Option<Prefix>,
}

impl BenchArgs {
    /// Whether flags of a load stand before a subcommand, to which they mean
    /// nothing.
    pub(crate) fn contradicts(&self) -> bool {
        self.command.is_some() && self.load != LoadArgs::default()
    }
}

#[derive(Subcommand, Debug)]
enum BenchCommand {
    /// Check that every acknowledged addition is there; exit with 1 and the list when one is not
    #[command(after_help = "\
Hosts that were deleted since, by `bench clean` or by anybody, count as missing.

Example:
  router-hosts bench verify --acked acked.txt")]
    Verify {
        /// What `bench --acked` wrote
        #[arg(long, value_name = "FILE")]
        acked: PathBuf,
    },
    /// Delete the hosts that runs have added
    #[command(after_help = "Example:\n  router-hosts bench clean --prefix bench")]
    Clean {
        /// The prefix of those runs
        #[arg(long, default_value_t)]
        prefix: Prefix,
    },
    /// Write a hosts file to standard output; the same for the same seed
    #[command(after_help = "\
One import takes at most 200,000 lines.

Example:
  router-hosts bench generate --lines 42531 | router-hosts host import - --wait")]
    Generate {
        /// How many hosts
        #[arg(long, value_name = "N")]
        lines: u32,
        /// Another seed, another file
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Measure what a flush of the disk costs, which no commit can be faster than
    #[command(
        after_help = "Example:\n  router-hosts bench disk --dir /var/lib/router-hosts --for 5s"
    )]
    Disk {
        /// Where: the disk of a node's data directory
        #[arg(long, default_value = ".")]
        dir: PathBuf,
        /// Bytes written before each flush; those of a small change by default
        #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1024 * 1024))]
        bytes: u32,
        /// How long
        #[arg(long = "for", value_name = "DURATION", default_value = "3s", value_parser = some_time)]
        time: Duration,
    },
}

/// Each is a call in flight; far beyond what a cluster answers at once.
const TASKS_MAX: i64 = 4096;
const TASKS: u16 = 8;
/// As long as people wait for a first answer.
const TIME: Duration = Duration::from_secs(10);
/// More than any of these networks has.
const HOSTS_MAX: u64 = 100_000;
/// A call that meets an election, and another one.
const CALL: Duration = Duration::from_secs(15);

pub(super) fn run(global: &Global, args: BenchArgs) -> ExitCode {
    log(global);
    interrupt::listen();
    let settings = settings(global);
    let output = output(global, &settings);
    let result = match &args.command {
        Some(BenchCommand::Generate { lines, seed }) => generate(*lines, *seed),
        Some(BenchCommand::Disk { dir, bytes, time }) => {
            bench::disk::run(dir, *bytes as usize, *time).and_then(|report| output.report(&report))
        }
        Some(BenchCommand::Verify { acked }) => settings
            .and_then(|settings| Client::new(&settings, global.timeout))
            .and_then(|mut client| in_threads(verify(acked, &mut client, &output))),
        Some(BenchCommand::Clean { prefix }) => settings.and_then(|settings| {
            let cleaned = in_threads(bench::clean::run(prefix, &settings, &output))?;
            output.report(&cleaned)
        }),
        None => settings.and_then(|settings| {
            let load = load(args.load, global.timeout)?;
            let report = in_threads(bench::run(&load, &settings, &output))?;
            output.report(&report)
        }),
    };
    ended(&output, result)
}

fn load(args: LoadArgs, timeout: Option<Duration>) -> Result<Load, Failure> {
    let LoadArgs {
        writers,
        readers,
        payload,
        time,
        via,
        connections,
        hosts,
        consistency,
        acked,
        prefix,
    } = args;
    let (writers, readers) = match (writers, readers) {
        (None, None) => (TASKS, TASKS),
        (writers, readers) => (writers.unwrap_or(0), readers.unwrap_or(0)),
    };
    if (writers, readers) == (0, 0) {
        return Err(Failure::usage("a load needs a writer or a reader"));
    }
    Ok(Load {
        writers: writers.into(),
        readers: readers.into(),
        payload: payload.unwrap_or(0).into(),
        time: time.unwrap_or(TIME),
        via: via.unwrap_or(Via::All),
        connections: connections.unwrap_or(1).into(),
        hosts_max: hosts.unwrap_or(HOSTS_MAX),
        consistency: consistency.unwrap_or_default().into(),
        acked,
        prefix: prefix.unwrap_or_default(),
        limit: timeout.unwrap_or(CALL),
    })
}

async fn verify(acked: &Path, client: &mut Client, output: &Output) -> Result<(), Failure> {
    let verified = bench::verify::run(acked, client).await?;
    output.report(&verified)?;
    match verified.lost.len() {
        0 => Ok(()),
        lost => Err(Failure::of(
            reasons::LOST_WRITES,
            format!("{lost} acknowledged writes are not there"),
        )),
    }
}

fn generate(lines: u32, seed: u64) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    crate::output::written(bench::generate::write(lines, seed, &mut out))
}

/// Runs a command on all cores: it waits for many things at once.
fn in_threads<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|cause| Failure::of(reasons::RUNTIME, format!("cannot start: {cause}")))?;
    runtime.block_on(command)
}
