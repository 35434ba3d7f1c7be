//! What can come between a call and its answer, and what it means for a
//! change that may have been made all the same.

use super::endpoint::Endpoint;
use super::tls::{Refusal, Seen, Tls};
use super::{Once, index_of};
use crate::exit::{Failure, chain, reasons};
use hosts::Revision;
use proto::metadata::REQUEST_SINCE;
use std::error::Error as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Why a node gave no answer that stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Trouble {
    /// Nobody is there.
    Unreachable(String),
    /// One side does not trust the other.
    Tls(Refusal),
    /// The node answers, and cannot serve the call now. It has not taken it.
    NotNow(Failure),
    /// The call was sent and its answer never came. A change may be made.
    Lost(String),
    /// The node itself cannot tell what became of a change, which it first
    /// got when the log was there.
    Unsure(Failure, Option<Revision>),
    /// The node refuses the call, and its word says nothing of an attempt
    /// before, whose change may be made.
    Refused(Failure),
    /// The time was over before this node's turn.
    NoTime,
    /// Somebody ended it, and nothing is changed by this attempt.
    Interrupted,
}

/// What one node's answer means for the call.
pub(super) enum Verdict<T> {
    /// It is done.
    Answered(T),
    /// It is refused, by any node, and so is every attempt before.
    Settled(Failure),
    /// It is refused, and that is final if no attempt before may be made.
    Refused(Failure),
    /// Another node may do better.
    Elsewhere(Trouble),
}

/// The domain of reasons that nodes give.
const DOMAIN: &str = "router-hosts";

/// What only the cluster's records can say, which know every request that was
/// applied and answer a repeat as they answered it first. Any other refusal is
/// that of the node at hand, or of a proxy before it. `REQUEST_KNOWN` is not
/// among them: it says that an attempt was applied.
const SETTLED: [&str; 13] = [
    "NOT_FOUND",
    "AMBIGUOUS",
    "DUPLICATE",
    "ID_TAKEN",
    "VERSION_MISMATCH",
    "MOVED",
    "REQUEST_REUSED",
    "IMPORT_CONFLICTS",
    "IMPORT_TOO_LARGE",
    "TOO_MANY_HOSTS",
    "SNAPSHOT_NOT_FOUND",
    "TOO_MANY_SNAPSHOTS",
    "CHANGE_TOO_LARGE",
];

/// Judges an answer; `None` is silence until the deadline.
pub(super) fn judge<T>(
    answer: Option<Result<T, Status>>,
    seen: &Seen,
    tls: &Tls,
    change: bool,
) -> Verdict<T> {
    let status = match answer {
        None => return Verdict::Elsewhere(Trouble::Lost("no answer in time".to_owned())),
        Some(Ok(answer)) => return Verdict::Answered(answer),
        Some(Err(status)) => status,
    };
    if let Some(error) = seen.refused() {
        return Verdict::Elsewhere(match seen.spoke() {
            // Mid-call, with records that do not verify: a broken line.
            true => Trouble::Lost(error.to_string()),
            false => Trouble::Tls(tls.refusal(error)),
        });
    }
    if !seen.spoke() {
        // It has taken no call. Nor has it refused us, which it does with an
        // alert: it went down, or has no place for another connection.
        return Verdict::Elsewhere(Trouble::Unreachable(
            "it closed the connection before its first word".to_owned(),
        ));
    }
    of_status(&status, change)
}

fn of_status<T>(status: &Status, change: bool) -> Verdict<T> {
    let reason = status
        .get_details_error_info()
        .filter(|info| info.domain == DOMAIN)
        .map(|info| info.reason);
    let failure = Failure::answered(status.code(), reason.as_deref(), status.message());
    match (status.code(), reason.as_deref()) {
        (_, Some("OUTCOME_UNKNOWN")) if change => {
            let since = index_of(status.metadata(), REQUEST_SINCE);
            Verdict::Elsewhere(Trouble::Unsure(failure, since))
        }
        (_, Some("OUTCOME_UNKNOWN")) => Verdict::Elsewhere(Trouble::NotNow(failure)),
        // A node says so only of a call that it has not taken.
        (Code::Unavailable, Some(_)) => Verdict::Elsewhere(Trouble::NotNow(failure)),
        (Code::DeadlineExceeded, Some(_)) if !change => {
            Verdict::Elsewhere(Trouble::NotNow(failure))
        }
        (_, Some(reason)) if SETTLED.contains(&reason) => Verdict::Settled(failure),
        (_, Some(_)) => Verdict::Refused(failure),
        // Without a reason these are not a node's words: the line broke, or a
        // timer of the transport ran out.
        (
            Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::Unknown
            | Code::Internal
            | Code::DataLoss,
            None,
        ) => Verdict::Elsewhere(Trouble::Lost(cause_of(status))),
        (_, None) => Verdict::Refused(failure),
    }
}

fn cause_of(status: &Status) -> String {
    match status.source() {
        Some(cause) => chain(cause),
        None if status.message().is_empty() => status.code().description().to_owned(),
        None => status.message().to_owned(),
    }
}

/// What was tried for one call.
pub(super) struct Trials<'a> {
    what: &'a str,
    once: Option<&'a Once>,
    /// Where the log was before the first attempt, if that is known.
    since: Option<Revision>,
    tried: Vec<(Endpoint, Trouble)>,
}

impl<'a> Trials<'a> {
    /// For a change, with its request id.
    pub(super) fn new(what: &'a str, once: Option<&'a Once>) -> Self {
        Self {
            what,
            once,
            since: once.and_then(|once| once.since),
            tried: Vec::new(),
        }
    }

    /// Notes what came of one node.
    pub(super) fn note(&mut self, node: &Endpoint, trouble: Trouble) {
        tracing::info!(%node, trouble = %shown(&trouble), "no answer that stands");
        // Once an attempt was lost without a word, nobody knows any more.
        if let (Trouble::Unsure(_, since), None) = (&trouble, self.since()) {
            self.since = *since;
        }
        self.tried.push((node.clone(), trouble));
    }

    /// Notes that somebody ended it after it was sent to this node.
    pub(super) fn interrupted(&mut self, node: &Endpoint) {
        self.note(
            node,
            match self.once {
                Some(_) => Trouble::Lost("interrupted".to_owned()),
                None => Trouble::Interrupted,
            },
        );
    }

    /// What the next attempt says of those before it.
    pub(super) fn since(&self) -> Option<Revision> {
        let unknown = self.perhaps().then_some(Revision::new(0));
        self.since.or(unknown)
    }

    /// Whether a change may have been made already.
    pub(super) fn perhaps(&self) -> bool {
        self.once.is_some()
            && self
                .tried
                .iter()
                .any(|(_, trouble)| matches!(trouble, Trouble::Lost(_) | Trouble::Unsure(..)))
    }

    /// What all of it comes to: an unknown outcome before anything else, then
    /// that it was interrupted, then what a person can mend (TLS), then what the nodes said.
    pub(super) fn failure(self) -> Failure {
        let list: Vec<String> = self
            .tried
            .iter()
            .map(|(node, trouble)| format!("{node}: {}", shown(trouble)))
            .collect();
        let list = list.join("; ");
        let what = self.what;
        if let (Some(Once { id, .. }), true, Some(since)) =
            (self.once, self.perhaps(), self.since())
        {
            return Failure::of(
                reasons::OUTCOME_UNKNOWN,
                format!("cannot tell whether it was done: {what} ({list})"),
            )
            .hint(format!(
                "run the command again with --request-id {id} --request-since {since}: it is done once, \
                 however often it is sent; should nobody know what became of it, see what is there and \
                 send it anew, without these"
            ));
        }
        // Nobody knows what the nodes that had no turn would have said.
        if let Some((_, Trouble::Interrupted)) = self.tried.last() {
            return Failure::of(
                reasons::INTERRUPTED,
                format!("interrupted: {what} ({list})"),
            );
        }
        let tls = self.tried.iter().find_map(|(_, trouble)| match trouble {
            Trouble::Tls(refusal) => Some(refusal),
            _ => None,
        });
        if let Some(refusal) = tls {
            return Failure::of(
                refusal.row(),
                format!("cannot {what}: TLS was refused ({list})"),
            );
        }
        let said = self
            .tried
            .iter()
            .rev()
            .find_map(|(_, trouble)| match trouble {
                Trouble::NotNow(failure) => Some(failure),
                _ => None,
            });
        if let Some(said) = said {
            return Failure {
                message: format!("cannot {what}: {list}"),
                ..said.clone()
            };
        }
        Failure::of(
            reasons::UNREACHABLE,
            format!("cannot {what}: no node answers ({list})"),
        )
    }
}

fn shown(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Unreachable(cause) => cause.clone(),
        Trouble::Tls(refusal) => refusal.to_string(),
        Trouble::NotNow(failure) | Trouble::Unsure(failure, _) | Trouble::Refused(failure) => {
            failure.message.clone()
        }
        Trouble::Lost(cause) => format!("sent, and no answer came: {cause}"),
        Trouble::NoTime => "no time left to try it".to_owned(),
        Trouble::Interrupted => "given up before its answer".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use hosts::RequestId;
    use tonic_types::ErrorDetails;

    fn said(code: Code, reason: &str) -> Status {
        let details = ErrorDetails::with_error_info(reason, DOMAIN, []);
        Status::with_error_details(code, "the message", details)
    }

    fn trouble(status: &Status, change: bool) -> Option<Trouble> {
        match of_status::<()>(status, change) {
            Verdict::Elsewhere(trouble) => Some(trouble),
            Verdict::Answered(()) | Verdict::Settled(_) | Verdict::Refused(_) => None,
        }
    }

    fn tried(once: Option<&Once>, troubles: &[Trouble]) -> Failure {
        let mut trials = Trials::new("add nas.lan", once);
        for trouble in troubles {
            trials.note(&"a:1".parse().unwrap(), trouble.clone());
        }
        trials.failure()
    }

    fn once(since: Option<u64>) -> Once {
        Once {
            id: RequestId::parse("r-1").unwrap(),
            since: since.map(Revision::new),
        }
    }

    #[test]
    fn only_what_is_not_a_refusal_goes_to_another_node() {
        for (code, reason) in [
            (Code::InvalidArgument, "INVALID_ARGUMENT"),
            (Code::NotFound, "NOT_FOUND"),
            (Code::AlreadyExists, "DUPLICATE"),
            (Code::Aborted, "VERSION_MISMATCH"),
            (Code::PermissionDenied, "PERMISSION_DENIED"),
            (Code::Internal, "INTERNAL"),
        ] {
            assert_eq!(trouble(&said(code, reason), true), None, "{reason}");
        }
        for reason in ["NO_LEADER", "NO_QUORUM", "BUSY", "SHUTTING_DOWN"] {
            let answer = trouble(&said(Code::Unavailable, reason), true);
            assert!(matches!(answer, Some(Trouble::NotNow(_))), "{reason}");
        }
    }

    #[test]
    fn what_a_node_does_not_say_leaves_a_change_open() {
        for code in [
            Code::Unavailable,
            Code::Unknown,
            Code::Internal,
            Code::Cancelled,
            Code::DeadlineExceeded,
        ] {
            let answer = trouble(&Status::new(code, "line"), true);
            assert!(matches!(answer, Some(Trouble::Lost(_))), "{code:?}");
        }
        let foreign = ErrorDetails::with_error_info("NO_QUORUM", "elsewhere", []);
        let foreign = Status::with_error_details(Code::Unavailable, "m", foreign);
        assert!(matches!(trouble(&foreign, true), Some(Trouble::Lost(_))));
    }

    #[test]
    fn an_unknown_outcome_outweighs_what_follows_it() {
        let request = once(None);
        let unsure = trouble(&said(Code::DeadlineExceeded, "OUTCOME_UNKNOWN"), true).unwrap();
        let refused = Trouble::Unreachable("connection refused".to_owned());
        let failure = tried(Some(&request), &[unsure.clone(), refused.clone()]);
        assert_eq!(failure.exit, Exit::OutcomeUnknown);
        assert!(failure.hint.unwrap().contains("--request-id r-1"));
        assert!(failure.message.contains("connection refused"));

        // A read has no outcome that could be unknown.
        let lost = Trouble::Lost("broken pipe".to_owned());
        assert_eq!(tried(None, &[lost, refused]).exit, Exit::Unavailable);
    }

    #[test]
    fn a_repeat_says_since_when_there_may_have_been_others() {
        let unsure = |since: Option<u64>| {
            let mut status = said(Code::DeadlineExceeded, "OUTCOME_UNKNOWN");
            if let Some(since) = since {
                status.metadata_mut().insert(REQUEST_SINCE, since.into());
            }
            trouble(&status, true).unwrap()
        };
        let lost = Trouble::Lost("broken pipe".to_owned());
        let down = Trouble::Unreachable("connection refused".to_owned());
        let new = once(None);
        for (once, troubles, since) in [
            (&new, vec![down.clone()], None),
            (&new, vec![unsure(Some(41))], Some(41)),
            (&new, vec![unsure(Some(41)), lost.clone()], Some(41)),
            // Whoever lost the first one without a word cannot know.
            (&new, vec![lost.clone(), unsure(Some(41))], Some(0)),
            (&new, vec![unsure(None)], Some(0)),
            (
                &once(Some(7)),
                vec![lost.clone(), unsure(Some(41))],
                Some(7),
            ),
        ] {
            let mut trials = Trials::new("add nas.lan", Some(once));
            for trouble in &troubles {
                trials.note(&"a:1".parse().unwrap(), trouble.clone());
            }
            assert_eq!(trials.since(), since.map(Revision::new), "{troubles:?}");
            if let Some(since) = since {
                let hint = trials.failure().hint.unwrap();
                assert!(
                    hint.contains(&format!("--request-since {since}:")),
                    "{hint}"
                );
            }
        }
    }

    #[test]
    fn tls_is_told_before_nodes_that_are_down() {
        let down = Trouble::Unreachable("connection refused".to_owned());
        let tls = Trouble::Tls(Refusal::UnknownCa);
        let failure = tried(None, &[down.clone(), tls, down]);
        assert_eq!(failure.exit, Exit::NotPermitted);
        assert_eq!(failure.reason, "TLS_UNKNOWN_CA");
    }

    #[test]
    fn the_last_reason_of_a_node_is_kept() {
        let no_quorum = trouble(&said(Code::Unavailable, "NO_QUORUM"), true).unwrap();
        let down = Trouble::Unreachable("connection refused".to_owned());
        let request = once(None);
        let failure = tried(Some(&request), &[no_quorum, down]);
        assert_eq!(failure.exit, Exit::Unavailable);
        assert_eq!(failure.reason, "NO_QUORUM");
    }
}
