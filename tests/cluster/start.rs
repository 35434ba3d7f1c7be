//! Nodes that do not start: each says in its last line what is wrong, on what, and what to do, and harms nothing.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use crate::support::{Cluster, replace_in};

/// Two nodes that have run, and do not.
fn stopped() -> Cluster {
    let mut cluster = Cluster::of(2);
    let revision = cluster.via_any().add("nas.lan", "10.0.0.7");
    cluster.until_all_at(revision);
    cluster.stop();
    cluster
}

/// Starts a node that must end with this status, and whose last line must have these words.
#[track_caller]
fn assert_refused(cluster: &Cluster, node: &str, status: i32, words: &[&str]) {
    let ended = cluster.serve(node);
    assert_eq!(
        (ended.status, ended.stdout.as_str()),
        (status, ""),
        "{ended:?}"
    );
    for word in words {
        assert!(ended.stderr.contains(word), "no {word} in {}", ended.stderr);
    }
}

/// All files of a node's data, and what they hold.
fn data(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(data(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    let cluster = stopped();
    cluster.configure("n1", "data_dir", "data_dri");
    assert_refused(
        &cluster,
        "n1",
        64,
        &["n1/config.toml", "`data_dri`", "did you mean `data_dir`?"],
    );
    cluster.configure("n1", "data_dri", "data_dir");
    cluster.configure("n1", "[tls]", "[raft]\nheartbeat = \"1h\"\n[tls]");
    assert_refused(&cluster, "n1", 64, &["raft.heartbeat", "10ms to 10s"]);
}

#[test]
fn a_port_in_use_is_named() {
    let cluster = stopped();
    let address = cluster.address("n1");
    // Whoever else may have taken it meanwhile serves as well.
    let _other = TcpListener::bind(&address);
    assert_refused(
        &cluster,
        "n1",
        1,
        &[
            &format!("cannot listen on {address}"),
            "is another program using the port?",
        ],
    );
}

#[test]
fn the_data_of_another_node_is_left_alone() {
    let cluster = stopped();
    let dir = cluster.node_dir("n1").join("data");
    let before = data(&dir);
    assert!(before.len() > 2, "{before:?}");
    cluster.configure("n2", "\"data\"", "\"../n1/data\"");
    assert_refused(
        &cluster,
        "n2",
        1,
        &[
            "n1/data",
            "belongs to node 1 of cluster",
            "this is node 2 of cluster",
        ],
    );
    assert_eq!(data(&dir), before);
}

#[test]
fn data_of_a_newer_version_is_left_alone() {
    let cluster = stopped();
    let dir = cluster.node_dir("n1").join("data");
    replace_in(&dir.join("raft/IDENTITY"), "format 1\n", "format 2\n");
    let before = data(&dir);
    assert_refused(
        &cluster,
        "n1",
        1,
        &[
            "has format 2, and this version reads up to 1",
            "install the newer version",
        ],
    );
    assert_eq!(data(&dir), before);
}

#[test]
fn data_in_use_is_not_shared() {
    let cluster = Cluster::of(1);
    let dir = cluster.node_dir("n1");
    let second = fs::read_to_string(dir.join("config.toml")).unwrap();
    let address = cluster.address("n1");
    let second = second.replace(
        &format!("listen = \"{address}\""),
        "listen = \"127.0.0.1:0\"",
    );
    fs::create_dir(cluster.dir().join("second")).unwrap();
    let second = second
        .replace("\"data\"", "\"../n1/data\"")
        .replace("\"cert.pem\"", "\"../n1/cert.pem\"")
        .replace("\"key.pem\"", "\"../n1/key.pem\"");
    fs::write(cluster.dir().join("second/config.toml"), second).unwrap();
    assert_refused(
        &cluster,
        "second",
        1,
        &[
            "n1/data",
            "is in use by another process",
            "a directory of its own",
        ],
    );
    cluster.via("n1").add("nas.lan", "10.0.0.7");
}

#[test]
fn a_damaged_log_is_not_served() {
    let cluster = stopped();
    let wal = cluster.node_dir("n1").join("data/raft/wal");
    let segment = fs::read_dir(&wal).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&segment).unwrap();
    // Not at the end, where a write may have been cut off by a power cut: in what was flushed and followed by more.
    let place = bytes.len() / 4;
    bytes[place] ^= 0x10;
    fs::write(&segment, bytes).unwrap();
    let file = cluster.file("n1");
    assert_refused(&cluster, "n1", 1, &["n1/data", "the log cannot be opened"]);
    assert_eq!(cluster.file("n1"), file, "the last file stays");
}
