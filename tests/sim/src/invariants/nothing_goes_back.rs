//! Within a life of a node its vote, its commit index and its applied index do not go back, and nothing is applied
//! that is not committed.

use super::{Invariant, Step};
use crate::{net::Site, observe::Seen};
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct NothingGoesBack {
    last: BTreeMap<Site, Seen>,
}

impl Invariant for NothingGoesBack {
    fn name(&self) -> &'static str {
        "nothing goes back"
    }

    fn step(&mut self, step: &Step<'_>) -> Result<(), String> {
        for (seen, _) in step.nodes {
            let node = seen.node;
            let committed = seen.committed.map(|committed| committed.index);
            if seen.applied.index() > committed {
                return Err(format!(
                    "n{node} has applied {:?}, and {committed:?} is committed",
                    seen.applied.index()
                ));
            }
            if let Some(before) = self.last.get(&node).filter(|last| last.life == seen.life) {
                if let (Some(old), Some(new)) = (before.vote, seen.vote)
                    && !new.may_follow(&old)
                {
                    return Err(format!("n{node} voted {old:?}, then {new:?}"));
                }
                if seen.committed < before.committed {
                    let (old, new) = (before.committed, seen.committed);
                    return Err(format!("n{node} had committed {old:?}, then {new:?}"));
                }
                let (old, new) = (before.applied.index(), seen.applied.index());
                if new < old {
                    return Err(format!("n{node} had applied {old:?}, then {new:?}"));
                }
                if seen.published < before.published {
                    let (old, new) = (before.published, seen.published);
                    return Err(format!("n{node} had published {old}, then {new}"));
                }
            }
            self.last.insert(node, seen.clone());
        }
        Ok(())
    }
}
