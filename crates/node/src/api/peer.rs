//! `router_hosts.peer.v1.PeerService`: what other nodes ask of this one.
//!
//! Every message must come from the node its certificate names, be for this
//! node, and be of this cluster. Raft is spoken only by a node that belongs to
//! a formed cluster: an emptied directory under an old id must never vote.

use super::{auth, metadata, status};
use crate::{
    aside::aside,
    clock::Clock,
    cluster::Cluster,
    formation::Formation,
    forward::Router,
    leader::Submission,
    limits,
    raft::{Raft, ReadIndexError, known_leader, read_index},
};
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt as _};
use hosts::{Actor, Fingerprint, RequestId, Revision};
use openraft::errors::RaftError;
use proto::{
    cluster::PublishOutcome,
    peer::{
        Envelope, ForwardHead, ForwardRequest, PeerStatus, ReadIndexReply, Reply, Route,
        WaitPublishedPeer, peer_service_server::PeerService,
    },
};
use raft_store::{
    disk::Work,
    raft::{AppendEntriesRequest, RaftSnapshot},
    record,
    snapshot::{SnapshotError, Snapshots},
};
use std::{error::Error, future::Future, sync::Arc, task::Poll, time::Duration};
use tokio::{sync::oneshot, time::Instant};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status, Streaming};

/// The service of one node.
#[derive(Clone, Debug)]
pub struct PeerApi {
    /// This node, and its cluster.
    pub own: crate::identity::Peer,
    /// openraft.
    pub raft: Raft,
    /// Where forwarded commands go.
    pub router: Arc<Router>,
    /// What this node says of itself.
    pub cluster: Arc<Cluster>,
    /// Whether this node belongs to a formed cluster.
    pub formation: Arc<Formation>,
    /// Where snapshots arrive.
    pub snapshots: Snapshots,
    /// Where they are written and verified.
    pub work: Work,
    /// What time it is here.
    pub clock: Arc<dyn Clock>,
    /// The port closes: streams end.
    pub closing: CancellationToken,
}

#[tonic::async_trait]
impl PeerService for PeerApi {
    type AppendStream = BoxStream<'static, Result<Reply, Status>>;

    async fn append(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::AppendStream>, Status> {
        let from = auth::peer(&request)?;
        let (refuse, mut refused) = oneshot::channel();
        let requests = stream::unfold(
            (self.clone(), request.into_inner(), refuse),
            move |(api, mut messages, refuse)| async move {
                match api.append_request(from, &mut messages).await {
                    Ok(request) => Some((request?, (api, messages, refuse))),
                    Err(status) => {
                        // Who does not listen any more has ended the stream.
                        let _ended = refuse.send(status);
                        None
                    }
                }
            },
        );
        // A stream would never end by itself, and hold up the stop of this node.
        let requests = requests.take_until(self.closing.clone().cancelled_owned());
        let answers = self.raft.stream_append(requests).map(|answer| {
            let result = answer.map_err(|fatal| status::internal(status::chain(&fatal)))?;
            let body = record::encode_append_entries_response(&result.into());
            Ok(Reply { body })
        });
        let end = stream::poll_fn(move |_| Poll::Ready(refused.try_recv().ok().map(Err)));
        Ok(Response::new(answers.chain(end).boxed()))
    }

    async fn vote(&self, request: Request<Envelope>) -> Result<Response<Reply>, Status> {
        let body = self.raft_message(request)?;
        let request = readable(record::decode_vote_request(&body))?;
        let response = answered(self.raft.vote(request)).await?;
        reply(record::encode_vote_response(&response))
    }

    async fn pre_vote(&self, request: Request<Envelope>) -> Result<Response<Reply>, Status> {
        let body = self.raft_message(request)?;
        let request = readable(record::decode_vote_request(&body))?;
        let response = answered(self.raft.pre_vote(request)).await?;
        reply(record::encode_vote_response(&response))
    }

    async fn transfer_leader(&self, request: Request<Envelope>) -> Result<Response<Reply>, Status> {
        let body = self.raft_message(request)?;
        let request = readable(record::decode_transfer_leader_request(&body))?;
        let response = self.raft.handle_transfer_leader(request).await;
        let response = response.map_err(|fatal| status::internal(status::chain(&fatal)))?;
        reply(record::encode_transfer_leader_response(&response))
    }

    async fn snapshot(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Reply>, Status> {
        let from = auth::peer(&request)?;
        let mut pieces = request.into_inner();
        let offer = self.piece(from, &mut pieces).await?;
        let Some(offer) = offer else {
            return Err(broken_off());
        };
        self.must_be_formed()?;
        let offer = readable(record::decode_snapshot_offer(&offer))?;
        let (snapshots, len) = (self.snapshots.clone(), offer.len);
        let mut file = self.blocking(move || snapshots.receive(len)).await?;
        while let Some(piece) = self.piece(from, &mut pieces).await? {
            let write = move || file.write(&piece).map(|()| file);
            file = self.blocking(write).await?;
        }
        // It is flushed and read whole, to verify it.
        let snapshot = self.blocking(move || file.finish()).await?;
        tracing::info!(leader = from, bytes = offer.len, "snapshot received");
        let snapshot = RaftSnapshot {
            meta: offer.meta,
            snapshot,
        };
        let installed = self.raft.install_full_snapshot(offer.vote, snapshot).await;
        let response = installed.map_err(|fatal| status::internal(status::chain(&fatal)))?;
        reply(record::encode_snapshot_response(&response))
    }

    async fn forward(
        &self,
        request: Request<Streaming<ForwardRequest>>,
    ) -> Result<Response<Reply>, Status> {
        let from = auth::peer(&request)?;
        let deadline = metadata::deadline(request.metadata(), limits::CALL_TIME);
        let mut messages = request.into_inner();
        let Some(ForwardRequest {
            head: Some(head),
            command,
        }) = messages.message().await?
        else {
            return Err(broken_off());
        };
        let ForwardHead {
            route,
            actor,
            request,
            command_bytes,
            since,
            fingerprint,
        } = head;
        self.check(from, route.as_ref())?;
        let by: Actor = actor.parse().map_err(|error| status::invalid(&error))?;
        if !auth::may(by.role, auth::Need::Write) {
            return Err(status::forbidden(&by, auth::Need::Write));
        }
        let request = RequestId::parse(&request).map_err(|error| status::invalid(&error))?;
        let command = gather(command, command_bytes, &mut messages).await?;
        let command = Arc::new(readable(record::decode_command(&command))?);
        let submission = Submission {
            command,
            by,
            request,
            since: since.map(Revision::new),
            fingerprint: fingerprint.as_deref().map(fingerprint_from).transpose()?,
            deadline,
        };
        let outcome = self.router.write_here(submission).await;
        reply(record::encode_forward_outcome(&outcome))
    }

    async fn read_index(
        &self,
        request: Request<Envelope>,
    ) -> Result<Response<ReadIndexReply>, Status> {
        self.envelope(request)?;
        match read_index(&self.raft).await {
            Ok(index) => Ok(Response::new(ReadIndexReply { index })),
            Err(error @ ReadIndexError::NotLeader) => Err(status::refused(
                Code::FailedPrecondition,
                "NO_LEADER",
                error,
            )),
            Err(error) => Err(status::refused(Code::Unavailable, "NO_QUORUM", error)),
        }
    }

    async fn status(&self, request: Request<Envelope>) -> Result<Response<PeerStatus>, Status> {
        self.envelope(request)?;
        Ok(Response::new(self.own_status()))
    }

    async fn prepare(&self, request: Request<Envelope>) -> Result<Response<PeerStatus>, Status> {
        self.envelope(request)?;
        self.formation
            .prepare()
            .map_err(|error| status::internal(status::chain(&error)))?;
        Ok(Response::new(self.own_status()))
    }

    async fn wait_published(
        &self,
        request: Request<WaitPublishedPeer>,
    ) -> Result<Response<PublishOutcome>, Status> {
        let from = auth::peer(&request)?;
        let WaitPublishedPeer {
            route,
            revision,
            timeout_ms,
        } = request.into_inner();
        self.check(from, route.as_ref())?;
        let time = Duration::from_millis(timeout_ms.into()).min(limits::CALL_TIME_MAX);
        let outcome = self
            .cluster
            .wait_published_here(revision, Instant::now() + time)
            .await;
        Ok(Response::new(outcome))
    }
}

impl PeerApi {
    fn own_status(&self) -> PeerStatus {
        PeerStatus {
            node: Some(self.cluster.own_status()),
            formed: self.formation.is_formed(),
            initialized: self.formation.is_initialized(),
            leader: known_leader(&self.raft).unwrap_or(0),
            clock_ms: self.clock.now().as_millis(),
        }
    }

    /// The next message of a stream of appends.
    async fn append_request(
        &self,
        from: u64,
        messages: &mut Streaming<Envelope>,
    ) -> Result<Option<AppendEntriesRequest>, Status> {
        let Some(body) = self.piece(from, messages).await? else {
            return Ok(None);
        };
        self.must_be_formed()?;
        readable(record::decode_append_entries_request(&body)).map(Some)
    }

    /// The body of a message for Raft.
    fn raft_message(&self, request: Request<Envelope>) -> Result<Bytes, Status> {
        let body = self.envelope(request)?;
        self.must_be_formed()?;
        Ok(body)
    }

    fn envelope(&self, request: Request<Envelope>) -> Result<Bytes, Status> {
        let from = auth::peer(&request)?;
        let Envelope { route, body } = request.into_inner();
        self.check(from, route.as_ref())?;
        Ok(body)
    }

    /// A step of the disk's, away from what must answer in time.
    async fn blocking<T: Send + 'static>(
        &self,
        step: impl FnOnce() -> Result<T, SnapshotError> + Send + 'static,
    ) -> Result<T, Status> {
        let done = aside(self.work, step).await.map_err(status::internal)?;
        done.map_err(|error| status::internal(status::chain(&error)))
    }

    async fn piece(
        &self,
        from: u64,
        pieces: &mut Streaming<Envelope>,
    ) -> Result<Option<Bytes>, Status> {
        let Some(Envelope { route, body }) = pieces.message().await? else {
            return Ok(None);
        };
        self.check(from, route.as_ref())?;
        Ok(Some(body))
    }

    fn check(&self, certificate: u64, route: Option<&Route>) -> Result<(), Status> {
        let Some(Route { cluster, from, to }) = route else {
            return Err(refused("a message without a route".into()));
        };
        if cluster[..] != self.own.cluster.as_u128().to_be_bytes() {
            return Err(refused(format!(
                "a message of another cluster than {}",
                self.own.cluster
            )));
        }
        if *from != certificate {
            return Err(refused(format!("node {certificate} speaks as node {from}")));
        }
        if *to != self.own.node {
            return Err(refused(format!(
                "this is node {}, not node {to}",
                self.own.node
            )));
        }
        Ok(())
    }

    fn must_be_formed(&self) -> Result<(), Status> {
        if self.formation.is_formed() {
            return Ok(());
        }
        Err(refused(format!(
            "node {} has an empty data directory",
            self.own.node
        )))
    }
}

fn fingerprint_from(bytes: &[u8]) -> Result<Fingerprint, Status> {
    let bytes = bytes.try_into().map_err(|_| broken_off())?;
    Ok(Fingerprint::from_bytes(bytes))
}

/// The rest of a command, up to the length its head promised.
async fn gather(
    first: Bytes,
    promised: u64,
    messages: &mut Streaming<ForwardRequest>,
) -> Result<Bytes, Status> {
    let bound = limits::COMMAND_BYTES_MAX;
    let Some(promised) = usize::try_from(promised)
        .ok()
        .filter(|&promised| promised <= bound)
    else {
        return Err(status::too_large(format!(
            "a command may have {bound} bytes"
        )));
    };
    if first.len() == promised {
        return Ok(first);
    }
    let mut command = BytesMut::from(first);
    while command.len() < promised {
        let Some(ForwardRequest { command: more, .. }) = messages.message().await? else {
            return Err(broken_off());
        };
        command.extend_from_slice(&more);
    }
    if command.len() > promised {
        return Err(broken_off());
    }
    Ok(command.freeze())
}

async fn answered<T, E: Error>(
    call: impl Future<Output = Result<T, RaftError<raft_store::raft::TypeConfig, E>>>,
) -> Result<T, Status> {
    call.await
        .map_err(|error| status::internal(error.to_string()))
}

fn readable<T>(result: Result<T, record::DecodeError>) -> Result<T, Status> {
    result.map_err(|error| status::invalid(&error))
}

fn reply(body: Bytes) -> Result<Response<Reply>, Status> {
    Ok(Response::new(Reply { body }))
}

fn refused(what: String) -> Status {
    tracing::warn!(reason = %what, "peer message refused");
    status::refused(Code::FailedPrecondition, "WRONG_NODE", what)
}

fn broken_off() -> Status {
    status::refused(Code::InvalidArgument, "TRUNCATED", "the message broke off")
}
