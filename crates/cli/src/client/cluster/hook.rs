//! A node's hook, as its report is shown.

use proto::cluster as pb;
use serde::Serialize;

/// A command that a node runs after a publication; what it runs is not told.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct Hook {
    pub(crate) name: String,
    /// `success`, `failure` or `unknown`.
    pub(crate) event: &'static str,
    pub(crate) result: HookState,
    /// How the last run ended, in words; empty before the first.
    pub(crate) detail: String,
    /// What the last run was told of.
    pub(crate) revision: u64,
    pub(crate) duration_ms: u64,
    /// How many earlier writes the last run stood for, beside its own.
    pub(crate) coalesced: u64,
    /// Since the node's process started.
    pub(crate) runs: u64,
    pub(crate) failures: u64,
}

/// How the last run ended.
#[derive(Serialize, Copy, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HookState {
    NeverRun,
    Succeeded,
    Failed,
    TimedOut,
    /// With the node.
    Stopped,
    /// A state that this program does not know.
    Unknown,
}

impl HookState {
    /// Whether somebody has to look at it.
    pub(crate) fn is_bad(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut)
    }

    /// As in JSON, in words.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NeverRun => "never run",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::Stopped => "stopped",
            Self::Unknown => "unknown",
        }
    }
}

impl From<pb::Hook> for Hook {
    fn from(message: pb::Hook) -> Self {
        use pb::hook::{Event, Result};
        let pb::Hook {
            name,
            event,
            result,
            detail,
            revision,
            duration_ms,
            coalesced,
            runs,
            failures,
        } = message;
        Self {
            name,
            event: match Event::try_from(event) {
                Ok(Event::Success) => "success",
                Ok(Event::Failure) => "failure",
                Ok(Event::Unspecified) | Err(_) => "unknown",
            },
            result: match Result::try_from(result) {
                Ok(Result::NeverRun) => HookState::NeverRun,
                Ok(Result::Succeeded) => HookState::Succeeded,
                Ok(Result::Failed) => HookState::Failed,
                Ok(Result::TimedOut) => HookState::TimedOut,
                Ok(Result::Stopped) => HookState::Stopped,
                Ok(Result::Unspecified) | Err(_) => HookState::Unknown,
            },
            detail,
            revision,
            duration_ms,
            coalesced,
            runs,
            failures,
        }
    }
}
