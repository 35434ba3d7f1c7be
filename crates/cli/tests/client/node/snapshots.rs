//! Named snapshots, as a node answers about them.

use super::{Mood, Service, invalid, rejected};
use futures::stream::{self, BoxStream, StreamExt as _};
use hosts::{Command, Outcome, Point, Rejection, SnapshotId};
use proto::convert::{CreateSnapshot, DiffSnapshot, ListSnapshots, RollBack, ShowSnapshot};
use proto::history::history_service_server::HistoryService;
use proto::history::show_snapshot_response::Payload;
use proto::{history, v1};
use tonic::{Request, Response, Status};

type Answers<T> = BoxStream<'static, Result<T, Status>>;

fn answers<T: Send + 'static>(all: Vec<T>) -> Answers<T> {
    stream::iter(all.into_iter().map(Ok)).boxed()
}

fn missing(id: SnapshotId) -> Status {
    rejected(&Rejection::SnapshotNotFound { id })
}

impl Service {
    pub(super) async fn make_snapshot(
        &self,
        request: Request<v1::CreateSnapshotRequest>,
    ) -> Result<Response<v1::CreateSnapshotResponse>, Status> {
        let id = self.enter("CreateSnapshot", &request).await?;
        let asked = CreateSnapshot::try_from(request.into_inner()).map_err(|e| invalid(&e))?;
        let answer = self.change(id, asked.into()).await?;
        let Outcome::SnapshotCreated(made) = &answer.outcome else {
            panic!("{answer:?}");
        };
        Ok(self.answer(made.into(), answer.revision))
    }

    pub(super) async fn snapshots(
        &self,
        request: Request<v1::ListSnapshotsRequest>,
    ) -> Result<Response<Answers<v1::ListSnapshotsResponse>>, Status> {
        self.enter("ListSnapshots", &request).await?;
        let page = ListSnapshots::try_from(request.into_inner()).map_err(|e| invalid(&e))?;
        let projection = self.0.projection.lock().unwrap().clone();
        let newest_first = projection.snapshots().rev().skip(page.offset);
        let page = newest_first.take(page.limit.unwrap_or(usize::MAX));
        let page = page.map(|snapshot| v1::ListSnapshotsResponse {
            snapshot: Some((&**snapshot).into()),
        });
        Ok(self.read(answers(page.collect())))
    }

    pub(super) async fn rollback(
        &self,
        request: Request<v1::RollbackToSnapshotRequest>,
    ) -> Result<Response<v1::RollbackToSnapshotResponse>, Status> {
        let id = self.enter("RollbackToSnapshot", &request).await?;
        let asked = RollBack::try_from(request.into_inner()).map_err(|e| invalid(&e))?;
        let RollBack { to, dry_run } = asked;
        if dry_run {
            assert_eq!(id, None, "nothing is changed under an id");
            let projection = self.0.projection.lock().unwrap().clone();
            let way = projection.differences(Point::Now, Point::Snapshot(to));
            let count = |n: usize| i32::try_from(n).unwrap();
            let way = way.ok_or_else(|| missing(to))?;
            return Ok(self.read(v1::RollbackToSnapshotResponse {
                success: true,
                created: count(way.iter().filter(|d| d.before.is_none()).count()),
                deleted: count(way.iter().filter(|d| d.after.is_none()).count()),
                dry_run: *self.0.mood.lock().unwrap() != Mood::Older,
                ..Default::default()
            }));
        }
        let answer = self.change(id, Command::RollBack { to }).await?;
        let Outcome::RolledBack(counts) = &answer.outcome else {
            panic!("{answer:?}");
        };
        let message = v1::RollbackToSnapshotResponse::of(counts, false);
        Ok(self.answer(message, answer.revision))
    }

    pub(super) async fn drop_snapshot(
        &self,
        request: Request<v1::DeleteSnapshotRequest>,
    ) -> Result<Response<v1::DeleteSnapshotResponse>, Status> {
        let request_id = self.enter("DeleteSnapshot", &request).await?;
        let id = SnapshotId::try_from(request.into_inner()).map_err(|e| invalid(&e))?;
        let command = Command::DeleteSnapshot { id };
        let answer = self.change(request_id, command).await?;
        let message = v1::DeleteSnapshotResponse { success: true };
        Ok(self.answer(message, answer.revision))
    }
}

#[tonic::async_trait]
impl HistoryService for Service {
    type ShowSnapshotStream = Answers<history::ShowSnapshotResponse>;
    type DiffSnapshotStream = Answers<history::DiffSnapshotResponse>;

    async fn show_snapshot(
        &self,
        request: Request<history::ShowSnapshotRequest>,
    ) -> Result<Response<Self::ShowSnapshotStream>, Status> {
        self.enter("ShowSnapshot", &request).await?;
        let asked = ShowSnapshot::try_from(request.into_inner()).map_err(|e| invalid(&e))?;
        let projection = self.0.projection.lock().unwrap().clone();
        let shown = projection.as_of_snapshot(asked.id);
        let shown = shown.ok_or_else(|| missing(asked.id))?;
        let snapshot = projection.snapshot(asked.id).unwrap();
        let mut parts = vec![Payload::Snapshot((&**snapshot).into())];
        parts.extend(shown.hosts().map(|host| Payload::Entry((&**host).into())));
        let parts = parts.into_iter().map(|payload| {
            let payload = Some(payload);
            history::ShowSnapshotResponse { payload }
        });
        Ok(self.read(answers(parts.collect())))
    }

    async fn diff_snapshot(
        &self,
        request: Request<history::DiffSnapshotRequest>,
    ) -> Result<Response<Self::DiffSnapshotStream>, Status> {
        self.enter("DiffSnapshot", &request).await?;
        let asked = DiffSnapshot::try_from(request.into_inner()).map_err(|e| invalid(&e))?;
        let projection = self.0.projection.lock().unwrap().clone();
        let found = projection.differences(Point::Snapshot(asked.from), asked.to);
        let found = found.ok_or_else(|| missing(asked.from))?;
        Ok(self.read(answers(found.iter().map(Into::into).collect())))
    }
}
