//! The one table from what went wrong inside to what a client is told.
//!
//! Every refused call carries a machine-readable reason in its details
//! (`google.rpc.ErrorInfo`, domain `router-hosts`); clients decide by it, and
//! people read the message.

use super::auth::Need;
use crate::{
    forward::{ReadError, WriteError},
    limits::INSTANCE_CHARS_MAX,
    sinks::TooManyWatchers,
};
use hosts::{Actor, NoTarget, Rejection};
use proto::metadata::{INSTANCE, REQUEST_SINCE};
use raft_store::chain::Chain;
use std::{collections::HashMap, error::Error, fmt::Display};
use tonic::{Code, Status, codegen::http};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The domain of the reasons.
pub const DOMAIN: &str = "router-hosts";

/// A status with its reason.
#[must_use]
pub fn refused(code: Code, reason: &str, message: impl Display) -> Status {
    let details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    Status::with_error_details(code, message.to_string(), details)
}

/// The message itself is wrong.
#[must_use]
pub fn invalid(error: &dyn Error) -> Status {
    refused(Code::InvalidArgument, "INVALID_ARGUMENT", chain(error))
}

/// Something larger than its bound.
#[must_use]
pub fn too_large(what: impl Display) -> Status {
    refused(Code::ResourceExhausted, "TOO_LARGE", what)
}

/// The response as it is, or with the code and reason of what is too large in
/// the place of `OUT_OF_RANGE`: that is what the transport says when a message
/// is beyond its bound, and nothing here does.
pub fn with_bound<B: Default>(response: http::Response<B>) -> http::Response<B> {
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() == Code::OutOfRange => {
            too_large(status.message()).into_http()
        }
        _ => response,
    }
}

/// The certificate's role may not do this.
#[must_use]
pub fn forbidden(actor: &Actor, need: Need) -> Status {
    let what = match need {
        Need::Read => "read records",
        Need::Write => "change records",
        Need::Peer => "speak for a node",
    };
    refused(
        Code::PermissionDenied,
        "PERMISSION_DENIED",
        format!(
            "{actor} may not {what}: the role `{}` in its certificate does not allow it",
            actor.role
        ),
    )
}

/// A fault of this node.
#[must_use]
pub fn internal(what: impl Display) -> Status {
    refused(Code::Internal, "INTERNAL", what)
}

/// Too many watch already.
#[must_use]
pub fn too_many_watchers(error: &TooManyWatchers) -> Status {
    refused(Code::Unavailable, "TOO_MANY_WATCHERS", error)
}

/// A stream that watches has not said what it wants.
#[must_use]
pub fn silent_watcher() -> Status {
    refused(
        Code::InvalidArgument,
        "TRUNCATED",
        "nothing was said on the stream in time: the first message says whether to follow",
    )
}

/// A sink calls itself what cannot be shown.
#[must_use]
pub fn no_instance() -> Status {
    refused(
        Code::InvalidArgument,
        "INVALID_ARGUMENT",
        format!("{INSTANCE} is not 1–{INSTANCE_CHARS_MAX} visible ASCII characters"),
    )
}

/// The node stops, and ends a call that would go on.
#[must_use]
pub fn stopping() -> Status {
    refused(
        Code::Unavailable,
        "SHUTTING_DOWN",
        "the node is stopping: go on at another one",
    )
}

/// The machine-readable reason of a refusal of ours.
#[must_use]
pub fn reason(status: &Status) -> Option<String> {
    status
        .get_error_details()
        .error_info()
        .map(|info| info.reason.clone())
}

/// No host has this id.
#[must_use]
pub fn not_found(id: hosts::HostId) -> Status {
    rejected(&Rejection::NotFound { id })
}

/// No snapshot has this id.
#[must_use]
pub fn no_snapshot(id: hosts::SnapshotId) -> Status {
    rejected(&Rejection::SnapshotNotFound { id })
}

/// A name stands for no host.
#[must_use]
pub fn no_target(error: &NoTarget) -> Status {
    match error {
        NoTarget::Unknown { .. } => refused(Code::NotFound, "NOT_FOUND", error),
        NoTarget::Ambiguous { .. } => refused(Code::InvalidArgument, "AMBIGUOUS", error),
        NoTarget::Request(rejection) => rejected(rejection),
    }
}

/// A command was refused.
#[must_use]
pub fn rejected(rejection: &Rejection) -> Status {
    let code = match rejection {
        Rejection::NotFound { .. } | Rejection::SnapshotNotFound { .. } => Code::NotFound,
        Rejection::Duplicate { .. }
        | Rejection::IdTaken { .. }
        | Rejection::SnapshotTaken { .. }
        | Rejection::ImportConflicts { .. } => Code::AlreadyExists,
        Rejection::VersionMismatch { .. }
        | Rejection::Moved { .. }
        | Rejection::Overtaken { .. }
        | Rejection::RequestKnown { .. }
        | Rejection::RevisionBehind { .. } => Code::Aborted,
        Rejection::TooManyHosts { .. }
        | Rejection::TooManySnapshots { .. }
        | Rejection::ImportTooLarge { .. }
        | Rejection::ChangeTooLarge { .. } => Code::ResourceExhausted,
        Rejection::RequestReused { .. } => Code::InvalidArgument,
        // It may have been done before: never a refusal that clients act upon.
        Rejection::RequestForgotten { .. } => Code::DeadlineExceeded,
    };
    refused(code, rejection.reason(), rejection)
}

/// A write has no answer.
#[must_use]
pub fn write_failed(error: &WriteError) -> Status {
    match error {
        WriteError::Rejected(rejection) => rejected(rejection),
        WriteError::NoLeader(_) => refused(Code::Unavailable, "NO_QUORUM", error),
        WriteError::Busy => refused(Code::Unavailable, "BUSY", error),
        WriteError::TooLong(_) => too_large(error),
        // Never UNAVAILABLE: clients repeat that without a thought.
        WriteError::Unknown { since } => {
            let mut status = refused(Code::DeadlineExceeded, "OUTCOME_UNKNOWN", error);
            let metadata = status.metadata_mut();
            metadata.insert(REQUEST_SINCE, since.get().into());
            status
        }
        WriteError::Stopped => refused(Code::Unavailable, "SHUTTING_DOWN", error),
        WriteError::Garbled { .. } => {
            refused(Code::DeadlineExceeded, "OUTCOME_UNKNOWN", chain(error))
        }
    }
}

/// As [`write_failed`], in the words of a caller that relied on the version
/// `given`: no host is ever at one that is not a number.
#[must_use]
pub fn change_failed(error: &WriteError, given: Option<&str>) -> Status {
    let (
        WriteError::Rejected(rejection @ Rejection::VersionMismatch { id, actual, .. }),
        Some(given),
    ) = (error, given)
    else {
        return write_failed(error);
    };
    let shown = given.chars().take(VERSION_CHARS_SHOWN);
    let shown: String = shown.flat_map(char::escape_debug).collect();
    let message = format!("host {id} is at version {actual}, not `{shown}`");
    refused(Code::Aborted, rejection.reason(), message)
}

/// Of a version that may be any text: more than the longest of ours.
const VERSION_CHARS_SHOWN: usize = 32;

/// A read has no answer.
#[must_use]
pub fn read_failed(error: &ReadError) -> Status {
    let reason = match error {
        ReadError::NoLeader(_) => "NO_QUORUM",
        ReadError::Behind { .. } => "BEHIND",
        ReadError::Stopped => "SHUTTING_DOWN",
    };
    refused(Code::Unavailable, reason, error)
}

/// The error and its causes in one line, each said once.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    Chain(error).to_string()
}
