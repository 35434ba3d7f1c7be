//! `router_hosts.history.v1.HistoryService`: what the hosts were.

use super::{
    auth::{Need, caller},
    hosts::{HostsApi, parsed},
    renders::{Answers, Selection},
    shares::holding,
    status,
};
use crate::aside::aside;
use futures::{StreamExt as _, stream};
use hosts::Point;
use proto::{
    convert::{DiffSnapshot, ShowSnapshot},
    history::{
        DiffSnapshotRequest, DiffSnapshotResponse, ShowSnapshotRequest, ShowSnapshotResponse,
        history_service_server::HistoryService, show_snapshot_response::Payload,
    },
};
use raft_store::Applied;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// The service of one node, beside that of its hosts.
#[derive(Clone, Debug)]
pub struct HistoryApi(pub HostsApi);

#[tonic::async_trait]
impl HistoryService for HistoryApi {
    type ShowSnapshotStream = Answers<ShowSnapshotResponse>;
    type DiffSnapshotStream = Answers<DiffSnapshotResponse>;

    async fn show_snapshot(
        &self,
        request: Request<ShowSnapshotRequest>,
    ) -> Result<Response<Self::ShowSnapshotStream>, Status> {
        let Self(api) = self;
        let by = caller(&request, Need::Read)?;
        let (metadata, _, message) = request.into_parts();
        let ShowSnapshot { id, consistency } = parsed(message.try_into())?;
        let place = api.place(&metadata, by).await?;
        let view = api.view(&metadata, consistency).await?;
        let seen = Arc::clone(&view);
        let shown = aside(api.work, move || {
            let snapshot = seen.projection.snapshot(id)?.clone();
            let projection = Arc::new(seen.projection.as_of_snapshot(id)?);
            let shown = Applied {
                projection,
                ..Applied::clone(&seen)
            };
            Some((snapshot, Arc::new(shown)))
        });
        let Some((snapshot, shown)) = shown.await.map_err(status::internal)? else {
            return Err(status::no_snapshot(id));
        };
        let payload = |payload| ShowSnapshotResponse {
            payload: Some(payload),
        };
        let first = payload(Payload::Snapshot(snapshot.as_ref().into()));
        let entry = move |entry| payload(Payload::Entry(entry));
        let entries = api.renders.entries(Selection::of(&shown), entry);
        let answers = stream::iter([Ok(first)]).chain(entries).boxed();
        Ok(api.seen(holding(answers, place), &view))
    }

    async fn diff_snapshot(
        &self,
        request: Request<DiffSnapshotRequest>,
    ) -> Result<Response<Self::DiffSnapshotStream>, Status> {
        let Self(api) = self;
        let by = caller(&request, Need::Read)?;
        let (metadata, _, message) = request.into_parts();
        let DiffSnapshot {
            from,
            to,
            consistency,
        } = parsed(message.try_into())?;
        let place = api.place(&metadata, by).await?;
        let view = api.view(&metadata, consistency).await?;
        let seen = Arc::clone(&view);
        let found = aside(api.work, move || {
            seen.projection.differences(Point::Snapshot(from), to)
        });
        let Some(found) = found.await.map_err(status::internal)? else {
            let missing = match to {
                Point::Snapshot(to) if view.projection.snapshot(from).is_some() => to,
                _ => from,
            };
            return Err(status::no_snapshot(missing));
        };
        // Pointers into the view: the messages are made as they are read.
        let answers = stream::iter(found).map(|difference| Ok((&difference).into()));
        Ok(api.seen(holding(answers.boxed(), place), &view))
    }
}
