//! Nodes that have applied up to the same index have the same state, and it is the one that the log leads to (DESIGN,
//! invariants 3 and 4).

use super::{Invariant, Step, Whole};
use crate::net::Site;
use hosts::Digest;
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct EqualStates {
    /// By applied index.
    digests: BTreeMap<u64, (Site, Digest)>,
    /// Where each node was at the last step.
    at: BTreeMap<(Site, u64), u64>,
}

impl Invariant for EqualStates {
    fn name(&self) -> &'static str {
        "equal states"
    }

    fn step(&mut self, step: &Step<'_>) -> Result<(), String> {
        for (seen, _) in step.nodes {
            let Some(index) = seen.applied.index() else {
                continue;
            };
            if self.at.insert((seen.node, seen.life), index) == Some(index) {
                continue;
            }
            let digest = seen.applied.digest();
            let (first, known) = *self.digests.entry(index).or_insert((seen.node, digest));
            if known != digest {
                return Err(format!(
                    "n{first} and n{} differ at index {index}",
                    seen.node
                ));
            }
        }
        Ok(())
    }

    fn whole(&mut self, whole: &Whole<'_>) -> Result<(), String> {
        for (&index, (node, digest)) in &self.digests {
            if whole.replay.at(index).digest() != *digest {
                return Err(format!(
                    "the state of n{node} at index {index} is not the one that the log leads to"
                ));
            }
        }
        Ok(())
    }
}
