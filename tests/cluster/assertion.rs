//! `assert`: it holds where it should, and where it does not it says what is different.

use std::fs;

use serde_json::Value;

use crate::support::{Cluster, Ended, Hand, until};

/// One that does not hold: what differs, a line each.
#[track_caller]
fn refuted(ended: &Ended, words: &str) -> Vec<String> {
    let refusal = ended.refused(1, "ASSERTION");
    assert!(refusal.message.contains(words), "{refusal:?}");
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["holds"], false);
    let problems = report["problems"].as_array().unwrap().iter();
    problems
        .map(|line| line.as_str().unwrap().to_owned())
        .collect()
}

fn all(cluster: &Cluster) -> Hand {
    cluster.via_all(&cluster.names())
}

#[test]
fn a_cluster_is_converged_when_its_faults_are_over_and_not_before() {
    let cluster = Cluster::under_chaos(3);
    let hand = all(&cluster);
    hand.add("nas.lan", "10.0.0.1");
    let holds = hand.run(&["assert", "converged", "--within", "90s"]).json();
    assert_eq!(
        (&holds["assertion"], &holds["holds"]),
        (&"converged".into(), &true.into())
    );

    let old = cluster.leader();
    cluster
        .chaos("partition", std::slice::from_ref(&old))
        .json();
    // One that they have lost is seen by all sides, for as long as nobody heals it.
    let ended = hand.run(&["assert", "converged", "--within", "4s"]);
    let problems = refuted(&ended, "does not");
    let blind = format!("{old} does not reach ");
    assert!(
        problems.iter().any(|line| line.starts_with(&blind)),
        "{problems:?}"
    );
    cluster.chaos("heal", &[]).json();
    hand.run(&["assert", "converged", "--within", "90s"]).json();
}

#[test]
fn equal_names_the_file_that_is_not_and_the_node_that_does_not_answer() {
    let cluster = Cluster::of(3);
    let added = cluster
        .via_any()
        .try_add("nas.lan", "10.0.0.1", &["--wait=published"]);
    added.json();
    let dir = cluster.dir();
    let on_disk = [
        "assert",
        "equal",
        "--within",
        "90s",
        "--dir",
        dir.to_str().unwrap(),
    ];
    let hand = all(&cluster);
    hand.run(&on_disk).json();

    // Behind the node's back: it says that its file is as it was, until it looks.
    let hosts = cluster.node_dir("n2").join("hosts");
    let ended = until(
        "the foreign line is seen before the node takes it out",
        || {
            let text = fs::read_to_string(&hosts).unwrap() + "10.6.6.6 intruder.lan\n";
            fs::write(&hosts, text).unwrap();
            let ended = hand.run(&["assert", "equal", "--dir", dir.to_str().unwrap()]);
            match ended.status {
                1 => Ok(ended),
                _ => Err(format!("{ended:?}")),
            }
        },
    );
    let problems = refuted(&ended, "n2");
    assert!(problems[0].contains("differ on the disk"), "{problems:?}");

    cluster.kill(["n3"]);
    let problems = refuted(&cluster.via("n1").run(&["assert", "equal"]), "n3");
    assert!(
        problems[0].starts_with("n3 does not answer"),
        "{problems:?}"
    );
    cluster.kill(["n1", "n2"]);
    let ended = hand.run(&["assert", "converged", "--within", "1s"]);
    ended.refused(5, "UNAVAILABLE");
}

#[test]
fn writes_that_were_acknowledged_are_looked_for_and_all_of_it_stands_in_one_report() {
    let cluster = Cluster::of(1);
    let hand = cluster.via("n1");
    let (acked, report) = (cluster.scratch("acked"), cluster.scratch("report.xml"));
    let (acked, report) = (acked.to_str().unwrap(), report.to_str().unwrap());
    let load = [
        "bench",
        "--for",
        "1s",
        "--writers",
        "2",
        "--readers",
        "0",
        "--acked",
        acked,
    ];
    hand.run(&load).json();
    let assert = |name: &str| {
        let words = [
            "assert",
            "no-lost-writes",
            acked,
            "--junit",
            report,
            "--name",
            name,
        ];
        hand.run(&words)
    };
    let kept = assert("before & after").json();
    assert!(
        kept["detail"]
            .as_str()
            .unwrap()
            .ends_with("acknowledged writes are there")
    );

    let lines = fs::read_to_string(acked).unwrap();
    let lost = lines.lines().next().unwrap().split(' ').nth(1).unwrap();
    hand.run(&["host", "delete", lost]).json();
    let problems = refuted(&assert("one is deleted"), "missing");
    assert_eq!(problems.len(), 1);
    cluster.kill(["n1"]);
    assert("nobody answers").refused(5, "UNAVAILABLE");
    fs::write(acked, "").unwrap();

    let xml = fs::read_to_string(report).unwrap();
    let count = |word: &str| xml.matches(word).count();
    assert_eq!(count("<testcase "), 3, "{xml}");
    assert_eq!((count("<failure "), count("<error ")), (1, 1), "{xml}");
    assert!(xml.contains("name=\"before &amp; after\""), "{xml}");

    cluster.restart(["n1"]);
    cluster.leader();
    let words = ["assert", "no-lost-writes", acked];
    let nothing = refuted(&hand.run(&words), "nothing is proved");
    assert_eq!(nothing.len(), 1);
    fs::write(report, "<html>\n").unwrap();
    assert("foreign").refused(2, "JUNIT");
}
