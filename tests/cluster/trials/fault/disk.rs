//! Disks that lose power, fail, fill up, hang and crawl.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hosts::format::render;
use rustix::process::Signal;

use super::Target::{Any, Follower, Leader};
use super::{Evidence, Fault, Ongoing, SHORT, Scene, nothing};
use crate::world::run;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "power cut of the leader",
        target: Leader,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| power(scene, vec![scene.leader]),
    },
    Fault {
        name: "power cut of a follower",
        target: Follower,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| {
            let follower = scene.follower();
            power(scene, vec![follower])
        },
    },
    Fault {
        name: "power cut of all nodes",
        target: Any,
        lasts: Duration::ZERO,
        prepare: nothing,
        begin: |scene| power(scene, scene.site.numbers()),
    },
    Fault {
        name: "EIO on the leader's disk",
        target: Leader,
        lasts: SHORT,
        prepare: nothing,
        begin: errors,
    },
    Fault {
        name: "leader's disk full",
        target: Leader,
        lasts: SHORT,
        prepare: nothing,
        begin: full,
    },
    Fault {
        name: "leader's disk hangs",
        target: Leader,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| hang(scene, scene.leader),
    },
    Fault {
        name: "a follower's disk hangs",
        target: Follower,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| {
            let follower = scene.follower();
            hang(scene, follower)
        },
    },
    Fault {
        name: "leader's disk at 20 KB/s",
        target: Any,
        lasts: Duration::from_secs(2),
        prepare: nothing,
        begin: slow,
    },
];

/// The processes are stopped where they are, in the middle of a flush too, and what was not flushed is gone.
pub(super) fn power(scene: &mut Scene<'_>, nodes: Vec<usize>) -> Ongoing {
    let told: Vec<_> = nodes.iter().map(|node| published(scene, *node)).collect();
    for &node in &nodes {
        scene.site.node(node).signal(Signal::STOP);
    }
    for &node in &nodes {
        until_it_says_nothing(scene.site.node(node).pid().as_raw_nonzero().get());
    }
    for &node in &nodes {
        scene.watch.leave(node);
        scene.site.node(node).machine.cut();
    }
    for &node in &nodes {
        scene.site.node(node).kill();
    }
    Box::new(move |scene| {
        let mut wrong = Vec::new();
        for (&node, &told) in nodes.iter().zip(&told) {
            scene.site.node(node).machine.restart();
            // One that is gone is not whole.
            let file = fs::read(scene.site.node(node).hosts()).unwrap_or_default();
            let found = render::header(&file).map_or(0, |header| header.revision.get());
            if !render::verify(&file) || found < told {
                wrong.push(format!(
                    "n{node} has a file of revision {found} after {told}"
                ));
            }
            scene.watch.come_back(node, told);
            scene.site.node(node).start();
        }
        match wrong.is_empty() {
            true => Evidence::Seen(format!("power of {nodes:?} cut")),
            false => Evidence::Wrong(wrong.join("; ")),
        }
    })
}

/// The revision of the file that this node says to have written.
fn published(scene: &Scene<'_>, node: usize) -> u64 {
    let status = scene.site.talk.status(node).unwrap_or_default();
    let own = status.nodes.iter().find(|status| status.id == node as u64);
    let published = own.and_then(|own| own.published.as_ref());
    // Every change here is one of the file, but what the file shows is a revision that changed it.
    published.map_or(0, |file| {
        file.revision.min(own.map_or(0, |own| own.revision))
    })
}

/// Waits until no thread of a stopped process will do another step; one in the middle of a flush may still be in it.
fn until_it_says_nothing(process: i32) {
    let tasks = format!("/proc/{process}/task");
    let end = Instant::now() + Duration::from_secs(60);
    // Without a rest in between: the flush is over in a moment.
    while !fs::read_dir(&tasks)
        .unwrap()
        .all(|task| matches!(state(&task.unwrap().path()), Some('T' | 'D') | None))
    {
        assert!(Instant::now() < end, "{tasks} is not stopped");
    }
}

/// The state of a thread, unless it has ended just now.
fn state(task: &Path) -> Option<char> {
    let stat = fs::read_to_string(task.join("stat")).unwrap_or_default();
    // It comes after the name, which may hold anything.
    stat.rsplit(") ").next()?.chars().next()
}

/// Every call fails from now on, under a process that goes on: it has to end, and say so.
fn errors(scene: &mut Scene<'_>) -> Ongoing {
    let node = scene.leader;
    let told = published(scene, node);
    let from = scene.site.node(node).log_length();
    scene.watch.leave(node);
    scene.site.node(node).machine.cut();
    Box::new(move |scene| {
        let evidence = ended(scene, node, from, "Input/output error");
        scene.site.node(node).machine.restart();
        scene.watch.come_back(node, told);
        scene.site.node(node).start();
        evidence
    })
}

/// A node whose log cannot be written ends, and its last line says why.
fn ended(scene: &mut Scene<'_>, node: usize, from: usize, words: &str) -> Evidence {
    let ended = scene.site.node(node).end_within(ENDED);
    let log = scene.site.node(node).log(from);
    let last = log.lines().last().unwrap_or_default();
    match ended {
        Some(status) if status.code() == Some(1) && last.contains(words) => {
            Evidence::Seen(format!("n{node} ended: {words}"))
        }
        Some(status) => Evidence::Wrong(format!("n{node} ended with {status}: {last}")),
        None => {
            scene.site.node(node).kill();
            Evidence::Wrong(format!("n{node} runs on: {last}"))
        }
    }
}

/// Far more than a stop of a node whose log is gone takes.
const ENDED: Duration = Duration::from_secs(30);

fn full(scene: &mut Scene<'_>) -> Ongoing {
    let node = scene.leader;
    let from = scene.site.node(node).log_length();
    let filler = scene.site.node(node).machine.place("filler");
    fill(&filler);
    Box::new(move |scene| {
        let evidence = ended(scene, node, from, "No space left on device");
        fs::remove_file(&filler).unwrap();
        scene.site.node(node).start();
        evidence
    })
}

/// Takes every free block of a file system, without writing to most of them.
fn fill(path: &Path) {
    fs::write(path, "").unwrap();
    for size in (12..30).rev().map(|bits| 1_u64 << bits) {
        loop {
            let from = fs::metadata(path).unwrap().len();
            let mut take = Command::new("fallocate");
            take.args(["--offset", &from.to_string(), "--length", &size.to_string()]);
            let taken = take.arg(path).stderr(Stdio::null()).status().unwrap();
            if !taken.success() {
                // It may have taken some of them all the same.
                break;
            }
        }
    }
}

pub(super) fn hang(scene: &mut Scene<'_>, node: usize) -> Ongoing {
    let place = scene.site.node(node).machine.place("");
    let place = place.to_str().unwrap().to_owned();
    run(&["fsfreeze", "--freeze", &place]);
    let begun = Instant::now();
    Box::new(move |scene| {
        let tasks = format!(
            "/proc/{}/task",
            scene.site.node(node).pid().as_raw_nonzero()
        );
        let mut tasks = fs::read_dir(tasks).unwrap();
        let waits = tasks.any(|task| state(&task.unwrap().path()) == Some('D'));
        run(&["fsfreeze", "--unfreeze", &place]);
        let lasted = begun.elapsed().as_secs_f64();
        Evidence::of(
            waits,
            format!("n{node} waited for its disk, which hung for {lasted:.1} s"),
        )
    })
}

fn slow(scene: &mut Scene<'_>) -> Ongoing {
    let node = scene.leader;
    let group = scene.world.group("blkio", "slow");
    let device = fs::metadata(scene.site.node(node).machine.place(""))
        .unwrap()
        .dev();
    // A loop device: major 7, minor below 256.
    let device = format!("{}:{}", device >> 8, device & 0xff);
    let limit = group.join("blkio.throttle.write_bps_device");
    fs::write(&limit, format!("{device} 20480")).unwrap();
    let process = scene.site.node(node).pid().as_raw_nonzero().to_string();
    fs::write(group.join("cgroup.procs"), &process).unwrap();
    let count = move |group: &Path| {
        let text = fs::read_to_string(group.join("blkio.throttle.io_serviced")).unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{device} Write ")));
        (
            line.and_then(|count| count.parse::<u64>().ok())
                .unwrap_or(0),
            device.clone(),
        )
    };
    let before = count(&group).0;
    Box::new(move |scene| {
        let (after, device) = count(&group);
        fs::write(&limit, format!("{device} 0")).unwrap();
        if scene.site.node(node).runs() {
            let root = group
                .parent()
                .and_then(Path::parent)
                .expect("it is in a controller");
            fs::write(root.join("cgroup.procs"), &process).unwrap();
        }
        Evidence::of(after > before, format!("{} slow writes", after - before))
    })
}
