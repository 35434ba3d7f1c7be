//! Lists and searches: `filter`, `limit` and `offset`, which the earlier server took and ignored, and one order.

use super::{Earlier, Message, code, host, line};
use crate::support::Cluster;
use tonic::Code;

const ALL: [&str; 6] = [
    "10.0.0.2 a.lan",
    "10.0.0.2 c.lan",
    "10.0.0.10 b.lan",
    "192.168.0.1 gate.lan",
    "fd00::2 a.lan",
    "fd00::10 nas.lan",
];

async fn six() -> (Cluster, Earlier) {
    let cluster = Cluster::of(1).await;
    let client = Earlier::of(&cluster);
    for (address, name) in [
        ("fd00::10", "nas.lan"),
        ("10.0.0.10", "b.lan"),
        ("10.0.0.2", "c.lan"),
        ("192.168.0.1", "gate.lan"),
        ("fd00::2", "a.lan"),
    ] {
        client.added(host(address, name)).await;
    }
    let told = host("10.0.0.2", "a.lan")
        .text(3, "Under the Stairs")
        .text(4, "lab")
        .text(5, "files.lan");
    client.added(told).await;
    (cluster, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_filtered_and_cut_in_one_order() {
    let (cluster, client) = six().await;
    let filter = |text: &str| Message::new().text(1, text);
    let cut = |limit, offset| Message::new().number(2, limit).number(3, offset);
    for (request, expected) in [
        (Message::new(), &ALL[..]),
        (filter(""), &ALL),
        (cut(0, 0), &ALL),
        (cut(2, 0), &ALL[..2]),
        (cut(2, 1), &ALL[1..3]),
        (cut(i64::from(i32::MAX), 4), &ALL[4..]),
        (cut(1, 6), &[]),
        (Message::new().number(2, 5), &ALL[..5]),
        (Message::new().number(3, 5), &ALL[5..]),
        (filter("10.0.0.0/24"), &ALL[..3]),
        (filter("10.0.0.0/24").number(2, 1).number(3, 2), &ALL[2..3]),
        (filter("nothing.like.it"), &[]),
    ] {
        // The same again and again, as long as nothing changes.
        for _ in 0..2 {
            let answers = client.all("ListHosts", vec![request.clone()]).await;
            let lines: Vec<_> = answers.iter().map(line).collect();
            assert_eq!(lines, expected, "{request:?}");
        }
    }
    for below_zero in [-1, i64::from(i32::MIN)] {
        for field in [2, 3] {
            let request = Message::new().number(field, below_zero);
            let (came, ended) = client.stream("ListHosts", vec![request]).await;
            assert_eq!(came, []);
            code("a number below zero", ended, Code::InvalidArgument);
        }
    }
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_and_a_filter_find_by_every_part_of_a_host() {
    let (cluster, client) = six().await;
    for (query, expected) in [
        ("", &ALL[..]),
        ("10.0.0.2", &ALL[..2]),
        ("10.0.0.0/8", &ALL[..3]),
        ("fd00::/64", &ALL[4..]),
        ("a.lan", &[ALL[0], ALL[4]]),
        ("LAN", &ALL),
        ("name:gate", &ALL[3..4]),
        ("files", &ALL[..1]),
        ("tag:lab", &ALL[..1]),
        ("tag:la", &[]),
        ("comment:stairs", &ALL[..1]),
        ("stairs", &ALL[..1]),
        ("a.lan 10.0.0.0/8", &ALL[..1]),
    ] {
        for method in ["SearchHosts", "ListHosts"] {
            let request = Message::new().text(1, query);
            let answers = client.all(method, vec![request]).await;
            let lines: Vec<_> = answers.iter().map(line).collect();
            assert_eq!(lines, expected, "{method} {query}");
        }
    }
    cluster.end().await;
}
