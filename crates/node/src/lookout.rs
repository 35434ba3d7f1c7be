//! What one node can see that none can see of itself: states that differ at
//! one log index, and a clock that is wrong.
//!
//! Every node asks the others every few seconds. A divergence is an alarm in
//! the log of whoever sees it and in every status. A node whose clock is far
//! from the median of all does not stamp changes, or it would push every
//! later stamp with it: if it leads, it hands leadership over and says so.

use crate::{clock::Clock, cluster::Cluster, handover, peers::Peers, tasks::PartResult};
use futures::{StreamExt as _, stream::FuturesUnordered};
use proto::{cluster::NodeStatus, peer::PeerStatus};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

/// What was seen last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// How far this node's clock is from the median of all that answered, in
    /// milliseconds, ahead if positive; only where it is too far.
    pub clock_off_ms: Option<i64>,
}

/// The task that looks.
#[derive(Debug)]
pub struct Lookout {
    /// This node and its cluster.
    pub cluster: Arc<Cluster>,
    /// The other nodes.
    pub peers: Arc<Peers>,
    /// What time it is here.
    pub clock: Arc<dyn Clock>,
    /// Where what was seen goes.
    pub sight: watch::Sender<Sight>,
}

/// Between two looks: an alarm within seconds, and next to no traffic.
const EVERY: Duration = Duration::from_secs(2);

/// How long a node may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// Farther from the median than this, a clock does not stamp.
const CLOCK_TOLERANCE_MS: i64 = 5 * 60 * 1000;

/// With fewer clocks than this nobody can say which one is wrong.
const CLOCKS_MIN: usize = 3;

impl Lookout {
    /// Looks until told to stop.
    ///
    /// # Errors
    /// None of its own: what it sees is reported.
    pub async fn run(self, stop: CancellationToken) -> PartResult {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut alarms = Vec::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return Ok(()),
            }
            let answers = self.ask().await;
            let nodes: Vec<NodeStatus> = answers
                .iter()
                .filter_map(|(status, _)| status.node.clone())
                .collect();
            let seen = diverging(&self.cluster.own_status(), &nodes);
            for alarm in seen.iter().filter(|alarm| !alarms.contains(*alarm)) {
                tracing::error!(%alarm, "nodes hold different states");
            }
            alarms = seen;
            let offsets: Vec<i64> = answers.iter().map(|(_, offset)| *offset).collect();
            self.judge_clock(&offsets).await;
        }
    }

    /// The answers, each with how far the node's clock is ahead of this one's,
    /// in milliseconds.
    async fn ask(&self) -> Vec<(PeerStatus, i64)> {
        let deadline = Instant::now() + ANSWER_TIME;
        let asked: FuturesUnordered<_> = self
            .cluster
            .members()
            .into_keys()
            .filter(|&id| id != self.cluster.id)
            .map(|id| async move {
                let status = self.peers.status(id, deadline).await.ok()?;
                let own = i64::try_from(self.clock.now().as_millis()).ok()?;
                let theirs = i64::try_from(status.clock_ms).ok()?;
                Some((status, theirs - own))
            })
            .collect();
        asked.filter_map(std::future::ready).collect().await
    }

    async fn judge_clock(&self, offsets: &[i64]) {
        let off = clock_off(offsets);
        let before = self.sight.borrow().clock_off_ms;
        self.sight.send_replace(Sight { clock_off_ms: off });
        match (before, off) {
            (None, Some(ms)) => {
                tracing::error!(
                    ahead_ms = ms,
                    "this node's clock is wrong: it does not stamp"
                );
            }
            (Some(_), None) => tracing::info!("this node's clock is right again"),
            _ => {}
        }
        if off.is_some() {
            handover::hand_over(&self.cluster.raft, &self.peers, self.cluster.id).await;
        }
    }
}

/// How far this clock is ahead of the median of all, given how far each other
/// one is ahead of it; `None` while that is within tolerance, or unknowable.
fn clock_off(offsets: &[i64]) -> Option<i64> {
    let mut all: Vec<i64> = offsets.iter().copied().chain([0]).collect();
    if all.len() < CLOCKS_MIN {
        return None;
    }
    let middle = all.len() / 2;
    let (_, median, _) = all.select_nth_unstable(middle);
    let ahead = -*median;
    (ahead.abs() > CLOCK_TOLERANCE_MS).then_some(ahead)
}

/// Nodes that applied the same entries as another and hold another state: a
/// fault of this program or of a disk, and never to be silent about.
#[must_use]
pub fn diverging(own: &NodeStatus, others: &[NodeStatus]) -> Vec<String> {
    let nodes: Vec<&NodeStatus> = std::iter::once(own)
        .chain(others)
        .filter(|node| node.reachable)
        .collect();
    let mut alarms = Vec::new();
    for (n, a) in nodes.iter().enumerate() {
        for b in nodes.iter().skip(n + 1) {
            if a.applied == b.applied && a.digest != b.digest {
                alarms.push(format!(
                    "{} and {} differ at log index {}",
                    a.name, b.name, a.applied
                ));
            }
        }
    }
    alarms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u64, applied: u64, digest: &str) -> NodeStatus {
        NodeStatus {
            id,
            name: format!("n{id}"),
            reachable: true,
            applied,
            digest: digest.into(),
            ..Default::default()
        }
    }

    #[test]
    fn a_divergence_at_one_index_is_named_and_other_indexes_are_not_compared() {
        let others = [node(2, 5, "b"), node(3, 6, "c")];
        assert_eq!(
            diverging(&node(1, 5, "a"), &others),
            ["n1 and n2 differ at log index 5"]
        );
        assert!(diverging(&node(1, 5, "b"), &others).is_empty());
        let silent = NodeStatus {
            reachable: false,
            ..node(2, 5, "b")
        };
        assert!(diverging(&node(1, 5, "a"), &[silent]).is_empty());
    }

    #[test]
    fn only_a_clock_far_from_the_median_of_three_is_wrong() {
        const DAY: i64 = 86_400_000;
        assert_eq!(
            clock_off(&[-DAY, -DAY]),
            Some(DAY),
            "this one is a day ahead"
        );
        assert_eq!(clock_off(&[0, DAY]), None, "another one is");
        assert_eq!(clock_off(&[DAY]), None, "two cannot tell");
        assert_eq!(clock_off(&[-CLOCK_TOLERANCE_MS, -CLOCK_TOLERANCE_MS]), None);
        assert_eq!(clock_off(&[1000, -1000, 50, DAY]), None);
    }
}
