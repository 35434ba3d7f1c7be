//! All nodes of a `dev` cluster. Nothing here restarts a node by itself: whoever asked for a fault sees it.

use std::path::Path;

use futures::future::{join_all, pending, select_all};

use super::layout::Layout;
use super::obstacles::Obstacles;
use super::process::{Node, NodeError, State};

/// All nodes of the cluster, in the order of their ids.
#[derive(Debug)]
pub(crate) struct Nodes {
    list: Vec<Node>,
}

impl Nodes {
    /// The nodes of `layout`, none of them started.
    pub(crate) fn new(layout: &Layout) -> Self {
        let members = layout.members().iter();
        Self {
            list: members.map(|member| Node::new(layout, member)).collect(),
        }
    }

    /// The same nodes, each with these obstacles in its way.
    pub(crate) fn with_obstacles(self, obstacles: Vec<Obstacles>) -> Self {
        let list = self.list.into_iter().zip(obstacles);
        Self {
            list: list
                .map(|(node, obstacles)| node.with_obstacles(obstacles))
                .collect(),
        }
    }

    /// Starts all nodes and waits until each of them serves.
    pub(crate) async fn start(&mut self, program: &Path) -> Result<(), NodeError> {
        for node in &mut self.list {
            node.start(program)?;
        }
        for node in &mut self.list {
            node.until_serves().await?;
        }
        Ok(())
    }

    /// Stops all nodes that run, all at once. Returns what did not end in good order.
    pub(crate) async fn stop(&mut self) -> Vec<NodeError> {
        let ends = join_all(self.list.iter_mut().map(Node::stop)).await;
        ends.into_iter().filter_map(Result::err).collect()
    }

    /// Waits until a node ends that nobody ended; gives its place. Forever, if none runs.
    pub(crate) async fn one_ended(&mut self) -> usize {
        let ends: Vec<_> = self
            .list
            .iter_mut()
            .enumerate()
            .filter(|(_, node)| node.process().is_some())
            .map(|(place, node)| {
                Box::pin(async move {
                    node.ended().await;
                    place
                })
            })
            .collect();
        if ends.is_empty() {
            return pending().await;
        }
        select_all(ends).await.0
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Node> {
        self.list.iter()
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Node> {
        self.list.get(place)
    }

    /// The nodes at these places.
    pub(crate) fn at<'a>(&'a mut self, places: &'a [usize]) -> impl Iterator<Item = &'a mut Node> {
        let places = self
            .list
            .iter_mut()
            .enumerate()
            .filter(|(place, _)| places.contains(place));
        places.map(|(_, node)| node)
    }

    /// The addresses of the nodes that can answer: running, and not paused.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let running = self.iter().filter(|node| node.state() == State::Running);
        running.map(|node| node.member().address.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::layout::{Opened, Wishes};
    use crate::dev::process::Down;
    use node::clock::SystemClock;
    use std::fs;
    use std::os::unix::process::ExitStatusExt as _;
    use std::path::PathBuf;
    use std::process::ExitStatus;

    /// One node whose program is a shell script: what counts here is how a process behaves, not what it serves.
    struct Stand {
        nodes: Nodes,
        program: PathBuf,
        dir: tempfile::TempDir,
    }

    fn stand(script: &str) -> Stand {
        let dir = tempfile::tempdir().unwrap();
        let wishes = Wishes {
            nodes: Some(1),
            base_port: None,
        };
        let (Opened::New(layout) | Opened::Again(layout)) =
            Layout::open(dir.path(), wishes, &SystemClock).unwrap();
        let program = dir.path().join("program");
        // Written by another process: while this one forks for another test, a file it has open cannot be executed.
        let writer = std::process::Command::new("sh")
            .args([
                "-c",
                "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0\" && chmod 700 \"$0\"",
            ])
            .arg(&program)
            .arg(script)
            .status();
        assert!(writer.unwrap().success());
        Stand {
            nodes: Nodes::new(&layout),
            program,
            dir,
        }
    }

    const SERVES: &str = "echo \"args $*\" >&2; echo serves; while :; do sleep 0.01; done";

    impl Stand {
        async fn start(&mut self) -> Result<(), NodeError> {
            self.nodes.start(&self.program).await
        }

        fn node(&mut self) -> &mut Node {
            self.nodes.at(&[0]).next().unwrap()
        }
    }

    #[tokio::test]
    async fn a_node_runs_pauses_resumes_and_is_killed() {
        let mut stand = stand(SERVES);
        stand.start().await.unwrap();
        let node = stand.node();
        assert_eq!(node.state(), State::Running);
        assert!(node.process().is_some());
        node.pause().unwrap();
        assert_eq!(node.state(), State::Paused);
        node.resume().unwrap();
        assert_eq!(node.state(), State::Running);
        node.kill().await.unwrap();
        assert_eq!(node.state(), State::Down(Down::Killed));
        assert_eq!(node.process(), None);
        assert!(stand.nodes.addresses().is_empty());
        let log = fs::read_to_string(stand.node().log()).unwrap();
        let config = stand.dir.path().join("n1/config.toml");
        assert_eq!(log, format!("args serve --config {}\n", config.display()));
    }

    #[tokio::test]
    async fn a_killed_node_starts_again() {
        let mut stand = stand(SERVES);
        stand.start().await.unwrap();
        let first = stand.node().process();
        stand.node().kill().await.unwrap();
        stand.start().await.unwrap();
        assert_eq!(stand.node().state(), State::Running);
        assert_ne!(stand.node().process(), first);
    }

    #[tokio::test]
    async fn a_node_that_ends_at_its_start_shows_its_log() {
        let mut stand = stand("echo 'error: the port is in use' >&2; exit 3");
        let error = stand.start().await.unwrap_err().to_string();
        assert!(
            error.contains("n1 ended at its start (exit status: 3)"),
            "{error}"
        );
        assert!(error.contains("the port is in use"), "{error}");
    }

    #[tokio::test]
    async fn a_node_that_ends_by_itself_is_noticed() {
        let mut stand = stand("echo serves; exit 1");
        stand.start().await.unwrap();
        assert_eq!(stand.nodes.one_ended().await, 0);
        let ended = Down::Ended(ExitStatus::from_raw(1 << 8));
        assert_eq!(stand.node().state(), State::Down(ended));
    }

    #[tokio::test]
    async fn a_paused_node_stops_in_good_order() {
        let mut stand = stand(&format!("trap 'exit 0' TERM; {SERVES}"));
        stand.start().await.unwrap();
        stand.node().pause().unwrap();
        assert!(stand.nodes.stop().await.is_empty());
        assert_eq!(stand.node().state(), State::Down(Down::Stopped));
    }

    #[tokio::test]
    async fn a_node_may_die_of_a_signal_only_before_it_serves() {
        let mut early = stand("while :; do sleep 0.01; done");
        let program = early.program.clone();
        early.node().start(&program).unwrap();
        assert!(early.nodes.stop().await.is_empty());
        let mut late = stand(SERVES);
        late.start().await.unwrap();
        let bad = late.nodes.stop().await;
        assert!(
            matches!(bad.as_slice(), [NodeError::Unclean { .. }]),
            "{bad:?}"
        );
    }

    #[tokio::test]
    async fn a_bad_end_is_told() {
        let mut stand = stand(&format!("trap 'echo disk full >&2; exit 1' TERM; {SERVES}"));
        stand.start().await.unwrap();
        let bad = stand.nodes.stop().await;
        let [NodeError::Unclean { name, tail, .. }] = bad.as_slice() else {
            panic!("{bad:?}");
        };
        assert_eq!(name, "n1");
        assert!(tail.contains("disk full"), "{tail}");
    }
}
