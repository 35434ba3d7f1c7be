//! What keeps a node from starting, or a file from being written, is said in
//! words that tell what to do.

use crate::support::{Cluster, added, in_time, issue_node, text, until};
use hosts::Timestamp;
use node::{
    NodeError, Seams, api::status::chain, identity::ClusterId, network::Tcp, pki::Authority,
};
use proto::cluster::{Verdict, WaitPublishedRequest, publish_outcome};
use std::{fs, sync::Arc};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_node_stops_with_what_to_do() {
    let mut cluster = Cluster::of(3).await;
    let lost = cluster.followers().await[0];
    added(&mut cluster.editor(lost), "10.0.0.7", "nas.lan").await;
    cluster.stop(lost).await.unwrap();
    fs::remove_dir_all(cluster.data(lost)).unwrap();
    cluster.start(lost);
    let error = cluster.ended(lost).await.unwrap_err();
    assert!(error.needs_a_person(), "starting it again does not help");
    let words = chain(&error);
    for word in [
        "`formation`",
        "is empty, but the cluster exists",
        "lost its data",
        "begin the whole cluster anew",
    ] {
        assert!(words.contains(word), "{word}: {words}");
    }
    assert!(
        !cluster.data(lost).join("FORMED").exists(),
        "it stays out at the next start"
    );
    let other = cluster.leader().await;
    added(&mut cluster.editor(other), "10.0.0.8", "printer.lan").await;
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_its_log_stops_although_its_note_is_there() {
    let mut cluster = Cluster::of(1).await;
    cluster.stop(1).await.unwrap();
    let raft = cluster.data(1).join("raft");
    fs::remove_dir_all(&raft).unwrap();
    cluster.start(1);
    let error = cluster.ended(1).await.unwrap_err();
    assert!(error.needs_a_person(), "starting it again does not help");
    let words = chain(&error);
    for word in [
        "Raft's files in it are gone",
        "begin the whole cluster anew",
    ] {
        assert!(words.contains(word), "{word}: {words}");
    }
    assert!(!raft.exists(), "nothing was begun anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_starts_again_knows_at_once_that_it_is_one() {
    let mut cluster = Cluster::of(1).await;
    for n in 1..=8 {
        added(&mut cluster.editor(1), &format!("10.0.0.{n}"), "nas.lan").await;
        cluster.stop(1).await.unwrap();
        cluster.start(1);
        cluster.until_ready(1).await;
        assert_eq!(cluster.node(1).await.hosts, n);
    }
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_directory_of_another_is_not_touched() {
    let mut cluster = Cluster::of(1).await;
    cluster.stop(1).await.unwrap();
    let identity = cluster.data(1).join("raft").join("IDENTITY");
    let written = text(&identity);

    let mut config = cluster.config(1);
    config.cluster = ClusterId::new(Timestamp::from_millis(1), 7);
    let authority = Authority::new(config.cluster, Timestamp::from_millis(now())).unwrap();
    cluster.certify(1, &authority, 1);
    let words = fails(config, cluster.seams(1)).await;
    assert!(
        words.contains("belongs to node 1 of cluster") && words.contains("own"),
        "{words}"
    );

    let mut config = cluster.config(1);
    config.id = 2;
    cluster.certify(1, &cluster.authority, 2);
    let words = fails(config, cluster.seams(1)).await;
    assert!(
        words.contains("belongs to node 1") && words.contains("this is node 2"),
        "{words}"
    );
    cluster.certify(1, &cluster.authority, 1);

    assert_eq!(text(&identity), written, "it is as it was");
    let newer = written.replace("format 1\n", "format 99\n");
    assert_ne!(newer, written);
    fs::write(&identity, &newer).unwrap();
    let words = fails(cluster.config(1), cluster.seams(1)).await;
    assert!(
        words.contains("format 99") && words.contains("newer version"),
        "{words}"
    );
    assert_eq!(text(&identity), newer);

    fs::write(&identity, &written).unwrap();
    cluster.start(1);
    cluster.until_ready(1).await;
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_another_node_is_refused_before_anything_is_made() {
    let cluster = Cluster::planned(2);
    cluster.certify(1, &cluster.authority, 2);
    let words = fails(cluster.config(1), cluster.seams(1)).await;
    for word in ["cert.pem", "node/2", "this is node 1"] {
        assert!(words.contains(word), "{word}: {words}");
    }
    assert!(!cluster.data(1).exists());

    let issued = issue_node(&cluster.authority, 1);
    let key = cluster.home(1).join("key.pem");
    fs::remove_file(&key).unwrap();
    node::pki::write_private(&key, &issued.key_pem).unwrap();
    let words = fails(cluster.config(1), cluster.seams(1)).await;
    assert!(words.contains("key.pem"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_named_and_the_directory_is_let_go() {
    let mut cluster = Cluster::planned(1);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = cluster.config(1);
    config.listen = taken.local_addr().unwrap().to_string();
    let seams = Seams {
        network: Arc::new(Tcp::new()),
        ..Seams::real()
    };
    let words = fails(config.clone(), seams).await;
    for word in ["cannot listen on", &config.listen, "another program"] {
        assert!(words.contains(word), "{word}: {words}");
    }
    cluster.start(1);
    cluster.until_ready(1).await;
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listen_address_that_is_none_of_this_machine_is_told_from_a_taken_port() {
    let cluster = Cluster::planned(1);
    // TEST-NET-1 of RFC 5737 is nobody's; a name under .invalid is none (RFC 6761).
    for (address, words) in [
        ("192.0.2.1:0", "does this machine have the address"),
        ("attic.invalid:50051", "is it an address of this machine"),
    ] {
        let mut config = cluster.config(1);
        config.listen = address.into();
        let seams = Seams {
            network: Arc::new(Tcp::new()),
            ..Seams::real()
        };
        let said = fails(config, seams).await;
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_written_is_reported_and_written_once_it_can_be() {
    let mut cluster = Cluster::planned(1);
    let path = cluster.hosts_file(1);
    // A directory in its place: no user may write over that.
    fs::create_dir(&path).unwrap();
    cluster.start(1);
    cluster.until_ready(1).await;
    let nas = added(&mut cluster.editor(1), "10.0.0.7", "nas.lan").await;
    let revision = nas.version.parse().unwrap();
    let wait = async |cluster: &Cluster| {
        let request = WaitPublishedRequest {
            revision,
            timeout_ms: 20_000,
        };
        let answer = cluster.ops(1).wait_published(request).await.unwrap();
        answer.into_inner().nodes.remove(0)
    };
    let outcome = wait(&cluster).await;
    assert_eq!(
        outcome.result(),
        publish_outcome::Result::Failed,
        "{outcome:?}"
    );
    assert!(
        outcome.problem.contains(path.to_str().unwrap()),
        "{outcome:?}"
    );
    let status = cluster.status(1).await;
    assert_eq!(status.verdict(), Verdict::Degraded);
    assert!(
        status.explanation.contains("n1 cannot write its file"),
        "{status:?}"
    );
    assert_eq!(
        status.nodes[0].published.as_ref().unwrap().error,
        outcome.problem
    );
    let health = cluster
        .editor(1)
        .health(proto::v1::HealthRequest {})
        .await
        .unwrap();
    assert!(!health.get_ref().healthy);

    fs::remove_dir(&path).unwrap();
    until(async || {
        let outcome = wait(&cluster).await;
        outcome.result() == publish_outcome::Result::Published
    })
    .await;
    assert!(text(&path).contains("10.0.0.7 nas.lan\n"));
    assert_eq!(cluster.status(1).await.verdict(), Verdict::Healthy);
    cluster.end().await;
}

/// What a node says that does not start.
async fn fails(config: node::config::Config, seams: Seams) -> String {
    let forever = std::future::pending();
    let served = node::serve(config, seams, forever, |serving| {
        panic!("{serving:?} serves")
    });
    let error: NodeError = in_time(served).await.unwrap_err();
    chain(&error)
}

fn now() -> u64 {
    use node::clock::{Clock as _, SystemClock};
    SystemClock.now().as_millis()
}
