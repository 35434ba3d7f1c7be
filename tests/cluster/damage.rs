//! Damaged files under a real node: it says so in its last line, or mends itself with what is left and its peers.
//!
//! The whole table, on files of many shapes, is in `raft-store/tests/store/damage.rs`.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Cluster, Writers, until};

/// The files of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Log,
    Identity,
    State,
    Snapshot,
}

/// What is done to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    /// One wrong bit in the middle.
    Bit,
    /// A block of zeros in the middle.
    Zeros,
    /// The last third is gone.
    Tail,
    /// It is gone.
    Lost,
}

use Damage::{Bit, Lost, Tail, Zeros};
use Victim::{Identity, Log, Snapshot, State};

const OVERWRITTEN: &[&str] = &["is damaged at offset", "valid ones follow"];
const NOBODYS: &[&str] = &["IDENTITY is damaged", "nobody knows whose directory"];

/// With these a node does not start, and its last line says so.
const REFUSED: [(Victim, Damage, &[&str]); 8] = [
    (Log, Bit, OVERWRITTEN),
    (Log, Zeros, OVERWRITTEN),
    (Log, Tail, &["does not fit together", "an older copy"]),
    (Log, Lost, &["the log in", "is gone: there is no segment"]),
    (Identity, Bit, NOBODYS),
    (Identity, Zeros, NOBODYS),
    (Identity, Tail, NOBODYS),
    (Identity, Lost, &["this node has lost its data"]),
];

/// Without these it goes on, and logs why.
const MENDED: [(Victim, Damage, &str); 4] = [
    (State, Tail, "the state is rebuilt from snapshot and log"),
    (State, Lost, "the state is rebuilt from snapshot and log"),
    (Snapshot, Bit, "a snapshot is damaged and set aside"),
    (Snapshot, Lost, "store opened"),
];

#[test]
fn damage_is_in_the_last_line_of_a_node_or_mended() {
    let cluster = Cluster::with(3, "\n[raft]\nsnapshot_after = 100\n");
    let victim = cluster.others(&cluster.leader())[0].clone();
    let present = cluster.others(&victim);
    let writers = Writers::start(0, cluster.hands(6));
    writers.until_more(220);
    let written = writers.stop();
    cluster.assert_true_everywhere(&written);
    until_it_has_a_snapshot(&cluster, &victim);
    // In order, so that its files hold all it knows.
    cluster.restart([&victim]);
    cluster.kill([&victim]);

    let data = cluster.node_dir(&victim).join("data");
    let whole = cluster.scratch("whole");
    copy(&data, &whole);
    for (file, damage, words) in REFUSED {
        let row = format!("{file:?}, {damage:?}");
        harm(&data.join("raft"), file, damage);
        let ended = cluster.serve(&victim);
        let last = ended.stderr.lines().last().unwrap_or_default();
        // A member without its identity has lost its data: starting again does not mend that.
        let status = if (file, damage) == (Identity, Lost) {
            64
        } else {
            1
        };
        assert_eq!(ended.status, status, "{row}: {}", ended.stderr);
        for word in words.iter().chain(&["begin the whole cluster anew"]) {
            assert!(last.contains(word), "{row}: no {word:?} in {last}");
        }
        // It has not run since, so its files may be put back.
        fs::remove_dir_all(&data).unwrap();
        copy(&whole, &data);
    }
    for ((file, damage, words), series) in MENDED.into_iter().zip(1..) {
        let row = format!("{file:?}, {damage:?}");
        harm(&data.join("raft"), file, damage);
        let writers = Writers::start(series, vec![cluster.via_all(&present); 6]);
        // After these it takes a snapshot again, if it has none.
        writers.until_more(if matches!(file, Snapshot) { 110 } else { 8 });
        let written = writers.stop();
        let before = cluster.log(&victim).len();
        cluster.restart([&victim]);
        cluster.assert_true_everywhere(&written);
        let said = cluster.log(&victim).split_off(before);
        assert!(said.contains(words), "{row}: no {words:?} in {said}");
        until_it_has_a_snapshot(&cluster, &victim);
        cluster.restart([&victim]);
        cluster.kill([&victim]);
    }
    cluster.restart([&victim]);
    cluster.until_healthy();
}

#[track_caller]
fn until_it_has_a_snapshot(cluster: &Cluster, node: &str) {
    until(&format!("{node} has a snapshot"), || {
        let status = cluster.via_any().status()?;
        match status.node(node).snapshot_index() >= 100 {
            true => Ok(()),
            false => Err(format!("{status:?}")),
        }
    });
}

fn harm(room: &Path, victim: Victim, damage: Damage) {
    let path = place(room, victim);
    let bytes = fs::read(&path).unwrap();
    // sled has much room that it does not use.
    let used = 1 + bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let (middle, end) = (used / 2, used as u64);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    match damage {
        Bit => file.write_all_at(&[bytes[middle] ^ 0x10], end / 2).unwrap(),
        Zeros => {
            let zeros = vec![0; 512.min(used - middle)];
            file.write_all_at(&zeros, end / 2).unwrap();
        }
        Tail => file.set_len(end - end / 3).unwrap(),
        Lost => fs::remove_file(&path).unwrap(),
    }
}

fn place(room: &Path, victim: Victim) -> PathBuf {
    match victim {
        Log => newest(&room.join("wal")),
        Identity => room.join("IDENTITY"),
        State => {
            let current = fs::read_to_string(room.join("state/CURRENT")).unwrap();
            room.join(format!("state/sm.{}/db", current.trim()))
        }
        Snapshot => newest(&room.join("snapshots")),
    }
}

fn newest(dir: &Path) -> PathBuf {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    let counting = files.filter(|path| path.extension().is_none_or(|end| end != "bad"));
    counting.max().unwrap()
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success(), "cannot copy {from:?}");
}
