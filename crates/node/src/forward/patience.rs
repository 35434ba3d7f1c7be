//! How long calls look for a leader.
//!
//! An election ends, so a call waits for it, once. Where that was in vain the
//! next ones ask once and are refused at once, until somebody leads again.

use crate::raft::Raft;
use openraft::async_runtime::WatchReceiver as _;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

/// Whether there is hope for a leader; all calls share it.
#[derive(Debug, Default)]
pub(super) struct Hope {
    /// Nobody led for the whole of [`ELECTION_TIME`], and nobody has since.
    leaderless: AtomicBool,
}

/// How long one call looks for a leader, and whether it asks more than once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    began: Instant,
    pub(super) until: Instant,
    pub(super) again: bool,
}

/// How long a call waits for an election, once: some three times the longest
/// election with the default timings.
const ELECTION_TIME: Duration = Duration::from_secs(3);

/// How long a call that is to be refused at once still asks whoever seems to
/// lead: were it not asked, nobody would notice that there is a leader again.
const ASK_TIME: Duration = Duration::from_millis(500);

/// Between two attempts when nothing says that something has changed.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(25);

impl Hope {
    /// The patience of a call that begins now.
    pub(super) fn patience(&self, deadline: Instant) -> Patience {
        let again = !self.leaderless.load(Ordering::Relaxed);
        let time = if again { ELECTION_TIME } else { ASK_TIME };
        let began = Instant::now();
        Patience {
            began,
            until: deadline.min(began + time),
            again,
        }
    }

    /// Somebody leads.
    pub(super) fn found(&self) {
        self.leaderless.store(false, Ordering::Relaxed);
    }

    /// A call ends without a leader. One in a hurry says nothing about that.
    pub(super) fn lost(&self, patience: Patience) {
        if patience.began.elapsed() >= ELECTION_TIME {
            self.leaderless.store(true, Ordering::Relaxed);
        }
    }
}

impl Patience {
    /// It is worth the whole `deadline` to learn what became of the call.
    pub(super) fn stretch(&mut self, deadline: Instant) {
        self.until = deadline;
        self.again = true;
    }

    /// Waits for another leader, or a moment; false when patience is over.
    pub(super) async fn pause(self, raft: &Raft) -> bool {
        if !self.again {
            return false;
        }
        let until = self.until.min(Instant::now() + ATTEMPT_PAUSE);
        let before = raft.server_metrics().borrow_watched().current_leader;
        // Either way another attempt is due.
        let _timed_out = timeout_at(until, other_than(raft, before)).await;
        Instant::now() < self.until
    }
}

/// Returns when `leader` no longer counts as the leader here: one that has
/// fallen silent would not answer any more.
pub(super) async fn deposed(raft: &Raft, leader: u64) {
    other_than(raft, Some(leader)).await;
}

/// Returns when another node leads, or none.
async fn other_than(raft: &Raft, before: Option<u64>) {
    let mut metrics = raft.server_metrics();
    while metrics.borrow_watched().current_leader == before {
        if metrics.changed().await.is_err() {
            // Raft has ended, and with it all leaders.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(patience: Patience) -> Duration {
        patience.until - Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_waits_for_an_election_and_the_next_are_refused_until_somebody_leads() {
        let hope = Hope::default();
        let deadline = Instant::now() + Duration::from_secs(60);
        let first = hope.patience(deadline);
        assert!(first.again);
        assert_eq!(left(first), ELECTION_TIME);
        tokio::time::advance(ELECTION_TIME).await;
        hope.lost(first);
        let next = hope.patience(deadline);
        assert!(!next.again);
        assert_eq!(left(next), ASK_TIME);
        hope.lost(next);
        hope.found();
        assert_eq!(left(hope.patience(deadline)), ELECTION_TIME);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_in_a_hurry_takes_nobody_the_hope() {
        let hope = Hope::default();
        let soon = Duration::from_millis(100);
        let hurried = hope.patience(Instant::now() + soon);
        assert_eq!(left(hurried), soon);
        tokio::time::advance(soon).await;
        hope.lost(hurried);
        assert!(hope.patience(Instant::now() + ELECTION_TIME).again);
    }
}
