//! Without a majority nothing is written and nothing is lost; with one again,
//! everything goes on.

use crate::support::{
    Cluster, Hosts, add, added, address, list, listed, reason, refused, revision, text, until,
    with_id,
};
use proto::{
    cluster::{Verdict, WaitPublishedRequest},
    v1,
};
use std::time::{Duration, Instant};
use tonic::{Code, Request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_without_a_quorum_refuses_writes_and_goes_on_with_one() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let followers = cluster.followers().await;
    let file = with_one_host(&cluster, followers[0]).await;
    cluster.stop(followers[1]).await.unwrap();
    cluster.wire.cut_off(&address(leader));
    refuses(&cluster, followers[0], [leader, followers[1]], &file).await;

    cluster.start(followers[1]);
    goes_on(&cluster, followers[0]).await;
    cluster.wire.mend(&address(leader));
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_without_a_quorum_refuses_writes_and_goes_on_with_one() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let followers = cluster.followers().await;
    let file = with_one_host(&cluster, leader).await;
    for &id in &followers {
        cluster.stop(id).await.unwrap();
    }
    refuses(&cluster, leader, [followers[0], followers[1]], &file).await;

    cluster.start(followers[0]);
    goes_on(&cluster, leader).await;
    cluster.end().await;
}

/// Adds the one host there is, and gives the file it is in.
async fn with_one_host(cluster: &Cluster, id: u64) -> String {
    let client = &mut cluster.editor(id);
    let answer = client.add_host(add("10.0.0.7", "nas.lan")).await.unwrap();
    let request = WaitPublishedRequest {
        revision: revision(answer.metadata()),
        timeout_ms: 20_000,
    };
    cluster.ops(id).wait_published(request).await.unwrap();
    let file = text(&cluster.hosts_file(id));
    assert!(file.contains("10.0.0.7 nas.lan\n"), "{file}");
    file
}

/// Node `left` has lost the `others`.
async fn refuses(cluster: &Cluster, left: u64, others: [u64; 2], file: &str) {
    let client = &mut cluster.editor(left);
    // Until it has noticed, a write is in flight, and never called refused.
    until(async || {
        let mut taken = Request::new(add("10.0.0.7", "nas.lan"));
        taken.set_timeout(Duration::from_millis(1500));
        let status = client.add_host(taken).await.unwrap_err();
        reason(&status) == "NO_QUORUM"
    })
    .await;
    let names: Vec<String> = others.iter().map(|id| format!("n{id}")).collect();
    let words = ["2 of 3 voters must agree", &names[0], &names[1]];
    let asked = Instant::now();
    let answer = client.add_host(add("10.0.0.8", "printer.lan")).await;
    refused(answer, Code::Unavailable, "NO_QUORUM", &words);
    assert!(
        asked.elapsed() < Duration::from_secs(6),
        "{:?}",
        asked.elapsed()
    );
    let asked = Instant::now();
    let answer = client.add_host(add("10.0.0.8", "printer.lan")).await;
    refused(answer, Code::Unavailable, "NO_QUORUM", &words);
    let answer = client.list_hosts(v1::ListHostsRequest::default()).await;
    refused(answer.map(drop), Code::Unavailable, "NO_QUORUM", &words);
    let twice = client.add_host(add("10.0.0.7", "nas.lan")).await;
    refused(twice, Code::Unavailable, "NO_QUORUM", &words);
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(3), "three at once: {took:?}");
    let local = v1::ListHostsRequest {
        consistency: v1::Consistency::Local.into(),
        ..Default::default()
    };
    assert_eq!(list(client, local).await.len(), 1, "local reads go on");
    assert_eq!(
        text(&cluster.hosts_file(left)),
        file,
        "the last good file stays"
    );
    let status = cluster.status(left).await;
    assert_eq!(status.verdict(), Verdict::NoQuorum, "{status:?}");
    assert!(
        names.iter().all(|name| status.explanation.contains(name)),
        "{status:?}"
    );
    let ready = client
        .readiness(v1::ReadinessRequest {})
        .await
        .unwrap()
        .into_inner();
    assert!(
        !ready.ready && ready.reason.contains(&names[0]),
        "{ready:?}"
    );
}

async fn goes_on(cluster: &Cluster, left: u64) {
    let client = &mut cluster.editor(left);
    // The first to notice may be a reader: nobody has to write first.
    until(async || {
        let answer = client.list_hosts(v1::ListHostsRequest::default()).await;
        answer.is_ok()
    })
    .await;
    added(client, "10.0.0.9", "camera.lan").await;
    let names: Vec<_> = listed(client)
        .await
        .into_iter()
        .map(|host| host.hostname)
        .collect();
    assert_eq!(
        names,
        ["nas.lan", "camera.lan"],
        "what was refused did not happen"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_in_flight_when_its_leader_falls_silent_is_never_called_refused() {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let client = &mut cluster.editor(leader);
    added(client, "10.0.0.7", "nas.lan").await;
    for id in cluster.followers().await {
        cluster.wire.cut_off(&address(id));
    }
    // It leads as far as it knows, and appends.
    let write = || {
        let mut request: Request<_> = with_id(add("10.0.0.8", "printer.lan"), "in-flight");
        request.set_timeout(Duration::from_secs(4));
        request
    };
    let status = client.add_host(write()).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert_eq!(reason(&status), "OUTCOME_UNKNOWN", "{status:?}");
    for id in 1..=3 {
        cluster.wire.mend(&address(id));
    }
    // The same id again tells: once, whatever became of the first.
    let client: &mut Hosts = &mut cluster.editor(leader % 3 + 1);
    until(async || client.add_host(write()).await.is_ok()).await;
    assert_eq!(listed(client).await.len(), 2);
    cluster.end().await;
}
