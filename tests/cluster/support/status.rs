//! The part of `cluster status -f json` that tests look at.

use serde::Deserialize;

#[derive(Deserialize, Debug)]
pub(crate) struct Status {
    pub(crate) verdict: String,
    pub(crate) explanation: String,
    pub(crate) nodes: Vec<NodeStatus>,
}

#[derive(Deserialize, Clone, Debug)]
pub(crate) struct NodeStatus {
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) reachable: bool,
    pub(crate) problem: Option<String>,
    pub(crate) term: u64,
    pub(crate) last_log_index: u64,
    pub(crate) revision: u64,
    pub(crate) digest: String,
    pub(crate) hosts: u64,
    pub(crate) published: Option<Published>,
    pub(crate) store: Option<StoreSize>,
    pub(crate) hooks: Vec<Hook>,
}

#[derive(Deserialize, Clone, Debug)]
pub(crate) struct Hook {
    pub(crate) name: String,
    pub(crate) event: String,
    pub(crate) result: String,
    pub(crate) revision: u64,
}

#[derive(Deserialize, Clone, Debug)]
pub(crate) struct Published {
    pub(crate) revision: u64,
    pub(crate) writes: u64,
    pub(crate) error: Option<String>,
}

#[derive(Deserialize, Clone, Debug)]
pub(crate) struct StoreSize {
    pub(crate) snapshot_index: u64,
    pub(crate) purged_index: u64,
}

impl Status {
    #[track_caller]
    pub(crate) fn node(&self, name: &str) -> &NodeStatus {
        let found = self.nodes.iter().find(|node| node.name == name);
        found.unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// The node that leads; that of the latest term, should an earlier one not know better yet.
    pub(crate) fn leader(&self) -> Option<&NodeStatus> {
        let leads = |node: &&NodeStatus| node.reachable && node.role == "leader";
        self.nodes.iter().filter(leads).max_by_key(|node| node.term)
    }
}

impl NodeStatus {
    /// The revision of its file, if that is in order.
    pub(crate) fn published(&self) -> Option<u64> {
        let published = self.published.as_ref().filter(|_| self.reachable)?;
        published.error.is_none().then_some(published.revision)
    }

    #[track_caller]
    pub(crate) fn writes(&self) -> u64 {
        self.published.as_ref().unwrap().writes
    }

    #[track_caller]
    pub(crate) fn snapshot_index(&self) -> u64 {
        self.store.as_ref().unwrap().snapshot_index
    }

    /// The last entry it threw away.
    #[track_caller]
    pub(crate) fn purged_index(&self) -> u64 {
        self.store.as_ref().unwrap().purged_index
    }
}
