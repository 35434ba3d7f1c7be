//! A write through any node is in the file of every node.

use std::fmt::Write as _;
use std::fs;

use crate::support::Cluster;

#[test]
fn a_write_through_each_node_is_in_every_file() {
    let cluster = Cluster::of(3);
    cluster.via("n1").add("nas.lan", "10.0.0.1");
    cluster.via("n2").add("printer.lan", "10.0.0.2");
    cluster.via("n3").add("tv.lan", "10.0.0.3");
    let revision = cluster.via("n2").update("nas.lan", "10.0.0.9");
    cluster.until_all_at(revision);
    let file = cluster.assert_same_file_everywhere();
    let lines: Vec<_> = file.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "10.0.0.2 printer.lan",
            "10.0.0.3 tv.lan",
            "10.0.0.9 nas.lan"
        ]
    );
}

#[test]
fn whoever_waits_for_publication_finds_the_line_in_every_file() {
    let cluster = Cluster::of(3);
    for (name, ip) in [
        ("a.lan", "fd00::1"),
        ("b.lan", "10.0.0.2"),
        ("c.lan", "10.0.0.3"),
    ] {
        let added = cluster.via_any().try_add(name, ip, &["--wait=published"]);
        let nodes = added.json()["published"].as_array().unwrap().len();
        assert_eq!(nodes, 3, "{added:?}");
        // Now, not soon.
        for node in cluster.names() {
            assert!(
                cluster.file(&node).contains(&format!("{ip} {name}\n")),
                "{node}"
            );
        }
    }
}

#[test]
fn a_large_import_through_a_follower_is_one_revision_and_one_write_on_each_node() {
    const LINES: u32 = 42_000;
    let mut cluster = Cluster::of(3);
    let mut text = String::new();
    for line in 0..LINES {
        let [_, high, middle, low] = line.to_be_bytes();
        writeln!(text, "10.{high}.{middle}.{low} h{line}.example.lan").unwrap();
    }
    let path = cluster.scratch("big.hosts");
    fs::write(&path, text).unwrap();
    let before = {
        let revision = cluster.via_any().add("first.lan", "192.168.0.1");
        cluster.until_all_at(revision)
    };
    let followers = cluster.others(&cluster.leader());
    let follower = cluster.any_of(&followers);

    let imported = cluster.via(&follower).run(&[
        "host",
        "import",
        path.to_str().unwrap(),
        "--wait=published",
        "--timeout",
        "60s",
    ]);
    let imported = imported.json();
    assert_eq!(imported["created"], LINES, "{imported}");
    let revision = imported["revision"].as_u64().unwrap();
    let after = cluster.until_all_at(revision);
    for node in &after.nodes {
        assert_eq!(node.revision, revision, "{}", node.name);
        assert_eq!(node.hosts, u64::from(LINES) + 1, "{}", node.name);
        let writes = before.node(&node.name).writes();
        assert_eq!(node.writes(), writes + 1, "{}", node.name);
    }
    let file = cluster.assert_same_file_everywhere();
    assert_eq!(
        file.lines().count(),
        42_002,
        "a header and a line for every host"
    );
}
