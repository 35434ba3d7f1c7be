//! Reads keep their callers' deadlines, whatever the cluster does.

use crate::support::{Cluster, added, address, list, refused, until};
use proto::{
    cluster::{WaitPublishedRequest, publish_outcome},
    v1,
};
use std::time::{Duration, Instant};
use tonic::{Code, Request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_cannot_be_confirmed_ends_at_its_own_deadline() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let client = &mut cluster.editor(leader);
    added(client, "10.0.0.7", "nas.lan").await;
    for id in cluster.followers().await {
        cluster.stop(id).await.unwrap();
    }
    // A patient reader shares the round, and must not make the other wait.
    let patient = {
        let mut client = client.clone();
        async move {
            client
                .list_hosts(v1::ListHostsRequest::default())
                .await
                .map(drop)
        }
    };
    let hurried = async {
        let mut request = Request::new(v1::ListHostsRequest::default());
        request.set_timeout(Duration::from_millis(500));
        let asked = Instant::now();
        let answer = client.clone().list_hosts(request).await.map(drop);
        (answer, asked.elapsed())
    };
    let (patient, (hurried, took)) = tokio::join!(patient, hurried);
    refused(hurried, Code::Unavailable, "NO_QUORUM", &["2 of 3 voters"]);
    assert!(took < Duration::from_millis(1500), "{took:?}");
    refused(patient, Code::Unavailable, "NO_QUORUM", &["2 of 3 voters"]);

    let local = v1::ListHostsRequest {
        consistency: v1::Consistency::Local.into(),
        ..Default::default()
    };
    assert_eq!(list(client, local).await.len(), 1);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_for_publication_is_answered_before_its_caller_gives_up() {
    let cluster = Cluster::of(1).await;
    let mut request = Request::new(WaitPublishedRequest {
        revision: 1_000_000,
        timeout_ms: 20_000,
    });
    request.set_timeout(Duration::from_millis(1500));
    let answer = cluster.ops(1).wait_published(request).await.unwrap();
    let outcome = answer.into_inner().nodes.remove(0);
    assert_eq!(
        outcome.result(),
        publish_outcome::Result::Pending,
        "{outcome:?}"
    );
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_go_on_when_the_leader_falls_silent() {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let followers = cluster.followers().await;
    let client = &mut cluster.editor(followers[0]);
    added(client, "10.0.0.7", "nas.lan").await;
    cluster.wire.cut_off(&address(leader));
    // Asked at once, while the silent one still counts as the leader.
    let answer = client.list_hosts(v1::ListHostsRequest::default()).await;
    answer.unwrap();

    // What the deposed leader would answer is old, and it does not say it.
    added(client, "10.0.0.8", "printer.lan").await;
    let (mut reader, mut writer) = (cluster.editor(leader), cluster.editor(leader));
    let taken = crate::support::add("10.0.0.7", "nas.lan");
    let (read, written) = tokio::join!(
        reader.list_hosts(v1::ListHostsRequest::default()),
        writer.add_host(taken),
    );
    refused(read.map(drop), Code::Unavailable, "NO_QUORUM", &[]);
    refused(written.map(drop), Code::Unavailable, "NO_QUORUM", &[]);

    cluster.wire.mend(&address(leader));
    let old = &mut cluster.editor(leader);
    until(async || {
        let answer = old.list_hosts(v1::ListHostsRequest::default()).await;
        match answer {
            Ok(answers) => crate::support::all(answers).await.len() == 2,
            Err(_) => false,
        }
    })
    .await;
    cluster.end().await;
}
