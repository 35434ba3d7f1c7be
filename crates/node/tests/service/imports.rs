//! Files that come in: whole or not at all.

use crate::support::{
    Cluster, added, all, chunks, crowd, crowded, export_as, import, listed, reason, refused,
    revision,
};
use node::limits;
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
    // The node answers a tenth of it earlier; the client itself gives up at its end.
    request.set_timeout(Duration::from_secs(5));
    let asked = Instant::now();
    let answer = client.import_hosts(request).await;
    refused(
        answer.map(drop),
        Code::InvalidArgument,
        "TRUNCATED",
        &["not there in time", "nothing was imported"],
    );
    assert!(asked.elapsed() < Duration::from_secs(30));
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_whose_turn_does_not_come_is_told_that_the_node_is_busy() {
    use futures::StreamExt as _;
    let cluster = Cluster::of(1).await;
    let mut stalled = tokio::task::JoinSet::new();
    for _ in 0..limits::IMPORTS_AT_ONCE {
        let mut client = cluster.editor(1);
        let mut first = chunks(b"10.0.0.1 a.lan\n", "skip");
        first[0].last_chunk = false;
        let stream = futures::stream::iter(first).chain(futures::stream::pending());
        stalled.spawn(async move { client.import_hosts(stream).await.map(drop) });
    }
    let client = &mut cluster.editor(1);
    let file = b"10.0.0.2 b.lan\n";
    let begun = Instant::now();
    // It is tried until the others have all of the turns.
    let answer = loop {
        let mut tried = chunks(file, "skip");
        tried[0].dry_run = Some(true);
        let mut request = Request::new(futures::stream::iter(tried));
        request.set_timeout(Duration::from_secs(2));
        let answer = client.import_hosts(request).await.map(drop);
        if answer.is_err() || begun.elapsed() > Duration::from_secs(60) {
            break answer;
        }
    };
    let words = ["busy", "nothing was imported"];
    refused(answer, Code::Unavailable, "BUSY", &words);
    assert!(stalled.try_join_next().is_none());

    // Whoever gives up leaves the turn to the next.
    stalled.shutdown().await;
    import(client, chunks(file, "skip")).await.unwrap();
    assert_eq!(listed(client).await.len(), 1);
    cluster.end().await;
}

#[test]
fn an_import_whose_client_is_gone_has_its_turn_until_its_file_is_read() {
    crowded().block_on(async {
        let cluster = Cluster::of(1).await;
        let release = crowd().await;
        let gone = (0..limits::IMPORTS_AT_ONCE).map(async |n| {
            let file = format!("10.0.0.{n} h{n}.lan\n");
            let mut request = Request::new(futures::stream::iter(chunks(file.as_bytes(), "skip")));
            request.set_timeout(Duration::from_secs(4));
            cluster.editor(1).import_hosts(request).await.unwrap_err()
        });
        futures::future::join_all(gone).await;

        // Whoever has a turn is told how much is too much.
        let chunk = v1::ImportHostsRequest {
            chunk: vec![b'#'; 512 * 1024].into(),
            ..Default::default()
        };
        let endless = || Request::new(futures::stream::repeat(chunk.clone()));
        let mut waits = endless();
        waits.set_timeout(Duration::from_secs(4));
        let client = &mut cluster.editor(1);
        let status = client.import_hosts(waits).await.unwrap_err();
        assert_ne!(reason(&status), "TOO_LARGE", "{status:?}");

        drop(release);
        let answer = client.import_hosts(endless()).await;
        refused(
            answer.map(drop),
            Code::ResourceExhausted,
            "TOO_LARGE",
            &["nothing was imported"],
        );
        cluster.end().await;
    });
}

/// The messages of an import in another format than a hosts file.
fn chunks_of(format: &str, file: &[u8], mode: &str) -> Vec<v1::ImportHostsRequest> {
    let mut chunks = chunks(file, mode);
    chunks[0].format = Some(format.into());
    chunks
}

fn facts(host: v1::HostEntry) -> v1::HostEntry {
    v1::HostEntry {
        id: String::new(),
        version: String::new(),
        created_at: None,
        updated_at: None,
        ..host
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_and_csv_go_out_and_come_in_without_loss() {
    let (from, to) = (Cluster::of(1).await, Cluster::of(1).await);
    let client = &mut from.editor(1);
    let json = r#"[{"ip_address": "10.0.0.7", "hostname": "nas.lan", "aliases": ["b.lan", "a.lan"],
        "tags": ["-x", "home"], "comment": "=1, \"two\"", "disabled": true},
        {"ip_address": "fd00::7", "hostname": "nas.lan"}]"#;
    let answer = import(client, chunks_of("json", json.as_bytes(), "strict"))
        .await
        .unwrap();
    assert_eq!(answer.get_ref().created, 2);
    let hosts: Vec<_> = listed(client).await.into_iter().map(facts).collect();
    assert!(hosts[0].disabled && hosts[0].tags.len() == 2 && hosts[0].aliases.len() == 2);

    let other = &mut to.editor(1);
    for format in ["json", "csv"] {
        let file = export_as(client, format).await;
        let answer = import(other, chunks_of(format, &file, "replace"))
            .await
            .unwrap();
        let again: Vec<_> = listed(other).await.into_iter().map(facts).collect();
        assert_eq!(again, hosts, "{format}");
        let skipped = if format == "json" { 0 } else { 2 };
        assert_eq!(answer.get_ref().skipped, skipped, "{format}");
    }
    // A hosts file has what is enabled.
    let file = String::from_utf8(export_as(client, "hosts").await).unwrap();
    assert_eq!(
        file.lines().skip(1).collect::<Vec<_>>(),
        ["fd00::7 nas.lan"]
    );
    from.end().await;
    to.end().await;
}

/// Lesson of the earlier server: json and csv were refused or ignored, and an
/// export was built whole in memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_export_comes_in_chunks_of_64_kib_from_one_view() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    for format in ["json", "csv"] {
        let chunks = export_as(client, format).await;
        let nothing = if format == "json" {
            "[]\n"
        } else {
            "id,ip_address,"
        };
        assert!(chunks.starts_with(nothing.as_bytes()), "{format}");
    }
    let rows: String = (0..3000)
        .map(|n| format!("10.0.{}.{} host-{n}.lan\n", n >> 8, n & 255))
        .collect();
    import(client, chunks(rows.as_bytes(), "skip"))
        .await
        .unwrap();
    let request = v1::ExportHostsRequest {
        format: "json".into(),
        ..Default::default()
    };
    let answer = client.export_hosts(request).await.unwrap();
    let at = revision(answer.metadata());
    let (metadata, mut stream, extensions) = answer.into_parts();
    let mut pieces = vec![stream.message().await.unwrap().unwrap()];
    // It has begun: what comes now is not in it.
    let later = added(client, "10.0.99.1", "later.lan").await;
    assert!(later.version.parse::<u64>().unwrap() > at);
    let rest = all(tonic::Response::from_parts(metadata, stream, extensions)).await;
    pieces.extend(rest);
    let (last, others) = pieces.split_last().unwrap();
    assert!(others.len() > 5 && others.iter().all(|one| one.chunk.len() == 64 * 1024));
    assert!(!last.chunk.is_empty());
    let file: Vec<u8> = pieces.iter().flat_map(|one| one.chunk.to_vec()).collect();
    let text = String::from_utf8(file).unwrap();
    assert_eq!(text.lines().count(), 3002);
    assert!(!text.contains("later.lan"));
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_that_are_open_hold_up_no_other_call() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    let rows: String = (0..5000)
        .map(|n| {
            format!(
                "10.0.{}.{} host-{n}.lan # {}\n",
                n >> 8,
                n & 255,
                "x".repeat(100)
            )
        })
        .collect();
    import(client, chunks(rows.as_bytes(), "skip"))
        .await
        .unwrap();
    // More than are worked on at once, none of which is read, each on a
    // connection of its own: an unread answer holds up its connection.
    let mut open = Vec::new();
    for _ in 0..5 {
        let client = &mut cluster.editor(1);
        let request = v1::ExportHostsRequest::default();
        open.push(client.export_hosts(request).await.unwrap());
    }
    assert_eq!(listed(client).await.len(), 5000);
    for stream in open {
        let pieces = all(stream).await;
        let bytes: usize = pieces.iter().map(|one| one.chunk.len()).sum();
        assert!(bytes > 500_000, "{bytes}");
    }
    cluster.end().await;
}

/// Lesson of the earlier server: a strict import left its earlier rows, and
/// what was wrong had no line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_import_says_which_lines_and_leaves_nothing() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    let nas = added(client, "10.0.0.7", "nas.lan").await;
    let before = cluster.node(1).await;

    let refusal = async |client: &mut crate::support::Hosts, chunks| {
        let answer = client
            .import_hosts(futures::stream::iter::<Vec<_>>(chunks))
            .await;
        let mut answers = answer.unwrap().into_inner();
        let told = answers.message().await.unwrap().unwrap();
        (told, answers.message().await.unwrap_err())
    };
    let file = b"ip_address,hostname\n10.0.0.1,a.lan\n10.0.0.7,nas.lan\n10.0.0.1,a.lan\n10.0.0.1,\"b.lan\"\n10.0.0.1,b.lan\n";
    let (told, status) = refusal(client, chunks_of("csv", file, "strict")).await;
    assert_eq!(
        (status.code(), &*reason(&status)),
        (Code::AlreadyExists, "IMPORT_CONFLICTS")
    );
    assert_eq!((told.processed, told.failed, told.lines_total), (5, 1, 1));
    let line = &told.lines[0];
    assert_eq!(
        (line.line, line.record, &*line.reason),
        (3, Some(3), "TAKEN")
    );
    assert_eq!(
        line.message,
        format!("10.0.0.7 nas.lan belongs to host {}", nas.id)
    );
    assert_eq!(
        told.validation_errors,
        [format!("line 3 (record 3): {}", line.message)]
    );

    let many = "10.0.0.300 a.lan\n".repeat(250);
    let (told, status) = refusal(client, chunks(many.as_bytes(), "skip")).await;
    assert_eq!(
        (status.code(), &*reason(&status)),
        (Code::InvalidArgument, "INVALID_FILE")
    );
    assert_eq!(
        (told.lines.len(), told.lines_total, told.failed),
        (100, 250, 250)
    );
    assert_eq!(
        (told.lines[99].line, &*told.lines[99].reason),
        (100, "INVALID_ADDRESS")
    );

    let after = cluster.node(1).await;
    assert_eq!(
        (after.revision, after.last_log_index),
        (before.revision, before.last_log_index)
    );
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_out_is_named_and_a_retry_through_any_node_is_told_the_same() {
    let cluster = Cluster::of(3).await;
    let (leader, follower) = (cluster.leader().await, cluster.followers().await[0]);
    let file = b"# ours\n10.0.0.7 nas.lan\n10.0.0.7 nas.lan files.lan # x\n10.0.0.8 tv.lan\n";
    let mut told = Vec::new();
    for node in [follower, leader, follower] {
        let mut request = Request::new(futures::stream::iter(chunks(file, "skip")));
        let id = "r-left-out".parse().unwrap();
        request
            .metadata_mut()
            .insert(proto::metadata::REQUEST_ID, id);
        let answer = cluster.editor(node).import_hosts(request).await.unwrap();
        told.extend(all(answer).await);
    }
    assert_eq!(
        (told[0].created, told[0].skipped, told[0].lines_total),
        (2, 1, 1)
    );
    let line = &told[0].lines[0];
    assert_eq!(
        (line.line, line.record, &*line.reason),
        (3, None, "LEFT_OUT")
    );
    assert!(
        line.message.starts_with("10.0.0.7 nas.lan with 1 alias "),
        "{line:?}"
    );
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_says_what_an_import_would_and_appends_nothing() {
    let cluster = Cluster::of(3).await;
    let (leader, follower) = (cluster.leader().await, cluster.followers().await[0]);
    let client = &mut cluster.editor(follower);
    added(client, "10.0.0.7", "nas.lan").await;
    let mut last = None;
    for (mode, file) in [
        ("skip", "10.0.0.7 nas.lan # x\n10.0.0.8 tv.lan\n"),
        (
            "replace",
            "10.0.0.7 nas.lan # x\n10.0.0.8 tv.lan\n10.0.0.9 b.lan\n",
        ),
        ("skip", "10.0.0.7 nas.lan\n"),
        ("strict", "10.0.0.7 nas.lan\n"),
    ] {
        let before = cluster.node(leader).await;
        let mut tried = chunks(file.as_bytes(), mode);
        tried[0].dry_run = Some(true);
        // Whatever was acknowledged anywhere is seen by it.
        let dry = import(client, tried).await;
        let after = cluster.node(leader).await;
        assert_eq!(
            (after.revision, after.last_log_index),
            (before.revision, before.last_log_index),
            "{mode}"
        );
        let real = import(client, chunks(file.as_bytes(), mode)).await;
        match (dry, real) {
            (Ok(dry), Ok(real)) => {
                assert_eq!(revision(dry.metadata()), before.revision);
                let (dry, real) = (dry.into_inner(), real.into_inner());
                assert!(dry.dry_run && !real.dry_run);
                assert_eq!(
                    v1::ImportHostsResponse {
                        dry_run: false,
                        ..dry
                    },
                    real
                );
            }
            (Err(dry), Err(real)) => {
                assert_eq!((dry.code(), dry.message()), (real.code(), real.message()));
                last = Some(reason(&dry));
            }
            other => panic!("{mode}: {other:?}"),
        }
    }
    assert_eq!(last.as_deref(), Some("IMPORT_CONFLICTS"));
    cluster.end().await;
}
