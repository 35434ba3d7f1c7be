//! A snapshot is whole, or it is not there, whenever the power goes: on a disk that never failed a node finds none that
//! it has to set aside.

use super::{Invariant, Step};

pub(crate) struct SnapshotsAreWhole;

impl Invariant for SnapshotsAreWhole {
    fn name(&self) -> &'static str {
        "snapshots are whole"
    }

    fn step(&mut self, step: &Step<'_>) -> Result<(), String> {
        match step.nodes.iter().find(|(seen, _)| seen.torn_snapshot) {
            Some((seen, _)) => Err(format!("n{} has found one that is not", seen.node)),
            None => Ok(()),
        }
    }
}
