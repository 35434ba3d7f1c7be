//! Disks that fail under a node that runs: it ends and says why, the others go on, and it is whole again afterwards.
//!
//! Which call fails, one by one, is in `crates/node/tests/service/disks.rs`. These are real file systems, and need
//! root and loop devices, as those of `power` do.

use std::fs::{self, File};
use std::io::{ErrorKind, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::power::Site;
use crate::support::{Slot, Writers, until, with_room};

#[test]
fn a_node_whose_disk_answers_with_errors_ends_and_says_so() {
    let _slot = Slot::take();
    with_room(
        "disk::a_node_whose_disk_answers_with_errors_ends_and_says_so",
        |room| {
            // The same request as for a power cut, under a node that goes on.
            fails(room, "Input/output error", |site, node| {
                site.machines[node].cut();
            });
        },
    );
}

#[test]
fn a_node_whose_disk_is_full_ends_and_says_so() {
    let _slot = Slot::take();
    with_room("disk::a_node_whose_disk_is_full_ends_and_says_so", |room| {
        fails(room, "No space left on device", |site, node| {
            fill(&site.machines[node].place(FILLER));
        });
    });
}

const FILLER: &str = "filler";

/// Takes every free block of a file system, without writing to most of them.
fn fill(path: &Path) {
    let mut filler = File::create(path).unwrap();
    for size in (12..30).rev().map(|bits| 1_u64 << bits) {
        loop {
            let from = filler.metadata().unwrap().len();
            let mut take = Command::new("fallocate");
            take.args(["--offset", &from.to_string(), "--length", &size.to_string()]);
            let taken = take.arg(path).stderr(Stdio::null()).status().unwrap();
            if !taken.success() {
                // It may have taken some of them all the same.
                break;
            }
        }
    }
    filler.seek(SeekFrom::End(0)).unwrap();
    let full = loop {
        if let Err(error) = filler.write_all(&[1; 512]) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::StorageFull);
}

/// The leader's disk fails as `fail` makes it; the end of the leader says `words`.
fn fails(room: &Path, words: &str, fail: impl FnOnce(&Site, &str)) {
    let mut site = Site::new(room);
    let cluster = &site.cluster;
    let writers = Writers::start(0, cluster.hands(6));
    writers.until_more(20);
    let node = cluster.leader();
    fail(&site, &node);
    until(&format!("{node} ends and says {words:?}"), || {
        let log = cluster.log(&node);
        let last = log.lines().last().unwrap_or_default();
        // Its last line names the part that could not go on, and why.
        match last.contains("ended early") && last.contains(words) {
            true => Ok(()),
            false => Err(last.to_owned()),
        }
    });
    until(&format!("{node} has ended"), || {
        let states = cluster.chaos("status", &[]).json();
        let mut nodes = states["nodes"].as_array().unwrap().iter();
        let state = nodes.find(|state| state["name"] == *node).unwrap()["state"].clone();
        match state == "ended" {
            true => Ok(()),
            false => Err(state.to_string()),
        }
    });
    // The others go on.
    writers.until_more(20);
    site.machines[&node].restart();
    let filler = site.machines[&node].place(FILLER);
    if filler.exists() {
        fs::remove_file(filler).unwrap();
    }
    cluster.restart([&node]);
    cluster.until_healthy();
    writers.until_more(8);
    let written = writers.stop();
    cluster.assert_true_everywhere(&written);
    site.cluster.stop();
}
