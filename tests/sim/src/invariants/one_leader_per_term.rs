//! At most one node leads in a term (Raft, election safety), over all lives of all nodes.

use super::{Invariant, Step};
use crate::net::Site;
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct OneLeaderPerTerm {
    leaders: BTreeMap<u64, Site>,
}

impl Invariant for OneLeaderPerTerm {
    fn name(&self) -> &'static str {
        "one leader per term"
    }

    fn step(&mut self, step: &Step<'_>) -> Result<(), String> {
        for (seen, _) in step.nodes.iter().filter(|(seen, _)| seen.leads) {
            let Some(vote) = seen.vote.filter(|vote| vote.node == Some(seen.node)) else {
                continue; // it has just heard of a later term
            };
            let leader = *self.leaders.entry(vote.term).or_insert(seen.node);
            if leader != seen.node {
                return Err(format!(
                    "n{leader} and n{} both led in term {}",
                    seen.node, vote.term
                ));
            }
        }
        Ok(())
    }
}
