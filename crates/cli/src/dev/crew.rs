//! Faults on demand: what `chaos` asks for is done to the nodes, and told with their names.

use std::path::PathBuf;

use futures::future::join_all;

use super::choose::{self, Candidate, ChoiceError, Verb};
use super::cluster::{self, Cluster};
use super::control::{Answer, Refused, RefusedKind, Request};
use super::nodes::Nodes;
use super::process::{Node, NodeError, State};
use crate::client::Status;
use crate::exit::chain;
use crate::output::NodeReport;

/// The nodes, and who knows which of them leads.
#[derive(Debug)]
pub(crate) struct Crew {
    pub(crate) nodes: Nodes,
    pub(crate) cluster: Cluster,
    /// What is started as a node: this very program.
    pub(crate) program: PathBuf,
}

impl Crew {
    /// Does what is asked, as far as it can be done.
    pub(crate) async fn obey(&mut self, Request { verb, nodes }: &Request) -> Answer {
        match self.perform(*verb, nodes).await {
            Ok(reports) => Answer::Done(reports),
            Err(refused) => Answer::Refused(refused),
        }
    }

    async fn perform(&mut self, verb: Verb, words: &[String]) -> Result<Vec<NodeReport>, Refused> {
        let mut leader = None;
        if choose::asks_for_roles(words) {
            let known = self.cluster.until_leader(&self.nodes).await;
            leader = Some(known.ok_or_else(|| Refused {
                kind: RefusedKind::NoLeader,
                message: "no node leads".to_owned(),
            })?);
        }
        let candidate = |node: &Node| Candidate {
            name: node.member().name.clone(),
            state: node.state(),
        };
        let candidates: Vec<_> = self.nodes.iter().map(candidate).collect();
        let chosen = choose::choose(words, verb, &candidates, leader)?;
        let seen = match verb {
            Verb::Status => self.look().await,
            _ => None,
        };
        self.act(verb, &chosen).await?;
        let reports = chosen.iter().filter_map(|&place| {
            let node = self.nodes.get(place)?;
            let role = match &seen {
                Some(status) => role_in(status, node),
                None if leader == Some(place) => Some("leader".to_owned()),
                None => None,
            };
            Some(report(node, role))
        });
        Ok(reports.collect())
    }

    async fn act(&mut self, verb: Verb, chosen: &[usize]) -> Result<(), NodeError> {
        let nodes = self.nodes.at(chosen);
        match verb {
            Verb::Kill => first_error(join_all(nodes.map(Node::kill)).await),
            Verb::Pause => first_error(nodes.map(Node::pause)),
            Verb::Resume => first_error(nodes.map(Node::resume)),
            Verb::Status => Ok(()),
            Verb::Restart => {
                let stopped = join_all(nodes.map(Node::stop)).await;
                first_error(self.nodes.at(chosen).map(|node| node.start(&self.program)))?;
                let serving = join_all(self.nodes.at(chosen).map(Node::until_serves)).await;
                first_error(serving)?;
                // They run again; but a bad end is what a test of restarts wants to know.
                first_error(stopped)
            }
        }
    }

    /// What the cluster says, if it says anything.
    async fn look(&self) -> Option<Status> {
        let addresses = self.nodes.addresses();
        if addresses.is_empty() {
            return None;
        }
        self.cluster.status(&addresses).await.ok()
    }
}

fn first_error(results: impl IntoIterator<Item = Result<(), NodeError>>) -> Result<(), NodeError> {
    // All are done before one is told.
    let results: Vec<_> = results.into_iter().collect();
    results.into_iter().collect()
}

fn report(node: &Node, role: Option<String>) -> NodeReport {
    NodeReport {
        id: node.member().id,
        name: node.member().name.clone(),
        address: node.member().address.clone(),
        state: node.state().word().to_owned(),
        role,
        pid: node.process(),
    }
}

/// What a node is in the cluster. A node that does not run is nothing there, whatever others last heard of it.
fn role_in(status: &Status, node: &Node) -> Option<String> {
    let seen = status
        .nodes
        .iter()
        .find(|seen| seen.id == node.member().id)?;
    let leads = cluster::leader(status).is_some_and(|leader| leader.id == seen.id);
    match (node.state(), seen.role) {
        (State::Running, "leader") if leads => Some("leader".to_owned()),
        (State::Running, "leader" | "unknown") | (State::Paused | State::Down(_), _) => None,
        (State::Running, role) => Some(role.to_owned()),
    }
}

impl From<ChoiceError> for Refused {
    fn from(error: ChoiceError) -> Self {
        let kind = match error {
            ChoiceError::Unknown { .. } => RefusedKind::NotFound,
            ChoiceError::Nothing { .. } => RefusedKind::Invalid,
            ChoiceError::Unfit { .. } | ChoiceError::NoneFit { .. } | ChoiceError::NoFollower => {
                RefusedKind::Failed
            }
        };
        Self {
            kind,
            message: error.to_string(),
        }
    }
}

impl From<NodeError> for Refused {
    fn from(error: NodeError) -> Self {
        Self {
            kind: RefusedKind::Failed,
            message: chain(&error),
        }
    }
}
