//! A cluster of real processes, and what is done to it and expected of it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::Deserialize;
use tempfile::TempDir;

use super::chance::Chance;
use super::hand::{Ended, Hand};
use super::process::{Dev, binary, kill_left, output_within};
use super::slot::Slot;
use super::status::{NodeStatus, Status};
use super::until::{LIMIT, until};
use super::writers::Written;

/// Dropped, it stops in good order, which must work; after a failure it shows its logs instead.
pub(crate) struct Cluster {
    nodes: Vec<Member>,
    id: String,
    dev: Option<Dev>,
    place: TempDir,
    chance: Chance,
    /// The nodes that cannot answer, because a test has seen to that.
    away: Mutex<BTreeSet<String>>,
    _slot: Slot,
}

/// As `cluster.json` has it.
#[derive(Deserialize, Clone, Debug)]
struct Member {
    name: String,
    address: String,
}

#[derive(Deserialize)]
struct Description {
    cluster: String,
    nodes: Vec<Member>,
}

impl Cluster {
    /// A new cluster that has a leader.
    pub(crate) fn of(nodes: u8) -> Self {
        Self::with(nodes, "")
    }

    /// The same, whose links, disks and hooks `chaos` can reach.
    pub(crate) fn under_chaos(nodes: u8) -> Self {
        Self::under_chaos_with(nodes, "")
    }

    /// Both.
    pub(crate) fn under_chaos_with(nodes: u8, settings: &str) -> Self {
        Self::started(nodes, settings, &["--chaos"])
    }

    /// The same as the first, with `settings` at the end of every node's configuration.
    pub(crate) fn with(nodes: u8, settings: &str) -> Self {
        Self::started(nodes, settings, &[])
    }

    fn started(nodes: u8, settings: &str, words: &[&str]) -> Self {
        let slot = Slot::take();
        let place = tempfile::Builder::new()
            .prefix("cluster-")
            .tempdir()
            .unwrap();
        let (dir, log) = (place.path().join("c"), place.path().join("dev.log"));
        let again = owned(words);
        let mut words = again.clone();
        words.extend(["--nodes".to_owned(), nodes.to_string()]);
        let mut dev = Dev::start(&dir, &log, &words);
        let text = fs::read(dir.join("cluster.json")).unwrap();
        let Description { cluster, nodes } = serde_json::from_slice(&text).unwrap();
        if !settings.is_empty() {
            // `dev` writes a configuration once, and keeps what is changed in it.
            dev.stop();
            for Member { name, .. } in &nodes {
                let path = dir.join(name).join("config.toml");
                let text = fs::read_to_string(&path).unwrap() + settings;
                fs::write(path, text).unwrap();
            }
            dev = Dev::start(&dir, &log, &again);
        }
        Self {
            nodes,
            id: cluster,
            dev: Some(dev),
            place,
            chance: Chance::new(),
            away: Mutex::default(),
            _slot: slot,
        }
    }

    /// The cluster's id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The directory of the whole cluster, as `dev --dir` has it.
    pub(crate) fn dir(&self) -> PathBuf {
        self.place.path().join("c")
    }

    /// Beside it: for what a test needs.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(crate) fn node_dir(&self, node: &str) -> PathBuf {
        self.dir().join(node)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.name.clone()).collect()
    }

    /// All nodes but this one.
    pub(crate) fn others(&self, name: &str) -> Vec<String> {
        let mut names = self.names();
        names.retain(|other| other != name);
        names
    }

    /// One of these, by chance.
    pub(crate) fn any_of(&mut self, names: &[String]) -> String {
        names[self.chance.below(names.len())].clone()
    }

    /// A number by chance.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.chance.below(count)
    }

    pub(crate) fn address(&self, name: &str) -> String {
        let member = self.nodes.iter().find(|node| node.name == name);
        member.unwrap().address.clone()
    }

    /// The administrator, at this node alone.
    pub(crate) fn via(&self, name: &str) -> Hand {
        self.admin().at(vec![self.address(name)])
    }

    /// The administrator, at all nodes in this order.
    pub(crate) fn via_all(&self, names: &[String]) -> Hand {
        let addresses = names.iter().map(|name| self.address(name));
        self.admin().at(addresses.collect())
    }

    /// The administrator, at the nodes that can answer.
    pub(crate) fn via_any(&self) -> Hand {
        self.via_all(&self.present())
    }

    /// `count` hands that begin at different nodes and know all of them.
    pub(crate) fn hands(&self, count: usize) -> Vec<Hand> {
        let mut names = self.names();
        let hands = (0..count).map(|_| {
            names.rotate_left(1);
            self.via_all(&names)
        });
        hands.collect()
    }

    fn admin(&self) -> Hand {
        Hand::new(self.dir().join("client.toml"))
    }

    fn present(&self) -> Vec<String> {
        let away = self.away.lock().unwrap();
        let mut names = self.names();
        names.retain(|name| !away.contains(name));
        names
    }

    /// As it is now, seen from a node that can answer.
    #[track_caller]
    pub(crate) fn status(&self) -> Status {
        until("a node says how the cluster is", || self.via_any().status())
    }

    /// Waits for a leader that can answer, and names it.
    #[track_caller]
    pub(crate) fn leader(&self) -> String {
        until("a node leads", || {
            let status = self.via_any().status()?;
            let present = self.present();
            match status.leader() {
                Some(leader) if present.contains(&leader.name) => Ok(leader.name.clone()),
                _ => Err(format!("{status:?}")),
            }
        })
    }

    /// The seed of its chance.
    pub(crate) const fn seed(&self) -> u64 {
        self.chance.seed
    }

    /// Waits until all nodes run as one cluster in which nothing is wrong.
    #[track_caller]
    pub(crate) fn until_healthy(&self) {
        until("the cluster is healthy", || {
            let status = self.via_any().status()?;
            match status.verdict.as_str() {
                "healthy" => Ok(()),
                _ => Err(format!("{status:?}")),
            }
        });
    }

    /// Waits until every node has all that any has, this revision at least, in its state and in its file.
    #[track_caller]
    pub(crate) fn until_all_at(&self, revision: u64) -> Status {
        until(&format!("all nodes are at revision {revision}"), || {
            let status = self.via_any().status()?;
            let first = &status.nodes[0];
            let level = |node: &NodeStatus| {
                node.published() == Some(node.revision)
                    && node.revision >= revision
                    && (node.revision, &node.digest) == (first.revision, &first.digest)
            };
            match status.nodes.len() == self.nodes.len() && status.nodes.iter().all(level) {
                true => Ok(status),
                false => Err(format!("{status:?}")),
            }
        })
    }

    /// Waits until the hooks for a written file have ended on every node, told of this revision at least.
    #[track_caller]
    pub(crate) fn until_told(&self, revision: u64) -> Status {
        until(
            &format!("all hooks are told of revision {revision}"),
            || {
                let status = self.via_any().status()?;
                let hooks = |node: &NodeStatus| {
                    let mut hooks = node.hooks.iter().filter(|hook| hook.event == "success");
                    !node.hooks.is_empty() && hooks.all(|hook| hook.revision >= revision)
                };
                match status.nodes.len() == self.nodes.len() && status.nodes.iter().all(hooks) {
                    true => Ok(status),
                    false => Err(format!("{status:?}")),
                }
            },
        )
    }

    /// Waits until the leader has thrown away the entry at `index`. It holds back what an append to a missing node may
    /// still need, until that append has failed.
    #[track_caller]
    pub(crate) fn until_purged_beyond(&self, index: u64) {
        until(&format!("the leader has purged beyond {index}"), || {
            let status = self.via_any().status()?;
            match status.leader() {
                Some(leader) if leader.purged_index() > index => Ok(()),
                _ => Err(format!("{status:?}")),
            }
        });
    }

    /// The hosts file of a node, as it is on the disk.
    #[track_caller]
    pub(crate) fn file(&self, node: &str) -> String {
        fs::read_to_string(self.node_dir(node).join("hosts")).unwrap()
    }

    /// The files of all nodes have the same bytes, which are returned.
    #[track_caller]
    pub(crate) fn assert_same_file_everywhere(&self) -> String {
        let first = self.file(&self.nodes[0].name);
        for Member { name, .. } in &self.nodes {
            let file = self.file(name);
            assert!(
                file == first,
                "{name} has another file:\n{file}\nnot\n{first}"
            );
        }
        first
    }

    /// What the writers were told is true of every node: of its answers and of its file.
    #[track_caller]
    pub(crate) fn assert_true_everywhere(&self, written: &Written) {
        self.until_all_at(0);
        for name in self.names() {
            written.assert_true_of(&self.via(&name).list("linearizable"));
        }
        let file = self.assert_same_file_everywhere();
        for (name, ip) in &written.acknowledged {
            let line = format!("{ip} {name}");
            assert!(file.contains(&line), "no {line} in\n{file}");
        }
    }

    /// SIGKILL.
    #[track_caller]
    pub(crate) fn kill(&self, names: impl IntoIterator<Item = impl AsRef<str>>) {
        self.leave("kill", owned(names));
    }

    /// SIGTERM, if it runs, and a new process that serves.
    #[track_caller]
    pub(crate) fn restart(&self, names: impl IntoIterator<Item = impl AsRef<str>>) {
        self.come_back("restart", &owned(names));
    }

    /// Starts a node that need not live for long; what was said of that.
    #[cfg(feature = "failpoints")]
    #[track_caller]
    pub(crate) fn try_start(&self, name: &str) -> String {
        let said = self.chaos("restart", &[name.to_owned()]);
        self.away.lock().unwrap().remove(name);
        said.stderr
    }

    /// Whether a node has a process.
    #[cfg(feature = "failpoints")]
    pub(crate) fn runs(&self, name: &str) -> bool {
        super::process::process_of(&self.node_dir(name)).is_some()
    }

    /// The segment of a node's log that is written to.
    #[cfg(feature = "failpoints")]
    #[track_caller]
    pub(crate) fn newest_segment(&self, name: &str) -> PathBuf {
        let wal = fs::read_dir(self.node_dir(name).join("data/raft/wal")).unwrap();
        wal.map(|entry| entry.unwrap().path()).max().unwrap()
    }

    /// SIGSTOP.
    #[track_caller]
    pub(crate) fn pause(&self, names: impl IntoIterator<Item = impl AsRef<str>>) {
        self.leave("pause", owned(names));
    }

    /// SIGCONT.
    #[track_caller]
    pub(crate) fn resume(&self, names: impl IntoIterator<Item = impl AsRef<str>>) {
        self.come_back("resume", &owned(names));
    }

    #[track_caller]
    fn leave(&self, verb: &str, names: Vec<String>) {
        self.chaos(verb, &names).json();
        self.away.lock().unwrap().extend(names);
    }

    #[track_caller]
    fn come_back(&self, verb: &str, names: &[String]) {
        self.chaos(verb, names).json();
        let mut away = self.away.lock().unwrap();
        away.retain(|name| !names.contains(name));
    }

    /// `router-hosts chaos`.
    #[track_caller]
    pub(crate) fn chaos(&self, verb: &str, names: &[String]) -> Ended {
        let mut command = binary(["--format", "json", "chaos", "--dir"]);
        command.arg(self.dir()).arg(verb).args(names);
        Ended::of(output_within(&mut command, LIMIT))
    }

    /// Runs a node, beside `dev`, that must end by itself.
    #[track_caller]
    pub(crate) fn serve(&self, node: &str) -> Ended {
        let mut command = binary(["serve", "--config"]);
        command.arg(self.node_dir(node).join("config.toml"));
        Ended::of(output_within(&mut command, LIMIT))
    }

    /// All that a node's processes have logged.
    pub(crate) fn log(&self, node: &str) -> String {
        fs::read_to_string(self.node_dir(node).join("log")).unwrap_or_default()
    }

    /// Changes a node's configuration, for its next start.
    #[track_caller]
    pub(crate) fn configure(&self, node: &str, from: &str, to: &str) {
        replace_in(&self.node_dir(node).join("config.toml"), from, to);
    }

    /// Ends `dev`, which stops the nodes in good order.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        let status = self.dev.take().unwrap().stop();
        assert!(
            status.is_some_and(|status| status.success()),
            "dev did not stop in good order: {status:?}"
        );
    }

    /// Kills `dev` alone, and leaves the nodes to themselves.
    pub(crate) fn kill_dev(&mut self) {
        self.dev.take().unwrap().kill();
    }

    /// A second `dev` on the same directory.
    #[track_caller]
    pub(crate) fn start(&mut self) {
        self.dev = Some(Dev::start(&self.dir(), &self.dev_log(), &[]));
        self.away.lock().unwrap().clear();
    }

    /// What `dev` has said.
    pub(crate) fn dev_log(&self) -> PathBuf {
        self.place.path().join("dev.log")
    }

    fn show(&self) {
        eprintln!("CLUSTER_SEED={}", self.chance.seed);
        eprintln!("-- dev\n{}", tail(&self.dev_log()));
        for name in self.names() {
            eprintln!("-- {name}\n{}", tail(&self.node_dir(&name).join("log")));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let status = self.dev.as_mut().map(Dev::stop);
        self.dev = None;
        for name in self.names() {
            kill_left(&self.node_dir(&name));
        }
        let clean = status.is_none_or(|status| status.is_some_and(|status| status.success()));
        if std::thread::panicking() {
            self.show();
        } else if !clean {
            self.show();
            panic!("dev did not stop in good order: {status:?}");
        }
    }
}

fn owned(names: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    names
        .into_iter()
        .map(|name| name.as_ref().to_owned())
        .collect()
}

/// Puts `to` for `from`, which is there.
#[track_caller]
pub(crate) fn replace_in(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "no {from} in {text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// The end of a log, with lines that can be read.
fn tail(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(LOG_BYTES).read_to_end(&mut bytes));
    let text = match read {
        Ok(_) => String::from_utf8_lossy(&bytes),
        Err(error) => format!("({error})").into(),
    };
    let lines: Vec<_> = text.lines().collect();
    let last = lines.iter().skip(lines.len().saturating_sub(LINES));
    let cut = last.map(|line| line.chars().take(LINE_CHARS).collect::<String>() + "\n");
    cut.collect()
}

/// A log of a test is far shorter; what stands in its place may be endless.
const LOG_BYTES: u64 = 16 * 1024 * 1024;
const LINES: usize = 30;
const LINE_CHARS: usize = 240;
