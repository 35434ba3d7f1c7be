//! Writes through any of three nodes: once each, in one order, seen by all.

use crate::support::{
    Cluster, add, added, applied, chunks, import, in_time, list, listed, refused, revision, text,
    until, update, with_id,
};
use proto::{
    cluster::{NodeStatus, Verdict, WaitPublishedRequest, publish_outcome::Result as Published},
    v1,
};
use tonic::Code;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_applied_once_through_whichever_nodes_it_comes() {
    let cluster = Cluster::of(3).await;
    let mut first = None;
    for id in [1, 2, 3, 1] {
        let request = with_id(add("10.0.0.7", "nas.lan"), "the-same");
        let answer = cluster.editor(id).add_host(request).await.unwrap();
        let answer = (revision(answer.metadata()), answer.into_inner());
        assert_eq!(
            first.get_or_insert_with(|| answer.clone()),
            &answer,
            "through n{id}"
        );
    }
    let (at, answer) = first.unwrap();
    let client = &mut cluster.editor(2);
    let other = with_id(add("10.0.0.7", "other.lan"), "the-same");
    let reused = (Code::InvalidArgument, "REQUEST_REUSED");
    refused(
        client.add_host(other).await,
        reused.0,
        reused.1,
        &["the-same"],
    );
    let other = with_id(update(&answer.id), "the-same");
    refused(client.update_host(other).await, reused.0, reused.1, &[]);
    let somebody_else = with_id(add("10.0.0.8", "nas.lan"), "the-same");
    let admin = hosts::Role::Admin;
    let mut admin = cluster.hosts(3, crate::support::As::Client(admin));
    admin.add_host(somebody_else).await.unwrap();

    // Its first answer, even after the host has changed and gone.
    let request = v1::DeleteHostRequest {
        id: answer.id.clone(),
        expected_version: None,
        name: None,
    };
    for id in [3, 2] {
        let delete = with_id(request.clone(), "gone");
        assert!(
            cluster
                .editor(id)
                .delete_host(delete)
                .await
                .unwrap()
                .into_inner()
                .success
        );
    }
    let again = with_id(add("10.0.0.7", "nas.lan"), "the-same");
    let again = cluster.editor(3).add_host(again).await.unwrap();
    assert_eq!(
        (revision(again.metadata()), again.into_inner()),
        (at, answer)
    );
    assert_eq!(listed(client).await.len(), 1);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_is_called_by_its_name_and_a_repeat_is_about_the_same_one() {
    let cluster = Cluster::of(3).await;
    let nas = added(&mut cluster.editor(1), "10.0.0.7", "nas.lan").await;
    let rename = || v1::UpdateHostRequest {
        hostname: Some("tv.lan".into()),
        name: Some("nas.lan".into()),
        ..Default::default()
    };
    let mut first = None;
    for id in [1, 2, 3] {
        let answer = cluster
            .editor(id)
            .update_host(with_id(rename(), "rename"))
            .await
            .unwrap();
        let answer = (revision(answer.metadata()), answer.into_inner());
        assert_eq!(first.get_or_insert_with(|| answer.clone()), &answer);
    }
    let client = &mut cluster.editor(2);
    let anew = client.update_host(rename()).await;
    refused(
        anew,
        Code::NotFound,
        "NOT_FOUND",
        &["no host is named nas.lan"],
    );
    let delete = |name: &str| v1::DeleteHostRequest {
        name: Some(name.into()),
        ..Default::default()
    };
    let reused = client.delete_host(with_id(delete("tv.lan"), "rename"));
    refused(reused.await, Code::InvalidArgument, "REQUEST_REUSED", &[]);
    for id in [3, 1] {
        let delete = with_id(delete("tv.lan"), "gone");
        let answer = cluster.editor(id).delete_host(delete).await.unwrap();
        assert_eq!(answer.into_inner().id, nas.id, "through n{id}");
    }
    for address in ["10.0.0.8", "10.0.0.9"] {
        added(client, address, "twice.lan").await;
    }
    let ambiguous = client.delete_host(delete("twice.lan")).await;
    let words = ["2 hosts are named twice.lan", "10.0.0.8", "10.0.0.9"];
    refused(ambiguous, Code::InvalidArgument, "AMBIGUOUS", &words);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_through_one_node_sees_the_write_just_acknowledged_by_another() {
    let cluster = Cluster::of(3).await;
    let clients: Vec<_> = (1..=3).map(|id| cluster.editor(id)).collect();
    let nas = added(&mut clients[0].clone(), "10.0.0.7", "nas.lan").await;
    for round in 0..90 {
        let (mut writer, mut reader) =
            (clients[round % 3].clone(), clients[(round / 3) % 3].clone());
        let request = v1::UpdateHostRequest {
            comment: Some(format!("round {round}")),
            ..update(&nas.id)
        };
        let written = writer.update_host(request).await.unwrap();
        let get = v1::GetHostRequest {
            id: nas.id.clone(),
            ..Default::default()
        };
        let read = reader.get_host(get).await.unwrap();
        assert!(
            applied(read.metadata()) >= revision(written.metadata()),
            "round {round}"
        );
        assert_eq!(
            read.into_inner().entry,
            written.into_inner().entry,
            "round {round}"
        );
    }
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_in_parts_is_one_revision_and_one_file_everywhere() {
    let cluster = Cluster::of(3).await;
    let follower = cluster.followers().await[0];
    let client = &mut cluster.editor(follower);
    let before = cluster.node(follower).await;
    let file: String = (0..5000)
        .map(|n| {
            format!(
                "10.1.{}.{} host-{n}.some-longer-name.lan alias-{n}.lan # {}\n",
                n / 250,
                n % 250,
                "x".repeat(60)
            )
        })
        .collect();
    let answer = import(client, chunks(file.as_bytes(), "strict"))
        .await
        .unwrap();
    let at = revision(answer.metadata());
    assert_eq!(
        (answer.get_ref().processed, answer.get_ref().created),
        (5000, 5000)
    );
    assert!(
        at > before.last_log_index + 2,
        "it needs several entries, not {before:?}"
    );

    let hosts = listed(client).await;
    assert_eq!(hosts.len(), 5000);
    assert!(hosts.iter().all(|host| host.version == at.to_string()));

    let request = WaitPublishedRequest {
        revision: at,
        timeout_ms: 20_000,
    };
    let outcomes = cluster
        .ops(follower)
        .wait_published(request)
        .await
        .unwrap()
        .into_inner()
        .nodes;
    assert_eq!(outcomes.len(), 3);
    assert!(
        outcomes
            .iter()
            .all(|one| one.result() == Published::Published),
        "{outcomes:?}"
    );
    let status = cluster.status(1).await;
    assert_eq!(status.verdict(), Verdict::Healthy, "{status:?}");
    let hashes: Vec<_> = status
        .nodes
        .iter()
        .map(|node| node.published.as_ref().unwrap().sha256.clone())
        .collect();
    assert!(
        hashes
            .iter()
            .all(|hash| *hash == hashes[0] && hash.len() == 64),
        "{hashes:?}"
    );
    // The empty file of the start, and this one: no part was ever shown.
    assert!(
        status
            .nodes
            .iter()
            .all(|node| node.published.as_ref().unwrap().writes <= 2)
    );
    for id in 2..=3 {
        assert_eq!(text(&cluster.hosts_file(id)), text(&cluster.hosts_file(1)));
    }
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_away_catches_up() {
    let mut cluster = Cluster::of(3).await;
    let away = cluster.followers().await[0];
    cluster.stop(away).await.unwrap();
    let other = cluster.leader().await;
    let client = &mut cluster.editor(other);
    for n in 1..=20 {
        added(client, &format!("10.0.0.{n}"), "nas.lan").await;
    }
    let status = cluster.status(other).await;
    assert_eq!(status.verdict(), Verdict::Degraded, "{status:?}");
    assert!(
        status.explanation.contains(&format!("n{away}")),
        "{status:?}"
    );

    cluster.start(away);
    cluster.until_ready(away).await;
    let local = v1::ListHostsRequest {
        consistency: v1::Consistency::Local.into(),
        ..Default::default()
    };
    let back = &mut cluster.editor(away);
    until(async || list(back, local.clone()).await.len() == 20).await;
    assert_eq!(in_time(listed(back)).await.len(), 20);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_away_for_long_is_sent_a_snapshot() {
    let mut cluster = Cluster::of(3).await;
    let away = cluster.followers().await[0];
    let last = cluster.node(away).await.last_log_index;
    cluster.stop(away).await.unwrap();
    let leader = cluster.leader().await;
    let client = cluster.editor(leader);
    // Far more than the log keeps behind a snapshot.
    let writers = (0..20).map(|writer| {
        let mut client = client.clone();
        async move {
            for n in 0..25 {
                added(&mut client, "10.0.0.1", &format!("h{n}.w{writer}.lan")).await;
            }
        }
    });
    futures::future::join_all(writers).await;
    // The leader holds back what an append to the missing one may still need,
    // until that append has failed.
    until(async || purged(&cluster.node(leader).await) > last).await;

    cluster.start(away);
    cluster.until_ready(away).await;
    assert_eq!(listed(&mut cluster.editor(away)).await.len(), 500);
    assert!(has_received_a_snapshot(&cluster, away));
    let status = cluster.status(away).await;
    assert_eq!(status.verdict(), Verdict::Healthy, "{status:?}");
    cluster.end().await;
}

fn purged(node: &NodeStatus) -> u64 {
    node.store.as_ref().unwrap().purged_index
}

fn has_received_a_snapshot(cluster: &Cluster, node: u64) -> bool {
    let snapshots = std::fs::read_dir(cluster.data(node).join("raft").join("snapshots")).unwrap();
    let mut names = snapshots.map(|file| file.unwrap().file_name());
    names.any(|name| name.to_string_lossy().contains("received"))
}
