//! What goes wrong in `dev`, as a person and a script are told: exit status, reason, what to do next.

use std::io;

use super::certificates::CertificateError;
use super::control::ListenError;
use super::home::HomeError;
use super::layout::LayoutError;
use super::process::{Down, Node, NodeError, State};
use crate::exit::{Exit, Failure, chain};

/// What the operating system refuses.
pub(crate) fn refused(reason: &'static str, what: &str, cause: &io::Error) -> Failure {
    Failure::new(Exit::Failed, reason, format!("{what}: {cause}"))
}

/// How a node ended that nobody ended, if it did.
pub(crate) fn end_of(node: &Node) -> Option<Failure> {
    let State::Down(Down::Ended(status)) = node.state() else {
        return None;
    };
    let (name, log, tail) = (&node.member().name, node.log(), node.last_words());
    let log = log.display();
    let message = format!("{name} ended by itself ({status}); the end of {log}:\n{tail}");
    let hint = format!("`router-hosts chaos restart {name}` starts it again while `dev` runs");
    Some(Failure::new(Exit::Failed, "NODE_ENDED", message).hint(hint))
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        let (exit, hint) = match &error {
            HomeError::Foreign { .. } => (Exit::Usage, "name a new or an empty one with --dir"),
            HomeError::Taken { .. } => (Exit::Conflict, "stop it, or name another one with --dir"),
            HomeError::Directory { .. } => (Exit::Failed, "name another one with --dir"),
        };
        Self::new(exit, "DIRECTORY", chain(&error)).hint(hint)
    }
}

impl From<LayoutError> for Failure {
    fn from(error: LayoutError) -> Self {
        const ELSEWHERE: &str = "name another directory with --dir";
        let (exit, reason, hint) = match &error {
            LayoutError::Other { .. } => (
                Exit::Usage,
                "OTHER_CLUSTER",
                "leave --nodes and --base-port out to go on with it, or name another directory with --dir",
            ),
            LayoutError::Port(_) => (Exit::Failed, "PORT", "choose other ports with --base-port"),
            LayoutError::Malformed { .. } => (Exit::Failed, "MALFORMED", ELSEWHERE),
            LayoutError::Directory { .. } | LayoutError::Read { .. } | LayoutError::Write(_) => {
                (Exit::Failed, "DIRECTORY", ELSEWHERE)
            }
        };
        Self::new(exit, reason, chain(&error)).hint(hint)
    }
}

impl From<CertificateError> for Failure {
    fn from(error: CertificateError) -> Self {
        Self::new(Exit::Failed, "CERTIFICATES", chain(&error))
    }
}

impl From<ListenError> for Failure {
    fn from(error: ListenError) -> Self {
        Self::new(Exit::Failed, "CONTROL", chain(&error))
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        Self::new(Exit::Failed, "NODE", chain(&error))
    }
}
