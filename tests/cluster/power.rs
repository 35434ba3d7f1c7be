//! Real power cuts under a cluster: what was acknowledged is there when the power comes back.
//!
//! Each node has its data and its hosts file on an ext4 of its own. While clients write, processes are stopped where
//! they are, in the middle of a flush or not, their file systems shut down without the journal, and the processes
//! killed: what only the page cache knew is gone. The clients go on through all of it, as clients do. The hosts file that
//! the cut leaves is a whole one, and no older than the node had told.
//!
//! Needs root and loop devices, and says so where there are none; with `ROUTER_HOSTS_REQUIRE_ROOT_TESTS=1` that is a
//! failure. There are `ROUTER_HOSTS_CUTS` cuts, three if that is not set.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hosts::format::render;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Cluster, Machine, Slot, Writers, Written, ledger, process_of, with_room};

#[test]
fn every_acknowledged_host_survives_power_cuts_of_one_node_of_the_leader_and_of_all() {
    let _slot = Slot::take();
    with_room(
        "power::every_acknowledged_host_survives_power_cuts_of_one_node_of_the_leader_and_of_all",
        |room| {
            let cuts = env::var("ROUTER_HOSTS_CUTS").map_or(3, |cuts| cuts.parse().unwrap());
            let mut site = Site::new(room);
            // A new node says so, too.
            let new = site.rebuilt();
            let mut all = Written::default();
            let mut met = BTreeMap::new();
            let seed = site.cluster.seed();
            let rounds = panic::catch_unwind(AssertUnwindSafe(|| {
                for round in 0..cuts {
                    let what = ROUNDS[usize::from(round) % ROUNDS.len()];
                    *met.entry(what).or_insert(0) += 1;
                    let written = site.round(round, what);
                    all.acknowledged.extend(written.acknowledged);
                    all.refused.extend(written.refused);
                    all.unknown.extend(written.unknown);
                    site.cluster.assert_true_everywhere(&all);
                }
            }));
            ledger::note(&ledger::Row {
                kind: "power",
                cuts: met.values().sum(),
                operations: all.acknowledged.len() + all.refused.len() + all.unknown.len(),
                acknowledged: all.acknowledged.len(),
                unknown: all.unknown.len(),
                violations: usize::from(rounds.is_err()),
                seed,
                ..ledger::Row::default()
            });
            rounds.unwrap_or_else(|wrong| panic::resume_unwind(wrong));
            let rebuilt = site.rebuilt() - new;
            eprintln!(
                "{cuts} cuts {met:?}: {} hosts acknowledged, none lost; {} refused, {} of unknown outcome; \
                 {rebuilt} states rebuilt",
                all.acknowledged.len(),
                all.refused.len(),
                all.unknown.len(),
            );
            site.cluster.stop();
        },
    );
}

/// Which nodes lose power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    All,
    Leader,
    Follower,
}

/// In turn: half of the cuts take all nodes at once.
const ROUNDS: [What; 4] = [What::All, What::Leader, What::Follower, What::All];

/// A cluster, and the machine of each node. They go after the cluster.
pub(crate) struct Site {
    pub(crate) cluster: Cluster,
    pub(crate) machines: BTreeMap<String, Machine>,
}

impl Site {
    /// A cluster of three whose logs are shortened often.
    pub(crate) fn new(room: &Path) -> Self {
        let mut cluster = Cluster::with(3, "\n[raft]\nsnapshot_after = 100\n");
        cluster.stop();
        let mut machines = BTreeMap::new();
        for name in cluster.names() {
            let machine = Machine::new(room, &name);
            let dir = cluster.node_dir(&name);
            for (what, setting) in [("data", "data_dir"), ("hosts", "path")] {
                let (from, to) = (dir.join(what), machine.place(what));
                let moved = Command::new("mv").args([&from, &to]).status().unwrap();
                assert!(moved.success(), "cannot move {from:?}");
                std::os::unix::fs::symlink(&to, &from).unwrap();
                cluster.configure(
                    &name,
                    &format!("{setting} = \"{what}\""),
                    &format!("{setting} = \"{}\"", to.display()),
                );
            }
            machine.sync();
            machines.insert(name, machine);
        }
        cluster.start();
        Self { cluster, machines }
    }

    /// One cut while clients write; they write on until the cluster is whole again.
    fn round(&mut self, round: u16, what: What) -> Written {
        let writers = Writers::start(round, self.cluster.hands(8));
        writers.until_more(8 + self.cluster.below(40));
        let leader = self.cluster.leader();
        let cut = match what {
            What::All => self.cluster.names(),
            What::Leader => vec![leader],
            What::Follower => {
                let followers = self.cluster.others(&leader);
                vec![self.cluster.any_of(&followers)]
            }
        };
        let status = self.cluster.status();
        self.cut(&cut);
        if what != What::All {
            // The others go on without it.
            writers.until_more(8);
        }
        for name in &cut {
            let machine = &self.machines[name];
            machine.restart();
            let file = fs::read(machine.place("hosts")).unwrap();
            assert!(render::verify(&file), "{}", String::from_utf8_lossy(&file));
            // Every change here is one of the file.
            let found = render::header(&file).map(|header| header.revision.get());
            let told = status.node(name).published();
            assert!(
                found >= told,
                "{name} has a file of {found:?} after {told:?}"
            );
        }
        self.cluster.restart(&cut);
        self.cluster.until_healthy();
        // It takes writes, from all nodes.
        writers.until_more(8);
        writers.stop()
    }

    /// The power of these nodes goes, as good as at the same moment.
    fn cut(&self, names: &[String]) {
        let processes = names.iter().map(|name| {
            let dir = self.cluster.node_dir(name);
            process_of(&dir).unwrap_or_else(|| panic!("{name} does not run"))
        });
        let processes: Vec<Pid> = processes.collect();
        for &process in &processes {
            kill_process(process, Signal::STOP).unwrap();
        }
        for &process in &processes {
            until_it_says_nothing(process);
        }
        for name in names {
            self.machines[name].cut();
        }
        self.cluster.kill(names);
    }

    /// How often a node rebuilt its state at a start.
    fn rebuilt(&self) -> usize {
        let logs = self.machines.keys().map(|name| self.cluster.log(name));
        logs.map(|log| log.matches("the state is rebuilt").count())
            .sum()
    }
}

/// Waits until no thread of a process that was told to stop will do another step. One in the middle of a flush may
/// still be in it, and the cut meets it there: it does not come back from it to tell anybody.
fn until_it_says_nothing(process: Pid) {
    let tasks = format!("/proc/{}/task", process.as_raw_nonzero());
    let end = Instant::now() + Duration::from_secs(60);
    // Without a rest in between: the flush is over in a moment.
    while !fs::read_dir(&tasks)
        .unwrap()
        .all(|task| is_stopped(&task.unwrap().path()))
    {
        assert!(Instant::now() < end, "{tasks} is not stopped");
    }
}

/// Whether a thread is stopped, or will be as soon as the disk has answered it.
fn is_stopped(task: &Path) -> bool {
    // It may have ended just now.
    let stat = fs::read_to_string(task.join("stat")).unwrap_or_default();
    // The state comes after the name, which may hold anything.
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    matches!(state, Some('T' | 'D') | None)
}
