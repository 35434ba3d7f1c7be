//! Who may call what: each role, each method.

use crate::support::{As, Cluster, add, chunks, reason, update};
use hosts::Role;
use proto::{
    cluster::{StatusRequest, WaitPublishedRequest, cluster_service_client::ClusterServiceClient},
    history::{
        DiffSnapshotRequest, ShowSnapshotRequest, history_service_client::HistoryServiceClient,
    },
    peer::{Envelope, ForwardRequest, WaitPublishedPeer, peer_service_client::PeerServiceClient},
    v1::{self, hosts_service_client::HostsServiceClient},
};
use std::collections::BTreeMap;
use tonic::{Code, Response, Status};

/// What a role may call, beside what everyone may.
const READS: [&str; 11] = [
    "get",
    "list",
    "search",
    "watch",
    "export",
    "list_snapshots",
    "show_snapshot",
    "diff_snapshot",
    "health",
    "status",
    "wait_published",
];
const WRITES: [&str; 10] = [
    "add",
    "update",
    "delete",
    "import",
    "bulk add",
    "compact",
    "create_snapshot",
    "rollback",
    "try_rollback",
    "delete_snapshot",
];
const PEERS: [&str; 10] = [
    "peer append",
    "peer vote",
    "peer pre_vote",
    "peer transfer_leader",
    "peer snapshot",
    "peer forward",
    "peer read_index",
    "peer status",
    "peer prepare",
    "peer wait_published",
];
const EVERYONE: [&str; 2] = ["liveness", "readiness"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_may_call_exactly_its_methods() {
    let cluster = Cluster::of(1).await;
    for (who, may) in [
        (As::Client(Role::Viewer), READS.to_vec()),
        (As::Client(Role::Editor), [&READS[..], &WRITES].concat()),
        (As::Client(Role::Admin), [&READS[..], &WRITES].concat()),
        (As::Node(2), [&READS[..], &PEERS].concat()),
    ] {
        let may = [&may[..], &EVERYONE].concat();
        let answers = call_all(&cluster, who).await;
        let methods = READS.len() + WRITES.len() + PEERS.len() + EVERYONE.len();
        assert_eq!(answers.len(), methods);
        for (method, answer) in answers {
            let denied = answer.as_ref().is_err_and(|status| {
                let denied = status.code() == Code::PermissionDenied;
                if denied {
                    assert_eq!(reason(status), "PERMISSION_DENIED", "{who:?} {method}");
                    assert!(status.message().contains("the role"), "{status:?}");
                }
                denied
            });
            assert_eq!(
                denied,
                !may.contains(&method),
                "{who:?} {method}: {answer:?}"
            );
        }
    }
    cluster.end().await;
}

/// Every method once, with messages that come far enough to be judged.
async fn call_all(cluster: &Cluster, who: As) -> BTreeMap<&'static str, Result<(), Status>> {
    let channel = cluster.channel(1, who);
    let mut hosts = HostsServiceClient::new(channel.clone());
    let mut ops = ClusterServiceClient::new(channel.clone());
    let mut history = HistoryServiceClient::new(channel.clone());
    let mut peer = PeerServiceClient::new(channel);
    let nobody = "01JD8Q0000000000000000000A";
    let get = v1::GetHostRequest {
        id: nobody.into(),
        ..Default::default()
    };
    let search = v1::SearchHostsRequest {
        query: "nas".into(),
        ..Default::default()
    };
    let delete = v1::DeleteHostRequest {
        id: nobody.into(),
        ..Default::default()
    };
    let rollback = |dry_run| v1::RollbackToSnapshotRequest {
        snapshot_id: nobody.into(),
        dry_run: Some(dry_run),
    };
    let show = ShowSnapshotRequest {
        snapshot_id: nobody.into(),
        ..Default::default()
    };
    let diff = DiffSnapshotRequest {
        from: nobody.into(),
        ..Default::default()
    };
    let drop_snapshot = v1::DeleteSnapshotRequest {
        snapshot_id: nobody.into(),
    };
    let import = futures::stream::iter(chunks(b"", "skip"));
    let (no_watch, no_rows) = (futures::stream::empty(), futures::stream::empty());
    let compact = v1::CompactAggregatesRequest::default();
    let now = WaitPublishedRequest::default();
    let one = || futures::stream::iter([Envelope::default()]);
    let forward = futures::stream::iter([ForwardRequest::default()]);
    BTreeMap::from([
        ("add", done(hosts.add_host(add("no address", "x")).await)),
        ("get", done(hosts.get_host(get).await)),
        ("update", done(hosts.update_host(update(nobody)).await)),
        ("delete", done(hosts.delete_host(delete).await)),
        (
            "list",
            done(hosts.list_hosts(v1::ListHostsRequest::default()).await),
        ),
        ("search", done(hosts.search_hosts(search).await)),
        ("import", done(hosts.import_hosts(import).await)),
        ("watch", done(hosts.watch_hosts(no_watch).await)),
        ("bulk add", done(hosts.bulk_add_hosts(no_rows).await)),
        ("compact", done(hosts.compact_aggregates(compact).await)),
        (
            "export",
            done(hosts.export_hosts(v1::ExportHostsRequest::default()).await),
        ),
        (
            "create_snapshot",
            done(
                hosts
                    .create_snapshot(v1::CreateSnapshotRequest::default())
                    .await,
            ),
        ),
        (
            "list_snapshots",
            done(
                hosts
                    .list_snapshots(v1::ListSnapshotsRequest::default())
                    .await,
            ),
        ),
        (
            "rollback",
            done(hosts.rollback_to_snapshot(rollback(false)).await),
        ),
        (
            "try_rollback",
            done(hosts.rollback_to_snapshot(rollback(true)).await),
        ),
        (
            "delete_snapshot",
            done(hosts.delete_snapshot(drop_snapshot).await),
        ),
        ("show_snapshot", done(history.show_snapshot(show).await)),
        ("diff_snapshot", done(history.diff_snapshot(diff).await)),
        (
            "liveness",
            done(hosts.liveness(v1::LivenessRequest {}).await),
        ),
        (
            "readiness",
            done(hosts.readiness(v1::ReadinessRequest {}).await),
        ),
        ("health", done(hosts.health(v1::HealthRequest {}).await)),
        ("status", done(ops.status(StatusRequest {}).await)),
        ("wait_published", done(ops.wait_published(now).await)),
        ("peer append", done(peer.append(one()).await)),
        ("peer vote", done(peer.vote(Envelope::default()).await)),
        (
            "peer pre_vote",
            done(peer.pre_vote(Envelope::default()).await),
        ),
        (
            "peer transfer_leader",
            done(peer.transfer_leader(Envelope::default()).await),
        ),
        ("peer snapshot", done(peer.snapshot(one()).await)),
        ("peer forward", done(peer.forward(forward).await)),
        (
            "peer read_index",
            done(peer.read_index(Envelope::default()).await),
        ),
        ("peer status", done(peer.status(Envelope::default()).await)),
        (
            "peer prepare",
            done(peer.prepare(Envelope::default()).await),
        ),
        (
            "peer wait_published",
            done(peer.wait_published(WaitPublishedPeer::default()).await),
        ),
    ])
}

fn done<T>(result: Result<Response<T>, Status>) -> Result<(), Status> {
    result.map(drop)
}
