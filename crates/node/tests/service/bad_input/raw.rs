//! Bytes where messages should be: what the codec and the transport refuse, and what they have to let pass.

use super::{Bench, Refusal, differs};
use crate::support::{Bytes, EDITOR};
use tonic::{Code, Request, Status};

async fn send(bench: &Bench, method: &str, message: Vec<u8>) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(bench.cluster.channel(1, EDITOR));
    client.ready().await.unwrap();
    let path = method.parse().unwrap();
    client
        .unary(Request::new(message), path, Bytes)
        .await
        .map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_message_are_refused() {
    let mut bench = Bench::new().await;
    let add = "/router_hosts.v1.HostsService/AddHost";
    // The words of the codec, which are not ours: no reason of this service comes with them.
    let broken: Refusal = (Code::Internal, "", "");
    // A group in a group in a group, of a field that nobody knows.
    let nested = vec![0x7b; 10_000];
    let rows: Vec<(&str, Vec<u8>, Refusal)> = vec![
        ("a tag without a value", vec![0x0a], broken),
        ("a length beyond the end", vec![0x0a, 0x7f, b'1'], broken),
        (
            "a length of 2^63",
            [&[0x0a][..], &[0xff; 9], &[0x01]].concat(),
            broken,
        ),
        (
            "a number without an end",
            [&[0x08][..], &[0xff; 11]].concat(),
            broken,
        ),
        ("text that is not UTF-8", vec![0x0a, 2, 0xff, 0xfe], broken),
        ("a number where text should be", vec![0x08, 7], broken),
        (
            "text where a list of texts should be, of the wrong type",
            vec![0x21, 0, 0, 0, 0, 0, 0, 0, 0],
            broken,
        ),
        ("field 0", vec![0x02, 0], broken),
        ("a wire type that there is not", vec![0x0e, 0], broken),
        ("an end of a group that did not begin", vec![0x0c], broken),
        ("groups without an end", nested, broken),
        ("noise", (0..=255).collect(), broken),
    ];
    let mut wrong = Vec::new();
    for (row, message, expected) in rows {
        let answer = send(&bench, add, message).await;
        wrong.extend(differs(row, answer, expected));
    }
    // Beyond the bound of a message, known from its length alone.
    let large = (Code::ResourceExhausted, "TOO_LARGE", "");
    let long = [&[0x0a, 0x80, 0x80, 0x80, 0x01][..], &vec![b'1'; 2 << 20]].concat();
    wrong.extend(differs("2 MiB", send(&bench, add, long).await, large));
    bench.wrong = wrong;
    bench.end().await;
}

/// A newer client may send more than this node knows: what it knows counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_that_nobody_knows_are_passed_over() {
    let bench = Bench::new().await;
    let list = "/router_hosts.v1.HostsService/Liveness";
    for message in [
        vec![],
        vec![0xb8, 0x3e, 7],
        [&[0xba, 0x3e, 0x80, 0x08][..], &[7; 1024]].concat(),
        [0x7b, 0x7c].repeat(3),
    ] {
        let answer = send(&bench, list, message.clone()).await;
        assert!(answer.is_ok(), "{message:?}: {answer:?}");
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn methods_and_services_that_there_are_not_are_unimplemented() {
    let mut bench = Bench::new().await;
    let none = (Code::Unimplemented, "", "");
    let mut wrong = Vec::new();
    for path in [
        "/",
        "/router_hosts.v1.HostsService",
        "/router_hosts.v1.HostsService/",
        "/router_hosts.v1.HostsService/addhost",
        "/router_hosts.v1.HostsService/AddHost/",
        "/router_hosts.v1.HostsService/StartEdit",
        "/router_hosts.v1.HostsService/FinishEdit",
        "/router_hosts.v1.HostsService/CancelEdit",
        "/router_hosts.v2.HostsService/AddHost",
        "/router_hosts.cluster.v1.ClusterService/Remove",
        "/router_hosts.peer.v1.PeerService/Elect",
        "/../etc/hosts",
        "/%2e%2e/%2e%2e",
    ] {
        let answer = send(&bench, path, Vec::new()).await;
        wrong.extend(differs(path, answer, none));
    }
    bench.wrong = wrong;
    bench.end().await;
}
