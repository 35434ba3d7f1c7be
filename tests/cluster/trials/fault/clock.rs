//! Clocks that jump, under processes whose monotonic time goes on.

use std::thread;
use std::time::Duration;

use super::Target::{Any, Follower, Leader};
use super::{Evidence, Fault, Ongoing, Scene};
use crate::site::EXPIRED;

/// A node looks at the clocks of the others every two seconds.
const LASTS: Duration = Duration::from_millis(3500);

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "leader's clock a day ahead",
        target: Any,
        lasts: LASTS,
        prepare: clocks,
        begin: |scene| jump(scene, scene.leader, "+86400"),
    },
    Fault {
        name: "leader's clock a day behind",
        target: Any,
        lasts: LASTS,
        prepare: clocks,
        begin: |scene| jump(scene, scene.leader, "-86400"),
    },
    Fault {
        name: "leader's clock ten years ahead",
        target: Any,
        lasts: LASTS,
        prepare: clocks,
        begin: |scene| jump(scene, scene.leader, "+315360000"),
    },
    Fault {
        name: "certificates expire for the leader",
        target: Leader,
        lasts: LASTS,
        prepare: clocks,
        begin: |scene| expire(scene, scene.leader),
    },
    Fault {
        name: "certificates expire for a follower",
        target: Follower,
        lasts: LASTS,
        prepare: clocks,
        begin: |scene| {
            let follower = scene.follower();
            expire(scene, follower)
        },
    },
];

/// Every node gets a clock that can be set, one after the other.
fn clocks(scene: &mut Scene<'_>) {
    for number in scene.site.numbers() {
        let node = scene.site.node(number);
        if !node.has_clock() {
            node.kill();
            node.give_clock();
            node.start();
            scene.site.until_level();
        }
    }
}

/// The others, or the node itself, find out that its clock is wrong.
fn jump(scene: &mut Scene<'_>, node: usize, by: &str) -> Ongoing {
    let from = scene.site.node(node).log_length();
    scene.site.node(node).set_clock(by);
    Box::new(move |scene| {
        let said = scene.site.node(node).log(from);
        scene.site.node(node).set_clock("+0");
        let seen = said.lines().any(|line| line.contains("clock"));
        Evidence::of(seen, format!("n{node} found its clock wrong"))
    })
}

/// Its clock jumps beyond the end of all certificates, and new connections have to be made.
fn expire(scene: &mut Scene<'_>, node: usize) -> Ongoing {
    let logs: Vec<_> = scene
        .site
        .nodes
        .iter()
        .map(|node| node.log_length())
        .collect();
    scene.site.node(node).set_clock(EXPIRED);
    let mut count = 0;
    for _ in 0..2 {
        count += scene.network.reset_connections(node);
        thread::sleep(Duration::from_millis(300));
    }
    Box::new(move |scene| {
        let mut said = scene
            .site
            .nodes
            .iter()
            .zip(logs)
            .map(|(node, from)| node.log(from));
        let seen = said.any(|said| said.to_lowercase().contains("expired"));
        scene.site.node(node).set_clock("+0");
        Evidence::of(
            seen && count > 0,
            format!("n{node} took certificates for expired, {count} connections reset"),
        )
    })
}
