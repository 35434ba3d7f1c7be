//! The other nodes: one set of channels each, kept open, and the calls made over them.
//!
//! Channels connect when first used and again when a connection is lost; the
//! end at the other side must be that very node of this cluster. Heartbeats
//! and bulk have channels of their own, so neither waits behind the other.

mod appends;
mod network;

pub use network::{Connection, Transport};

use crate::{
    connect::{self, Dialer, Pings},
    forward::Asked,
    identity::Peer as PeerIdentity,
    limits,
};
use bytes::Bytes;
use dashmap::DashMap;
use hosts::Revision;
use proto::{
    cluster,
    peer::{
        Envelope, ForwardHead, ForwardRequest, PeerStatus, Route, WaitPublishedPeer,
        peer_service_client::PeerServiceClient,
    },
};
use raft_store::raft::Member;
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use tonic::{Code, Status, transport::Channel};

/// All nodes but this one.
#[derive(Debug)]
pub struct Peers {
    own: PeerIdentity,
    dialer: Dialer,
    known: DashMap<u64, Arc<Peer>>,
}

/// One other node.
#[derive(Debug)]
pub struct Peer {
    member: Member,
    /// The last call was answered.
    answers: AtomicBool,
    calls: PeerServiceClient<Channel>,
    heartbeats: PeerServiceClient<Channel>,
    bulk: PeerServiceClient<Channel>,
}

/// What a channel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Entries, forwarded commands, questions.
    Calls,
    /// Heartbeats and votes: they must never wait behind anything.
    Heartbeats,
    /// Snapshots and imports.
    Bulk,
}

/// Why a peer gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// It was not asked, or refused before it did anything.
    #[error("{0}")]
    NotSent(String),
    /// It was asked, and the answer did not come.
    #[error("no answer: {0}")]
    Unanswered(String),
}

impl Peers {
    /// No peer yet; `dialer` connects as `own`.
    #[must_use]
    pub fn new(own: PeerIdentity, dialer: Dialer) -> Self {
        Self {
            own,
            dialer,
            known: DashMap::new(),
        }
    }

    /// Makes `member` known under `id`; a new address replaces the old channels.
    pub fn learn(&self, id: u64, member: &Member) {
        if id == self.own.node
            || self
                .known
                .get(&id)
                .is_some_and(|peer| peer.member == *member)
        {
            return;
        }
        let who = PeerIdentity {
            cluster: self.own.cluster,
            node: id,
        };
        let client = |pings| {
            let channel = connect::channel(&self.dialer, &member.address, who, pings);
            PeerServiceClient::new(channel)
                .max_decoding_message_size(limits::PEER_MESSAGE_BYTES_MAX)
                .max_encoding_message_size(limits::PEER_MESSAGE_BYTES_MAX)
        };
        let peer = Peer {
            member: member.clone(),
            answers: AtomicBool::new(false),
            calls: client(Pings::Always),
            heartbeats: client(Pings::Always),
            bulk: client(Pings::WhileUsed),
        };
        self.known.insert(id, Arc::new(peer));
    }

    /// The peer with `id`, if it is known.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<Arc<Peer>> {
        self.known.get(&id).map(|peer| Arc::clone(&peer))
    }

    /// Whether the last call to the peer was answered.
    #[must_use]
    pub fn answers(&self, id: u64) -> bool {
        self.get(id)
            .is_some_and(|peer| peer.answers.load(Ordering::Relaxed))
    }

    /// The route of a message from here to `to`.
    #[must_use]
    pub fn route(&self, to: u64) -> Route {
        Route {
            cluster: Bytes::copy_from_slice(&self.own.cluster.as_u128().to_be_bytes()),
            from: self.own.node,
            to,
        }
    }

    /// Hands an encoded command to `leader`, which answers with an encoded outcome.
    ///
    /// # Errors
    /// [`CallError::Unanswered`] leaves open whether the command takes effect.
    pub async fn forward(
        &self,
        leader: u64,
        asked: &Asked,
        since: Revision,
        command: Bytes,
        deadline: Instant,
    ) -> Result<Bytes, CallError> {
        let head = ForwardHead {
            route: Some(self.route(leader)),
            actor: asked.by.to_string(),
            request: asked.request.to_string(),
            command_bytes: command.len() as u64,
            since: Some(since.get()),
            fingerprint: asked
                .fingerprint
                .map(|one| Bytes::copy_from_slice(one.as_bytes())),
        };
        let purpose = if command.len() > limits::CHUNK_BYTES {
            Purpose::Bulk
        } else {
            Purpose::Calls
        };
        let begun = Arc::new(AtomicBool::new(false));
        let sending = Arc::clone(&begun);
        let messages = pieces(command).enumerate().map(move |(n, command)| {
            sending.store(true, Ordering::Relaxed);
            ForwardRequest {
                head: (n == 0).then(|| head.clone()),
                command,
            }
        });
        let stream = futures::stream::iter(messages);
        let called = self.call(leader, purpose, deadline, |mut client, timeout| async move {
            client.forward(with_timeout(stream, timeout)).await
        });
        match called.await {
            Ok(reply) => Ok(reply.body),
            // Not even the first piece was asked for: there was no connection.
            Err(CallError::Unanswered(why)) if !begun.load(Ordering::Relaxed) => {
                Err(CallError::NotSent(why))
            }
            Err(error) => Err(error),
        }
    }

    /// The read index of `leader`.
    ///
    /// # Errors
    /// It does not lead, or does not answer.
    pub async fn read_index(&self, leader: u64, deadline: Instant) -> Result<u64, CallError> {
        let envelope = Envelope {
            route: Some(self.route(leader)),
            body: Bytes::new(),
        };
        self.call(
            leader,
            Purpose::Calls,
            deadline,
            |mut client, timeout| async move {
                client.read_index(with_timeout(envelope, timeout)).await
            },
        )
        .await
        .map(|reply| reply.index)
    }

    /// What node `id` says of itself.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn status(&self, id: u64, deadline: Instant) -> Result<PeerStatus, CallError> {
        let envelope = Envelope {
            route: Some(self.route(id)),
            body: Bytes::new(),
        };
        self.call(id, Purpose::Calls, deadline, |mut client, timeout| async move {
            client.status(with_timeout(envelope, timeout)).await
        })
        .await
    }

    /// Asks the empty node `id` to note that it belongs to this cluster.
    ///
    /// # Errors
    /// It refuses, or does not answer.
    pub async fn prepare(&self, id: u64, deadline: Instant) -> Result<PeerStatus, CallError> {
        let envelope = Envelope {
            route: Some(self.route(id)),
            body: Bytes::new(),
        };
        self.call(id, Purpose::Calls, deadline, |mut client, timeout| async move {
            client.prepare(with_timeout(envelope, timeout)).await
        })
        .await
    }

    /// Waits until node `id` has published `revision`.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn wait_published(
        &self,
        id: u64,
        revision: u64,
        deadline: Instant,
    ) -> Result<cluster::PublishOutcome, CallError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let request = WaitPublishedPeer {
            route: Some(self.route(id)),
            revision,
            timeout_ms: u32::try_from(left.as_millis()).unwrap_or(u32::MAX),
        };
        // The peer answers at the deadline; its answer gets a moment to arrive.
        let deadline = deadline + ANSWER_GRACE;
        self.call(
            id,
            Purpose::Calls,
            deadline,
            |mut client, timeout| async move {
                client.wait_published(with_timeout(request, timeout)).await
            },
        )
        .await
    }

    /// One call with a deadline; remembers whether the peer answers.
    async fn call<T, F>(
        &self,
        id: u64,
        purpose: Purpose,
        deadline: Instant,
        call: impl FnOnce(PeerServiceClient<Channel>, Duration) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let Some(peer) = self.get(id) else {
            return Err(CallError::NotSent(format!("node {id} is not a member")));
        };
        let timeout = deadline.saturating_duration_since(Instant::now());
        let called = tokio::time::timeout_at(deadline, call(peer.client(purpose), timeout)).await;
        match &called {
            Ok(Ok(_)) => peer.note(true),
            Ok(Err(status)) => peer.note(said_by_peer(status)),
            // A caller in a hurry says nothing about the peer.
            Err(_) if timeout < SILENCE => {}
            Err(_) => peer.note(false),
        }
        match called {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) if never_began(&status) => Err(CallError::NotSent(describe(&status))),
            Ok(Err(status)) => Err(CallError::Unanswered(describe(&status))),
            Err(_) => Err(CallError::Unanswered("the time was over first".into())),
        }
    }
}

impl Peer {
    /// The peer's name and address.
    #[must_use]
    pub fn member(&self) -> &Member {
        &self.member
    }

    /// A client on the channel for `purpose`; clones share the connection.
    #[must_use]
    pub fn client(&self, purpose: Purpose) -> PeerServiceClient<Channel> {
        match purpose {
            Purpose::Calls => self.calls.clone(),
            Purpose::Heartbeats => self.heartbeats.clone(),
            Purpose::Bulk => self.bulk.clone(),
        }
    }

    /// Remembers whether the peer answers.
    fn note(&self, answered: bool) {
        self.answers.store(answered, Ordering::Relaxed);
    }
}

/// A peer that says nothing for so long does not answer.
const SILENCE: Duration = Duration::from_millis(500);

/// How long an answer may be under way after the deadline it was given.
pub(crate) const ANSWER_GRACE: Duration = Duration::from_millis(500);

/// The pieces a large body travels in; one empty piece for an empty body.
pub(crate) fn pieces(mut body: Bytes) -> impl Iterator<Item = Bytes> {
    let mut first = true;
    std::iter::from_fn(move || {
        if body.is_empty() && !first {
            return None;
        }
        first = false;
        Some(body.split_to(body.len().min(limits::CHUNK_BYTES)))
    })
}

fn with_timeout<T>(message: T, timeout: Duration) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(timeout);
    request
}

/// Whether the peer certainly did nothing: it could not be connected, or it
/// refused by its own word.
fn never_began(status: &Status) -> bool {
    let refused = matches!(
        status.code(),
        Code::FailedPrecondition
            | Code::PermissionDenied
            | Code::Unimplemented
            | Code::InvalidArgument
    );
    refused || connect::never_connected(status)
}

/// Whether the status came from the peer and not from the transport here: a
/// peer that refuses answers.
fn said_by_peer(status: &Status) -> bool {
    std::error::Error::source(status).is_none()
}

fn describe(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut source = std::error::Error::source(status);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
