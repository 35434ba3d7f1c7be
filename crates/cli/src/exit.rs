//! How a command ends: one table from what a node answers to an exit status
//! and to what a person does next.

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
}

impl Failure {
    pub(crate) fn new(exit: Exit, reason: &'static str, message: impl fmt::Display) -> Self {
        Self {
            exit,
            reason: Cow::Borrowed(reason),
            message: message.to_string(),
            hint: None,
        }
    }

    /// Input that cannot be used; nothing was sent.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, "INVALID_ARGUMENT", message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What a node answered, in the words of this program: the reason decides
    /// where it is known, the gRPC code where it is not.
    pub(crate) fn answered(code: Code, reason: Option<&str>, message: &str) -> Self {
        let row = reason
            .and_then(|reason| REASONS.iter().find(|row| row.reason == reason))
            .unwrap_or_else(|| of_code(code));
        Self {
            exit: row.exit,
            reason: match reason {
                Some(reason) => Cow::Owned(reason.to_owned()),
                None => Cow::Borrowed(row.reason),
            },
            message: if message.is_empty() {
                format!("the node answered {code:?} and no more")
            } else {
                message.to_owned()
            },
            hint: (!row.hint.is_empty()).then(|| row.hint.to_owned()),
        }
    }
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

struct Row {
    reason: &'static str,
    exit: Exit,
    hint: &'static str,
}

const fn row(reason: &'static str, exit: Exit, hint: &'static str) -> Row {
    Row { reason, exit, hint }
}

/// The reasons of `hosts::Rejection`, then those of the nodes.
const REASONS: &[Row] = &[
    row(
        "NOT_FOUND",
        Exit::NotFound,
        "look for it with `router-hosts host search`",
    ),
    row(
        "DUPLICATE",
        Exit::Conflict,
        "change that host with `router-hosts host update`, or choose another address or name",
    ),
    row(
        "VERSION_MISMATCH",
        Exit::Conflict,
        "read it again with `router-hosts host get` and repeat with the version it shows",
    ),
    row(
        "REQUEST_REUSED",
        Exit::Usage,
        "choose another --request-id: this one belongs to another request",
    ),
    row(
        "IMPORT_CONFLICTS",
        Exit::Conflict,
        "take those rows out, or import with --conflict skip or --conflict replace",
    ),
    row("IMPORT_TOO_LARGE", Exit::Usage, "import the file in parts"),
    row("CHANGE_TOO_LARGE", Exit::Usage, "import the file in parts"),
    row(
        "TOO_MANY_HOSTS",
        Exit::Failed,
        "delete hosts that are no longer needed",
    ),
    row("ID_TAKEN", Exit::Conflict, RUN_AGAIN),
    row("MOVED", Exit::Conflict, RUN_AGAIN),
    row("REQUEST_KNOWN", Exit::Conflict, RUN_AGAIN),
    row("REVISION_BEHIND", Exit::Failed, SEE_LOG),
    row("INVALID_ARGUMENT", Exit::Usage, ""),
    row(
        "PERMISSION_DENIED",
        Exit::NotPermitted,
        "changes need a certificate of the role editor or admin: see --cert and --key",
    ),
    row("NO_LEADER", Exit::Unavailable, SEE_STATUS),
    row("NO_QUORUM", Exit::Unavailable, SEE_STATUS),
    row(
        "BEHIND",
        Exit::Unavailable,
        "ask another node, or read with --consistency local",
    ),
    row("SHUTTING_DOWN", Exit::Unavailable, SEE_STATUS),
    row("OUTCOME_UNKNOWN", Exit::OutcomeUnknown, SEE_STATUS),
    row("TOO_LARGE", Exit::Usage, "send less at once"),
    row("INTERNAL", Exit::Failed, SEE_LOG),
];

const RUN_AGAIN: &str = "run the command again";
const SEE_LOG: &str = "look at the log of the node that answered; `-v` names it";
const SEE_STATUS: &str = "see `router-hosts cluster status`";

/// What a code means that comes without a known reason.
fn of_code(code: Code) -> &'static Row {
    static INVALID: Row = row("INVALID_ARGUMENT", Exit::Usage, "");
    static NOT_FOUND: Row = row("NOT_FOUND", Exit::NotFound, "");
    static EXISTS: Row = row("ALREADY_EXISTS", Exit::Conflict, "");
    static ABORTED: Row = row("ABORTED", Exit::Conflict, RUN_AGAIN);
    static PRECONDITION: Row = row("FAILED_PRECONDITION", Exit::Conflict, "");
    static EXHAUSTED: Row = row("RESOURCE_EXHAUSTED", Exit::Failed, "send less at once");
    static UNAVAILABLE: Row = row("UNAVAILABLE", Exit::Unavailable, SEE_STATUS);
    static DEADLINE: Row = row(
        "DEADLINE_EXCEEDED",
        Exit::Unavailable,
        "give it more time with --timeout, or see `router-hosts cluster status`",
    );
    static DENIED: Row = row(
        "PERMISSION_DENIED",
        Exit::NotPermitted,
        "see --cert and --key",
    );
    static UNAUTHENTICATED: Row = row(
        "UNAUTHENTICATED",
        Exit::NotPermitted,
        "see --cert and --key",
    );
    static UNIMPLEMENTED: Row = row(
        "UNIMPLEMENTED",
        Exit::Failed,
        "the node is of another version: see `router-hosts cluster status`",
    );
    static CANCELLED: Row = row("CANCELLED", Exit::Unavailable, SEE_STATUS);
    static BROKEN: Row = row("INTERNAL", Exit::Failed, SEE_LOG);
    match code {
        Code::InvalidArgument | Code::OutOfRange => &INVALID,
        Code::NotFound => &NOT_FOUND,
        Code::AlreadyExists => &EXISTS,
        Code::Aborted => &ABORTED,
        Code::FailedPrecondition => &PRECONDITION,
        Code::ResourceExhausted => &EXHAUSTED,
        Code::Unavailable => &UNAVAILABLE,
        Code::DeadlineExceeded => &DEADLINE,
        Code::Cancelled => &CANCELLED,
        Code::PermissionDenied => &DENIED,
        Code::Unauthenticated => &UNAUTHENTICATED,
        Code::Unimplemented => &UNIMPLEMENTED,
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => &BROKEN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hosts::{Address, HostId, Hostname, Rejection, RequestId, Revision};

    #[test]
    fn every_reason_has_its_exit_status() {
        for (reason, exit) in [
            ("INVALID_ARGUMENT", 2),
            ("IMPORT_TOO_LARGE", 2),
            ("CHANGE_TOO_LARGE", 2),
            ("TOO_LARGE", 2),
            ("DUPLICATE", 3),
            ("VERSION_MISMATCH", 3),
            ("REQUEST_REUSED", 2),
            ("IMPORT_CONFLICTS", 3),
            ("ID_TAKEN", 3),
            ("MOVED", 3),
            ("REQUEST_KNOWN", 3),
            ("NOT_FOUND", 4),
            ("NO_LEADER", 5),
            ("NO_QUORUM", 5),
            ("BEHIND", 5),
            ("SHUTTING_DOWN", 5),
            ("PERMISSION_DENIED", 6),
            ("OUTCOME_UNKNOWN", 7),
            ("TOO_MANY_HOSTS", 1),
            ("REVISION_BEHIND", 1),
            ("INTERNAL", 1),
        ] {
            // The code is one that means something else: the reason decides.
            let failure = Failure::answered(Code::Unknown, Some(reason), "m");
            assert_eq!(failure.exit as u8, exit, "{reason}");
            assert_eq!(failure.reason, reason);
            assert!(REASONS.iter().any(|row| row.reason == reason), "{reason}");
        }
        assert_eq!(REASONS.len(), 21, "a row without its line above");
    }

    #[test]
    fn every_code_has_its_exit_status() {
        for (code, exit) in [
            (Code::Cancelled, 5),
            (Code::Unknown, 1),
            (Code::InvalidArgument, 2),
            (Code::DeadlineExceeded, 5),
            (Code::NotFound, 4),
            (Code::AlreadyExists, 3),
            (Code::PermissionDenied, 6),
            (Code::ResourceExhausted, 1),
            (Code::FailedPrecondition, 3),
            (Code::Aborted, 3),
            (Code::OutOfRange, 2),
            (Code::Unimplemented, 1),
            (Code::Internal, 1),
            (Code::Unavailable, 5),
            (Code::DataLoss, 1),
            (Code::Unauthenticated, 6),
        ] {
            let by_code = Failure::answered(code, None, "m");
            assert_eq!(by_code.exit as u8, exit, "{code:?}");
            let of_tomorrow = Failure::answered(code, Some("NEWER_THAN_THIS"), "m");
            assert_eq!(of_tomorrow.exit as u8, exit, "{code:?}");
            assert_eq!(of_tomorrow.reason, "NEWER_THAN_THIS");
        }
    }

    #[test]
    fn every_rejection_of_the_core_has_a_row() {
        let id = HostId::from_u128(1);
        let revision = Revision::new(1);
        let request = RequestId::parse("r").unwrap();
        let rejections = [
            Rejection::NotFound { id },
            Rejection::IdTaken { id },
            Rejection::Duplicate {
                address: Address::parse("10.0.0.1").unwrap(),
                name: Hostname::parse("a.lan").unwrap(),
                existing: id,
            },
            Rejection::VersionMismatch {
                id,
                expected: revision,
                actual: revision,
            },
            Rejection::RequestReused {
                request: request.clone(),
            },
            Rejection::RequestKnown { request },
            Rejection::Moved { id },
            Rejection::ImportConflicts {
                shown: Vec::new(),
                total: 1,
            },
            Rejection::ImportTooLarge { rows: 2, limit: 1 },
            Rejection::TooManyHosts { limit: 1 },
            Rejection::ChangeTooLarge {
                events: 2,
                limit: 1,
            },
            Rejection::RevisionBehind {
                at: revision,
                current: revision,
            },
        ];
        for rejection in rejections {
            let reason = rejection.reason();
            assert!(REASONS.iter().any(|row| row.reason == reason), "{reason}");
        }
    }

    #[test]
    fn an_answer_without_words_still_says_something() {
        let failure = Failure::answered(Code::Internal, None, "");
        assert!(failure.message.contains("Internal"));
    }
}
