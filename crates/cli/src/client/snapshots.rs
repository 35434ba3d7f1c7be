//! The calls about named snapshots, in the types of `hosts`.

use super::records::{each, malformed, service, unreadable};
use super::{Answer, CHANGE, Client, Once, READ, STREAM, request, revision_of};
use crate::exit::Failure;
use hosts::{Difference, Host, RollbackCounts, Snapshot, SnapshotId, SnapshotMade};
use proto::convert::{Consistency, CreateSnapshot, RollBack, difference_from_wire};
use proto::history::history_service_client::HistoryServiceClient;
use proto::history::show_snapshot_response::Payload;
use proto::{history, v1};
use tonic::transport::Channel;

impl Client {
    /// Makes a snapshot.
    pub(crate) async fn create_snapshot(
        &mut self,
        snapshot: &CreateSnapshot,
        once: &Once,
    ) -> Result<Answer<SnapshotMade>, Failure> {
        let message = v1::CreateSnapshotRequest::from(snapshot);
        let limit = Some(self.limit(CHANGE));
        let call = async |channel, attempt| {
            let request = request(message.clone(), Some(&once.id), attempt)?;
            service(channel).create_snapshot(request).await
        };
        let answer = self.change("create a snapshot", once, limit, call).await?;
        let revision = revision_of(answer.metadata());
        let value = answer.into_inner().try_into();
        let value = value.map_err(|fault| unreadable(&fault))?;
        Ok(Answer { value, revision })
    }

    /// Snapshots, the newest first.
    pub(crate) async fn list_snapshots(
        &mut self,
        limit: Option<u32>,
        offset: Option<u32>,
        consistency: Consistency,
    ) -> Result<Vec<Snapshot>, Failure> {
        let call = async |channel, attempt| {
            let message = v1::ListSnapshotsRequest {
                limit: limit.unwrap_or(0),
                offset: offset.unwrap_or(0),
                consistency: consistency.to_wire(),
            };
            let request = request(message, None, attempt)?;
            let answer = service(channel).list_snapshots(request).await?;
            let mut snapshots = Vec::new();
            each(answer, |v1::ListSnapshotsResponse { snapshot }| {
                snapshots.push(read_snapshot(snapshot));
            })
            .await?;
            Ok(snapshots)
        };
        let limit = self.limit(READ);
        let snapshots = self.read("list snapshots", limit, call).await?;
        snapshots.into_iter().collect()
    }

    /// A snapshot, and the hosts in it in the order of lists.
    pub(crate) async fn show_snapshot(
        &mut self,
        id: SnapshotId,
        consistency: Consistency,
    ) -> Result<(Snapshot, Vec<Host>), Failure> {
        let call = async |channel, attempt| {
            let message = history::ShowSnapshotRequest {
                snapshot_id: id.to_string(),
                consistency: consistency.to_wire(),
            };
            let request = request(message, None, attempt)?;
            let answer = history_service(channel).show_snapshot(request).await?;
            let (mut shown, mut hosts) = (None, Vec::new());
            each(
                answer,
                |history::ShowSnapshotResponse { payload }| match payload {
                    Some(Payload::Snapshot(snapshot)) => {
                        shown = Some(read_snapshot(Some(snapshot)));
                    }
                    Some(Payload::Entry(entry)) => {
                        hosts.push(Host::try_from(entry).map_err(|fault| unreadable(&fault)));
                    }
                    None => hosts.push(Err(malformed("a part of it is empty"))),
                },
            )
            .await?;
            Ok((shown, hosts))
        };
        let limit = self.limit(STREAM);
        let what = format!("show snapshot {id}");
        let (shown, hosts) = self.read(&what, limit, call).await?;
        let shown = shown.ok_or_else(|| malformed("it has no snapshot"))??;
        Ok((shown, hosts.into_iter().collect::<Result<_, _>>()?))
    }

    /// What is different from a snapshot to another one, or to now.
    pub(crate) async fn diff_snapshot(
        &mut self,
        from: SnapshotId,
        to: Option<SnapshotId>,
        consistency: Consistency,
    ) -> Result<Vec<Difference>, Failure> {
        let call = async |channel, attempt| {
            let message = history::DiffSnapshotRequest {
                from: from.to_string(),
                to: to.map(|to| to.to_string()),
                consistency: consistency.to_wire(),
            };
            let request = request(message, None, attempt)?;
            let answer = history_service(channel).diff_snapshot(request).await?;
            let mut found = Vec::new();
            each(answer, |difference| {
                let read = difference_from_wire(difference);
                found.push(read.map_err(|fault| unreadable(&fault)));
            })
            .await?;
            Ok(found)
        };
        let limit = self.limit(STREAM);
        let what = format!("compare snapshot {from}");
        let found = self.read(&what, limit, call).await?;
        found.into_iter().collect()
    }

    /// Makes the hosts what a snapshot shows.
    pub(crate) async fn roll_back(
        &mut self,
        to: SnapshotId,
        once: &Once,
    ) -> Result<Answer<RollbackCounts>, Failure> {
        let what = format!("roll back to snapshot {to}");
        let dry_run = false;
        let message = v1::RollbackToSnapshotRequest::from(RollBack { to, dry_run });
        // It may change as much as an import does.
        let limit = Some(self.limit(STREAM));
        let call = async |channel, attempt| {
            let request = request(message.clone(), Some(&once.id), attempt)?;
            service(channel).rollback_to_snapshot(request).await
        };
        let answer = self.change(&what, once, limit, call).await?;
        let revision = revision_of(answer.metadata());
        let value = counts(answer.into_inner(), dry_run)?;
        Ok(Answer { value, revision })
    }

    /// What would become of the hosts.
    pub(crate) async fn try_roll_back(
        &mut self,
        to: SnapshotId,
    ) -> Result<RollbackCounts, Failure> {
        let what = format!("try the rollback to snapshot {to}");
        let dry_run = true;
        let message = v1::RollbackToSnapshotRequest::from(RollBack { to, dry_run });
        let call = async |channel, attempt| {
            let request = request(message.clone(), None, attempt)?;
            service(channel).rollback_to_snapshot(request).await
        };
        let limit = self.limit(STREAM);
        let answer = self.read(&what, limit, call).await?;
        counts(answer.into_inner(), dry_run)
    }

    /// Deletes a snapshot.
    pub(crate) async fn delete_snapshot(
        &mut self,
        id: SnapshotId,
        once: &Once,
    ) -> Result<Answer<()>, Failure> {
        let what = format!("delete snapshot {id}");
        let message = v1::DeleteSnapshotRequest {
            snapshot_id: id.to_string(),
        };
        let limit = Some(self.limit(CHANGE));
        let call = async |channel, attempt| {
            let request = request(message.clone(), Some(&once.id), attempt)?;
            service(channel).delete_snapshot(request).await
        };
        let answer = self.change(&what, once, limit, call).await?;
        let revision = revision_of(answer.metadata());
        match answer.into_inner() {
            v1::DeleteSnapshotResponse { success: true } => Ok(Answer {
                value: (),
                revision,
            }),
            v1::DeleteSnapshotResponse { success: false } => Err(malformed("nothing was deleted")),
        }
    }
}

fn history_service(channel: Channel) -> HistoryServiceClient<Channel> {
    HistoryServiceClient::new(channel)
}

fn read_snapshot(snapshot: Option<v1::Snapshot>) -> Result<Snapshot, Failure> {
    let snapshot = snapshot.ok_or_else(|| malformed("it has no snapshot"))?;
    Snapshot::try_from(snapshot).map_err(|fault| unreadable(&fault))
}

/// A node that does not know dry runs has made this one.
fn counts(
    message: v1::RollbackToSnapshotResponse,
    dry_run: bool,
) -> Result<RollbackCounts, Failure> {
    match (message.success, message.dry_run == dry_run) {
        (false, _) => Err(malformed("nothing was rolled back")),
        (true, false) => Err(malformed("it is not about what was asked for")),
        (true, true) => message.try_into().map_err(|fault| unreadable(&fault)),
    }
}
