//! A real process with openraft on the real store, killed in the middle of
//! its work.
//!
//! Proves nothing about power cuts, since the page cache survives; but
//! threads, locks, files and sled are the real ones.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use hosts::Hostname;
use raft_store::Seams;

use crate::driver::open;
use crate::single_node::Alone;

/// Where the child works; set for it only.
const CHILD_DIR: &str = "RAFT_STORE_TEST_NODE_DIR";
/// How often the child is killed; 20 times if not set.
const ROUNDS: &str = "RAFT_STORE_TEST_KILLS";

/// The child of the test below; alone, a short run of the same work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_adds_hosts_and_says_what_was_answered() {
    if let Some(dir) = env::var_os(CHILD_DIR) {
        let node = Alone::start(Path::new(&dir)).await;
        let first = u32::try_from(node.projection().len()).unwrap();
        for number in first.. {
            node.add(number).await;
            writeln!(std::io::stdout().lock(), "\nanswered {number}.").unwrap();
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let node = Alone::start(dir.path()).await;
    node.add(0).await;
    node.stop().await;
    assert_eq!(check(dir.path(), Some(0)), 1);
}

/// Checks that hosts up to `answered` are there; gives how many are.
fn check(dir: &Path, answered: Option<u32>) -> usize {
    let mut node = open(Seams::real(), dir).unwrap();
    // Alone in its cluster: what is in its log is committed.
    let next = node.applied().index().map_or(0, |index| index + 1);
    let entries = node.entries_from(next);
    node.apply(&entries).unwrap();
    let projection = node.applied().projection.clone();
    for number in 0..answered.map_or(0, |answered| answered + 1) {
        let name = Hostname::parse(&format!("h{number}.lan")).unwrap();
        assert_eq!(
            projection.named(&name).len(),
            1,
            "host {number} was answered and is gone"
        );
    }
    node.close();
    projection.len()
}

#[test]
fn what_was_answered_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let rounds = env::var(ROUNDS).map_or(20, |rounds| rounds.parse().unwrap());
    let mut before = 0;
    for round in 0..rounds {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "kill::a_node_adds_hosts_and_says_what_was_answered",
                "--nocapture",
            ])
            .env(CHILD_DIR, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut answers = 0;
        let mut answered = None;
        // Reads on after the kill: what was said before it counts.
        for line in lines {
            let line = line.unwrap();
            let number = line
                .strip_prefix("answered ")
                .and_then(|line| line.strip_suffix('.'));
            let Some(number) = number else { continue };
            answered = Some(number.parse().unwrap());
            answers += 1;
            if answers == 5 + round * 37 % 60 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(answers > 0, "round {round}: the child did nothing");
        let there = check(dir.path(), answered);
        assert!(there >= before + answers, "round {round}");
        before = there;
    }
}
