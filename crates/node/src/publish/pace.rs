//! When the next attempt to write an output is due: the first change at once,
//! a burst in steps, a failure less and less often.

use std::time::Duration;
use tokio::time::Instant;

use hosts::Revision;

/// The pace of one output.
#[derive(Debug)]
pub(super) struct Pace {
    debounce: Duration,
    last: Option<Attempt>,
    /// How many attempts have failed since the last that did not.
    failures: u32,
    /// The last failure was one that wears the disk.
    costly: bool,
}

/// The attempt that ended last.
#[derive(Debug)]
struct Attempt {
    ended: Instant,
    took: Duration,
    revision: Revision,
}

impl Pace {
    pub(super) fn new(debounce: Duration) -> Self {
        Self {
            debounce,
            last: None,
            failures: 0,
            costly: false,
        }
    }

    /// Says of what kind the failure is that [`Pace::ended`] notes next.
    pub(super) fn costly(&mut self, costly: bool) {
        self.costly = costly;
    }

    /// The earliest moment for an attempt at `revision`; it may have passed.
    ///
    /// `None`: at once. Between two attempts lies the debounce, or three times
    /// what the first of them took, so that a large file takes a quarter of a
    /// core at most while changes come. After a failure the wait doubles, but a new
    /// revision is worth an attempt of its own.
    pub(super) fn next(&self, revision: Revision) -> Option<Instant> {
        let last = self.last.as_ref()?;
        let rest = self
            .debounce
            .max(last.took.saturating_mul(RESTS).min(REST_MAX));
        let wait = match self.failures {
            0 => rest,
            _ if revision != last.revision => rest,
            failures => {
                let doubled = BACKOFF_MIN.saturating_mul(1 << (failures - 1).min(DOUBLINGS_MAX));
                let most = if self.costly {
                    BACKOFF_COSTLY_MAX
                } else {
                    BACKOFF_MAX
                };
                doubled.min(most).max(rest)
            }
        };
        Some(last.ended + wait)
    }

    /// Notes an attempt at `revision` that began at `began` and ends now.
    pub(super) fn ended(&mut self, revision: Revision, began: Instant, succeeded: bool) {
        let ended = Instant::now();
        self.last = Some(Attempt {
            ended,
            took: ended - began,
            revision,
        });
        self.failures = if succeeded {
            0
        } else {
            self.failures.saturating_add(1)
        };
    }
}

/// How many times as long as the attempt the rest after it is.
const RESTS: u32 = 3;
/// The longest rest after an attempt that succeeded, however long it took.
const REST_MAX: Duration = Duration::from_secs(1);
/// The wait after the first failure: many are over in a moment.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// The longest wait: an operator who has made room sees it soon.
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// The same where each attempt writes and flushes a file for nothing: flash
/// wears out, and an immutable file stays so for long.
const BACKOFF_COSTLY_MAX: Duration = Duration::from_secs(300);
/// Enough to pass [`BACKOFF_COSTLY_MAX`].
const DOUBLINGS_MAX: u32 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    const DEBOUNCE: Duration = Duration::from_millis(50);

    fn waits(pace: &Pace, revision: u64) -> Duration {
        pace.next(Revision::new(revision)).unwrap() - Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_attempt_is_due_at_once_and_the_next_after_the_debounce() {
        let mut pace = Pace::new(DEBOUNCE);
        assert_eq!(pace.next(Revision::new(1)), None);
        pace.ended(Revision::new(1), Instant::now(), true);
        assert_eq!(waits(&pace, 2), DEBOUNCE);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_long_attempt_the_rest_is_longer_but_bounded() {
        let mut pace = Pace::new(DEBOUNCE);
        for (took, rest) in [(10, 50), (20, 60), (300, 900), (5_000, 1_000)].map(millis) {
            let began = Instant::now();
            tokio::time::advance(took).await;
            pace.ended(Revision::new(1), began, true);
            assert_eq!(waits(&pace, 2), rest);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_double_the_wait_up_to_ten_seconds_unless_the_projection_changes() {
        let mut pace = Pace::new(DEBOUNCE);
        for expected in [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000] {
            pace.ended(Revision::new(1), Instant::now(), false);
            assert_eq!(waits(&pace, 1), Duration::from_millis(expected));
            assert_eq!(waits(&pace, 2), DEBOUNCE);
        }
        pace.ended(Revision::new(1), Instant::now(), true);
        assert_eq!(waits(&pace, 1), DEBOUNCE);
        pace.ended(Revision::new(1), Instant::now(), false);
        assert_eq!(waits(&pace, 1), Duration::from_millis(100));
    }

    fn millis((took, rest): (u64, u64)) -> (Duration, Duration) {
        (Duration::from_millis(took), Duration::from_millis(rest))
    }
}
