//! What is done to a cluster in a trial, and how it is seen that it was done.

use std::sync::Arc;
use std::time::Duration;

use crate::chance::Chance;
use crate::net::Network;
use crate::site::Site;
use crate::watch::Watch;
use crate::world::World;

mod clock;
mod damage;
mod disk;
mod line;
mod process;
mod resource;
mod two;

/// One kind of fault.
pub(crate) struct Fault {
    /// As tables have it.
    pub(crate) name: &'static str,
    pub(crate) target: Target,
    /// How long it lasts at least.
    pub(crate) lasts: Duration,
    /// What has to be so before clients begin.
    pub(crate) prepare: fn(&mut Scene<'_>),
    /// Makes it happen.
    pub(crate) begin: fn(&mut Scene<'_>) -> Ongoing,
}

/// Whom it is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    /// The leader and nobody else: others take over, and the write gap counts.
    Leader,
    /// One node that does not lead.
    Follower,
    /// Everybody, or whoever chance picks.
    Any,
}

/// Where it happens.
pub(crate) struct Scene<'a> {
    pub(crate) world: &'a World,
    pub(crate) network: &'a Arc<Network>,
    pub(crate) site: &'a mut Site,
    pub(crate) watch: &'a Watch,
    pub(crate) chance: &'a mut Chance,
    /// Who led when the fault began.
    pub(crate) leader: usize,
}

/// Ends it, and brings the evidence.
pub(crate) type Ongoing = Box<dyn FnOnce(&mut Scene<'_>) -> Evidence>;

/// Whether it happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Evidence {
    /// It did; what was seen of it.
    Seen(String),
    /// There is none: the trial shows nothing.
    Missing(String),
    /// It did, and a node answered with what it must not do.
    Wrong(String),
}

/// All kinds, in the order of the table in `docs/reliability.md`.
pub(crate) fn all() -> Vec<&'static Fault> {
    let kinds = [
        process::FAULTS,
        line::FAULTS,
        disk::FAULTS,
        damage::FAULTS,
        resource::FAULTS,
        two::FAULTS,
        clock::FAULTS,
    ];
    kinds.into_iter().flatten().collect()
}

impl Scene<'_> {
    /// A node that does not lead.
    pub(crate) fn follower(&mut self) -> usize {
        let others = self.site.others(self.leader);
        others[self.chance.below(others.len())]
    }
}

impl Evidence {
    /// What two faults at once have shown.
    fn and(self, other: Self) -> Self {
        use Evidence::{Missing, Seen, Wrong};
        match (self, other) {
            (Wrong(one), Wrong(two)) => Wrong(format!("{one}; {two}")),
            (Wrong(wrong), _) | (_, Wrong(wrong)) => Wrong(wrong),
            (Missing(missing), _) | (_, Missing(missing)) => Missing(missing),
            (Seen(one), Seen(two)) => Seen(format!("{one}; {two}")),
        }
    }

    /// Seen, if it is so.
    fn of(happened: bool, what: impl Into<String>) -> Self {
        match happened {
            true => Self::Seen(what.into()),
            false => Self::Missing(what.into()),
        }
    }
}

fn nothing(_: &mut Scene<'_>) {}

/// Longer than an election takes: the longest timeout is 0.6 s.
const SHORT: Duration = Duration::from_millis(1500);
