//! What a status tells a client of its call: the one judgement that all histories are made with.
//!
//! A reason is believed with its own code and domain only, as `node::api::status` gives them. Without one these are not a
//! node's words – the line broke, or a timer of the transport ran out – and nothing is known.

use proto::metadata::REQUEST_SINCE;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::history::{Answered, Reason};

/// What came of one attempt that was not answered.
#[derive(Clone, Debug)]
pub struct Told {
    /// For the history.
    pub answered: Answered,
    /// When nothing is known: where the log stood before the first attempt, 0 if the node does not say so. A repeat says
    /// it.
    pub since: Option<u64>,
}

impl Told {
    /// No answer came.
    #[must_use]
    pub const fn nothing() -> Self {
        Self {
            answered: Answered::Unknown,
            since: Some(0),
        }
    }

    fn certain(answered: Answered) -> Self {
        let since = None;
        Self { answered, since }
    }
}

impl From<&Status> for Told {
    fn from(status: &Status) -> Self {
        let info = status.get_details_error_info();
        let Some(info) = info.filter(|info| info.domain == DOMAIN) else {
            return Self::nothing();
        };
        let reason = match (status.code(), info.reason.as_str()) {
            (Code::DeadlineExceeded, "OUTCOME_UNKNOWN") => {
                let since = status.metadata().get(REQUEST_SINCE);
                let since = since.and_then(|text| text.to_str().ok()?.parse().ok());
                return Self {
                    since: Some(since.unwrap_or(0)),
                    ..Self::nothing()
                };
            }
            (Code::Unavailable, "NO_QUORUM" | "BUSY" | "BEHIND" | "SHUTTING_DOWN") => {
                return Self::certain(Answered::Refused);
            }
            (Code::NotFound, "NOT_FOUND") => Reason::NotFound,
            (Code::AlreadyExists, "DUPLICATE") => Reason::Duplicate,
            (Code::InvalidArgument, "AMBIGUOUS") => Reason::Ambiguous,
            (Code::Aborted, "VERSION_MISMATCH") => Reason::VersionMismatch,
            (Code::AlreadyExists, "IMPORT_CONFLICTS") => Reason::ImportConflicts,
            (code, other) => Reason::Other(format!("{code:?} {other}")),
        };
        Self::certain(Answered::Rejected(reason))
    }
}

/// Of the reasons of nodes.
const DOMAIN: &str = "router-hosts";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use tonic_types::ErrorDetails;

    fn told(code: Code, reason: &str, domain: &str) -> Told {
        let details = ErrorDetails::with_error_info(reason, domain, HashMap::new());
        Told::from(&Status::with_error_details(code, "no", details))
    }

    #[test]
    fn a_reason_is_believed_with_its_own_code_and_domain_only() {
        let Told { answered, since } = told(Code::NotFound, "NOT_FOUND", DOMAIN);
        assert!(matches!(answered, Answered::Rejected(Reason::NotFound)) && since.is_none());
        let wrong = told(Code::Internal, "NOT_FOUND", DOMAIN).answered;
        assert!(
            matches!(&wrong, Answered::Rejected(Reason::Other(why)) if why == "Internal NOT_FOUND")
        );
        let foreign = told(Code::NotFound, "NOT_FOUND", "elsewhere");
        assert!(matches!(foreign.answered, Answered::Unknown) && foreign.since == Some(0));
        let bare = Told::from(&Status::unavailable("no reason"));
        assert!(matches!(bare.answered, Answered::Unknown));
    }

    #[test]
    fn not_tried_is_what_a_node_says_of_it() {
        let refused = told(Code::Unavailable, "NO_QUORUM", DOMAIN).answered;
        assert!(matches!(refused, Answered::Refused));
        let new = told(Code::Unavailable, "SOMETHING_NEW", DOMAIN).answered;
        assert!(matches!(new, Answered::Rejected(Reason::Other(_))));
    }

    #[test]
    fn an_unknown_outcome_says_since_when() {
        let details = ErrorDetails::with_error_info("OUTCOME_UNKNOWN", DOMAIN, HashMap::new());
        let mut status = Status::with_error_details(Code::DeadlineExceeded, "perhaps", details);
        assert_eq!(Told::from(&status).since, Some(0));
        status.metadata_mut().insert(REQUEST_SINCE, 41.into());
        assert_eq!(Told::from(&status).since, Some(41));
    }
}
