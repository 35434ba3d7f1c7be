//! Trouble on one node of a cluster: it is named, the others go on, and it mends itself where it can.

use std::fs;

use crate::support::{Cluster, until};

#[test]
fn a_hosts_file_that_cannot_be_written_is_reported_and_written_as_soon_as_it_can_be() {
    let cluster = Cluster::of(3);
    let revision = cluster.via_any().add("nas.lan", "10.0.0.1");
    cluster.until_all_at(revision);
    cluster.configure("n2", "path = \"hosts\"", "path = \"missing/hosts\"");
    cluster.restart(["n2"]);
    cluster.leader();

    let added = cluster
        .via("n1")
        .try_add("tv.lan", "10.0.0.2", &["--wait=published"]);
    let refusal = added.refused(1, "NOT_PUBLISHED");
    for word in [
        "n2 cannot write its file",
        "n2/missing",
        "create the directory",
    ] {
        assert!(refusal.message.contains(word), "{refusal:?}");
    }
    // The change is made for all that.
    assert!(cluster.file("n1").contains("tv.lan"));
    assert!(cluster.file("n3").contains("tv.lan"));
    assert_eq!(
        cluster.via("n2").get("tv.lan").json()["ip_address"],
        "10.0.0.2"
    );
    let status = cluster.status();
    assert_eq!(status.verdict, "degraded");
    assert!(
        status.explanation.contains("n2 cannot write its file"),
        "{status:?}"
    );
    let published = status.node("n2").published.clone().unwrap();
    assert!(published.error.unwrap().contains("n2/missing"));

    let missing = cluster.node_dir("n2").join("missing");
    fs::create_dir(&missing).unwrap();
    cluster.until_healthy();
    let written = fs::read_to_string(missing.join("hosts")).unwrap();
    assert_eq!(written, cluster.file("n1"));
}

#[test]
fn a_node_that_has_lost_its_data_stays_away_until_they_are_brought_back() {
    let cluster = Cluster::of(3);
    let revision = cluster.via_any().add("nas.lan", "10.0.0.1");
    cluster.until_all_at(revision);
    let followers = cluster.others(&cluster.leader());
    let lost = followers[0].clone();
    cluster.kill([&lost]);
    let data = cluster.node_dir(&lost).join("data");
    let kept = cluster.scratch("kept");
    fs::rename(&data, &kept).unwrap();
    let file = cluster.file(&lost);
    // It serves for a moment, to ask the others; `chaos` may see that or the end.
    cluster.chaos("restart", std::slice::from_ref(&lost));
    until(&format!("{lost} ends"), || {
        let log = cluster.log(&lost);
        match log.contains("this node has lost its data") {
            true => Ok(()),
            false => Err(log),
        }
    });
    assert_eq!(cluster.file(&lost), file, "the last file stays");
    let revision = cluster.via(&followers[1]).add("tv.lan", "10.0.0.2");

    until(&format!("{lost} has ended"), || {
        let states = cluster.chaos("status", &[]).json();
        let mut nodes = states["nodes"].as_array().unwrap().iter();
        let state = nodes.find(|node| node["name"] == *lost).unwrap()["state"].clone();
        match state == "ended" {
            true => Ok(()),
            false => Err(state.to_string()),
        }
    });
    fs::remove_dir_all(&data).unwrap();
    fs::rename(&kept, &data).unwrap();
    cluster.restart([&lost]);
    cluster.until_all_at(revision);
    cluster.assert_same_file_everywhere();
}

#[test]
fn a_log_that_cannot_be_written_does_not_end_the_node() {
    let mut cluster = Cluster::of(1);
    cluster.stop();
    let log = cluster.node_dir("n1").join("log");
    fs::remove_file(&log).unwrap();
    // Every write to it is refused, as on a full disk.
    std::os::unix::fs::symlink("/dev/full", &log).unwrap();
    cluster.start();
    let revision = cluster.via_any().add("nas.lan", "10.0.0.7");
    cluster.until_all_at(revision);
    cluster.stop();
}
