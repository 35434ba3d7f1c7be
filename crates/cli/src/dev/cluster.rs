//! What the cluster says of itself, asked as any client would: `dev` knows processes, the cluster knows leaders.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hosts::Revision;
use sha2::{Digest as _, Sha256};
use tokio::time::{sleep, timeout};

use super::layout::Layout;
use super::nodes::Nodes;
use crate::args::Global;
use crate::client::{Client, NodeStatus, PublicationState, Status};
use crate::config::Settings;
use crate::exit::{Failure, chain, reasons};
use crate::output::Copy;

/// A cluster, seen with the certificate of its administrator.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    config: PathBuf,
}

impl Cluster {
    pub(crate) fn of(layout: &Layout) -> Self {
        Self {
            config: layout.client_config(),
        }
    }

    /// How the cluster is, as the first node at `addresses` sees it that answers.
    pub(crate) async fn status(&self, addresses: &[String]) -> Result<Status, Failure> {
        self.client(addresses, STATUS_LIMIT)?.status().await
    }

    /// Waits until all nodes run as one cluster: they reach each other, and one leads.
    pub(crate) async fn until_ready(&self, layout: &Layout) -> Result<Status, Failure> {
        let count = layout.members().len();
        let addresses = addresses(layout);
        let mut last = None;
        let ready = async {
            loop {
                match self.status(&addresses).await {
                    Ok(status) if is_ready(&status, count) => return status,
                    Ok(status) => last = Some(missing(&status, count)),
                    Err(failure) => last = Some(failure.message),
                }
                sleep(INTERVAL).await;
            }
        };
        if let Ok(status) = timeout(READY_LIMIT, ready).await {
            return Ok(status);
        }
        let why = last.unwrap_or_else(|| "nobody answered".to_owned());
        let seconds = READY_LIMIT.as_secs();
        Err(Failure::of(
            reasons::NOT_READY,
            format!("the nodes did not become a cluster within {seconds} s: {why}"),
        ))
    }

    /// Waits until a node that runs leads; gives its place, or none if there is no leader for long.
    pub(crate) async fn until_leader(&self, nodes: &Nodes) -> Option<usize> {
        let addresses = nodes.addresses();
        if addresses.is_empty() {
            return None;
        }
        let found = async {
            loop {
                if let Ok(status) = self.status(&addresses).await
                    && let Some(leader) = leader(&status)
                    // The one that was just killed or paused may still be taken for it.
                    && let Some(place) = nodes.iter().position(|node| {
                        node.member().id == leader.id && addresses.contains(&node.member().address)
                    })
                {
                    return place;
                }
                sleep(INTERVAL).await;
            }
        };
        timeout(LEADER_LIMIT, found).await.ok()
    }

    /// Waits until every node has written all accepted changes, then reads the files.
    pub(crate) async fn until_published(&self, layout: &Layout) -> Result<Vec<Copy>, Failure> {
        let addresses = addresses(layout);
        let status = self.status(&addresses).await?;
        let newest = status
            .nodes
            .iter()
            .map(|node| node.revision)
            .max()
            .unwrap_or(0);
        if newest > 0 {
            let mut client = self.client(&addresses, PUBLISH_LIMIT)?;
            let publications = client.wait_published(Revision::new(newest)).await?;
            let late = publications
                .iter()
                .find(|of| of.result != PublicationState::Published);
            if let Some(late) = late {
                let problem = late.problem.as_deref().unwrap_or("it is still at work");
                let name = &late.name;
                return Err(Failure::of(
                    reasons::DEV_NOT_PUBLISHED,
                    format!("{name} has not written revision {newest}: {problem}"),
                ));
            }
        }
        let status = self.status(&addresses).await?;
        layout
            .members()
            .iter()
            .map(|member| {
                let seen = status.nodes.iter().find(|seen| seen.id == member.id);
                let published = seen.and_then(|seen| seen.published.as_ref());
                let path = layout.hosts(member);
                Ok(Copy {
                    node: member.name.clone(),
                    revision: published.map_or(0, |published| published.revision),
                    sha256: sha256(&path)?,
                    path,
                })
            })
            .collect()
    }

    fn client(&self, addresses: &[String], limit: Duration) -> Result<Client, Failure> {
        let flags = Global {
            config: Some(self.config.clone()),
            server: addresses.to_vec(),
            ..Global::default()
        };
        // The environment of this process is about another cluster, if it is about any.
        let settings =
            Settings::load(&flags, &|_| None).map_err(|error| Failure::usage(chain(&error)))?;
        Client::new(&settings, Some(limit))
    }
}

/// The reachable node that leads; the one of the latest term, should an earlier one not know better yet.
pub(crate) fn leader(status: &Status) -> Option<&NodeStatus> {
    let leads = |node: &&NodeStatus| node.reachable && node.role == "leader";
    status
        .nodes
        .iter()
        .filter(leads)
        .max_by_key(|node| node.term)
}

fn is_ready(status: &Status, count: usize) -> bool {
    let all_reached = status.nodes.iter().filter(|node| node.reachable).count() == count;
    all_reached && leader(status).is_some()
}

fn missing(status: &Status, count: usize) -> String {
    let unreached: Vec<_> = status.nodes.iter().filter(|node| !node.reachable).collect();
    match unreached.first() {
        Some(NodeStatus { name, problem, .. }) => {
            let problem = problem.as_deref().unwrap_or("no answer");
            format!("{name} is not reached ({problem})")
        }
        None if status.nodes.len() < count => format!("only {} are known", status.nodes.len()),
        None => "no leader was elected".to_owned(),
    }
}

fn addresses(layout: &Layout) -> Vec<String> {
    layout
        .members()
        .iter()
        .map(|member| member.address.clone())
        .collect()
}

/// The SHA-256 of a file as it is on the disk, hex; none if there is no file.
fn sha256(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read(path) {
        Ok(bytes) => {
            let hash = Sha256::digest(bytes);
            Ok(Some(
                hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            ))
        }
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Failure::of(
            reasons::HOSTS_FILE,
            format!("cannot read {}: {cause}", path.display()),
        )),
    }
}

/// From serving nodes to an elected leader: some elections.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// For an election, also on a busy machine.
const LEADER_LIMIT: Duration = Duration::from_secs(15);

/// For the files of a large import on slow disks.
const PUBLISH_LIMIT: Duration = Duration::from_secs(60);

/// For one look. A node asks its peers meanwhile.
const STATUS_LIMIT: Duration = Duration::from_secs(3);

/// Between two looks at something that comes soon.
const INTERVAL: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Sinks;

    fn node(id: u64, role: &'static str, term: u64, reachable: bool) -> NodeStatus {
        NodeStatus {
            id,
            name: format!("n{id}"),
            address: format!("127.0.0.1:{id}"),
            role,
            reachable,
            problem: None,
            term,
            last_log_index: 0,
            applied: 0,
            revision: 0,
            digest: String::new(),
            published: None,
            certificate_expires_at: None,
            version: String::new(),
            hosts: 0,
            store: None,
            hooks: Vec::new(),
            sinks: Sinks::default(),
        }
    }

    fn status(nodes: Vec<NodeStatus>) -> Status {
        Status {
            cluster_id: String::new(),
            verdict: "healthy",
            explanation: String::new(),
            answered_by: 1,
            nodes,
        }
    }

    #[test]
    fn a_deposed_leader_that_does_not_know_it_is_none() {
        let seen = status(vec![
            node(1, "leader", 4, true),
            node(2, "leader", 5, true),
            node(3, "leader", 6, false),
        ]);
        assert_eq!(leader(&seen).map(|node| node.id), Some(2));
        assert_eq!(leader(&status(vec![node(1, "voter", 4, true)])), None);
    }

    #[test]
    fn a_cluster_is_ready_when_all_are_reached_and_one_leads() {
        let mut seen = status(vec![node(1, "leader", 1, true), node(2, "voter", 1, true)]);
        assert!(is_ready(&seen, 2));
        assert!(!is_ready(&seen, 3));
        assert_eq!(missing(&seen, 3), "only 2 are known");
        seen.nodes[1].reachable = false;
        assert!(!is_ready(&seen, 2));
        assert_eq!(missing(&seen, 2), "n2 is not reached (no answer)");
        let leaderless = status(vec![node(1, "voter", 1, true)]);
        assert!(!is_ready(&leaderless, 1));
        assert_eq!(missing(&leaderless, 1), "no leader was elected");
    }

    #[test]
    fn a_file_is_hashed_as_it_is_on_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hosts");
        assert_eq!(sha256(&path), Ok(None));
        fs::write(&path, "abc").unwrap();
        // FIPS 180-4, the example of one block.
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&path), Ok(Some(known.to_owned())));
    }
}
