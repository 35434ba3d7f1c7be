//! Rows in bulk, and the compaction that reclaims nothing.

use super::{Earlier, Fields, Message, code, host, path};
use crate::support::{Bytes, Cluster, EDITOR, in_time, listed};
use futures::{StreamExt as _, stream};
use proto::metadata::{REQUEST_ID, REQUEST_SINCE};
use tokio::sync::mpsc;
use tonic::{Code, Request, client::Grpc};

/// A `BulkAddHostsRequest`: its numbers are not those of `AddHostRequest`.
fn row(address: &str, hostname: &str) -> Message {
    Message::new().text(2, address).text(3, hostname)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_row_has_its_answer_in_order_and_a_bad_one_ends_nothing() {
    let cluster = Cluster::of(1).await;
    let client = Earlier::of(&cluster);
    let rows = vec![
        row("10.0.0.1", "A.lan")
            .text(4, "in the attic")
            .text(5, "home")
            .text(100, "b.lan"),
        row("10.0.0.300", "x.lan"),
        row("10.0.0.1", "b.lan"),
        row("10.0.0.2", "two words"),
        Message::new(),
        row("10.0.0.2", "c.lan").text(1, "a token"),
        row("10.0.0.2", "c.lan").and_unknown(),
        row("10.0.0.2", "c.lan"),
        row("fd00::1", "d.lan"),
    ];
    let count = rows.len();
    let answers = client.all("BulkAddHosts", rows).await;
    assert_eq!(answers.len(), count, "one for each");
    let taken: Vec<_> = answers.iter().map(|one| one.text(1).is_some()).collect();
    assert_eq!(
        taken,
        [true, false, false, false, false, false, true, false, true]
    );
    for (row, words) in [
        (1, "10.0.0.300"),
        (2, "belongs to host"),
        (3, "two words"),
        (4, "ip_address"),
        (5, "edit_token"),
        (7, "belongs to host"),
    ] {
        assert_eq!(answers[row].known(), [2], "row {row}");
        let error = answers[row].text(2).unwrap();
        assert!(error.contains(words), "row {row}: {error}");
    }
    // A row is not answered with what another one did.
    let id = answers[0].text(1).unwrap();
    let get = client.call("GetHost", Message::new().text(1, &id)).await;
    let first = get.unwrap().message(1).unwrap();
    assert_eq!(first.text(3).as_deref(), Some("a.lan"));
    assert_eq!(first.text(4).as_deref(), Some("in the attic"));
    assert_eq!(
        (first.texts(5), first.texts(9)),
        (vec!["home".into()], vec!["b.lan".into()])
    );
    assert_eq!(
        client.hosts().await,
        ["10.0.0.1 a.lan", "10.0.0.2 c.lan", "fd00::1 d.lan"]
    );
    assert_eq!(client.all("BulkAddHosts", Vec::new()).await, []);
    cluster.end().await;
}

/// Calls with a request id, and gives the answers with the index to name when
/// it is called again.
async fn bulk(
    cluster: &Cluster,
    to: u64,
    since: Option<u64>,
    rows: Vec<Message>,
) -> (Vec<Fields>, u64) {
    let mut grpc = Grpc::new(cluster.channel(to, EDITOR));
    grpc.ready().await.unwrap();
    let rows = rows.into_iter().map(Message::into_bytes);
    let mut request = Request::new(stream::iter(rows.collect::<Vec<_>>()));
    let metadata = request.metadata_mut();
    metadata.insert(REQUEST_ID, "pipeline-7".parse().unwrap());
    if let Some(since) = since {
        metadata.insert(REQUEST_SINCE, since.into());
    }
    let answers = grpc.streaming(request, path("BulkAddHosts"), Bytes);
    let answers = answers.await.unwrap();
    let since = answers.metadata().get(REQUEST_SINCE).unwrap();
    let since = since.to_str().unwrap().parse().unwrap();
    let answers = answers
        .into_inner()
        .map(|bytes| Fields::read(&bytes.unwrap()));
    (answers.collect().await, since)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_made_again_through_another_node_adds_nothing_twice() {
    let cluster = Cluster::of(3).await;
    let rows = || -> Vec<_> {
        (0..100)
            .map(|n| row(&format!("10.0.0.{}", n % 90), &format!("h{}.lan", n % 90)))
            .collect()
    };
    // Its answers were lost half way, as far as the caller knows.
    let (first, since) = bulk(&cluster, 1, None, rows().drain(..50).collect()).await;
    let (second, _) = bulk(&cluster, 2, Some(since), rows()).await;
    let (third, _) = bulk(&cluster, 3, Some(since), rows()).await;
    assert_eq!(first, second[..50]);
    for (n, (two, three)) in second.iter().zip(&third).enumerate() {
        assert_eq!(two.text(1), three.text(1), "row {n}");
        assert_eq!(two.text(1).is_some(), n < 90, "row {n}: {two:?}");
    }
    assert_eq!(listed(&mut cluster.editor(1)).await.len(), 90);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_answers_what_it_took_and_says_so() {
    let mut cluster = Cluster::of(1).await;
    let mut grpc = Grpc::new(cluster.channel(1, EDITOR));
    grpc.ready().await.unwrap();
    let (send, rows) = mpsc::channel(1);
    let rows = stream::unfold(rows, |mut rows: mpsc::Receiver<Vec<u8>>| async {
        Some((rows.recv().await?, rows))
    });
    send.send(row("10.0.0.1", "a.lan").into_bytes())
        .await
        .unwrap();
    let answers = grpc.streaming(Request::new(rows), path("BulkAddHosts"), Bytes);
    let mut answers = in_time(answers).await.unwrap().into_inner();
    let first = in_time(answers.message()).await.unwrap().unwrap();
    assert!(Fields::read(&first).text(1).is_some());
    let ((), end) = tokio::join!(async { cluster.stop(1).await.unwrap() }, answers.message());
    code("the node stops", end, Code::Unavailable);
    drop(send);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compaction_is_answered_and_reclaims_nothing() {
    let cluster = Cluster::of(1).await;
    let client = Earlier::of(&cluster);
    let id = client
        .added(host("10.0.0.7", "nas.lan"))
        .await
        .text(1)
        .unwrap();
    let before = cluster.node(1).await;
    for message in [
        Message::new(),
        Message::new().text(1, &id),
        Message::new().number(2, 100).flag(3, true),
    ] {
        let answer = client.call("CompactAggregates", message).await.unwrap();
        assert_eq!((answer.known().len(), answer.number(2)), (0, 0));
    }
    let after = cluster.node(1).await;
    assert_eq!(after.last_log_index, before.last_log_index);
    cluster.end().await;
}
