//! The cluster as this node sees it: every member's state, and one verdict.

use crate::{
    clock::Clock,
    identity::ClusterId,
    lookout::{Clocks, Missed, diverging},
    peers::Peers,
    publish::{self, Published, hooks::HookReport},
    raft::{Raft, known_leader},
    sinks::Sinks,
};
use futures::{StreamExt as _, stream::FuturesUnordered};
use hosts::{Revision, Timestamp};
use openraft::{ServerState, async_runtime::WatchReceiver as _};
use proto::{
    cluster::{
        NodeStatus, PublishOutcome, Role, StatusResponse, StoreSize, Verdict, publish_outcome,
    },
    convert::timestamp_to_wire,
};
use raft_store::{Applied, StoreStats, raft::Member};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

mod certificates;
mod hooks;
mod sinks;

/// What is needed to say how this node and the others are.
#[derive(Debug)]
pub struct Cluster {
    /// The cluster's id.
    pub cluster: ClusterId,
    /// This node's id.
    pub id: u64,
    /// This node's name and address.
    pub member: Member,
    /// openraft.
    pub raft: Raft,
    /// The other nodes.
    pub peers: Arc<Peers>,
    /// What this node has applied.
    pub applied: watch::Receiver<Arc<Applied>>,
    /// What this node's file holds.
    pub published: watch::Receiver<Published>,
    /// How this node's hooks ended.
    pub hooks: watch::Receiver<Vec<HookReport>>,
    /// Who watches this node.
    pub sinks: Sinks,
    /// Sizes on this node's disk.
    pub stats: StoreStats,
    /// What time it is here.
    pub clock: Arc<dyn Clock>,
    /// When this node's certificate ends.
    pub certificate_ends: Timestamp,
    /// What is known of its clock and the others'.
    pub clocks: watch::Receiver<Clocks>,
    /// Since when others do not answer.
    pub missed: Missed,
}

/// How long a peer may take to say how it is.
const ANSWER_TIME: Duration = Duration::from_secs(1);

impl Cluster {
    /// This node's own state.
    #[must_use]
    pub fn own_status(&self) -> NodeStatus {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let applied = Arc::clone(&self.applied.borrow());
        let Published {
            path,
            revision,
            sha256,
            writes,
            repairs,
            error,
            warnings,
            ..
        } = self.published.borrow().clone();
        let size = self.stats.sizes();
        let reports = self.sinks.reports();
        let failing = reports.iter().filter(|sink| sink.state.is_failing());
        let shown = applied.projection.enabled_digest().to_string();
        let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
        NodeStatus {
            id: self.id,
            name: self.member.name.clone(),
            address: self.member.address.clone(),
            role: role(metrics.state).into(),
            reachable: true,
            problem: self.clock_problem().unwrap_or_default(),
            term: metrics.current_term,
            last_log_index: metrics.last_log_index.unwrap_or(0),
            applied: applied.index().unwrap_or(0),
            revision: applied.projection.revision().get(),
            digest: applied.digest().to_string(),
            published: Some(proto::cluster::Published {
                path: path.display().to_string(),
                revision: revision.get(),
                sha256: sha256.map(|hash| hex(&hash)).unwrap_or_default(),
                writes,
                error: error.unwrap_or_default(),
                repairs,
                warnings,
            }),
            certificate_expires_at: Some(timestamp_to_wire(self.certificate_ends)),
            version: env!("CARGO_PKG_VERSION").into(),
            hosts: applied.projection.len() as u64,
            store: Some(StoreSize {
                log_bytes: size.log_bytes,
                log_segments: size.log_segments as u64,
                snapshot_index: size.snapshot_last.map_or(0, |id| id.index),
                snapshot_bytes: size.snapshot_bytes,
                purged_index: size.purged_index.unwrap_or(0),
            }),
            hooks: self.hooks.borrow().iter().map(hooks::to_wire).collect(),
            watchers: count(self.sinks.watchers()),
            sinks_total: count(reports.len()),
            sinks_failing: count(failing.count()),
            sinks: sinks::to_wire(reports, &shown),
        }
    }

    fn clock_problem(&self) -> Option<String> {
        let ms = self.clocks.borrow().own_off_ms?;
        let way = if ms > 0 { "ahead of" } else { "behind" };
        Some(format!(
            "its clock is {} s {way} the others': it does not lead",
            ms.abs() / 1000
        ))
    }

    /// Every member's state, asked now, and the verdict over them.
    pub async fn status(&self) -> StatusResponse {
        let deadline = Instant::now() + ANSWER_TIME;
        let members = self.members();
        let mut asked: FuturesUnordered<_> = members
            .iter()
            .filter(|(id, _)| **id != self.id)
            .map(|(&id, member)| async move { self.peer_status(id, member, deadline).await })
            .collect();
        let mut nodes = vec![self.own_status()];
        while let Some(node) = asked.next().await {
            nodes.push(node);
        }
        nodes.sort_by_key(|node| node.id);
        let (verdict, explanation) = self.verdict(&nodes);
        StatusResponse {
            cluster_id: self.cluster.to_string(),
            verdict: verdict.into(),
            explanation,
            nodes,
            answered_by: self.id,
        }
    }

    /// Waits for the publication of `revision` on every node.
    pub async fn wait_published(&self, revision: u64, deadline: Instant) -> Vec<PublishOutcome> {
        let members = self.members();
        let mut asked: FuturesUnordered<_> = members
            .iter()
            .map(|(&id, member)| async move {
                if id == self.id {
                    return self.wait_published_here(revision, deadline).await;
                }
                match self.peers.wait_published(id, revision, deadline).await {
                    Ok(outcome) => outcome,
                    Err(error) => PublishOutcome {
                        id,
                        name: member.name.clone(),
                        result: publish_outcome::Result::Unreachable.into(),
                        revision: 0,
                        problem: error.to_string(),
                    },
                }
            })
            .collect();
        let mut outcomes = Vec::with_capacity(members.len());
        while let Some(outcome) = asked.next().await {
            outcomes.push(outcome);
        }
        outcomes.sort_by_key(|outcome| outcome.id);
        outcomes
    }

    /// Waits for the publication of `revision` on this node.
    pub async fn wait_published_here(&self, revision: u64, deadline: Instant) -> PublishOutcome {
        let mut published = self.published.clone();
        let outcome =
            publish::wait_published(&mut published, Revision::new(revision), deadline).await;
        let (result, problem) = match outcome {
            publish::Waited::Published => (publish_outcome::Result::Published, String::new()),
            publish::Waited::Failed(error) => (publish_outcome::Result::Failed, error),
            publish::Waited::Pending => (publish_outcome::Result::Pending, String::new()),
        };
        PublishOutcome {
            id: self.id,
            name: self.member.name.clone(),
            result: result.into(),
            revision: self.published.borrow().revision.get(),
            problem,
        }
    }

    /// The members as the log knows them; before there is one, only this node.
    pub(crate) fn members(&self) -> BTreeMap<u64, Member> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let nodes = metrics.membership_config.membership().nodes();
        let mut members: BTreeMap<_, _> = nodes.map(|(id, member)| (*id, member.clone())).collect();
        members
            .entry(self.id)
            .or_insert_with(|| self.member.clone());
        members
    }

    async fn peer_status(&self, id: u64, member: &Member, deadline: Instant) -> NodeStatus {
        let problem = match self.peers.status(id, deadline).await {
            Ok(status) => match status.node {
                Some(node) if node.id == id => return node,
                _ => "answered for another node".into(),
            },
            Err(error) => error.to_string(),
        };
        NodeStatus {
            id,
            name: member.name.clone(),
            address: member.address.clone(),
            problem,
            ..Default::default()
        }
    }

    fn verdict(&self, nodes: &[NodeStatus]) -> (Verdict, String) {
        let voters: Vec<u64> = {
            let metrics = self.raft.metrics();
            let metrics = metrics.borrow_watched();
            metrics.membership_config.membership().voter_ids().collect()
        };
        if voters.is_empty() {
            return (Verdict::NoQuorum, "the cluster is not formed yet".into());
        }
        let down: Vec<&str> = nodes
            .iter()
            .filter(|node| !node.reachable)
            .map(|node| node.name.as_str())
            .collect();
        let up = nodes
            .iter()
            .filter(|node| node.reachable && voters.contains(&node.id))
            .count();
        if up < voters.len() / 2 + 1 {
            let explanation = format!(
                "{up} of {} voters answer ({} do not); read-only, and the last files are still served",
                voters.len(),
                down.join(", ")
            );
            return (Verdict::NoQuorum, explanation);
        }
        if known_leader(&self.raft).is_none() {
            return (Verdict::NoQuorum, "an election is under way".into());
        }
        let mut troubles = Vec::new();
        if !down.is_empty() {
            let down = nodes.iter().filter(|node| !node.reachable);
            troubles.extend(down.map(|node| match self.missed.since(node.id) {
                Some(since) => format!("{} cannot be reached since {since}", node.name),
                // Not missed by the lookout yet: seconds at most.
                None => format!("{} cannot be reached", node.name),
            }));
        }
        for node in nodes {
            if let Some(published) = node.published.as_ref().filter(|p| !p.error.is_empty()) {
                troubles.push(format!(
                    "{} cannot write its file: {}",
                    node.name, published.error
                ));
            }
        }
        troubles.extend(nodes.iter().flat_map(hooks::troubles));
        let now = self.clock.now();
        let (ended, soon): (Vec<_>, Vec<_>) = nodes
            .iter()
            .filter_map(|node| certificates::ending(node, now))
            .partition(|ending| ending.is_over);
        troubles.extend(ended.iter().map(ToString::to_string));
        for node in nodes
            .iter()
            .filter(|node| node.reachable && !node.problem.is_empty())
        {
            troubles.push(format!("{}: {}", node.name, node.problem));
        }
        if let [first, others @ ..] = nodes {
            troubles.extend(diverging(first, others));
        }
        let verdict = match troubles.is_empty() {
            true => {
                troubles.push(format!("all {} nodes answer", nodes.len()));
                Verdict::Healthy
            }
            false => Verdict::Degraded,
        };
        // Nothing is wrong yet: it is said beside either verdict.
        troubles.extend(soon.iter().map(ToString::to_string));
        (verdict, troubles.join("; "))
    }
}

fn role(state: ServerState) -> Role {
    match state {
        ServerState::Leader => Role::Leader,
        ServerState::Follower | ServerState::Candidate => Role::Voter,
        ServerState::Learner => Role::Learner,
        ServerState::Shutdown => Role::Unspecified,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
