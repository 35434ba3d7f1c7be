//! Where the files of a `dev` cluster are, and what is kept of it between two starts.
//!
//! ```text
//! DIR/cluster.json   the cluster's id, its nodes with their addresses, the control socket
//! DIR/client.toml    the configuration of a client with the role admin
//! DIR/ca/            ca.pem, ca.key
//! DIR/client/        cert.pem, key.pem
//! DIR/n1/ …          config.toml, cert.pem, key.pem, data/, hosts, log, pid, chaos/
//! DIR/dev.lock       held by the `dev` that runs on DIR
//! DIR/dev.sock       where `router-hosts chaos` is heard
//! ```
//!
//! `cluster.json` is written last and decides: where it is, everything else is kept, so a second start finds the same
//! cluster at the same ports. Paths inside a node's configuration are relative: DIR can be moved. A configuration that
//! was edited by hand stays as it is.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use node::clock::Clock;
use node::identity::ClusterId;
use node::pki::{WriteError, write_private};
use serde::{Deserialize, Serialize};

use super::obstacles::HOOK;
use super::ports::{self, NoPort};

/// The files of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
    cluster: ClusterId,
    members: Vec<Member>,
}

/// A node as it is written down.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Member {
    /// From 1, in the order of the nodes.
    pub(crate) id: u64,
    /// `n1`, `n2` and so on.
    pub(crate) name: String,
    /// Where it listens, `127.0.0.1:port`.
    pub(crate) address: String,
}

/// What was asked for on the command line. What was not is as before, or the default.
#[derive(Copy, Clone, Default, Debug)]
pub(crate) struct Wishes {
    /// How many nodes.
    pub(crate) nodes: Option<u8>,
    /// The port of the first node; the next ones follow.
    pub(crate) base_port: Option<u16>,
}

/// The files of a cluster cannot be found or made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayoutError {
    /// The directory itself.
    #[error("cannot use the directory {path}")]
    Directory {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// A file that was written by `dev` and cannot be read.
    #[error("cannot read {path}")]
    Read {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// `cluster.json` is damaged or of another version.
    #[error("{path} does not describe a `dev` cluster: {why}")]
    Malformed { path: PathBuf, why: String },
    /// The cluster in the directory is another than the one asked for.
    #[error("the cluster in {path} has {has}, not {wanted}")]
    Other {
        path: PathBuf,
        has: String,
        wanted: String,
    },
    #[error(transparent)]
    Port(#[from] NoPort),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// A cluster and whether it was there before.
#[derive(Debug)]
pub(crate) enum Opened {
    New(Layout),
    Again(Layout),
}

impl Layout {
    /// The cluster in `root`, made as wished if there is none. `root` is absolute, and locked by the caller.
    pub(crate) fn open(
        root: &Path,
        wishes: Wishes,
        clock: &dyn Clock,
    ) -> Result<Opened, LayoutError> {
        if root.join(CLUSTER).exists() {
            let (layout, _) = Self::read(root)?;
            layout.must_be(wishes)?;
            layout.make()?;
            return Ok(Opened::Again(layout));
        }
        let count = wishes.nodes.unwrap_or(NODES_DEFAULT);
        let ports = match wishes.base_port {
            Some(base) => ports::from(base, count)?,
            None => ports::free(count, clock.seed())?,
        };
        let members = (1..)
            .zip(ports)
            .map(|(id, port)| Member {
                id,
                name: format!("n{id}"),
                address: format!("127.0.0.1:{port}"),
            })
            .collect();
        let layout = Self {
            root: root.to_owned(),
            cluster: ClusterId::new(clock.now(), clock.seed()),
            members,
        };
        layout.make()?;
        Ok(Opened::New(layout))
    }

    /// The cluster in `root`, which exists, and its control socket.
    pub(crate) fn read(root: &Path) -> Result<(Self, PathBuf), LayoutError> {
        let path = root.join(CLUSTER);
        let text = fs::read(&path).map_err(|cause| LayoutError::Read {
            path: path.clone(),
            cause,
        })?;
        let malformed = |why: String| LayoutError::Malformed {
            path: path.clone(),
            why,
        };
        let Versioned { version } =
            serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
        if version != VERSION {
            return Err(malformed(format!(
                "it has version {version}, and this program knows {VERSION}"
            )));
        }
        let Written {
            version: _,
            cluster,
            nodes,
            control,
        } = serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
        let cluster = cluster
            .parse()
            .map_err(|_| malformed(format!("`{cluster}` is not the id of a cluster")))?;
        if nodes.is_empty() {
            return Err(malformed("it has no nodes".into()));
        }
        let layout = Self {
            root: root.to_owned(),
            cluster,
            members: nodes,
        };
        Ok((layout, root.join(control)))
    }

    /// Writes down the cluster with the socket at which it is controlled from now on.
    pub(crate) fn keep(&self, control: &Path) -> Result<(), LayoutError> {
        let inside = control.strip_prefix(&self.root).unwrap_or(control);
        let written = Written {
            version: VERSION,
            cluster: self.cluster.to_string(),
            nodes: self.members.clone(),
            control: inside.to_owned(),
        };
        let mut text = serde_json::to_string_pretty(&written).map_err(|cause| {
            // Of all fields, only a path can be what JSON is not: UTF-8.
            LayoutError::Directory {
                path: inside.to_owned(),
                cause: cause.into(),
            }
        })?;
        text.push('\n');
        Ok(write_private(&self.root.join(CLUSTER), &text)?)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn cluster(&self) -> ClusterId {
        self.cluster
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The configuration of a client.
    pub(crate) fn client_config(&self) -> PathBuf {
        self.root.join("client.toml")
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.root.join("ca")
    }

    pub(crate) fn client(&self) -> PathBuf {
        self.root.join("client")
    }

    pub(crate) fn node(&self, member: &Member) -> PathBuf {
        self.root.join(&member.name)
    }

    /// The hosts file that a node writes.
    pub(crate) fn hosts(&self, member: &Member) -> PathBuf {
        self.node(member).join("hosts")
    }

    /// The directories and configurations, where they are missing.
    fn make(&self) -> Result<(), LayoutError> {
        let nodes = self.members.iter().map(|member| self.node(member));
        for path in nodes.chain([self.authority(), self.client()]) {
            make_directory(&path).map_err(|cause| LayoutError::Directory { path, cause })?;
        }
        for member in &self.members {
            let path = self.node(member).join("config.toml");
            if !path.exists() {
                write_private(&path, &self.node_config(member))?;
            }
        }
        let path = self.client_config();
        if !path.exists() {
            write_private(&path, &self.client_text())?;
        }
        Ok(())
    }

    /// Gives every node's configuration the hook of `dev --chaos`, or takes it away. The rest of it stays.
    pub(crate) fn set_hook(&self, wanted: bool) -> Result<(), LayoutError> {
        for member in &self.members {
            let path = self.node(member).join("config.toml");
            let text = fs::read_to_string(&path).map_err(|cause| LayoutError::Read {
                path: path.clone(),
                cause,
            })?;
            let without = text.replace(HOOK, "");
            let new = match wanted {
                true => without + HOOK,
                false => without,
            };
            if new != text {
                write_private(&path, &new)?;
            }
        }
        Ok(())
    }

    fn node_config(&self, Member { name, address, .. }: &Member) -> String {
        let mut initial = String::new();
        for Member { id, name, address } in &self.members {
            initial.push_str(&format!(
                "  {{ id = {id}, name = \"{name}\", address = \"{address}\" }},\n"
            ));
        }
        let cluster = self.cluster;
        format!(
            "# A node of a `router-hosts dev` cluster. Written once: what you change here stays.\n\
             [node]\n\
             name = \"{name}\"\n\
             data_dir = \"data\"\n\
             listen = \"{address}\"\n\
             \n\
             [hosts]\n\
             path = \"hosts\"\n\
             mode = \"whole\"\n\
             \n\
             [cluster]\n\
             id = \"{cluster}\"\n\
             initial = [\n{initial}]\n\
             \n\
             [tls]\n\
             cert = \"cert.pem\"\n\
             key = \"key.pem\"\n\
             ca = \"../ca/ca.pem\"\n\
             \n\
             [log]\n\
             level = \"info,openraft=warn\"\n"
        )
    }

    fn client_text(&self) -> String {
        let servers: Vec<_> = self
            .members
            .iter()
            .map(|member| format!("\"{}\"", member.address))
            .collect();
        format!(
            "# The administrator of a `router-hosts dev` cluster.\n\
             server = [{}]\n\
             cert = \"client/cert.pem\"\n\
             key = \"client/key.pem\"\n\
             ca = \"ca/ca.pem\"\n",
            servers.join(", ")
        )
    }

    fn must_be(&self, Wishes { nodes, base_port }: Wishes) -> Result<(), LayoutError> {
        let other = |has: String, wanted: String| LayoutError::Other {
            path: self.root.clone(),
            has,
            wanted,
        };
        let count = self.members.len();
        if let Some(nodes) = nodes
            && usize::from(nodes) != count
        {
            return Err(other(format!("{count} nodes"), nodes.to_string()));
        }
        let first = self.members.first().map(|member| member.address.as_str());
        if let Some(base) = base_port
            && first != Some(format!("127.0.0.1:{base}").as_str())
        {
            let has = first.unwrap_or("no address");
            return Err(other(
                format!("its first node at {has}"),
                format!("port {base}"),
            ));
        }
        Ok(())
    }
}

/// As many as tolerate the loss of one.
const NODES_DEFAULT: u8 = 3;

pub(super) const CLUSTER: &str = "cluster.json";

/// Of `cluster.json`.
const VERSION: u32 = 1;

/// The only key that every version has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    cluster: String,
    nodes: Vec<Member>,
    /// Relative to the directory, if it is inside.
    control: PathBuf,
}

/// Nobody else may look into a directory that is made here: there are keys in it.
pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use node::clock::SystemClock;
    use node::config::Config;

    fn open(root: &Path, wishes: Wishes) -> Result<Opened, LayoutError> {
        Layout::open(root, wishes, &SystemClock)
    }

    fn made(root: &Path, nodes: u8) -> Layout {
        let wishes = Wishes {
            nodes: Some(nodes),
            base_port: None,
        };
        let Opened::New(layout) = open(root, wishes).unwrap() else {
            panic!("there was nothing in {}", root.display());
        };
        layout.keep(&root.join("dev.sock")).unwrap();
        layout
    }

    #[test]
    fn every_node_can_read_its_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let layout = made(dir.path(), 3);
        for member in layout.members() {
            let config = Config::load(&layout.node(member).join("config.toml")).unwrap();
            assert_eq!((config.id, &config.name), (member.id, &member.name));
            assert_eq!(config.cluster, layout.cluster());
            assert_eq!(config.listen, member.address);
            assert_eq!(config.advertise, member.address);
            assert_eq!(config.initial.len(), 3);
            assert_eq!(config.hosts_path, layout.node(member).join("hosts"));
        }
    }

    #[test]
    fn a_second_start_finds_the_same_cluster() {
        let dir = tempfile::tempdir().unwrap();
        let first = made(dir.path(), 3);
        let Opened::Again(second) = open(dir.path(), Wishes::default()).unwrap() else {
            panic!("a cluster was there");
        };
        assert_eq!(second.cluster(), first.cluster());
        assert_eq!(second.members(), first.members());
        let (_, control) = Layout::read(dir.path()).unwrap();
        assert_eq!(control, dir.path().join("dev.sock"));
    }

    #[test]
    fn an_edited_configuration_stays() {
        let dir = tempfile::tempdir().unwrap();
        let layout = made(dir.path(), 1);
        let path = layout.node(&layout.members()[0]).join("config.toml");
        let edited = fs::read_to_string(&path).unwrap() + "\n[raft]\nsnapshot_after = 100\n";
        fs::write(&path, &edited).unwrap();
        open(dir.path(), Wishes::default()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), edited);
    }

    #[test]
    fn the_hook_of_chaos_comes_and_goes_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let layout = made(dir.path(), 1);
        let path = layout.node(&layout.members()[0]).join("config.toml");
        let edited = fs::read_to_string(&path).unwrap() + "[raft]\nsnapshot_after = 100\n";
        fs::write(&path, &edited).unwrap();
        layout.set_hook(true).unwrap();
        layout.set_hook(true).unwrap();
        let hooks = Config::load(&path).unwrap().hooks;
        assert_eq!(hooks.len(), 1, "{hooks:?}");
        layout.set_hook(false).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), edited);
    }

    #[test]
    fn another_shape_than_the_one_kept_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        made(dir.path(), 2);
        let error = open(
            dir.path(),
            Wishes {
                nodes: Some(3),
                base_port: None,
            },
        )
        .unwrap_err();
        assert!(error.to_string().contains("2 nodes, not 3"), "{error}");
        let error = open(
            dir.path(),
            Wishes {
                nodes: Some(2),
                base_port: Some(1),
            },
        )
        .unwrap_err();
        assert!(matches!(error, LayoutError::Other { .. }), "{error}");
    }

    #[test]
    fn a_description_of_tomorrow_is_refused_by_its_version() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(CLUSTER);
        fs::write(&path, r#"{"version": 2, "regions": []}"#).unwrap();
        let error = open(dir.path(), Wishes::default()).unwrap_err();
        assert!(error.to_string().contains("version 2"), "{error}");
        fs::write(&path, "{").unwrap();
        assert!(matches!(
            open(dir.path(), Wishes::default()),
            Err(LayoutError::Malformed { .. })
        ));
    }
}
