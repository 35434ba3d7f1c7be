//! A network of one switch: every node in a network namespace of its own, on a tap whose other end this process holds.
//!
//! ```text
//! n1 eth0 ─ tap ─┐
//! n2 eth0 ─ tap ─┼─ switch (threads of this process) ─ tap ─ this process's own namespace: the clients
//! n3 eth0 ─ tap ─┘
//! ```
//!
//! What happens to a frame is decided per direction of each pair, below TCP and TLS. The switch never harms what the
//! clients send and get: whoever can reach a node that is cut off from its peers must not be told old things by it. Only
//! a node whose own link is taken down is out of their reach, too.

mod line;
mod switch;
mod tap;

use std::net::Ipv4Addr;

pub(crate) use line::{Fate, Harm};
use switch::Switch;
use tap::Tap;

use crate::world::run;

/// The network of a test; it goes with the namespaces.
pub(crate) struct Network {
    switch: Switch,
    nodes: usize,
}

/// The port of the clients. Node `i` has port `i`.
const CLIENTS: usize = 0;

impl Network {
    /// Namespaces `n1` to `n{nodes}` and the network that joins them and the clients.
    pub(crate) fn new(nodes: usize, seed: u64) -> Self {
        let mut taps = Vec::new();
        for port in 0..=nodes {
            let tap = Tap::new(&format!("rh{port}"));
            let (space, device) = match port {
                CLIENTS => (String::new(), tap.name.clone()),
                _ => {
                    let space = space_of(port);
                    run(&["ip", "netns", "add", &space]);
                    run(&[
                        "ip", "link", "set", &tap.name, "netns", &space, "name", DEVICE,
                    ]);
                    (space, DEVICE.to_owned())
                }
            };
            let inside = |words: &[&str]| match space.as_str() {
                "" => run(&[&["ip"], words].concat()),
                space => run(&[&["ip", "-n", space], words].concat()),
            };
            let address = format!("{}/24", address_of(port));
            let hardware = switch::hardware_text(port);
            // No IPv6: its discovery is traffic that nobody asked for.
            inside(&[
                "link",
                "set",
                &device,
                "address",
                &hardware,
                "addrgenmode",
                "none",
            ]);
            inside(&["addr", "add", &address, "dev", &device]);
            inside(&["link", "set", "lo", "up"]);
            inside(&["link", "set", &device, "up"]);
            taps.push(tap);
        }
        Self {
            switch: Switch::start(taps, seed),
            nodes,
        }
    }

    /// Gives frames from one node to another this fate.
    pub(crate) fn set(&self, from: usize, to: usize, fate: Fate) {
        self.switch.set(from, to, fate);
    }

    /// The same for both directions.
    pub(crate) fn set_both(&self, one: usize, other: usize, fate: Fate) {
        self.set(one, other, fate);
        self.set(other, one, fate);
    }

    /// The same for all links of these nodes among each other.
    pub(crate) fn set_all(&self, fate: Fate) {
        for from in 1..=self.nodes {
            for to in (1..=self.nodes).filter(|to| *to != from) {
                self.set(from, to, fate);
            }
        }
    }

    /// All frames arrive again, in order and at once.
    pub(crate) fn heal(&self) {
        self.set_all(Fate::default());
    }

    /// What the switch has done to frames since it was asked last.
    pub(crate) fn harm(&self) -> Harm {
        self.switch.harm()
    }

    /// Takes the link of a node down, or up again.
    pub(crate) fn link(&self, node: usize, up: bool) {
        let state = if up { "up" } else { "down" };
        run(&["ip", "-n", &space_of(node), "link", "set", DEVICE, state]);
    }

    /// Whether the link of a node is up, as the kernel says.
    pub(crate) fn link_is_up(&self, node: usize) -> bool {
        run(&["ip", "-n", &space_of(node), "-o", "link", "show", "up"]).contains(DEVICE)
    }

    /// Resets every TCP connection of a node with the other nodes, and says how many there were.
    pub(crate) fn reset_connections(&self, node: usize) -> usize {
        let space = space_of(node);
        let mut count = 0;
        for other in (1..=self.nodes).filter(|other| *other != node) {
            let address = address_of(other).to_string();
            let killed = run(&[
                "ip", "netns", "exec", &space, "ss", "-K", "-H", "-t", "dst", &address,
            ]);
            count += killed.lines().count();
        }
        count
    }
}

const DEVICE: &str = "eth0";

/// The file that stands for the namespace of a node.
pub(crate) fn space_file(node: usize) -> String {
    format!("/run/netns/{}", space_of(node))
}

/// The namespace of a node.
fn space_of(node: usize) -> String {
    format!("n{node}")
}

/// The address of a port.
pub(crate) fn address_of(port: usize) -> Ipv4Addr {
    let last = match port {
        CLIENTS => 100,
        _ => u8::try_from(port).unwrap(),
    };
    Ipv4Addr::new(10, 231, 7, last)
}
