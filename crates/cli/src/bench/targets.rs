//! Which node a task asks: as `--via` says at first, any other when that one
//! does not do.

use super::run::Load;
use crate::client::endpoint::Endpoint;
use crate::client::tls::Tls;
use crate::client::{Client, Line, Status, load_tls};
use crate::config::Settings;
use crate::exit::{Failure, reasons, shown};
use futures::future::join_all;
use hosts::Revision;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Where writers go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Via {
    All,
    Leader,
    Follower,
    /// The node of this name.
    Node(String),
}

impl FromStr for Via {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "all" => Self::All,
            "leader" => Self::Leader,
            "follower" => Self::Follower,
            name => Self::Node(name.to_owned()),
        })
    }
}

impl fmt::Display for Via {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::All => "all",
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Node(name) => name,
        })
    }
}

/// The nodes of a run, and the connections to them.
pub(crate) struct Targets {
    nodes: Vec<Target>,
    /// Where writers begin, as places in `nodes`; never empty.
    chosen: RwLock<Vec<usize>>,
    via: Via,
    /// The newest revision that a node has shown.
    newest: AtomicU64,
}

struct Target {
    endpoint: Endpoint,
    /// Its id, if it answered at the start.
    id: Option<u64>,
    lines: Vec<Line>,
}

/// How long a node may take to say who it is.
const WHO: Duration = Duration::from_secs(4);

impl Targets {
    /// Asks every node who it is. One that does not answer is part of the run
    /// all the same: it may come back.
    pub(crate) async fn find(settings: &Settings, load: &Load) -> Result<Self, Failure> {
        let tls = Arc::new(load_tls(settings)?);
        let asked = settings.server.value.iter().map(|endpoint| async {
            let mut alone = settings.clone();
            alone.server.value = vec![endpoint.clone()];
            let status = Client::new(&alone, Some(WHO))?.status().await;
            Ok((endpoint.clone(), status.ok()))
        });
        let asked: Vec<(Endpoint, Option<Status>)> = join_all(asked)
            .await
            .into_iter()
            .collect::<Result<_, Failure>>()?;
        let ids = asked
            .iter()
            .map(|(_, status)| status.as_ref().map(|status| status.answered_by));
        let ids: Vec<Option<u64>> = ids.collect();
        let Some(status) = asked.iter().find_map(|(_, status)| status.as_ref()) else {
            // In the words of a client that tried them all.
            return match Client::new(settings, Some(WHO))?.status().await {
                Err(failure) => Err(failure),
                Ok(_) => Err(no_node("no node answered at first; one does now")),
            };
        };
        let chosen = choose(&load.via, status, &ids)?;
        let newest = status.nodes.iter().map(|node| node.revision).max();
        let newest = newest.unwrap_or(0);
        let nodes = asked.iter().zip(&ids).map(|((endpoint, _), id)| Target {
            endpoint: endpoint.clone(),
            id: *id,
            lines: lines(endpoint, &tls, load.connections),
        });
        Ok(Self {
            nodes: nodes.collect(),
            chosen: RwLock::new(chosen),
            via: load.via.clone(),
            newest: AtomicU64::new(newest),
        })
    }

    /// Follows the leader, if that is where writers go. Who leads now, and in
    /// which term.
    pub(crate) fn heed(&self, status: &Status) -> Option<(u64, u64)> {
        let ids: Vec<Option<u64>> = self.nodes.iter().map(|node| node.id).collect();
        if let Ok(chosen) = choose(&self.via, status, &ids) {
            *self.chosen.write().unwrap_or_else(PoisonError::into_inner) = chosen;
        }
        leader(status)
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The place of the node where this writer begins.
    pub(crate) fn first(&self, task: usize) -> usize {
        let chosen = self.chosen.read().unwrap_or_else(PoisonError::into_inner);
        let turn = task.checked_rem(chosen.len()).unwrap_or(0);
        chosen.get(turn).copied().unwrap_or(0)
    }

    /// This task's connection to the node at a place, counted around.
    pub(crate) fn line(&self, place: usize, task: usize) -> Option<&Line> {
        let node = self.nodes.get(place.checked_rem(self.nodes.len())?)?;
        // Tasks of one node, not of all, take its connections in turn.
        let turn = task / self.nodes.len();
        node.lines.get(turn.checked_rem(node.lines.len())?)
    }

    /// Notes what an answer shows.
    pub(crate) fn saw(&self, revision: Option<Revision>) {
        if let Some(revision) = revision {
            self.newest.fetch_max(revision.get(), Ordering::Relaxed);
        }
    }

    /// How new the records are at least.
    pub(crate) fn newest(&self) -> Revision {
        Revision::new(self.newest.load(Ordering::Relaxed))
    }

    pub(crate) fn endpoints(&self) -> Vec<String> {
        let nodes = self.nodes.iter();
        nodes.map(|node| node.endpoint.to_string()).collect()
    }
}

/// Lines for a command that does not choose: one to every node.
pub(crate) fn one_each(settings: &Settings) -> Result<Vec<Line>, Failure> {
    let tls = Arc::new(load_tls(settings)?);
    let nodes = settings.server.value.iter();
    Ok(nodes
        .map(|node| Line::new(node.clone(), Arc::clone(&tls)))
        .collect())
}

fn lines(endpoint: &Endpoint, tls: &Arc<Tls>, count: usize) -> Vec<Line> {
    let line = || Line::new(endpoint.clone(), Arc::clone(tls));
    std::iter::repeat_with(line).take(count).collect()
}

/// The places of the nodes where writers begin. `ids` are those of the named
/// nodes, in their order.
fn choose(via: &Via, status: &Status, ids: &[Option<u64>]) -> Result<Vec<usize>, Failure> {
    let leader = leader(status).map(|(id, _)| id);
    let named = |name: &str| status.nodes.iter().find(|node| node.name == name);
    let wanted: Box<dyn Fn(Option<u64>) -> bool> = match via {
        Via::All => Box::new(|_| true),
        Via::Leader => Box::new(move |id| id.is_some() && id == leader),
        Via::Follower => Box::new(move |id| id.is_some() && leader.is_some() && id != leader),
        Via::Node(name) => {
            let node = named(name).ok_or_else(|| {
                let names: Vec<&str> = status.nodes.iter().map(|node| node.name.as_str()).collect();
                Failure::usage(format!("no node is named {}", shown(name))).hint(format!(
                    "there are {}; or say leader, follower or all",
                    names.join(", ")
                ))
            })?;
            let id = node.id;
            Box::new(move |other| other == Some(id))
        }
    };
    let places = ids.iter().enumerate().filter(|(_, id)| wanted(**id));
    let places: Vec<usize> = places.map(|(place, _)| place).collect();
    if places.is_empty() {
        return Err(no_node(&format!(
            "no node named by --server answers that is --via {via}"
        )));
    }
    Ok(places)
}

fn leader(status: &Status) -> Option<(u64, u64)> {
    let nodes = status.nodes.iter();
    nodes
        .filter(|node| node.reachable && node.role == "leader")
        .map(|node| (node.id, node.term))
        .max_by_key(|(_, term)| *term)
}

fn no_node(message: &str) -> Failure {
    Failure::of(reasons::NO_NODE, message)
}
