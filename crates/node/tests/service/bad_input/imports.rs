//! Files that cannot be imported: not one host of them comes in.

use super::{Bench, Refusal, calls::Call, invalid};
use crate::support::chunks;
use proto::v1;
use tonic::Code;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_read_is_refused_whole() {
    let mut bench = Bench::new().await;
    let file = |format: &str, text: &[u8]| {
        let mut chunks = chunks(text, "skip");
        chunks[0].format = Some(format.into());
        Call::Import(chunks)
    };
    let wrong = |words| (Code::InvalidArgument, "INVALID_FILE", words);
    let long_line = [b"10.0.0.20 ", "a".repeat(64 * 1024).as_bytes()].concat();
    let long_record = format!("[{{\"hostname\":\"{}\"}}]", "a".repeat(128 * 1024));
    let deep = "[".repeat(100_000);
    let many_columns = vec!["x"; 33].join(",");
    let mut rows: Vec<(Call, Refusal)> = Vec::new();
    for (text, words) in [
        (&b"10.0.0.20"[..], "line 1"),
        (b"nas.lan 10.0.0.20", "line 1"),
        (b"10.0.0.20 a.lan\n10.0.0.300 b.lan\n", "line 2"),
        (b"10.0.0.20 a..lan\n", "line 1"),
        (b"fe80::1%eth0 a.lan\n", "line 1"),
        (b"10.0.0.20 a.lan\0\n", "line 1"),
        (b"\xff\xfe1\x000\0.\0", "line 1"),
        (b"10.0.0.20 \xff.lan\n", "line 1"),
        (b"10.0.0.20 *.lan\n", "line 1"),
        (b"10.0.0.20 a.lan 10.0.0.21\n", "line 1"),
        (&long_line, "line 1"),
    ] {
        rows.push((file("hosts", text), wrong(words)));
    }
    for (text, words) in [
        (&b"{"[..], "line 1"),
        (b"[", "line 1"),
        (b"[{}]", "line 1"),
        (b"[1]", "line 1"),
        (b"null", "line 1"),
        (b"[{\"hostname\":\"a.lan\"}]", "ip_address"),
        (b"[{\"ip_address\":\"10.0.0.20\"}]", "hostname"),
        (b"[{\"ip_address\":1,\"hostname\":\"a.lan\"}]", "line 1"),
        (
            b"[{\"ip_address\":\"10.0.0.20\",\"hostname\":\"a.lan\",\"colour\":1}]",
            "colour",
        ),
        (
            b"[{\"ip_address\":\"10.0.0.20\",\"hostname\":\"a.lan\",\"aliases\":\"b\"}]",
            "line 1",
        ),
        (
            b"[{\"ip_address\":\"10.0.0.20\",\"hostname\":\"a.lan\",\"disabled\":\"yes\"}]",
            "line 1",
        ),
        (
            b"[{\"ip_address\":\"10.0.0.20\",\"hostname\":\"a.lan\",\"hostname\":\"b.lan\"}]",
            "line 1",
        ),
        (
            b"[{\"ip_address\":\"10.0.0.20\",\"hostname\":\"a.lan\"}",
            "line 1",
        ),
        (b"\xff", "line 1"),
        (deep.as_bytes(), "line 1"),
        (long_record.as_bytes(), "line 1"),
    ] {
        rows.push((file("json", text), wrong(words)));
    }
    for (text, words) in [
        (&b"ip_address\n10.0.0.20\n"[..], "hostname"),
        (b"hostname\na.lan\n", "ip_address"),
        (b"ip_address,hostname,colour\n", "colour"),
        (b"ip_address,hostname,hostname\n", "hostname"),
        (b"ip_address,hostname\n10.0.0.20\n", "line 2"),
        (b"ip_address,hostname\n10.0.0.20,a.lan,more\n", "line 2"),
        (b"ip_address,hostname\n10.0.0.300,a.lan\n", "line 2"),
        (
            b"ip_address,hostname,disabled\n10.0.0.20,a.lan,maybe\n",
            "line 2",
        ),
        (b"ip_address,hostname\n\"10.0.0.20,a.lan\n", "line 2"),
        (many_columns.as_bytes(), "line 1"),
        (b"\xff\xfe", "line 1"),
    ] {
        rows.push((file("csv", text), wrong(words)));
    }
    bench.check(rows).await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_not_asked_for_rightly_is_refused() {
    let mut bench = Bench::new().await;
    let good = b"10.0.0.20 new.lan\n";
    let with = |change: &dyn Fn(&mut v1::ImportHostsRequest)| {
        let mut chunks = chunks(good, "skip");
        change(&mut chunks[0]);
        Call::Import(chunks)
    };
    let mut rows: Vec<(Call, Refusal)> = Vec::new();
    for mode in ["merge", "SKIP", " skip", "skip,replace", "\0"] {
        let call = with(&|chunk| chunk.conflict_mode = Some(mode.into()));
        rows.push((
            call,
            invalid("conflict_mode is none of skip, replace, strict"),
        ));
    }
    for format in ["yaml", "Hosts", "json ", "text/csv"] {
        let call = with(&|chunk| chunk.format = Some(format.into()));
        rows.push((call, invalid("format is none of hosts, json, csv")));
    }
    let truncated = (Code::InvalidArgument, "TRUNCATED", "nothing was imported");
    rows.extend([
        (with(&|chunk| chunk.last_chunk = false), truncated),
        (Call::Import(Vec::new()), truncated),
        (
            Call::Import(vec![v1::ImportHostsRequest::default(); 1000]),
            truncated,
        ),
        (
            Call::Import(chunks(b"10.0.0.7 nas.lan\n10.0.0.20 new.lan\n", "strict")),
            (Code::AlreadyExists, "IMPORT_CONFLICTS", "line 1"),
        ),
        (
            // One line means two hosts that are there.
            Call::Import(chunks(
                b"10.0.0.8 tv.lan\n10.0.0.8 tv.lan nas.lan\n",
                "strict",
            )),
            (Code::AlreadyExists, "IMPORT_CONFLICTS", "line"),
        ),
        (
            with(&|chunk| chunk.chunk = vec![b'#'; 2 << 20].into()),
            (Code::ResourceExhausted, "TOO_LARGE", ""),
        ),
    ]);
    bench.check(rows).await;
    bench.end().await;
}
