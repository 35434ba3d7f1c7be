//! What a node has answered for is on its disk (DESIGN, invariant 6): the next node on the machine has the vote and
//! the log of the one before. In a simulation a step ends when everything is flushed, so all that was seen counts.

use super::{Invariant, Step};
use crate::{net::Site, observe::Seen};
use raft_store::log::Entry;
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct ToldIsDurable {
    last: BTreeMap<Site, (Seen, Option<Entry>)>,
}

impl Invariant for ToldIsDurable {
    fn name(&self) -> &'static str {
        "told is durable"
    }

    fn step(&mut self, step: &Step<'_>) -> Result<(), String> {
        for (seen, observer) in step.nodes {
            let node = seen.node;
            if seen.first
                && let Some((before, last)) = self.last.get(&node)
            {
                match (before.vote, seen.vote) {
                    (Some(old), None) => {
                        return Err(format!("n{node} has forgotten that it voted {old:?}"));
                    }
                    (Some(old), Some(new)) if !new.may_follow(&old) => {
                        return Err(format!("n{node} had voted {old:?} and now has {new:?}"));
                    }
                    _ => {}
                }
                if let Some(last) = last {
                    let index = last.id.index;
                    let purged = seen.purged.is_some_and(|purged| purged.index >= index);
                    let found = observer.entries(index..index + 1).next();
                    // Unless it was committed, the leader of a newer term that the node follows may have had it cut off,
                    // and another one put there, before the node went.
                    let was_committed = before.committed.is_some_and(|to| to.index >= index);
                    let term = seen.vote.map_or(0, |vote| vote.term);
                    let replaced = !was_committed
                        && last.id.term < term
                        && found.is_none_or(|found| {
                            last.id.term < found.id.term && found.id.term <= term
                        });
                    if !purged && !replaced && found != Some(last) {
                        return Err(format!(
                            "n{node} had entry {}, and has {:?} after a restart",
                            last.id,
                            found.map(|entry| entry.id)
                        ));
                    }
                }
            }
            // After a fault of the disk nothing more is promised; what was seen before it still is.
            if seen.sound {
                let last = seen.last.and_then(|last| {
                    let mut entries = observer.entries(last.index..last.index + 1);
                    entries.next().cloned()
                });
                self.last.insert(node, (seen.clone(), last));
            }
        }
        Ok(())
    }
}
