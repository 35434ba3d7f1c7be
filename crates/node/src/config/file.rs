//! The configuration as it is written: one struct for each table, unknown keys refused.

use std::path::PathBuf;
use std::time::Duration;

use hosts::Retention;
use raft_store::raft::RaftTimings;
use serde::Deserialize;

use super::hooks::HooksTable;
use super::{InitialMember, LogConfig};
use crate::publish::Mode;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) node: NodeTable,
    pub(super) hosts: HostsTable,
    pub(super) cluster: ClusterTable,
    pub(super) tls: TlsTable,
    #[serde(default)]
    pub(super) hooks: HooksTable,
    #[serde(default)]
    pub(super) snapshots: SnapshotsTable,
    #[serde(default)]
    pub(super) raft: RaftTable,
    #[serde(default)]
    pub(super) log: LogConfig,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeTable {
    pub(super) name: String,
    pub(super) data_dir: PathBuf,
    pub(super) listen: Option<String>,
    pub(super) advertise: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostsTable {
    pub(super) path: PathBuf,
    #[serde(default)]
    pub(super) mode: Mode,
    #[serde(default)]
    pub(super) comments: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClusterTable {
    pub(super) id: String,
    pub(super) initial: Vec<InitialMember>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsTable {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
    pub(super) ca: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SnapshotsTable {
    pub(super) max_count: usize,
    #[serde(with = "humantime_serde")]
    pub(super) max_age: Duration,
}

impl Default for SnapshotsTable {
    fn default() -> Self {
        let Retention {
            snapshots_max,
            snapshot_age_max,
        } = Retention::default();
        Self {
            max_count: snapshots_max,
            max_age: snapshot_age_max,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RaftTable {
    #[serde(with = "humantime_serde")]
    pub(super) heartbeat: Duration,
    #[serde(with = "humantime_serde")]
    pub(super) election_timeout: Duration,
    pub(super) snapshot_after: u64,
}

impl Default for RaftTable {
    fn default() -> Self {
        let RaftTimings {
            heartbeat,
            election_min,
            snapshot_entries,
            ..
        } = RaftTimings::for_cluster(0);
        Self {
            heartbeat,
            election_timeout: election_min,
            snapshot_after: snapshot_entries,
        }
    }
}
