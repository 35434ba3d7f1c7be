//! Two faults at once: one of the network, and one of a node.

use super::Target::Any;
use super::{Fault, Ongoing, SHORT, Scene, disk, line, nothing, process};

pub(super) const FAULTS: &[Fault] = &[Fault {
    name: "two at once",
    target: Any,
    lasts: SHORT,
    prepare: nothing,
    begin: both,
}];

type Begin = fn(&mut Scene<'_>) -> Ongoing;

const OF_THE_NETWORK: [Begin; 4] = [
    |scene| line::loss(scene, 20),
    line::delay,
    |scene| line::cut(scene, true, true),
    |scene| line::cut(scene, false, true),
];

const OF_A_NODE: [Begin; 5] = [
    |scene| process::kill(scene, vec![scene.leader]),
    |scene| {
        let follower = scene.follower();
        process::kill(scene, vec![follower])
    },
    |scene| {
        let follower = scene.follower();
        process::pause(scene, follower)
    },
    |scene| {
        let follower = scene.follower();
        disk::power(scene, vec![follower])
    },
    |scene| disk::hang(scene, scene.leader),
];

fn both(scene: &mut Scene<'_>) -> Ongoing {
    let network = OF_THE_NETWORK[scene.chance.below(OF_THE_NETWORK.len())];
    let node = OF_A_NODE[scene.chance.below(OF_A_NODE.len())];
    let (first, second) = (network(scene), node(scene));
    Box::new(move |scene| {
        let second = second(scene);
        first(scene).and(second)
    })
}
