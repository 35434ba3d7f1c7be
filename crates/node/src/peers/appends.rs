//! Appends to one peer: a stream of messages, and one of answers in their order.
//!
//! A message costs one frame each way, where a call of its own would cost three
//! and a place in the other node's table of calls. Each message has to be
//! answered in its time; a stream that failed, or on which something is left
//! unanswered, is closed by dropping it.

use super::{
    Peer, Purpose,
    network::{Rpc, decoded, failed, silent},
    said_by_peer,
};
use crate::limits;
use openraft::{
    errors::{NetworkError, Unreachable},
    raft::StreamAppendResult,
};
use proto::peer::{Envelope, Reply, Route};
use raft_store::{
    raft::{AppendEntriesRequest, AppendEntriesResponse, RaftLogId, TypeConfig},
    record,
};
use std::{collections::VecDeque, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, Sleep, sleep_until, timeout},
};
use tonic::{Status, Streaming};

/// An open stream.
#[derive(Debug)]
pub(super) struct Appends {
    peer: Arc<Peer>,
    route: Route,
    /// How long each message may take to be answered.
    time: Duration,
    requests: mpsc::Sender<Envelope>,
    replies: Streaming<Reply>,
    unanswered: VecDeque<Sent>,
    /// Bytes of those.
    unanswered_bytes: usize,
    /// Rings when the oldest message is overdue, or earlier.
    alarm: Pin<Box<Sleep>>,
}

/// A message on its way.
#[derive(Clone, Debug)]
struct Sent {
    previous: Option<RaftLogId>,
    last: Option<RaftLogId>,
    bytes: usize,
    overdue: Instant,
}

/// What the peer made of a message.
#[derive(Debug)]
pub(super) struct Answered {
    sent: Sent,
    pub(super) response: AppendEntriesResponse,
}

impl Answered {
    /// The same in the words of a stream: what is now equal to our log, or why nothing is.
    pub(super) fn into_result(self) -> StreamAppendResult<TypeConfig> {
        self.response
            .into_stream_result(self.sent.previous, self.sent.last)
    }
}

impl Appends {
    /// Opens a stream to `peer` on its channel for `purpose`, within `time`,
    /// with its first message: a heartbeat on a new stream takes one round trip,
    /// no longer than on an old one.
    pub(super) async fn open(
        peer: Arc<Peer>,
        purpose: Purpose,
        route: Route,
        time: Duration,
        first: &AppendEntriesRequest,
    ) -> Rpc<Self> {
        let (requests, messages) = mpsc::channel(limits::APPENDS_UNANSWERED);
        let (sent, envelope) = sealed(first, &route, time);
        requests
            .try_send(envelope)
            .map_err(Unreachable::from_string)?;
        let messages = tokio_stream::wrappers::ReceiverStream::new(messages);
        let mut client = peer.client(purpose);
        let opened = timeout(time, client.append(messages)).await;
        let replies = match opened {
            Ok(Ok(replies)) => replies.into_inner(),
            Ok(Err(status)) => return Err(broken(&peer, &status)),
            Err(_) => {
                peer.note(false);
                return Err(silent(time));
            }
        };
        Ok(Self {
            peer,
            route,
            time,
            requests,
            replies,
            unanswered_bytes: sent.bytes,
            alarm: Box::pin(sleep_until(sent.overdue)),
            unanswered: VecDeque::from([sent]),
        })
    }

    /// Whether it is open, and nothing on it waits for an answer.
    pub(super) fn is_usable(&self) -> bool {
        !self.requests.is_closed() && self.unanswered.is_empty()
    }

    /// Whether a message waits for its answer.
    pub(super) fn awaits(&self) -> bool {
        !self.unanswered.is_empty()
    }

    /// Whether another message may be sent before one is answered.
    pub(super) fn has_room(&self) -> bool {
        self.unanswered.len() < limits::APPENDS_UNANSWERED
            && self.unanswered_bytes < limits::APPEND_BYTES_UNANSWERED
    }

    /// Sends a message; there must be room.
    pub(super) fn send(&mut self, request: &AppendEntriesRequest) -> Rpc<()> {
        let (sent, envelope) = sealed(request, &self.route, self.time);
        self.unanswered_bytes += sent.bytes;
        self.unanswered.push_back(sent);
        match self.requests.try_send(envelope) {
            // Of a stream that is closed, its answers tell why.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(error @ mpsc::error::TrySendError::Full(_)) => {
                Err(NetworkError::from_string(error).into())
            }
        }
    }

    /// The answer to the oldest message without one. Dropping the future loses nothing.
    pub(super) async fn answer(&mut self) -> Rpc<Answered> {
        let replied = loop {
            tokio::select! {
                biased;
                replied = self.replies.message() => break replied,
                () = self.alarm.as_mut() => {
                    let overdue = self.unanswered.front().map(|sent| sent.overdue);
                    let now = Instant::now();
                    if overdue.is_some_and(|overdue| overdue <= now) {
                        self.peer.note(false);
                        return Err(silent(self.time));
                    }
                    self.alarm.as_mut().reset(overdue.unwrap_or(now + self.time));
                }
            }
        };
        let Reply { body } = match replied {
            Ok(Some(reply)) => reply,
            Ok(None) => {
                // It closes its port, in good order: not counted as unreachable,
                // for it may be back at once.
                return Err(NetworkError::from_string("the peer has ended the stream").into());
            }
            Err(status) => return Err(broken(&self.peer, &status)),
        };
        self.peer.note(true);
        let response = decoded(record::decode_append_entries_response(&body))?;
        let Some(sent) = self.unanswered.pop_front() else {
            return Err(NetworkError::from_string("an answer to nothing").into());
        };
        self.unanswered_bytes -= sent.bytes;
        if let Some(next) = self.unanswered.front_mut() {
            // It waited behind this one: what is bounded is a standstill.
            next.overdue = next.overdue.max(Instant::now() + self.time);
        }
        if response.is_conflict() && sent.previous.is_none() {
            // Before the first entry every log is equal.
            let text = "the peer has another log before its first entry";
            return Err(NetworkError::from_string(text).into());
        }
        Ok(Answered { sent, response })
    }
}

/// A message, and what is to be known of it until it is answered.
fn sealed(request: &AppendEntriesRequest, route: &Route, time: Duration) -> (Sent, Envelope) {
    let body = record::encode_append_entries_request(request);
    let last = request.entries.last().map(|entry| entry.log_id);
    let sent = Sent {
        previous: request.prev_log_id,
        last: last.or(request.prev_log_id),
        bytes: body.len(),
        overdue: Instant::now() + time,
    };
    let envelope = Envelope {
        route: Some(route.clone()),
        body,
    };
    (sent, envelope)
}

fn broken(peer: &Peer, status: &Status) -> openraft::errors::RPCError<TypeConfig> {
    peer.note(said_by_peer(status));
    failed(status)
}
