//! Waiting: for a state, with a bound.

use std::thread;
use std::time::{Duration, Instant};

/// Looks until what is wanted is there. `look` says what it saw instead; the last of it is told when time is over.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() > end => {
                panic!(
                    "waited {} s until {what}; seen last: {seen}",
                    LIMIT.as_secs()
                )
            }
            Err(_) => thread::sleep(INTERVAL),
        }
    }
}

/// Far more than anything takes here, on a machine that has other things to do.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

const INTERVAL: Duration = Duration::from_millis(50);
