//! The commands: from arguments to calls, and from answers to reports.

pub(crate) mod assert;
pub(crate) mod bench;
#[cfg(feature = "node")]
pub(crate) mod chaos;
mod cluster;
mod completion;
mod config;
#[cfg(feature = "node")]
pub(crate) mod dev;
mod host;
mod man;
#[cfg(feature = "node")]
pub(crate) mod serve;
mod snapshot;
mod wait;

use crate::args::{Cli, Command, Global};
use crate::client::{Client, interrupt};
use crate::config::Settings;
use crate::exit::{Failure, chain, reasons};
use crate::output::Output;
use hosts::RequestId;
use std::io;
use std::process::ExitCode;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Runs the command and says how it ended.
pub(crate) fn run(Cli { global, command }: Cli) -> ExitCode {
    match command {
        // What runs a node logs and ends in its own way.
        #[cfg(feature = "node")]
        Command::Serve { config } => serve::run(&config),
        #[cfg(feature = "node")]
        Command::Dev(args) => dev::run(&global, args),
        #[cfg(feature = "node")]
        Command::Chaos(args) => chaos::run(&global, args),
        Command::Assert(args) => assert::run(&global, args),
        Command::Bench(args) => bench::run(&global, *args),
        Command::Completion { shell } => {
            ended(&Output::new(&global, global.format), completion::run(shell))
        }
        Command::Man { directory } => {
            let output = Output::new(&global, global.format);
            ended(&output, man::run(&directory, &output))
        }
        Command::Config(command) => {
            let settings = settings(&global);
            let output = output(&global, &settings);
            ended(
                &output,
                settings.and_then(|settings| config::run(&command, &settings, &output)),
            )
        }
        Command::Host(command) => with_client(&global, async |client, output| {
            host::run(*command, client, output).await
        }),
        Command::Snapshot(command) => with_client(&global, async |client, output| {
            snapshot::run(*command, client, output).await
        }),
        Command::Cluster(command) => with_client(&global, async |client, output| {
            cluster::run(&command, client, output).await
        }),
    }
}

/// Runs a command that talks to a cluster.
fn with_client(
    global: &Global,
    command: impl AsyncFnOnce(&mut Client, &Output) -> Result<(), Failure>,
) -> ExitCode {
    log(global);
    interrupt::listen();
    let settings = settings(global);
    let output = output(global, &settings);
    let result = settings
        .and_then(|settings| Client::new(&settings, global.timeout))
        .and_then(|mut client| in_one_thread(command(&mut client, &output)));
    ended(&output, result)
}

/// Runs a command to its end. One thread: it waits for one thing at a time.
fn in_one_thread<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| Failure::of(reasons::RUNTIME, format!("cannot start: {cause}")))?;
    runtime.block_on(command)
}

fn ended(output: &Output, result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn settings(global: &Global) -> Result<Settings, Failure> {
    Settings::load(global, &|name| std::env::var(name).ok())
        .map_err(|error| Failure::of(reasons::CONFIG, chain(&error)))
}

/// The output for these settings, or for the flags alone where the settings
/// are what is wrong.
fn output(global: &Global, settings: &Result<Settings, Failure>) -> Output {
    let configured = match settings {
        Ok(settings) => settings.format.value,
        Err(_) => global.format,
    };
    Output::new(global, configured)
}

/// Sends what is tried to standard error: `RUST_LOG` decides, else `-v`.
fn log(global: &Global) {
    let usual = match global.verbose {
        0 => Targets::new(),
        1 => Targets::new().with_target("router_hosts", Level::INFO),
        2 => Targets::new().with_target("router_hosts", Level::DEBUG),
        _ => Targets::new().with_default(Level::DEBUG),
    };
    // Every Rust program of a shell sees the variable: one that is absent, or
    // no filter here, is no reason to refuse a command.
    let asked = std::env::var("RUST_LOG").ok();
    let filter = asked.and_then(|asked| asked.parse().ok());
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .log_internal_errors(false)
        .with_ansi(false)
        .without_time()
        .with_target(false);
    // Only a second start could fail, and there is none.
    tracing_subscriber::registry()
        .with(lines)
        .with(filter.unwrap_or(usual))
        .try_init()
        .ok();
}

/// The id of a request: as typed, else 128 random bits.
fn request_id(typed: Option<&RequestId>) -> Result<RequestId, Failure> {
    if let Some(typed) = typed {
        return Ok(typed.clone());
    }
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|cause| {
        Failure::of(
            reasons::RANDOM,
            format!("cannot draw a request id: {cause}"),
        )
    })?;
    RequestId::parse(&format!("{:032x}", u128::from_be_bytes(bits))).map_err(Failure::usage)
}
