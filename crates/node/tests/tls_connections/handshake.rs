//! Two ends with certificates: which pairs come to talk, and what is said when they do not.

use hosts::Role;
use node::connect::{Timing, never_connected};
use node::identity::ClusterId;
use node::tls::explain;
use tonic::Code;

use crate::support::{Answering, Hand, Site, cluster, days_later, peer};

/// That a check failed for lack of a connection, and why.
fn reason(refused: Result<(), tonic::Status>) -> String {
    let status = refused.unwrap_err();
    assert!(never_connected(&status), "{status:?}");
    explain(&status)
}

#[tokio::test]
async fn a_handler_sees_who_calls() {
    let site = Site::new();
    let one = Answering::start(site.load(&site.node(1))).await;
    let two = site.load(&site.node(2));
    let alice = site.load(&site.client(Role::Editor, "alice"));
    one.check(two, peer(1)).await.unwrap();
    one.check(alice, peer(1)).await.unwrap();
    let cluster = cluster();
    assert_eq!(
        one.seen(),
        [
            format!("router-hosts://{cluster}/node/2"),
            format!("router-hosts://{cluster}/editor/alice")
        ]
    );
}

#[tokio::test]
async fn two_nodes_talk_both_ways() {
    let site = Site::new();
    let (one, two) = (site.load(&site.node(1)), site.load(&site.node(2)));
    let first = Answering::start(one.clone()).await;
    let second = Answering::start(two.clone()).await;
    first.check(two, peer(1)).await.unwrap();
    second.check(one, peer(2)).await.unwrap();
    assert_eq!((first.seen().len(), second.seen().len()), (1, 1));
}

#[tokio::test]
async fn a_caller_of_another_ca_is_refused() {
    let (site, stranger) = (Site::new(), Site::new());
    let one = Answering::start(site.load(&site.node(1))).await;
    let two = stranger.load_trusting(&stranger.node(2), &[&site]);
    let why = reason(one.check(two, peer(1)).await);
    assert!(
        why.ends_with("it does not trust the CA of our certificate"),
        "{why}"
    );
    assert!(one.seen().is_empty());
}

#[tokio::test]
async fn a_peer_of_another_ca_is_refused() {
    let (site, stranger) = (Site::new(), Site::new());
    let one = Answering::start(site.load_trusting(&site.node(1), &[&stranger])).await;
    let two = stranger.load(&stranger.node(2));
    let why = reason(one.check(two, peer(1)).await);
    assert!(
        why.ends_with("its certificate is not signed by a CA that is trusted here"),
        "{why}"
    );
    assert!(one.seen().is_empty());
}

#[tokio::test]
async fn a_certificate_that_expires_while_both_run_is_refused_by_the_clock_of_each() {
    let site = Site::new();
    let (clock_1, clock_2) = (Hand::at(crate::support::NOW), Hand::at(crate::support::NOW));
    let one = Answering::start(site.load_with(&site.node(1), clock_1.clone())).await;
    let two = site.load_with(&site.node(2), clock_2.clone());
    one.check(two.clone(), peer(1)).await.unwrap();

    clock_1.set(days_later(2));
    let why = reason(one.check(two.clone(), peer(1)).await);
    assert!(why.contains("expired or not yet valid"), "{why}");

    clock_1.set(days_later(0));
    clock_2.set(days_later(2));
    let why = reason(one.check(two, peer(1)).await);
    assert!(
        why.ends_with(
            "its certificate expired at 2026-11-21T18:00:00.000Z, and it is 2026-11-22T18:00:00.000Z here"
        ),
        "{why}"
    );
    assert_eq!(one.seen().len(), 1);
}

#[tokio::test]
async fn a_certificate_from_the_future_is_refused() {
    let site = Site::new();
    let (clock_1, clock_2) = (Hand::at(crate::support::NOW), Hand::at(crate::support::NOW));
    let one = Answering::start(site.load_with(&site.node(1), clock_1.clone())).await;
    let two = site.load_with(&site.node(2), clock_2.clone());

    clock_2.set(hosts::Timestamp::from_millis(0));
    let why = reason(one.check(two.clone(), peer(1)).await);
    assert!(
        why.ends_with(
            "its certificate is not valid before 2026-11-20T17:00:00.000Z, and it is 1970-01-01T00:00:00.000Z here"
        ),
        "{why}"
    );

    clock_2.set(crate::support::NOW);
    clock_1.set(hosts::Timestamp::from_millis(0));
    let why = reason(one.check(two, peer(1)).await);
    assert!(why.contains("expired or not yet valid"), "{why}");
}

#[tokio::test]
async fn another_node_at_the_address_is_named() {
    let site = Site::new();
    let one = Answering::start(site.load(&site.node(1))).await;
    let two = site.load(&site.node(2));
    let status = one.check(two, peer(3)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let cluster = cluster();
    assert_eq!(
        status.message(),
        format!(
            "no TLS connection to node 3 of cluster {cluster} at attic.lan:50051: router-hosts://{cluster}/node/1 \
             answered instead of node 3 of cluster {cluster}: its address leads to another node"
        )
    );
    assert!(one.seen().is_empty());
}

#[tokio::test]
async fn another_cluster_under_the_same_ca_is_refused_on_both_sides() {
    let site = Site::new();
    let other = site.for_cluster(ClusterId::from_u128(99));
    let one = Answering::start(site.load(&site.node(1))).await;

    let foreign = other.load(&other.node(1));
    let why = reason(one.check(foreign.clone(), peer(1)).await);
    assert!(why.contains("another cluster"), "{why}");

    let theirs = Answering::start(foreign).await;
    let why = reason(theirs.check(site.load(&site.node(2)), peer(1)).await);
    assert!(why.contains("answered instead of node 1"), "{why}");
    assert!(one.seen().is_empty() && theirs.seen().is_empty());
}

#[tokio::test]
async fn a_client_cannot_pose_as_a_node() {
    let site = Site::new();
    let alice = Answering::start(site.load(&site.client(Role::Admin, "alice"))).await;
    let two = site.load(&site.node(2));
    let why = reason(alice.check(two, peer(1)).await);
    assert!(why.ends_with("(extended key usage)"), "{why}");
}

#[tokio::test]
async fn nobody_at_the_address_is_no_connection() {
    let site = Site::new();
    let one = Answering::start(site.load(&site.node(1))).await;
    let two = one.dialer(site.load(&site.node(2)));
    let error = two.connect("cellar.lan:1", peer(3)).await.err().unwrap();
    let cluster = cluster();
    assert_eq!(
        explain(&error),
        format!("cannot reach node 3 of cluster {cluster} at cellar.lan:1: connection refused")
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_answer_is_given_up_after_a_second() {
    let site = Site::new();
    let two = site.load(&site.node(2));
    let one = Answering::start(two.clone()).await;
    let _mute = node::network::Network::listen(&*one.network, "mute.lan:1")
        .await
        .unwrap();
    let began = tokio::time::Instant::now();
    let error = one
        .dialer(two)
        .connect("mute.lan:1", peer(1))
        .await
        .err()
        .unwrap();
    assert!(error.to_string().ends_with("within 1s"), "{error}");
    assert_eq!(began.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_lost_power_is_noticed_in_two_seconds_and_connected_to_again() {
    let site = Site::new();
    let one = Answering::start(site.load(&site.node(1))).await;
    let mut client = one.client(site.load(&site.node(2)), peer(1));
    crate::support::check(&mut client).await.unwrap();

    one.network.cut();
    let began = tokio::time::Instant::now();
    let status = crate::support::check(&mut client).await.unwrap_err();
    assert!(began.elapsed().as_secs_f64() < 2.5, "{:?}", began.elapsed());
    assert!(
        !never_connected(&status),
        "it may have been done: {status:?}"
    );

    crate::support::check(&mut client).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_that_is_dead_is_gone_before_the_next_call() {
    let site = Site::new();
    let one = Answering::start(site.load(&site.node(1))).await;
    let mut client = one.client(site.load(&site.node(2)), peer(1));
    crate::support::check(&mut client).await.unwrap();

    one.network.cut();
    let Timing { ping, pong, .. } = Timing::default();
    tokio::time::sleep(ping + pong + pong).await; // the clock is paused: this moves it
    crate::support::check(&mut client).await.unwrap();
}
