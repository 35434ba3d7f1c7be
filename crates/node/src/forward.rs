//! Every write and every linearizable read finds the leader here.
//!
//! A follower hands a command to the leader with the caller's identity, one
//! hop at the most: it comes in there as [`Router::write_here`]. The leader's
//! own commands pass here, too. Around elections it tries again, which is
//! safe: a request id is applied once, and each attempt says since when there
//! may have been others. What was never appended is refused as unavailable;
//! what may have been is never called refused, but unknown.

mod patience;

use crate::{
    leader::{ProposeError, Proposer, Submission},
    peers::{CallError, Peers},
    raft::{Raft, ReadIndexError, known_leader, led_term, read_index},
};
use bytes::Bytes;
use hosts::{Actor, Answer, Command, Fingerprint, Rejection, RequestId, Revision};
use openraft::async_runtime::WatchReceiver as _;
use patience::{Hope, deposed};
use raft_store::{
    failpoint,
    record::{self, ForwardOutcome},
};
use std::sync::Arc;
use tokio::time::Instant;

/// Finds the leader for writes and read indexes.
#[derive(Debug)]
pub struct Router {
    id: u64,
    raft: Raft,
    proposer: Proposer,
    peers: Arc<Peers>,
    hope: Hope,
}

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Refused; nothing changed.
    #[error(transparent)]
    Rejected(Rejection),
    /// No leader could be reached; nothing changed.
    #[error("no leader: {0}")]
    NoLeader(Missing),
    /// The leader did not come to it in time; nothing changed.
    #[error("the leader is busy: too much waits to be written, and nothing was changed")]
    Busy,
    /// No log entries can carry the change; nothing changed.
    #[error(transparent)]
    TooLong(record::ChangeTooLong),
    /// It was handed in, and nobody can say yet whether it takes effect.
    #[error(
        "the outcome is unknown: the leader was lost, or too slow, while the change was in flight"
    )]
    Unknown {
        /// Where the log stood before it was first sent: repeat it with this.
        since: Revision,
    },
    /// The node is stopping; nothing changed.
    #[error("the node is stopping")]
    Stopped,
    /// The leader's answer makes no sense to this node.
    #[error("node {node} answered what this node does not understand")]
    Garbled {
        /// The node.
        node: u64,
        /// What is wrong with it.
        #[source]
        cause: record::DecodeError,
    },
}

/// Why a linearizable read has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No leader could be reached that a majority confirms.
    #[error("no leader: {0}")]
    NoLeader(Missing),
    /// This node has not applied what the leader has committed, in time.
    #[error("this node is behind: it has not applied log index {index} in time")]
    Behind {
        /// What it would need to have applied.
        index: u64,
    },
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopped,
}

/// A command as its caller asked for it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What is asked for.
    pub command: Arc<Command>,
    /// Who asks, from the certificate.
    pub by: Actor,
    /// The caller's id for it.
    pub request: RequestId,
    /// Whether it may have been asked before.
    pub since: Since,
    /// Of the request, where that says more than the command.
    pub fingerprint: Option<Fingerprint>,
}

/// Whether a request may have been sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// This call is its first attempt, and found this node's log applied so
    /// far.
    New(Revision),
    /// It may have been sent before, and not before the log was here.
    Known(Revision),
}

/// Who is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Names of the voters this node cannot reach.
    pub unreachable: Vec<String>,
    /// All voters.
    pub voters: usize,
}

/// How one attempt at the leader ended.
enum Attempt {
    /// Answered, or refused by a majority's word.
    Done(Result<Answer, Rejection>),
    /// Nobody to ask, or they refuse: nothing was appended.
    NotThere,
    /// Asked, and no answer: it may have been appended.
    Unanswered,
}

impl Router {
    /// For the node `id`, whose own proposals go to `proposer`.
    #[must_use]
    pub fn new(id: u64, raft: Raft, proposer: Proposer, peers: Arc<Peers>) -> Self {
        Self {
            id,
            raft,
            proposer,
            peers,
            hope: Hope::default(),
        }
    }

    /// The answer to what is asked, from whoever leads, before `deadline`.
    ///
    /// # Errors
    /// [`WriteError`]; only [`WriteError::Unknown`] and [`WriteError::Garbled`]
    /// leave open whether the change takes effect, and repeating it with the
    /// same id is safe.
    pub async fn write(&self, asked: Asked, deadline: Instant) -> Result<Answer, WriteError> {
        let mut encoded = None;
        let mut in_flight = false;
        let (mut since, mut new) = match asked.since {
            Since::New(applied) => (applied, true),
            Since::Known(since) => (since, false),
        };
        let mut patience = self.hope.patience(deadline);
        loop {
            let attempt = match known_leader(&self.raft) {
                None => Ok(Attempt::NotThere),
                Some(leader) if leader == self.id => self.propose(&asked, since, deadline).await,
                // A change is not sent after a leader that may be long gone.
                Some(leader) if !patience.again && !self.leads(leader, patience.until).await => {
                    Ok(Attempt::NotThere)
                }
                Some(leader) => {
                    let command =
                        encoded.get_or_insert_with(|| record::encode_command(&asked.command));
                    failpoint::FORWARD.reach();
                    let call = self
                        .peers
                        .forward(leader, &asked, since, command.clone(), deadline);
                    let called = tokio::select! {
                        called = call => called,
                        () = deposed(&self.raft, leader) => Err(CallError::Unanswered(
                            "another leader is being elected".into(),
                        )),
                    };
                    failpoint::FORWARDED.reach();
                    came_back(leader, called)
                }
            };
            let attempt = attempt.map_err(|error| gave_up(error, in_flight, since))?;
            match attempt {
                // Nobody had it before, and it is in nobody's hands now: only
                // this node was far behind. It begins anew where the log is.
                Attempt::Done(Err(Rejection::RequestForgotten { .. })) if new && !in_flight => {
                    new = false;
                    match self.read_index(deadline).await {
                        Ok(index) => since = Revision::new(index),
                        Err(ReadError::NoLeader(missing)) => {
                            return Err(WriteError::NoLeader(missing));
                        }
                        Err(ReadError::Behind { .. } | ReadError::Stopped) => {
                            return Err(WriteError::Stopped);
                        }
                    }
                    continue;
                }
                Attempt::Done(result) => {
                    self.hope.found();
                    return result.map_err(WriteError::Rejected);
                }
                Attempt::NotThere => {}
                Attempt::Unanswered => {
                    in_flight = true;
                    // It is worth the whole deadline to learn what became of it.
                    patience.stretch(deadline);
                }
            }
            if !patience.pause(&self.raft).await {
                self.hope.lost(patience);
                let missing = WriteError::NoLeader(self.missing());
                return Err(gave_up(missing, in_flight, since));
            }
        }
    }

    /// A command another node has forwarded: only if this node leads.
    pub async fn write_here(&self, submission: Submission) -> ForwardOutcome {
        match self.proposer.propose(submission).await {
            Ok(answer) => ForwardOutcome::Answered(answer),
            Err(ProposeError::Rejected(rejection)) => ForwardOutcome::Rejected(rejection),
            Err(ProposeError::NotLeader | ProposeError::Stopped) => ForwardOutcome::NotLeader,
            Err(ProposeError::Busy) => ForwardOutcome::Busy,
            Err(ProposeError::TooLong(cause)) => ForwardOutcome::TooLong(cause),
            Err(ProposeError::Unknown) => ForwardOutcome::Unknown,
        }
    }

    /// The index a linearizable read must have applied.
    ///
    /// # Errors
    /// [`ReadError`], at `deadline` at the latest.
    pub async fn read_index(&self, deadline: Instant) -> Result<u64, ReadError> {
        let patience = self.hope.patience(deadline);
        failpoint::READ_INDEX.reach();
        loop {
            let index = match known_leader(&self.raft) {
                None => None,
                // A majority has been silent for long: it would only be again.
                Some(leader) if leader == self.id && led_term(&self.raft).is_none() => None,
                Some(leader) if leader == self.id => {
                    match tokio::time::timeout_at(patience.until, read_index(&self.raft)).await {
                        Ok(Ok(index)) => Some(index),
                        Ok(Err(ReadIndexError::Stopped)) => return Err(ReadError::Stopped),
                        Ok(Err(ReadIndexError::NotLeader | ReadIndexError::NoQuorum)) | Err(_) => {
                            None
                        }
                    }
                }
                Some(leader) => tokio::select! {
                    index = self.peers.read_index(leader, patience.until) => index.ok(),
                    () = deposed(&self.raft, leader) => None,
                },
            };
            if let Some(index) = index {
                self.hope.found();
                return Ok(index);
            }
            if !patience.pause(&self.raft).await {
                self.hope.lost(patience);
                return Err(ReadError::NoLeader(self.missing()));
            }
        }
    }

    /// Asks this node's own leadership.
    async fn propose(
        &self,
        asked: &Asked,
        since: Revision,
        deadline: Instant,
    ) -> Result<Attempt, WriteError> {
        let submission = Submission {
            command: Arc::clone(&asked.command),
            by: asked.by.clone(),
            request: asked.request.clone(),
            since: Some(since),
            fingerprint: asked.fingerprint,
            deadline,
        };
        Ok(match self.proposer.propose(submission).await {
            Ok(answer) => Attempt::Done(Ok(answer)),
            Err(ProposeError::Rejected(rejection)) => Attempt::Done(Err(rejection)),
            Err(ProposeError::TooLong(cause)) => return Err(WriteError::TooLong(cause)),
            Err(ProposeError::NotLeader) => Attempt::NotThere,
            Err(ProposeError::Busy) => return Err(WriteError::Busy),
            Err(ProposeError::Unknown) => Attempt::Unanswered,
            Err(ProposeError::Stopped) => return Err(WriteError::Stopped),
        })
    }

    /// Whether `leader` says, before `until`, that a majority confirms it.
    async fn leads(&self, leader: u64, until: Instant) -> bool {
        self.peers.read_index(leader, until).await.is_ok()
    }

    /// Who a leader would need and this node cannot reach.
    pub(crate) fn missing(&self) -> Missing {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let membership = metrics.membership_config.membership();
        let voters: Vec<u64> = membership.voter_ids().collect();
        let unreachable = voters
            .iter()
            .filter(|&&voter| voter != self.id && !self.peers.answers(voter))
            .map(|voter| {
                membership
                    .get_node(voter)
                    .map_or_else(|| voter.to_string(), |m| m.name.clone())
            })
            .collect();
        Missing {
            unreachable,
            voters: voters.len(),
        }
    }
}

/// What another node made of a forwarded command.
fn came_back(leader: u64, called: Result<Bytes, CallError>) -> Result<Attempt, WriteError> {
    let reply = match called {
        Ok(reply) => reply,
        Err(CallError::NotSent(_)) => return Ok(Attempt::NotThere),
        Err(CallError::Unanswered(_)) => return Ok(Attempt::Unanswered),
    };
    let garbled = |cause| WriteError::Garbled {
        node: leader,
        cause,
    };
    Ok(
        match record::decode_forward_outcome(&reply).map_err(garbled)? {
            ForwardOutcome::Answered(answer) => Attempt::Done(Ok(answer)),
            ForwardOutcome::Rejected(rejection) => Attempt::Done(Err(rejection)),
            ForwardOutcome::TooLong(cause) => return Err(WriteError::TooLong(cause)),
            ForwardOutcome::NotLeader => Attempt::NotThere,
            ForwardOutcome::Busy => return Err(WriteError::Busy),
            ForwardOutcome::Unknown => Attempt::Unanswered,
        },
    )
}

/// What a caller is told when this node tries no more. Nothing but an answer
/// settles a change that was handed to a leader before: it may yet take effect.
fn gave_up(error: WriteError, in_flight: bool, since: Revision) -> WriteError {
    if in_flight {
        WriteError::Unknown { since }
    } else {
        error
    }
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.voters == 0 {
            return f.write_str("the cluster is not formed yet");
        }
        let needed = self.voters / 2 + 1;
        if self.unreachable.is_empty() {
            write!(
                f,
                "{needed} of {} voters must agree, and they have not yet",
                self.voters
            )
        } else {
            write!(
                f,
                "{needed} of {} voters must agree, and {} cannot be reached from here",
                self.voters,
                self.unreachable.join(", ")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends() -> [WriteError; 4] {
        [
            WriteError::Stopped,
            WriteError::Busy,
            WriteError::TooLong(record::ChangeTooLong { len: 1 << 30 }),
            WriteError::NoLeader(Missing {
                unreachable: vec!["n2".into()],
                voters: 3,
            }),
        ]
    }

    #[test]
    fn a_change_that_another_leader_was_handed_is_of_unknown_outcome_however_this_node_ends() {
        let since = Revision::new(41);
        for error in ends() {
            let told = gave_up(error, true, since);
            assert!(
                matches!(told, WriteError::Unknown { since: known } if known == since),
                "{told:?}"
            );
        }
    }

    #[test]
    fn a_change_that_nobody_was_handed_is_refused_in_the_words_of_its_end() {
        for (error, same) in ends().into_iter().zip(ends()) {
            let told = gave_up(error, false, Revision::new(41));
            assert_eq!(told.to_string(), same.to_string());
        }
    }

    #[test]
    fn what_a_leader_says_tells_whether_the_change_may_be_in_its_log() {
        let said = |outcome| came_back(2, Ok(record::encode_forward_outcome(&outcome)));
        assert!(matches!(
            said(ForwardOutcome::NotLeader),
            Ok(Attempt::NotThere)
        ));
        assert!(matches!(
            said(ForwardOutcome::Unknown),
            Ok(Attempt::Unanswered)
        ));
        assert!(matches!(said(ForwardOutcome::Busy), Err(WriteError::Busy)));
        let garbled = came_back(2, Ok(Bytes::from_static(b"?")));
        assert!(matches!(garbled, Err(WriteError::Garbled { node: 2, .. })));
        let not_sent = came_back(2, Err(CallError::NotSent("no route".into())));
        assert!(matches!(not_sent, Ok(Attempt::NotThere)));
        let silent = came_back(2, Err(CallError::Unanswered("silent".into())));
        assert!(matches!(silent, Ok(Attempt::Unanswered)));
    }
}
