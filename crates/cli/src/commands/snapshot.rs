//! `snapshot …`: the hosts as they were.

use super::wait::Request;
use crate::args::host::{Change, Read};
use crate::args::snapshot::{Create, Snapshot};
use crate::client::{Answer, Client};
use crate::exit::Failure;
use crate::output::{
    Differences, HostView, Output, RolledBack, ShownSnapshot, SnapshotCreated, SnapshotDeleted,
    SnapshotView, Snapshots, TriedRollback,
};
use hosts::SnapshotId;
use proto::convert::{Consistency, CreateSnapshot};

pub(super) async fn run(
    command: Snapshot,
    client: &mut Client,
    output: &Output,
) -> Result<(), Failure> {
    match command {
        Snapshot::Create(asked) => create(asked, client, output).await,
        Snapshot::List {
            limit,
            offset,
            read: Read { consistency },
        } => {
            let consistency = consistency.into();
            let found = client.list_snapshots(limit, offset, consistency).await?;
            output.report(&Snapshots(found.iter().map(SnapshotView::from).collect()))
        }
        Snapshot::Show {
            id,
            read: Read { consistency },
        } => {
            let (snapshot, hosts) = client.show_snapshot(id, consistency.into()).await?;
            output.report(&ShownSnapshot {
                snapshot: SnapshotView::from(&snapshot),
                hosts: hosts.iter().map(HostView::from).collect(),
            })
        }
        Snapshot::Diff {
            from,
            to,
            read: Read { consistency },
        } => {
            let found = client.diff_snapshot(from, to, consistency.into()).await?;
            output.report(&Differences::of(&found))
        }
        Snapshot::Rollback {
            id,
            dry_run: true,
            change: _,
        } => try_rollback(id, client, output).await,
        Snapshot::Rollback {
            id,
            dry_run: false,
            change,
        } => rollback(id, &change, client, output).await,
        Snapshot::Delete { id, change } => {
            let request = Request::of(&change)?;
            let Answer {
                value: (),
                revision,
            } = client.delete_snapshot(id, &request.once).await?;
            let (done, waited) = request.finish(client, revision).await?;
            output.report(&SnapshotDeleted::new(id, done))?;
            waited
        }
    }
}

async fn create(asked: Create, client: &mut Client, output: &Output) -> Result<(), Failure> {
    let Create {
        name,
        trigger,
        change,
    } = asked;
    let request = Request::of(&change)?;
    let snapshot = CreateSnapshot { name, trigger };
    let Answer { value, revision } = client.create_snapshot(&snapshot, &request.once).await?;
    let (done, waited) = request.finish(client, revision).await?;
    output.report(&SnapshotCreated::new(&value, done))?;
    waited
}

async fn rollback(
    id: SnapshotId,
    change: &Change,
    client: &mut Client,
    output: &Output,
) -> Result<(), Failure> {
    let request = Request::of(change)?;
    let Answer { value, revision } = client.roll_back(id, &request.once).await?;
    let (done, waited) = request.finish(client, revision).await?;
    output.report(&RolledBack::new(&value, done))?;
    waited
}

/// What a rollback would do is the way from now to the snapshot.
async fn try_rollback(id: SnapshotId, client: &mut Client, output: &Output) -> Result<(), Failure> {
    let counts = client.try_roll_back(id).await?;
    let since = client.diff_snapshot(id, None, Consistency::Linearizable);
    let differences = Differences::of(&since.await?).reversed();
    output.report(&TriedRollback::new(&counts, differences))
}
