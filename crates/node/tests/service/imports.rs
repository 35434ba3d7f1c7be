//! Files that come in: whole or not at all.

use crate::support::{Cluster, chunks, import, listed, refused};
use proto::v1;
use std::time::{Duration, Instant};
use tonic::{Code, Request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_taken_leaves_nothing() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);

    let mut broken_off = chunks(b"10.0.0.1 a.lan\n10.0.0.2 b.lan\n", "skip");
    broken_off[0].last_chunk = false;
    let answer = import(client, broken_off).await;
    refused(
        answer,
        Code::InvalidArgument,
        "TRUNCATED",
        &["30 bytes", "nothing was imported"],
    );
    let answer = import(client, Vec::new()).await;
    refused(answer, Code::InvalidArgument, "TRUNCATED", &["0 bytes"]);

    let file = b"# ours\n10.0.0.1 a.lan\n10.0.0.300 b.lan\n\n10.0.0.4\n10.0.0.5 c..lan\n";
    let answer = import(client, chunks(file, "skip")).await;
    let words = ["3 ", "line 3", "10.0.0.300", "line 5", "line 6"];
    refused(answer, Code::InvalidArgument, "INVALID_FILE", &words);

    let file = b"# ours\n10.0.0.1 a.lan\n\n10.0.0.1 b.lan a.lan\n";
    let answer = import(client, chunks(file, "strict")).await;
    refused(
        answer,
        Code::AlreadyExists,
        "IMPORT_CONFLICTS",
        &["line 4: 10.0.0.1 a.lan is on line 2 already"],
    );

    assert_eq!(listed(client).await, []);
    assert_eq!(cluster.node(1).await.revision, 0);

    let summary = import(client, chunks(file, "skip"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (summary.processed, summary.created, summary.skipped),
        (2, 1, 1)
    );
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_beyond_the_bound_is_refused_before_it_is_all_there() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    let chunk = v1::ImportHostsRequest {
        chunk: vec![b'#'; 512 * 1024].into(),
        ..Default::default()
    };
    // It never ends: only the bound does.
    let endless = futures::stream::repeat(chunk);
    let answer = client.import_hosts(endless).await;
    refused(
        answer.map(drop),
        Code::ResourceExhausted,
        "TOO_LARGE",
        &["nothing was imported"],
    );

    let rows: String = (0..200_001)
        .map(|n| format!("10.{}.{}.{} h.lan\n", n >> 16, n >> 8 & 255, n & 255))
        .collect();
    let answer = import(client, chunks(rows.as_bytes(), "skip")).await;
    assert_eq!(answer.unwrap_err().code(), Code::ResourceExhausted);
    assert_eq!(listed(client).await, []);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_stalls_is_told_so_at_its_deadline() {
    use futures::StreamExt as _;
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    let mut first = chunks(b"10.0.0.1 a.lan\n", "skip");
    first[0].last_chunk = false;
    let stalled = futures::stream::iter(first).chain(futures::stream::pending());
    let mut request = Request::new(stalled);
    request.set_timeout(Duration::from_millis(700));
    let asked = Instant::now();
    let answer = client.import_hosts(request).await;
    refused(
        answer.map(drop),
        Code::InvalidArgument,
        "TRUNCATED",
        &["not there in time", "nothing was imported"],
    );
    assert!(asked.elapsed() < Duration::from_secs(5));
    cluster.end().await;
}
