//! The shell seam: what the hook runner asks of an operating system.
//!
//! The real one runs `/bin/sh -c` in a process group of its own. A hook is over
//! when that shell has ended; what is left in its group is killed then, before
//! the shell is reaped, so that the group's number cannot be another's yet.
//! One pipe takes what is printed: it is read all the time, and the last part
//! is kept. Only who leaves the group outlives a hook; it is not waited for.

use std::{
    fmt, io,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, Command, ExitStatus, Stdio},
};

use futures::future::BoxFuture;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::{
    io::AsyncReadExt as _,
    net::unix::pipe,
    signal::unix::{SignalKind, signal},
    time::{sleep, timeout},
};

use super::Facts;
use crate::limits;

/// Starts commands.
pub trait Shell: fmt::Debug + Send + Sync + 'static {
    /// Starts `command`, with `facts` added to the environment, no input, and
    /// its output captured. Does not wait for it.
    fn start(&self, command: &str, facts: &Facts) -> io::Result<Box<dyn Running>>;
}

/// A command that was started. Dropped, it is killed with its group.
pub trait Running: fmt::Debug + Send {
    /// Waits for its end, and takes what it prints meanwhile. May be dropped
    /// and called again: nothing is lost.
    fn ended(&mut self) -> BoxFuture<'_, io::Result<Ended>>;
    /// Kills it and everything in its process group, if it runs.
    fn kill(&mut self);
}

/// A command that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub how: How,
    /// The last of what it printed, on one line.
    pub output: String,
    /// Somebody outside its group still holds its output.
    pub left_behind: bool,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

/// `/bin/sh` of this machine. Needs a tokio runtime with I/O.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealShell;

/// Where POSIX systems and OpenWrt have it.
const SHELL: &str = "/bin/sh";

impl Shell for RealShell {
    fn start(&self, command: &str, facts: &Facts) -> io::Result<Box<dyn Running>> {
        let (reader, writer) = io::pipe()?;
        let output = Output::new(reader)?;
        // Listened for before there is a child: no end is missed.
        let children = signal(SignalKind::child())?;
        let child = Command::new(SHELL)
            .args(["-c", command])
            .envs(facts.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .spawn()?;
        Ok(Box::new(Process {
            group: Pid::from_child(&child),
            child,
            children,
            output,
            reaped: None,
        }))
    }
}

#[derive(Debug)]
struct Process {
    child: Child,
    /// Named like the child, which is its first member.
    group: Pid,
    /// Says that some child of this process has changed.
    children: tokio::signal::unix::Signal,
    output: Output,
    reaped: Option<ExitStatus>,
}

impl Running for Process {
    fn ended(&mut self) -> BoxFuture<'_, io::Result<Ended>> {
        Box::pin(async {
            while !self.is_over()? {
                tokio::select! {
                    Some(()) = self.children.recv() => {}
                    () = self.output.take(), if self.output.is_open() => {}
                    else => return Err(io::Error::other("children are not reported any more")),
                }
            }
            let status = self.reap()?;
            let rest = timeout(limits::HOOK_OUTPUT_TIME, self.output.take_all()).await;
            Ok(Ended {
                how: how(status)?,
                output: self.output.line(),
                left_behind: rest.is_err(),
            })
        })
    }

    fn kill(&mut self) {
        if self.reaped.is_none() {
            // It is there: an end that was not reaped counts. What runs as another user stays.
            kill_process_group(self.group, Signal::KILL).ok();
        }
    }
}

impl Process {
    /// Whether the shell has ended. It is not reaped by this: its number, and
    /// with it that of its group, stays taken.
    fn is_over(&self) -> io::Result<bool> {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        Ok(self.reaped.is_some() || waitid(WaitId::Pid(self.group), look)?.is_some())
    }

    /// Ends what the shell has left in its group, and lets the number go.
    fn reap(&mut self) -> io::Result<ExitStatus> {
        self.kill();
        let status = self.child.wait()?;
        self.reaped = Some(status);
        Ok(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        // If it is not dead yet, it stays a zombie until this process ends.
        self.child.try_wait().ok();
    }
}

fn how(status: ExitStatus) -> io::Result<How> {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ok(How::Exited(code)),
        (None, Some(signal)) => Ok(How::Killed(signal)),
        (None, None) => Err(io::Error::other("it neither exited nor was killed")),
    }
}

/// What a command prints: read to the end, kept in its last part.
#[derive(Debug)]
struct Output {
    pipe: Option<pipe::Receiver>,
    buffer: Box<[u8]>,
    kept: Vec<u8>,
    bytes: u64,
}

/// What a pipe of Linux holds at most by itself.
const BUFFER_BYTES: usize = 64 * 1024;

impl Output {
    fn new(reader: io::PipeReader) -> io::Result<Self> {
        Ok(Self {
            pipe: Some(pipe::Receiver::from_owned_fd(reader.into())?),
            buffer: vec![0; BUFFER_BYTES].into(),
            kept: Vec::new(),
            bytes: 0,
        })
    }

    fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Takes what is there, or waits for more. Who floods is slowed down, never
    /// held: reading is not to cost a router its processor.
    async fn take(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        if self.bytes > limits::HOOK_OUTPUT_FREE_BYTES {
            sleep(limits::HOOK_OUTPUT_PAUSE).await;
        }
        match pipe.read(&mut self.buffer).await {
            Ok(0) | Err(_) => self.pipe = None,
            Ok(count) => {
                self.bytes += count as u64;
                self.kept
                    .extend_from_slice(self.buffer.get(..count).unwrap_or_default());
                let past = self
                    .kept
                    .len()
                    .saturating_sub(limits::HOOK_OUTPUT_BYTES_MAX);
                self.kept.drain(..past);
            }
        }
    }

    async fn take_all(&mut self) {
        while self.is_open() {
            self.take().await;
        }
    }

    /// One line that no terminal and no reader of logs takes for more.
    fn line(&self) -> String {
        let text = String::from_utf8_lossy(&self.kept);
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let text: String = text.trim().chars().map(plain).collect();
        match self.bytes > self.kept.len() as u64 {
            true => format!("[{} bytes, the last:] {text}", self.bytes),
            false => text,
        }
    }
}
