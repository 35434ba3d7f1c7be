//! Time does not run backwards: of two revisions the later one never has the earlier stamp, whatever the clocks of the
//! nodes do (DESIGN 3).

use super::{Invariant, Step};
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct TimeNeverGoesBack {
    /// The stamp, in milliseconds, of each revision that was seen.
    stamps: BTreeMap<u64, u64>,
}

impl Invariant for TimeNeverGoesBack {
    fn name(&self) -> &'static str {
        "time never goes back"
    }

    fn step(&mut self, step: &Step<'_>) -> Result<(), String> {
        for (seen, _) in step.nodes {
            let position = seen.applied.projection.position();
            let (revision, stamp) = (position.revision.get(), position.last_stamp.as_millis());
            if self.stamps.insert(revision, stamp).is_some() {
                continue; // equal states are another invariant
            }
            let before = self.stamps.range(..revision).next_back();
            let after = self.stamps.range(revision + 1..).next();
            for (earlier, later) in [
                (before, Some((&revision, &stamp))),
                (Some((&revision, &stamp)), after),
            ] {
                if let (Some((first, old)), Some((second, new))) = (earlier, later)
                    && new < old
                {
                    return Err(format!(
                        "revision {first} is of {old}, and revision {second} of {new}"
                    ));
                }
            }
        }
        Ok(())
    }
}
