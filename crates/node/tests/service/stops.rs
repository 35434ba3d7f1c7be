//! A node that stops in order hands over what it leads and cuts nobody off
//! that can still be served.

use crate::support::{Cluster, add, added, address, chunks, listed, reason, until};
use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::{Duration, Instant},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_fails_while_each_leader_in_turn_stops() {
    let mut cluster = Cluster::of(3).await;
    for round in 0..3 {
        let (leader, through) = (cluster.leader().await, cluster.followers().await[0]);
        let (stopped, written) = (AtomicBool::new(false), AtomicU32::new(0));
        let client = cluster.editor(through);
        let writers = (0..4).map(|writer| {
            let mut client = client.clone();
            let (stopped, written) = (&stopped, &written);
            async move {
                let mut more = 0;
                // Some more after the leader is gone.
                while more < 5 {
                    let n = written.fetch_add(1, Ordering::Relaxed);
                    let name = format!("h{n}.w{writer}.r{round}.lan");
                    client.add_host(add("10.0.0.1", &name)).await.unwrap();
                    more += u32::from(stopped.load(Ordering::Relaxed));
                }
            }
        });
        let writers = futures::future::join_all(writers);
        let stop = async {
            while written.load(Ordering::Relaxed) < 40 {
                tokio::task::yield_now().await;
            }
            cluster.stop(leader).await.unwrap();
            stopped.store(true, Ordering::Relaxed);
        };
        tokio::join!(writers, stop);
        cluster.start(leader);
        cluster.until_ready(leader).await;
        let hosts = listed(&mut cluster.editor(leader)).await;
        let of_round = hosts
            .iter()
            .filter(|host| host.hostname.ends_with(&format!("r{round}.lan")));
        assert_eq!(of_round.count(), written.load(Ordering::Relaxed) as usize);
    }
    cluster.end().await;
}

/// A leader keeps its streams to the others open for as long as it leads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_stops_well_and_at_once_under_a_leader_that_goes_on() {
    let mut cluster = Cluster::of(3).await;
    let (leader, follower) = (cluster.leader().await, cluster.followers().await[0]);
    added(&mut cluster.editor(leader), "10.0.0.1", "a.lan").await;
    let asked = Instant::now();
    cluster.stop(follower).await.unwrap();
    let took = asked.elapsed();
    assert!(took < node::limits::CALLS_END_TIME, "{took:?}");
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_never_ends_does_not_keep_a_node_from_stopping_well() {
    use futures::StreamExt as _;
    let mut cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    let mut first = chunks(b"10.0.0.1 a.lan\n", "skip");
    first[0].last_chunk = false;
    let (sent, mut seen) = tokio::sync::mpsc::channel(1);
    let endless = futures::stream::iter(first).chain(futures::stream::once(async move {
        sent.send(()).await.unwrap();
        std::future::pending().await
    }));
    let mut importing = client.clone();
    let import = async { importing.import_hosts(endless).await.map(drop) };
    let stop = async {
        seen.recv().await.unwrap();
        added(client, "10.0.0.2", "b.lan").await;
        let asked = Instant::now();
        cluster.stop(1).await.unwrap();
        asked.elapsed()
    };
    tokio::select! {
        answer = import => panic!("{answer:?}"),
        took = stop => assert!(took < Duration::from_secs(15), "{took:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_no_majority_takes_does_not_keep_a_leader_from_stopping_well() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let client = &mut cluster.editor(leader);
    added(client, "10.0.0.1", "a.lan").await;
    let before = cluster.node(leader).await.last_log_index;
    for id in cluster.followers().await {
        cluster.wire.cut_off(&address(id));
    }
    let write = async {
        let mut request = tonic::Request::new(add("10.0.0.2", "b.lan"));
        request.set_timeout(Duration::from_secs(60));
        client.add_host(request).await
    };
    let stop = async {
        // It leads as far as it knows, and appends.
        until(async || cluster.node(leader).await.last_log_index > before).await;
        let asked = Instant::now();
        cluster.stop(leader).await.unwrap();
        asked.elapsed()
    };
    let (written, took) = tokio::join!(write, stop);
    assert!(took < Duration::from_secs(15), "{took:?}");
    let status = written.unwrap_err();
    assert_eq!(reason(&status), "OUTCOME_UNKNOWN", "{status:?}");
    for id in 1..=3 {
        cluster.wire.mend(&address(id));
    }
    cluster.end().await;
}
