//! Two entries with the same index and term are the same, and so is what comes before them (Raft, log matching). By
//! induction over the entry before: it is enough that equal ids have equal contents and equal ids before them.

use super::{Invariant, Step};
use crate::net::Site;
use raft_store::{log::Entry, position::LogId};
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct LogsMatch {
    /// Every entry that was in any log, who had it first, and what was before it there.
    seen: BTreeMap<LogId, (Site, Entry, Option<LogId>)>,
}

impl Invariant for LogsMatch {
    fn name(&self) -> &'static str {
        "logs match"
    }

    fn step(&mut self, step: &Step<'_>) -> Result<(), String> {
        for (seen, observer) in step.nodes {
            let from = seen.changed_from;
            if from == u64::MAX {
                continue;
            }
            let mut before = match from.checked_sub(1) {
                None => None,
                Some(index) => observer
                    .entries(index..from)
                    .map(|entry| entry.id)
                    .next()
                    .or(seen.purged.filter(|purged| purged.index == index)),
            };
            for entry in observer.entries(from..u64::MAX) {
                self.one(seen.node, entry, before)?;
                before = Some(entry.id);
            }
        }
        Ok(())
    }
}

impl LogsMatch {
    fn one(&mut self, node: Site, entry: &Entry, before: Option<LogId>) -> Result<(), String> {
        let Some((first, known, known_before)) = self.seen.get_mut(&entry.id) else {
            self.seen.insert(entry.id, (node, entry.clone(), before));
            return Ok(());
        };
        if known.payload != entry.payload {
            return Err(format!(
                "n{first} and n{node} have different entries {}",
                entry.id
            ));
        }
        match (*known_before, before) {
            (Some(one), Some(other)) if one != other => Err(format!(
                "before entry {}, n{first} has {one} and n{node} has {other}",
                entry.id
            )),
            (None, Some(_)) => {
                *known_before = before;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
