//! Reads that ask for what there is not.

use super::{Bench, Refusal, calls::Call, invalid};
use proto::v1;
use tonic::Code;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_cannot_be_understood_is_refused() {
    let mut bench = Bench::new().await;
    let nas = bench.host(0).id.clone();
    let mut rows: Vec<(Call, Refusal)> = Vec::new();
    // A weaker read than the caller wanted would be worse than none.
    for consistency in [-1, 3, 100, i32::MAX, i32::MIN] {
        let none = invalid("consistency is none of linearizable, local");
        let query = "nas".to_owned();
        let format = String::new();
        rows.extend([
            (
                Call::Get(v1::GetHostRequest {
                    id: nas.clone(),
                    consistency,
                }),
                none,
            ),
            (
                Call::List(v1::ListHostsRequest {
                    consistency,
                    ..Default::default()
                }),
                none,
            ),
            (
                Call::Search(v1::SearchHostsRequest { query, consistency }),
                none,
            ),
            (
                Call::Export(v1::ExportHostsRequest {
                    format,
                    consistency,
                }),
                none,
            ),
        ]);
    }
    for id in [
        "",
        "x",
        "nas.lan",
        "01JD8Q",
        "01JD8Q0000000000000000000U",
        "\u{1b}[2J",
    ] {
        let request = v1::GetHostRequest {
            id: id.into(),
            consistency: 0,
        };
        rows.push((Call::Get(request), invalid("id")));
    }
    let nobody = "01JD8Q0000000000000000000A";
    let absent = v1::GetHostRequest {
        id: nobody.into(),
        consistency: 2,
    };
    rows.push((Call::Get(absent), (Code::NotFound, "NOT_FOUND", nobody)));
    let (long, many) = ("x".repeat(1025), "x ".repeat(17));
    for (query, words) in [
        ("tag:", "tag:"),
        ("tag:a=b", "a tag"),
        ("colour:red", "colour:red"),
        ("ip:nas", "ip:nas"),
        ("ip:10.0.0.0/33", "10.0.0.0/33"),
        ("10.0.0.0/33", "10.0.0.0/33"),
        ("10.0.0.0/-1", "10.0.0.0/-1"),
        ("fd00::/129", "fd00::/129"),
        ("10.0.0/8", "10.0.0/8"),
        ("is:asleep", "is:asleep"),
        ("is:", "is:"),
        ("name:", "name:"),
        ("comment:", "comment:"),
        ("ip:", "ip:"),
        (":x", ":x"),
        ("\u{1b}[2J:x", "\\u{1b}"),
        (long.as_str(), "1025 bytes"),
        (many.as_str(), "17 terms"),
    ] {
        let request = v1::SearchHostsRequest {
            query: query.into(),
            consistency: 0,
        };
        rows.push((Call::Search(request), invalid("query")));
        let request = v1::ListHostsRequest {
            filter: Some(query.into()),
            ..Default::default()
        };
        rows.push((Call::List(request), invalid(words)));
    }
    for number in [-1, i32::MIN] {
        let limit = v1::ListHostsRequest {
            limit: Some(number),
            ..Default::default()
        };
        let offset = v1::ListHostsRequest {
            offset: Some(number),
            ..Default::default()
        };
        rows.push((Call::List(limit), invalid("limit is -")));
        rows.push((Call::List(offset), invalid("offset is -")));
    }
    for format in [
        "yaml",
        "HOSTS",
        " json",
        "hosts,csv",
        "\0",
        &"x".repeat(10_000),
    ] {
        let request = v1::ExportHostsRequest {
            format: format.into(),
            consistency: 0,
        };
        rows.push((
            Call::Export(request),
            invalid("format is none of hosts, json, csv"),
        ));
    }
    bench.check(rows).await;
    bench.end().await;
}

/// What is large and allowed is no fault: the end of the list is where it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_beyond_the_end_is_empty() {
    let bench = Bench::new().await;
    let client = &mut bench.cluster.editor(1);
    for (limit, offset, expected) in [
        (Some(i32::MAX), None, 3),
        (None, Some(i32::MAX), 0),
        (Some(i32::MAX), Some(2), 1),
        (Some(1), Some(3), 0),
    ] {
        let request = v1::ListHostsRequest {
            limit,
            offset,
            ..Default::default()
        };
        assert_eq!(crate::support::list(client, request).await.len(), expected);
    }
    bench.end().await;
}
