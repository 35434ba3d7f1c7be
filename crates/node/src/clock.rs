//! The wall clock and chance, the only place that reads either.
//!
//! Whoever needs the time of day or a fresh number is given a [`Clock`], so a test or a simulation can hand out its
//! own. Time that only passes (timeouts, intervals) is `tokio::time`, which a simulation moves by itself.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use hosts::Timestamp;

/// What time it is, and numbers nobody can guess.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time of day, UTC. It may jump, backwards too: an operator or NTP may set it.
    fn now(&self) -> Timestamp;

    /// 128 fresh random bits, for ids.
    fn seed(&self) -> u128;
}

/// The machine's clock and the operating system's randomness.
#[derive(Copy, Clone, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock before 1970 is as wrong as one at 1970: certificates are not valid yet, and say so.
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn seed(&self) -> u128 {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)
            .expect("the operating system gives randomness at any time after boot");
        u128::from_be_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_reads_a_time_of_this_century() {
        let now = SystemClock.now();
        assert!(now > Timestamp::from_millis(1_700_000_000_000), "{now}");
        assert!(now < Timestamp::from_millis(4_102_444_800_000), "{now}");
    }

    #[test]
    fn two_seeds_differ() {
        assert_ne!(SystemClock.seed(), SystemClock.seed());
    }
}
