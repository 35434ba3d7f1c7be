//! `router_hosts.v1.HostsService`: the records, through this node.

use super::{
    auth::{Need, address, caller},
    health,
    import::Refused,
    metadata::{self, Marks},
    renders::{Answers, Renders, Selection},
    shares::{Shares, holding},
    status,
};
use crate::{
    clock::Clock,
    forward::{Asked, Router, Since, WriteError},
    limits,
    publish::Published,
    reads::Reads,
    sinks::Sinks,
};
use futures::{StreamExt as _, stream};
use hosts::{
    Actor, Answer, Command, HostId, HostPatch, HostRef, NewHost, Outcome, Revision, SnapshotId,
    Target, format::Export,
};
use proto::{
    convert::{
        Consistency, CreateSnapshot, Get, InvalidMessage, List, ListSnapshots, RollBack, Search,
        file_format,
    },
    v1::{self, hosts_service_server::HostsService},
};
use raft_store::{Applied, disk::Work};
use std::sync::Arc;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming, metadata::MetadataMap};

/// The service of one node.
#[derive(Clone, Debug)]
pub struct HostsApi {
    pub(super) router: Arc<Router>,
    pub(super) reads: Reads,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) published: watch::Receiver<Published>,
    pub(super) hooks: Arc<[String]>,
    pub(super) started: Instant,
    pub(super) marks: Marks,
    pub(super) imports: Arc<Semaphore>,
    pub(super) closing: CancellationToken,
    pub(super) sinks: Sinks,
    pub(super) renders: Renders,
    shares: Shares,
    pub(super) work: Work,
}

/// What the service of a node stands on.
#[derive(Debug)]
pub struct HostsParts<'a> {
    /// The node's name.
    pub name: &'a str,
    /// Where writes go.
    pub router: Arc<Router>,
    /// Where views come from.
    pub reads: Reads,
    /// Where ids and times come from.
    pub clock: Arc<dyn Clock>,
    /// What the hosts file holds.
    pub published: watch::Receiver<Published>,
    /// The names of the hooks, in the order of the configuration.
    pub hooks: Arc<[String]>,
    /// Where long work is done.
    pub work: Work,
    /// The port closes: streams end.
    pub closing: CancellationToken,
    /// Who watches.
    pub sinks: Sinks,
}

impl HostsApi {
    /// The service over these parts.
    #[must_use]
    pub fn new(
        HostsParts {
            name,
            router,
            reads,
            clock,
            published,
            hooks,
            work,
            closing,
            sinks,
        }: HostsParts<'_>,
    ) -> Self {
        let (started, marks) = (Instant::now(), Marks::of(name));
        let imports = Arc::new(Semaphore::new(limits::IMPORTS_AT_ONCE));
        Self {
            router,
            reads,
            clock,
            published,
            hooks,
            started,
            marks,
            imports,
            closing,
            sinks,
            renders: Renders::new(work),
            shares: Shares::default(),
            work,
        }
    }

    /// Hands `command` to whoever leads and waits for its answer.
    pub(super) async fn write(
        &self,
        metadata: &MetadataMap,
        by: Actor,
        command: Arc<Command>,
        deadline: Instant,
    ) -> Result<Result<Answer, WriteError>, Status> {
        let asked = Asked {
            command,
            by,
            request: metadata::request_id(metadata, &*self.clock)?,
            since: self.since(metadata)?,
            fingerprint: None,
        };
        Ok(self.router.write(asked, deadline).await)
    }

    /// Hands in what `command` says of the host that is meant, and waits for
    /// its answer.
    async fn write_to(
        &self,
        metadata: &MetadataMap,
        by: Actor,
        host: HostRef,
        version: Option<&str>,
        command: impl Fn(HostId) -> Command,
    ) -> Result<Answer, Status> {
        let deadline = metadata::deadline(metadata, limits::CALL_TIME);
        let request = metadata::request_id(metadata, &*self.clock)?;
        let since = self.since(metadata)?;
        let (id, fingerprint) = match host {
            HostRef::Id(id) => (id, None),
            HostRef::Name(name) => {
                let fingerprint = Command::fingerprint_by_name(&command, &name);
                // Known only as the caller says it: a new call is not too old.
                let known = match since {
                    Since::Known(since) => Some(since),
                    Since::New(_) => None,
                };
                let view = self.reads.linearizable(deadline).await;
                let view = view.map_err(|error| status::read_failed(&error))?;
                let hosts = &view.projection;
                match hosts.target(&name, &by, &request, &fingerprint, known) {
                    Ok(Target::Host(id)) => (id, Some(fingerprint)),
                    Ok(Target::Answered(answer)) => return Ok(answer),
                    Err(error) => return Err(status::no_target(&error)),
                }
            }
        };
        let asked = Asked {
            command: Arc::new(command(id)),
            by,
            request,
            since,
            fingerprint,
        };
        let written = self.router.write(asked, deadline).await;
        written.map_err(|error| status::change_failed(&error, version))
    }

    /// Whether the call may have been made before.
    pub(super) fn since(&self, metadata: &MetadataMap) -> Result<Since, Status> {
        Ok(match metadata::request_since(metadata)? {
            Some(since) => Since::Known(since),
            None => Since::New(Revision::new(self.reads.local().index().unwrap_or(0))),
        })
    }

    /// A place among the caller's long answers.
    pub(super) async fn place(
        &self,
        metadata: &MetadataMap,
        by: Actor,
    ) -> Result<OwnedSemaphorePermit, Status> {
        let deadline = metadata::deadline(metadata, limits::CALL_TIME);
        self.shares.place(by, deadline).await
    }

    pub(super) async fn view(
        &self,
        metadata: &MetadataMap,
        consistency: Consistency,
    ) -> Result<Arc<Applied>, Status> {
        match consistency {
            Consistency::Local => Ok(self.reads.local()),
            Consistency::Linearizable => {
                let deadline = metadata::deadline(metadata, limits::CALL_TIME);
                let view = self.reads.linearizable(deadline).await;
                view.map_err(|error| status::read_failed(&error))
            }
        }
    }

    pub(super) fn answered<T>(&self, message: T, revision: Revision) -> Response<T> {
        self.marks.on(message, revision, &self.reads.local())
    }

    pub(super) fn seen<T>(&self, message: T, view: &Applied) -> Response<T> {
        self.marks.on(message, view.projection.revision(), view)
    }
}

#[tonic::async_trait]
impl HostsService for HostsApi {
    type ListHostsStream = Answers<v1::ListHostsResponse>;
    type SearchHostsStream = Answers<v1::SearchHostsResponse>;
    type ImportHostsStream = Answers<v1::ImportHostsResponse>;
    type ExportHostsStream = Answers<v1::ExportHostsResponse>;
    type WatchHostsStream = Answers<v1::WatchHostsResponse>;
    type BulkAddHostsStream = Answers<v1::BulkAddHostsResponse>;
    type ListSnapshotsStream = Answers<v1::ListSnapshotsResponse>;

    async fn add_host(
        &self,
        request: Request<v1::AddHostRequest>,
    ) -> Result<Response<v1::AddHostResponse>, Status> {
        let by = caller(&request, Need::Write)?;
        let (metadata, _, message) = request.into_parts();
        let command = Arc::new(Command::AddHost(parsed(NewHost::try_from(message))?));
        let deadline = metadata::deadline(&metadata, limits::CALL_TIME);
        let written = self.write(&metadata, by, command, deadline).await?;
        let answer = written.map_err(|error| status::write_failed(&error))?;
        let Outcome::Added(host) = &answer.outcome else {
            return Err(other_answer("an add"));
        };
        let message = v1::AddHostResponse {
            id: host.id.to_string(),
            entry: Some(host.as_ref().into()),
        };
        Ok(self.answered(message, answer.revision))
    }

    async fn get_host(
        &self,
        request: Request<v1::GetHostRequest>,
    ) -> Result<Response<v1::GetHostResponse>, Status> {
        caller(&request, Need::Read)?;
        let (metadata, _, message) = request.into_parts();
        let Get { id, consistency } = parsed(message.try_into())?;
        let view = self.view(&metadata, consistency).await?;
        let host = view
            .projection
            .host(id)
            .ok_or_else(|| status::not_found(id))?;
        let message = v1::GetHostResponse {
            entry: Some(host.as_ref().into()),
        };
        Ok(self.seen(message, &view))
    }

    async fn update_host(
        &self,
        request: Request<v1::UpdateHostRequest>,
    ) -> Result<Response<v1::UpdateHostResponse>, Status> {
        let by = caller(&request, Need::Write)?;
        let (metadata, _, message) = request.into_parts();
        let version = message.expected_version.clone();
        let (host, patch, expected): (HostRef, HostPatch, _) = parsed(message.try_into())?;
        let command = |id| Command::UpdateHost {
            id,
            patch: patch.clone(),
            expected,
        };
        let version = version.as_deref();
        let answer = self.write_to(&metadata, by, host, version, command).await?;
        let Outcome::Updated(host) = &answer.outcome else {
            return Err(other_answer("an update"));
        };
        let message = v1::UpdateHostResponse {
            entry: Some(host.as_ref().into()),
        };
        Ok(self.answered(message, answer.revision))
    }

    async fn delete_host(
        &self,
        request: Request<v1::DeleteHostRequest>,
    ) -> Result<Response<v1::DeleteHostResponse>, Status> {
        let by = caller(&request, Need::Write)?;
        let (metadata, _, message) = request.into_parts();
        let version = message.expected_version.clone();
        let (host, expected) = parsed(message.try_into())?;
        let command = |id| Command::DeleteHost { id, expected };
        let version = version.as_deref();
        let answer = self.write_to(&metadata, by, host, version, command).await?;
        let Outcome::Deleted(id) = &answer.outcome else {
            return Err(other_answer("a delete"));
        };
        let message = v1::DeleteHostResponse {
            success: true,
            id: id.to_string(),
        };
        Ok(self.answered(message, answer.revision))
    }

    async fn list_hosts(
        &self,
        request: Request<v1::ListHostsRequest>,
    ) -> Result<Response<Self::ListHostsStream>, Status> {
        let by = caller(&request, Need::Read)?;
        let (metadata, _, message) = request.into_parts();
        let List {
            filter,
            limit,
            offset,
            consistency,
        } = parsed(message.try_into())?;
        let place = self.place(&metadata, by).await?;
        let view = self.view(&metadata, consistency).await?;
        let selection = Selection {
            query: filter.unwrap_or_default(),
            skip: offset,
            left: limit.unwrap_or(usize::MAX),
            ..Selection::of(&view)
        };
        let entry = |entry| v1::ListHostsResponse { entry: Some(entry) };
        let answers = holding(self.renders.entries(selection, entry), place);
        Ok(self.seen(answers, &view))
    }

    async fn search_hosts(
        &self,
        request: Request<v1::SearchHostsRequest>,
    ) -> Result<Response<Self::SearchHostsStream>, Status> {
        let by = caller(&request, Need::Read)?;
        let (metadata, _, message) = request.into_parts();
        let Search { query, consistency } = parsed(message.try_into())?;
        let place = self.place(&metadata, by).await?;
        let view = self.view(&metadata, consistency).await?;
        let selection = Selection {
            query,
            ..Selection::of(&view)
        };
        let entry = |entry| v1::SearchHostsResponse { entry: Some(entry) };
        let answers = holding(self.renders.entries(selection, entry), place);
        Ok(self.seen(answers, &view))
    }

    async fn import_hosts(
        &self,
        request: Request<Streaming<v1::ImportHostsRequest>>,
    ) -> Result<Response<Self::ImportHostsStream>, Status> {
        let by = caller(&request, Need::Write)?;
        let (metadata, _, chunks) = request.into_parts();
        match self.import(&metadata, by, chunks).await {
            Ok(answer) => Ok(answer),
            Err(Refused {
                lines: None,
                status,
            }) => Err(status),
            // The lines come first: a status has no room for all of them.
            Err(Refused {
                lines: Some(lines),
                status,
            }) => Ok(Response::new(
                stream::iter([Ok(lines), Err(status)]).boxed(),
            )),
        }
    }

    async fn export_hosts(
        &self,
        request: Request<v1::ExportHostsRequest>,
    ) -> Result<Response<Self::ExportHostsStream>, Status> {
        let by = caller(&request, Need::Read)?;
        let (metadata, _, message) = request.into_parts();
        let v1::ExportHostsRequest {
            format,
            consistency,
        } = message;
        let format = parsed(file_format(&format))?;
        let consistency = parsed(Consistency::from_wire(consistency))?;
        let place = self.place(&metadata, by).await?;
        let view = self.view(&metadata, consistency).await?;
        let export = Export::new(hosts::Projection::clone(&view.projection), format);
        let answers = holding(self.renders.pieces(export), place);
        Ok(self.seen(answers, &view))
    }

    async fn watch_hosts(
        &self,
        request: Request<Streaming<v1::WatchHostsRequest>>,
    ) -> Result<Response<Self::WatchHostsStream>, Status> {
        let by = caller(&request, Need::Read)?;
        let from = address(&request)?;
        let (metadata, _, messages) = request.into_parts();
        self.watch(&metadata, by, from, messages).await
    }

    async fn bulk_add_hosts(
        &self,
        request: Request<Streaming<v1::BulkAddHostsRequest>>,
    ) -> Result<Response<Self::BulkAddHostsStream>, Status> {
        let by = caller(&request, Need::Write)?;
        let (metadata, _, rows) = request.into_parts();
        self.bulk_add(metadata, by, rows).await
    }

    async fn compact_aggregates(
        &self,
        request: Request<v1::CompactAggregatesRequest>,
    ) -> Result<Response<v1::CompactAggregatesResponse>, Status> {
        caller(&request, Need::Write)?;
        Ok(Response::new(v1::CompactAggregatesResponse::default()))
    }

    async fn create_snapshot(
        &self,
        request: Request<v1::CreateSnapshotRequest>,
    ) -> Result<Response<v1::CreateSnapshotResponse>, Status> {
        let by = caller(&request, Need::Write)?;
        let (metadata, _, message) = request.into_parts();
        let asked: CreateSnapshot = parsed(message.try_into())?;
        self.make_snapshot(&metadata, by, asked).await
    }

    async fn list_snapshots(
        &self,
        request: Request<v1::ListSnapshotsRequest>,
    ) -> Result<Response<Self::ListSnapshotsStream>, Status> {
        let by = caller(&request, Need::Read)?;
        let (metadata, _, message) = request.into_parts();
        let page: ListSnapshots = parsed(message.try_into())?;
        self.snapshots(&metadata, by, page).await
    }

    async fn rollback_to_snapshot(
        &self,
        request: Request<v1::RollbackToSnapshotRequest>,
    ) -> Result<Response<v1::RollbackToSnapshotResponse>, Status> {
        let by = caller(&request, Need::Write)?;
        let (metadata, _, message) = request.into_parts();
        let asked: RollBack = parsed(message.try_into())?;
        self.roll_back(&metadata, by, asked).await
    }

    async fn delete_snapshot(
        &self,
        request: Request<v1::DeleteSnapshotRequest>,
    ) -> Result<Response<v1::DeleteSnapshotResponse>, Status> {
        let by = caller(&request, Need::Write)?;
        let (metadata, _, message) = request.into_parts();
        let id: SnapshotId = parsed(message.try_into())?;
        self.drop_snapshot(&metadata, by, id).await
    }

    async fn liveness(
        &self,
        _: Request<v1::LivenessRequest>,
    ) -> Result<Response<v1::LivenessResponse>, Status> {
        Ok(Response::new(v1::LivenessResponse { alive: true }))
    }

    async fn readiness(
        &self,
        _: Request<v1::ReadinessRequest>,
    ) -> Result<Response<v1::ReadinessResponse>, Status> {
        Ok(Response::new(health::readiness(self).await))
    }

    async fn health(
        &self,
        request: Request<v1::HealthRequest>,
    ) -> Result<Response<v1::HealthResponse>, Status> {
        caller(&request, Need::Read)?;
        Ok(Response::new(health::health(self).await))
    }
}

pub(super) fn parsed<T>(result: Result<T, InvalidMessage>) -> Result<T, Status> {
    result.map_err(|error| status::invalid(&error))
}

pub(super) fn other_answer(what: &str) -> Status {
    status::internal(format!("{what} was answered with something else"))
}
