//! One look at a cluster: what every node says, and in what they differ.

use crate::client::endpoint::Endpoint;
use crate::client::{Client, NodeStatus, Status};
use crate::config::Settings;
use crate::exit::Failure;
use futures::future::join_all;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// What every member says, in the order of their ids.
#[derive(Debug)]
pub(super) struct Look {
    views: Vec<View>,
}

/// What one member says of all, or why it does not.
#[derive(Debug)]
struct View {
    id: u64,
    name: String,
    said: Result<Status, String>,
}

/// The hosts files on this machine, by the name of their node; or why one cannot be read.
#[derive(Debug, Default)]
pub(super) struct Files(BTreeMap<String, Result<Vec<u8>, String>>);

impl Look {
    /// Asks some node which members there are, and then each of them.
    ///
    /// # Errors
    /// No node answers.
    pub(super) async fn take(settings: &Settings) -> Result<Self, Failure> {
        let members = Client::new(settings, Some(LIMIT))?.status().await?.nodes;
        let views = members.into_iter().map(async |member| {
            let NodeStatus {
                id, name, address, ..
            } = member;
            let said = ask(settings, &address).await;
            View { id, name, said }
        });
        Ok(Self {
            views: join_all(views).await,
        })
    }

    /// One line about what most nodes agree on.
    pub(super) fn summary(&self) -> String {
        let newest = self.own().map(|node| node.revision).max().unwrap_or(0);
        let answered = self.own().count();
        let count = self.views.len();
        let led = self
            .views
            .iter()
            .find_map(|view| leader(view).ok().flatten());
        match led {
            Some((leader, term)) => format!(
                "{answered} of {count} nodes answer, led by {leader} in term {term}, at revision {newest}"
            ),
            None => format!(
                "{answered} of {count} nodes answer, without a leader, at revision {newest}"
            ),
        }
    }

    /// Why this is not one healthy cluster with the same records and files.
    pub(super) fn not_converged(&self) -> Vec<String> {
        let mut problems = self.silent();
        for view in &self.views {
            let Ok(status) = &view.said else { continue };
            let unreached = status.nodes.iter().filter(|node| !node.reachable);
            problems.extend(unreached.map(|node| {
                let why = node.problem.as_deref().unwrap_or("no answer");
                format!("{} does not reach {}: {why}", view.name, node.name)
            }));
        }
        problems.extend(self.leaders());
        problems.extend(self.records());
        problems.extend(self.published());
        problems
    }

    /// Why not all nodes have the same records and files.
    pub(super) fn not_equal(&self, files: Files) -> Vec<String> {
        let mut problems = self.silent();
        problems.extend(self.records());
        problems.extend(self.published());
        problems.extend(files.differences());
        problems
    }

    /// What each node that answers says of itself.
    fn own(&self) -> impl Iterator<Item = &NodeStatus> {
        self.views.iter().filter_map(|view| {
            let status = view.said.as_ref().ok()?;
            status.nodes.iter().find(|node| node.id == view.id)
        })
    }

    fn silent(&self) -> Vec<String> {
        let silent = self.views.iter().filter_map(|view| {
            let why = view.said.as_ref().err()?;
            Some(format!("{} does not answer: {why}", view.name))
        });
        silent.collect()
    }

    /// Whom they follow, where it is not all one.
    fn leaders(&self) -> Vec<String> {
        let said: Vec<_> = self
            .views
            .iter()
            .filter_map(|view| Some((&view.name, leader(view).ok()?)))
            .collect();
        let mut problems = Vec::new();
        for (name, led) in &said {
            match (led, said.first()) {
                (None, _) => problems.push(format!("{name} knows no leader")),
                (Some((leader, term)), Some((first, Some((other, other_term)))))
                    if (leader, term) != (other, other_term) =>
                {
                    problems.push(format!(
                        "{name} sees {leader} lead in term {term}, and {first} sees {other} lead in term {other_term}"
                    ));
                }
                _ => {}
            }
        }
        problems
    }

    /// Who is behind, and who has other records at the same revision.
    fn records(&self) -> Vec<String> {
        let Some(newest) = self.own().max_by_key(|node| node.revision) else {
            return Vec::new();
        };
        let mut problems = Vec::new();
        for node in self.own() {
            let (name, revision) = (&node.name, node.revision);
            if revision != newest.revision {
                let (first, at) = (&newest.name, newest.revision);
                problems.push(format!(
                    "{name} is at revision {revision}, and {first} at {at}"
                ));
            } else if node.digest != newest.digest {
                let first = &newest.name;
                problems.push(format!(
                    "{name} and {first} have different records at the same revision {revision}"
                ));
            }
        }
        problems
    }

    /// Whose file is not the one of its records, or another one than others have.
    fn published(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut first: Option<(&NodeStatus, &str)> = None;
        for node in self.own().filter(|node| node.revision > 0) {
            let (name, revision) = (&node.name, node.revision);
            let Some(file) = &node.published else {
                problems.push(format!("{name} has no hosts file"));
                continue;
            };
            if let Some(error) = &file.error {
                problems.push(format!("{name} cannot write its hosts file: {error}"));
            } else if file.revision != revision {
                let at = file.revision;
                problems.push(format!(
                    "the hosts file of {name} is at revision {at}, and its records are at {revision}"
                ));
            } else {
                match first {
                    None => first = Some((node, &file.sha256)),
                    Some((other, sha256))
                        if other.revision == revision && sha256 != file.sha256 =>
                    {
                        let other = &other.name;
                        problems.push(format!(
                            "{name} and {other} have different hosts files at the same revision {revision}"
                        ));
                    }
                    Some(_) => {}
                }
            }
        }
        problems
    }
}

/// What the node at this address says.
async fn ask(settings: &Settings, address: &str) -> Result<Status, String> {
    let endpoint: Endpoint = address
        .parse()
        .map_err(|error: crate::client::endpoint::InvalidEndpoint| error.to_string())?;
    let mut settings = settings.clone();
    settings.server.value = vec![endpoint];
    let asked = async { Client::new(&settings, Some(LIMIT))?.status().await };
    asked.await.map_err(|failure: Failure| failure.message)
}

/// Whom a node sees lead, and in which term: the latest one, should another one not know better yet.
fn leader(view: &View) -> Result<Option<(&str, u64)>, &str> {
    let status = view.said.as_ref().map_err(String::as_str)?;
    let leads = |node: &&NodeStatus| node.reachable && node.role == "leader";
    let leader = status.nodes.iter().filter(leads);
    let leader = leader.max_by_key(|node| node.term);
    Ok(leader.map(|node| (node.name.as_str(), node.term)))
}

impl Files {
    /// Of the nodes of `look`, where their directories are in `local`.
    pub(super) fn read(local: Option<&Path>, look: &Look) -> Self {
        let Some(local) = local else {
            return Self::default();
        };
        let read = look.own().filter(|node| node.revision > 0).map(|node| {
            let path = local.join(&node.name).join("hosts");
            let bytes = fs::read(&path);
            let bytes = bytes.map_err(|cause| format!("cannot read {}: {cause}", path.display()));
            (node.name.clone(), bytes)
        });
        Self(read.collect())
    }

    fn differences(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut first: Option<(&String, &Vec<u8>)> = None;
        for (name, read) in &self.0 {
            match (read, first) {
                (Err(why), _) => problems.push(format!("the hosts file of {name}: {why}")),
                (Ok(bytes), None) => first = Some((name, bytes)),
                (Ok(bytes), Some((other, theirs))) if bytes != theirs => {
                    problems.push(format!(
                        "the hosts files of {other} and {name} differ on the disk: {}",
                        first_difference(theirs, bytes)
                    ));
                }
                (Ok(_), Some(_)) => {}
            }
        }
        problems
    }
}

/// Where two files part, for a person who will open them.
fn first_difference(one: &[u8], other: &[u8]) -> String {
    let mut lines = one.split(|&b| b == b'\n').zip(other.split(|&b| b == b'\n'));
    match lines.position(|(one, other)| one != other) {
        Some(line) => format!("from line {} on", line + 1),
        None => format!("one has {} bytes and the other {}", one.len(), other.len()),
    }
}

/// For one node to answer: it asks its peers for a second meanwhile.
const LIMIT: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Published, Sinks};

    fn node(id: u64) -> NodeStatus {
        NodeStatus {
            id,
            name: format!("n{id}"),
            address: format!("127.0.0.1:{id}"),
            role: if id == 1 { "leader" } else { "voter" },
            reachable: true,
            problem: None,
            term: 3,
            last_log_index: 9,
            applied: 9,
            revision: 9,
            digest: "d9".to_owned(),
            published: Some(Published {
                path: "hosts".to_owned(),
                revision: 9,
                sha256: "f9".to_owned(),
                writes: 1,
                repairs: 0,
                error: None,
                warnings: Vec::new(),
            }),
            certificate_expires_at: None,
            version: String::new(),
            hosts: 1,
            store: None,
            hooks: Vec::new(),
            sinks: Sinks::default(),
        }
    }

    /// Three nodes that say the same of all, except for what `change` does to what one of them says.
    fn look(change: impl Fn(u64, &mut Vec<NodeStatus>)) -> Look {
        let views = (1..=3).map(|id| {
            let mut nodes: Vec<_> = (1..=3).map(node).collect();
            change(id, &mut nodes);
            View {
                id,
                name: format!("n{id}"),
                said: Ok(Status {
                    cluster_id: String::new(),
                    verdict: "healthy",
                    explanation: String::new(),
                    answered_by: id,
                    nodes,
                }),
            }
        });
        Look {
            views: views.collect(),
        }
    }

    #[test]
    fn nodes_that_agree_are_converged_and_equal() {
        let look = look(|_, _| {});
        assert_eq!(look.not_converged(), [""; 0]);
        assert_eq!(look.not_equal(Files::default()), [""; 0]);
        let said = "3 of 3 nodes answer, led by n1 in term 3, at revision 9";
        assert_eq!(look.summary(), said);
    }

    #[test]
    fn what_only_one_node_sees_is_told() {
        let cut = look(|id, nodes| {
            if id == 3 {
                nodes[0].reachable = false;
                nodes[0].problem = Some("too late".to_owned());
            }
        });
        let problems = cut.not_converged();
        assert_eq!(
            problems,
            ["n3 does not reach n1: too late", "n3 knows no leader"]
        );
        assert_eq!(cut.not_equal(Files::default()), [""; 0]);

        let split = look(|id, nodes| {
            if id == 3 {
                nodes[0].role = "voter";
                (nodes[2].role, nodes[2].term) = ("leader", 4);
            }
        });
        let said = "n3 sees n3 lead in term 4, and n1 sees n1 lead in term 3";
        assert_eq!(split.not_converged(), [said]);
    }

    #[test]
    fn who_is_behind_or_has_other_records_or_files_is_told() {
        for (change, said) in [
            (
                (|node| {
                    node.revision = 8;
                    node.published.as_mut().unwrap().revision = 8;
                }) as fn(&mut NodeStatus),
                "n2 is at revision 8, and n3 at 9",
            ),
            (
                |node| node.digest = "other".to_owned(),
                "n2 and n3 have different records at the same revision 9",
            ),
            (
                |node| node.published.as_mut().unwrap().revision = 8,
                "the hosts file of n2 is at revision 8, and its records are at 9",
            ),
            (
                |node| node.published.as_mut().unwrap().sha256 = "other".to_owned(),
                "n2 and n1 have different hosts files at the same revision 9",
            ),
            (
                |node| node.published.as_mut().unwrap().error = Some("disk full".to_owned()),
                "n2 cannot write its hosts file: disk full",
            ),
            (|node| node.published = None, "n2 has no hosts file"),
        ] {
            let look = look(|_, nodes| change(&mut nodes[1]));
            assert_eq!(look.not_converged(), [said]);
            assert_eq!(look.not_equal(Files::default()), [said]);
        }
    }

    #[test]
    fn who_does_not_answer_is_told() {
        let mut look = look(|_, _| {});
        look.views[1].said = Err("nobody listens".to_owned());
        let said = "n2 does not answer: nobody listens";
        assert_eq!(look.not_converged(), [said]);
        assert_eq!(look.not_equal(Files::default()), [said]);
    }

    #[test]
    fn files_on_the_disk_are_compared_byte_by_byte() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("n1", "a\nb\n"), ("n2", "a\nb\n"), ("n3", "a\nc\n")] {
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join("hosts"), text).unwrap();
        }
        let look = look(|_, _| {});
        let problems = look.not_equal(Files::read(Some(dir.path()), &look));
        let said = "the hosts files of n1 and n3 differ on the disk: from line 2 on";
        assert_eq!(problems, [said]);
        fs::remove_file(dir.path().join("n3/hosts")).unwrap();
        let problems = look.not_equal(Files::read(Some(dir.path()), &look));
        assert!(problems[0].contains("n3/hosts"), "{problems:?}");
        assert_eq!(
            first_difference(b"a", b"a\n"),
            "one has 1 bytes and the other 2"
        );
    }
}
