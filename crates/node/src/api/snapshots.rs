//! Named snapshots: made, listed, rolled back to and deleted.

use super::{
    hosts::{HostsApi, other_answer},
    metadata,
    renders::Answers,
    shares::holding,
    status,
};
use crate::{aside::aside, limits};
use futures::{StreamExt as _, stream};
use hosts::{
    Actor, Answer, Change, Command, Decision, Outcome, Reply, RollbackCounts, SnapshotId, Stamp,
};
use proto::{
    convert::{Consistency, CreateSnapshot, ListSnapshots, RollBack},
    v1,
};
use raft_store::Applied;
use std::sync::Arc;
use tonic::{Response, Status, metadata::MetadataMap};

impl HostsApi {
    /// Makes a snapshot.
    pub(super) async fn make_snapshot(
        &self,
        metadata: &MetadataMap,
        by: Actor,
        asked: CreateSnapshot,
    ) -> Result<Response<v1::CreateSnapshotResponse>, Status> {
        let answer = self.done(metadata, by, asked.into()).await?;
        let Outcome::SnapshotCreated(made) = &answer.outcome else {
            return Err(other_answer("the creation of a snapshot"));
        };
        Ok(self.answered(made.into(), answer.revision))
    }

    /// A page of the snapshots, the newest first.
    pub(super) async fn snapshots(
        &self,
        metadata: &MetadataMap,
        by: Actor,
        page: ListSnapshots,
    ) -> Result<Response<Answers<v1::ListSnapshotsResponse>>, Status> {
        let ListSnapshots {
            limit,
            offset,
            consistency,
        } = page;
        let place = self.place(metadata, by).await?;
        let view = self.view(metadata, consistency).await?;
        let newest_first = view.projection.snapshots().rev();
        let page = newest_first.skip(offset).take(limit.unwrap_or(usize::MAX));
        // A thousand pointers at the most: the messages are made as they are read.
        let page: Vec<_> = page.cloned().collect();
        let answers = stream::iter(page).map(|snapshot| {
            Ok(v1::ListSnapshotsResponse {
                snapshot: Some(snapshot.as_ref().into()),
            })
        });
        Ok(self.seen(holding(answers.boxed(), place), &view))
    }

    /// Makes the hosts what a snapshot shows, or says what would become of them.
    pub(super) async fn roll_back(
        &self,
        metadata: &MetadataMap,
        by: Actor,
        RollBack { to, dry_run }: RollBack,
    ) -> Result<Response<v1::RollbackToSnapshotResponse>, Status> {
        if dry_run {
            let (counts, view) = self.try_rollback(metadata, by, to).await?;
            let message = v1::RollbackToSnapshotResponse::of(&counts, true);
            return Ok(self.seen(message, &view));
        }
        let answer = self.done(metadata, by, Command::RollBack { to }).await?;
        let Outcome::RolledBack(counts) = &answer.outcome else {
            return Err(other_answer("a rollback"));
        };
        let message = v1::RollbackToSnapshotResponse::of(counts, false);
        Ok(self.answered(message, answer.revision))
    }

    /// Deletes a snapshot.
    pub(super) async fn drop_snapshot(
        &self,
        metadata: &MetadataMap,
        by: Actor,
        id: SnapshotId,
    ) -> Result<Response<v1::DeleteSnapshotResponse>, Status> {
        let command = Command::DeleteSnapshot { id };
        let answer = self.done(metadata, by, command).await?;
        let Outcome::SnapshotDeleted(_) = &answer.outcome else {
            return Err(other_answer("the deletion of a snapshot"));
        };
        let message = v1::DeleteSnapshotResponse { success: true };
        Ok(self.answered(message, answer.revision))
    }

    async fn done(
        &self,
        metadata: &MetadataMap,
        by: Actor,
        command: Command,
    ) -> Result<Answer, Status> {
        let deadline = metadata::deadline(metadata, limits::CALL_TIME);
        let command = Arc::new(command);
        let written = self.write(metadata, by, command, deadline).await?;
        written.map_err(|error| status::write_failed(&error))
    }

    /// What would become of the hosts, as of a read that begins now.
    async fn try_rollback(
        &self,
        metadata: &MetadataMap,
        by: Actor,
        to: SnapshotId,
    ) -> Result<(RollbackCounts, Arc<Applied>), Status> {
        let view = self.view(metadata, Consistency::Linearizable).await?;
        let (at, seed) = (self.clock.now(), self.clock.seed());
        let request = metadata::own_request_id(&*self.clock);
        let seen = Arc::clone(&view);
        let decide = move || {
            let command = Command::RollBack { to };
            let stamp = Stamp {
                at,
                by,
                request,
                since: Some(seen.projection.revision()),
                fingerprint: command.fingerprint(),
                seed,
            };
            hosts::decide(&seen.projection, &command, stamp)
        };
        match aside(self.work, decide).await.map_err(status::internal)? {
            Ok(
                Decision::Commit(Change {
                    reply: Reply::RolledBack(counts),
                    ..
                })
                | Decision::Unchanged(Answer {
                    outcome: Outcome::RolledBack(counts),
                    ..
                }),
            ) => Ok((counts, view)),
            Ok(_) => Err(other_answer("a rollback")),
            Err(rejection) => Err(status::rejected(&rejection)),
        }
    }
}
