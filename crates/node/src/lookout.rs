//! What one node can see that none can see of itself: states that differ at
//! one log index, and a clock that is wrong.
//!
//! Every node asks the others every few seconds. A divergence is an alarm in
//! the log of whoever sees it and in every status. A node whose clock is far
//! from the median of all does not stamp changes, or it would push every
//! later stamp with it: if it leads, it hands leadership over and says so.

mod clocks;
mod missed;

pub use clocks::Clocks;
use clocks::Look;
pub use missed::Missed;

use crate::{clock::Clock, cluster::Cluster, handover, peers::Peers, tasks::PartResult};
use futures::{StreamExt as _, stream::FuturesUnordered};
use openraft::async_runtime::WatchReceiver as _;
use proto::{cluster::NodeStatus, peer::PeerStatus};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

/// The task that looks.
#[derive(Debug)]
pub struct Lookout {
    /// This node and its cluster.
    pub cluster: Arc<Cluster>,
    /// The other nodes.
    pub peers: Arc<Peers>,
    /// What time it is here.
    pub clock: Arc<dyn Clock>,
    /// Where the verdict over the clocks goes.
    pub clocks: watch::Sender<Clocks>,
}

/// Between two looks: an alarm within seconds, and next to no traffic.
const EVERY: Duration = Duration::from_secs(2);

/// How long a node may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(1);

impl Lookout {
    /// Looks until told to stop.
    ///
    /// # Errors
    /// None of its own: what it sees is reported.
    pub async fn run(self, stop: CancellationToken) -> PartResult {
        // The first look counts for stamping: there have to be nodes to look at.
        tokio::select! {
            () = self.until_member() => {}
            () = stop.cancelled() => return Ok(()),
        }
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut alarms = Vec::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return Ok(()),
            }
            // Before the others are asked: what happens to the clock meanwhile is seen at the next look.
            let look = Look {
                shown: self.clock.now(),
                at: Instant::now(),
            };
            let answers = self.ask().await;
            let members = self.cluster.members().into_keys();
            let silent = members.filter(|id| *id != self.cluster.id && !answers.contains_key(id));
            self.cluster
                .missed
                .note(&silent.collect(), self.clock.now());
            let nodes: Vec<NodeStatus> = answers
                .values()
                .filter_map(|(status, _)| status.node.clone())
                .collect();
            let seen = diverging(&self.cluster.own_status(), &nodes);
            for alarm in seen.iter().filter(|alarm| !alarms.contains(*alarm)) {
                tracing::error!(%alarm, "nodes hold different states");
            }
            alarms = seen;
            let ahead = answers.iter().map(|(&id, (_, ahead))| (id, *ahead));
            self.judge_clocks(&ahead.collect(), look).await;
        }
    }

    /// Returns when this node knows a membership.
    async fn until_member(&self) {
        let mut metrics = self.cluster.raft.metrics();
        loop {
            let membership = Arc::clone(&metrics.borrow_watched().membership_config);
            if membership.voter_ids().next().is_some() {
                return;
            }
            if metrics.changed().await.is_err() {
                // Raft has ended, and the node is about to.
                std::future::pending::<()>().await;
            }
        }
    }

    /// The answers by node, each with how far its clock is ahead of this
    /// one's, in milliseconds.
    async fn ask(&self) -> BTreeMap<u64, (PeerStatus, i64)> {
        let deadline = Instant::now() + ANSWER_TIME;
        let asked: FuturesUnordered<_> = self
            .cluster
            .members()
            .into_iter()
            .filter(|(id, _)| *id != self.cluster.id)
            .map(|(id, member)| async move {
                // A node that has just started has not called it yet.
                self.peers.learn(id, &member);
                let status = self.peers.status(id, deadline).await.ok()?;
                let own = i64::try_from(self.clock.now().as_millis()).ok()?;
                let theirs = i64::try_from(status.clock_ms).ok()?;
                Some((id, (status, theirs.saturating_sub(own))))
            })
            .collect();
        asked.filter_map(std::future::ready).collect().await
    }

    async fn judge_clocks(&self, ahead: &BTreeMap<u64, i64>, look: Look) {
        let before = self.clocks.borrow().clone();
        let now = before.after(ahead, look);
        match (before.own_off_ms, now.own_off_ms) {
            (None, Some(ms)) => {
                tracing::error!(
                    ahead_ms = ms,
                    "this node's clock is wrong: it does not stamp"
                );
            }
            (Some(_), None) => tracing::info!("this node's clock is right again"),
            _ => {}
        }
        self.clocks.send_replace(now.clone());
        if now.own_off_ms.is_some() {
            let Cluster { raft, id, .. } = &*self.cluster;
            handover::hand_over(raft, &self.peers, *id, &now.others_off).await;
        }
    }
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
}
