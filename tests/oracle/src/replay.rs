//! The committed changes, applied one after the other, with the projection after each.

use std::collections::BTreeMap;

use hosts::{Answer, Change, Projection, Rejection, Revision};

use crate::log::{CommittedLog, LogError};

/// Every state that the log went through. Projections share what they have in common.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The projection after each accepted change; 0 is the one before all.
    states: BTreeMap<u64, Projection>,
    accepted: Vec<(u64, Change, Answer)>,
    refused: Vec<(u64, Rejection)>,
}

impl Replay {
    /// Applies the log to the empty projection.
    ///
    /// # Errors
    /// [`LogError`] when the log has gaps or cannot be read.
    pub fn of(log: &CommittedLog) -> Result<Self, LogError> {
        let mut replay = Self {
            states: BTreeMap::from([(0, Projection::new())]),
            accepted: Vec::new(),
            refused: Vec::new(),
        };
        let mut state = Projection::new();
        for (index, change) in log.changes()? {
            match state.apply(Revision::new(index), &change) {
                Ok(applied) => {
                    replay.states.insert(index, state.clone());
                    replay.accepted.push((index, change, applied.answer));
                }
                Err(rejection) => replay.refused.push((index, rejection)),
            }
        }
        Ok(replay)
    }

    /// The projection that a node had when it had applied the entry at `index`.
    #[must_use]
    pub fn at(&self, index: u64) -> &Projection {
        self.states
            .range(..=index)
            .next_back()
            .expect("there is a state before every change")
            .1
    }

    /// The revision of that projection: the last accepted change at or before `index`.
    #[must_use]
    pub fn revision_at(&self, index: u64) -> u64 {
        self.at(index).revision().get()
    }

    /// The projection after the last change.
    #[must_use]
    pub fn last(&self) -> &Projection {
        self.at(u64::MAX)
    }

    /// The accepted changes with their answers, in order.
    pub fn accepted(&self) -> impl Iterator<Item = &(u64, Change, Answer)> {
        self.accepted.iter()
    }

    /// The states from one revision to another, both included; none when the second comes before the first.
    pub(crate) fn states(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, &Projection)> {
        let states = (from <= to).then(|| self.states.range(from..=to));
        states
            .into_iter()
            .flatten()
            .map(|(&revision, state)| (revision, state))
    }

    /// How many changes were refused when their turn came.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.refused.len()
    }
}
