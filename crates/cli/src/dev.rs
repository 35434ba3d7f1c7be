//! `dev`: a whole cluster on this machine, for trying things out and for tests.
//!
//! The nodes are real: `serve` processes of this very program, each with its own directory, certificate and hosts
//! file ([`layout`], [`certificates`], [`process`]). They come up and become a cluster; what was asked for happens
//! meanwhile or after – an import, a command, a table that follows them ([`watch`]) – and `chaos` is obeyed through a
//! socket ([`control`], [`crew`]). In the end all nodes stop in good order. Nothing waits for a time: only for states,
//! with a bound.

mod certificates;
pub(crate) mod choose;
mod cluster;
pub(crate) mod control;
mod crew;
mod failure;
mod fault;
mod home;
pub(crate) mod layout;
mod leftovers;
pub(crate) mod links;
mod log;
mod nodes;
mod obstacles;
mod ports;
mod process;
mod signals;
mod start;
mod watch;

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::sleep;

use crate::exit::{Exit, Failure, reasons};
use crate::output::Output;
use cluster::Cluster;
use control::{Asked, Control};
use crew::Crew;
use failure::{end_of, refused};
use fault::Begun;
use home::Home;
use layout::{Layout, Wishes};
use process::{Down, State};
use signals::{Signals, Told};
use watch::{Watch, overview};

/// What is asked of `dev`.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where the cluster is kept; a fresh directory that is removed at a clean end, if none is named.
    pub(crate) dir: Option<PathBuf>,
    pub(crate) wishes: Wishes,
    /// A hosts file to import first; `-` is standard input.
    pub(crate) import: Option<PathBuf>,
    /// The nodes reach each other through this process, and `chaos` can do to them whatever it knows.
    pub(crate) chaos: bool,
    pub(crate) then: Then,
}

/// What happens once the cluster is ready.
#[derive(Debug)]
pub(crate) enum Then {
    /// It is shown until a signal ends it.
    Watch,
    /// The files are compared, and that is all.
    Once,
    /// A program runs, and its end is the end.
    Run {
        program: OsString,
        args: Vec<OsString>,
    },
}

/// Runs the cluster to its end. Returns the exit status.
///
/// # Errors
/// When it does not come up, or does not stop in good order. Logs and data are kept then.
pub(crate) async fn run(plan: Plan, output: &Output) -> Result<u8, Failure> {
    readable(plan.import.as_deref())?;
    let signals = Signals::listen()
        .map_err(|cause| refused(reasons::SIGNALS, "cannot listen to signals", &cause))?;
    let program = env::current_exe().map_err(|cause| {
        refused(
            reasons::PROGRAM,
            "cannot find this program to run as a node",
            &cause,
        )
    })?;
    let home = Home::take(plan.dir.as_deref())?;
    let layout = start::prepare(home.path(), plan.wishes, output).await?;
    let (nodes, links) = start::lay(&layout, plan.chaos, output).await?;
    let control = Control::listen(layout.root())?;
    layout.keep(control.path())?;

    let mut dev = Dev {
        crew: Crew {
            nodes,
            cluster: Cluster::of(&layout),
            program,
            links,
            begun: Begun::default(),
        },
        layout,
        control,
        signals,
        output,
    };
    let lived = dev.live(&plan).await;
    let stopped = dev.stop(lived.is_ok()).await;
    let ended = match (lived, stopped) {
        (Ok(0), Err(failure)) => Err(failure),
        (lived, stopped) => {
            // The first thing that went wrong is the status; the second is told all the same.
            if let Err(failure) = stopped {
                output.failure(&failure);
            }
            lived
        }
    };
    if let Some(kept) = home.leave(is_of_interest(&ended)) {
        output.note(&format!(
            "dev: logs and data are kept in {}",
            kept.display()
        ));
    }
    ended
}

/// Whether somebody will want to look at what the nodes left: after a failure, but not after a slip of the pen or
/// a signal.
fn is_of_interest(ended: &Result<u8, Failure>) -> bool {
    match ended {
        Ok(status) => *status != 0 && !Told::ALL.iter().any(|told| told.status() == *status),
        Err(failure) => failure.exit != Exit::Usage,
    }
}

/// Whether there is something to import, before anything is made or started for it.
fn readable(file: Option<&Path>) -> Result<(), Failure> {
    match file {
        // A directory can be opened, and not read.
        Some(file) if file != Path::new("-") => {
            match File::open(file).and_then(|mut file| file.read(&mut [0])) {
                Ok(_) => Ok(()),
                Err(cause) => Err(Failure::usage(format!(
                    "cannot read {}: {cause}",
                    file.display()
                ))),
            }
        }
        _ => Ok(()),
    }
}

/// A cluster, and all that can happen to it.
struct Dev<'a> {
    layout: Layout,
    crew: Crew,
    control: Control,
    signals: Signals,
    output: &'a Output,
}

/// Something that happens while the nodes run.
enum Event {
    Told(Told),
    /// The node at this place ended by itself.
    Ended(usize),
    Asked(Asked),
}

impl Dev<'_> {
    /// From the first process to the end of what was asked for. The nodes still run then.
    async fn live(&mut self, plan: &Plan) -> Result<u8, Failure> {
        let Self {
            crew,
            signals,
            layout,
            output,
            ..
        } = self;
        let copies = tokio::select! {
            up = start::come_up(crew, layout, plan, output) => up?,
            told = signals.next() => return Ok(told.status()),
        };
        if let Some(copies) = &copies {
            output.report(copies)?;
        }
        match &plan.then {
            Then::Once => Ok(0),
            Then::Run { program, args } => self.run(program, args).await,
            Then::Watch => self.watch().await,
        }
    }

    /// Runs a program beside the nodes. Its status is ours.
    async fn run(&mut self, program: &OsString, args: &[OsString]) -> Result<u8, Failure> {
        let mut child = self.command(program).args(args).spawn().map_err(|cause| {
            let what = format!("cannot run `{}`", program.display());
            refused(reasons::RUN, &what, &cause)
        })?;
        loop {
            let event = tokio::select! {
                status = child.wait() => {
                    let status = status.map_err(|cause| refused(reasons::RUN, "cannot wait for the command", &cause))?;
                    return Ok(status_of(status));
                }
                event = self.event() => event,
            };
            if let Some(told) = self.handle(event).await
                && let Some(id) = child.id()
            {
                told.pass_on(id);
            }
        }
    }

    /// A program that finds this cluster, and this very `router-hosts` first.
    fn command(&self, program: &OsString) -> Command {
        let mut command = Command::new(program);
        for name in OTHER_CLUSTERS {
            command.env_remove(name);
        }
        command
            .env("ROUTER_HOSTS_CONFIG", self.layout.client_config())
            .env("ROUTER_HOSTS_DEV", self.layout.root())
            .kill_on_drop(true);
        if let Some(path) = path_with_us(&self.crew.program) {
            command.env("PATH", path);
        }
        command
    }

    /// Shows the nodes until a signal comes.
    async fn watch(&mut self) -> Result<u8, Failure> {
        self.output.note(&format!(
            "dev: to use it: export ROUTER_HOSTS_CONFIG={} ROUTER_HOSTS_DEV={}",
            self.layout.client_config().display(),
            self.layout.root().display()
        ));
        self.output.note("dev: Ctrl-C stops all nodes");
        let mut watch = Watch::new(self.output);
        let mut rest = Duration::ZERO;
        loop {
            let cluster = self.crew.cluster.clone();
            let addresses = self.crew.nodes.addresses();
            let look = async {
                sleep(rest).await;
                match addresses.is_empty() {
                    true => None,
                    false => cluster.status(&addresses).await.ok(),
                }
            };
            let event = tokio::select! {
                seen = look => {
                    rest = INTERVAL;
                    watch.show(overview(&self.crew.nodes, seen.as_ref()))?;
                    continue;
                }
                event = self.event() => event,
            };
            if let Event::Ended(_) = event {
                watch.step_aside()?;
            }
            if self.handle(event).await.is_some() {
                watch.step_aside()?;
                return Ok(0);
            }
            rest = Duration::ZERO;
        }
    }

    /// What happens next. Nothing is lost when this is dropped before it does.
    async fn event(&mut self) -> Event {
        tokio::select! {
            told = self.signals.next() => Event::Told(told),
            place = self.crew.nodes.one_ended() => Event::Ended(place),
            asked = self.control.next() => Event::Asked(asked),
        }
    }

    /// Does what an event asks for. Returns the signal, if it was one or one came meanwhile.
    async fn handle(&mut self, event: Event) -> Option<Told> {
        match event {
            Event::Told(told) => Some(told),
            Event::Ended(place) => {
                // It stays down: whoever runs this cluster wants to know.
                if let Some(failure) = self.crew.nodes.get(place).and_then(end_of) {
                    self.output.failure(&failure);
                }
                None
            }
            Event::Asked(asked) => tokio::select! {
                answer = self.crew.obey(&asked.request) => {
                    asked.answer(&answer).await;
                    None
                }
                told = self.signals.next() => Some(told),
            },
        }
    }

    /// Stops all nodes. Those that ended by themselves are a failure too, if they were to live until now.
    async fn stop(&mut self, lived: bool) -> Result<(), Failure> {
        let mut bad = self.crew.nodes.stop().await.into_iter();
        let ended = self.crew.nodes.iter().find_map(|node| match node.state() {
            State::Down(Down::Ended(status)) => Some((node.member().name.clone(), status)),
            _ => None,
        });
        match (bad.next(), ended.filter(|_| lived)) {
            (None, None) => {
                self.output.note("dev: all nodes stopped");
                Ok(())
            }
            (None, Some((name, status))) => Err(Failure::of(
                reasons::NODE_ENDED,
                format!("{name} had ended by itself ({status})"),
            )),
            (Some(first), _) => {
                for further in bad {
                    self.output.failure(&further.into());
                }
                Err(first.into())
            }
        }
    }
}

/// `PATH` with the directory of this program first.
fn path_with_us(program: &Path) -> Option<OsString> {
    let ours = program.parent()?.to_owned();
    let others = env::var_os("PATH").unwrap_or_default();
    env::join_paths([ours].into_iter().chain(env::split_paths(&others))).ok()
}

/// The exit status of a child, as shells have it.
fn status_of(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX)
}

/// They would win over the configuration of this cluster.
const OTHER_CLUSTERS: [&str; 5] = [
    "ROUTER_HOSTS_SERVER",
    "ROUTER_HOSTS_CERT",
    "ROUTER_HOSTS_KEY",
    "ROUTER_HOSTS_CA",
    "ROUTER_HOSTS_FORMAT",
];

/// Between two looks at the cluster, for a person to follow.
const INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
