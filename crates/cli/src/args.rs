//! What may be typed: commands, flags and their help.
//!
//! A value that clap hands over is valid: addresses, names and tags are parsed
//! here, before anything is sent. Nothing is listed before it works.

pub(crate) mod host;
pub(crate) mod snapshot;
pub(crate) mod unreadable;

use crate::output::Format;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// The same host names on every router: edit through any node, served by all.
#[derive(Parser, Debug)]
#[command(
    name = "router-hosts",
    version,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = EXAMPLES
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  router-hosts host add --ip 10.0.0.7 --hostname nas.lan --alias files.lan
  router-hosts host list --filter tag:lab
  router-hosts host import home.hosts --conflict skip
  router-hosts snapshot create --name 'before the move'
  router-hosts cluster status

Flags win over the environment, the environment over the file.
Exit status: 0 done, 1 failed, 2 invalid input, 3 conflict, 4 not found,
5 unavailable, 6 not permitted or TLS refused, 7 outcome unknown,
130 interrupted, 64 bad configuration, or the data is gone (serve only).";

/// Flags that every command takes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Nodes to try, in order; the next one when one is down [env: ROUTER_HOSTS_SERVER]
    #[arg(
        short,
        long,
        global = true,
        value_name = "HOST:PORT,…",
        value_delimiter = ','
    )]
    pub(crate) server: Vec<String>,
    /// Client certificate, PEM [env: ROUTER_HOSTS_CERT]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,
    /// Key of the client certificate, PEM [env: ROUTER_HOSTS_KEY]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// CA that signed the nodes' certificates, PEM [env: ROUTER_HOSTS_CA]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Client configuration [env: ROUTER_HOSTS_CONFIG] [default: $XDG_CONFIG_HOME/router-hosts/client.toml]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Output format [env: ROUTER_HOSTS_FORMAT] [default: table on a terminal, json in a pipe]
    #[arg(short, long, global = true, value_enum)]
    pub(crate) format: Option<Format>,
    /// Give up after this long, such as 500ms or 1m [default: by command; none for an import]
    #[arg(long, global = true, value_name = "DURATION", value_parser = some_time)]
    pub(crate) timeout: Option<Duration>,
    /// Only errors on standard error
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say what is tried; twice for more [env: RUST_LOG]
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// No colours, on a terminal either [env: NO_COLOR]
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

/// The commands. Those that run a node or a cluster are for the feature
/// `node` only.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run a node of a cluster
    #[cfg(feature = "node")]
    #[command(after_help = "Example:\n  router-hosts serve --config /etc/router-hosts/node.toml")]
    Serve {
        /// Configuration of the node (not of the client)
        #[arg(id = "config", long, short, value_name = "FILE")]
        config: PathBuf,
    },
    /// A whole cluster on this machine, of real nodes with an own CA
    #[cfg(feature = "node")]
    Dev(crate::commands::dev::DevArgs),
    /// Faults in the nodes of a running `dev`, and in the links between them
    #[cfg(feature = "node")]
    Chaos(crate::commands::chaos::ChaosArgs),
    /// Host records
    #[command(
        subcommand,
        after_help = "Examples:
  router-hosts host add --ip 10.0.0.7 --hostname nas.lan
  router-hosts host list --filter tag:lab"
    )]
    Host(Box<host::Host>),
    /// The hosts as they were: keep, show, compare and restore them
    #[command(
        subcommand,
        after_help = "Examples:
  router-hosts snapshot create --name 'before the move'
  router-hosts snapshot list"
    )]
    Snapshot(Box<snapshot::Snapshot>),
    /// The cluster itself
    #[command(subcommand, after_help = "Example:\n  router-hosts cluster status")]
    Cluster(Cluster),
    /// The configuration of this client
    #[command(subcommand, after_help = "Example:\n  router-hosts config show")]
    Config(Config),
    /// Load on a cluster, and what it does under it
    Bench(Box<crate::commands::bench::BenchArgs>),
    /// What a test wants to be true of a cluster, with an exit status
    Assert(crate::commands::assert::AssertArgs),
    /// Completion for a shell, on standard output
    #[command(
        after_help = "Example:\n  router-hosts completion bash > ~/.local/share/bash-completion/completions/router-hosts"
    )]
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Manual pages, one for every command
    #[command(after_help = "Examples:
  router-hosts man ~/.local/share/man/man1
  router-hosts man pages && man -l pages/router-hosts-host-add.1")]
    Man {
        /// The directory to write them to; it is made if it is missing
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

const STATUS_HELP: &str = "\
Exits with 0 whenever a node answers, whatever the verdict is. In JSON it is
`verdict`: healthy, degraded, no quorum or unknown. While all nodes answer
and none leads yet it is `no quorum`, too, which a table calls `no leader yet`.

Example:
  router-hosts cluster status -f json | jq -r .verdict";

#[derive(Subcommand, Debug)]
pub(crate) enum Cluster {
    /// Every node as the answering node sees it, and a verdict
    #[command(after_help = STATUS_HELP)]
    Status,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Config {
    /// The settings in effect, and where each comes from
    #[command(after_help = "Example:\n  router-hosts config show --server attic.lan:50051")]
    Show,
    /// Whether settings, certificate, key and CA can be used; nothing is sent
    #[cfg_attr(
        feature = "node",
        command(after_help = "Examples:
  router-hosts config check
  router-hosts config check --node /etc/router-hosts/node.toml")
    )]
    #[cfg_attr(
        not(feature = "node"),
        command(after_help = "Example:\n  router-hosts config check")
    )]
    Check {
        /// Check this configuration of a node instead
        #[cfg(feature = "node")]
        #[arg(long, value_name = "FILE")]
        node: Option<PathBuf>,
    },
}

/// How fresh a read must be.
#[derive(ValueEnum, Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Consistency {
    /// Sees every acknowledged write
    #[default]
    Linearizable,
    /// What the asked node has, at once
    Local,
}

impl From<Consistency> for proto::convert::Consistency {
    fn from(typed: Consistency) -> Self {
        match typed {
            Consistency::Linearizable => Self::Linearizable,
            Consistency::Local => Self::Local,
        }
    }
}

/// A duration that something can happen in.
pub(crate) fn some_time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("nothing can be done in no time".to_owned()),
        Ok(time) => Ok(time),
        Err(cause) => Err(format!("{cause}: write it as 500ms, 30s or 5m")),
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod vocabulary;
