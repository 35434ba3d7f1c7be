//! Which clocks are wrong, judged by all that were heard.
//!
//! A verdict needs three clocks: two that differ cannot tell which is wrong.
//! It stands until three clocks clear it, or one silent node would make a
//! wrong clock right again. Between two looks a clock is held against the time
//! that has passed: one that jumped has to be looked at again.

use hosts::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;

/// The verdict over this node's clock and the others'.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clocks {
    /// How far this node's clock is from the median of all, in milliseconds,
    /// ahead if positive; only where it is too far.
    pub own_off_ms: Option<i64>,
    /// The other nodes whose clocks are too far from it.
    pub others_off: BTreeSet<u64>,
    /// When the others were last asked.
    looked: Option<Look>,
}

/// What this node's clock showed at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) shown: Timestamp,
    pub(super) at: Instant,
}

/// Farther from the median than this, a clock does not stamp.
const TOLERANCE_MS: i64 = 5 * 60 * 1000;

/// With fewer clocks than this nobody can say which one is wrong.
const CLOCKS_MIN: usize = 3;

impl Clocks {
    /// Whether this node may stamp changes while its clock shows `now`: it has
    /// asked the others, its clock was not found to be wrong, and has not
    /// jumped since.
    #[must_use]
    pub fn may_stamp(&self, now: Timestamp) -> bool {
        let steady =
            |look: Look| look.differs_ms(now, Instant::now()) <= TOLERANCE_MS.unsigned_abs();
        self.own_off_ms.is_none() && self.looked.is_some_and(steady)
    }

    /// The verdict after a look that began at `look`, in which the others
    /// answered whose clocks are `ahead` of this one, in milliseconds.
    pub(super) fn after(&self, ahead: &BTreeMap<u64, i64>, look: Look) -> Self {
        let mut verdict = Self {
            looked: Some(look),
            ..self.clone()
        };
        let mut all: Vec<i64> = ahead.values().copied().chain([0]).collect();
        if all.len() < CLOCKS_MIN {
            return verdict;
        }
        all.sort_unstable();
        verdict.own_off_ms = off(&all, 0);
        for (&id, &at) in ahead {
            if off(&all, at).is_some() {
                verdict.others_off.insert(id);
            } else {
                verdict.others_off.remove(&id);
            }
        }
        verdict
    }
}

impl Look {
    /// How far a clock that shows `shown` at the moment `at` is from where it
    /// should be, in milliseconds.
    fn differs_ms(self, shown: Timestamp, at: Instant) -> u64 {
        let passed = at.saturating_duration_since(self.at).as_millis();
        let due = u128::from(self.shown.as_millis()) + passed;
        let differs = due.abs_diff(u128::from(shown.as_millis()));
        u64::try_from(differs).unwrap_or(u64::MAX)
    }
}

/// How far the clock that shows `at` is from the median of `sorted`; `None`
/// within tolerance. Of an even number both in the middle count: where half
/// of the clocks say this and half say that, none is wrong.
fn off(sorted: &[i64], at: i64) -> Option<i64> {
    let low = *sorted.get((sorted.len() - 1) / 2)?;
    let high = *sorted.get(sorted.len() / 2)?;
    let off = at.saturating_sub(at.clamp(low, high));
    (off.unsigned_abs() > TOLERANCE_MS.unsigned_abs()).then_some(off)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn heard(before: &Clocks, ahead: &[(u64, i64)]) -> Clocks {
        let look = Look {
            shown: NOON,
            at: Instant::now(),
        };
        before.after(&ahead.iter().copied().collect(), look)
    }

    /// What the clock shows in these tests.
    const NOON: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn off(ahead: &[i64]) -> Option<i64> {
        let others: Vec<_> = (2..).zip(ahead.iter().copied()).collect();
        heard(&Clocks::default(), &others).own_off_ms
    }

    #[test]
    fn only_a_clock_far_from_the_median_of_three_is_wrong() {
        assert_eq!(off(&[-DAY, -DAY]), Some(DAY), "this one is a day ahead");
        assert_eq!(off(&[0, DAY]), None, "another one is");
        assert_eq!(off(&[DAY]), None, "two cannot tell");
        assert_eq!(off(&[-TOLERANCE_MS, -TOLERANCE_MS]), None);
        let beyond = TOLERANCE_MS + 1;
        assert_eq!(off(&[-beyond, -beyond]), Some(beyond));
        assert_eq!(off(&[1000, -1000, 50, DAY]), None);
        assert_eq!(off(&[0, DAY, DAY]), None, "two against two cannot tell");
        assert_eq!(off(&[0, -DAY, -DAY]), None, "two against two cannot tell");
    }

    #[test]
    fn a_verdict_stands_until_three_clocks_clear_it() {
        let wrong = heard(&Clocks::default(), &[(2, -DAY), (3, -DAY)]);
        assert!(!wrong.may_stamp(NOON));
        let one_silent = heard(&wrong, &[(3, -DAY)]);
        assert_eq!(one_silent.own_off_ms, wrong.own_off_ms);
        assert_eq!(heard(&one_silent, &[]).own_off_ms, wrong.own_off_ms);
        let set = heard(&one_silent, &[(2, 10), (3, -10)]);
        assert!(set.may_stamp(NOON));
    }

    #[test]
    fn nobody_stamps_before_it_has_asked_the_others() {
        assert!(!Clocks::default().may_stamp(NOON));
        assert!(heard(&Clocks::default(), &[]).may_stamp(NOON));
    }

    #[test]
    fn a_clock_that_jumped_since_the_last_look_does_not_stamp_until_the_next() {
        let right = heard(&Clocks::default(), &[(2, 0), (3, 0)]);
        let shows = |ms: i64| Timestamp::from_millis(NOON.as_millis().saturating_add_signed(ms));
        assert!(
            right.may_stamp(shows(TOLERANCE_MS / 2)),
            "it was set a little"
        );
        for jump in [DAY, -DAY, 2 * TOLERANCE_MS] {
            assert!(!right.may_stamp(shows(jump)), "{jump}");
        }
        // The next look finds it right, or that nobody can tell.
        let look = Look {
            shown: shows(DAY),
            at: Instant::now(),
        };
        assert!(right.after(&[(2, 0)].into(), look).may_stamp(shows(DAY)));
    }

    #[test]
    fn other_nodes_with_wrong_clocks_are_known_while_they_are_silent() {
        let five = [(2, 0), (3, DAY), (4, 0), (5, DAY)];
        let seen = heard(&Clocks::default(), &five);
        assert_eq!(seen.others_off, [3, 5].into());
        assert!(seen.may_stamp(NOON));
        let seen = heard(&seen, &[(2, 0), (5, 0)]);
        assert_eq!(seen.others_off, [3].into(), "5 was set, 3 is silent");
    }
}
