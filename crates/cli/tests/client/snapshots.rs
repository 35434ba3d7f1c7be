//! `snapshot …`, one after the other.

use crate::node::{Mood, Node, nobody};
use crate::run::{Ended, Place};
use serde_json::{Value, json};

struct Bench {
    place: Place,
    node: Node,
}

const NO_SNAPSHOT: &str = "01JD8Q3Z5V7N0W6T4R2M9K1XAE";

impl Bench {
    fn new() -> Self {
        let place = Place::new();
        let node = place.node();
        Self { place, node }
    }

    fn run(&self, line: &str) -> Ended {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        self.place.run(&[&self.node.address], &arguments)
    }

    fn json(&self, line: &str) -> Value {
        self.run(line).json()
    }

    fn add(&self, ip: &str, name: &str) -> String {
        let line = format!("host add --ip {ip} --hostname {name} -f json");
        self.json(&line)["id"].as_str().unwrap().to_owned()
    }

    fn create(&self, more: &str) -> String {
        let made = self.json(&format!("snapshot create {more}"));
        made["snapshot_id"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_snapshot_is_made_listed_shown_rolled_back_to_and_deleted() {
    let bench = Bench::new();
    let nas = bench.add("10.0.0.7", "nas.lan");
    let before = bench.json("host list");
    let made = bench.json("snapshot create --name move --trigger cron --request-id r-1");
    let id = made["snapshot_id"].as_str().unwrap();
    assert_eq!(made["entry_count"], 1);
    assert_eq!(
        (&made["revision"], &made["request_id"]),
        (&json!(2), &json!("r-1"))
    );
    bench.json("host update nas.lan --hostname attic.lan");
    bench.add("10.0.0.8", "tv.lan");

    let listed = bench.json("snapshot list");
    assert_eq!(
        listed,
        json!([{
            "snapshot_id": id, "name": "move", "trigger": "cron", "created_at": made["created_at"],
            "created_by": "admin:alice", "revision": 2, "entry_count": 1,
        }])
    );
    let shown = bench.json(&format!("snapshot show {id}"));
    assert_eq!(shown["hosts"], before, "as it was, with its version");
    assert_eq!(shown["name"], "move");

    let back = bench.json(&format!("snapshot rollback {id} --request-id r-2"));
    assert_eq!(
        [
            &back["created"],
            &back["updated"],
            &back["deleted"],
            &back["changed"]
        ],
        [&json!(0), &json!(1), &json!(1), &json!(true)]
    );
    assert_eq!(back["restored_entry_count"], 1);
    let hosts = bench.json("host list");
    assert_eq!(hosts[0]["id"], nas.as_str());
    assert_eq!(hosts[0]["created_at"], before[0]["created_at"]);
    assert_eq!(hosts.as_array().unwrap().len(), 1);
    let backup = back["new_snapshot_id"].as_str().unwrap();
    let listed = bench.json("snapshot list --limit 1");
    assert_eq!(listed[0]["snapshot_id"], backup, "the newest first");
    assert_eq!(listed[0]["trigger"], "pre-rollback");
    assert_eq!(bench.json("snapshot list --offset 1")[0]["snapshot_id"], id);

    let deleted = bench.json(&format!("snapshot delete {id}"));
    assert_eq!(
        (&deleted["snapshot_id"], &deleted["deleted"]),
        (&json!(id), &json!(true))
    );
    assert_eq!(bench.json("snapshot list").as_array().unwrap().len(), 1);
}

#[test]
fn the_same_request_makes_one_snapshot_and_one_rollback() {
    let bench = Bench::new();
    bench.add("10.0.0.7", "nas.lan");
    let first = bench.json("snapshot create --request-id r-1");
    assert_eq!(bench.json("snapshot create --request-id r-1"), first);
    assert_eq!(bench.json("snapshot list").as_array().unwrap().len(), 1);
    bench.add("10.0.0.8", "tv.lan");
    let id = first["snapshot_id"].as_str().unwrap();
    let rollback = format!("snapshot rollback {id} --request-id r-2");
    let back = bench.json(&rollback);
    bench.add("10.0.0.8", "tv.lan");
    assert_eq!(bench.json(&rollback), back, "not rolled back again");
    assert_eq!(bench.json("host list").as_array().unwrap().len(), 2);
    bench
        .run(&format!("snapshot delete {id} --request-id r-2 -f json"))
        .refused(2, "REQUEST_REUSED");
}

#[test]
fn a_difference_has_both_sides_of_each_host() {
    let bench = Bench::new();
    bench.add("10.0.0.7", "nas.lan");
    bench.add("10.0.0.9", "gone.lan");
    let first = bench.create("");
    assert_eq!(bench.json(&format!("snapshot diff {first}")), json!([]));
    let table = bench.run(&format!("snapshot diff {first} -f table"));
    assert_eq!(table.stdout, "no difference\n");
    bench.json("host update nas.lan --disable");
    bench.json("host delete gone.lan");
    let second = bench.create("");
    bench.add("10.0.0.8", "tv.lan");

    let since = bench.json(&format!("snapshot diff {first}"));
    let changes: Vec<_> = since
        .as_array()
        .unwrap()
        .iter()
        .map(|d| &d["change"])
        .collect();
    assert_eq!(changes, ["changed", "added", "deleted"]);
    assert_eq!(since[0]["before"]["disabled"], false);
    assert_eq!(since[0]["after"]["disabled"], true);
    assert_eq!(since[1]["before"], Value::Null);
    let between = bench.json(&format!("snapshot diff {first} {second}"));
    assert_eq!(between, json!([since[0], since[2]]));

    let table = bench.run(&format!("snapshot diff {first} -f table")).stdout;
    let signs: Vec<&str> = table.lines().skip(1).map(|line| &line[..1]).collect();
    assert_eq!(signs, ["-", "+", "+", "-"], "{table}");
    let csv = bench.run(&format!("snapshot diff {first} -f csv")).stdout;
    assert!(csv.starts_with("side,id,ip_address,"), "{csv}");
    assert_eq!(csv.lines().count(), 5);
}

#[test]
fn a_dry_run_shows_the_way_back_and_changes_nothing() {
    let bench = Bench::new();
    bench.add("10.0.0.7", "nas.lan");
    let id = bench.create("");
    bench.json("host delete nas.lan");
    bench.add("10.0.0.8", "tv.lan");
    let tried = bench.json(&format!("snapshot rollback {id} --dry-run"));
    assert_eq!(tried["dry_run"], true);
    assert_eq!(
        (&tried["created"], &tried["deleted"]),
        (&json!(1), &json!(1))
    );
    let ways: Vec<_> = tried["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| &d["change"])
        .collect();
    assert_eq!(ways, ["added", "deleted"], "nas.lan would be back");
    let table = bench
        .run(&format!("snapshot rollback {id} --dry-run -f table"))
        .stdout;
    assert!(table.contains("nothing was changed"), "{table}");
    assert_eq!(bench.json("host list")[0]["hostname"], "tv.lan");
    assert_eq!(bench.json("snapshot list").as_array().unwrap().len(), 1);
    // A node that knows no dry run is not believed.
    bench.node.mood(Mood::Older);
    bench
        .run(&format!("snapshot rollback {id} --dry-run -f json"))
        .refused(1, "MALFORMED_ANSWER");
}

#[test]
fn tables_say_what_was_done_and_how_to_undo_it() {
    let bench = Bench::new();
    let none = bench.run("snapshot list -f table");
    assert_eq!(none.stdout, "no snapshots\n");
    bench.add("10.0.0.7", "nas.lan");
    let made = bench.run("snapshot create --name a -f table").stdout;
    assert!(
        made.starts_with("created snapshot ") && made.contains("of 1 hosts at revision 2"),
        "{made}"
    );
    let id = bench.json("snapshot list")[0]["snapshot_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let same = bench
        .run(&format!("snapshot rollback {id} -f table"))
        .stdout;
    assert!(same.starts_with("nothing changed"), "{same}");
    bench.json("host delete nas.lan");
    let back = bench
        .run(&format!("snapshot rollback {id} -f table"))
        .stdout;
    assert!(
        back.contains("1 restored, 0 changed back, 0 removed; 1 hosts"),
        "{back}"
    );
    assert!(
        back.contains("what was there before is snapshot "),
        "{back}"
    );
    let shown = bench.run(&format!("snapshot show {id} -f table")).stdout;
    assert!(
        shown.contains("nas.lan") && shown.contains("manual"),
        "{shown}"
    );
    let csv = bench.run("snapshot list -f csv").stdout;
    assert!(
        csv.starts_with("snapshot_id,name,trigger,created_at,created_by,revision,entry_count\n")
    );
    let gone = bench.run(&format!("snapshot delete {id} -f table")).stdout;
    assert!(
        gone.starts_with(&format!("deleted snapshot {id} at revision ")),
        "{gone}"
    );
}

#[test]
fn a_snapshot_that_is_not_there_is_not_found_and_says_where_to_look() {
    let bench = Bench::new();
    let other = bench.create("");
    for line in [
        format!("snapshot show {NO_SNAPSHOT}"),
        format!("snapshot diff {NO_SNAPSHOT}"),
        format!("snapshot diff {NO_SNAPSHOT} {other}"),
        format!("snapshot rollback {NO_SNAPSHOT}"),
        format!("snapshot rollback {NO_SNAPSHOT} --dry-run"),
        format!("snapshot delete {NO_SNAPSHOT}"),
    ] {
        let ended = bench.run(&format!("{line} -f json"));
        ended.refused(4, "SNAPSHOT_NOT_FOUND");
        assert!(ended.stderr.contains("snapshot list"), "{}", ended.stderr);
    }
}

#[test]
fn a_name_that_cannot_be_is_refused_before_anything_is_sent() {
    let bench = Bench::new();
    for name in ["a\nb", "\u{1b}[2J", &"x".repeat(65)] {
        for flag in ["--name", "--trigger"] {
            let create = ["snapshot", "create", flag, name, "-f", "json"];
            let ended = bench.place.run(&[&bench.node.address], &create);
            ended.refused(2, "INVALID_ARGUMENT");
            assert!(!ended.stderr.contains('\u{1b}'));
        }
    }
    assert!(bench.node.calls().is_empty());
}

#[test]
fn a_rollback_of_unknown_outcome_says_so_and_goes_to_the_next_node_once() {
    let bench = Bench::new();
    bench.add("10.0.0.7", "nas.lan");
    let id = bench.create("");
    bench.json("host delete nas.lan");
    bench.node.mood(Mood::Unsure);
    let line = format!("snapshot rollback {id} --timeout 2s -f json");
    let ended = bench.run(&line);
    assert_eq!(ended.status, 7, "{}", ended.stderr);
    assert!(ended.stderr.contains("--request-id"), "{}", ended.stderr);
    bench.node.mood(Mood::Well);
    assert_eq!(
        bench.json("host list").as_array().unwrap().len(),
        1,
        "it was made"
    );
    let list = ["snapshot", "list"];
    let listed = bench
        .place
        .run(&[&nobody(), &bench.node.address], &list)
        .json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
}
