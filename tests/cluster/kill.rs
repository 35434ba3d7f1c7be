//! kill -9: whatever is killed, and whenever, what was acknowledged is there.

use std::env;
use std::fs;

use hosts::format::render;

use crate::support::{Cluster, Load, Writers, until};

#[test]
fn an_acknowledged_host_survives_its_leader() {
    let cluster = Cluster::of(3);
    let leader = cluster.leader();
    cluster.via(&leader).add("nas.lan", "10.0.0.7");
    cluster.kill([&leader]);
    for name in cluster.others(&leader) {
        let nas = cluster.via(&name).get("nas.lan").json();
        assert_eq!(nas["ip_address"], "10.0.0.7");
    }
    let revision = cluster.via_any().add("printer.lan", "10.0.0.8");
    cluster.restart([&leader]);
    cluster.until_all_at(revision);
    let file = cluster.assert_same_file_everywhere();
    assert!(
        file.contains("10.0.0.7 nas.lan\n10.0.0.8 printer.lan\n"),
        "{file}"
    );
}

#[test]
fn writers_lose_nothing_when_the_leader_is_killed() {
    let cluster = Cluster::of(3);
    let writers = Writers::start(0, cluster.hands(8));
    writers.until_more(16);
    let leader = cluster.leader();
    cluster.kill([&leader]);
    writers.until_more(32);
    cluster.restart([&leader]);
    writers.until_more(32);
    let written = writers.stop();
    cluster.assert_true_everywhere(&written);
}

#[test]
fn a_follower_that_is_killed_catches_up() {
    let mut cluster = Cluster::of(3);
    let followers = cluster.others(&cluster.leader());
    let killed = cluster.any_of(&followers);
    let writers = Writers::start(0, cluster.hands(4));
    writers.until_more(8);
    cluster.kill([&killed]);
    let file = cluster.file(&killed);
    writers.until_more(24);
    assert_eq!(cluster.file(&killed), file, "the last file stays");
    cluster.restart([&killed]);
    writers.until_more(8);
    let written = writers.stop();
    cluster.assert_true_everywhere(&written);
}

#[test]
fn every_acknowledged_host_survives_the_kill_of_all_nodes() {
    let mut cluster = Cluster::of(3);
    let mut rounds = Vec::new();
    for round in 0..3 {
        let writers = Writers::start(round, cluster.hands(8));
        writers.until_more(8 + cluster.below(40));
        cluster.kill(cluster.names());
        let written = writers.stop();
        cluster.restart(cluster.names());
        cluster.until_healthy();
        rounds.push(written);
        for written in &rounds {
            cluster.assert_true_everywhere(written);
        }
    }
    // It is no museum: it takes writes.
    let revision = cluster.via_any().add("nas.lan", "192.168.0.7");
    cluster.until_all_at(revision);
    cluster.assert_same_file_everywhere();
}

/// Between applying, a snapshot, and writing the hosts file: with a snapshot every hundred entries and some hundred
/// entries a second, a kill meets all of them sooner or later.
#[test]
fn a_node_alone_loses_nothing_however_often_it_is_killed_under_load() {
    let kills = env::var("ROUTER_HOSTS_KILLS").map_or(2, |kills| kills.parse().unwrap());
    let mut cluster = Cluster::with(1, "\n[raft]\nsnapshot_after = 100\n");
    let acked = cluster.scratch("acked");
    fs::write(&acked, "").unwrap();
    let count = || fs::read_to_string(&acked).unwrap().lines().count();
    let mut published = 0;
    for round in 0..kills {
        let load = Load::start(&cluster, &acked, &format!("k{round}"));
        let goal = count() + 1 + cluster.below(600);
        until(&format!("{goal} hosts are acknowledged"), || {
            let found = count();
            (found >= goal).then_some(()).ok_or(found.to_string())
        });
        cluster.kill(["n1"]);
        // Whole, and no older than before.
        let file = fs::read(cluster.node_dir("n1").join("hosts")).unwrap();
        assert!(render::verify(&file), "{}", String::from_utf8_lossy(&file));
        let revision = render::header(&file).unwrap().revision.get();
        assert!(revision >= published, "{revision} after {published}");
        published = revision;
        drop(load);

        cluster.restart(["n1"]);
        cluster.until_all_at(published);
        let acked = acked.to_str().unwrap();
        cluster
            .via("n1")
            .run(&["bench", "verify", "--acked", acked])
            .json();
    }
    let snapshot = cluster.status().node("n1").snapshot_index();
    eprintln!(
        "{kills} kills: {} hosts acknowledged, none lost; the last snapshot is of entry {snapshot}",
        count()
    );
    cluster.stop();
}
