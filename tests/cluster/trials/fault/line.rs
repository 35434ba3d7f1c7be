//! Links that lose, delay, turn and narrow what they carry.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::Target::{Any, Leader};
use super::{Evidence, Fault, Ongoing, SHORT, Scene, nothing};
use crate::net::{Fate, Harm};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "partition of the leader",
        target: Leader,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| cut(scene, true, true),
    },
    Fault {
        name: "leader cannot hear",
        target: Leader,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| cut(scene, true, false),
    },
    Fault {
        name: "leader cannot be heard",
        target: Leader,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| cut(scene, false, true),
    },
    Fault {
        name: "partition of leader and one follower",
        target: Any,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| {
            let follower = scene.follower();
            scene.network.set_both(scene.leader, follower, CUT);
            seen_as(|harm| (harm.lost, "frames lost"))
        },
    },
    Fault {
        name: "link of the leader down",
        target: Leader,
        lasts: SHORT,
        prepare: nothing,
        begin: link_down,
    },
    Fault {
        name: "link of the leader flaps",
        target: Any,
        lasts: Duration::from_secs(2),
        prepare: nothing,
        begin: flap,
    },
    Fault {
        name: "loss 5 %",
        target: Any,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| loss(scene, 5),
    },
    Fault {
        name: "loss 20 %",
        target: Any,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| loss(scene, 20),
    },
    Fault {
        name: "loss 50 %",
        target: Any,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| loss(scene, 50),
    },
    Fault {
        name: "delay 75 ± 50 ms",
        target: Any,
        lasts: SHORT,
        prepare: nothing,
        begin: delay,
    },
    Fault {
        name: "reordered, doubled",
        target: Any,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| {
            let turned = Fate {
                reordered: 20,
                doubled: 10,
                ..Fate::default()
            };
            scene.network.set_all(turned);
            seen_as(|harm| {
                (
                    harm.reordered.min(harm.doubled),
                    "frames reordered and doubled",
                )
            })
        },
    },
    Fault {
        name: "wrong bits",
        target: Any,
        lasts: SHORT,
        prepare: nothing,
        begin: |scene| {
            scene.network.set_all(Fate {
                corrupted: 5,
                ..Fate::default()
            });
            seen_as(|harm| (harm.corrupted, "frames with a wrong bit"))
        },
    },
    Fault {
        name: "connections reset",
        target: Any,
        lasts: SHORT,
        prepare: nothing,
        begin: reset,
    },
    Fault {
        name: "64 kbit/s around the leader",
        target: Any,
        lasts: SHORT,
        prepare: nothing,
        begin: narrow,
    },
];

const CUT: Fate = Fate {
    cut: true,
    loss: 0,
    delay: Duration::ZERO,
    jitter: Duration::ZERO,
    reordered: 0,
    doubled: 0,
    corrupted: 0,
    bytes_per_second: None,
};

/// Cuts what goes to the leader, what comes from it, or both.
pub(super) fn cut(scene: &mut Scene<'_>, to: bool, from: bool) -> Ongoing {
    for other in scene.site.others(scene.leader) {
        if to {
            scene.network.set(other, scene.leader, CUT);
        }
        if from {
            scene.network.set(scene.leader, other, CUT);
        }
    }
    seen_as(|harm| (harm.lost, "frames lost"))
}

pub(super) fn loss(scene: &mut Scene<'_>, of_hundred: usize) -> Ongoing {
    scene.network.set_all(Fate {
        loss: of_hundred,
        ..Fate::default()
    });
    seen_as(|harm| (harm.lost, "frames lost"))
}

pub(super) fn delay(scene: &mut Scene<'_>) -> Ongoing {
    scene.network.set_all(Fate {
        delay: Duration::from_millis(75),
        jitter: Duration::from_millis(50),
        ..Fate::default()
    });
    seen_as(|harm| (harm.late, "frames late"))
}

/// Heals the links, and tells what the switch has counted.
fn seen_as(what: fn(Harm) -> (u64, &'static str)) -> Ongoing {
    Box::new(move |scene| {
        scene.network.heal();
        let (count, what) = what(scene.network.harm());
        Evidence::of(count > 0, format!("{count} {what}"))
    })
}

fn link_down(scene: &mut Scene<'_>) -> Ongoing {
    let node = scene.leader;
    scene.network.link(node, false);
    Box::new(move |scene| {
        let down = !scene.network.link_is_up(node);
        scene.network.link(node, true);
        Evidence::of(down, format!("the link of n{node} was down"))
    })
}

/// The link goes down and up again every 200 ms.
fn flap(scene: &mut Scene<'_>) -> Ongoing {
    let node = scene.leader;
    let stop = Arc::new(AtomicBool::new(false));
    let (network, stopped) = (Arc::clone(scene.network), Arc::clone(&stop));
    let flapping = thread::spawn(move || {
        let mut times = 0;
        while !stopped.load(Ordering::Relaxed) {
            network.link(node, false);
            thread::sleep(FLAP);
            network.link(node, true);
            thread::sleep(FLAP);
            times += 1;
        }
        times
    });
    Box::new(move |_| {
        stop.store(true, Ordering::Relaxed);
        let times: u32 = flapping.join().unwrap();
        Evidence::of(
            times > 2,
            format!("the link of n{node} was down {times} times"),
        )
    })
}

const FLAP: Duration = Duration::from_millis(200);

/// All connections between nodes are reset, three times.
fn reset(scene: &mut Scene<'_>) -> Ongoing {
    let mut count = 0;
    for _ in 0..3 {
        for node in scene.site.numbers() {
            count += scene.network.reset_connections(node);
        }
        thread::sleep(FLAP);
    }
    Box::new(move |_| Evidence::of(count > 2, format!("{count} connections reset")))
}

fn narrow(scene: &mut Scene<'_>) -> Ongoing {
    for other in scene.site.others(scene.leader) {
        let narrow = Fate {
            bytes_per_second: Some(8000),
            ..Fate::default()
        };
        scene.network.set_both(scene.leader, other, narrow);
    }
    seen_as(|harm| (harm.late, "frames late"))
}
