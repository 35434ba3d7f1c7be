//! `dev`: what may be typed, and what it means.

use super::{ended, in_one_thread};
use crate::args::Global;
use crate::dev::layout::Wishes;
use crate::dev::{self, Plan, Then};
use crate::output::{Format, Output};
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// The words of `router-hosts dev …`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  router-hosts dev --import examples/home.hosts --once
  router-hosts dev --dir lab --import home.hosts
  router-hosts dev --nodes 5 --run sh examples/failover.sh
  router-hosts dev --chaos --run sh examples/chaos.sh

A command that is run finds ROUTER_HOSTS_CONFIG, ROUTER_HOSTS_DEV and this
program in its environment; its exit status is the one of `dev`.
While `dev` runs, `router-hosts chaos` kills, restarts and pauses its nodes. With --chaos it can
also cut, delay and thin out what they say to each other, fill their disks and fail their hooks.")]
pub(crate) struct DevArgs {
    /// How many nodes, 1 to 9 [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=9))]
    nodes: Option<u8>,
    /// Keep the cluster in this directory; a second start goes on with its data [default: a
    /// temporary one, removed at a clean end]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Import a hosts file through a follower and compare the hosts files of all nodes; `-` for
    /// standard input
    #[arg(long, value_name = "FILE")]
    import: Option<PathBuf>,
    /// Let the nodes reach each other through this process, for every fault that `chaos` knows; this
    /// costs some speed, and nodes that outlive a killed `dev` lose each other
    #[arg(long)]
    chaos: bool,
    /// Ports from this one on [default: free ones]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    base_port: Option<u16>,
    /// Stop as soon as the cluster is ready, the import done and the files compared
    #[arg(long, conflicts_with = "run")]
    once: bool,
    /// Run a command when all that is done, and stop when it ends; takes the rest of the line
    #[arg(long, value_name = "CMD", num_args = 1.., allow_hyphen_values = true)]
    run: Vec<OsString>,
}

pub(super) fn run(global: &Global, args: DevArgs) -> ExitCode {
    // In a pipe too, it is people who read along, unless they say otherwise.
    let output = Output::new(global, global.format.or(Some(Format::Table)));
    match in_one_thread(dev::run(plan(args), &output)) {
        Ok(status) => ExitCode::from(status),
        Err(failure) => ended(&output, Err(failure)),
    }
}

fn plan(args: DevArgs) -> Plan {
    let DevArgs {
        nodes,
        dir,
        import,
        base_port,
        chaos,
        once,
        run,
    } = args;
    let mut words = run.into_iter();
    let then = match words.next() {
        Some(program) => Then::Run {
            program,
            args: words.collect(),
        },
        None if once => Then::Once,
        None => Then::Watch,
    };
    Plan {
        dir,
        wishes: Wishes { nodes, base_port },
        import,
        chaos,
        then,
    }
}
