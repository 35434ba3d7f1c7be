//! Too little memory, time and descriptors.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Target::{Any, Leader};
use super::{Evidence, Fault, Ongoing, Scene, nothing};
use crate::net::address_of;
use crate::world::run;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "leader's memory taken",
        target: Leader,
        lasts: Duration::from_millis(2500),
        prepare: nothing,
        begin: memory,
    },
    Fault {
        name: "leader at 5 % CPU",
        target: Any,
        lasts: Duration::from_secs(2),
        prepare: nothing,
        begin: processor,
    },
    Fault {
        name: "leader's descriptors used up",
        target: Any,
        lasts: Duration::from_secs(2),
        prepare: nothing,
        begin: descriptors,
    },
];

/// The leader starts again with half of what it had for itself, and the kernel kills it.
fn memory(scene: &mut Scene<'_>) -> Ongoing {
    let node = scene.leader;
    let group = scene.world.group("memory", "little");
    let process = scene.site.node(node).pid().as_raw_nonzero();
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let own = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .unwrap();
    let kib: u64 = own.trim().trim_end_matches(" kB").parse().unwrap();
    scene.site.node(node).kill();
    fs::write(
        group.join("memory.limit_in_bytes"),
        (kib * 1024 / 2).to_string(),
    )
    .unwrap();
    let before = killed(&group);
    scene.site.node(node).start();
    let process = scene.site.node(node).pid().as_raw_nonzero().to_string();
    fs::write(group.join("cgroup.procs"), process).unwrap();
    Box::new(move |scene| {
        let count = killed(&group) - before;
        scene.site.node(node).kill();
        scene.site.node(node).start();
        Evidence::of(count > 0, format!("n{node} killed for want of memory"))
    })
}

/// How often the kernel killed in this group.
fn killed(group: &Path) -> u64 {
    let control = fs::read_to_string(group.join("memory.oom_control")).unwrap();
    let line = control
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "));
    line.unwrap().parse().unwrap()
}

fn processor(scene: &mut Scene<'_>) -> Ongoing {
    let node = scene.leader;
    let group = scene.world.group("cpu", "slow");
    fs::write(group.join("cpu.cfs_quota_us"), "5000").unwrap();
    let process = scene.site.node(node).pid().as_raw_nonzero().to_string();
    let before = throttled(&group);
    fs::write(group.join("cgroup.procs"), &process).unwrap();
    Box::new(move |scene| {
        let count = throttled(&group) - before;
        fs::write(group.join("cpu.cfs_quota_us"), "-1").unwrap();
        if scene.site.node(node).runs() {
            fs::write(root(&group).join("cgroup.procs"), &process).unwrap();
        }
        Evidence::of(count > 5, format!("n{node} throttled {count} times"))
    })
}

fn throttled(group: &Path) -> u64 {
    let stat = fs::read_to_string(group.join("cpu.stat")).unwrap();
    let line = stat
        .lines()
        .find_map(|line| line.strip_prefix("nr_throttled "));
    line.unwrap().parse().unwrap()
}

fn root(group: &Path) -> PathBuf {
    let root = group.parent().and_then(Path::parent);
    root.expect("it is in a controller").to_owned()
}

/// It may open nothing more: no file, and no connection.
fn descriptors(scene: &mut Scene<'_>) -> Ongoing {
    let node = scene.leader;
    let from = scene.site.node(node).log_length();
    let process = scene.site.node(node).pid().as_raw_nonzero().to_string();
    let open = fs::read_dir(format!("/proc/{process}/fd")).unwrap().count();
    let usual = limit(&process);
    set_limit(&process, &open.to_string(), &usual.1);
    // Each wants to be let in. They are kept until the fault ends.
    let knocking: Vec<_> = (0..4)
        .map(|_| TcpStream::connect((address_of(node), 7000)))
        .collect();
    Box::new(move |scene| {
        if scene.site.node(node).runs() {
            set_limit(&process, &usual.0, &usual.1);
        }
        drop(knocking);
        // What it could not open may end it a moment later.
        let settled = scene.site.settled(node);
        let said = scene.site.node(node).log(from);
        let how = match settled {
            Ok(None) => "went on",
            Ok(Some(_)) => {
                scene.site.node(node).start();
                "ended"
            }
            Err(seen) => return Evidence::Wrong(seen),
        };
        let felt = said.contains("Too many open files");
        Evidence::of(felt, format!("n{node} had no descriptors left, and {how}"))
    })
}

/// The soft and the hard limit.
fn limit(process: &str) -> (String, String) {
    let said = run(&[
        "prlimit",
        "--pid",
        process,
        "--nofile",
        "--noheadings",
        "--raw",
        "-o",
        "SOFT,HARD",
    ]);
    let (soft, hard) = said.trim().split_once(' ').unwrap();
    (soft.to_owned(), hard.trim().to_owned())
}

fn set_limit(process: &str, soft: &str, hard: &str) {
    run(&[
        "prlimit",
        "--pid",
        process,
        &format!("--nofile={soft}:{hard}"),
    ]);
}
