//! Which clocks are wrong, judged by all that were heard.
//!
//! A verdict needs three clocks: two that differ cannot tell which is wrong.
//! It stands until three clocks clear it, or one silent node would make a
//! wrong clock right again.

use std::collections::{BTreeMap, BTreeSet};

/// The verdict over this node's clock and the others'.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clocks {
    /// How far this node's clock is from the median of all, in milliseconds,
    /// ahead if positive; only where it is too far.
    pub own_off_ms: Option<i64>,
    /// The other nodes whose clocks are too far from it.
    pub others_off: BTreeSet<u64>,
    /// Whether the others were ever asked.
    asked: bool,
}

/// Farther from the median than this, a clock does not stamp.
const TOLERANCE_MS: i64 = 5 * 60 * 1000;

/// With fewer clocks than this nobody can say which one is wrong.
const CLOCKS_MIN: usize = 3;

impl Clocks {
    /// Whether this node may stamp changes: it has asked the others, and its
    /// clock was not found to be wrong.
    #[must_use]
    pub fn may_stamp(&self) -> bool {
        self.asked && self.own_off_ms.is_none()
    }

    /// The verdict after a look in which the others answered whose clocks are
    /// `ahead` of this one, in milliseconds.
    pub(super) fn after(&self, ahead: &BTreeMap<u64, i64>) -> Self {
        let mut verdict = Self {
            asked: true,
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
        before.after(&ahead.iter().copied().collect())
    }

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
        assert!(!wrong.may_stamp());
        let one_silent = heard(&wrong, &[(3, -DAY)]);
        assert_eq!(one_silent, wrong);
        assert_eq!(heard(&one_silent, &[]), wrong);
        let set = heard(&one_silent, &[(2, 10), (3, -10)]);
        assert!(set.may_stamp());
    }

    #[test]
    fn nobody_stamps_before_it_has_asked_the_others() {
        assert!(!Clocks::default().may_stamp());
        assert!(heard(&Clocks::default(), &[]).may_stamp());
    }

    #[test]
    fn other_nodes_with_wrong_clocks_are_known_while_they_are_silent() {
        let five = [(2, 0), (3, DAY), (4, 0), (5, DAY)];
        let seen = heard(&Clocks::default(), &five);
        assert_eq!(seen.others_off, [3, 5].into());
        assert!(seen.may_stamp());
        let seen = heard(&seen, &[(2, 0), (5, 0)]);
        assert_eq!(seen.others_off, [3].into(), "5 was set, 3 is silent");
    }
}
