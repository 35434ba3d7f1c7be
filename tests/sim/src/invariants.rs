//! What must hold, one file each: most of it after every step, the rest when the run is over.

mod committed_stays;
mod equal_states;
mod file_is_a_rendering;
mod file_never_goes_back;
mod history_can_have_happened;
mod logs_match;
mod nothing_goes_back;
mod one_leader_per_term;
mod snapshots_are_whole;
mod time_never_goes_back;
mod told_is_durable;

use crate::{
    net::Site,
    observe::{Observer, Seen},
};
pub(crate) use committed_stays::CommittedStays;
use oracle::{CommittedLog, History, Replay};
use std::sync::Arc;

/// What is seen after one step.
pub(crate) struct Step<'a> {
    /// The nodes that take calls, and their logs.
    pub(crate) nodes: &'a [(Seen, &'a Observer)],
    /// The hosts file of every machine, running or not.
    pub(crate) files: &'a [SeenFile],
}

/// A hosts file, as any reader sees it.
pub(crate) struct SeenFile {
    pub(crate) node: Site,
    /// All that it was since the last step and, at the end, what it is, each with a number of its own; nothing if it is
    /// not there.
    pub(crate) contents: Vec<(u64, Arc<[u8]>)>,
    /// The last one of which the node was told that it might not outlive a power cut, it did not.
    pub(crate) taken_back: bool,
}

/// What is known when all is over.
pub(crate) struct Whole<'a> {
    pub(crate) history: &'a History,
    pub(crate) replay: &'a Replay,
    /// The last committed index.
    pub(crate) last: u64,
    /// The cluster, as in the headers of files.
    pub(crate) cluster: u128,
}

/// Something that must hold.
pub(crate) trait Invariant {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// Looks at one step.
    ///
    /// # Errors
    /// It does not hold, and how.
    fn step(&mut self, _step: &Step<'_>) -> Result<(), String> {
        Ok(())
    }

    /// Looks back at the whole run.
    ///
    /// # Errors
    /// It did not hold, and how.
    fn whole(&mut self, _whole: &Whole<'_>) -> Result<(), String> {
        Ok(())
    }
}

/// All of them. `committed` gathers the log for the look back.
pub(crate) fn all() -> (Vec<Box<dyn Invariant>>, CommittedStays) {
    let all: Vec<Box<dyn Invariant>> = vec![
        Box::new(one_leader_per_term::OneLeaderPerTerm::default()),
        Box::new(logs_match::LogsMatch::default()),
        Box::new(nothing_goes_back::NothingGoesBack::default()),
        Box::new(told_is_durable::ToldIsDurable::default()),
        Box::new(snapshots_are_whole::SnapshotsAreWhole),
        Box::new(equal_states::EqualStates::default()),
        Box::new(time_never_goes_back::TimeNeverGoesBack::default()),
        Box::new(file_is_a_rendering::FileIsARendering::default()),
        Box::new(file_never_goes_back::FileNeverGoesBack::default()),
        Box::new(history_can_have_happened::HistoryCanHaveHappened),
    ];
    (all, CommittedStays::default())
}

/// The committed log, for those who replay it.
pub(crate) fn replayed(log: &CommittedLog) -> Result<Replay, String> {
    Replay::of(log).map_err(|error| format!("the committed log cannot be replayed: {error}"))
}
