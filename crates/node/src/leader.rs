//! The only proposer: commands become changes here, in one order.
//!
//! One task takes submissions one after the other, so the order of stamps is
//! the order of the log. It does not wait for a commit before it takes the
//! next: openraft appends what has gathered in one write and one flush.
//!
//! What changes nothing is answered only after a read index: a deposed leader
//! must not say "already exists". What was refused at apply, because another
//! entry came between, is decided again.

use crate::{
    clock::Clock,
    lookout::Clocks,
    raft::{Raft, ReadIndexError, led_term, read_index},
    tasks::PartResult,
};
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use hosts::{
    Actor, Answer, Command, Decision, Fingerprint, Rejection, RequestId, Revision, Stamp, decide,
};
use openraft::{errors::ClientWriteError, raft::ClientWriteResult};
use raft_store::{
    Applied,
    limits::PROPOSAL_BYTES_MAX,
    raft::{CommittedLeaderId, EncodedProposal, Response, TypeConfig},
    record,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// A command on its way into the log.
#[derive(Debug)]
pub struct Submission {
    /// What is asked for.
    pub command: Arc<Command>,
    /// Who asks, from the certificate.
    pub by: Actor,
    /// The client's id for it: applied once, however often it comes.
    pub request: RequestId,
    /// Where the log stood before it was first sent, as far as that is known.
    pub since: Option<Revision>,
    /// Of the request as its caller made it; `None`: that of the command.
    pub fingerprint: Option<Fingerprint>,
    /// When nobody waits for the answer any more.
    pub deadline: Instant,
}

/// Why there is no answer from this node's leadership.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError {
    /// This node does not lead; nothing was appended.
    #[error("this node does not lead")]
    NotLeader,
    /// The command is refused, and a majority agrees that it is.
    #[error(transparent)]
    Rejected(Rejection),
    /// No entries can carry the change; nothing was appended.
    #[error(transparent)]
    TooLong(record::ChangeTooLong),
    /// It was handed to Raft, and no answer came: it may yet take effect.
    #[error("leadership was lost while the change was in flight")]
    Unknown,
    /// The node is stopping, or its log has failed.
    #[error("the node is stopping")]
    Stopped,
}

/// Where submissions are handed in.
#[derive(Clone, Debug)]
pub struct Proposer {
    queue: mpsc::Sender<Pending>,
}

/// The proposing task of one node.
pub struct Leader {
    raft: Raft,
    applied: watch::Receiver<Arc<Applied>>,
    clock: Arc<dyn Clock>,
    clocks: watch::Receiver<Clocks>,
    queue: mpsc::Receiver<Pending>,
    in_flight: FuturesUnordered<BoxFuture<'static, Landed>>,
}

/// What exists only while this node leads, and goes with its term.
#[derive(Clone, Copy, Debug)]
struct Leadership {
    term: u64,
}

#[derive(Debug)]
struct Pending {
    submission: Submission,
    /// Set by whoever comes first: the leader when it hands the change to
    /// Raft, or the caller when it gives up. Who gave up in time was refused;
    /// after that the outcome is open until it is answered.
    claimed: Arc<AtomicBool>,
    /// It was the leader.
    handed_over: bool,
    /// A read index has been reached since the command came: an answer that
    /// changes nothing is true now.
    confirmed: bool,
    answer: oneshot::Sender<Result<Answer, ProposeError>>,
}

/// A submission that came back from Raft.
struct Landed {
    pending: Pending,
    outcome: Outcome,
}

enum Outcome {
    Written(ClientWriteResult<TypeConfig>),
    Confirmed(Result<(), ReadIndexError>),
    RaftGone,
}

/// Submissions that wait to be decided. More than the log can take in a
/// moment would only wait longer.
const QUEUE_MAX: usize = 1024;

/// Submissions that wait for their commit; each holds its command.
const IN_FLIGHT_MAX: usize = 4096;

impl Proposer {
    /// Hands `submission` in and waits for its outcome, not beyond its deadline.
    ///
    /// # Errors
    /// [`ProposeError::Unknown`] also when the deadline passes, or the leader
    /// ends, after the change was handed to Raft.
    pub async fn propose(&self, submission: Submission) -> Result<Answer, ProposeError> {
        let deadline = submission.deadline;
        let (answer, answered) = oneshot::channel();
        let claimed = Arc::new(AtomicBool::new(false));
        let pending = Pending {
            submission,
            claimed: Arc::clone(&claimed),
            handed_over: false,
            confirmed: false,
            answer,
        };
        match tokio::time::timeout_at(deadline, self.queue.send(pending)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(ProposeError::Stopped),
            // Never handed in, so never appended.
            Err(_) => return Err(ProposeError::NotLeader),
        }
        let answer = tokio::time::timeout_at(deadline, answered).await;
        match answer {
            Ok(Ok(result)) => result,
            _ if claimed.swap(true, Ordering::AcqRel) => Err(ProposeError::Unknown),
            Ok(Err(_)) => Err(ProposeError::Stopped),
            Err(_) => Err(ProposeError::NotLeader),
        }
    }
}

impl Leader {
    /// The task, and where to hand submissions in.
    #[must_use]
    pub fn new(
        raft: Raft,
        applied: watch::Receiver<Arc<Applied>>,
        clock: Arc<dyn Clock>,
        clocks: watch::Receiver<Clocks>,
    ) -> (Self, Proposer) {
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        let in_flight = FuturesUnordered::new();
        (
            Self {
                raft,
                applied,
                clock,
                clocks,
                queue,
                in_flight,
            },
            Proposer { queue: sender },
        )
    }

    /// Proposes until told to stop. What is in flight then has had its time
    /// while the port closed, and without a majority would never come back:
    /// its callers get [`ProposeError::Unknown`].
    ///
    /// # Errors
    /// Raft has stopped under it.
    pub async fn run(mut self, stop: CancellationToken) -> PartResult {
        tokio::select! {
            ended = self.serve() => ended,
            () = stop.cancelled() => Ok(()),
        }
    }

    async fn serve(&mut self) -> PartResult {
        loop {
            tokio::select! {
                Some(landed) = self.in_flight.next() => self.land(landed).await?,
                pending = self.queue.recv(), if self.in_flight.len() < IN_FLIGHT_MAX => match pending {
                    Some(pending) => self.take(pending).await?,
                    None => return Ok(()),
                },
            }
        }
    }

    /// Decides one command on the projection as it is now.
    async fn take(&mut self, pending: Pending) -> PartResult {
        if pending.submission.deadline <= Instant::now() {
            return reply(pending, Err(ProposeError::NotLeader));
        }
        let Some(leadership) = Leadership::current(&self.raft) else {
            return reply(pending, Err(ProposeError::NotLeader));
        };
        if !self.clocks.borrow().may_stamp() {
            // Its stamps could be wrong; if they are, the lookout has another
            // node lead.
            return reply(pending, Err(ProposeError::NotLeader));
        }
        let projection = Arc::clone(&self.applied.borrow().projection);
        let Submission {
            command,
            by,
            request,
            since,
            fingerprint,
            ..
        } = &pending.submission;
        let stamp = Stamp {
            at: self.clock.now(),
            by: by.clone(),
            request: request.clone(),
            since: *since,
            fingerprint: fingerprint.unwrap_or_else(|| command.fingerprint()),
            seed: self.clock.seed(),
        };
        match decide(&projection, command, stamp) {
            Ok(Decision::Commit(change)) => self.propose(leadership, pending, &change).await,
            // A kept answer is itself committed: it needs no confirmation.
            Ok(Decision::Answered(answer)) => reply(pending, Ok(answer)),
            Ok(Decision::Unchanged(answer)) if pending.confirmed => reply(pending, Ok(answer)),
            Err(rejection) if pending.confirmed => {
                reply(pending, Err(ProposeError::Rejected(rejection)))
            }
            Ok(Decision::Unchanged(_)) | Err(_) => {
                self.confirm(pending);
                Ok(())
            }
        }
    }

    /// Hands a change to Raft, as one entry or as parts and their commit.
    async fn propose(
        &mut self,
        leadership: Leadership,
        mut pending: Pending,
        change: &hosts::Change,
    ) -> PartResult {
        let parts = self.clock.seed();
        let proposals =
            match record::split_change(leadership.term, parts, change, PROPOSAL_BYTES_MAX) {
                Ok(proposals) => proposals,
                Err(cause) => return reply(pending, Err(ProposeError::TooLong(cause))),
            };
        if !pending.handed_over && pending.claimed.swap(true, Ordering::AcqRel) {
            return Ok(()); // Its caller was told that nothing happened.
        }
        pending.handed_over = true;
        let (responder, written) = openraft::impls::ProgressResponder::complete_only();
        let mut responder = Some(responder);
        let last = proposals.len().saturating_sub(1);
        for (n, proposal) in proposals.iter().enumerate() {
            let write = self
                .raft
                .write(EncodedProposal::new(proposal))
                .with_leader(CommittedLeaderId::new(leadership.term));
            match responder.take_if(|_| n == last) {
                Some(responder) => write.responder(responder).await?,
                None => write.await?,
            }
        }
        self.in_flight.push(Box::pin(async move {
            let outcome = match written.await {
                Ok(result) => Outcome::Written(result),
                Err(_) => Outcome::RaftGone,
            };
            Landed { pending, outcome }
        }));
        Ok(())
    }

    /// Waits until a majority has confirmed this leader and all it had
    /// committed is applied; then the command is decided again.
    fn confirm(&self, pending: Pending) {
        let (raft, mut applied) = (self.raft.clone(), self.applied.clone());
        self.in_flight.push(Box::pin(async move {
            let confirmed = async {
                let index = read_index(&raft).await?;
                match applied
                    .wait_for(|applied| applied.index() >= Some(index))
                    .await
                {
                    Ok(_) => Ok(()),
                    Err(_) => Err(ReadIndexError::Stopped),
                }
            };
            let outcome = Outcome::Confirmed(confirmed.await);
            Landed { pending, outcome }
        }));
    }

    async fn land(
        &mut self,
        Landed {
            mut pending,
            outcome,
        }: Landed,
    ) -> PartResult {
        let error = match outcome {
            Outcome::Written(Ok(written)) => match written.data {
                Response::Answered(answer) => return reply(pending, Ok(answer)),
                Response::Refused(rejection) => {
                    tracing::debug!(%rejection, "refused at apply, decided again");
                    pending.confirmed = false;
                    return self.take(pending).await;
                }
                // Void parts or another term: it left no trace.
                Response::WrongTerm => ProposeError::NotLeader,
                Response::None => return Err("a change was answered with nothing".into()),
            },
            Outcome::Written(Err(ClientWriteError::ForwardToLeader(_))) => ProposeError::NotLeader,
            Outcome::Written(Err(_)) | Outcome::RaftGone => ProposeError::Unknown,
            Outcome::Confirmed(Ok(())) => {
                pending.confirmed = true;
                return self.take(pending).await;
            }
            Outcome::Confirmed(Err(ReadIndexError::Stopped)) => ProposeError::Stopped,
            Outcome::Confirmed(Err(_)) => ProposeError::NotLeader,
        };
        reply(pending, Err(error))
    }
}

impl Leadership {
    /// This node's leadership, if it leads as far as it knows and a majority
    /// still answers it; Raft has the last word when it is proposed.
    fn current(raft: &Raft) -> Option<Self> {
        led_term(raft).map(|term| Self { term })
    }
}

fn reply(pending: Pending, result: Result<Answer, ProposeError>) -> PartResult {
    // Whoever asked may have gone; the change stands all the same.
    let _unread = pending.answer.send(result);
    Ok(())
}

impl std::fmt::Debug for Leader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leader")
            .field("in_flight", &self.in_flight.len())
            .finish_non_exhaustive()
    }
}
