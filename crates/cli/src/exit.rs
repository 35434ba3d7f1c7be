//! How a command ends: an exit status, a word for machines, and words for a
//! person. What belongs together is in the table of [`reasons`].

mod lines;
pub(crate) mod reasons;

pub(crate) use lines::{FileLine, FileLines};

use reasons::Row;
use std::borrow::Cow;
use std::fmt;
use tonic::Code;

/// The exit status of the process.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// It failed.
    Failed = 1,
    /// Usage or invalid input; nothing was sent or changed.
    Usage = 2,
    /// Somebody else has it, or changed it first.
    Conflict = 3,
    /// There is no such thing.
    NotFound = 4,
    /// Nobody answers, or there is no quorum.
    Unavailable = 5,
    /// Not permitted, or TLS refused.
    NotPermitted = 6,
    /// Sent, and no answer: it may have happened.
    OutcomeUnknown = 7,
    /// Ctrl-C or SIGTERM, and nothing is changed; as shells have it.
    Interrupted = 130,
}

/// Why a command did not do what it was asked to, for a person and a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    /// The exit status.
    pub(crate) exit: Exit,
    /// A word for machines, `UPPER_SNAKE`, stable across versions.
    pub(crate) reason: Cow<'static, str>,
    /// What happened, on what.
    pub(crate) message: String,
    /// What to do next.
    pub(crate) hint: Option<String>,
    /// The lines of a file that are to blame, if it is them.
    pub(crate) lines: FileLines,
}

impl Failure {
    /// Of this row of the table.
    pub(crate) fn of(row: Row, message: impl fmt::Display) -> Self {
        let Row { reason, exit, hint } = row;
        Self {
            exit,
            reason: Cow::Borrowed(reason),
            message: message.to_string(),
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
            lines: FileLines::default(),
        }
    }

    /// Input that cannot be used; nothing was sent.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::of(reasons::INVALID_ARGUMENT, message)
    }

    /// A hint that names a value of this one case; any other is in the table.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The lines of a file that are to blame.
    pub(crate) fn lines(mut self, lines: FileLines) -> Self {
        self.lines = lines;
        self
    }

    /// What a node answered, in the words of this program: the reason decides
    /// where it is known, the gRPC code where it is not.
    pub(crate) fn answered(code: Code, reason: Option<&str>, message: &str) -> Self {
        let row = reasons::answered(code, reason);
        let failure = match message {
            "" => Self::of(row, format!("the node answered {code:?} and no more")),
            message => Self::of(row, message),
        };
        match reason {
            Some(reason) => Self {
                reason: Cow::Owned(reason.to_owned()),
                ..failure
            },
            None => failure,
        }
    }
}

/// A text from outside, for a message: without control characters, which could
/// rewrite a terminal, and not longer than a person reads.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (n, c) in text.chars().enumerate() {
        if n == SHOWN_CHARS_MAX {
            shown.push('…');
            break;
        }
        match c.is_control() || is_format(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

/// Longer than a host name, and one line or two of a terminal.
const SHOWN_CHARS_MAX: usize = 160;

/// Characters that turn the direction of text around, or that nobody sees.
const fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// An error and its causes as one line: `what: why: why`.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests;
