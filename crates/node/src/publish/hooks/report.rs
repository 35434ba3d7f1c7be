//! What became of a hook, in words that may leave the node: its name and how
//! it ended, never what it runs or prints.

use std::{fmt, time::Duration};

use hosts::Revision;

use super::{Event, Hook, How};

/// One hook of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookReport {
    /// As configured.
    pub name: String,
    /// When it runs.
    pub event: Event,
    /// The last time it ran; `None` since this process started.
    pub last: Option<HookRun>,
    /// How often it has run since then.
    pub runs: u64,
    /// How many of these failed.
    pub failures: u64,
}

/// One run of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookRun {
    /// The revision it was told of.
    pub revision: Revision,
    /// How it ended.
    pub result: HookResult,
    /// Something it started has left its process group and holds its output:
    /// a daemon, most likely. It was not ended.
    pub left_behind: bool,
    /// From its start to its end.
    pub took: Duration,
    /// How many earlier writes it stood for, beside its own.
    pub coalesced: u64,
}

/// How a hook ended. Displayed, a few words without its command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookResult {
    /// With exit status 0.
    Succeeded,
    /// With another exit status.
    Exited(i32),
    /// By a signal that the node did not send.
    Killed(i32),
    /// It took longer than this, and was killed with its process group.
    TimedOut(Duration),
    /// It could not be started or watched, and why.
    NotRun(String),
    /// It ran when the node stopped, and was killed with its process group.
    Stopped,
}

impl HookReport {
    pub(super) fn never_run(hook: &Hook) -> Self {
        Self {
            name: hook.name.clone(),
            event: hook.event,
            last: None,
            runs: 0,
            failures: 0,
        }
    }

    pub(super) fn note(&mut self, run: HookRun) {
        self.runs += 1;
        self.failures += u64::from(run.has_failed());
        self.last = Some(run);
    }

    /// The last run, if it failed.
    #[must_use]
    pub fn failed(&self) -> Option<&HookRun> {
        self.last.as_ref().filter(|run| run.has_failed())
    }
}

impl HookRun {
    fn has_failed(&self) -> bool {
        !matches!(self.result, HookResult::Succeeded | HookResult::Stopped)
    }
}

impl fmt::Display for HookRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.result.fmt(f)?;
        if self.left_behind {
            f.write_str(", and left a process running outside its group")?;
        }
        Ok(())
    }
}

impl fmt::Display for HookResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Exited(NOT_FOUND) => {
                write!(f, "exit status {NOT_FOUND}: a command was not found")
            }
            Self::Exited(NOT_EXECUTABLE) => write!(
                f,
                "exit status {NOT_EXECUTABLE}: a command could not be executed"
            ),
            Self::Exited(status) => write!(f, "exit status {status}"),
            Self::Killed(signal) => write!(f, "killed by signal {signal}"),
            Self::TimedOut(limit) => {
                write!(f, "not done within {limit:?} and killed with its group")
            }
            Self::NotRun(cause) => write!(f, "not run: {cause}"),
            Self::Stopped => f.write_str("killed because the node stopped"),
        }
    }
}

impl From<How> for HookResult {
    fn from(how: How) -> Self {
        match how {
            How::Exited(0) => Self::Succeeded,
            How::Exited(status) => Self::Exited(status),
            How::Killed(signal) => Self::Killed(signal),
        }
    }
}

/// What a shell ends with when there is no such command (POSIX 2.8.2).
const NOT_FOUND: i32 = 127;
/// And when there is, and it cannot be executed.
const NOT_EXECUTABLE: i32 = 126;
