//! A real process on a real disk, killed in the middle of its work.
//!
//! Proves nothing about power cuts, since the page cache survives; but threads,
//! locks and file calls are the real ones.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use futures::executor::block_on;
use raft_store::{
    disk::{RealDisk, Work},
    log::{Log, LogOptions},
    position::Vote,
};

use crate::driver::{IDENTITY, append, entry, id};

/// Where the child works; set for it only.
const CHILD_DIR: &str = "RAFT_STORE_TEST_CHILD_DIR";
/// How often the child is killed; 10 times if not set.
const ROUNDS: &str = "RAFT_STORE_TEST_KILLS";

fn open(dir: &Path) -> Log {
    let options = LogOptions {
        segment_bytes: 32 << 10,
        cache_bytes: 16 << 10,
        ..LogOptions::default()
    };
    Log::open(
        Arc::new(RealDisk),
        &dir.join("wal"),
        IDENTITY,
        options,
        Work::Threads,
    )
    .unwrap()
}

/// Appends groups of entries, votes and purges, and says what was answered.
fn work(dir: &Path, groups: u64, mut say: impl FnMut(u64)) {
    let log = open(dir);
    for _ in 0..groups {
        let first = log.state().last.map_or(0, |last| last.index + 1);
        let count = 1 + first % 9;
        append(
            &log,
            (first..first + count)
                .map(|index| entry(1, index, 200))
                .collect(),
        )
        .unwrap();
        say(first + count - 1);
        if first.is_multiple_of(4) {
            let vote = Vote {
                term: first + 1,
                node: Some(7),
                committed: false,
            };
            block_on(log.save_vote(vote)).unwrap();
        }
        if first > 300 && first.is_multiple_of(7) {
            block_on(log.purge(id(1, first - 300))).unwrap();
        }
    }
}

/// Checks all that was answered up to `answered`; gives the last entry.
fn check(dir: &Path, answered: Option<u64>) -> Option<u64> {
    let log = open(dir);
    let state = log.state();
    let last = state.last.map(|last| last.index);
    assert!(
        last >= answered,
        "entry {answered:?} was answered, and the log ends at {last:?}"
    );
    let first = state.purged.map_or(0, |purged| purged.index + 1);
    let read = log.read(first..u64::MAX, None).unwrap();
    assert_eq!(read.last().map(|entry| entry.id.index), last);
    for (index, found) in (first..).zip(read) {
        assert_eq!(found, entry(1, index, 200));
    }
    last
}

/// The child of the test below; alone, a short run of the same work.
#[test]
fn a_process_appends_and_says_what_was_answered() {
    if let Some(dir) = env::var_os(CHILD_DIR) {
        let mut out = std::io::stdout().lock();
        work(Path::new(&dir), u64::MAX, |index| {
            writeln!(out, "\nanswered {index}").unwrap()
        });
    }
    let dir = tempfile::tempdir().unwrap();
    let mut answered = None;
    work(dir.path(), 50, |index| answered = Some(index));
    assert_eq!(check(dir.path(), answered), answered);
}

#[test]
fn what_was_answered_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let rounds = env::var(ROUNDS).map_or(10, |rounds| rounds.parse().unwrap());
    let mut before = None;
    for round in 0..rounds {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "kill::a_process_appends_and_says_what_was_answered",
                "--nocapture",
            ])
            .env(CHILD_DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut answers = 0;
        let mut answered = before;
        // Reads on after the kill: what was said before it counts.
        for line in lines {
            let Some(index) = line.unwrap().strip_prefix("answered ").map(str::to_owned) else {
                continue;
            };
            // A line that was cut off by the kill says nothing.
            answered = answered.max(index.parse().ok());
            answers += 1;
            if answers == 5 + round * 37 % 60 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(answers > 0, "round {round}: the child did nothing");
        let last = check(dir.path(), answered);
        assert!(last > before, "round {round}");
        before = last;
    }
}
