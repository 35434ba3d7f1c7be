//! Processes that end or sleep.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use super::Target::{Any, Follower, Leader};
use super::{Evidence, Fault, Ongoing, SHORT, Scene, nothing};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "kill -9 of the leader",
        target: Leader,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| kill(scene, vec![scene.leader]),
    },
    Fault {
        name: "kill -9 of a follower",
        target: Follower,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| {
            let follower = scene.follower();
            kill(scene, vec![follower])
        },
    },
    Fault {
        name: "kill -9 of all nodes",
        target: Any,
        lasts: Duration::from_millis(300),
        prepare: nothing,
        begin: |scene| kill(scene, scene.site.numbers()),
    },
    Fault {
        name: "SIGTERM to the leader",
        target: Leader,
        lasts: SHORT,
        prepare: nothing,
        begin: stop,
    },
    Fault {
        name: "pause of the leader",
        target: Leader,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| pause(scene, scene.leader),
    },
    Fault {
        name: "pause of a follower",
        target: Follower,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| {
            let follower = scene.follower();
            pause(scene, follower)
        },
    },
];

pub(super) fn kill(scene: &mut Scene<'_>, nodes: Vec<usize>) -> Ongoing {
    for &node in &nodes {
        scene.site.node(node).kill();
    }
    Box::new(move |scene| {
        for &node in &nodes {
            scene.site.node(node).start();
        }
        Evidence::Seen(format!("{nodes:?} killed"))
    })
}

fn stop(scene: &mut Scene<'_>) -> Ongoing {
    let node = scene.leader;
    scene.site.node(node).signal(Signal::TERM);
    Box::new(move |scene| {
        let ended = scene.site.node(node).end_within(STOPPED);
        let evidence = match ended {
            Some(status) if status.success() => Evidence::Seen(format!("n{node} stopped")),
            Some(status) => {
                Evidence::Wrong(format!("n{node} did not stop in good order: {status}"))
            }
            None => {
                scene.site.node(node).kill();
                Evidence::Wrong(format!("n{node} did not stop"))
            }
        };
        scene.site.node(node).start();
        evidence
    })
}

/// `docs/operating.md`: a stop takes less than 40 s.
const STOPPED: Duration = Duration::from_secs(40);

pub(super) fn pause(scene: &mut Scene<'_>, node: usize) -> Ongoing {
    scene.site.node(node).signal(Signal::STOP);
    Box::new(move |scene| {
        let stat = format!(
            "/proc/{}/stat",
            scene.site.node(node).pid().as_raw_nonzero()
        );
        let stat = fs::read_to_string(stat).unwrap();
        scene.site.node(node).signal(Signal::CONT);
        let stopped = stat
            .rsplit(") ")
            .next()
            .unwrap_or_default()
            .starts_with('T');
        Evidence::of(stopped, format!("n{node} stopped where it was"))
    })
}
