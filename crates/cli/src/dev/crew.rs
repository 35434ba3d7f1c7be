//! Faults on demand: what `chaos` asks for is done to the nodes, and told with their names.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use futures::future::join_all;

use super::choose::{self, Candidate, ChoiceError, Verb};
use super::cluster::{self, Cluster};
use super::control::{Answer, LinkFault, Obstacle, Refused, RefusedKind, Request, Told, Way};
use super::fault::{self, Begun, Fault};
use super::links::{Delay, Hindrance, Link, Links, Loss};
use super::nodes::Nodes;
use super::obstacles::Flag;
use super::process::{Node, NodeError, State};
use crate::client::Status;
use crate::exit::chain;
use crate::output::{FaultReport, NodeReport};

/// The nodes, the links between them if those are ours, and who knows which node leads.
#[derive(Debug)]
pub(crate) struct Crew {
    pub(crate) nodes: Nodes,
    pub(crate) cluster: Cluster,
    /// What is started as a node: this very program.
    pub(crate) program: PathBuf,
    pub(crate) links: Option<Links>,
    pub(crate) begun: Begun,
}

impl Crew {
    /// Does what is asked, as far as it can be done.
    pub(crate) async fn obey(&mut self, request: &Request) -> Answer {
        let performed = self.perform(request).await;
        self.remember();
        match performed {
            Ok(told) => Answer::Done(told),
            Err(refused) => Answer::Refused(refused),
        }
    }

    async fn perform(&mut self, request: &Request) -> Result<Told, Refused> {
        let Request { verb, nodes, links } = request;
        let far = links.as_ref().map_or(&[][..], |links| &links.from);
        let mut leader = None;
        if choose::asks_for_roles(nodes) || choose::asks_for_roles(far) {
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
        let chosen = choose::choose(nodes, *verb, &candidates, leader)?;
        let seen = match verb {
            Verb::Status => self.look().await,
            _ => None,
        };
        self.remember();
        let faults = match (verb, links) {
            (Verb::Partition | Verb::Delay | Verb::Drop, Some(fault)) => {
                let far = match far {
                    [] => Vec::new(),
                    far => choose::choose(far, *verb, &candidates, leader)?,
                };
                self.hinder(&chosen, &far, fault)?
            }
            (Verb::Partition | Verb::Delay | Verb::Drop, None) => {
                return Err(invalid("it does not say what is to be in the way"));
            }
            (Verb::DiskFull, _) => self.raise(Flag::DiskFull, &chosen)?,
            (Verb::HookFail, _) => self.raise(Flag::HookFail, &chosen)?,
            (Verb::Heal, _) => {
                let healed = self.touching(&chosen);
                self.heal(&chosen).await?;
                healed
            }
            (Verb::Status, _) => self.touching(&chosen),
            (Verb::Kill | Verb::Pause | Verb::Resume | Verb::Restart, _) => {
                self.act(*verb, &chosen).await?;
                Vec::new()
            }
        };
        let reports = chosen.iter().filter_map(|&place| {
            let node = self.nodes.get(place)?;
            let role = match &seen {
                Some(status) => role_in(status, node),
                None if leader == Some(place) => Some("leader".to_owned()),
                None => None,
            };
            Some(report(node, role))
        });
        Ok(Told {
            nodes: reports.collect(),
            faults,
            chaos: self.links.is_some(),
        })
    }

    /// Kills, pauses, resumes or restarts nodes.
    async fn act(&mut self, verb: Verb, chosen: &[usize]) -> Result<(), NodeError> {
        let nodes = self.nodes.at(chosen);
        match verb {
            Verb::Kill => first_error(join_all(nodes.map(Node::kill)).await),
            Verb::Pause => first_error(nodes.map(Node::pause)),
            Verb::Resume => first_error(nodes.map(Node::resume)),
            Verb::Restart => {
                let stopped = join_all(nodes.map(Node::stop)).await;
                self.start(chosen).await?;
                // They run again; but a bad end is what a test of restarts wants to know.
                first_error(stopped)
            }
            _ => Ok(()),
        }
    }

    /// Starts those of the nodes that are down, and waits until they serve.
    async fn start(&mut self, chosen: &[usize]) -> Result<(), NodeError> {
        first_error(self.nodes.at(chosen).map(|node| node.start(&self.program)))?;
        first_error(join_all(self.nodes.at(chosen).map(Node::until_serves)).await)
    }

    /// Puts something in the way of links, and tells of it.
    fn hinder(
        &mut self,
        near: &[usize],
        far: &[usize],
        fault: &LinkFault,
    ) -> Result<Vec<FaultReport>, Refused> {
        let links = self.links.as_ref().ok_or_else(no_chaos)?;
        let chosen = between(self.nodes.iter().len(), near, far, fault)?;
        for link in &chosen {
            links.hinder(*link, |now| {
                now.seed = fault.seed;
                match fault.obstacle {
                    Obstacle::Cut => now.cut = true,
                    Obstacle::Delay { by_ms, jitter_ms } => {
                        now.delay = Some(Delay {
                            by: Duration::from_millis(by_ms),
                            jitter: Duration::from_millis(jitter_ms.min(by_ms)),
                        });
                    }
                    Obstacle::Drop { thousandths } => now.loss = Some(Loss(thousandths)),
                }
            });
        }
        let fault = |link: &Link| match fault.obstacle {
            Obstacle::Cut => Fault::Partition(*link),
            Obstacle::Delay { .. } => Fault::Delay(*link),
            Obstacle::Drop { .. } => Fault::Drop(*link),
        };
        Ok(self.reports(chosen.iter().map(fault)))
    }

    /// Puts a file in the way of nodes, and tells of it.
    fn raise(&mut self, flag: Flag, chosen: &[usize]) -> Result<Vec<FaultReport>, Refused> {
        for node in self.nodes.at(chosen) {
            let obstacles = node.obstacles().ok_or_else(no_chaos)?;
            obstacles.raise(flag).map_err(|cause| unwritable(&cause))?;
        }
        Ok(self.reports(chosen.iter().map(|&place| Fault::Flag(flag, place))))
    }

    /// Takes away whatever is in the way of nodes; those that do not run go on or start again.
    async fn heal(&mut self, chosen: &[usize]) -> Result<(), Refused> {
        if let Some(links) = &self.links {
            let touched = |link: &Link| chosen.contains(&link.from) || chosen.contains(&link.to);
            for link in links.all().filter(touched) {
                links.hinder(link, |now| *now = Hindrance::default());
            }
        }
        let mut down = Vec::new();
        let mut kept = None;
        for &place in chosen {
            for node in self.nodes.at(&[place]) {
                if let Some(obstacles) = node.obstacles() {
                    for flag in Flag::ALL {
                        // One that stays must not keep the others.
                        if let Err(cause) = obstacles.lower(flag) {
                            kept = Some(unwritable(&cause));
                        }
                    }
                }
                match node.state() {
                    State::Paused => node.resume()?,
                    State::Down(_) => down.push(place),
                    State::Running => {}
                }
            }
        }
        self.start(&down).await?;
        kept.map_or(Ok(()), Err)
    }

    fn remember(&mut self) {
        let now = fault::in_force(&self.nodes, self.links.as_ref());
        self.begun.keep(&now);
    }

    fn touching(&self, chosen: &[usize]) -> Vec<FaultReport> {
        let now = fault::in_force(&self.nodes, self.links.as_ref());
        self.reports(now.into_iter().filter(|fault| fault.touches(chosen)))
    }

    fn reports(&self, faults: impl Iterator<Item = Fault>) -> Vec<FaultReport> {
        let links = self.links.as_ref();
        faults
            .map(|fault| self.begun.report(fault, &self.nodes, links))
            .collect()
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

/// The links that are meant: those between two sets of nodes. Where the far one is not named it is all others; what is
/// not a partition then is on the links among the near ones, too.
fn between(
    count: usize,
    near: &[usize],
    far: &[usize],
    LinkFault { way, obstacle, .. }: &LinkFault,
) -> Result<BTreeSet<Link>, Refused> {
    if far.iter().any(|place| near.contains(place)) {
        return Err(invalid("a node is named on both sides"));
    }
    let is_far = |place: &usize| match (far, obstacle) {
        ([], Obstacle::Cut) => !near.contains(place),
        ([], Obstacle::Delay { .. } | Obstacle::Drop { .. }) => true,
        (far, _) => far.contains(place),
    };
    let mut links = BTreeSet::new();
    for &near in near {
        for far in (0..count).filter(is_far).filter(|&far| far != near) {
            let (out, back) = (
                Link {
                    from: near,
                    to: far,
                },
                Link {
                    from: far,
                    to: near,
                },
            );
            match way {
                Way::Both => links.extend([out, back]),
                Way::Out => links.extend([out]),
                Way::In => links.extend([back]),
            }
        }
    }
    match links.is_empty() {
        true => Err(invalid("there is no link between these nodes and others")),
        false => Ok(links),
    }
}

fn invalid(message: &str) -> Refused {
    Refused {
        kind: RefusedKind::Invalid,
        message: message.to_owned(),
    }
}

fn no_chaos() -> Refused {
    Refused {
        kind: RefusedKind::NoChaos,
        message: "this `dev` was started without --chaos".to_owned(),
    }
}

fn unwritable(cause: &io::Error) -> Refused {
    Refused {
        kind: RefusedKind::Failed,
        message: format!("cannot change the obstacles of a node: {cause}"),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn links(near: &[usize], far: &[usize], way: Way, obstacle: Obstacle) -> Vec<(usize, usize)> {
        let fault = LinkFault {
            from: Vec::new(),
            way,
            obstacle,
            seed: 0,
        };
        let found = between(3, near, far, &fault);
        let found = found.map_err(|refused| refused.message).unwrap_or_default();
        found.iter().map(|link| (link.from, link.to)).collect()
    }

    const DELAY: Obstacle = Obstacle::Delay {
        by_ms: 1,
        jitter_ms: 0,
    };

    #[test]
    fn a_partition_lies_between_the_named_nodes_and_all_others() {
        let cut = Obstacle::Cut;
        let alone = links(&[1], &[], Way::Both, cut);
        assert_eq!(alone, [(0, 1), (1, 0), (1, 2), (2, 1)]);
        let pair = links(&[0, 1], &[], Way::Both, cut);
        assert_eq!(pair, [(0, 2), (1, 2), (2, 0), (2, 1)]);
        assert_eq!(links(&[1], &[], Way::Out, cut), [(1, 0), (1, 2)]);
        assert_eq!(links(&[1], &[], Way::In, cut), [(0, 1), (2, 1)]);
        assert_eq!(links(&[0], &[2], Way::Both, cut), [(0, 2), (2, 0)]);
        assert_eq!(links(&[0, 1, 2], &[], Way::Both, cut), []);
        assert_eq!(links(&[0], &[0, 1], Way::Both, cut), []);
    }

    #[test]
    fn a_delay_is_on_every_link_of_the_named_nodes() {
        assert_eq!(links(&[0, 1, 2], &[], Way::Both, DELAY).len(), 6);
        assert_eq!(
            links(&[0, 1], &[], Way::Out, DELAY),
            [(0, 1), (0, 2), (1, 0), (1, 2)]
        );
        assert_eq!(links(&[0], &[1], Way::In, DELAY), [(1, 0)]);
    }
}
