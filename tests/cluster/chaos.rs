//! The faults that `chaos` has for people who test with us, each seen to happen, and seen to be over when it is healed.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Cluster, Ended, Writers, binary, output_within, until};

/// The faults of an answer, as `FAULT FROM TO`.
fn faults(answer: &Value) -> Vec<String> {
    let word = |fault: &Value, key: &str| fault[key].as_str().unwrap_or("-").to_owned();
    let listed = answer["faults"].as_array().unwrap().iter();
    listed
        .map(|fault| {
            ["fault", "node", "to"]
                .map(|key| word(fault, key))
                .join(" ")
        })
        .collect()
}

fn chaos(cluster: &Cluster, verb: &str, words: &[&str]) -> Value {
    let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
    cluster.chaos(verb, &words).json()
}

/// Waits until everything in force has been met.
#[track_caller]
fn until_seen(cluster: &Cluster) -> Value {
    until("every fault is seen", || {
        let status = chaos(cluster, "status", &[]);
        let faults = status["faults"].as_array().unwrap();
        match faults.iter().all(|fault| fault["seen"].is_string()) && !faults.is_empty() {
            true => Ok(status),
            false => Err(status.to_string()),
        }
    })
}

/// Waits until the others have a leader of their own, and gives its name.
#[track_caller]
fn until_replaced(cluster: &Cluster, old: &str) -> String {
    let others = cluster.via_all(&cluster.others(old));
    until("the others have another leader", || {
        let status = others.status()?;
        match status.leader().map(|leader| leader.name.clone()) {
            Some(new) if new != old => Ok(new),
            _ => Err(format!("{status:?}")),
        }
    })
}

#[test]
fn a_leader_that_is_cut_off_is_replaced_and_refuses_until_it_is_healed() {
    let cluster = Cluster::under_chaos(3);
    cluster.via_any().add("nas.lan", "10.0.0.1");
    let old = cluster.leader();
    let cut = chaos(&cluster, "partition", &["leader"]);
    assert_eq!(faults(&cut).len(), 4, "{cut}");
    assert_eq!(cut["nodes"][0]["name"], *old);
    let new = until_replaced(&cluster, &old);
    let revision = cluster.via(&new).add("tv.lan", "10.0.0.2");

    // It can be asked, and takes nothing.
    let mut tries = 0;
    until("the old leader refuses", || {
        tries += 1;
        let name = format!("lost-{tries}.lan");
        let ended = cluster
            .via(&old)
            .try_add(&name, "10.0.0.3", &["--timeout", "2s"]);
        assert_ne!(ended.status, 0, "{ended:?}");
        match ended.status {
            5 => Ok(()),
            _ => Err(ended.stderr),
        }
    });
    let seen = cluster.via(&old).status().unwrap();
    assert_eq!(seen.verdict, "no quorum", "{seen:?}");
    until_seen(&cluster);

    let healed = chaos(&cluster, "heal", &[]);
    assert_eq!(faults(&healed).len(), 4, "{healed}");
    assert_eq!(
        chaos(&cluster, "status", &[])["faults"],
        Value::Array(Vec::new())
    );
    cluster.until_all_at(revision);
    cluster.assert_same_file_everywhere();
}

#[test]
fn a_leader_that_is_not_heard_or_does_not_hear_is_replaced() {
    let cluster = Cluster::under_chaos(3);
    for (way, name) in [("--one-way", "a.lan"), ("--one-way=in", "b.lan")] {
        let old = cluster.leader();
        let cut = chaos(&cluster, "partition", &[&old, way]);
        let expected: Vec<_> = cluster
            .others(&old)
            .iter()
            .map(|other| match way {
                "--one-way" => format!("partition {old} {other}"),
                _ => format!("partition {other} {old}"),
            })
            .collect();
        assert_eq!(faults(&cut), expected);
        let new = until_replaced(&cluster, &old);
        cluster.via(&new).add(name, "10.0.0.1");
        until_seen(&cluster);
        chaos(&cluster, "heal", &[]);
        cluster.until_healthy();
        cluster.until_all_at(0);
    }
    cluster.assert_same_file_everywhere();
}

#[test]
fn two_followers_that_do_not_hear_each_other_keep_nobody_from_writing() {
    let cluster = Cluster::under_chaos(3);
    let followers = cluster.others(&cluster.leader());
    let cut = chaos(
        &cluster,
        "partition",
        &[&followers[0], "--from", &followers[1]],
    );
    assert_eq!(faults(&cut).len(), 2, "{cut}");
    for (node, name) in cluster.names().iter().zip(["a.lan", "b.lan", "c.lan"]) {
        cluster.via(node).add(name, "10.0.0.1");
    }
    until_seen(&cluster);
    // What touches neither of them stays.
    assert_eq!(
        faults(&chaos(&cluster, "heal", &[&cluster.leader()])),
        [""; 0]
    );
    assert_eq!(faults(&chaos(&cluster, "heal", &[&followers[1]])).len(), 2);
    cluster.until_healthy();
    cluster.until_all_at(0);
    cluster.assert_same_file_everywhere();
}

#[test]
fn slow_and_lossy_links_make_writes_late_and_nothing_wrong() {
    let cluster = Cluster::under_chaos(3);
    let leader = cluster.leader();
    let delay = ["all", "--by", "15ms", "--jitter", "5ms", "--seed", "7"];
    let delayed = chaos(&cluster, "delay", &delay);
    assert_eq!(faults(&delayed).len(), 6, "{delayed}");
    assert_eq!(delayed["faults"][0]["detail"], "15ms ± 5ms");
    let load = [
        "bench",
        "--for",
        "2s",
        "--writers",
        "1",
        "--readers",
        "0",
        "--via",
        &leader,
    ];
    let report = cluster.via(&leader).run(&load).json();
    let p50 = report["latency"][0]["p50_ms"].as_f64().unwrap();
    // To the followers and back, of which each way takes 10 ms at least.
    assert!(p50 >= 20.0, "{report}");

    chaos(&cluster, "heal", &[]);
    let lossy = chaos(&cluster, "drop", &["follower", "--probability", "5%"]);
    assert_eq!(lossy["faults"][0]["detail"], "5 %");
    let writers = Writers::start(0, cluster.hands(3));
    writers.until_more(12);
    until("a loss is seen", || {
        let status = chaos(&cluster, "status", &[]);
        let mut faults = status["faults"].as_array().unwrap().iter();
        match faults.any(|fault| fault["seen"].is_string()) {
            true => Ok(()),
            false => Err(status.to_string()),
        }
    });
    chaos(&cluster, "heal", &[]);
    writers.until_more(6);
    let written = writers.stop();
    cluster.assert_true_everywhere(&written);
}

#[test]
fn a_leader_whose_disk_is_said_to_be_full_ends_and_is_whole_when_it_is_healed() {
    let cluster = Cluster::under_chaos(3);
    let writers = Writers::start(0, cluster.hands(6));
    writers.until_more(12);
    let node = cluster.leader();
    chaos(&cluster, "disk-full", &[&node]);
    until("the node ends and says why", || {
        let log = cluster.log(&node);
        let last = log.lines().last().unwrap_or_default();
        match last.contains("ended early") && last.contains("No space left on device") {
            true => Ok(()),
            false => Err(last.to_owned()),
        }
    });
    let status = until("the end is seen", || {
        let status = chaos(&cluster, "status", &[]);
        let seen = status["faults"][0]["seen"].as_str().unwrap_or_default();
        match seen.contains("the node ended (exit status: 1)") {
            true => Ok(status),
            false => Err(status.to_string()),
        }
    });
    assert_eq!(faults(&status), [format!("disk-full {node} -")]);
    // The others go on.
    writers.until_more(12);
    chaos(&cluster, "heal", &[]);
    cluster.until_healthy();
    writers.until_more(12);
    let written = writers.stop();
    cluster.assert_true_everywhere(&written);
}

#[test]
fn a_hook_that_fails_makes_the_cluster_degraded_until_the_change_after_it_is_healed() {
    let cluster = Cluster::under_chaos(3);
    chaos(&cluster, "hook-fail", &["n2"]);
    cluster.via("n1").add("nas.lan", "10.0.0.1");
    until("the cluster is degraded", || {
        let status = cluster.status();
        match status.verdict == "degraded" && status.explanation.contains("n2: the hook `chaos`") {
            true => Ok(()),
            false => Err(format!("{status:?}")),
        }
    });
    let seen = until_seen(&cluster);
    assert_eq!(faults(&seen), ["hook-fail n2 -"]);
    chaos(&cluster, "heal", &["n2"]);
    cluster.via("n1").add("tv.lan", "10.0.0.2");
    cluster.until_healthy();
}

#[test]
fn what_is_down_or_asleep_is_seen_to_be_and_runs_again_when_it_is_healed() {
    let cluster = Cluster::of(3);
    chaos(&cluster, "kill", &["n1"]);
    chaos(&cluster, "pause", &["n2"]);
    let seen = until_seen(&cluster);
    assert_eq!(faults(&seen), ["kill n1 -", "pause n2 -"]);
    let words = |n: usize| seen["faults"][n]["seen"].as_str().unwrap().to_owned();
    assert!(words(0).contains("is gone (signal: 9"), "{seen}");
    assert!(words(1).contains("is stopped"), "{seen}");
    chaos(&cluster, "heal", &[]);
    cluster.until_healthy();

    // What needs more than processes says what it needs.
    let refused = |verb: &str, words: &[&str]| -> Ended {
        let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
        cluster.chaos(verb, &words)
    };
    for (verb, words) in [
        ("partition", &["n1"][..]),
        ("delay", &["n1", "--by", "1ms"]),
        ("drop", &["n1", "--probability", "0.5"]),
        ("disk-full", &["n1"]),
        ("hook-fail", &["n1"]),
    ] {
        let refusal = refused(verb, words).refused(2, "NO_CHAOS");
        assert!(refusal.hint.contains("dev --chaos"), "{refusal:?}");
    }
    refused("heal", &["n9"]).refused(4, "NOT_FOUND");
}

#[test]
fn what_means_no_link_is_refused() {
    let cluster = Cluster::under_chaos(1);
    for words in [&["all"][..], &["n1"], &["n1", "--from", "n1"]] {
        let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
        cluster
            .chaos("partition", &words)
            .refused(2, "INVALID_ARGUMENT");
    }
}

#[test]
fn a_run_has_the_faults_of_its_plan_sees_each_and_leaves_nothing_behind() {
    let plan = || {
        let words = [
            "--format", "json", "chaos", "run", "--seed", "11", "--for", "30s", "--plan",
        ];
        Ended::of(output_within(&mut binary(words), Duration::from_secs(60))).json()
    };
    let planned = plan();
    assert_eq!(planned, plan(), "the same seed");
    let cluster = Cluster::under_chaos(3);
    cluster.via_any().add("nas.lan", "10.0.0.1");
    let ran = chaos(&cluster, "run", &["--seed", "11", "--for", "30s"]);
    assert_eq!(ran["passed"], true, "{ran}");
    let faults = |of: &Value| -> Vec<_> {
        let faults = of["faults"].as_array().unwrap().iter();
        faults
            .map(|fault| ["fault", "detail", "on"].map(|key| fault[key].clone()))
            .collect()
    };
    assert_eq!(faults(&ran), faults(&planned));
    assert!(faults(&ran).len() >= 2, "{ran}");
    for fault in ran["faults"].as_array().unwrap() {
        assert!(fault["seen"].is_string(), "{fault}");
    }
    assert!(
        ran["writes"]["acknowledged"].as_u64().unwrap() > 10,
        "{ran}"
    );
    let status = chaos(&cluster, "status", &[]);
    assert_eq!(status["faults"], Value::Array(Vec::new()));
    let left = cluster.via_any().list("linearizable");
    assert_eq!(left, [("nas.lan".to_owned(), "10.0.0.1".to_owned())]);

    // Where something is in force already, nothing is begun.
    chaos(&cluster, "pause", &["follower"]);
    let words = ["--seed".to_owned(), "1".to_owned()];
    cluster.chaos("run", &words).refused(3, "CHAOS_IN_FORCE");
}

#[test]
fn a_run_that_is_interrupted_heals_what_it_did() {
    let cluster = Cluster::under_chaos(3);
    let mut child = binary(["chaos", "run", "--seed", "7", "--dir"])
        .arg(cluster.dir())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.starts_with("chaos: "), "{first}");
    assert!(!faults(&chaos(&cluster, "status", &[])).is_empty());
    let id = i32::try_from(child.id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::INT).unwrap();
    let status = child.wait().unwrap();
    let said: Vec<_> = lines.map(Result::unwrap).collect();
    assert_eq!(status.code(), Some(130), "{said:?}");
    assert_eq!(faults(&chaos(&cluster, "status", &[])), [""; 0]);
    cluster.until_healthy();
    assert_eq!(cluster.via_any().list("linearizable"), []);
}

/// A heartbeat on a new stream takes one round trip, as on an old one: else a leader would never be confirmed where the
/// round trip takes more than half a heartbeat.
#[test]
fn a_cluster_with_slow_links_elects_and_takes_writes() {
    // Twice the round trip would be too late.
    let settings = "\n[raft]\nheartbeat = \"400ms\"\nelection_timeout = \"1200ms\"\n";
    let cluster = Cluster::under_chaos_with(3, settings);
    chaos(&cluster, "delay", &["all", "--by", "120ms"]);
    let old = cluster.leader();
    cluster.kill([&old]);
    let new = until_replaced(&cluster, &old);
    let revision = cluster.via(&new).add("nas.lan", "10.0.0.1");
    chaos(&cluster, "heal", &[]);
    cluster.until_all_at(revision);
    cluster.assert_same_file_everywhere();
}
