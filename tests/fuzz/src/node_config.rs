//! The configuration of a node, with variables of the environment in it.

use std::collections::BTreeSet;
use std::path::Path;

use node::config::Config;

use crate::same::can_be_shown;

/// Reads a configuration.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let variable = |name: &str| match name {
        "HOST" => Some("attic".to_owned()),
        "QUOTE" => Some("\"\n[node]\n".to_owned()),
        "AGAIN" => Some("${AGAIN}".to_owned()),
        _ => None,
    };
    match Config::parse(text, Path::new("/etc/router-hosts/node.toml"), variable) {
        Ok(config) => {
            let ids: BTreeSet<u64> = config.initial.iter().map(|member| member.id).collect();
            assert_eq!(ids.len(), config.initial.len());
            assert!(ids.contains(&config.id) && !ids.contains(&0));
            assert!(
                config
                    .initial
                    .iter()
                    .any(|member| member.name == config.name)
            );
            assert!(config.raft.election_min <= config.raft.election_max);
            assert!(config.data_dir.is_absolute() && config.hosts_path.is_absolute());
        }
        Err(error) => can_be_shown(&error),
    }
}
