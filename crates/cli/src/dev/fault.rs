//! Faults as they are in force: which, where, since when, and what shows that they happened.
//!
//! What is in force is read from where it is – a process, a link, a file – and not from what was once asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::links::{Hindrance, Link, Links, Met};
use super::nodes::Nodes;
use super::obstacles::Flag;
use super::process::{Down, Node, State};
use crate::output::FaultReport;

/// A fault and its place.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Fault {
    Kill(usize),
    Pause(usize),
    Partition(Link),
    Delay(Link),
    Drop(Link),
    Flag(Flag, usize),
}

impl Fault {
    /// Whether one of these nodes is in it, or at one end of it.
    pub(crate) fn touches(self, places: &[usize]) -> bool {
        match self {
            Self::Kill(place) | Self::Pause(place) | Self::Flag(_, place) => {
                places.contains(&place)
            }
            Self::Partition(link) | Self::Delay(link) | Self::Drop(link) => {
                places.contains(&link.from) || places.contains(&link.to)
            }
        }
    }
}

/// All faults in force.
pub(crate) fn in_force(nodes: &Nodes, links: Option<&Links>) -> BTreeSet<Fault> {
    let mut found = BTreeSet::new();
    for (place, node) in nodes.iter().enumerate() {
        match node.state() {
            State::Down(Down::Killed) => _ = found.insert(Fault::Kill(place)),
            State::Paused => _ = found.insert(Fault::Pause(place)),
            State::Running | State::Down(_) => {}
        }
        for flag in Flag::ALL {
            if met(node, flag).is_some() {
                found.insert(Fault::Flag(flag, place));
            }
        }
    }
    for link in links.into_iter().flat_map(Links::all) {
        let Hindrance {
            cut, delay, loss, ..
        } = links.map_or_else(Hindrance::default, |links| links.hindrance(link));
        if cut {
            found.insert(Fault::Partition(link));
        }
        if delay.is_some() {
            found.insert(Fault::Delay(link));
        }
        if loss.is_some() {
            found.insert(Fault::Drop(link));
        }
    }
    found
}

fn met(node: &Node, flag: Flag) -> Option<u64> {
    node.obstacles()?.met(flag)
}

/// Since when each fault is in force.
#[derive(Debug, Default)]
pub(crate) struct Begun(BTreeMap<Fault, Instant>);

impl Begun {
    /// Remembers what is new, and forgets what is over.
    pub(crate) fn keep(&mut self, in_force: &BTreeSet<Fault>) {
        self.0.retain(|fault, _| in_force.contains(fault));
        for fault in in_force {
            self.0.entry(*fault).or_insert_with(Instant::now);
        }
    }

    fn age(&self, fault: Fault) -> Duration {
        self.0.get(&fault).map_or(Duration::ZERO, Instant::elapsed)
    }

    /// A fault for people and scripts.
    pub(crate) fn report(&self, fault: Fault, nodes: &Nodes, links: Option<&Links>) -> FaultReport {
        let name = |place: usize| {
            let node = nodes.get(place);
            node.map_or_else(String::new, |node| node.member().name.clone())
        };
        let (node, to) = match fault {
            Fault::Kill(place) | Fault::Pause(place) | Fault::Flag(_, place) => (place, None),
            Fault::Partition(link) | Fault::Delay(link) | Fault::Drop(link) => {
                (link.from, Some(link.to))
            }
        };
        let hindrance = |link| links.map_or_else(Hindrance::default, |links| links.hindrance(link));
        let met_by = |link| links.map_or_else(Met::default, |links| links.met(link));
        let at = nodes.get(node);
        let (word, detail, seen) = match fault {
            Fault::Kill(_) => ("kill", None, at.and_then(gone)),
            Fault::Pause(_) => ("pause", None, at.and_then(stopped)),
            Fault::Partition(link) => ("partition", None, cut(met_by(link))),
            Fault::Delay(link) => {
                let seen = counted(met_by(link).delayed, "piece delayed", "pieces delayed");
                let detail = hindrance(link).delay.map(|delay| delay.to_string());
                ("delay", detail, seen)
            }
            Fault::Drop(link) => {
                let seen = counted(met_by(link).lost, "loss", "losses");
                let detail = hindrance(link).loss.map(|loss| loss.to_string());
                ("drop", detail, seen)
            }
            Fault::Flag(Flag::DiskFull, _) => ("disk-full", None, at.and_then(full)),
            Fault::Flag(Flag::HookFail, _) => {
                let failed = at.and_then(|node| met(node, Flag::HookFail)).unwrap_or(0);
                let seen = counted(failed, "run failed", "runs failed");
                ("hook-fail", None, seen)
            }
        };
        FaultReport {
            fault: word.to_owned(),
            node: name(node),
            to: to.map(name),
            detail,
            for_ms: u64::try_from(self.age(fault).as_millis()).unwrap_or(u64::MAX),
            seen,
        }
    }
}

fn counted(count: u64, one: &str, many: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    }
}

fn gone(node: &Node) -> Option<String> {
    let (process, status) = node.killed()?;
    Some(format!("process {process} is gone ({status})"))
}

fn stopped(node: &Node) -> Option<String> {
    let process = node.process().filter(|_| node.is_stopped())?;
    Some(format!("process {process} is stopped"))
}

fn cut(Met { held, unserved, .. }: Met) -> Option<String> {
    let held = counted(held, "piece held back", "pieces held back");
    let unserved = counted(unserved, "connection not served", "connections not served");
    match (held, unserved) {
        (Some(held), Some(unserved)) => Some(format!("{held}, {unserved}")),
        (held, unserved) => held.or(unserved),
    }
}

/// How a full disk shows: in what was refused, and in the end of a node that could not go on.
fn full(node: &Node) -> Option<String> {
    let refused = met(node, Flag::DiskFull).unwrap_or(0);
    let refused = counted(refused, "write refused", "writes refused")?;
    Some(match node.state() {
        State::Down(Down::Ended(status)) => format!("{refused}, and the node ended ({status})"),
        _ => refused,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_a_link_touches_both_of_its_ends() {
        let link = Link { from: 0, to: 2 };
        assert!(Fault::Partition(link).touches(&[2]));
        assert!(Fault::Delay(link).touches(&[0, 1]));
        assert!(!Fault::Drop(link).touches(&[1]));
        assert!(!Fault::Flag(Flag::DiskFull, 1).touches(&[0, 2]));
    }

    #[test]
    fn what_was_not_met_is_not_seen() {
        assert_eq!(cut(Met::default()), None);
        let met = Met {
            held: 1,
            unserved: 4,
            ..Met::default()
        };
        let said = "1 piece held back, 4 connections not served";
        assert_eq!(cut(met).as_deref(), Some(said));
    }

    #[test]
    fn the_age_of_a_fault_begins_anew_when_it_comes_again() {
        let (fault, mut begun) = (Fault::Kill(1), Begun::default());
        begun.keep(&BTreeSet::from([fault]));
        let first = begun.0[&fault];
        begun.keep(&BTreeSet::from([fault, Fault::Pause(0)]));
        assert_eq!(begun.0[&fault], first);
        begun.keep(&BTreeSet::new());
        assert_eq!(begun.age(fault), Duration::ZERO);
    }
}
