//! The checks that make a configuration of what is written, each naming its key.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hosts::{Retention, limits::SNAPSHOTS_MAX};
use raft_store::raft::{RaftTimings, openraft_config};

use super::file::{File, RaftTable, SnapshotsTable};
use super::{Config, ConfigError, InitialMember, LogConfig, shown};
use crate::identity::ClusterId;
use crate::telemetry;
use crate::tls::TlsFiles;

/// A file that is checked.
pub(super) struct Check<'a> {
    pub(super) path: &'a Path,
}

impl Check<'_> {
    pub(super) fn config(&self, file: File) -> Result<Config, ConfigError> {
        let File {
            node,
            hosts,
            cluster,
            tls,
            hooks: hook_tables,
            snapshots,
            raft,
            log,
        } = file;
        let initial = self.members(cluster.initial)?;
        let Some(own) = initial.iter().find(|member| member.name == node.name) else {
            let known: Vec<_> = initial.iter().map(|m| m.name.as_str()).collect();
            return Err(self.invalid(
                "node.name",
                format!(
                    "`{}` is not in cluster.initial ({})",
                    node.name,
                    known.join(", ")
                ),
            ));
        };
        let listen = node.listen.unwrap_or_else(|| DEFAULT_LISTEN.into());
        let advertise = node.advertise.unwrap_or_else(|| own.address.clone());
        let cluster = cluster.id.parse().map_err(|cause| {
            self.invalid("cluster.id", format!("{cause}: a ULID, equal on all nodes"))
        })?;
        Ok(Config {
            id: own.id,
            listen: self.address("node.listen", listen)?,
            advertise: self.reachable("node.advertise", advertise)?,
            name: node.name,
            data_dir: self.place(node.data_dir),
            hosts_path: self.place(hosts.path),
            hosts_mode: hosts.mode,
            comments: hosts.comments,
            hooks: self.hooks(hook_tables)?,
            cluster,
            initial,
            tls: TlsFiles {
                cert: self.place(tls.cert),
                key: self.place(tls.key),
                ca: self.place(tls.ca),
            },
            raft: self.raft(raft, cluster)?,
            retention: self.retention(snapshots)?,
            log: self.log(log)?,
        })
    }

    fn members(&self, initial: Vec<InitialMember>) -> Result<Vec<InitialMember>, ConfigError> {
        const KEY: &str = "cluster.initial";
        if initial.is_empty() || initial.len() > MEMBERS_MAX {
            return Err(self.invalid(KEY, format!("needs 1 to {MEMBERS_MAX} members")));
        }
        let (mut ids, mut names, mut addresses) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for InitialMember { id, name, address } in &initial {
            if *id == 0 {
                return Err(self.invalid(KEY, format!("`{name}`: ids begin at 1")));
            }
            if name.is_empty() || name.len() > 64 || !name.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(self.invalid(
                    KEY,
                    format!("`{name}` is no node name: 1 to 64 visible ASCII characters"),
                ));
            }
            self.reachable(KEY, address.clone())?;
            if !ids.insert(id) || !names.insert(name) || !addresses.insert(address) {
                return Err(self.invalid(
                    KEY,
                    format!("`{name}`: id, name and address must each be unique"),
                ));
            }
        }
        Ok(initial)
    }

    fn raft(&self, raft: RaftTable, cluster: ClusterId) -> Result<RaftTimings, ConfigError> {
        let RaftTable {
            heartbeat,
            election_timeout,
            snapshot_after,
        } = raft;
        if !(Duration::from_millis(10)..=Duration::from_secs(10)).contains(&heartbeat) {
            return Err(self.invalid("raft.heartbeat", "must be 10ms to 10s".into()));
        }
        if election_timeout > Duration::from_secs(60) {
            return Err(self.invalid("raft.election_timeout", "must be at most 60s".into()));
        }
        if !(100..=1_000_000).contains(&snapshot_after) {
            return Err(self.invalid("raft.snapshot_after", "must be 100 to 1000000".into()));
        }
        let timings = RaftTimings {
            cluster: cluster.as_u128(),
            heartbeat,
            election_min: election_timeout,
            election_max: RaftTimings::longest(election_timeout),
            snapshot_entries: snapshot_after,
            snapshot_keep: snapshot_after / 5,
            snapshot_lag: snapshot_after * 2,
        };
        match openraft_config(&timings) {
            Ok(_) => Ok(timings),
            Err(cause) => Err(self.invalid("raft.election_timeout", cause.to_string())),
        }
    }

    fn retention(&self, snapshots: SnapshotsTable) -> Result<Retention, ConfigError> {
        let SnapshotsTable { max_count, max_age } = snapshots;
        if !(1..=SNAPSHOTS_MAX).contains(&max_count) {
            let bounds = format!("must be 1 to {SNAPSHOTS_MAX}");
            return Err(self.invalid("snapshots.max_count", bounds));
        }
        if !(SNAPSHOT_AGE_MIN..=SNAPSHOT_AGE_MAX).contains(&max_age) {
            return Err(self.invalid("snapshots.max_age", "must be 1min to 3650days".into()));
        }
        Ok(Retention {
            snapshots_max: max_count,
            snapshot_age_max: max_age,
        })
    }

    fn log(&self, log: LogConfig) -> Result<LogConfig, ConfigError> {
        match telemetry::filter(&log.level) {
            Ok(_) => Ok(log),
            Err(cause) => Err(self.invalid("log.level", cause.to_string())),
        }
    }

    /// An address to listen on: any host, and 0 for a port that is free.
    fn address(&self, key: &'static str, address: String) -> Result<String, ConfigError> {
        let port = address
            .rsplit_once(':')
            .filter(|(host, _)| is_host(host))
            .and_then(|(_, port)| port.parse::<u16>().ok());
        match port {
            Some(_) => Ok(address),
            None => Err(self.invalid(key, format!("`{address}` is not `host:port`"))),
        }
    }

    /// An address that others connect to.
    fn reachable(&self, key: &'static str, address: String) -> Result<String, ConfigError> {
        let address = self.address(key, address)?;
        match address.rsplit_once(':') {
            Some((_, "0")) => Err(self.invalid(key, format!("`{address}` has no port"))),
            _ => Ok(address),
        }
    }

    fn place(&self, path: PathBuf) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    pub(super) fn invalid(&self, key: &'static str, message: String) -> ConfigError {
        ConfigError::Invalid {
            path: self.path.into(),
            key,
            message: shown::shown(&message),
        }
    }
}

/// A name, or an address: one of IPv6 stands in brackets, or nobody could tell its end.
fn is_host(host: &str) -> bool {
    match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        // A zone is an interface of this machine, which only it can know.
        Some(address) => {
            let address = address
                .split_once('%')
                .map_or(address, |(address, _)| address);
            address.parse::<Ipv6Addr>().is_ok()
        }
        None => {
            !host.is_empty()
                && host
                    .chars()
                    .all(|c| c.is_ascii_graphic() && !":/[]@".contains(c))
        }
    }
}

/// All interfaces, IPv4 and IPv6, at the port clients of the earlier server know.
pub(super) const DEFAULT_LISTEN: &str = "[::]:50051";

/// A Raft group of more voters than this only gets slower.
const MEMBERS_MAX: usize = 9;

/// Shorter than this is a typing error: a snapshot would be gone before it is needed.
const SNAPSHOT_AGE_MIN: Duration = Duration::from_secs(60);

/// Ten years: as good as for ever.
const SNAPSHOT_AGE_MAX: Duration = Duration::from_secs(3650 * 24 * 60 * 60);
