//! What clients were told can have happened: no acknowledged write is lost, none is done twice, refused ones leave no
//! trace, and linearizable reads see what was done before them. The oracle says so from the committed log, and a
//! search that knows nothing of indexes has to agree.

use super::{Invariant, Whole};
use std::time::Duration;

pub(crate) struct HistoryCanHaveHappened;

impl Invariant for HistoryCanHaveHappened {
    fn name(&self) -> &'static str {
        "history can have happened"
    }

    fn whole(&mut self, whole: &Whole<'_>) -> Result<(), String> {
        if let Err(violations) = oracle::check(whole.history, whole.replay, whole.last) {
            let all: Vec<String> = violations.iter().map(ToString::to_string).collect();
            return Err(all.join("; "));
        }
        let opinion = oracle::second_opinion(whole.history, whole.replay, PATIENCE);
        if !opinion.illegal.is_empty() {
            return Err(format!(
                "the second opinion finds no order for {:?}",
                opinion.illegal
            ));
        }
        // An opinion about nothing is none.
        if opinion.names == opinion.undecided.len() {
            return Err(format!(
                "the second opinion has none: {} names, all undecided",
                opinion.names
            ));
        }
        Ok(())
    }
}

/// For each name; a name that takes longer is left undecided.
const PATIENCE: Duration = Duration::from_secs(2);
