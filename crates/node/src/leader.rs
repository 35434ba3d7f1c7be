//! The only proposer: commands become changes here, in one order.
//!
//! One task takes submissions one after the other, so the order of stamps is
//! the order of the log. It does not wait for a commit before it takes the
//! next: openraft appends what has gathered in one write and one flush. A long
//! import is decided aside, so that heartbeats go on, and in its turn.
//!
//! What changes nothing is answered only after a read index: a deposed leader
//! must not say "already exists". What was refused at apply, because another
//! entry came between, is decided again.

mod submission;

pub use submission::{ProposeError, Proposer, Submission};

use crate::{
    aside::alone,
    clock::Clock,
    limits,
    lookout::Clocks,
    raft::{Raft, ReadIndexError, led_term, read_index},
    tasks::PartResult,
};
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use hosts::{Answer, Command, Decision, Projection, Rejection, Retention, Stamp, decide_within};
use openraft::{errors::ClientWriteError, raft::ClientWriteResult};
use raft_store::{
    Applied,
    disk::Work,
    failpoint,
    limits::PROPOSAL_BYTES_MAX,
    raft::{CommittedLeaderId, EncodedProposal, Response, TypeConfig},
    record::{self, Proposal},
};
use std::sync::Arc;
use submission::Pending;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// The proposing task of one node.
pub struct Leader {
    raft: Raft,
    applied: watch::Receiver<Arc<Applied>>,
    clock: Arc<dyn Clock>,
    clocks: watch::Receiver<Clocks>,
    work: Work,
    retention: Retention,
    queue: mpsc::Receiver<Pending>,
    in_flight: FuturesUnordered<BoxFuture<'static, Returned>>,
    /// What is decided once nothing is in flight; no other comes before it.
    held: Option<Pending>,
}

/// The proof that this node leads, made for one command: what is proposed with
/// it counts in this term only.
#[derive(Clone, Copy, Debug)]
struct Leadership {
    term: u64,
}

/// A submission that Raft gives back.
struct Returned {
    pending: Pending,
    with: FromRaft,
}

/// What Raft says.
enum FromRaft {
    Written(ClientWriteResult<TypeConfig>),
    Confirmed(Result<(), ReadIndexError>),
    Gone,
}

/// Submissions that wait for their commit. Raft holds them for as long as it
/// has not answered, so a place is not free before that, whoever has given up.
const IN_FLIGHT_MAX: usize = 4096;

impl Leader {
    /// The task, and where to hand submissions in.
    #[must_use]
    pub fn new(
        raft: Raft,
        applied: watch::Receiver<Arc<Applied>>,
        clock: Arc<dyn Clock>,
        clocks: watch::Receiver<Clocks>,
        work: Work,
        retention: Retention,
    ) -> (Self, Proposer) {
        let (proposer, queue) = Proposer::new();
        let in_flight = FuturesUnordered::new();
        (
            Self {
                raft,
                applied,
                clock,
                clocks,
                work,
                retention,
                queue,
                in_flight,
                held: None,
            },
            proposer,
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
                Some(returned) = self.in_flight.next() => self.returned(returned).await?,
                pending = self.queue.recv(), if self.held.is_none() && self.in_flight.len() < IN_FLIGHT_MAX => match pending {
                    Some(pending) => self.take(pending).await?,
                    None => return Ok(()),
                },
            }
            if self.in_flight.is_empty()
                && let Some(pending) = self.held.take()
            {
                self.decide(pending).await?;
            }
        }
    }

    /// Decides one command, after what is in flight where that would overtake it.
    async fn take(&mut self, pending: Pending) -> PartResult {
        let alone = must_not_be_overtaken(&pending.submission.command);
        if alone && self.held.is_none() && !self.in_flight.is_empty() {
            self.held = Some(pending);
            return Ok(());
        }
        self.decide(pending).await
    }

    /// Decides one command on the projection as it is now.
    async fn decide(&mut self, pending: Pending) -> PartResult {
        if pending.submission.deadline <= Instant::now() {
            return reply(pending, Err(ProposeError::Busy));
        }
        failpoint::LEADER_DECIDE.reach();
        let Some(leadership) = Leadership::current(&self.raft) else {
            return reply(pending, Err(ProposeError::NotLeader));
        };
        // Read once, for both: it may jump at any time.
        let at = self.clock.now();
        if !self.clocks.borrow().may_stamp(at) {
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
        let command = Arc::clone(command);
        let (by, request) = (by.clone(), request.clone());
        let (since, fingerprint) = (*since, *fingerprint);
        let (seed, parts) = (self.clock.seed(), self.clock.seed());
        let long = is_long(&command);
        let retention = self.retention;
        let weigh = move || {
            let stamp = Stamp {
                at,
                by,
                request,
                since,
                fingerprint: fingerprint.unwrap_or_else(|| command.fingerprint()),
                seed,
            };
            weigh(&projection, &command, stamp, &retention, leadership, parts)
        };
        // The next command waits for this one either way: the order of stamps
        // stays that of the log. If leadership goes meanwhile, Raft refuses
        // what names the old term. It has a thread of its own: all writes would
        // wait with it for the files that are read on the others.
        let weighed = match long {
            true => alone(self.work, "decide", weigh).await?,
            false => weigh(),
        };
        match weighed {
            Weighed::Commit(proposals) => self.propose(leadership, pending, &proposals).await,
            Weighed::TooLong(cause) => reply(pending, Err(ProposeError::TooLong(cause))),
            // A kept answer is itself committed: it needs no confirmation.
            Weighed::Answered(answer) => reply(pending, Ok(answer)),
            Weighed::Unchanged(answer) if pending.confirmed => reply(pending, Ok(answer)),
            Weighed::Refused(rejection) if pending.confirmed => {
                reply(pending, Err(ProposeError::Rejected(rejection)))
            }
            Weighed::Unchanged(_) | Weighed::Refused(_) => {
                self.confirm(pending);
                Ok(())
            }
        }
    }

    /// Hands a change to Raft, as one entry or as parts and their commit.
    async fn propose(
        &mut self,
        leadership: Leadership,
        pending: Pending,
        proposals: &[Proposal],
    ) -> PartResult {
        if !pending.stage.hand_to_raft() {
            return Ok(()); // Its caller was told that nothing happened.
        }
        let (responder, written) = openraft::impls::ProgressResponder::complete_only();
        let mut responder = Some(responder);
        let last = proposals.len().saturating_sub(1);
        for (n, proposal) in proposals.iter().enumerate() {
            failpoint::LEADER_PROPOSE.reach();
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
            let with = match written.await {
                Ok(result) => FromRaft::Written(result),
                Err(_) => FromRaft::Gone,
            };
            Returned { pending, with }
        }));
        Ok(())
    }

    /// Waits until a majority has confirmed this leader and all it had
    /// committed is applied; then the command is decided again.
    fn confirm(&self, pending: Pending) {
        pending.stage.confirming();
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
            let deadline = pending.submission.deadline;
            let confirmed = timeout_at(deadline, confirmed).await;
            let with = FromRaft::Confirmed(confirmed.unwrap_or(Err(ReadIndexError::NoQuorum)));
            Returned { pending, with }
        }));
    }

    /// Answers with what Raft says, or decides again.
    async fn returned(&mut self, Returned { mut pending, with }: Returned) -> PartResult {
        let error = match with {
            FromRaft::Written(Ok(written)) => match written.data {
                Response::Answered(answer) => {
                    failpoint::LEADER_ANSWER.reach();
                    return reply(pending, Ok(answer));
                }
                Response::Refused(rejection) => {
                    tracing::debug!(%rejection, "refused at apply, decided again");
                    pending.confirmed = false;
                    return self.take(pending).await;
                }
                // Void parts or another term: it left no trace.
                Response::WrongTerm => ProposeError::NotLeader,
                Response::None => return Err("a change was answered with nothing".into()),
            },
            FromRaft::Written(Err(ClientWriteError::ForwardToLeader(_))) => ProposeError::NotLeader,
            FromRaft::Written(Err(_)) | FromRaft::Gone => ProposeError::Unknown,
            FromRaft::Confirmed(Ok(())) => {
                pending.confirmed = true;
                return self.decide(pending).await;
            }
            FromRaft::Confirmed(Err(ReadIndexError::Stopped)) => ProposeError::Stopped,
            FromRaft::Confirmed(Err(_)) => ProposeError::NotLeader,
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

/// What a command comes to.
enum Weighed {
    /// To be proposed, in this order.
    Commit(Vec<Proposal>),
    TooLong(record::ChangeTooLong),
    Answered(Answer),
    Unchanged(Answer),
    Refused(Rejection),
}

/// Decides a command, and encodes the change it comes to.
fn weigh(
    projection: &Projection,
    command: &Command,
    stamp: Stamp,
    retention: &Retention,
    leadership: Leadership,
    parts: u128,
) -> Weighed {
    match decide_within(projection, command, stamp, retention) {
        Ok(Decision::Commit(change)) => {
            let term = leadership.term;
            match record::split_change(term, parts, &change, PROPOSAL_BYTES_MAX) {
                Ok(proposals) => Weighed::Commit(proposals),
                Err(cause) => Weighed::TooLong(cause),
            }
        }
        Ok(Decision::Answered(answer)) => Weighed::Answered(answer),
        Ok(Decision::Unchanged(answer)) => Weighed::Unchanged(answer),
        Err(rejection) => Weighed::Refused(rejection),
    }
}

/// Whether deciding it takes so long that other tasks would have to wait.
fn is_long(command: &Command) -> bool {
    match command {
        Command::ImportHosts { rows, .. } => rows.len() > limits::ROWS_DECIDED_INLINE,
        Command::RollBack { .. } => true,
        Command::AddHost(_)
        | Command::UpdateHost { .. }
        | Command::DeleteHost { .. }
        | Command::CreateSnapshot { .. }
        | Command::DeleteSnapshot { .. } => false,
    }
}

/// Whether any change that is applied between decision and commit makes it
/// another one: under load it would never be accepted.
const fn must_not_be_overtaken(command: &Command) -> bool {
    matches!(command, Command::RollBack { .. })
}

fn reply(pending: Pending, result: Result<Answer, ProposeError>) -> PartResult {
    pending.reply(result);
    Ok(())
}

impl std::fmt::Debug for Leader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leader")
            .field("in_flight", &self.in_flight.len())
            .finish_non_exhaustive()
    }
}
