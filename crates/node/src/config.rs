//! The node's configuration: what the operator types, and what the node trusts.
//!
//! `File` (`file.rs`) is the TOML as written: unknown keys are refused with the nearest
//! known one. [`Config`] is what remains after everything is checked (`check.rs`); nothing
//! else in the node reads a file or a default. Relative paths are taken from
//! the folder of the file.

use std::path::{Path, PathBuf};
use std::{fs, io};

use hosts::Retention;
use raft_store::raft::RaftTimings;
use serde::Deserialize;

use crate::identity::ClusterId;
use crate::publish::{Mode, hooks::Hook};
use crate::tls::TlsFiles;

mod check;
mod expand;
mod file;
mod hooks;
mod shown;

use check::Check;
use file::File;

/// A configuration that has been checked: the node trusts every field.
#[derive(Clone, Debug)]
pub struct Config {
    /// This node's id in the cluster, from its entry in `[cluster] initial`.
    pub id: u64,
    /// This node's name, unique in the cluster.
    pub name: String,
    /// Where the log, the snapshots and the state live.
    pub data_dir: PathBuf,
    /// The address to listen on, `host:port`.
    pub listen: String,
    /// The address peers and clients reach this node at, `host:port`.
    pub advertise: String,
    /// The hosts file to write.
    pub hosts_path: PathBuf,
    /// How much of it is ours.
    pub hosts_mode: Mode,
    /// Whether the hosts file shows comments.
    pub comments: bool,
    /// What runs after a publication, in the order written.
    pub hooks: Vec<Hook>,
    /// The cluster this node belongs to.
    pub cluster: ClusterId,
    /// The first membership, in the order written; the first one initialises.
    pub initial: Vec<InitialMember>,
    /// Certificate, key and CA.
    pub tls: TlsFiles,
    /// Heartbeats, elections and snapshots.
    pub raft: RaftTimings,
    /// How many named snapshots are kept while this node leads, and for how long.
    pub retention: Retention,
    /// What is logged, and how.
    pub log: LogConfig,
}

/// One entry of `[cluster] initial`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitialMember {
    /// 1 or more; never reused within a cluster.
    pub id: u64,
    /// Unique in the cluster.
    pub name: String,
    /// `host:port`.
    pub address: String,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// A level (`info`) or levels of parts (`info,node=debug`).
    pub level: String,
    /// Text for people, JSON for collectors.
    pub format: LogFormat,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// Why a configuration was refused. Nothing was bound or written.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Somebody else could change what the node runs with.
    #[error("{path} may be written by every user of this machine: run `chmod o-w {path}`")]
    WritableByOthers {
        /// The file.
        path: PathBuf,
    },
    /// The text is not such a configuration.
    #[error("{path}: {message}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What and where.
        message: String,
    },
    /// A key has a value it cannot have.
    #[error("{path}: {key}: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// As `table.key`.
        key: &'static str,
        /// What is wrong, and what would be right.
        message: String,
    },
}

impl Config {
    /// Reads and checks `path`, with `${VAR}` taken from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] names the file, the key and the way out.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let read = |cause| ConfigError::Read {
            path: path.into(),
            cause,
        };
        let metadata = fs::metadata(path).map_err(read)?;
        if writable_by_others(&metadata) {
            return Err(ConfigError::WritableByOthers { path: path.into() });
        }
        if metadata.len() > BYTES_MAX {
            return Err(ConfigError::Malformed {
                path: path.into(),
                message: format!("is larger than {BYTES_MAX} bytes"),
            });
        }
        let text = fs::read_to_string(path).map_err(read)?;
        Self::parse(&text, path, |name| std::env::var(name).ok())
    }

    /// Checks `text` as if it were read from `path`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(
        text: &str,
        path: &Path,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let malformed = |message: String| ConfigError::Malformed {
            path: path.into(),
            message: shown::shown(&message),
        };
        let file = expand::read::<File>(text, variable).map_err(malformed)?;
        Check { path }.config(file)
    }
}

/// A configuration is a page of text, not a data set.
const BYTES_MAX: u64 = 1024 * 1024;

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: LogFormat::Text,
        }
    }
}

#[cfg(unix)]
fn writable_by_others(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o002 != 0
}

#[cfg(not(unix))]
fn writable_by_others(_: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::check::DEFAULT_LISTEN;
    use super::*;
    use crate::{limits, publish::hooks::Event};

    pub(super) const GOOD: &str = r#"
        [node]
        name = "attic"
        data_dir = "data"
        [hosts]
        path = "${OUT:-hosts}"
        [cluster]
        id = "01JD8Q0000000000000000000A"
        initial = [
          { id = 1, name = "attic", address = "attic.lan:50051" },
          { id = 2, name = "cellar", address = "cellar.lan:50051" },
        ]
        [tls]
        cert = "cert.pem"
        key = "key.pem"
        ca = "ca.pem"
    "#;

    pub(super) fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("/etc/router-hosts/node.toml"), |name| {
            (name == "NAME").then(|| "attic".to_owned())
        })
        .map_err(|error| error.to_string())
    }

    #[test]
    fn a_good_file_is_taken_with_its_defaults() {
        let config = parse(GOOD).unwrap();
        assert_eq!(config.id, 1);
        assert_eq!(config.listen, "[::]:50051");
        assert_eq!(config.advertise, "attic.lan:50051");
        assert_eq!(config.data_dir, Path::new("/etc/router-hosts/data"));
        assert_eq!(config.hosts_path, Path::new("/etc/router-hosts/hosts"));
        // No default may take away lines of a file that the system needs.
        assert_eq!(config.hosts_mode, Mode::Block);
        assert_eq!(config.raft.election_max, Duration::from_millis(450));
    }

    #[test]
    fn a_whole_file_is_ours_only_when_that_is_said() {
        let text = GOOD.replace("[hosts]", "[hosts]\nmode = \"whole\"");
        assert_eq!(parse(&text).unwrap().hosts_mode, Mode::Whole);
    }

    #[test]
    fn variables_come_from_the_environment() {
        let text = GOOD.replace(
            "\"attic\"\n        data_dir",
            "\"${NAME}\"\n        data_dir",
        );
        assert_ne!(text, GOOD);
        assert_eq!(parse(&text).unwrap().name, "attic");
        let missing = GOOD.replace("\"data\"", "\"${NOWHERE}\"");
        assert!(parse(&missing).unwrap_err().contains("NOWHERE"));
    }

    #[test]
    fn every_fault_names_its_key() {
        for (from, to, words) in [
            ("data_dir", "data_dri", "data_dir"),
            ("name = \"attic\"\n", "name = \"garage\"\n", "node.name"),
            ("01JD8Q0000000000000000000A", "x", "cluster.id"),
            ("id = 2", "id = 1", "unique"),
            ("id = 2", "id = 0", "begin at 1"),
            ("attic.lan:50051", "attic.lan", "host:port"),
            (
                "[tls]",
                "[raft]\nheartbeat = \"5ms\"\n[tls]",
                "raft.heartbeat",
            ),
            (
                "[tls]",
                "[raft]\nelection_timeout = \"1ms\"\n[tls]",
                "raft.election_timeout",
            ),
            (
                "[tls]",
                "[snapshots]\nmax_count = 0\n[tls]",
                "snapshots.max_count",
            ),
            (
                "[tls]",
                "[snapshots]\nmax_count = 1001\n[tls]",
                "snapshots.max_count",
            ),
            (
                "[tls]",
                "[snapshots]\nmax_age = \"59s\"\n[tls]",
                "snapshots.max_age",
            ),
            (
                "[tls]",
                "[raft]\nsnapshot_after = 1\n[tls]",
                "raft.snapshot_after",
            ),
            ("[hosts]", "[hosts]\nmode = \"half\"", "whole"),
            (
                "[tls]",
                "[log]\nlevel = \"inof\"\n[tls]",
                "log.level: `inof` is no log level, did you mean `info`?",
            ),
            ("[node]", "[node", "line"),
        ] {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD, "{from}");
            let error = parse(&text).unwrap_err();
            assert!(error.contains(words), "{to}: {error}");
        }
    }

    const EXAMPLE: &str = include_str!("../../../deploy/node.toml");

    #[test]
    fn the_example_in_deploy_is_taken_and_says_the_defaults() {
        let config = parse(EXAMPLE).unwrap();
        assert_eq!(config.id, 1);
        assert_eq!(config.data_dir, Path::new("/var/lib/router-hosts"));
        assert_eq!(config.listen, DEFAULT_LISTEN);
        assert_eq!(
            config.raft,
            RaftTimings::for_cluster(config.cluster.as_u128())
        );
        assert_eq!(config.log, LogConfig::default());
        assert!(EXAMPLE.contains(&format!("default_timeout = \"{:?}\"", limits::HOOK_TIME)));
        let events: Vec<_> = config.hooks.iter().map(|hook| hook.event).collect();
        assert_eq!(events, [Event::Success, Event::Failure]);
    }

    #[test]
    fn the_example_in_deploy_has_every_key() {
        let example: toml::Table = EXAMPLE.parse().unwrap();
        let table = |keys: &toml::Value| keys.as_table().unwrap().clone();
        let mut tables = Vec::new();
        for (name, keys) in &example {
            let keys = table(keys);
            for (key, value) in &keys {
                if let Some([first, ..]) = value.as_array().map(Vec::as_slice)
                    && EXAMPLE.contains(&format!("\n[[{name}.{key}]]\n"))
                {
                    tables.push((format!("[[{name}.{key}]]"), table(first)));
                }
            }
            tables.push((format!("[{name}]"), keys));
        }
        for (table, keys) in &tables {
            let head = format!("\n{table}\n");
            let unknown = EXAMPLE.replace(&head, &format!("{head}no-such = 1\n"));
            // The refusal of an unknown key lists the known ones.
            let refusal = parse(&unknown).unwrap_err();
            let known = refusal
                .lines()
                .find(|line| line.contains("unknown field"))
                .unwrap();
            for key in known.split('`').skip(3).step_by(2) {
                assert!(
                    keys.contains_key(key),
                    "{table} {key} is not in deploy/node.toml"
                );
            }
        }
    }
}
