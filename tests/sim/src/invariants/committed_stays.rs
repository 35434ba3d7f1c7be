//! A committed entry is never another one, on any node, in any life (Raft, state machine safety and leader
//! completeness): everyone's committed entries are gathered into one log, in which each index has one entry.

use super::{Invariant, Step};
use crate::net::Site;
use oracle::CommittedLog;
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct CommittedStays {
    /// Everything that was ever committed.
    pub(crate) log: CommittedLog,
    /// Of each node's life, up to where its committed entries were taken.
    taken: BTreeMap<(Site, u64), u64>,
}

impl Invariant for CommittedStays {
    fn name(&self) -> &'static str {
        "committed stays"
    }

    fn step(&mut self, step: &Step<'_>) -> Result<(), String> {
        for (seen, observer) in step.nodes {
            let Some(committed) = seen.committed else {
                continue;
            };
            let taken = self.taken.entry((seen.node, seen.life)).or_default();
            if *taken > committed.index {
                continue;
            }
            // Raft knows of a commit before the entry is in the log. Where the log has failed in between, it never comes
            // there, and what stands before it may be what should have been cut off.
            let mut there = observer.entries(committed.index..committed.index + 1);
            if !seen.sound && !there.any(|entry| entry.id == committed) {
                continue;
            }
            let entries = observer.entries(*taken..committed.index + 1).cloned();
            self.log
                .take(entries)
                .map_err(|error| format!("n{}: {error}", seen.node))?;
            *taken = committed.index + 1;
        }
        Ok(())
    }
}
