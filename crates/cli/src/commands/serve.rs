//! `serve`: runs a node until it is told to stop.
//!
//! Standard output gets one line, when the node takes calls; everything else
//! is a log line on standard error. SIGTERM and SIGINT stop it in order.

mod panics;

use crate::exit::Exit;
use node::{NodeError, Seams, api::status::chain, chaos, config::Config, telemetry};
use panics::Panics;
use std::{
    env,
    error::Error,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
    thread,
    time::Duration,
};
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
};

/// Only a person can help: the configuration or a certificate is wrong, or the data is gone (`EX_USAGE` of sysexits.h).
const BAD_CONFIGURATION: u8 = 64;

/// How long threads that are still busy when the node has ended may take: it
/// has waited for all that matters.
const LEFT_BEHIND_TIME: Duration = Duration::from_secs(1);

/// Runs the node of the configuration at `path`.
pub(crate) fn run(path: &Path) -> ExitCode {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => return fail(BAD_CONFIGURATION, &error),
    };
    if let Err(error) = telemetry::start(&config.log) {
        return fail(BAD_CONFIGURATION, &error);
    }
    let seams = match seams() {
        Ok(seams) => seams,
        Err(error) => return fail(BAD_CONFIGURATION, &error),
    };
    #[cfg(feature = "failpoints")]
    if let Err(error) = node::failpoint::watch(path.with_file_name("failpoints")) {
        return fail(Exit::Failed as u8, &error);
    }
    match live(config, seams) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(status_of(&error), &error),
    }
}

/// The real world; under `dev --chaos`, which says so in the environment, with obstacles.
fn seams() -> Result<Seams, chaos::ObstacleError> {
    let Some(dir) = env::var_os(OBSTACLES).filter(|dir| !dir.is_empty()) else {
        return Ok(Seams::real());
    };
    tracing::warn!(dir = %dir.display(), "chaos: connections take detours, and the disk may be said to be full");
    chaos::seams(Path::new(&dir))
}

/// Names the directory of `node::chaos` in a node that `dev --chaos` starts. Nobody else sets it.
pub(crate) const OBSTACLES: &str = "ROUTER_HOSTS_DEV_OBSTACLES";

/// What is wrong with the time of a certificate may be wrong with the clock, which is set a moment later: a service
/// manager is to try again. Other faults of the files wait for a person.
fn status_of(error: &Ended) -> u8 {
    match error {
        Ended::Node(error) if error.needs_a_person() => BAD_CONFIGURATION,
        Ended::Node(_) | Ended::Threads(_) | Ended::Panicked { .. } => Exit::Failed as u8,
    }
}

/// Why the node does not run, or no longer.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("cannot start threads")]
    Threads(#[source] io::Error),
    #[error(transparent)]
    Node(#[from] Box<NodeError>),
    #[error(
        "a part of the node panicked, which is a fault of the program ({said}); the node has stopped, and nothing that \
         was acknowledged is lost: start it again"
    )]
    Panicked { said: String },
}

fn live(config: Config, seams: Seams) -> Result<(), Ended> {
    // Two at least: heartbeats go on while one thread is busy with an import.
    let threads = thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 4));
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .max_blocking_threads(4)
        .enable_all()
        .build()
        .map_err(Ended::Threads)?;
    let panics = Panics::watch();
    let served: Result<(), NodeError> = runtime.block_on(async {
        let (mut terminate, mut interrupt) =
            match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
                (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
                (Err(cause), _) | (_, Err(cause)) => return Err(NodeError::Signals(cause)),
            };
        let panicked = panics.clone();
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                () = panicked.first() => {}
            }
        };
        node::serve(config, seams, stop, |serving| {
            panics.arm();
            tracing::info!(node = %serving.name, id = serving.id, address = %serving.address, "serving");
            // Whoever started the node may have closed the pipe; the log says it too.
            let _unread = writeln!(
                io::stdout(),
                "router-hosts: node {} (id {}) serves {}",
                serving.name,
                serving.id,
                serving.address
            );
        })
        .await
    });
    // What the node has left behind hangs in the disk, and ends with the process.
    runtime.shutdown_timeout(LEFT_BEHIND_TIME);
    served.map_err(|error| Ended::Node(Box::new(error)))?;
    match panics.said() {
        Some(said) => Err(Ended::Panicked { said }),
        None => Ok(()),
    }
}

/// The last line of a node that fails: what, and every cause, once.
fn fail(status: u8, error: &dyn Error) -> ExitCode {
    let line = format!("router-hosts: {}", chain(error));
    // Nowhere is left to say that standard error is closed.
    let _closed = writeln!(io::stderr(), "{line}");
    ExitCode::from(status)
}
