//! One node as a process: started, signalled, waited for.
//!
//! It has its own process group, so a Ctrl-C on the terminal reaches `dev` alone. What it writes goes to its log. Nobody
//! else waits for it, so its process id is its own as long as it is known here. When this is dropped it is killed.

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures::future::pending;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::layout::{Layout, Member};
use super::log;
use super::obstacles::Obstacles;
use crate::commands::serve::OBSTACLES;

/// One node, up or down.
#[derive(Debug)]
pub(crate) struct Node {
    member: Member,
    dir: PathBuf,
    /// The length of the log when the process was started, in bytes.
    log_from: u64,
    life: Life,
    /// The process that was killed last, and how it ended.
    killed: Option<(u32, ExitStatus)>,
    obstacles: Option<Obstacles>,
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
    /// It said that it takes calls.
    serves: bool,
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

impl Node {
    /// The node `member` of `layout`, not started yet.
    pub(crate) fn new(layout: &Layout, member: &Member) -> Self {
        Self {
            member: member.clone(),
            dir: layout.node(member),
            log_from: 0,
            life: Life::Down(Down::New),
            killed: None,
            obstacles: None,
        }
    }

    /// The same, with obstacles in its way from its first process on.
    pub(crate) fn with_obstacles(self, obstacles: Obstacles) -> Self {
        Self {
            obstacles: Some(obstacles),
            ..self
        }
    }

    pub(crate) fn obstacles(&self) -> Option<&Obstacles> {
        self.obstacles.as_ref()
    }

    /// The process that was killed last, and how it ended.
    pub(crate) fn killed(&self) -> Option<(u32, ExitStatus)> {
        self.killed
    }

    /// Whether the system says that its process is stopped. A signal takes effect a moment after it is sent.
    pub(crate) fn is_stopped(&self) -> bool {
        let id = self.process().and_then(|id| i32::try_from(id).ok());
        let Some(id) = id.and_then(Pid::from_raw) else {
            return false;
        };
        // Left as it is: only this type waits for the process.
        let look = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::Pid(id), look), Ok(Some(status)) if status.stopped())
    }

    pub(crate) fn member(&self) -> &Member {
        &self.member
    }

    /// What it and its earlier processes said.
    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// The end of what its last process said.
    pub(crate) fn last_words(&self) -> String {
        log::tail(&self.log(), self.log_from)
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

    fn spawn(&mut self, program: &Path) -> io::Result<Process> {
        let log = File::options().append(true).create(true).open(self.log())?;
        self.log_from = log::length(&log)?;
        let mut command = Command::new(program);
        match &self.obstacles {
            Some(obstacles) => command.env(OBSTACLES, obstacles.dir()),
            // That of another `dev`, whose child this one may be.
            None => command.env_remove(OBSTACLES),
        };
        // As in the systemd unit.
        for (name, value) in MALLOC {
            if env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        let mut child = command
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
            serves: false,
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
                tail: self.last_words(),
            }),
        }
    }

    async fn serves(&mut self) -> Result<(), NodeError> {
        if let Life::Up(process) = &mut self.life
            // The end of the stream, or an unreadable one: the process is about to end.
            && let Ok(Some(_)) = process.lines.next_line().await
        {
            process.serves = true;
            return Ok(());
        }
        let status = self.ended().await;
        Err(NodeError::Early {
            name: self.member.name.clone(),
            status,
            log: self.log(),
            tail: self.last_words(),
        })
    }

    /// Waits for the end of the process, which came by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
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
        let id = process.child.id().unwrap_or_default();
        let ended = async {
            process.child.start_kill()?;
            process.child.wait().await
        };
        let status = ended.await.map_err(|cause| NodeError::Wait {
            name: self.member.name.clone(),
            cause,
        })?;
        self.killed = Some((id, status));
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
            // It had not come so far as to listen to signals: it had nothing to put in order either.
            Ok(Ok(status)) if !process.serves && status.signal() == Some(SIGTERM) => None,
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
                tail: self.last_words(),
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

/// What glibc frees it gives back, of mallopt(3): few arenas, for few threads
/// allocate much; large pieces mapped, and unmapped when they are freed; the
/// free end of an arena trimmed.
const MALLOC: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "2"),
    ("MALLOC_MMAP_THRESHOLD_", "262144"),
    ("MALLOC_TRIM_THRESHOLD_", "1048576"),
];

const SIGTERM: i32 = Signal::TERM.as_raw();

/// Until a node takes calls: it may have a long log to read first.
const SERVE_LIMIT: Duration = Duration::from_secs(60);

/// Until a node has ended: longer than its own limits, which are 10 s together.
const STOP_LIMIT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::MALLOC;

    #[test]
    fn memory_is_given_back_as_under_systemd() {
        let unit = include_str!("../../../../deploy/systemd/router-hosts.service");
        let ours: Vec<String> = MALLOC.map(|(name, value)| format!("{name}={value}")).into();
        assert!(unit.contains(&format!("\nEnvironment={}\n", ours.join(" "))));
    }
}
