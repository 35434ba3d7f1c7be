//! How many clusters run at the same time: the tests are threads of one process, and a cluster is four processes.

use std::sync::{Condvar, Mutex, PoisonError};

/// The right to run a cluster, given back when dropped.
pub(crate) struct Slot;

/// Two keep two cores busy; more would only make elections late.
const SLOTS: usize = 2;

static TAKEN: Mutex<usize> = Mutex::new(0);
static GIVEN_BACK: Condvar = Condvar::new();

impl Slot {
    /// Waits until there is one.
    pub(crate) fn take() -> Self {
        // A test that failed elsewhere says so itself.
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = GIVEN_BACK
            .wait_while(taken, |taken| *taken >= SLOTS)
            .unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
        Self
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        GIVEN_BACK.notify_one();
    }
}
