//! Named snapshots of a cluster: made through any node, seen through any other, kept over restarts and Raft's own
//! snapshots, and rolled back to as one change.

use crate::support::{
    Cluster, EDITOR, Hosts, add, added, all, chunks, import, listed, refused, revision, until,
    update, with_id,
};
use proto::{
    history::{
        DiffSnapshotRequest, DiffSnapshotResponse, ShowSnapshotRequest,
        history_service_client::HistoryServiceClient, show_snapshot_response::Payload,
    },
    v1,
};
use tonic::{Code, Response, Status, transport::Channel};

const NOBODY: &str = "01JD8Q0000000000000000000A";

type Histories = HistoryServiceClient<Channel>;

fn histories(cluster: &Cluster, id: u64) -> Histories {
    HistoryServiceClient::new(cluster.channel(id, EDITOR))
}

async fn create(client: &mut Hosts, name: &str) -> String {
    let request = v1::CreateSnapshotRequest {
        name: name.into(),
        trigger: String::new(),
    };
    let answer = client.create_snapshot(request).await.unwrap();
    answer.into_inner().snapshot_id
}

async fn snapshots(client: &mut Hosts, limit: u32, offset: u32) -> Vec<v1::Snapshot> {
    let request = v1::ListSnapshotsRequest {
        limit,
        offset,
        ..Default::default()
    };
    let answers = all(client.list_snapshots(request).await.unwrap()).await;
    answers
        .into_iter()
        .map(|one| one.snapshot.unwrap())
        .collect()
}

async fn ids(client: &mut Hosts) -> Vec<String> {
    let all = snapshots(client, 0, 0).await;
    all.into_iter().map(|one| one.snapshot_id).collect()
}

async fn shown(client: &mut Histories, id: &str) -> (v1::Snapshot, Vec<v1::HostEntry>) {
    let request = ShowSnapshotRequest {
        snapshot_id: id.into(),
        ..Default::default()
    };
    let (mut snapshot, mut hosts) = (None, Vec::new());
    for part in all(client.show_snapshot(request).await.unwrap()).await {
        match part.payload.unwrap() {
            Payload::Snapshot(one) => assert_eq!(snapshot.replace(one), None),
            Payload::Entry(host) => {
                assert!(snapshot.is_some(), "the snapshot comes first");
                hosts.push(host);
            }
        }
    }
    (snapshot.unwrap(), hosts)
}

async fn diff(client: &mut Histories, from: &str, to: Option<&str>) -> Vec<DiffSnapshotResponse> {
    let request = DiffSnapshotRequest {
        from: from.into(),
        to: to.map(Into::into),
        ..Default::default()
    };
    all(client.diff_snapshot(request).await.unwrap()).await
}

fn back_to(id: &str) -> v1::RollbackToSnapshotRequest {
    v1::RollbackToSnapshotRequest {
        snapshot_id: id.into(),
        dry_run: None,
    }
}

async fn roll_back(
    client: &mut Hosts,
    id: &str,
) -> Result<Response<v1::RollbackToSnapshotResponse>, Status> {
    client.rollback_to_snapshot(back_to(id)).await
}

fn facts(hosts: &[v1::HostEntry]) -> Vec<v1::HostEntry> {
    let said = |host: &v1::HostEntry| v1::HostEntry {
        version: String::new(),
        updated_at: None,
        ..host.clone()
    };
    hosts.iter().map(said).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_made_through_one_node_is_rolled_back_to_through_another_as_one_change() {
    let cluster = Cluster::of(3).await;
    let followers = cluster.followers().await;
    let (one, other) = (followers[0], followers[1]);
    let client = &mut cluster.editor(one);
    let nas = added(client, "10.0.0.7", "nas.lan").await;
    let gone = added(client, "10.0.0.8", "gone.lan").await;
    let before = listed(client).await;
    let made = client
        .create_snapshot(v1::CreateSnapshotRequest {
            name: "before the move".into(),
            trigger: "cron".into(),
        })
        .await
        .unwrap();
    let at = revision(made.metadata());
    let made = made.into_inner();
    assert_eq!(made.entry_count, 2);

    let client = &mut cluster.editor(other);
    let expected = v1::Snapshot {
        snapshot_id: made.snapshot_id.clone(),
        created_at: made.created_at,
        entry_count: 2,
        trigger: "cron".into(),
        name: "before the move".into(),
        created_by: String::new(),
        revision: at,
    };
    let there = snapshots(client, 0, 0).await;
    let by = there[0].created_by.clone();
    assert!(by.starts_with("editor:"), "{by}");
    assert_eq!(
        there,
        [v1::Snapshot {
            created_by: by,
            ..expected
        }]
    );
    let patch = v1::UpdateHostRequest {
        hostname: Some("attic.lan".into()),
        ..update(&nas.id)
    };
    client.update_host(patch).await.unwrap();
    let delete = v1::DeleteHostRequest {
        id: gone.id.clone(),
        ..Default::default()
    };
    client.delete_host(delete).await.unwrap();
    added(client, "10.0.0.9", "new.lan").await;
    let now = listed(client).await;

    let history = &mut histories(&cluster, one);
    let (snapshot, seen) = shown(history, &made.snapshot_id).await;
    assert_eq!(snapshot, there[0]);
    assert_eq!(seen, before, "with versions and times");
    let since = diff(history, &made.snapshot_id, None).await;
    assert_eq!(since.len(), 3);

    let tried = v1::RollbackToSnapshotRequest {
        dry_run: Some(true),
        ..back_to(&made.snapshot_id)
    };
    let tried = client
        .rollback_to_snapshot(tried)
        .await
        .unwrap()
        .into_inner();
    assert!(tried.dry_run && tried.success && tried.new_snapshot_id.is_empty());
    assert_eq!((tried.created, tried.updated, tried.deleted), (1, 1, 1));
    assert_eq!(listed(client).await, now, "nothing was changed");

    let back = roll_back(client, &made.snapshot_id).await.unwrap();
    let at = revision(back.metadata());
    let back = back.into_inner();
    assert_eq!((back.created, back.updated, back.deleted), (1, 1, 1));
    assert_eq!((back.success, back.restored_entry_count), (true, 2));
    let client = &mut cluster.editor(one);
    let hosts = listed(client).await;
    assert_eq!(
        facts(&hosts),
        facts(&before),
        "ids and times of creation stay"
    );
    assert!(hosts.iter().all(|host| host.version == at.to_string()));
    let backup = &snapshots(client, 1, 0).await[0];
    assert_eq!(backup.snapshot_id, back.new_snapshot_id);
    assert_eq!((&*backup.trigger, backup.revision), ("pre-rollback", at));
    assert_eq!(shown(history, &backup.snapshot_id).await.1, now);

    // And back again.
    roll_back(client, &backup.snapshot_id).await.unwrap();
    assert_eq!(facts(&listed(client).await), facts(&now));
    let same = roll_back(client, &backup.snapshot_id)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (&*same.new_snapshot_id, same.updated),
        ("", 0),
        "nothing to do"
    );
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_survive_restarts_and_reach_a_node_that_was_away() {
    // A Raft snapshot every hundred entries.
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let away = cluster.followers().await[0];
    let client = &mut cluster.editor(leader);
    added(client, "10.0.0.7", "nas.lan").await;
    let before = listed(client).await;
    let id = create(client, "before").await;
    cluster.stop(away).await.unwrap();
    for n in 0..300 {
        let request = add(&format!("10.1.{}.{}", n / 250, n % 250 + 1), "many.lan");
        client.add_host(request).await.unwrap();
    }
    let many = create(client, "many").await;
    let now = listed(client).await;
    cluster.start(away);
    cluster.until_ready(away).await;
    cluster.stop(leader).await.unwrap();
    cluster.start(leader);
    for node in [away, leader] {
        cluster.until_ready(node).await;
        let history = &mut histories(&cluster, node);
        assert_eq!(shown(history, &id).await.1, before, "node {node}");
        assert_eq!(shown(history, &many).await.1, now, "node {node}");
        assert_eq!(ids(&mut cluster.editor(node)).await, [&*many, &*id]);
    }
    // Large enough for parts: 300 deletions.
    let client = &mut cluster.editor(away);
    let back = roll_back(client, &id).await.unwrap().into_inner();
    assert_eq!((back.deleted, back.restored_entry_count), (300, 1));
    for node in 1..=3 {
        let client = &mut cluster.editor(node);
        assert_eq!(facts(&listed(client).await), facts(&before), "node {node}");
    }
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_makes_one_snapshot_one_rollback_and_one_deletion() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    added(client, "10.0.0.7", "nas.lan").await;
    let create = || with_id(v1::CreateSnapshotRequest::default(), "make");
    let first = client.create_snapshot(create()).await.unwrap();
    let again = client.create_snapshot(create()).await.unwrap();
    assert_eq!(revision(again.metadata()), revision(first.metadata()));
    let id = first.into_inner().snapshot_id;
    assert_eq!(again.into_inner().snapshot_id, id);
    assert_eq!(ids(client).await.len(), 1);

    added(client, "10.0.0.8", "tv.lan").await;
    let back = || with_id(back_to(&id), "back");
    let first = client.rollback_to_snapshot(back()).await.unwrap();
    let tv = added(client, "10.0.0.8", "tv.lan").await;
    let again = client.rollback_to_snapshot(back()).await.unwrap();
    assert_eq!(again.into_inner(), first.into_inner());
    assert!(listed(client).await.contains(&tv), "not rolled back again");
    let other = with_id(back_to(NOBODY), "back");
    let other = client.rollback_to_snapshot(other).await;
    refused(other, Code::InvalidArgument, "REQUEST_REUSED", &["back"]);

    let delete = || {
        let snapshot_id = id.clone();
        with_id(v1::DeleteSnapshotRequest { snapshot_id }, "drop")
    };
    client.delete_snapshot(delete()).await.unwrap();
    let again = client.delete_snapshot(delete()).await.unwrap();
    assert!(again.into_inner().success);
    assert_eq!(ids(client).await.len(), 1, "the one of the rollback");
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_asked_of_snapshots_is_refused_with_its_reason() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    let history = &mut histories(&cluster, 1);
    added(client, "10.0.0.7", "nas.lan").await;
    let there = create(client, "there").await;
    let deleted = create(client, "deleted").await;
    let delete = |id: &str| v1::DeleteSnapshotRequest {
        snapshot_id: id.into(),
    };
    client.delete_snapshot(delete(&deleted)).await.unwrap();
    let before = (listed(client).await, ids(client).await);

    let long = "x".repeat(65);
    for text in ["a\nb", "\u{1b}[2J", "a\0b", "a\u{2028}b", &long] {
        for (name, trigger, words) in [(text, "", "name"), ("", text, "trigger")] {
            let request = v1::CreateSnapshotRequest {
                name: name.into(),
                trigger: trigger.into(),
            };
            let answer = client.create_snapshot(request).await;
            refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", &[words]);
        }
    }
    let dry = |id: &str| v1::RollbackToSnapshotRequest {
        dry_run: Some(true),
        ..back_to(id)
    };
    let show = |id: &str| ShowSnapshotRequest {
        snapshot_id: id.into(),
        ..Default::default()
    };
    let compare = |from: &str, to: &str| DiffSnapshotRequest {
        from: from.into(),
        to: Some(to.into()),
        ..Default::default()
    };
    for id in ["", "nas.lan", "81JD8Q0000000000000000000A", &long] {
        let wrong =
            |answer| refused::<()>(answer, Code::InvalidArgument, "INVALID_ARGUMENT", &["not"]);
        wrong(client.rollback_to_snapshot(back_to(id)).await.map(drop));
        wrong(client.delete_snapshot(delete(id)).await.map(drop));
        wrong(history.show_snapshot(show(id)).await.map(drop));
        wrong(history.diff_snapshot(compare(id, &there)).await.map(drop));
        wrong(history.diff_snapshot(compare(&there, id)).await.map(drop));
    }
    for id in [NOBODY, &deleted] {
        let none = |answer| refused::<()>(answer, Code::NotFound, "SNAPSHOT_NOT_FOUND", &[id]);
        none(client.rollback_to_snapshot(back_to(id)).await.map(drop));
        none(client.rollback_to_snapshot(dry(id)).await.map(drop));
        none(client.delete_snapshot(delete(id)).await.map(drop));
        none(history.show_snapshot(show(id)).await.map(drop));
        none(history.diff_snapshot(compare(id, &there)).await.map(drop));
        none(history.diff_snapshot(compare(&there, id)).await.map(drop));
    }
    let consistency = v1::ListSnapshotsRequest {
        consistency: 9,
        ..Default::default()
    };
    let answer = client.list_snapshots(consistency).await;
    refused(
        answer,
        Code::InvalidArgument,
        "INVALID_ARGUMENT",
        &["consistency"],
    );
    assert_eq!((listed(client).await, ids(client).await), before);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_come_first_page_by_page_and_the_oldest_goes_beyond_the_limit() {
    let mut cluster = Cluster::planned(1);
    cluster.configure("[snapshots]\nmax_count = 3\n");
    cluster.start(1);
    cluster.until_ready(1).await;
    let client = &mut cluster.editor(1);
    let mut made = Vec::new();
    for n in 0..4 {
        made.push(create(client, &format!("s{n}")).await);
    }
    made.reverse();
    assert_eq!(ids(client).await, made[..3], "the first is gone");
    let page = |limit, offset| {
        let mut client = client.clone();
        async move {
            let page = snapshots(&mut client, limit, offset).await;
            page.into_iter()
                .map(|one| one.snapshot_id)
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(page(1, 0).await, made[..1]);
    assert_eq!(page(2, 1).await, made[1..3]);
    assert_eq!(page(0, 2).await, made[2..3]);
    assert_eq!(page(u32::MAX, u32::MAX).await, [""; 0]);
    // The target of a rollback stays, and the next older one goes for its backup.
    added(client, "10.0.0.7", "nas.lan").await;
    let back = roll_back(client, &made[2]).await.unwrap().into_inner();
    let mut left = ids(client).await;
    left.sort();
    let mut expected = vec![
        back.new_snapshot_id,
        made[0].clone(),
        made[1].clone(),
        made[2].clone(),
    ];
    expected.sort();
    assert_eq!(left, expected, "three beside the target");
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_under_load_is_accepted_and_is_one_state() {
    let cluster = Cluster::of(3).await;
    let client = &mut cluster.editor(1);
    let file = (0..500).map(|n| format!("10.2.{}.{} h{n}.lan\n", n / 250, n % 250 + 1));
    let file: String = file.collect();
    import(client, chunks(file.as_bytes(), "strict"))
        .await
        .unwrap();
    let id = create(client, "").await;
    let first = listed(client).await;
    let mut load = tokio::task::JoinSet::new();
    for (writer, node) in (0..8usize).zip([1, 2, 3].into_iter().cycle()) {
        let mut client = cluster.editor(node);
        let hosts = first.clone();
        load.spawn(async move {
            let mut made = 0;
            for n in 0..40usize {
                let host = &hosts[(writer * 53 + n * 7) % hosts.len()];
                let patch = v1::UpdateHostRequest {
                    comment: Some(format!("by {writer} at {n}")),
                    ..update(&host.id)
                };
                made += usize::from(client.update_host(patch).await.is_ok());
            }
            made
        });
    }
    until(async || facts(&listed(client).await) != facts(&first)).await;
    let back = roll_back(client, &id).await.unwrap();
    let at = revision(back.metadata());
    let back = back.into_inner();
    assert!(back.updated > 0, "{back:?}");
    let made: usize = load.join_all().await.into_iter().sum();
    assert_eq!(made, 8 * 40, "writers go on");
    // What is newer than the rollback was changed after it; all else is as it was.
    for (host, old) in listed(client).await.iter().zip(&first) {
        let version: u64 = host.version.parse().unwrap();
        assert!(
            version > at || facts(std::slice::from_ref(host)) == facts(std::slice::from_ref(old))
        );
    }
    cluster.end().await;
}
