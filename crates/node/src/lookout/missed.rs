//! Since when nodes do not answer.

use hosts::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Members that do not answer, each with the first look at which it did not,
/// by this node's clock. Empty until there was a look.
#[derive(Debug, Default)]
pub struct Missed(Mutex<BTreeMap<u64, Timestamp>>);

impl Missed {
    /// Notes a look at `now`: who was `silent` at it, and no others.
    pub(super) fn note(&self, silent: &BTreeSet<u64>, now: Timestamp) {
        let mut missed = self.lock();
        missed.retain(|id, _| silent.contains(id));
        for id in silent {
            missed.entry(*id).or_insert(now);
        }
    }

    /// Since when this node is missed, if it is.
    #[must_use]
    pub fn since(&self, id: u64) -> Option<Timestamp> {
        self.lock().get(&id).copied()
    }

    /// Nothing panics between two halves of a note: what is there is whole.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_silent_look_stands_until_an_answer() {
        let missed = Missed::default();
        let at = Timestamp::from_millis;
        missed.note(&[2, 3].into(), at(10));
        missed.note(&[2].into(), at(20));
        assert_eq!((missed.since(2), missed.since(3)), (Some(at(10)), None));
        missed.note(&[].into(), at(30));
        missed.note(&[2, 3].into(), at(40));
        assert_eq!(
            (missed.since(2), missed.since(3)),
            (Some(at(40)), Some(at(40)))
        );
        assert_eq!(missed.since(1), None);
    }
}
