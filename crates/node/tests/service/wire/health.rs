//! Whether a node is well, in the words of the earlier server, and what it says without a quorum.

use super::{Earlier, Message, code, host};
use crate::support::{Cluster, until};
use tonic::Code;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_well_says_so_in_every_part() {
    let mut cluster = Cluster::planned(1);
    cluster.configure(
        "[[hooks.on_success]]\nname = \"reload\"\ncommand = \"true\"\n\
         [[hooks.on_failure]]\nname = \"alarm\"\ncommand = \"true\"\n",
    );
    cluster.start(1);
    cluster.until_ready(1).await;
    let client = Earlier::of(&cluster);
    let answer = client.call("Liveness", Message::new()).await.unwrap();
    assert_eq!((answer.known(), answer.number(1)), (vec![1], 1));
    let answer = client.call("Readiness", Message::new()).await.unwrap();
    assert_eq!((answer.known(), answer.number(1)), (vec![1], 1));

    let health = client.call("Health", Message::new()).await.unwrap();
    assert_eq!((health.known(), health.number(1)), (vec![1, 2, 3, 4, 5], 1));
    let server = health.message(2).unwrap();
    assert!(server.text(1).is_some_and(|version| version.contains('.')));
    assert!((0..600).contains(&server.number(2)), "uptime in seconds");
    assert!(server.text(3).is_some(), "the build");
    let database = health.message(3).unwrap();
    assert_eq!(database.number(1), 1, "connected");
    assert_eq!(database.text(2).as_deref(), Some("raft"));
    assert!((0..10_000).contains(&database.number(3)), "latency in ms");
    assert_eq!(database.text(4), None, "no error");
    let acme = health.message(4).unwrap();
    assert_eq!(
        (acme.number(1), acme.text(2).as_deref()),
        (0, Some("disabled"))
    );
    let hooks = health.message(5).unwrap();
    assert_eq!(hooks.number(1), 2, "configured");
    assert_eq!(hooks.texts(2), ["reload", "alarm"]);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_a_quorum_lives_and_refuses_as_unavailable() {
    let mut cluster = Cluster::planned(3);
    cluster.start(1);
    let client = Earlier::of(&cluster);
    let alive = async || client.call("Liveness", Message::new()).await.is_ok();
    until(alive).await;
    let id = Message::new().text(1, "01JD8Q0000000000000000000A");
    for (method, message) in [
        ("AddHost", host("10.0.0.7", "nas.lan")),
        ("GetHost", id.clone()),
        ("UpdateHost", id.clone().text(4, "x")),
        ("DeleteHost", id),
    ] {
        let answer = client.call(method, message).await;
        code(method, answer, Code::Unavailable);
    }
    let file = Message::new().text(1, "10.0.0.7 nas.lan\n").flag(2, true);
    for (method, message) in [
        ("ListHosts", Message::new()),
        ("SearchHosts", Message::new()),
        ("ExportHosts", Message::new()),
        ("ImportHosts", file),
    ] {
        let (came, ended) = client.stream(method, vec![message]).await;
        assert_eq!(came, [], "{method}");
        code(method, ended, Code::Unavailable);
    }
    let ready = client.call("Readiness", Message::new()).await.unwrap();
    assert_eq!(ready.number(1), 0);
    assert!(ready.text(2).is_some_and(|reason| !reason.is_empty()));
    let health = client.call("Health", Message::new()).await.unwrap();
    assert_eq!(health.number(1), 0);
    let database = health.message(3).unwrap();
    assert_eq!(database.number(1), 0);
    assert!(database.text(4).is_some_and(|error| !error.is_empty()));
    cluster.end().await;
}
