//! The wall clock and the chance of one node. Its clock follows virtual time, as far off as a fault has set it.

use crate::{chance::Chance, entropy::EPOCH_SECONDS};
use hosts::Timestamp;
use node::clock::Clock;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};

/// Milliseconds of virtual time, for all clocks.
static NOW: AtomicU64 = AtomicU64::new(0);

/// From here on it is `millis` after the beginning.
pub(crate) fn set_time(millis: u64) {
    NOW.store(millis, Relaxed);
}

/// Milliseconds since the beginning.
pub(crate) fn now() -> u64 {
    NOW.load(Relaxed)
}

/// The clock of one node; clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct SimClock {
    off: Arc<AtomicI64>,
    chance: Arc<Mutex<Chance>>,
}

impl SimClock {
    pub(crate) fn new(seed: u64, who: &str) -> Self {
        Self {
            off: Arc::default(),
            chance: Arc::new(Mutex::new(Chance::new(seed, who))),
        }
    }

    /// Sets it so many milliseconds ahead of true time, or behind it.
    pub(crate) fn set_off(&self, millis: i64) {
        self.off.store(millis, Relaxed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let true_time = EPOCH_SECONDS * 1000 + now();
        Timestamp::from_millis(true_time.saturating_add_signed(self.off.load(Relaxed)))
    }

    fn seed(&self) -> u128 {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        u128::from(chance.next()) << 64 | u128::from(chance.next())
    }
}
