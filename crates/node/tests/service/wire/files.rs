//! Files in and out: chunks, formats and conflict modes.

use super::{Earlier, Fields, Message, code, host};
use crate::support::Cluster;
use tonic::{Code, Status};

const CHUNK: usize = 64 * 1024;

/// The messages of a file in chunks; `first` has the options.
fn chunks(first: Message, file: &[u8]) -> Vec<Message> {
    let mut messages: Vec<_> = file
        .chunks(CHUNK)
        .map(|chunk| Message::new().bytes(1, chunk))
        .collect();
    messages[0] = first.bytes(1, &file[..file.len().min(CHUNK)]);
    let last = messages.pop().unwrap().flag(2, true);
    messages.push(last);
    messages
}

fn options(format: &str, mode: &str) -> Message {
    Message::new().text(3, format).text(4, mode)
}

/// Counts of an import: processed, created, updated, skipped, failed.
fn counts(answer: &Fields) -> [i64; 5] {
    [1, 2, 3, 4, 5].map(|field| answer.number(field))
}

async fn import(client: &Earlier, first: Message, file: &str) -> Result<[i64; 5], Status> {
    let messages = chunks(first, file.as_bytes());
    let (came, ended) = client.stream("ImportHosts", messages).await;
    ended?;
    assert_eq!(came.len(), 1, "an import has one answer");
    Ok(counts(&came[0]))
}

/// The chunks of an export, each of which is a message with at most its chunk.
async fn export(client: &Earlier, request: Message) -> Vec<Vec<u8>> {
    let answers = client.all("ExportHosts", vec![request]).await;
    for answer in &answers {
        assert!(matches!(answer.known()[..], [] | [1]), "{answer:?}");
    }
    answers.iter().map(|answer| answer.bytes(1)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_is_taken_by_its_format_and_its_conflict_mode() {
    let cluster = Cluster::of(1).await;
    let client = Earlier::of(&cluster);
    let nothing = Message::new;
    let two = "10.0.0.1 a.lan\n10.0.0.2 b.lan # bee\n";
    // What is not said: a hosts file, and what is there is skipped.
    let answer = import(&client, nothing(), two).await;
    assert_eq!(answer.unwrap(), [2, 2, 0, 0, 0]);
    let more = "10.0.0.1 a.lan # ay\n10.0.0.3 c.lan\n";
    for first in [
        options("hosts", "skip"),
        options("", ""),
        nothing().flag(5, false),
    ] {
        let answer = import(&client, first, more).await.unwrap();
        assert_eq!([answer[0], answer[2], answer[4]], [2, 0, 0], "{answer:?}");
    }
    let answer = import(&client, options("hosts", "replace"), more).await;
    assert_eq!(answer.unwrap(), [2, 0, 1, 1, 0]);
    // `force` replaces where no mode is named, and says nothing where one is.
    let other = "10.0.0.1 a.lan # ei\n";
    let answer = import(&client, options("hosts", "skip").flag(5, true), other).await;
    assert_eq!(answer.unwrap(), [1, 0, 0, 1, 0]);
    let answer = import(&client, nothing().flag(5, true), other).await;
    assert_eq!(answer.unwrap(), [1, 0, 1, 0, 0]);

    let json = r#"[{"ip_address":"10.0.0.4","hostname":"d.lan","tags":["x"]}]"#;
    let answer = import(&client, options("json", "strict"), json).await;
    assert_eq!(answer.unwrap(), [1, 1, 0, 0, 0]);
    let csv = "ip_address,hostname\n10.0.0.5,e.lan\n";
    let answer = import(&client, options("csv", "strict"), csv).await;
    assert_eq!(answer.unwrap(), [1, 1, 0, 0, 0]);
    let before = client.hosts().await;
    assert_eq!(before.len(), 5);

    let strict = "10.0.0.9 new.lan\n10.0.0.1 a.lan\n";
    let answer = import(&client, options("hosts", "strict"), strict).await;
    code("strict", answer, Code::AlreadyExists);
    for (row, first) in [
        ("an unknown format", options("yaml", "skip")),
        ("an unknown mode", options("hosts", "merge")),
    ] {
        code(
            row,
            import(&client, first, two).await,
            Code::InvalidArgument,
        );
    }
    // What is wrong with its lines comes as text before the end.
    let wrong = b"10.0.0.9 new.lan\n10.0.0.300 b.lan\n10.0.0.7\n";
    let (came, ended) = client.stream("ImportHosts", chunks(nothing(), wrong)).await;
    code("bad lines", ended, Code::InvalidArgument);
    assert_eq!(came[0].number(5), 2, "failed");
    assert!(came[0].text(6).is_some(), "an error");
    let lines = came[0].texts(7);
    assert!(
        lines[0].contains("line 2") && lines[1].contains("line 3"),
        "{lines:?}"
    );
    // Without a last chunk it is no file.
    let (_, ended) = client
        .stream("ImportHosts", vec![nothing().text(1, two)])
        .await;
    code("broken off", ended, Code::InvalidArgument);
    assert_eq!(client.hosts().await, before, "whole or not at all");
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_of_nothing_is_one_empty_chunk() {
    let cluster = Cluster::of(1).await;
    let client = Earlier::of(&cluster);
    for request in [Message::new(), Message::new().text(1, "hosts")] {
        assert_eq!(export(&client, request).await, [b""; 1]);
    }
    // An array without elements, and a table without rows.
    for (format, expected) in [("json", "[]"), ("csv", "ip_address")] {
        let chunks = export(&client, Message::new().text(1, format)).await;
        assert_eq!(chunks.len(), 1, "{format}");
        let text = String::from_utf8(chunks[0].clone()).unwrap();
        assert!(text.contains(expected), "{format}: {text}");
    }
    let (_, ended) = client
        .stream("ExportHosts", vec![Message::new().text(1, "yaml")])
        .await;
    code("an unknown format", ended, Code::InvalidArgument);

    client.added(host("10.0.0.7", "nas.lan")).await;
    let chunks = export(&client, Message::new()).await;
    assert_eq!(chunks.len(), 1);
    let text = String::from_utf8(chunks[0].clone()).unwrap();
    assert!(text.ends_with("\n10.0.0.7 nas.lan\n"), "{text}");
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_file_goes_in_and_comes_out_in_chunks_of_64_kib() {
    let cluster = Cluster::of(1).await;
    let client = Earlier::of(&cluster);
    let rows: String = (0..4000)
        .map(|n| format!("10.0.{}.{} h{n}.lan # {:0>30}\n", n >> 8, n & 255, n))
        .collect();
    let answer = import(&client, options("hosts", "strict"), &rows).await;
    assert_eq!(answer.unwrap(), [4000, 4000, 0, 0, 0]);
    for format in ["hosts", "json", "csv"] {
        let chunks = export(&client, Message::new().text(1, format)).await;
        let (last, full) = chunks.split_last().unwrap();
        assert!(full.len() > 1, "{format}");
        assert!(full.iter().all(|chunk| chunk.len() == CHUNK), "{format}");
        assert!((1..=CHUNK).contains(&last.len()), "{format}");
        let file = String::from_utf8(chunks.concat()).unwrap();
        let again = import(&client, options(format, "replace"), &file).await;
        assert_eq!(again.unwrap(), [4000, 0, 0, 4000, 0], "{format}");
    }
    cluster.end().await;
}
