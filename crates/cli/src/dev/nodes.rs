//! The nodes of a `dev` cluster: real `serve` processes, watched, signalled and stopped.
//!
//! Each node has its own process group, so a Ctrl-C on the terminal reaches `dev` alone, which then stops them in
//! order. What a node writes goes to its log. Nothing here restarts a node by itself: whoever asked for a fault sees
//! it. Children that are left when this is dropped are killed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures::future::{join_all, pending, select_all};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::layout::{Layout, Member};
use super::log;

/// All nodes of the cluster, in the order of their ids.
#[derive(Debug)]
pub(crate) struct Nodes {
    list: Vec<Node>,
}

/// One node, up or down.
#[derive(Debug)]
pub(crate) struct Node {
    member: Member,
    dir: PathBuf,
    life: Life,
}

#[derive(Debug)]
enum Life {
    Up(Box<Process>),
    Down(Down),
}

/// A process that was started and not yet seen to end.
#[derive(Debug)]
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    paused: bool,
}

/// Why a node does not run.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Down {
    /// Not yet started.
    New,
    /// By `dev`, with SIGTERM.
    Stopped,
    /// By `chaos kill`.
    Killed,
    /// By itself.
    Ended(ExitStatus),
}

/// What a node does, for people and scripts.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Running,
    Paused,
    Down(Down),
}

impl State {
    /// One word, stable for scripts.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Down(Down::New) => "new",
            Self::Down(Down::Stopped) => "stopped",
            Self::Down(Down::Killed) => "killed",
            Self::Down(Down::Ended(_)) => "ended",
        }
    }

    /// As the end of a sentence about the node.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::Running => "runs",
            Self::Paused => "is paused",
            Self::Down(Down::New) => "was not started yet",
            Self::Down(Down::Stopped) => "was stopped",
            Self::Down(Down::Killed) => "was killed",
            Self::Down(Down::Ended(_)) => "ended by itself",
        }
    }
}

/// A node does not do what it was told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    #[error("cannot start {name}")]
    Start {
        name: String,
        #[source]
        cause: io::Error,
    },
    /// It ended before it served.
    #[error("{name} ended at its start ({status}); the end of {log}:\n{tail}")]
    Early {
        name: String,
        status: ExitStatus,
        log: PathBuf,
        tail: String,
    },
    #[error("{name} did not serve within {} s; the end of {log}:\n{tail}", SERVE_LIMIT.as_secs())]
    Silent {
        name: String,
        log: PathBuf,
        tail: String,
    },
    #[error("cannot send {signal} to {name}")]
    Signal {
        name: String,
        signal: &'static str,
        #[source]
        cause: io::Error,
    },
    #[error("cannot wait for the end of {name}")]
    Wait {
        name: String,
        #[source]
        cause: io::Error,
    },
    /// It was told to stop and did not do so in good order.
    #[error("{name} did not stop cleanly ({how}); the end of {log}:\n{tail}")]
    Unclean {
        name: String,
        how: String,
        log: PathBuf,
        tail: String,
    },
}

impl Nodes {
    /// The nodes of `layout`, none of them started.
    pub(crate) fn new(layout: &Layout) -> Self {
        let list = layout.members().iter().map(|member| Node {
            member: member.clone(),
            dir: layout.node(member),
            life: Life::Down(Down::New),
        });
        Self {
            list: list.collect(),
        }
    }

    /// Starts all nodes and waits until each of them serves.
    pub(crate) async fn start(&mut self, program: &Path) -> Result<(), NodeError> {
        for node in &mut self.list {
            node.start(program)?;
        }
        for node in &mut self.list {
            node.until_serves().await?;
        }
        Ok(())
    }

    /// Stops all nodes that run, all at once. Returns what did not end in good order.
    pub(crate) async fn stop(&mut self) -> Vec<NodeError> {
        let ends = join_all(self.list.iter_mut().map(Node::stop)).await;
        ends.into_iter().filter_map(Result::err).collect()
    }

    /// Waits until a node ends that nobody ended; gives its place. Forever, if none runs.
    pub(crate) async fn one_ended(&mut self) -> usize {
        let ends: Vec<_> = self
            .list
            .iter_mut()
            .enumerate()
            .filter(|(_, node)| matches!(node.life, Life::Up(_)))
            .map(|(place, node)| {
                Box::pin(async move {
                    node.ended().await;
                    place
                })
            })
            .collect();
        if ends.is_empty() {
            return pending().await;
        }
        select_all(ends).await.0
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Node> {
        self.list.iter()
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Node> {
        self.list.get(place)
    }

    /// The nodes at these places.
    pub(crate) fn at<'a>(&'a mut self, places: &'a [usize]) -> impl Iterator<Item = &'a mut Node> {
        let places = self
            .list
            .iter_mut()
            .enumerate()
            .filter(|(place, _)| places.contains(place));
        places.map(|(_, node)| node)
    }

    /// The addresses of the nodes that can answer: running, and not paused.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let running = self.iter().filter(|node| node.state() == State::Running);
        running.map(|node| node.member.address.clone()).collect()
    }
}

impl Node {
    pub(crate) fn member(&self) -> &Member {
        &self.member
    }

    /// What it and its earlier processes said.
    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    pub(crate) fn state(&self) -> State {
        match &self.life {
            Life::Up(process) if process.paused => State::Paused,
            Life::Up(_) => State::Running,
            Life::Down(down) => State::Down(*down),
        }
    }

    /// The process, while there is one.
    pub(crate) fn process(&self) -> Option<u32> {
        match &self.life {
            Life::Up(process) => process.child.id(),
            Life::Down(_) => None,
        }
    }

    /// Starts the process, if none runs.
    pub(crate) fn start(&mut self, program: &Path) -> Result<(), NodeError> {
        if let Life::Up(_) = self.life {
            return Ok(());
        }
        let process = self.spawn(program).map_err(|cause| NodeError::Start {
            name: self.member.name.clone(),
            cause,
        })?;
        self.life = Life::Up(Box::new(process));
        Ok(())
    }

    fn spawn(&self, program: &Path) -> io::Result<Process> {
        let log = File::options().append(true).create(true).open(self.log())?;
        let mut child = Command::new(program)
            .arg("serve")
            .arg("--config")
            .arg(self.dir.join("config.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        // For a later `dev`, should this one be killed before its nodes.
        let id = child.id().unwrap_or_default();
        fs::write(self.dir.join("pid"), format!("{id}\n"))?;
        let stdout = child.stdout.take().expect("it was asked for just above");
        Ok(Process {
            child,
            lines: BufReader::new(stdout).lines(),
            paused: false,
        })
    }

    /// Waits for the line that says that the node takes calls.
    pub(crate) async fn until_serves(&mut self) -> Result<(), NodeError> {
        match timeout(SERVE_LIMIT, self.serves()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(NodeError::Silent {
                name: self.member.name.clone(),
                log: self.log(),
                tail: log::tail(&self.log()),
            }),
        }
    }

    async fn serves(&mut self) -> Result<(), NodeError> {
        if let Life::Up(process) = &mut self.life
            // The end of the stream, or an unreadable one: the process is about to end.
            && let Ok(Some(_)) = process.lines.next_line().await
        {
            return Ok(());
        }
        let status = self.ended().await;
        Err(NodeError::Early {
            name: self.member.name.clone(),
            status,
            log: self.log(),
            tail: log::tail(&self.log()),
        })
    }

    /// Waits for the end of the process, which came by itself.
    async fn ended(&mut self) -> ExitStatus {
        let status = match &mut self.life {
            Life::Up(process) => process.child.wait().await,
            Life::Down(Down::Ended(status)) => return *status,
            Life::Down(_) => return pending().await,
        };
        match status {
            Ok(status) => {
                self.life = Life::Down(Down::Ended(status));
                status
            }
            // A child cannot be waited for only if someone else did: nobody does.
            Err(_) => pending().await,
        }
    }

    /// Kills the process at once (SIGKILL) and waits for its end.
    pub(crate) async fn kill(&mut self) -> Result<(), NodeError> {
        let Life::Up(process) = &mut self.life else {
            return Ok(());
        };
        let killed = process.child.kill().await;
        killed.map_err(|cause| NodeError::Wait {
            name: self.member.name.clone(),
            cause,
        })?;
        self.life = Life::Down(Down::Killed);
        Ok(())
    }

    /// Asks the process to end (SIGTERM) and waits for that; kills it if it takes too long.
    pub(crate) async fn stop(&mut self) -> Result<(), NodeError> {
        let Life::Up(process) = &mut self.life else {
            return Ok(());
        };
        if let Ok(Some(status)) = process.child.try_wait() {
            self.life = Life::Down(Down::Ended(status));
            return Ok(());
        }
        let paused = process.paused;
        self.signal(Signal::TERM, "SIGTERM")?;
        if paused {
            // Only a process that runs can end in good order.
            self.signal(Signal::CONT, "SIGCONT")?;
        }
        let Life::Up(process) = &mut self.life else {
            return Ok(());
        };
        let how = match timeout(STOP_LIMIT, process.child.wait()).await {
            Ok(Ok(status)) if status.success() => None,
            Ok(Ok(status)) => Some(status.to_string()),
            Ok(Err(cause)) => {
                return Err(NodeError::Wait {
                    name: self.member.name.clone(),
                    cause,
                });
            }
            Err(_) => {
                self.kill().await?;
                Some(format!("killed after {} s", STOP_LIMIT.as_secs()))
            }
        };
        self.life = Life::Down(Down::Stopped);
        match how {
            None => Ok(()),
            Some(how) => Err(NodeError::Unclean {
                name: self.member.name.clone(),
                how,
                log: self.log(),
                tail: log::tail(&self.log()),
            }),
        }
    }

    /// Stops the process where it is (SIGSTOP), until [`Node::resume`].
    pub(crate) fn pause(&mut self) -> Result<(), NodeError> {
        self.signal(Signal::STOP, "SIGSTOP")?;
        self.set_paused(true);
        Ok(())
    }

    pub(crate) fn resume(&mut self) -> Result<(), NodeError> {
        self.signal(Signal::CONT, "SIGCONT")?;
        self.set_paused(false);
        Ok(())
    }

    fn set_paused(&mut self, paused: bool) {
        if let Life::Up(process) = &mut self.life {
            process.paused = paused;
        }
    }

    /// Sends a signal to the process, if it runs. Its id is its own until it is waited for, which only this type does.
    fn signal(&self, signal: Signal, name: &'static str) -> Result<(), NodeError> {
        let id = self.process().and_then(|id| i32::try_from(id).ok());
        let Some(id) = id.and_then(Pid::from_raw) else {
            return Ok(());
        };
        kill_process(id, signal).map_err(|cause| NodeError::Signal {
            name: self.member.name.clone(),
            signal: name,
            cause: cause.into(),
        })
    }
}

/// Until a node takes calls: it may have a long log to read first.
const SERVE_LIMIT: Duration = Duration::from_secs(60);

/// Until a node has ended: longer than its own limits, which are 10 s together.
const STOP_LIMIT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::layout::{Opened, Wishes};
    use node::clock::SystemClock;
    use std::os::unix::process::ExitStatusExt as _;

    /// One node whose program is a shell script: what counts here is how a process behaves, not what it serves.
    struct Stand {
        nodes: Nodes,
        program: PathBuf,
        dir: tempfile::TempDir,
    }

    fn stand(script: &str) -> Stand {
        let dir = tempfile::tempdir().unwrap();
        let wishes = Wishes {
            nodes: Some(1),
            base_port: None,
        };
        let (Opened::New(layout) | Opened::Again(layout)) =
            Layout::open(dir.path(), wishes, &SystemClock).unwrap();
        let program = dir.path().join("program");
        // Written by another process: while this one forks for another test, a file it has open cannot be executed.
        let writer = std::process::Command::new("sh")
            .args([
                "-c",
                "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0\" && chmod 700 \"$0\"",
            ])
            .arg(&program)
            .arg(script)
            .status();
        assert!(writer.unwrap().success());
        Stand {
            nodes: Nodes::new(&layout),
            program,
            dir,
        }
    }

    const SERVES: &str = "echo \"args $*\" >&2; echo serves; while :; do sleep 0.01; done";

    impl Stand {
        async fn start(&mut self) -> Result<(), NodeError> {
            self.nodes.start(&self.program).await
        }

        fn node(&mut self) -> &mut Node {
            self.nodes.at(&[0]).next().unwrap()
        }
    }

    #[tokio::test]
    async fn a_node_runs_pauses_resumes_and_is_killed() {
        let mut stand = stand(SERVES);
        stand.start().await.unwrap();
        let node = stand.node();
        assert_eq!(node.state(), State::Running);
        assert!(node.process().is_some());
        node.pause().unwrap();
        assert_eq!(node.state(), State::Paused);
        node.resume().unwrap();
        assert_eq!(node.state(), State::Running);
        node.kill().await.unwrap();
        assert_eq!(node.state(), State::Down(Down::Killed));
        assert_eq!(node.process(), None);
        assert!(stand.nodes.addresses().is_empty());
        let log = fs::read_to_string(stand.node().log()).unwrap();
        let config = stand.dir.path().join("n1/config.toml");
        assert_eq!(log, format!("args serve --config {}\n", config.display()));
    }

    #[tokio::test]
    async fn a_killed_node_starts_again() {
        let mut stand = stand(SERVES);
        stand.start().await.unwrap();
        let first = stand.node().process();
        stand.node().kill().await.unwrap();
        stand.start().await.unwrap();
        assert_eq!(stand.node().state(), State::Running);
        assert_ne!(stand.node().process(), first);
    }

    #[tokio::test]
    async fn a_node_that_ends_at_its_start_shows_its_log() {
        let mut stand = stand("echo 'error: the port is in use' >&2; exit 3");
        let error = stand.start().await.unwrap_err().to_string();
        assert!(
            error.contains("n1 ended at its start (exit status: 3)"),
            "{error}"
        );
        assert!(error.contains("the port is in use"), "{error}");
    }

    #[tokio::test]
    async fn a_node_that_ends_by_itself_is_noticed() {
        let mut stand = stand("echo serves; exit 1");
        stand.start().await.unwrap();
        assert_eq!(stand.nodes.one_ended().await, 0);
        let ended = Down::Ended(ExitStatus::from_raw(1 << 8));
        assert_eq!(stand.node().state(), State::Down(ended));
    }

    #[tokio::test]
    async fn a_paused_node_stops_in_good_order() {
        let mut stand = stand(&format!("trap 'exit 0' TERM; {SERVES}"));
        stand.start().await.unwrap();
        stand.node().pause().unwrap();
        assert!(stand.nodes.stop().await.is_empty());
        assert_eq!(stand.node().state(), State::Down(Down::Stopped));
    }

    #[tokio::test]
    async fn a_bad_end_is_told() {
        let mut stand = stand(&format!("trap 'echo disk full >&2; exit 1' TERM; {SERVES}"));
        stand.start().await.unwrap();
        let bad = stand.nodes.stop().await;
        let [NodeError::Unclean { name, tail, .. }] = bad.as_slice() else {
            panic!("{bad:?}");
        };
        assert_eq!(name, "n1");
        assert!(tail.contains("disk full"), "{tail}");
    }
}
