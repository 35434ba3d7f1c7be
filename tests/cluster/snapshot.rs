//! A node that was away while the log behind it was thrown away.

use crate::support::{Cluster, Writers};

#[test]
fn a_follower_far_behind_is_sent_a_snapshot() {
    let mut cluster = Cluster::with(3, "\n[raft]\nsnapshot_after = 100\n");
    let followers = cluster.others(&cluster.leader());
    let behind = cluster.any_of(&followers);
    let present = cluster.others(&behind);
    let last = cluster.status().node(&behind).last_log_index;
    cluster.kill([&behind]);
    let hands = vec![cluster.via_all(&present); 6];
    let writers = Writers::start(1, hands);
    writers.until_more(230);
    let written = writers.stop();
    cluster.until_purged_beyond(last);
    cluster.restart([&behind]);
    cluster.assert_true_everywhere(&written);
    assert!(cluster.log(&behind).contains("snapshot received"));
    assert!(cluster.status().node(&behind).snapshot_index() > 100);

    // It is a member like any other: with a third one gone, it carries on.
    cluster.kill([&present[0]]);
    let revision = cluster.via(&behind).add("printer.lan", "192.168.0.8");
    cluster.restart([&present[0]]);
    cluster.until_all_at(revision);
    cluster.assert_same_file_everywhere();
}
