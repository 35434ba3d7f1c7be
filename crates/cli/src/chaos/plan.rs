//! Which faults a run has, where and when: drawn from its seed and its length, and from nothing else.
//!
//! One fault at a time, with time to recover behind each: a cluster of three that is built as promised comes through.
//! Nodes are named by their role, so the plan is the same for every cluster. What is drawn, and in which order, must
//! not change: people keep seeds.

use crate::chance::Chance;
use crate::dev::choose::Verb;
use crate::dev::control::{LinkFault, Obstacle, Request, Way};
use crate::dev::links::{Delay, Loss};
use std::time::Duration;

/// One fault of a plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Step {
    /// From the beginning of the run.
    pub(crate) at: Duration,
    /// Until it is healed; zero for one that is over when it is done.
    pub(crate) lasts: Duration,
    pub(crate) fault: Fault,
    /// `leader` or `follower`, as they are then.
    pub(crate) on: &'static str,
    /// For the chance within the fault.
    seed: u64,
}

/// What is done.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    Kill,
    Restart,
    Pause,
    Partition(Way),
    Delay { by_ms: u64, jitter_ms: u64 },
    Drop { thousandths: u16 },
    DiskFull,
    HookFail,
}

/// The faults of a run of this length.
pub(crate) fn draw(seed: u64, length: Duration) -> Vec<Step> {
    let mut chance = Chance::new(seed);
    let mut steps = Vec::new();
    let mut bag = Vec::new();
    let mut at = between(&mut chance, START);
    loop {
        let kind = take(&mut bag, &mut chance);
        let on = match chance.below(2) {
            0 => "leader",
            _ => "follower",
        };
        let fault = of(kind, &mut chance);
        let lasts = between(&mut chance, LASTS);
        let rest = between(&mut chance, REST);
        let seed = chance.next();
        let lasts = match fault {
            Fault::Restart => Duration::ZERO,
            _ => lasts,
        };
        if at + lasts + LAST_REST > length {
            return steps;
        }
        steps.push(Step {
            at,
            lasts,
            fault,
            on,
            seed,
        });
        at += lasts + rest;
    }
}

/// Every kind comes before any comes again.
fn take(bag: &mut Vec<u8>, chance: &mut Chance) -> u8 {
    if bag.is_empty() {
        bag.extend(0..KINDS);
    }
    let place = usize::try_from(chance.below(bag.len() as u64)).unwrap_or(0);
    bag.swap_remove(place)
}

fn of(kind: u8, chance: &mut Chance) -> Fault {
    match kind {
        0 => Fault::Kill,
        1 => Fault::Restart,
        2 => Fault::Pause,
        3 => Fault::Partition(Way::Both),
        4 => Fault::Partition(match chance.below(2) {
            0 => Way::Out,
            _ => Way::In,
        }),
        5 => {
            let by_ms = 5 + chance.below(21);
            let jitter_ms = chance.below(by_ms / 2 + 1);
            Fault::Delay { by_ms, jitter_ms }
        }
        6 => Fault::Drop {
            thousandths: u16::try_from(50 + chance.below(151)).unwrap_or(50),
        },
        7 => Fault::DiskFull,
        _ => Fault::HookFail,
    }
}

fn between(chance: &mut Chance, (least, most): (u64, u64)) -> Duration {
    Duration::from_millis(least + chance.below(most - least + 1))
}

impl Fault {
    /// As it is typed.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Restart => "restart",
            Self::Pause => "pause",
            Self::Partition(_) => "partition",
            Self::Delay { .. } => "delay",
            Self::Drop { .. } => "drop",
            Self::DiskFull => "disk-full",
            Self::HookFail => "hook-fail",
        }
    }

    /// How strong, or in which direction.
    pub(crate) fn detail(self) -> Option<String> {
        match self {
            Self::Partition(Way::Out) => Some("one way: out".to_owned()),
            Self::Partition(Way::In) => Some("one way: in".to_owned()),
            Self::Delay { by_ms, jitter_ms } => {
                let (by, jitter) = (
                    Duration::from_millis(by_ms),
                    Duration::from_millis(jitter_ms),
                );
                Some(Delay { by, jitter }.to_string())
            }
            Self::Drop { thousandths } => Some(Loss(thousandths).to_string()),
            _ => None,
        }
    }
}

impl Step {
    /// What is asked of `dev`.
    pub(crate) fn request(&self) -> Request {
        let links = |verb, way, obstacle| Request {
            verb,
            nodes: vec![self.on.to_owned()],
            links: Some(LinkFault {
                from: Vec::new(),
                way,
                obstacle,
                seed: self.seed,
            }),
        };
        let nodes = |verb| Request::of(verb, vec![self.on.to_owned()]);
        match self.fault {
            Fault::Kill => nodes(Verb::Kill),
            Fault::Restart => nodes(Verb::Restart),
            Fault::Pause => nodes(Verb::Pause),
            Fault::DiskFull => nodes(Verb::DiskFull),
            Fault::HookFail => nodes(Verb::HookFail),
            Fault::Partition(way) => links(Verb::Partition, way, Obstacle::Cut),
            Fault::Delay { by_ms, jitter_ms } => {
                links(Verb::Delay, Way::Both, Obstacle::Delay { by_ms, jitter_ms })
            }
            Fault::Drop { thousandths } => {
                links(Verb::Drop, Way::Both, Obstacle::Drop { thousandths })
            }
        }
    }
}

/// A partition in both directions and one in one direction are two of them.
const KINDS: u8 = 9;

// Milliseconds, the least and the most.

/// Before the first fault: what is measured has a beginning without any.
const START: (u64, u64) = (1_000, 3_000);

/// Longer than an election and than a connection that gets no answer is kept.
const LASTS: (u64, u64) = (3_000, 6_000);

/// Between two faults: for a node to come back and catch up.
const REST: (u64, u64) = (3_000, 5_000);

/// After the last one.
const LAST_REST: Duration = Duration::from_secs(3);

/// In less, a plan could be empty.
pub(crate) const LENGTH_MIN: Duration = Duration::from_secs(12);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_same_seed_is_the_same_plan_and_another_one_another() {
        assert_eq!(draw(7, MINUTE), draw(7, MINUTE));
        assert_ne!(draw(7, MINUTE), draw(8, MINUTE));
        // Kept by people, so kept here: another order of drawing would change it.
        let kept: Vec<_> = draw(7, MINUTE)
            .iter()
            .map(|step| {
                let detail = step.fault.detail().unwrap_or_default();
                let (at, lasts) = (step.at.as_millis(), step.lasts.as_millis());
                format!("{at} {lasts} {} {} {detail}", step.fault.word(), step.on)
            })
            .collect();
        assert_eq!(kept.join("\n") + "\n", include_str!("plan.golden.txt"));
    }

    #[test]
    fn one_fault_at_a_time_and_each_healed_in_time() {
        for seed in 0..500 {
            let plan = draw(seed, MINUTE);
            assert!((5..=10).contains(&plan.len()), "{seed}: {plan:?}");
            for pair in plan.windows(2) {
                let healed = pair[0].at + pair[0].lasts;
                assert!(healed + Duration::from_secs(3) <= pair[1].at, "{pair:?}");
            }
            let last = plan.last().unwrap();
            assert!(last.at + last.lasts + LAST_REST <= MINUTE);
            assert!(!draw(seed, LENGTH_MIN).is_empty(), "{seed}");
        }
    }

    #[test]
    fn every_kind_comes_before_any_comes_again() {
        let plan = draw(3, Duration::from_secs(600));
        let kinds = |steps: &[Step]| {
            let words = steps.iter().map(|step| match step.fault {
                Fault::Partition(way) => ("partition", way == Way::Both),
                fault => (fault.word(), true),
            });
            words.collect::<BTreeSet<_>>().len()
        };
        for nine in plan.chunks_exact(KINDS.into()) {
            assert_eq!(kinds(nine), usize::from(KINDS), "{nine:?}");
        }
        let leaders = plan.iter().filter(|step| step.on == "leader").count();
        assert!(leaders > plan.len() / 4 && leaders < plan.len() * 3 / 4);
    }

    #[test]
    fn a_longer_run_begins_as_a_shorter_one() {
        let (short, long) = (draw(5, MINUTE), draw(5, MINUTE * 10));
        assert_eq!(long[..short.len()], short[..]);
    }
}
