//! openraft's network over the peers' channels.
//!
//! Each call keeps its deadline. A peer that cannot be reached is reported as
//! unreachable, so openraft backs off; one that does not answer in time is
//! not counted as anything but silent.

use super::{Peer, Peers, Purpose, appends::Appends, describe, said_by_peer};
use crate::{aside::aside, limits};
use bytes::Bytes;
use futures::{
    Stream,
    future::BoxFuture,
    stream::{self, BoxStream, StreamExt as _},
};
use openraft::{
    RaftNetworkFactory, RaftNetworkV2,
    errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable},
    network::RPCOption,
    raft::StreamAppendResult,
};
use proto::peer::{Envelope, Reply, peer_service_client::PeerServiceClient};
use raft_store::{
    disk::Work,
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, Member, RaftSnapshot, RaftVote,
        SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse, TypeConfig, VoteRequest,
        VoteResponse,
    },
    record::{self, DecodeError, SnapshotOffer},
    snapshot::SnapshotFile,
};
use std::{future::Future, sync::Arc, time::Duration};
use tonic::{Response, Status, transport::Channel};

/// Makes openraft's connections; they share the channels of [`Peers`].
#[derive(Clone, Debug)]
pub struct Transport {
    /// Whose channels.
    pub peers: Arc<Peers>,
    /// Where snapshots are read.
    pub work: Work,
}

/// openraft's connection to one node, for one purpose.
#[derive(Debug)]
pub struct Connection {
    peers: Arc<Peers>,
    work: Work,
    target: u64,
    purpose: Purpose,
    /// The stream of appends, where one is open and all on it is answered.
    appends: Option<Appends>,
}

impl RaftNetworkFactory<TypeConfig> for Transport {
    type Network = Connection;

    async fn new_client(&mut self, target: u64, node: &Member) -> Connection {
        self.connection(target, node, Purpose::Calls)
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &Member) -> Connection {
        self.connection(target, node, Purpose::Heartbeats)
    }

    async fn new_snapshot_client(&mut self, target: u64, node: &Member) -> Connection {
        self.connection(target, node, Purpose::Bulk)
    }
}

impl Transport {
    fn connection(&self, target: u64, node: &Member, purpose: Purpose) -> Connection {
        self.peers.learn(target, node);
        Connection {
            peers: Arc::clone(&self.peers),
            work: self.work,
            target,
            purpose,
            appends: None,
        }
    }
}

pub(super) type Rpc<T> = Result<T, RPCError<TypeConfig>>;

impl RaftNetworkV2<TypeConfig> for Connection {
    type SnapshotData = SnapshotFile;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest,
        option: RPCOption,
    ) -> Rpc<AppendEntriesResponse> {
        let time = append_time(self.purpose, option.soft_ttl());
        let mut appends = self.begin(&request, time).await?;
        let response = appends.answer().await?.response;
        if response.is_success() {
            self.appends = Some(appends);
        }
        Ok(response)
    }

    fn stream_append<'s, S>(
        &'s mut self,
        mut requests: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Rpc<BoxStream<'s, Rpc<StreamAppendResult<TypeConfig>>>>>
    where
        S: Stream<Item = AppendEntriesRequest> + Send + Unpin + 'static,
    {
        Box::pin(async move {
            // openraft rests after a failure when it is asked for the first request. Who did not ask before it fails
            // again would call a node that is gone without any rest.
            let Some(first) = requests.next().await else {
                return Ok(stream::empty().boxed());
            };
            let time = append_time(self.purpose, option.soft_ttl());
            let session = Session {
                appends: self.begin(&first, time).await?,
                connection: self,
                proven: false,
                requests: requests.fuse(),
            };
            Ok(stream::unfold(Some(session), Session::next).boxed())
        })
    }

    async fn vote(&mut self, request: VoteRequest, option: RPCOption) -> Rpc<VoteResponse> {
        let body = record::encode_vote_request(&request);
        let call = |mut client: Client, envelope| async move { client.vote(envelope).await };
        let reply = self
            .call(Purpose::Heartbeats, body, option.soft_ttl(), call)
            .await?;
        decoded(record::decode_vote_response(&reply))
    }

    async fn pre_vote(&mut self, request: VoteRequest, option: RPCOption) -> Rpc<VoteResponse> {
        let body = record::encode_vote_request(&request);
        let call = |mut client: Client, envelope| async move { client.pre_vote(envelope).await };
        let reply = self
            .call(Purpose::Heartbeats, body, option.soft_ttl(), call)
            .await?;
        decoded(record::decode_vote_response(&reply))
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest,
        option: RPCOption,
    ) -> Rpc<TransferLeaderResponse> {
        let body = record::encode_transfer_leader_request(&request);
        let call =
            |mut client: Client, envelope| async move { client.transfer_leader(envelope).await };
        let reply = self
            .call(Purpose::Heartbeats, body, option.soft_ttl(), call)
            .await?;
        decoded(record::decode_transfer_leader_response(&reply))
    }

    async fn full_snapshot(
        &mut self,
        vote: RaftVote,
        snapshot: RaftSnapshot,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse, StreamingError<TypeConfig>> {
        let peer = self.peer()?;
        let offer = SnapshotOffer {
            vote,
            meta: snapshot.meta,
            len: snapshot.snapshot.len(),
        };
        let head = record::encode_snapshot_offer(&offer);
        let patience = snapshot_time(offer.len, option.hard_ttl());
        let route = self.peers.route(self.target);
        let (pieces, received) = tokio::sync::mpsc::channel(limits::SNAPSHOT_PIECES_IN_FLIGHT);
        let work = self.work;
        let reading = async move {
            let (mut body, mut offset) = (head, 0);
            loop {
                let envelope = Envelope {
                    route: Some(route.clone()),
                    body,
                };
                if pieces.send(envelope).await.is_err() {
                    break; // The call has ended; it says why.
                }
                let file = snapshot.snapshot.clone();
                let read = aside(work, move || file.read_at(offset, limits::CHUNK_BYTES));
                body = read.await??;
                if body.is_empty() {
                    break;
                }
                offset += body.len() as u64;
            }
            Ok::<_, std::io::Error>(())
        };
        let mut client = peer.client(Purpose::Bulk);
        let stream = tokio_stream::wrappers::ReceiverStream::new(received);
        let sending = tokio::time::timeout(patience, client.snapshot(stream));
        let both = async { tokio::join!(reading, sending) };
        let (read, sent) = tokio::select! {
            both = both => both,
            closed = cancel => return Err(StreamingError::Closed(closed)),
        };
        read.map_err(|cause| NetworkError::new(&cause))?;
        let sent = sent.map_err(|_| silent(patience))?;
        peer.note(sent.is_ok());
        let reply = sent.map_err(|status| failed(&status))?.into_inner().body;
        Ok(decoded(record::decode_snapshot_response(&reply))?)
    }
}

type Client = PeerServiceClient<Channel>;

/// Requests on their way to the peer, and its answers on theirs to openraft.
struct Session<'s, S> {
    connection: &'s mut Connection,
    appends: Appends,
    /// A message was answered. Until then only one is on its way: after a failure openraft rests before each that it
    /// gives, and a node that is back would wait twice.
    proven: bool,
    requests: stream::Fuse<S>,
}

impl<S: Stream<Item = AppendEntriesRequest> + Unpin> Session<'_, S> {
    /// The next answer, and the session unless it has ended with it.
    async fn next(
        session: Option<Self>,
    ) -> Option<(Rpc<StreamAppendResult<TypeConfig>>, Option<Self>)> {
        let mut session = session?;
        let answered = loop {
            if session.requests.is_done() && !session.appends.awaits() {
                session.connection.appends = Some(session.appends);
                return None;
            }
            let more = session.proven && session.appends.has_room() && !session.requests.is_done();
            tokio::select! {
                biased;
                answered = session.appends.answer(), if session.appends.awaits() => break answered,
                request = session.requests.next(), if more => {
                    let Some(request) = request else { continue };
                    if let Err(error) = session.appends.send(&request) {
                        break Err(error);
                    }
                }
            }
        };
        Some(match answered {
            Ok(answered) => {
                session.proven = true;
                let result = answered.into_result();
                let more = result.is_ok().then_some(session);
                (Ok(result), more)
            }
            Err(error) => (Err(error), None),
        })
    }
}

impl Connection {
    /// Sends a message on the stream of appends, or opens one with it.
    async fn begin(&mut self, request: &AppendEntriesRequest, time: Duration) -> Rpc<Appends> {
        match self.appends.take() {
            Some(mut open) if open.is_usable() => {
                open.send(request)?;
                Ok(open)
            }
            _ => {
                let route = self.peers.route(self.target);
                Appends::open(self.peer()?, self.purpose, route, time, request).await
            }
        }
    }

    async fn call<F>(
        &self,
        purpose: Purpose,
        body: Bytes,
        timeout: Duration,
        call: impl FnOnce(Client, Envelope) -> F,
    ) -> Rpc<Bytes>
    where
        F: Future<Output = Result<Response<Reply>, Status>>,
    {
        let peer = self.peer()?;
        let envelope = Envelope {
            route: Some(self.peers.route(self.target)),
            body,
        };
        let called = tokio::time::timeout(timeout, call(peer.client(purpose), envelope)).await;
        peer.note(match &called {
            Ok(Ok(_)) => true,
            Ok(Err(status)) => said_by_peer(status),
            Err(_) => false,
        });
        match called {
            Ok(Ok(reply)) => Ok(reply.into_inner().body),
            Ok(Err(status)) => Err(failed(&status)),
            Err(_) => Err(silent(timeout)),
        }
    }

    fn peer(&self) -> Rpc<Arc<Peer>> {
        self.peers.get(self.target).ok_or_else(|| {
            Unreachable::from_string(format!("node {} is not a member", self.target)).into()
        })
    }
}

/// How long an append may take. openraft grants every one the `heartbeat`,
/// which entries on a slow disk or link never keep: they would be sent for ever.
fn append_time(purpose: Purpose, heartbeat: Duration) -> Duration {
    match purpose {
        Purpose::Heartbeats => heartbeat,
        Purpose::Calls | Purpose::Bulk => limits::APPEND_TIME,
    }
}

/// How long a snapshot of `len` bytes may take: `there` for the peer's disk and
/// checks, and the way there over the slowest link.
fn snapshot_time(len: u64, there: Duration) -> Duration {
    there + Duration::from_secs(len / limits::SNAPSHOT_BYTES_PER_SECOND_MIN)
}

pub(super) fn failed(status: &Status) -> RPCError<TypeConfig> {
    Unreachable::from_string(describe(status)).into()
}

pub(super) fn silent(timeout: Duration) -> RPCError<TypeConfig> {
    NetworkError::from_string(format!("no answer within {timeout:?}")).into()
}

pub(super) fn decoded<T>(result: Result<T, DecodeError>) -> Rpc<T> {
    result.map_err(|cause| NetworkError::new(&cause).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_may_take_a_second_more_for_every_128_kib() {
        let there = Duration::from_secs(30);
        for (len, seconds) in [
            (0, 30),
            (128 * 1024 - 1, 30),
            (128 * 1024, 31),
            (10 * 128 * 1024, 40),
            // A million hosts: no fixed time would do for them and for ten.
            (256 * 1024 * 1024, 30 + 2048),
        ] {
            assert_eq!(snapshot_time(len, there).as_secs(), seconds, "{len} bytes");
        }
    }

    #[test]
    fn entries_may_take_longer_than_a_heartbeat_and_a_heartbeat_may_not() {
        let heartbeat = Duration::from_millis(100);
        assert_eq!(append_time(Purpose::Heartbeats, heartbeat), heartbeat);
        for purpose in [Purpose::Calls, Purpose::Bulk] {
            assert_eq!(append_time(purpose, heartbeat), limits::APPEND_TIME);
        }
        assert!(limits::APPEND_TIME > 10 * heartbeat);
    }
}
