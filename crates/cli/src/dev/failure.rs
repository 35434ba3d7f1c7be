//! What goes wrong in `dev`, as a person and a script are told: exit status, reason, what to do next.

use std::io;

use super::certificates::CertificateError;
use super::control::ListenError;
use super::home::HomeError;
use super::layout::LayoutError;
use super::process::{Down, Node, NodeError, State};
use crate::exit::reasons::{self, Row};
use crate::exit::{Failure, chain};

/// What the operating system refuses.
pub(crate) fn refused(row: Row, what: &str, cause: &io::Error) -> Failure {
    Failure::of(row, format!("{what}: {cause}"))
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
    Some(Failure::of(reasons::NODE_ENDED, message).hint(hint))
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        let row = match &error {
            HomeError::Foreign { .. } => reasons::DIRECTORY_FOREIGN,
            HomeError::Taken { .. } => reasons::DIRECTORY_TAKEN,
            HomeError::Directory { .. } => reasons::DIRECTORY,
        };
        Self::of(row, chain(&error))
    }
}

impl From<LayoutError> for Failure {
    fn from(error: LayoutError) -> Self {
        let row = match &error {
            LayoutError::Other { .. } => reasons::OTHER_CLUSTER,
            LayoutError::Port(_) => reasons::PORT,
            LayoutError::Malformed { .. } => reasons::MALFORMED,
            LayoutError::Directory { .. } | LayoutError::Read { .. } | LayoutError::Write(_) => {
                reasons::DIRECTORY
            }
        };
        Self::of(row, chain(&error))
    }
}

impl From<CertificateError> for Failure {
    fn from(error: CertificateError) -> Self {
        Self::of(reasons::CERTIFICATES, chain(&error))
    }
}

impl From<ListenError> for Failure {
    fn from(error: ListenError) -> Self {
        Self::of(reasons::CONTROL, chain(&error))
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        Self::of(reasons::NODE, chain(&error))
    }
}
