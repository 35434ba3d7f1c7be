//! `dev`: a whole cluster on this machine, for trying things out and for tests.
//!
//! The nodes are real: `serve` processes of this very program, each with its own directory, certificate and hosts
//! file ([`layout`], [`certificates`], [`nodes`]). They come up and become a cluster; what was asked for happens
//! meanwhile or after – an import, a command, a table that follows them ([`watch`]) – and `chaos` is obeyed through a
//! socket ([`control`], [`crew`]). In the end all nodes stop in good order. Nothing waits for a time: only for states,
//! with a bound.

mod certificates;
pub(crate) mod choose;
mod cluster;
pub(crate) mod control;
mod crew;
pub(crate) mod layout;
mod leftovers;
mod log;
mod nodes;
mod ports;
mod signals;
mod watch;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs, io};

use node::clock::{Clock, SystemClock};
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::sleep;

use crate::exit::{Exit, Failure, chain};
use crate::output::{Copies, Output};
use cluster::Cluster;
use control::{Asked, Control};
use crew::Crew;
use layout::{Layout, LayoutError, Lock, Member, Opened, Wishes};
use nodes::{Down, Node, NodeError, Nodes, State};
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
    let signals =
        Signals::listen().map_err(|cause| failed("SIGNALS", "cannot listen to signals", &cause))?;
    let home = Home::open(plan.dir.as_deref())?;
    let layout = prepare(home.path(), plan.wishes, output).await?;
    let control = Control::listen(layout.root())
        .map_err(|error| Failure::new(Exit::Failed, "CONTROL", chain(&error)))?;
    layout.keep(control.path()).map_err(refused)?;
    let program = env::current_exe().map_err(|cause| {
        failed(
            "PROGRAM",
            "cannot find this program to start it as a node",
            &cause,
        )
    })?;

    let mut dev = Dev {
        crew: Crew {
            nodes: Nodes::new(&layout),
            cluster: Cluster::of(&layout),
            program,
        },
        layout,
        control,
        signals,
        output,
    };
    let lived = dev.live(&plan).await;
    let stopped = dev.stop(lived.is_ok()).await;
    let clean = matches!(lived, Ok(0)) && stopped.is_ok();
    home.leave(clean, output);
    match (lived, stopped) {
        (Ok(0), Err(failure)) => Err(failure),
        // The first thing that went wrong is the status; the second is told all the same.
        (lived, Err(failure)) => {
            output.failure(&failure);
            lived
        }
        (lived, Ok(())) => lived,
    }
}

/// The directory of the cluster, which nobody else has.
struct Home {
    path: PathBuf,
    temporary: Option<TempDir>,
    _lock: Lock,
}

impl Home {
    fn open(dir: Option<&Path>) -> Result<Self, Failure> {
        let unusable = |cause| {
            failed(
                "DIRECTORY",
                "cannot make a directory for the cluster",
                &cause,
            )
        };
        let (path, temporary) = match dir {
            Some(dir) => (dir.to_owned(), None),
            None => {
                let made = tempfile::Builder::new()
                    .prefix("router-hosts-dev-")
                    .tempdir();
                let made = made.map_err(unusable)?;
                (made.path().to_owned(), Some(made))
            }
        };
        let lock = Lock::take(&path).map_err(refused)?;
        Ok(Self {
            // The nodes are given absolute paths, and other processes have other working directories.
            path: fs::canonicalize(path).map_err(unusable)?,
            temporary,
            _lock: lock,
        })
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn leave(self, clean: bool, output: &Output) {
        if let Some(temporary) = self.temporary
            && !clean
        {
            let path = temporary.keep();
            output.note(&format!(
                "dev: logs and data are kept in {}",
                path.display()
            ));
        }
    }
}

/// Everything that is there before the first process: files, ports, certificates.
async fn prepare(root: &Path, wishes: Wishes, output: &Output) -> Result<Layout, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let layout = match Layout::open(root, wishes, &*clock).map_err(refused)? {
        Opened::New(layout) => {
            let count = layout.members().len();
            output.note(&format!(
                "dev: a new cluster of {count} in {}",
                root.display()
            ));
            layout
        }
        Opened::Again(layout) => {
            output.note(&format!("dev: the cluster in {} goes on", root.display()));
            layout
        }
    };
    for name in leftovers::stop(&layout).await {
        output.note(&format!(
            "dev: stopped {name}, which an earlier `dev` had left running"
        ));
    }
    let issued = certificates::ensure(&layout, &clock)
        .map_err(|error| Failure::new(Exit::Failed, "CERTIFICATES", chain(&error)))?;
    if !issued.is_empty() {
        output.note(&format!(
            "dev: issued certificates to {}",
            issued.join(", ")
        ));
    }
    Ok(layout)
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
            up = come_up(crew, layout, plan, output) => up?,
            told = signals.next() => return Ok(told.status()),
        };
        if let Some(copies) = &copies {
            output.report(copies)?;
        }
        match &plan.then {
            Then::Once => once(copies.as_ref()),
            Then::Run { program, args } => self.run(program, args).await,
            Then::Watch => self.watch().await,
        }
    }

    /// Runs a program beside the nodes. Its status is ours.
    async fn run(&mut self, program: &OsString, args: &[OsString]) -> Result<u8, Failure> {
        let mut child = self.command(program).args(args).spawn().map_err(|cause| {
            let what = format!("cannot run `{}`", program.display());
            failed("RUN", &what, &cause)
        })?;
        loop {
            let event = tokio::select! {
                status = child.wait() => {
                    let status = status.map_err(|cause| failed("RUN", "cannot wait for the command", &cause))?;
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
            (None, Some((name, status))) => Err(Failure::new(
                Exit::Failed,
                "NODE_ENDED",
                format!("{name} had ended by itself ({status})"),
            )),
            (Some(first), _) => {
                for further in bad {
                    self.output.failure(&of_node(further));
                }
                Err(of_node(first))
            }
        }
    }
}

/// Starts the nodes and settles them. A node that ends meanwhile ends it all.
async fn come_up(
    crew: &mut Crew,
    layout: &Layout,
    plan: &Plan,
    output: &Output,
) -> Result<Option<Copies>, Failure> {
    let Crew {
        nodes,
        cluster,
        program,
    } = crew;
    nodes.start(program).await.map_err(of_node)?;
    for Member { name, address, .. } in layout.members() {
        output.note(&format!("dev: {name} serves {address}"));
    }
    tokio::select! {
        settled = settle(cluster, program, layout, plan, output) => settled,
        place = nodes.one_ended() => {
            let end = nodes.get(place).and_then(end_of);
            Err(end.unwrap_or_else(|| Failure::new(Exit::Failed, "NODE_ENDED", "a node ended by itself")))
        }
    }
}

/// Waits until the nodes are a cluster, and imports what there is to import. Returns the files of the nodes, where the
/// plan is about files.
async fn settle(
    cluster: &Cluster,
    program: &Path,
    layout: &Layout,
    plan: &Plan,
    output: &Output,
) -> Result<Option<Copies>, Failure> {
    let status = cluster.until_ready(layout).await?;
    let leader = cluster::leader(&status);
    if let Some(leader) = leader {
        output.note(&format!(
            "dev: {} leads in term {}",
            leader.name, leader.term
        ));
    }
    if let Some(file) = &plan.import {
        // A follower, so that the way over the leader is taken too; an only node is the leader.
        let mut members = layout.members().iter();
        let follower = members.find(|member| Some(member.id) != leader.map(|leader| leader.id));
        if let Some(through) = follower.or(layout.members().first()) {
            output.note(&format!(
                "dev: importing {} through {}",
                file.display(),
                through.name
            ));
            import(program, layout, &through.address, file).await?;
        }
    }
    if plan.import.is_none() && !matches!(plan.then, Then::Once) {
        return Ok(None);
    }
    let copies = Copies::of(cluster.until_published(layout).await?);
    if plan.import.is_some() && !copies.equal {
        output.report(&copies)?;
        return Err(unequal(&copies));
    }
    Ok(Some(copies))
}

/// `host import` as anybody would type it. What it says goes to standard error: the report is ours.
async fn import(program: &Path, layout: &Layout, server: &str, file: &Path) -> Result<(), Failure> {
    let cannot = |cause| failed("IMPORT", "cannot run the import", &cause);
    let stderr = io::stderr().as_fd().try_clone_to_owned().map_err(cannot)?;
    let mut command = Command::new(program);
    for name in OTHER_CLUSTERS {
        command.env_remove(name);
    }
    let status = command
        .arg("--config")
        .arg(layout.client_config())
        .args(["--server", server, "--format", "table"])
        .args(["host", "import", "--wait=published", "--"])
        .arg(file)
        .stdout(Stdio::from(stderr))
        .kill_on_drop(true)
        .status()
        .await
        .map_err(cannot)?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Failed,
        "IMPORT",
        format!("{} was not imported ({status})", file.display()),
    ))
}

/// The status of `--once`: files that are not equal are a failure, and no files at all are none.
fn once(copies: Option<&Copies>) -> Result<u8, Failure> {
    match copies {
        Some(copies) if !copies.equal && copies.files.iter().any(|copy| copy.sha256.is_some()) => {
            Err(unequal(copies))
        }
        _ => Ok(0),
    }
}

fn unequal(copies: &Copies) -> Failure {
    Failure::new(Exit::Failed, "NOT_EQUAL", copies.verdict())
}

/// How a node ended that nobody ended, if it did.
fn end_of(node: &Node) -> Option<Failure> {
    let State::Down(Down::Ended(status)) = node.state() else {
        return None;
    };
    let (name, log, tail) = (&node.member().name, node.log(), log::tail(&node.log()));
    let log = log.display();
    let message = format!("{name} ended by itself ({status}); the end of {log}:\n{tail}");
    let hint = format!("`router-hosts chaos restart {name}` starts it again while `dev` runs");
    Some(Failure::new(Exit::Failed, "NODE_ENDED", message).hint(hint))
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

fn refused(error: LayoutError) -> Failure {
    let (exit, reason, hint) = match &error {
        LayoutError::Foreign { .. } => (
            Exit::Usage,
            "DIRECTORY",
            Some("name a new or an empty one with --dir"),
        ),
        LayoutError::Locked { .. } => (
            Exit::Conflict,
            "LOCKED",
            Some("stop it first, or name another directory with --dir"),
        ),
        LayoutError::Other { .. } => (
            Exit::Usage,
            "OTHER_CLUSTER",
            Some(
                "leave --nodes and --base-port out to go on with it, or name another directory with --dir",
            ),
        ),
        LayoutError::Port(_) => (
            Exit::Failed,
            "PORT",
            Some("choose other ports with --base-port"),
        ),
        LayoutError::Malformed { .. } => (
            Exit::Failed,
            "MALFORMED",
            Some("name another directory with --dir"),
        ),
        LayoutError::Directory { .. } | LayoutError::Read { .. } | LayoutError::Write(_) => {
            (Exit::Failed, "DIRECTORY", None)
        }
    };
    let failure = Failure::new(exit, reason, chain(&error));
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn of_node(error: NodeError) -> Failure {
    Failure::new(Exit::Failed, "NODE", chain(&error))
}

fn failed(reason: &'static str, what: &str, cause: &io::Error) -> Failure {
    Failure::new(Exit::Failed, reason, format!("{what}: {cause}"))
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
