//! A node that fails at a named place in its own code: a panic, an error, a second in which nothing moves. Whatever
//! the place, what was acknowledged is there afterwards, on all nodes alike, and a node that could not store something
//! has ended and says so.
//!
//! `ROUTER_HOSTS_FAILPOINTS=N` makes N trials instead of a few; all places and ways take their turns from a seed.

use std::env;
use std::fs;
use std::time::Duration;

use node::failpoint::{SITES, Site};

use crate::support::{Cluster, Load, until};

/// What a site is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Panic,
    Error,
    Delay,
}

impl Way {
    const fn action(self) -> &'static str {
        match self {
            Self::Panic => "1*panic",
            Self::Error => "1*return",
            Self::Delay => "1*sleep(1000)",
        }
    }
}

/// How the node was after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Ended,
    WentOn,
}

const SETTINGS: &str = "\n[raft]\nsnapshot_after = 500\n\n[[hooks.on_success]]\nname = \"nothing\"\ncommand = \"true\"\n";

#[test]
fn whatever_place_fails_nothing_that_was_acknowledged_is_lost() {
    let trials = env::var("ROUTER_HOSTS_FAILPOINTS").map_or(6, |trials| trials.parse().unwrap());
    let mut turns: Vec<(Site, Way)> = SITES
        .iter()
        .flat_map(|&site| [Way::Panic, Way::Error, Way::Delay].map(|way| (site, way)))
        .filter(|(site, way)| site.fails || *way != Way::Error)
        .collect();
    let mut cluster = Cluster::with(3, SETTINGS);
    for at in (1..turns.len()).rev() {
        let other = cluster.below(at + 1);
        turns.swap(at, other);
    }
    let mut ended = 0;
    for (number, &(site, way)) in turns.iter().cycle().take(trials).enumerate() {
        let after = trial(&mut cluster, number, site, way);
        eprintln!("{number}: {} {way:?}: {after:?}", site.name);
        ended += usize::from(after == After::Ended);
    }
    eprintln!("{trials} trials, {ended} of them ended the node; nothing acknowledged was lost");
    cluster.stop();
}

/// Whether a node has to end that this happens to: after a panic, and when the log, the state or a snapshot cannot be
/// stored, its own or one that it was sent.
fn must_end(site: Site, way: Way) -> bool {
    let kinds = [
        "log.",
        "apply",
        "state.",
        "snapshot.b",
        "snapshot.n",
        "snapshot.s",
        "snapshot.install",
    ];
    let stores = kinds.iter().any(|kind| site.name.starts_with(kind));
    way == Way::Panic || stores && way == Way::Error
}

/// Makes one node fail under load, and looks what became of it and of the data.
fn trial(cluster: &mut Cluster, number: usize, site: Site, way: Way) -> After {
    let leader = cluster.leader();
    let followers = cluster.others(&leader);
    let follower = cluster.any_of(&followers);
    let acked = cluster.scratch(&format!("acked-{number}"));
    fs::write(&acked, "").unwrap();
    let prefix = format!("f{number}");
    let words = [
        "--writers",
        "8",
        "--readers",
        "2",
        "--payload",
        payload(site),
    ];
    let load = Load::with(cluster, &acked, &prefix, &words);
    let acknowledged = || fs::read_to_string(&acked).unwrap().lines().count();
    until("there is load", || {
        let count = acknowledged();
        (count > 50).then_some(()).ok_or(count.to_string())
    });

    let anywhere = [leader.clone(), follower.clone()][number % 2].clone();
    let victim = match site.name {
        name if name.starts_with("leader.") => leader.clone(),
        name if name.starts_with("forward") => follower.clone(),
        "log.vote" | "log.witness" | "snapshot.receive" | "snapshot.install"
        | "snapshot.installed" => follower.clone(),
        "log.truncate" => leader.clone(),
        _ => anywhere,
    };
    let seen = cluster.log(&victim).len();
    let file = cluster.node_dir(&victim).join("failpoints");
    let arm = || fs::write(&file, format!("{}={}\n", site.name, way.action())).unwrap();
    match site.name {
        "snapshot.receive" | "snapshot.install" | "snapshot.installed" => {
            cluster.kill([&victim]);
            let reached = cluster.status().leader().unwrap().last_log_index;
            cluster.until_purged_beyond(reached);
            arm();
            cluster.try_start(&victim);
        }
        "log.vote" | "log.witness" => {
            arm();
            cluster.kill([&leader]);
        }
        "log.truncate" => {
            // What it appends now reaches nobody.
            cluster.kill(&followers);
            let grown = || fs::metadata(cluster.newest_segment(&leader)).unwrap().len();
            let before = grown();
            until("the leader has appended alone", || {
                let now = grown();
                (now > before).then_some(()).ok_or(now.to_string())
            });
            cluster.kill([&leader]);
            cluster.restart(&followers);
            until("the others go on", || {
                let before = acknowledged();
                std::thread::sleep(Duration::from_millis(50));
                (acknowledged() > before).then_some(()).ok_or(String::new())
            });
            arm();
            cluster.try_start(&leader);
        }
        _ => arm(),
    }

    until(&format!("{} does {way:?} on {victim}", site.name), || {
        let log = cluster.log(&victim);
        let log = &log[seen..];
        let named = format!("site=\"{}\"", site.name);
        let line = |what: &str| {
            log.lines()
                .any(|line| line.contains(what) && line.contains(&named))
        };
        let happened = match way {
            Way::Panic => log.contains(&format!("failpoint {} panic", site.name)),
            Way::Error => line("a failpoint fails"),
            Way::Delay => line("a failpoint held up"),
        };
        happened
            .then_some(())
            .ok_or_else(|| log.lines().rev().take(3).collect())
    });
    if must_end(site, way) {
        until(
            &format!("{victim} ends after {} {way:?}", site.name),
            || {
                (!cluster.runs(&victim))
                    .then_some(())
                    .ok_or_else(|| cluster.log(&victim)[seen..].to_owned())
            },
        );
    }
    let after = match cluster.runs(&victim) {
        true => After::WentOn,
        false => After::Ended,
    };
    fs::remove_file(&file).unwrap();
    for name in cluster.names() {
        until(&format!("{name} runs"), || match cluster.runs(&name) {
            true => Ok(()),
            false => Err(cluster.try_start(&name)),
        });
    }
    cluster.until_healthy();
    let before = acknowledged();
    until("writes go on", || {
        let now = acknowledged();
        (now > before).then_some(()).ok_or(now.to_string())
    });
    drop(load);
    cluster.until_all_at(0);
    cluster.assert_same_file_everywhere();
    for name in cluster.names() {
        let acked = acked.to_str().unwrap();
        cluster
            .via(&name)
            .run(&["bench", "verify", "--acked", acked])
            .json();
    }
    cluster
        .via_any()
        .run(&["bench", "clean", "--prefix", &prefix])
        .json();
    after
}

/// A log that rolls and is purged wants more bytes.
fn payload(site: Site) -> &'static str {
    match site.name {
        "log.created" | "log.sealed" | "log.remove" => "1024",
        _ => "0",
    }
}
