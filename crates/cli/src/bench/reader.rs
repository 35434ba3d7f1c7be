//! A reader: one host after the other, from one node after the other.

use super::run::Shared;
use super::until::{Ask, Caller, answered};
use std::sync::Arc;
use std::time::Duration;

/// Where nothing is there to be read yet.
const NOTHING_YET: Duration = Duration::from_millis(10);

/// Reads until the run is over.
pub(crate) async fn read(shared: Arc<Shared>, task: usize) {
    let mut turn = task;
    while !shared.over() {
        let Some(host) = shared.pool.pick(turn / shared.targets.len()) else {
            tokio::time::sleep(NOTHING_YET).await;
            continue;
        };
        let caller = Caller {
            task,
            first: turn,
            limit: shared.limit,
        };
        let ask = Ask::Get(host, shared.consistency);
        answered(&shared.targets, &shared.tally, caller, ask).await;
        turn = turn.wrapping_add(1);
    }
}
