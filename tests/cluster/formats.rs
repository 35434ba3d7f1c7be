//! Files in three formats, out of one cluster and into another, through followers.

use std::fs;

use serde_json::{Value, json};

use crate::support::Cluster;

/// What a host says of itself: what a cluster gives it is taken away.
fn facts(list: &Value) -> Vec<Value> {
    let mut hosts = list.as_array().unwrap().clone();
    for host in &mut hosts {
        for key in ["id", "version", "created_at", "updated_at"] {
            assert!(host.as_object_mut().unwrap().remove(key).is_some(), "{key}");
        }
    }
    hosts
}

#[test]
fn a_file_of_every_format_goes_out_of_a_cluster_and_comes_in_again() {
    let mut cluster = Cluster::of(3);
    let followers = cluster.others(&cluster.leader());
    let follower = cluster.any_of(&followers);
    let hand = cluster.via(&follower);
    let source = json!([
        {"ip_address": "10.0.0.7", "hostname": "nas.lan", "aliases": ["b.lan", "a.lan"],
         "tags": ["-x", "home"], "comment": "=1, \"two\"; three", "disabled": true},
        {"ip_address": "10.0.0.8", "hostname": "tv.lan", "comment": "in the attic"},
        {"ip_address": "fd00::7", "hostname": "nas.lan"},
    ]);
    let path = cluster.scratch("source.json");
    fs::write(&path, source.to_string()).unwrap();
    let path = path.to_str().unwrap();

    let tried = hand.run(&["host", "import", path, "--dry-run"]).json();
    assert_eq!(
        (&tried["created"], &tried["dry_run"]),
        (&json!(3), &json!(true))
    );
    assert_eq!(hand.run(&["host", "list"]).json(), json!([]));
    let imported = hand
        .run(&["host", "import", path, "--wait=published"])
        .json();
    assert_eq!(imported["created"], 3);
    cluster.until_all_at(imported["revision"].as_u64().unwrap());
    let published = cluster.assert_same_file_everywhere();
    assert_eq!(
        published
            .lines()
            .filter(|line| !line.starts_with('#'))
            .count(),
        2
    );
    let listed = facts(&hand.run(&["host", "list"]).json());

    for format in ["json", "csv", "hosts"] {
        let file = cluster.scratch(&format!("copy.{format}"));
        let file = file.to_str().unwrap();
        hand.run(&["host", "export", "-o", file]).json();
        for name in ["nas.lan", "tv.lan"] {
            let found = hand
                .run(&["host", "search", &format!("name:{name}")])
                .json();
            for host in found.as_array().unwrap() {
                let id = host["id"].as_str().unwrap();
                hand.run(&["host", "delete", id]).json();
            }
        }
        assert_eq!(hand.run(&["host", "list"]).json(), json!([]), "{format}");
        let strict = ["host", "import", file, "--conflict", "strict"];
        let again = cluster.via_any().run(&strict).json();
        let back = facts(&hand.run(&["host", "list"]).json());
        if format == "hosts" {
            // It cannot hold what is disabled.
            assert_eq!((&again["created"], back.len()), (&json!(2), 2));
            assert_eq!(back, listed[1..]);
        } else {
            assert_eq!(back, listed, "{format}");
        }
        let refused = hand.run(&strict);
        assert_eq!(refused.status, 3);
        let error: Value = serde_json::from_str(&refused.stderr).unwrap();
        assert_eq!(error["error"]["lines_total"], again["created"], "{error}");
        assert_eq!(error["error"]["lines"][0]["reason"], "TAKEN", "{error}");
    }
}
