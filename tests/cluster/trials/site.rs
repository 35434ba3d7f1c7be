//! A cluster on a network and disks that can be harmed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hosts::{Role, Timestamp};
use node::clock::{Clock as _, SystemClock};
use node::identity::ClusterId;
use node::pki::{Authority, write_private};
use proto::cluster::{NodeStatus, Role as Leads, StatusResponse};

use crate::machine::Machine;
use crate::net::address_of;
use crate::node::Node;
use crate::talk::Talk;
use crate::until::{LIMIT, until};

/// The nodes, and the administrator's way to each of them. The network outlives it.
pub(crate) struct Site {
    pub(crate) nodes: Vec<Node>,
    pub(crate) talk: Arc<Talk>,
    pub(crate) cluster: u128,
    dir: PathBuf,
}

/// Certificates are old enough for clocks that are set back …
const ISSUED_AGO: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// … and expire after ten years have been jumped over, and before [`EXPIRED`].
const VALID: Duration = Duration::from_secs(20 * 365 * 24 * 60 * 60);
/// In seconds: a clock so far ahead finds every certificate expired.
pub(crate) const EXPIRED: &str = "+788400000";

impl Site {
    /// A new cluster of `count` nodes that has a leader.
    pub(crate) fn form(room: &Path, name: &str, count: usize, settings: &str) -> Self {
        let dir = room.join(name);
        fs::create_dir(&dir).unwrap();
        let now = SystemClock.now();
        let id = ClusterId::new(now, SystemClock.seed());
        let ago = u64::try_from(ISSUED_AGO.as_millis()).unwrap();
        let issued = Timestamp::from_millis(now.as_millis() - ago);
        let authority = Authority::new(id, issued).unwrap();
        fs::write(dir.join("ca.pem"), authority.ca_pem()).unwrap();
        let initial: String = (1..=count)
            .map(|number| {
                let address = address_of(number);
                format!(
                    "  {{ id = {number}, name = \"n{number}\", address = \"{address}:{PORT}\" }},\n"
                )
            })
            .collect();
        let mut nodes = Vec::new();
        for number in 1..=count {
            let node_dir = dir.join(format!("n{number}"));
            fs::create_dir(&node_dir).unwrap();
            let address = address_of(number).to_string();
            let node_id = u64::try_from(number).unwrap();
            let name = format!("n{number}");
            let certificate = authority
                .issue_node(node_id, &name, &[address], issued, VALID)
                .unwrap();
            write_private(&node_dir.join("cert.pem"), &certificate.cert_pem).unwrap();
            write_private(&node_dir.join("key.pem"), &certificate.key_pem).unwrap();
            let machine = Machine::new(&dir, &format!("disk{number}"));
            let (data, hosts) = (machine.place("data"), machine.place("hosts"));
            let config = format!(
                "[node]\nname = \"{name}\"\ndata_dir = \"{}\"\nlisten = \"0.0.0.0:{PORT}\"\n\
                 [hosts]\npath = \"{}\"\nmode = \"whole\"\n\
                 [cluster]\nid = \"{id}\"\ninitial = [\n{initial}]\n\
                 [tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\nca = \"../ca.pem\"\n\
                 [log]\nlevel = \"info,openraft=warn\"\n{settings}",
                data.display(),
                hosts.display(),
            );
            fs::write(node_dir.join("config.toml"), config).unwrap();
            nodes.push(Node::new(number, node_dir, machine));
        }
        let admin = authority
            .issue_client(Role::Admin, "trials", issued, VALID)
            .unwrap();
        let addresses = (1..=count).map(|number| format!("{}:{PORT}", address_of(number)));
        let talk = Talk::new(authority.ca_pem(), &admin, addresses.collect());
        for node in &mut nodes {
            node.start();
        }
        let site = Self {
            nodes,
            talk: Arc::new(talk),
            cluster: id.as_u128(),
            dir,
        };
        site.until_level();
        site
    }

    /// A place for what a test needs.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A node by its number.
    pub(crate) fn node(&mut self, number: usize) -> &mut Node {
        &mut self.nodes[number - 1]
    }

    /// All numbers.
    pub(crate) fn numbers(&self) -> Vec<usize> {
        self.nodes.iter().map(|node| node.number).collect()
    }

    /// All numbers but this one.
    pub(crate) fn others(&self, number: usize) -> Vec<usize> {
        let mut numbers = self.numbers();
        numbers.retain(|other| *other != number);
        numbers
    }

    /// As any node sees the cluster.
    pub(crate) fn status(&self) -> Result<StatusResponse, String> {
        let mut said = Vec::new();
        for number in self.numbers() {
            match self.talk.status(number) {
                Ok(status) => return Ok(status),
                Err(error) => said.push(format!("n{number}: {error}")),
            }
        }
        Err(said.join("; "))
    }

    /// Waits for a leader that answers.
    #[track_caller]
    pub(crate) fn leader(&self) -> usize {
        until("a node leads", || {
            let status = self.status()?;
            let leads = |node: &&NodeStatus| node.reachable && node.role() == Leads::Leader;
            let leader = status
                .nodes
                .iter()
                .filter(leads)
                .max_by_key(|node| node.term);
            match leader {
                Some(leader) => Ok(usize::try_from(leader.id).unwrap()),
                None => Err(format!("{status:?}")),
            }
        })
    }

    /// Waits until the nodes are level.
    #[track_caller]
    pub(crate) fn until_level(&self) -> u64 {
        until("all nodes are at one revision, in state and file", || {
            self.level()
        })
    }

    /// Whether all nodes have the same state at the same index, and have written it. Returns the index.
    pub(crate) fn level(&self) -> Result<u64, String> {
        let status = self.status()?;
        let first = &status.nodes[0];
        let level = |node: &NodeStatus| {
            let published = node.published.as_ref();
            node.reachable
                && (node.applied, node.revision, &node.digest)
                    == (first.applied, first.revision, &first.digest)
                && node.applied == node.last_log_index
                && published
                    .is_some_and(|file| file.error.is_empty() && file.revision >= node.revision)
        };
        let leads = |node: &NodeStatus| node.role() == Leads::Leader;
        match status.nodes.iter().all(level) && status.nodes.iter().any(leads) {
            true if status.nodes.len() == self.nodes.len() => Ok(first.applied),
            _ => Err(format!("{status:?}")),
        }
    }

    /// Waits, while clients are at work, until this node has ended, which is told, or goes on: it has applied more than
    /// anybody had before. One that only answers may be about to end.
    ///
    /// # Errors
    /// What was seen last, when it does neither in time.
    pub(crate) fn settled(&mut self, number: usize) -> Result<Option<ExitStatus>, String> {
        let end = Instant::now() + LIMIT;
        let mut before = None;
        loop {
            if let Some(status) = self.node(number).end_within(LOOK) {
                return Ok(Some(status));
            }
            let applied = self.talk.applied(number);
            match before {
                None => {
                    let most =
                        |status: StatusResponse| status.nodes.iter().map(|node| node.applied).max();
                    before = self.status().ok().and_then(most);
                }
                Some(before) if applied > Some(before) => return Ok(None),
                Some(_) => {}
            }
            if Instant::now() > end {
                return Err(format!(
                    "n{number} runs, and has applied {applied:?}; others had {before:?}"
                ));
            }
        }
    }

    /// The end of every node's log, for a person.
    pub(crate) fn show(&self) {
        eprintln!("the cluster is in {}", self.dir.display());
        for node in &self.nodes {
            let log = node.log(0);
            let lines: Vec<_> = log.lines().collect();
            let last = lines.iter().skip(lines.len().saturating_sub(SHOWN));
            eprintln!("-- {}", node.name());
            for line in last {
                eprintln!("{}", line.chars().take(300).collect::<String>());
            }
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show();
        }
    }
}

const PORT: u16 = 7000;
/// Between two questions to one node.
const LOOK: Duration = Duration::from_millis(50);
const SHOWN: usize = 40;
