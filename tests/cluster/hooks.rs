//! Hooks of real nodes: what they are told, and what becomes of them.

use std::fs;

use crate::support::{Cluster, until};

/// Says on which node and of what it runs.
const NOTES: &str = r#"
[[hooks.on_success]]
name = "note"
command = "echo $ROUTER_HOSTS_NODE $ROUTER_HOSTS_EVENT $ROUTER_HOSTS_REVISION $ROUTER_HOSTS_ENTRY_COUNT >> ${ROUTER_HOSTS_FILE%/*}/notes"
[[hooks.on_failure]]
name = "alarm"
command = "echo $ROUTER_HOSTS_EVENT $ROUTER_HOSTS_ERROR >> ${ROUTER_HOSTS_FILE%/*}.alarms"
"#;

fn lines(cluster: &Cluster, name: &str) -> Vec<String> {
    let text = fs::read_to_string(cluster.dir().join(name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn every_node_runs_its_own_hooks_and_nobody_else_learns_what_they_do() {
    let cluster = Cluster::with(3, NOTES);
    let revision = cluster.via("n1").add("nas.lan", "10.0.0.7");
    let status = cluster.until_told(revision);
    for node in &status.nodes {
        let notes = lines(&cluster, &format!("{}/notes", node.name));
        let last = format!("{} success {revision} 1", node.name);
        assert_eq!(notes.last(), Some(&last), "{notes:?}");
        let hooks: Vec<_> = node
            .hooks
            .iter()
            .map(|hook| (hook.name.as_str(), hook.result.as_str()))
            .collect();
        assert_eq!(hooks, [("note", "succeeded"), ("alarm", "never_run")]);
    }
    let seen = cluster.via_any().run(&["cluster", "status"]).stdout;
    assert!(!seen.contains("echo"), "{seen}");
}

#[test]
fn a_hook_that_hangs_holds_no_write_up_and_is_killed_at_its_timeout() {
    let hangs = r#"
[hooks]
default_timeout = "300ms"
[[hooks.on_success]]
name = "hangs"
command = "echo $$ > ${ROUTER_HOSTS_FILE%/*}/shell; sleep 1000"
"#;
    let cluster = Cluster::with(1, hangs);
    let added = cluster
        .via("n1")
        .try_add("nas.lan", "10.0.0.7", &["--wait=published"]);
    let revision = added.json()["revision"].as_u64().unwrap();
    let status = cluster.until_told(revision);
    assert_eq!(status.node("n1").hooks[0].result, "timed_out");
    let words = "n1: the hook `hangs` failed at revision";
    assert!(status.explanation.contains(words), "{status:?}");
    let shell = lines(&cluster, "n1/shell").pop().unwrap();
    assert!(!fs::exists(format!("/proc/{shell}")).unwrap(), "{shell}");
}

#[test]
fn what_a_node_has_written_and_not_told_is_told_at_its_next_start() {
    let waits = r#"
[[hooks.on_success]]
name = "waits"
command = "D=${ROUTER_HOSTS_FILE%/*}; [ -e $D/go ] || sleep 1000; echo $ROUTER_HOSTS_REVISION >> $D/told"
"#;
    let cluster = Cluster::with(1, waits);
    let added = cluster
        .via("n1")
        .try_add("nas.lan", "10.0.0.7", &["--wait=published"]);
    let revision = added.json()["revision"].as_u64().unwrap();
    fs::write(cluster.node_dir("n1").join("go"), "").unwrap();
    cluster.restart(["n1"]);
    cluster.until_told(revision);
    assert_eq!(lines(&cluster, "n1/told"), [revision.to_string()]);
    // It is told now, and not again.
    let writes = cluster.status().node("n1").writes();
    assert_eq!(writes, 0, "the bytes are the same");
    cluster.restart(["n1"]);
    let revision = cluster.via("n1").add("tv.lan", "10.0.0.8");
    cluster.until_told(revision);
    assert_eq!(
        lines(&cluster, "n1/told").last(),
        Some(&revision.to_string())
    );
    assert_eq!(lines(&cluster, "n1/told").len(), 2);
}

#[test]
fn a_file_that_cannot_be_written_is_told_to_the_hooks_for_it() {
    let cluster = Cluster::with(1, NOTES);
    cluster.configure("n1", "path = \"hosts\"", "path = \"missing/hosts\"");
    cluster.restart(["n1"]);
    cluster.leader();
    let alarms = until("the alarm is given", || {
        let alarms = lines(&cluster, "n1/missing.alarms");
        match alarms.is_empty() {
            true => Err("none".to_owned()),
            false => Ok(alarms),
        }
    });
    let [alarm] = alarms.as_slice() else {
        panic!("told more than once: {alarms:?}")
    };
    for words in ["failure cannot", "n1/missing"] {
        assert!(alarm.contains(words), "{alarm}");
    }
}
