//! `assert …`: what may be typed, and how it ends.

use super::{ended, in_one_thread, log, output};
use crate::args::{Global, some_time};
use crate::assertion::junit::{self, Case, End};
use crate::assertion::{self, Assertion};
use crate::client::interrupt;
use crate::config::Settings;
use crate::exit::{Exit, Failure, chain, reasons};
use crate::output::{Asserted, Output};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The words of `router-hosts assert …`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit status: 0 it holds, 1 it does not, 5 no node answers, so nobody can say. What is different
stands in the report, one line each. Every node is asked itself, on any cluster.

A --junit file is begun by the first assertion and added to by each further one; give those that
come several times a --name. Remove it before a new run.

Examples:
  router-hosts assert converged --within 5s
  router-hosts assert equal --junit report.xml --name 'equal after the failover'
  router-hosts assert no-lost-writes acked.txt -f json")]
pub(crate) struct AssertArgs {
    /// The directory of a `dev` on this machine: its client configuration is used if no other is
    /// named, and `equal` reads its hosts files [env: ROUTER_HOSTS_DEV]
    #[arg(long, global = true)]
    dir: Option<PathBuf>,
    /// Add the outcome to this file, as JUnit XML
    #[arg(long, global = true, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// What the test is called in the JUnit file [default: the assertion]
    #[arg(long, global = true, value_name = "TEXT", requires = "junit")]
    name: Option<String>,
    #[command(subcommand)]
    wanted: Wanted,
}

#[derive(Subcommand, Debug)]
enum Wanted {
    /// All nodes reach each other, follow one leader, have the same records and have written them
    #[command(after_help = "\
While others write, nodes are never level for long: end the load first. Hooks are not looked at.

Example:
  router-hosts assert converged --within 30s")]
    Converged {
        /// Look until it holds, at the longest for so long; the look that it holds in has to begin in time
        #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = some_time)]
        within: Duration,
    },
    /// All nodes have the same records, and equal hosts files
    #[command(after_help = "\
Records are compared by their digest and files by the hash that each node gives; with --dir or
ROUTER_HOSTS_DEV also byte by byte on the disk.

Example:
  router-hosts assert equal")]
    Equal {
        /// Look until it holds, at the longest for so long [default: one look]
        #[arg(long, value_name = "DURATION", value_parser = some_time)]
        within: Option<Duration>,
    },
    /// Every write that `bench --acked` noted is there; a file without any proves nothing, and fails
    #[command(
        after_help = "Example:\n  router-hosts bench --for 10s --acked acked.txt\n  router-hosts assert no-lost-writes acked.txt"
    )]
    NoLostWrites {
        /// What `bench --acked` wrote
        file: PathBuf,
    },
}

pub(super) fn run(global: &Global, args: AssertArgs) -> ExitCode {
    log(global);
    interrupt::listen();
    let variable = |name: &str| std::env::var(name).ok();
    let local = args.dir.clone().or_else(|| {
        let dir = variable("ROUTER_HOSTS_DEV").filter(|dir| !dir.is_empty());
        dir.map(PathBuf::from)
    });
    let mut flags = global.clone();
    if flags.config.is_none() && variable("ROUTER_HOSTS_CONFIG").is_none() {
        flags.config = local.as_deref().map(|dir| dir.join("client.toml"));
    }
    let settings = Settings::load(&flags, &variable)
        .map_err(|error| Failure::of(reasons::CONFIG, chain(&error)));
    let output = output(global, &settings);
    let result = settings.and_then(|settings| {
        in_one_thread(judge(args, local.as_deref(), &settings, global, &output))
    });
    ended(&output, result)
}

async fn judge(
    args: AssertArgs,
    local: Option<&Path>,
    settings: &Settings,
    global: &Global,
    output: &Output,
) -> Result<(), Failure> {
    let AssertArgs {
        dir: _,
        junit,
        name,
        wanted,
    } = args;
    let (assertion, within) = match wanted {
        Wanted::Converged { within } => (Assertion::Converged, within),
        Wanted::Equal { within } => (Assertion::Equal, within.unwrap_or_default()),
        Wanted::NoLostWrites { file } => (Assertion::NoLostWrites(file), Duration::ZERO),
    };
    let begun = junit.as_deref().map(junit::begun).transpose()?;
    let began = Instant::now();
    let found = assertion::check(&assertion, within, local, settings, global.timeout).await;
    let judged = match &found {
        Ok(asserted) => verdict(asserted),
        Err(failure) => Err(failure.clone()),
    };
    if let (Some(path), Some(begun)) = (&junit, begun) {
        let own = assertion.to_string();
        let text = found.as_ref().map(|asserted| asserted.problems.join("\n"));
        let text = text.unwrap_or_default();
        let case = Case {
            name: name.as_deref().unwrap_or(&own),
            time: began.elapsed(),
            end: match &judged {
                Ok(()) => End::Passed,
                Err(failure) if found.is_ok() => End::Failed {
                    message: &failure.message,
                    text: &text,
                },
                // It was stopped: the next run of the job tells.
                Err(failure) if failure.exit == Exit::Interrupted => return judged,
                Err(failure) => End::Unknown {
                    message: &failure.message,
                },
            },
        };
        junit::add(path, &begun, &case)?;
    }
    if let Ok(asserted) = &found {
        output.report(asserted)?;
    }
    judged
}

fn verdict(asserted: &Asserted) -> Result<(), Failure> {
    let Asserted {
        assertion,
        problems,
        ..
    } = asserted;
    match problems.as_slice() {
        [] => Ok(()),
        [only] => Err(Failure::of(
            reasons::ASSERTION,
            format!("{assertion} does not hold: {only}"),
        )),
        [first, rest @ ..] => Err(Failure::of(
            reasons::ASSERTION,
            format!(
                "{assertion} does not hold: {first}; and {} more",
                rest.len()
            ),
        )),
    }
}
