//! A server that answers as a node does: the rules are those of `hosts`, the
//! log is a counter, and its mood says what goes wrong.

mod snapshots;

use crate::pki::Pair;
use futures::stream::{self, BoxStream, StreamExt as _};
use hosts::format::{Export, Place, parse};
use hosts::{
    Actor, Address, Answer, Command, Decision, Fingerprint, Host, HostId, HostPatch, HostRef,
    Hostname, NewHost, NoTarget, Outcome, Projection, Query, Rejection, RequestId, Revision, Stamp,
    Target, Timestamp,
};
use proto::cluster as pb;
use proto::cluster::cluster_service_server::{ClusterService, ClusterServiceServer};
use proto::convert::{Get, ImportOptions, List, Search, file_format, import_line};
use proto::history::history_service_server::HistoryServiceServer;
use proto::v1::hosts_service_server::{HostsService, HostsServiceServer};
use proto::{metadata, v1};
use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;
use tokio::runtime::Runtime;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// What a node does with the next calls.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Mood {
    /// It works.
    Well,
    /// It has no quorum.
    NoQuorum,
    /// It makes changes, and cannot tell that it did.
    Unsure,
    /// It makes changes, and dies before it answers.
    Dies,
    /// It takes calls and never answers.
    Silent,
    /// The certificate may not do this.
    Forbids,
    /// It refuses every call, with a reason or as a proxy does without one.
    Refuses(Code, Option<&'static str>),
    /// It works, and knows no dry run.
    Older,
}

/// A running node.
pub(crate) struct Node {
    pub(crate) address: String,
    service: Service,
    called: mpsc::Receiver<&'static str>,
    stopped: mpsc::Sender<()>,
}

#[derive(Clone)]
struct Service(Arc<State>);

struct State {
    projection: Mutex<Projection>,
    mood: Mutex<Mood>,
    /// Method and request id of every call.
    calls: Mutex<Vec<(&'static str, Option<String>)>>,
    /// Since when each of them may have been sent before.
    sinces: Mutex<Vec<Option<u64>>>,
    /// Hears of every call as it comes.
    calling: Mutex<mpsc::Sender<&'static str>>,
    /// What `WaitPublished` answers.
    published: Mutex<Vec<pb::PublishOutcome>>,
    die: mpsc::Sender<()>,
}

impl Node {
    /// Listens on a free port of this machine. It takes clients of `ca` only.
    pub(crate) fn start(own: &Pair, ca: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let (die, death) = mpsc::channel();
        let (calling, called) = mpsc::channel();
        let service = Service(Arc::new(State {
            projection: Mutex::new(Projection::new()),
            mood: Mutex::new(Mood::Well),
            calls: Mutex::default(),
            sinces: Mutex::default(),
            calling: Mutex::new(calling),
            published: Mutex::default(),
            die: die.clone(),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        listener.set_nonblocking(true).unwrap();
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(&own.cert, &own.key))
            .client_ca_root(Certificate::from_pem(ca));
        let (hosts, cluster, history) = (service.clone(), service.clone(), service.clone());
        runtime.spawn(async move {
            let incoming = TcpIncoming::from(tokio::net::TcpListener::from_std(listener).unwrap());
            Server::builder()
                .tls_config(tls)
                .unwrap()
                .add_service(HostsServiceServer::new(hosts))
                .add_service(ClusterServiceServer::new(cluster))
                .add_service(HistoryServiceServer::new(history))
                .serve_with_incoming(incoming)
                .await
        });
        // Whoever ends the node ends its runtime, and every connection with it.
        thread::spawn(move || {
            death.recv().ok();
            runtime.shutdown_background();
        });
        Self {
            address,
            service,
            called,
            stopped: die,
        }
    }

    /// A second way to the same records, as a node of the same cluster.
    pub(crate) fn share(&self, other: &Self) {
        let records = other.service.0.projection.lock().unwrap().clone();
        *self.service.0.projection.lock().unwrap() = records;
    }

    pub(crate) fn mood(&self, mood: Mood) {
        *self.service.0.mood.lock().unwrap() = mood;
    }

    pub(crate) fn publishes(&self, outcomes: Vec<pb::PublishOutcome>) {
        *self.service.0.published.lock().unwrap() = outcomes;
    }

    /// Makes so many changes, as another client would.
    pub(crate) fn is_changed(&self, times: usize) {
        for n in 0..times {
            let host = format!("192.168.{}.{}", n / 250, n % 250 + 1);
            let host = NewHost::new(
                Address::parse(&host).unwrap(),
                Hostname::parse("busy.lan").unwrap(),
            );
            let command = Command::AddHost(host);
            let id = format!("busy-{n}");
            let since = self.service.since();
            let fingerprint = command.fingerprint();
            let made = self.service.decide(Some(id), since, fingerprint, &command);
            made.unwrap();
        }
    }

    /// Since when the calls so far may have been sent before.
    pub(crate) fn sinces(&self) -> Vec<Option<u64>> {
        self.service.0.sinces.lock().unwrap().clone()
    }

    pub(crate) fn calls(&self) -> Vec<(&'static str, Option<String>)> {
        self.service.0.calls.lock().unwrap().clone()
    }

    /// Returns once it has got a call, or fails.
    pub(crate) fn until_called(&self) {
        self.called.recv_timeout(Duration::from_secs(30)).unwrap();
    }

    pub(crate) fn hosts(&self) -> usize {
        self.service.0.projection.lock().unwrap().len()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stopped.send(()).ok();
    }
}

/// A port where nobody listens.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn refused(code: Code, reason: &str, message: impl ToString) -> Status {
    let details = ErrorDetails::with_error_info(reason, "router-hosts", HashMap::new());
    Status::with_error_details(code, message.to_string(), details)
}

fn invalid(error: &impl ToString) -> Status {
    refused(Code::InvalidArgument, "INVALID_ARGUMENT", error.to_string())
}

fn rejected(rejection: &Rejection) -> Status {
    let code = match rejection {
        Rejection::NotFound { .. } | Rejection::SnapshotNotFound { .. } => Code::NotFound,
        Rejection::Duplicate { .. } | Rejection::ImportConflicts { .. } => Code::AlreadyExists,
        Rejection::VersionMismatch { .. } => Code::Aborted,
        Rejection::RequestForgotten { .. } => Code::DeadlineExceeded,
        _ => Code::InvalidArgument,
    };
    refused(code, rejection.reason(), rejection)
}

impl Service {
    /// Notes the call, and does what the mood says before it.
    async fn enter<M>(
        &self,
        method: &'static str,
        request: &Request<M>,
    ) -> Result<Option<String>, Status> {
        let beside = |key| {
            let value = request.metadata().get(key)?;
            Some(value.to_str().unwrap().to_owned())
        };
        let id = beside(metadata::REQUEST_ID);
        self.0.calls.lock().unwrap().push((method, id.clone()));
        let since = beside(metadata::REQUEST_SINCE).map(|since| since.parse().unwrap());
        self.0.sinces.lock().unwrap().push(since);
        // Most tests do not listen.
        self.0.calling.lock().unwrap().send(method).ok();
        let mood = *self.0.mood.lock().unwrap();
        match mood {
            Mood::Well | Mood::Unsure | Mood::Dies | Mood::Older => Ok(id),
            Mood::NoQuorum => Err(refused(Code::Unavailable, "NO_QUORUM", "1 of 3 nodes")),
            Mood::Forbids => Err(refused(
                Code::PermissionDenied,
                "PERMISSION_DENIED",
                "viewer:alice may not change records",
            )),
            Mood::Refuses(code, Some(reason)) => Err(refused(code, reason, "refused")),
            Mood::Refuses(code, None) => Err(Status::new(code, "refused")),
            Mood::Silent => std::future::pending().await,
        }
    }

    /// Since when the call at hand may have been sent before.
    fn since(&self) -> Revision {
        let said = self.0.sinces.lock().unwrap().last().copied().flatten();
        let applied = self.0.projection.lock().unwrap().revision();
        said.map_or(applied, Revision::new)
    }

    /// Finds the host that is meant as a node does, and changes it.
    async fn change_of(
        &self,
        id: Option<String>,
        host: &HostRef,
        command: impl Fn(HostId) -> Command,
    ) -> Result<Answer, Status> {
        let since = self.since();
        let name = match host {
            HostRef::Id(host) => {
                let command = command(*host);
                let fingerprint = command.fingerprint();
                return self.made(id, since, fingerprint, &command).await;
            }
            HostRef::Name(name) => name,
        };
        let fingerprint = Command::fingerprint_by_name(&command, name);
        let request = RequestId::parse(id.as_deref().unwrap()).unwrap();
        let records = self.0.projection.lock().unwrap().clone();
        match records.target(name, &alice(), &request, &fingerprint, Some(since)) {
            Ok(Target::Host(host)) => self.made(id, since, fingerprint, &command(host)).await,
            Ok(Target::Answered(answer)) => self.told(answer, since).await,
            Err(NoTarget::Request(rejection)) => Err(rejected(&rejection)),
            Err(error @ NoTarget::Unknown { .. }) => {
                Err(refused(Code::NotFound, "NOT_FOUND", error))
            }
            Err(error @ NoTarget::Ambiguous { .. }) => {
                Err(refused(Code::InvalidArgument, "AMBIGUOUS", error))
            }
        }
    }

    /// Makes a change as the core does, and loses the answer if the mood is so.
    async fn change(&self, id: Option<String>, command: Command) -> Result<Answer, Status> {
        self.made(id, self.since(), command.fingerprint(), &command)
            .await
    }

    async fn made(
        &self,
        id: Option<String>,
        since: Revision,
        fingerprint: Fingerprint,
        command: &Command,
    ) -> Result<Answer, Status> {
        let answer = self.decide(id, since, fingerprint, command);
        self.told(answer.map_err(|r| rejected(&r))?, since).await
    }

    /// The answer, or what the mood makes of it.
    async fn told(&self, answer: Answer, since: Revision) -> Result<Answer, Status> {
        let mood = *self.0.mood.lock().unwrap();
        match mood {
            Mood::Dies => {
                self.0.die.send(()).unwrap();
                std::future::pending().await
            }
            Mood::Unsure => {
                let mut status = refused(
                    Code::DeadlineExceeded,
                    "OUTCOME_UNKNOWN",
                    "leadership was lost",
                );
                let since = since.get().into();
                status.metadata_mut().insert(metadata::REQUEST_SINCE, since);
                Err(status)
            }
            _ => Ok(answer),
        }
    }

    fn decide(
        &self,
        id: Option<String>,
        since: Revision,
        fingerprint: Fingerprint,
        command: &Command,
    ) -> Result<Answer, Rejection> {
        let mut projection = self.0.projection.lock().unwrap();
        let next = Revision::new(projection.revision().get() + 1);
        let stamp = Stamp {
            at: Timestamp::from_millis(1_795_197_600_000 + next.get()),
            by: alice(),
            request: RequestId::parse(&id.unwrap()).unwrap(),
            since: Some(since),
            fingerprint,
            seed: u128::from(next.get()) << 32,
        };
        match hosts::decide(&projection, command, stamp)? {
            Decision::Commit(change) => Ok(projection.apply(next, &change)?.answer),
            Decision::Answered(answer) | Decision::Unchanged(answer) => Ok(answer),
        }
    }

    fn found(&self, query: Option<&Query>) -> Vec<v1::HostEntry> {
        let projection = self.0.projection.lock().unwrap();
        let all = Query::default();
        projection
            .search(query.unwrap_or(&all))
            .map(|host| v1::HostEntry::from(&**host))
            .collect()
    }

    fn answer<M>(&self, message: M, revision: Revision) -> Response<M> {
        let mut answer = Response::new(message);
        let revision = revision.to_string().parse().unwrap();
        answer.metadata_mut().insert(metadata::REVISION, revision);
        answer
    }

    fn read<M>(&self, message: M) -> Response<M> {
        let revision = self.0.projection.lock().unwrap().revision();
        self.answer(message, revision)
    }
}

fn alice() -> Actor {
    "admin:alice".parse().unwrap()
}

fn host_of(outcome: &Outcome) -> &Host {
    match outcome {
        Outcome::Added(host) | Outcome::Updated(host) => host,
        other => panic!("{other:?}"),
    }
}

#[tonic::async_trait]
impl HostsService for Service {
    async fn add_host(
        &self,
        request: Request<v1::AddHostRequest>,
    ) -> Result<Response<v1::AddHostResponse>, Status> {
        let id = self.enter("AddHost", &request).await?;
        let host = request.into_inner().try_into().map_err(|e| invalid(&e))?;
        let answer = self.change(id, Command::AddHost(host)).await?;
        let host = host_of(&answer.outcome);
        let message = v1::AddHostResponse {
            id: host.id.to_string(),
            entry: Some(host.into()),
        };
        Ok(self.answer(message, answer.revision))
    }

    async fn get_host(
        &self,
        request: Request<v1::GetHostRequest>,
    ) -> Result<Response<v1::GetHostResponse>, Status> {
        self.enter("GetHost", &request).await?;
        let Get { id, .. } = request.into_inner().try_into().map_err(|e| invalid(&e))?;
        let host = self.0.projection.lock().unwrap().host(id).cloned();
        let host = host.ok_or_else(|| rejected(&Rejection::NotFound { id }))?;
        Ok(self.read(v1::GetHostResponse {
            entry: Some((&*host).into()),
        }))
    }

    async fn update_host(
        &self,
        request: Request<v1::UpdateHostRequest>,
    ) -> Result<Response<v1::UpdateHostResponse>, Status> {
        let request_id = self.enter("UpdateHost", &request).await?;
        let message: v1::UpdateHostRequest = request.into_inner();
        let (host, patch, expected): (HostRef, HostPatch, _) =
            message.try_into().map_err(|e| invalid(&e))?;
        let command = |id| Command::UpdateHost {
            id,
            patch: patch.clone(),
            expected,
        };
        let answer = self.change_of(request_id, &host, command).await?;
        let message = v1::UpdateHostResponse {
            entry: Some(host_of(&answer.outcome).into()),
        };
        Ok(self.answer(message, answer.revision))
    }

    async fn delete_host(
        &self,
        request: Request<v1::DeleteHostRequest>,
    ) -> Result<Response<v1::DeleteHostResponse>, Status> {
        let request_id = self.enter("DeleteHost", &request).await?;
        let message: v1::DeleteHostRequest = request.into_inner();
        let (host, expected) = message.try_into().map_err(|e| invalid(&e))?;
        let command = |id| Command::DeleteHost { id, expected };
        let answer = self.change_of(request_id, &host, command).await?;
        let Outcome::Deleted(id) = answer.outcome else {
            panic!("{answer:?}");
        };
        let message = v1::DeleteHostResponse {
            success: true,
            id: id.to_string(),
        };
        Ok(self.answer(message, answer.revision))
    }

    type ListHostsStream = BoxStream<'static, Result<v1::ListHostsResponse, Status>>;

    async fn list_hosts(
        &self,
        request: Request<v1::ListHostsRequest>,
    ) -> Result<Response<Self::ListHostsStream>, Status> {
        self.enter("ListHosts", &request).await?;
        let List {
            filter,
            limit,
            offset,
            ..
        } = request.into_inner().try_into().map_err(|e| invalid(&e))?;
        let entries = self.found(filter.as_ref()).into_iter().skip(offset);
        let entries: Vec<_> = entries.take(limit.unwrap_or(usize::MAX)).collect();
        Ok(self.read(
            stream::iter(entries)
                .map(|entry| Ok(v1::ListHostsResponse { entry: Some(entry) }))
                .boxed(),
        ))
    }

    type SearchHostsStream = BoxStream<'static, Result<v1::SearchHostsResponse, Status>>;

    async fn search_hosts(
        &self,
        request: Request<v1::SearchHostsRequest>,
    ) -> Result<Response<Self::SearchHostsStream>, Status> {
        self.enter("SearchHosts", &request).await?;
        let Search { query, .. } = request.into_inner().try_into().map_err(|e| invalid(&e))?;
        Ok(self.read(
            stream::iter(self.found(Some(&query)))
                .map(|entry| Ok(v1::SearchHostsResponse { entry: Some(entry) }))
                .boxed(),
        ))
    }

    type ImportHostsStream = BoxStream<'static, Result<v1::ImportHostsResponse, Status>>;

    async fn import_hosts(
        &self,
        request: Request<tonic::Streaming<v1::ImportHostsRequest>>,
    ) -> Result<Response<Self::ImportHostsStream>, Status> {
        let id = self.enter("ImportHosts", &request).await?;
        let mut chunks = request.into_inner();
        let (mut file, mut options, mut last) = (Vec::new(), None::<ImportOptions>, false);
        while let Some(chunk) = chunks.message().await? {
            assert!(chunk.chunk.len() <= 64 * 1024 && !last);
            if options.is_none() {
                options = Some(ImportOptions::try_from(&chunk).map_err(|e| invalid(&e))?);
            }
            file.extend_from_slice(&chunk.chunk);
            last = chunk.last_chunk;
        }
        assert!(last, "the last chunk says so");
        let ImportOptions {
            format,
            mode,
            dry_run,
        } = options.unwrap();
        let parsed = parse(format, &file).map_err(|e| invalid(&e))?;
        let places: Vec<Place> = parsed.rows.iter().map(|row| row.place).collect();
        let rows = parsed.rows.into_iter().map(|row| row.host).collect();
        let command = Command::ImportHosts { rows, mode };
        if dry_run {
            assert_eq!(id, None, "nothing is changed under an id");
            let summary = v1::ImportHostsResponse {
                created: i32::try_from(places.len()).unwrap(),
                dry_run: *self.0.mood.lock().unwrap() != Mood::Older,
                ..Default::default()
            };
            return Ok(self.read(stream::iter([Ok(summary)]).boxed()));
        }
        let line = |row: usize, reason: &str| import_line(places[row - 1], reason, "taken".into());
        let answer = match self.decide(id.clone(), self.since(), command.fingerprint(), &command) {
            Err(rejection @ Rejection::ImportConflicts { .. }) => {
                let Rejection::ImportConflicts { shown, total } = &rejection else {
                    unreachable!("matched above");
                };
                let lines = v1::ImportHostsResponse {
                    lines: shown.iter().map(|c| line(c.row, "TAKEN")).collect(),
                    lines_total: i32::try_from(*total).unwrap(),
                    ..Default::default()
                };
                let refused = rejected(&rejection);
                return Ok(Response::new(
                    stream::iter([Ok(lines), Err(refused)]).boxed(),
                ));
            }
            _ => self.change(id, command).await?,
        };
        let Answer { revision, outcome } = answer;
        let Outcome::Imported(counts) = outcome else {
            panic!("{outcome:?}");
        };
        let left_out = counts.left_out.rows.iter();
        let summary = v1::ImportHostsResponse {
            lines: left_out
                .map(|row| line(usize::try_from(*row).unwrap(), "LEFT_OUT"))
                .collect(),
            ..(&counts).into()
        };
        Ok(self.answer(stream::iter([Ok(summary)]).boxed(), revision))
    }

    type ExportHostsStream = BoxStream<'static, Result<v1::ExportHostsResponse, Status>>;

    async fn export_hosts(
        &self,
        request: Request<v1::ExportHostsRequest>,
    ) -> Result<Response<Self::ExportHostsStream>, Status> {
        self.enter("ExportHosts", &request).await?;
        let projection = self.0.projection.lock().unwrap().clone();
        let format = file_format(&request.into_inner().format).map_err(|e| invalid(&e))?;
        let file: Vec<u8> = Export::new(projection, format).flatten().collect();
        let chunks: Vec<_> = file.chunks(50).map(<[u8]>::to_vec).collect();
        Ok(self.read(
            stream::iter(chunks)
                .map(|chunk| {
                    Ok(v1::ExportHostsResponse {
                        chunk: chunk.into(),
                    })
                })
                .boxed(),
        ))
    }

    type WatchHostsStream = BoxStream<'static, Result<v1::WatchHostsResponse, Status>>;

    async fn watch_hosts(
        &self,
        _: Request<tonic::Streaming<v1::WatchHostsRequest>>,
    ) -> Result<Response<Self::WatchHostsStream>, Status> {
        Err(Status::unimplemented("no client calls it"))
    }

    type BulkAddHostsStream = BoxStream<'static, Result<v1::BulkAddHostsResponse, Status>>;

    async fn bulk_add_hosts(
        &self,
        _: Request<tonic::Streaming<v1::BulkAddHostsRequest>>,
    ) -> Result<Response<Self::BulkAddHostsStream>, Status> {
        Err(Status::unimplemented("no client calls it"))
    }

    async fn compact_aggregates(
        &self,
        _: Request<v1::CompactAggregatesRequest>,
    ) -> Result<Response<v1::CompactAggregatesResponse>, Status> {
        Err(Status::unimplemented("no client calls it"))
    }

    async fn create_snapshot(
        &self,
        request: Request<v1::CreateSnapshotRequest>,
    ) -> Result<Response<v1::CreateSnapshotResponse>, Status> {
        self.make_snapshot(request).await
    }

    type ListSnapshotsStream = BoxStream<'static, Result<v1::ListSnapshotsResponse, Status>>;

    async fn list_snapshots(
        &self,
        request: Request<v1::ListSnapshotsRequest>,
    ) -> Result<Response<Self::ListSnapshotsStream>, Status> {
        self.snapshots(request).await
    }

    async fn rollback_to_snapshot(
        &self,
        request: Request<v1::RollbackToSnapshotRequest>,
    ) -> Result<Response<v1::RollbackToSnapshotResponse>, Status> {
        self.rollback(request).await
    }

    async fn delete_snapshot(
        &self,
        request: Request<v1::DeleteSnapshotRequest>,
    ) -> Result<Response<v1::DeleteSnapshotResponse>, Status> {
        self.drop_snapshot(request).await
    }

    async fn liveness(
        &self,
        _: Request<v1::LivenessRequest>,
    ) -> Result<Response<v1::LivenessResponse>, Status> {
        Err(Status::unimplemented("no client calls it yet"))
    }

    async fn readiness(
        &self,
        _: Request<v1::ReadinessRequest>,
    ) -> Result<Response<v1::ReadinessResponse>, Status> {
        Err(Status::unimplemented("no client calls it yet"))
    }

    async fn health(
        &self,
        _: Request<v1::HealthRequest>,
    ) -> Result<Response<v1::HealthResponse>, Status> {
        Err(Status::unimplemented("no client calls it yet"))
    }
}

#[tonic::async_trait]
impl ClusterService for Service {
    async fn status(
        &self,
        request: Request<pb::StatusRequest>,
    ) -> Result<Response<pb::StatusResponse>, Status> {
        self.enter("Status", &request).await?;
        let node = |id: u64, reachable| pb::NodeStatus {
            id,
            name: format!("n{id}"),
            address: format!("n{id}.lan:50051"),
            role: pb::Role::Voter.into(),
            reachable,
            problem: if reachable { "" } else { "refused" }.to_owned(),
            ..Default::default()
        };
        Ok(Response::new(pb::StatusResponse {
            cluster_id: "01ARYZ6S41TSV4RRFFQ69G5FAV".to_owned(),
            verdict: pb::Verdict::Degraded.into(),
            explanation: "n2 is unreachable".to_owned(),
            nodes: vec![node(1, true), node(2, false)],
            answered_by: 1,
        }))
    }

    async fn wait_published(
        &self,
        request: Request<pb::WaitPublishedRequest>,
    ) -> Result<Response<pb::WaitPublishedResponse>, Status> {
        self.enter("WaitPublished", &request).await?;
        let asked = request.into_inner().revision;
        let mut nodes = self.0.published.lock().unwrap().clone();
        nodes.iter_mut().for_each(|node| node.revision = asked);
        Ok(Response::new(pb::WaitPublishedResponse { nodes }))
    }
}
