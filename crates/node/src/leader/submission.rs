//! A command on its way to its answer: handed in by its caller, taken up by
//! the leader.
//!
//! Either may end it, and both must agree: a caller that gives up before the
//! change is handed to Raft knows that nothing happened, and the leader then
//! leaves it alone. After that the outcome is open until it is answered.

use hosts::{
    Actor, Answer, Command, Fingerprint, HostPatch, NewHost, Rejection, RequestId, Revision,
};
use raft_store::record;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{Instant, timeout_at},
};

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
    /// This node does not lead, or no majority says so in time; nothing was
    /// appended.
    #[error("this node does not lead")]
    NotLeader,
    /// The leader did not come to it in time; nothing was appended.
    #[error("too much waits to be written")]
    Busy,
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
    room: Room,
}

/// KiB that commands may still hold, in the queue and in Raft.
///
/// Each kind has its own: whoever waits for room waits in one line, and behind
/// an import that waits for another one a small write would miss its deadline.
#[derive(Clone, Debug)]
struct Room {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

/// A submission in the leader's hands.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) submission: Submission,
    pub(super) stage: Stage,
    /// A read index has been reached since the command came: an answer that
    /// changes nothing is true now.
    pub(super) confirmed: bool,
    answer: oneshot::Sender<Result<Answer, ProposeError>>,
    _room: OwnedSemaphorePermit,
}

/// How far a submission is; its caller and the leader hold the same one.
#[derive(Clone, Debug)]
pub(super) struct Stage(Arc<Mutex<At>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// The leader has not come to it.
    Queued,
    /// It changes nothing, and a majority is asked to confirm the leader.
    Confirming,
    /// Handed to Raft, now or before: it may take effect.
    InRaft,
    /// Its caller was told that nothing happened.
    GivenUp,
}

/// Submissions that wait to be decided. More than the log can take in a
/// moment would only wait longer.
const QUEUE_MAX: usize = 1024;

/// The largest command that counts as small, 64 KiB: far above any one record.
const SMALL_KIB: u32 = 64;

/// What the small commands that wait and those in Raft may hold together, 8 MiB
/// in KiB: more than one for each place there.
const SMALL_ROOM_KIB: u32 = 8 * 1024;

/// The same for large ones, 64 MiB: two of the largest imports. A larger
/// command has it all.
const LARGE_ROOM_KIB: u32 = 64 * 1024;

/// A caller gives up so long before its deadline what is not in Raft yet: its
/// answer, which is certain, still reaches another node. Of a short time it is
/// a quarter.
const GIVE_UP_BEFORE: Duration = Duration::from_millis(250);

impl Proposer {
    /// Where to hand submissions in, and where they arrive.
    pub(super) fn new() -> (Self, mpsc::Receiver<Pending>) {
        let (queue, arrivals) = mpsc::channel(QUEUE_MAX);
        let room = Room {
            small: Arc::new(Semaphore::new(SMALL_ROOM_KIB as usize)),
            large: Arc::new(Semaphore::new(LARGE_ROOM_KIB as usize)),
        };
        (Self { queue, room }, arrivals)
    }

    /// Hands `submission` in and waits for its outcome, not beyond its deadline.
    ///
    /// # Errors
    /// [`ProposeError::Unknown`] also when the deadline passes, or the leader
    /// ends, after the change was handed to Raft.
    pub async fn propose(&self, submission: Submission) -> Result<Answer, ProposeError> {
        let deadline = submission.deadline;
        let left = deadline.saturating_duration_since(Instant::now());
        let give_up = deadline - GIVE_UP_BEFORE.min(left / 4);
        let stage = Stage::queued();
        let (answer, mut answered) = oneshot::channel();
        let handed_in = async {
            let kib = kib(&submission.command);
            let room = Arc::clone(self.room.of(kib)).acquire_many_owned(kib).await;
            let pending = Pending {
                submission,
                stage: stage.clone(),
                confirmed: false,
                answer,
                _room: room.map_err(|_| ProposeError::Stopped)?,
            };
            let sent = self.queue.send(pending).await;
            sent.map_err(|_| ProposeError::Stopped)
        };
        match timeout_at(give_up, handed_in).await {
            Ok(handed_in) => handed_in?,
            Err(_) => return Err(ProposeError::Busy),
        }
        let answer = match timeout_at(give_up, &mut answered).await {
            Ok(answer) => answer.ok(),
            Err(_) => match stage.give_up() {
                At::Queued => return Err(ProposeError::Busy),
                At::Confirming => return Err(ProposeError::NotLeader),
                At::InRaft | At::GivenUp => match timeout_at(deadline, answered).await {
                    Ok(answer) => answer.ok(),
                    Err(_) => return Err(ProposeError::Unknown),
                },
            },
        };
        answer.unwrap_or_else(|| match stage.give_up() {
            At::InRaft => Err(ProposeError::Unknown),
            At::Queued | At::Confirming | At::GivenUp => Err(ProposeError::Stopped),
        })
    }
}

impl Room {
    /// Where a command that holds so much has its room.
    fn of(&self, kib: u32) -> &Arc<Semaphore> {
        match kib <= SMALL_KIB {
            true => &self.small,
            false => &self.large,
        }
    }
}

impl Pending {
    pub(super) fn reply(self, result: Result<Answer, ProposeError>) {
        // Whoever asked may have gone; the change stands all the same.
        let _unread = self.answer.send(result);
    }
}

impl Stage {
    fn queued() -> Self {
        Self(Arc::new(Mutex::new(At::Queued)))
    }

    /// Notes that a majority is asked. What was once in Raft stays there.
    pub(super) fn confirming(&self) {
        let mut at = self.at();
        if *at == At::Queued {
            *at = At::Confirming;
        }
    }

    /// Notes that the change is handed to Raft; false if its caller gave up.
    #[must_use]
    pub(super) fn hand_to_raft(&self) -> bool {
        let mut at = self.at();
        let wanted = *at != At::GivenUp;
        if wanted {
            *at = At::InRaft;
        }
        wanted
    }

    /// Gives up what is not in Raft, and says how far it was.
    fn give_up(&self) -> At {
        let mut at = self.at();
        let was = *at;
        if was != At::InRaft {
            *at = At::GivenUp;
        }
        was
    }

    /// What a panic elsewhere left behind is whole: it is one value.
    fn at(&self) -> MutexGuard<'_, At> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `command` holds, in KiB, one at least.
fn kib(command: &Command) -> u32 {
    let bytes = match command {
        Command::AddHost(host) => bytes_of(host),
        Command::ImportHosts { rows, .. } => rows.iter().map(bytes_of).sum(),
        Command::UpdateHost { patch, .. } => {
            let HostPatch {
                address: _,
                hostname: _,
                aliases,
                tags,
                comment,
                enabled: _,
            } = patch;
            let aliases = aliases.iter().flatten().map(|name| name.as_str().len());
            let tags = tags.iter().flatten().map(|tag| tag.as_str().len());
            let comment = comment.iter().flatten().map(|text| text.as_str().len());
            aliases.chain(tags).chain(comment).sum()
        }
        Command::DeleteHost { .. }
        | Command::CreateSnapshot { .. }
        | Command::DeleteSnapshot { .. } => 0,
        // Nobody knows before it is decided.
        Command::RollBack { .. } => raft_store::limits::CHANGE_BYTES_MAX,
    };
    let kib = u32::try_from(bytes / 1024).unwrap_or(u32::MAX);
    kib.saturating_add(1).min(LARGE_ROOM_KIB)
}

fn bytes_of(host: &NewHost) -> usize {
    let names = host.names().map(|name| name.as_str().len());
    let tags = host.tags.iter().map(|tag| tag.as_str().len());
    let comment = host.comment.iter().map(|text| text.as_str().len());
    size_of::<NewHost>() + names.chain(tags).chain(comment).sum::<usize>()
}

#[cfg(test)]
mod tests;
