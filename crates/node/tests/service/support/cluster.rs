//! Real nodes over real files, on a network of pipes.

use super::network::{Plug, Wire};
use hosts::{Role, Timestamp};
use hyper_util::rt::TokioIo;
use node::{
    NodeError, Seams,
    clock::{Clock, SystemClock},
    config::Config,
    identity::ClusterId,
    network::Network as _,
    pki::{self, Authority, Issued},
};
use proto::{
    cluster::{NodeStatus, StatusRequest, StatusResponse, cluster_service_client as ops},
    peer::peer_service_client::PeerServiceClient,
    v1::{self, hosts_service_client::HostsServiceClient},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinSet, time::Instant};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tower::service_fn;

/// Up to where a test waits for a state before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

const VALID: Duration = Duration::from_secs(3600);

pub(crate) struct Cluster {
    pub(crate) id: ClusterId,
    pub(crate) authority: Authority,
    pub(crate) wire: Arc<Wire>,
    directory: TempDir,
    size: u64,
    /// More of every node's configuration.
    more: String,
    /// A node whose clock is wrong.
    ahead: Option<(u64, Ahead)>,
    running: BTreeMap<u64, Running>,
}

struct Running {
    stop: oneshot::Sender<()>,
    ended: JoinSet<Result<(), NodeError>>,
}

/// A clock that is wrong.
#[derive(Clone, Copy, Debug)]
struct Ahead(Duration);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        let by = u64::try_from(self.0.as_millis()).unwrap();
        Timestamp::from_millis(SystemClock.now().as_millis() + by)
    }

    fn seed(&self) -> u128 {
        SystemClock.seed()
    }
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum As {
    Client(Role),
    Node(u64),
}

pub(crate) const EDITOR: As = As::Client(Role::Editor);

impl Cluster {
    /// Certificates and configurations for `size` nodes, none of which runs.
    pub(crate) fn planned(size: u64) -> Self {
        if std::env::var_os("RUST_LOG").is_some() {
            node::telemetry::start(&node::config::LogConfig::default()).unwrap();
        }
        let now = SystemClock.now();
        let id = ClusterId::new(now, SystemClock.seed());
        let cluster = Self {
            id,
            authority: Authority::new(id, now).unwrap(),
            wire: Wire::new(),
            directory: tempfile::tempdir().unwrap(),
            size,
            more: String::new(),
            ahead: None,
            running: BTreeMap::new(),
        };
        for id in 1..=size {
            cluster.certify(id, &cluster.authority, id);
        }
        cluster
    }

    /// `size` nodes that all answer.
    pub(crate) async fn of(size: u64) -> Self {
        let mut cluster = Self::planned(size);
        for id in 1..=size {
            cluster.start(id);
        }
        for id in 1..=size {
            cluster.until_ready(id).await;
        }
        cluster
    }

    pub(crate) fn home(&self, id: u64) -> PathBuf {
        self.directory.path().join(name(id))
    }

    pub(crate) fn data(&self, id: u64) -> PathBuf {
        self.home(id).join("data")
    }

    pub(crate) fn hosts_file(&self, id: u64) -> PathBuf {
        self.home(id).join("out").join("hosts")
    }

    /// Gives node `id` a certificate of `authority` that says it is `says`.
    pub(crate) fn certify(&self, id: u64, authority: &Authority, says: u64) {
        let home = self.home(id);
        fs::create_dir_all(home.join("out")).unwrap();
        let issued = issue_node(authority, says);
        for (file, content) in [
            ("cert.pem", issued.cert_pem.as_str()),
            ("key.pem", &issued.key_pem),
            ("ca.pem", authority.ca_pem()),
        ] {
            let path = home.join(file);
            if path.exists() {
                fs::remove_file(&path).unwrap();
            }
            pki::write_private(&path, content).unwrap();
        }
    }

    pub(crate) fn config(&self, id: u64) -> Config {
        let initial: Vec<_> = (1..=self.size)
            .map(|id| {
                let (name, address) = (name(id), address(id));
                format!("{{ id = {id}, name = \"{name}\", address = \"{address}\" }}")
            })
            .collect();
        let text = format!(
            "[node]\nname = \"{}\"\ndata_dir = \"data\"\nlisten = \"{}\"\n\
             [hosts]\npath = \"out/hosts\"\nmode = \"whole\"\n\
             [cluster]\nid = \"{}\"\ninitial = [{}]\n\
             [raft]\nsnapshot_after = 100\n\
             [tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\nca = \"ca.pem\"\n{}",
            name(id),
            address(id),
            self.id,
            initial.join(", "),
            self.more,
        );
        Config::parse(&text, &self.home(id).join("config.toml"), |_| None).unwrap()
    }

    /// The nodes that are started from now on have this in their configurations, too.
    pub(crate) fn configure(&mut self, tables: &str) {
        self.more.push_str(tables);
    }

    /// The clock of node `id` is ahead by `by` from its next start on.
    pub(crate) fn set_ahead(&mut self, id: u64, by: Duration) {
        self.ahead = Some((id, Ahead(by)));
    }

    pub(crate) fn seams(&self, id: u64) -> Seams {
        let real = Seams::real();
        Seams {
            network: Arc::new(self.wire.plug(Some(address(id)))),
            clock: match self.ahead {
                Some((wrong, ahead)) if wrong == id => Arc::new(ahead),
                _ => real.clock,
            },
            ..real
        }
    }

    pub(crate) fn start(&mut self, id: u64) {
        self.start_on(id, self.seams(id));
    }

    /// Starts node `id` on these seams.
    pub(crate) fn start_on(&mut self, id: u64, seams: Seams) {
        let (stop, stopped) = oneshot::channel();
        let config = self.config(id);
        let mut ended = JoinSet::new();
        ended.spawn(async move {
            let stop = async {
                // A test that fails drops its cluster, which is a stop too.
                let _dropped = stopped.await;
            };
            node::serve(config, seams, stop, |_| ()).await
        });
        self.running.insert(id, Running { stop, ended });
    }

    /// Stops node `id` in order.
    pub(crate) async fn stop(&mut self, id: u64) -> Result<(), NodeError> {
        let Running { stop, mut ended } = self.running.remove(&id).unwrap();
        // It may have ended by itself; then its result says why.
        let _ended = stop.send(());
        in_time(ended.join_next()).await.unwrap().unwrap()
    }

    /// Waits until node `id` ends by itself.
    pub(crate) async fn ended(&mut self, id: u64) -> Result<(), NodeError> {
        let Running { stop, mut ended } = self.running.remove(&id).unwrap();
        let result = in_time(ended.join_next()).await.unwrap().unwrap();
        drop(stop);
        result
    }

    /// Ends all nodes, each of which must end well.
    pub(crate) async fn end(mut self) {
        let ids: Vec<u64> = self.running.keys().copied().collect();
        for id in ids {
            self.stop(id).await.unwrap();
        }
    }

    /// A connection to node `to` with a certificate of its own.
    pub(crate) fn channel(&self, to: u64, from: As) -> Channel {
        let issued = match from {
            As::Client(role) => {
                let name = format!("some-{role}");
                let now = SystemClock.now();
                self.authority.issue_client(role, &name, now, VALID)
            }
            .unwrap(),
            As::Node(id) => issue_node(&self.authority, id),
        };
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(self.authority.ca_pem()))
            .identity(Identity::from_pem(&issued.cert_pem, &issued.key_pem));
        let plug: Arc<Plug> = Arc::new(self.wire.plug(None));
        let connector = service_fn(move |_| {
            let plug = Arc::clone(&plug);
            async move { plug.connect(&address(to)).await.map(TokioIo::new) }
        });
        Endpoint::from_shared(format!("https://{}", address(to)))
            .unwrap()
            .tls_config(tls)
            .unwrap()
            .connect_with_connector_lazy(connector)
    }

    pub(crate) fn hosts(&self, to: u64, from: As) -> HostsServiceClient<Channel> {
        HostsServiceClient::new(self.channel(to, from))
    }

    pub(crate) fn editor(&self, to: u64) -> HostsServiceClient<Channel> {
        self.hosts(to, EDITOR)
    }

    pub(crate) fn ops(&self, to: u64) -> ops::ClusterServiceClient<Channel> {
        ops::ClusterServiceClient::new(self.channel(to, EDITOR))
    }

    pub(crate) fn peer(&self, to: u64, from: u64) -> PeerServiceClient<Channel> {
        PeerServiceClient::new(self.channel(to, As::Node(from)))
    }

    pub(crate) async fn until_ready(&mut self, id: u64) {
        let mut client = self.editor(id);
        let ended = &mut self.running.get_mut(&id).unwrap().ended;
        until(async || {
            if let Some(result) = ended.try_join_next() {
                panic!("node {id} ended: {result:?}");
            }
            let answer = client.readiness(v1::ReadinessRequest {}).await;
            answer.is_ok_and(|answer| answer.into_inner().ready)
        })
        .await;
    }

    pub(crate) async fn status(&self, at: u64) -> StatusResponse {
        let status = self.ops(at).status(StatusRequest {}).await;
        status.unwrap().into_inner()
    }

    /// What node `id` says of itself.
    pub(crate) async fn node(&self, id: u64) -> NodeStatus {
        let status = self.status(id).await;
        status.nodes.into_iter().find(|node| node.id == id).unwrap()
    }

    /// The node that leads, as those say that run.
    pub(crate) async fn leader(&self) -> u64 {
        let mut found = None;
        until(async || {
            for &id in self.running.keys() {
                if self.node(id).await.role() == proto::cluster::Role::Leader {
                    found = Some(id);
                }
            }
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    /// The nodes that run and do not lead.
    pub(crate) async fn followers(&self) -> Vec<u64> {
        let leader = self.leader().await;
        let ids = self.running.keys().copied();
        ids.filter(|&id| id != leader).collect()
    }
}

pub(crate) fn name(id: u64) -> String {
    format!("n{id}")
}

pub(crate) fn address(id: u64) -> String {
    format!("n{id}.test:50051")
}

pub(crate) fn issue_node(authority: &Authority, id: u64) -> Issued {
    let addresses = [format!("n{id}.test")];
    let now = SystemClock.now();
    let issued = authority.issue_node(id, &name(id), &addresses, now, VALID);
    issued.unwrap()
}

/// Asks again and again until `ask` says yes.
pub(crate) async fn until(mut ask: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !in_time(ask()).await {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}");
        tokio::task::yield_now().await;
    }
}

/// `future`, which is no longer waited for than a test may wait.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap()
}

/// The SHA-256 of a file would do, too; the bytes show what differs.
pub(crate) fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}
