//! Files that are not what a node wrote: found out at its start, and refused or mended as `docs/reliability.md` says.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::Target::Follower;
use super::{Evidence, Fault, Ongoing, SHORT, Scene, nothing};
use crate::node::copy;
use crate::world::run;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "wrong bit in a follower's log",
        target: Follower,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| {
            harm(scene, &REFUSED, |data| {
                flip(&newest(&data.join("raft/wal")))
            })
        },
    },
    Fault {
        name: "end of a follower's log lost",
        target: Follower,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| {
            harm(scene, &EITHER, |data| {
                shorten(&newest(&data.join("raft/wal")))
            })
        },
    },
    Fault {
        name: "wrong bit in a follower's state",
        target: Follower,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| harm(scene, &MENDED, |data| flip(&state(data))),
    },
    Fault {
        name: "end of a follower's state lost",
        target: Follower,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| harm(scene, &MENDED, |data| shorten(&state(data))),
    },
    Fault {
        name: "a follower's directory emptied",
        target: Follower,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| {
            harm(scene, &WIPED, |data| {
                fs::remove_dir_all(data).unwrap();
                fs::create_dir(data).unwrap();
            })
        },
    },
];

/// What a node has to do about it.
struct Due {
    /// The status with which it ends, if it may end.
    status: Option<i32>,
    /// In its last line.
    words: &'static str,
    /// What it says when it goes on with it; `None` if it may not.
    goes_on: Option<&'static str>,
}

const REFUSED: Due = Due {
    status: Some(1),
    words: "begin the whole cluster anew",
    goes_on: None,
};
/// Unless something else on the disk has seen more, it looks like a write that was never finished.
const EITHER: Due = Due {
    goes_on: Some("a write that was never finished"),
    ..REFUSED
};
const WIPED: Due = Due {
    status: Some(64),
    words: "lost its data",
    goes_on: None,
};
const MENDED: Due = Due {
    status: None,
    words: "",
    goes_on: Some("rebuilt from snapshot and log"),
};

fn harm(scene: &mut Scene<'_>, due: &'static Due, change: fn(&Path)) -> Ongoing {
    let number = scene.follower();
    let node = scene.site.node(number);
    node.kill();
    let (data, whole) = (node.data(), node.machine.place("whole"));
    copy(&data, &whole);
    change(&data);
    let from = node.log_length();
    node.start();
    Box::new(move |scene| {
        let settled = scene.site.settled(number);
        let node = scene.site.node(number);
        let said = node.log(from);
        let last = last_line(&said);
        let evidence = match (&settled, due) {
            (Err(seen), _) => Evidence::Wrong(seen.clone()),
            // What it goes on with it has read, and it says what it made of it: some wrong bits are in no use.
            (
                Ok(None),
                Due {
                    goes_on: Some(words),
                    ..
                },
            ) => Evidence::of(said.contains(words), format!("n{number} said: {words}")),
            (Ok(None), _) => Evidence::Wrong(format!("n{number} serves what was damaged")),
            (
                Ok(Some(status)),
                Due {
                    status: Some(due_status),
                    words,
                    ..
                },
            ) if status.code() == Some(*due_status) && last.contains(words) => {
                Evidence::Seen(format!("n{number} refused its directory"))
            }
            (Ok(Some(status)), _) => {
                Evidence::Wrong(format!("n{number} ended with {status}: {last}"))
            }
        };
        if settled != Ok(None) || due.goes_on.is_none() {
            // It has not run since, so its files may be put back.
            node.kill();
            fs::remove_dir_all(&data).unwrap();
            fs::rename(&whole, &data).unwrap();
            // As whoever puts files back has to: the next power cut may be near.
            node.machine.sync();
            node.start();
        } else {
            fs::remove_dir_all(&whole).unwrap();
        }
        evidence
    })
}

fn last_line(log: &str) -> String {
    log.lines().last().unwrap_or_default().to_owned()
}

/// One wrong bit in the middle of what is used of a file.
fn flip(path: &Path) {
    let bytes = fs::read(path).unwrap();
    let middle = used(&bytes) / 2;
    let file = OpenOptions::new().write(true).open(path).unwrap();
    let place = u64::try_from(middle).unwrap();
    file.write_all_at(&[bytes[middle] ^ 0x10], place).unwrap();
}

/// The last third of what is used of a file is gone.
fn shorten(path: &Path) {
    let bytes = fs::read(path).unwrap();
    let end = used(&bytes) * 2 / 3;
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(u64::try_from(end).unwrap()).unwrap();
}

/// sled has much room that it does not use.
fn used(bytes: &[u8]) -> usize {
    1 + bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0)
}

fn state(data: &Path) -> PathBuf {
    let state = data.join("raft/state");
    let current = fs::read_to_string(state.join("CURRENT")).unwrap();
    // What is in memory of a node that was killed may not be in its file yet.
    run(&["sync", "--file-system", data.to_str().unwrap()]);
    state.join(format!("sm.{}/db", current.trim()))
}

fn newest(dir: &Path) -> PathBuf {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    files.max().unwrap()
}
