//! What travels beside a message and cannot be right: request ids, since when, how long.

use super::{Bench, differs, invalid};
use crate::support::{add, repeated, with_id};
use proto::metadata::{REQUEST_ID, REQUEST_SINCE};
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_ids_that_are_none_are_refused() {
    let mut bench = Bench::new().await;
    let client = &mut bench.cluster.editor(1);
    let long = "x".repeat(129);
    let ids: [&[u8]; 8] = [
        b"",
        b" ",
        b"two words",
        b"tab\there",
        b"\xc3\xbc",
        b"\xff\xfe",
        b"a ",
        long.as_bytes(),
    ];
    let mut wrong = Vec::new();
    for id in ids {
        let mut request = Request::new(add("10.0.0.20", "new.lan"));
        let value = MetadataValue::try_from(id).unwrap();
        request.metadata_mut().insert(REQUEST_ID, value);
        let answer = client.add_host(request).await.map(drop);
        wrong.extend(differs(&format!("{id:?}"), answer, invalid("request id")));
    }
    for since in [
        "",
        "-1",
        "+1",
        "1.5",
        "0x1",
        "18446744073709551616",
        "soon",
        " 1",
    ] {
        let mut request = with_id(add("10.0.0.20", "new.lan"), "r1");
        let value = since.parse().unwrap();
        request.metadata_mut().insert(REQUEST_SINCE, value);
        let answer = client.add_host(request).await.map(drop);
        wrong.extend(differs(since, answer, invalid("revision")));
    }
    bench.wrong = wrong;
    bench.end().await;
}

/// The same id for something else, from the same caller: it is not what was done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_is_for_one_request() {
    let mut bench = Bench::new().await;
    let client = &mut bench.cluster.editor(1);
    let first = with_id(add("10.0.0.20", "one.lan"), "r1");
    let added = client.add_host(first).await.unwrap().into_inner();
    bench.before = crate::support::listed(client).await;
    let mut wrong = Vec::new();
    for other in [
        add("10.0.0.20", "two.lan"),
        add("10.0.0.21", "one.lan"),
        add("10.0.0.7", "nas.lan"),
    ] {
        let answer = client.add_host(with_id(other, "r1")).await.map(drop);
        let reused = (Code::InvalidArgument, "REQUEST_REUSED", "r1");
        wrong.extend(differs("another request", answer, reused));
    }
    let again = repeated(add("10.0.0.20", "one.lan"), "r1", 0);
    let again = client.add_host(again).await.unwrap().into_inner();
    assert_eq!(again, added, "a repeat is told what was done");
    bench.wrong = wrong;
    bench.end().await;
}

/// A deadline that cannot be read is none; one that is over changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_that_cannot_be_read_is_none() {
    let bench = Bench::new().await;
    let client = &mut bench.cluster.editor(1);
    for timeout in ["soon", "5", "-1S", "999999999S", "S", "1.5S"] {
        let mut request = Request::new(proto::v1::ListHostsRequest::default());
        request
            .metadata_mut()
            .insert("grpc-timeout", timeout.parse().unwrap());
        let answer = client.list_hosts(request).await;
        assert!(answer.is_ok(), "{timeout}: {answer:?}");
    }
    bench.end().await;
}
