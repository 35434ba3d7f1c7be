//! Stopping in good order, and going on.

use crate::support::{Cluster, Writers};

#[test]
fn no_write_through_the_others_fails_when_the_leader_is_restarted_in_good_order() {
    let cluster = Cluster::of(3);
    let leader = cluster.leader();
    let others = cluster.others(&leader);
    // Each writer knows one node only: nothing is mended by asking another one.
    let hands = (0..6).map(|writer| cluster.via(&others[writer % 2]));
    let writers = Writers::start(0, hands.collect());
    writers.until_more(12);
    cluster.restart([&leader]);
    writers.until_more(24);
    let written = writers.stop();
    let failed = (&written.refused, &written.unknown);
    assert!(failed.0.is_empty() && failed.1.is_empty(), "{failed:?}");
    cluster.assert_true_everywhere(&written);
}

#[test]
fn a_second_dev_goes_on_with_the_data_of_the_first() {
    let mut cluster = Cluster::of(3);
    let first = cluster.via_any().add("nas.lan", "10.0.0.7");
    cluster.until_all_at(first);
    cluster.stop();
    cluster.start();
    let nas = cluster.via_any().get("nas.lan").json();
    assert_eq!(nas["ip_address"], "10.0.0.7");
    let second = cluster.via("n3").add("tv.lan", "10.0.0.8");
    assert!(second > first);

    // And of one that was killed: its nodes are stopped first.
    cluster.kill_dev();
    assert_eq!(
        cluster.via("n1").get("tv.lan").json()["ip_address"],
        "10.0.0.8"
    );
    cluster.start();
    let said = std::fs::read_to_string(cluster.dev_log()).unwrap();
    assert!(
        said.contains("stopped n2, left running by an earlier `dev`"),
        "{said}"
    );
    let third = cluster.via("n2").update("tv.lan", "10.0.0.9");
    cluster.until_all_at(third);
    let file = cluster.assert_same_file_everywhere();
    assert!(
        file.ends_with("10.0.0.7 nas.lan\n10.0.0.9 tv.lan\n"),
        "{file}"
    );
}
