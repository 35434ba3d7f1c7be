//! What a run counts while it goes on.
//!
//! Every task notes here, under one lock that is held for nanoseconds; the
//! size does not depend on how long the run is.

use super::histogram::Histogram;
use crate::exit::Failure;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What was asked of a node.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// A host was added.
    Add,
    /// One of those was changed, once there were enough of them.
    Update,
    /// One of those was read.
    Get,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Update => "update",
            Self::Get => "get",
        }
    }

    const fn is_write(self) -> bool {
        matches!(self, Self::Add | Self::Update)
    }
}

/// The counts of a run, shared by its tasks.
pub(crate) struct Tally {
    start: Instant,
    counts: Mutex<Counts>,
}

/// What was counted.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    /// What was answered, and how long it took from the first attempt.
    pub(crate) answered: BTreeMap<Kind, Histogram>,
    /// Attempts without an answer, by word.
    pub(crate) errors: BTreeMap<(Kind, Cow<'static, str>), u64>,
    /// Calls given up, with no answer after all attempts: of a write nobody
    /// knows what became.
    pub(crate) given_up: BTreeMap<Kind, u64>,
    /// The first refusal by a node that would be any node's.
    pub(crate) refused: Option<Failure>,
    gaps: Gaps,
}

/// The longest time without an acknowledged write, and when it began.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
struct Gaps {
    last: Instant,
    longest: Duration,
    began: Instant,
}

/// The longest time without an acknowledged write.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Gap {
    pub(crate) length: Duration,
    /// After the start of the run.
    pub(crate) began: Duration,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let start = Instant::now();
        Self {
            start,
            counts: Mutex::new(Counts {
                answered: BTreeMap::new(),
                errors: BTreeMap::new(),
                given_up: BTreeMap::new(),
                refused: None,
                gaps: Gaps {
                    last: start,
                    longest: Duration::ZERO,
                    began: start,
                },
            }),
        }
    }

    /// Notes an answer to a call that began at `since`.
    pub(crate) fn answered(&self, kind: Kind, since: Instant) {
        let now = Instant::now();
        let mut counts = self.lock();
        counts
            .answered
            .entry(kind)
            .or_insert_with(Histogram::new)
            .note(now.saturating_duration_since(since));
        if kind.is_write() {
            counts.gaps.note(now);
        }
    }

    pub(crate) fn missed(&self, kind: Kind, word: Cow<'static, str>) {
        *self.lock().errors.entry((kind, word)).or_default() += 1;
    }

    /// Notes a call that any node would refuse.
    pub(crate) fn refused(&self, kind: Kind, failure: Failure) {
        let mut counts = self.lock();
        *counts
            .errors
            .entry((kind, failure.reason.clone()))
            .or_default() += 1;
        counts.refused.get_or_insert(failure);
    }

    pub(crate) fn gave_up(&self, kind: Kind) {
        *self.lock().given_up.entry(kind).or_default() += 1;
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// What was counted so far.
    pub(crate) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    /// Answers to writes and to reads so far, for a look in between.
    pub(crate) fn so_far(&self) -> (u64, u64) {
        let counts = self.lock();
        let total = |write: bool| {
            let kinds = counts.answered.iter();
            kinds
                .filter(|(kind, _)| kind.is_write() == write)
                .map(|(_, answered)| answered.total())
                .sum()
        };
        (total(true), total(false))
    }

    /// The longest gap until now, this moment included.
    pub(crate) fn gap(&self) -> Gap {
        let mut gaps = self.lock().gaps;
        gaps.note(Instant::now());
        Gap {
            length: gaps.longest,
            began: gaps.began.saturating_duration_since(self.start),
        }
    }

    /// Nothing panics between two halves of a note: what is there is whole.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gaps {
    fn note(&mut self, now: Instant) {
        let length = now.saturating_duration_since(self.last);
        if length > self.longest {
            self.longest = length;
            self.began = self.last;
        }
        self.last = self.last.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_is_the_longest_time_between_two_writes() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut gaps = Gaps {
            last: start,
            longest: Duration::ZERO,
            began: start,
        };
        for millis in [3, 5, 25, 26, 40] {
            gaps.note(at(millis));
        }
        assert_eq!(
            (gaps.longest, gaps.began),
            (Duration::from_millis(20), at(5))
        );
        // Tasks do not come in the order of their clocks.
        gaps.note(at(30));
        gaps.note(at(41));
        assert_eq!(gaps.longest, Duration::from_millis(20));
    }

    #[test]
    fn reads_end_no_gap_and_kinds_are_counted_apart() {
        let tally = Tally::new();
        tally.answered(Kind::Get, Instant::now());
        tally.answered(Kind::Add, Instant::now());
        tally.answered(Kind::Update, Instant::now());
        tally.missed(Kind::Add, Cow::Borrowed("NO_LEADER"));
        tally.gave_up(Kind::Add);
        assert_eq!(tally.so_far(), (2, 1));
        let counts = tally.counts();
        assert_eq!(counts.errors[&(Kind::Add, Cow::Borrowed("NO_LEADER"))], 1);
        assert_eq!(counts.given_up[&Kind::Add], 1);
    }
}
