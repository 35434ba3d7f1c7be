//! The life of a node: from its configuration to its last flush.
//!
//! Start: certificates, store, Raft, port, parts. Stop, in [`stop`]:
//! leadership is handed over while calls still finish, the port closes, the
//! parts stop – the file being written is finished –, then Raft, and the store
//! is flushed. A part that ends early takes the same road, and its name is in
//! the error.

mod stop;

use crate::{
    accept,
    api::{
        cluster::ClusterApi,
        history::HistoryApi,
        hosts::{HostsApi, HostsParts},
        peer::PeerApi,
        status::with_bound,
    },
    clock::{Clock, SystemClock},
    cluster::Cluster,
    config::Config,
    connect::{Dialer, Timing},
    formation::{Formation, FormationError, must_not_be_emptied},
    forward::Router,
    identity::Peer,
    leader::Leader,
    limits,
    lookout::{Clocks, Lookout, Missed},
    network::{Listener, Network, Tcp},
    peers::{Peers, Transport},
    publish::{
        self, Files, PublishOptions, Published, RealFiles,
        hooks::{self, HookOptions, Note, RealShell, Shell},
    },
    raft::Raft,
    reads::Reads,
    sinks::Sinks,
    tasks::{PartEnded, PartResult, Tasks},
    tls::{Tls, TlsError},
};
use openraft::async_runtime::WatchReceiver as _;
use proto::{
    cluster::cluster_service_server::ClusterServiceServer,
    history::history_service_server::HistoryServiceServer,
    peer::peer_service_server::PeerServiceServer, v1::hosts_service_server::HostsServiceServer,
};
use raft_store::{
    Applied, Identity, OpenError, Store, StoreOptions,
    disk::Work,
    log::Log,
    raft::{Member, openraft_config},
    state::StateFault,
};
use std::{future::Future, io, net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tower::util::MapResponseLayer;

/// Everything of the world that a node touches; a simulation brings its own.
#[derive(Clone, Debug)]
pub struct Seams {
    /// Addresses and connections.
    pub network: Arc<dyn Network>,
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
    /// The hosts file.
    pub files: Arc<dyn Files>,
    /// The commands of hooks.
    pub shell: Arc<dyn Shell>,
    /// Log, snapshots and state.
    pub store: raft_store::Seams,
}

/// A node that takes calls.
#[derive(Clone, Debug)]
pub struct Serving {
    /// The node's name.
    pub name: String,
    /// The node's id.
    pub id: u64,
    /// Where it listens.
    pub address: SocketAddr,
    /// What goes on in it.
    pub inside: Inside,
}

/// What goes on in a node, for whoever runs it in its own process: a
/// simulation looks here after every step, and changes nothing.
#[derive(Clone, Debug)]
pub struct Inside {
    /// openraft: its metrics say term, role and how far it is.
    pub raft: Raft,
    /// The log, to be read.
    pub log: Log,
    /// What is applied.
    pub applied: watch::Receiver<Arc<Applied>>,
    /// What the hosts file holds.
    pub published: watch::Receiver<Published>,
}

/// Why a node did not start, or did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Certificates or keys.
    #[error("cannot use the certificates")]
    Tls(#[from] TlsError),
    /// The data directory.
    #[error("cannot open the data directory {directory}")]
    Store {
        /// The directory.
        directory: PathBuf,
        /// Why.
        #[source]
        cause: OpenError,
    },
    /// openraft does not start on what the store holds.
    #[error("cannot start Raft")]
    Raft(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The port.
    #[error("cannot listen on {address}: {}", advice(.cause))]
    Listen {
        /// As configured.
        address: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The node cannot become a member.
    #[error("cannot become a member of the cluster")]
    Formation(#[from] FormationError),
    /// The process cannot hear signals, so it could not be stopped in order.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    /// A part ended before it was told to, or failed to stop.
    #[error(transparent)]
    Part(#[from] PartEnded),
    /// The store could not be flushed.
    #[error("cannot close the data directory")]
    Close(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What to look at when a port cannot be had.
fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::AddrInUse => "is another program using the port?",
        io::ErrorKind::AddrNotAvailable => "does this machine have the address?",
        io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege",
        _ => "is it an address of this machine, or a name of one?",
    }
}

impl NodeError {
    /// Whether starting again does not help: what the operator wrote is wrong, or the data of this node is gone, and
    /// stays so until a person mends it.
    #[must_use]
    pub fn needs_a_person(&self) -> bool {
        match self {
            Self::Tls(error) => !error.is_of_time(),
            Self::Formation(error) => error.is_lost_data(),
            Self::Part(PartEnded { cause, .. }) => cause
                .as_deref()
                .and_then(|cause| cause.downcast_ref::<FormationError>())
                .is_some_and(FormationError::is_lost_data),
            Self::Store { .. }
            | Self::Raft(_)
            | Self::Listen { .. }
            | Self::Signals(_)
            | Self::Close(_) => false,
        }
    }
}

impl Seams {
    /// The real world.
    #[must_use]
    pub fn real() -> Self {
        Self {
            network: Arc::new(Tcp::new()),
            clock: Arc::new(SystemClock),
            files: Arc::new(RealFiles::new()),
            shell: Arc::new(RealShell),
            store: raft_store::Seams::real(),
        }
    }
}

/// Runs the node of `config` until `stop` completes, and calls `serving` once
/// it takes calls.
///
/// # Errors
/// [`NodeError`]: the node did not start, or a part of it failed.
pub async fn serve(
    config: Config,
    seams: Seams,
    stop: impl Future<Output = ()>,
    serving: impl FnOnce(&Serving),
) -> Result<(), NodeError> {
    let mut node = Node::start(config, seams).await?;
    serving(&node.serving);
    tokio::select! {
        () = stop => {
            tracing::info!("stopping");
            node.stop().await
        }
        ended = node.tasks.ended_early() => {
            tracing::error!(part = ended.part, "a part ended early; stopping");
            // The first failure is the one to report.
            if let Err(error) = node.stop().await {
                tracing::warn!(error = crate::api::status::chain(&error), "while stopping");
            }
            Err(ended.into())
        }
    }
}

/// A running node.
struct Node {
    serving: Serving,
    tasks: Tasks,
    /// The port's own token: it closes before the other parts stop.
    port: CancellationToken,
    port_closed: watch::Receiver<bool>,
    raft: Raft,
    peers: Arc<Peers>,
    clocks: watch::Receiver<Clocks>,
    store: raft_store::Keeper,
    /// Where the last step runs.
    work: Work,
}

impl Node {
    async fn start(config: Config, seams: Seams) -> Result<Self, NodeError> {
        let own = Peer {
            cluster: config.cluster,
            node: config.id,
        };
        let tls = Tls::load(&config.tls, Arc::clone(&seams.clock))?;
        tls.must_be(&config.tls, own)?;
        let certificate_ends = tls.not_after();
        let (_renewals, tls) = watch::channel(Arc::new(tls));

        let opened = |cause| NodeError::Store {
            directory: config.data_dir.clone(),
            cause,
        };
        let identity = Identity {
            cluster: config.cluster.as_u128(),
            node: config.id,
        };
        let disk = Arc::clone(&seams.store.disk);
        must_not_be_emptied(&*disk, &config.data_dir)?;
        let store = Store::open(
            seams.store.clone(),
            &config.data_dir,
            identity,
            StoreOptions::default(),
        )
        .map_err(opened)?;
        let Store {
            log,
            machine,
            applied,
            snapshots,
            stats,
            fault,
            keeper,
        } = store;

        let dialer = Dialer {
            network: Arc::clone(&seams.network),
            tls: tls.clone(),
            timing: Timing::default(),
        };
        let peers = Arc::new(Peers::new(own, dialer));
        let transport = Transport {
            peers: Arc::clone(&peers),
            work: seams.store.work,
        };
        let (read_log, work) = (log.log().clone(), seams.store.work);
        let raft = start_raft(&config, transport, log, machine).await?;
        let began = raft.is_initialized().await;
        let began = began.map_err(|cause| NodeError::Raft(Box::new(cause)))?;
        let formation = Formation::open(raft.clone(), disk, config.data_dir.clone(), began);
        let formation = Arc::new(formation?);

        let listen = |cause| NodeError::Listen {
            address: config.listen.clone(),
            cause,
        };
        let listener = seams.network.listen(&config.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;

        let (judging, clocks) = watch::channel(Clocks::default());
        let (leader, proposer) = Leader::new(
            raft.clone(),
            applied.clone(),
            Arc::clone(&seams.clock),
            clocks.clone(),
            seams.store.work,
            config.retention,
        );
        let router = Arc::new(Router::new(
            config.id,
            raft.clone(),
            proposer,
            Arc::clone(&peers),
        ));
        let (reads, rounds) = Reads::new(Arc::clone(&router), applied.clone());
        let (publishing, published) = watch::channel(Published::nothing(config.hosts_path.clone()));
        let (reporting, hook_reports) = watch::channel(Vec::new());
        let hook_names = config.hooks.iter().map(|hook| hook.name.clone()).collect();
        let hook_options = HookOptions {
            hooks: config.hooks,
            node: config.name.clone(),
            // Only without a working directory does it stay as configured.
            file: std::path::absolute(&config.hosts_path)
                .unwrap_or_else(|_| config.hosts_path.clone()),
            note: Note {
                disk: Arc::clone(&seams.store.disk),
                directory: config.data_dir.clone(),
                work: seams.store.work,
            },
        };
        let (told, watched_file) = (published.clone(), published.clone());
        let member = Member {
            name: config.name.clone(),
            address: config.advertise.clone(),
        };
        let sinks = Sinks::default();
        let cluster = Arc::new(Cluster {
            cluster: config.cluster,
            id: config.id,
            member,
            raft: raft.clone(),
            peers: Arc::clone(&peers),
            applied: applied.clone(),
            published: published.clone(),
            hooks: hook_reports,
            sinks: sinks.clone(),
            stats,
            clock: Arc::clone(&seams.clock),
            certificate_ends,
            clocks: clocks.clone(),
            missed: Missed::default(),
        });
        let lookout = Lookout {
            cluster: Arc::clone(&cluster),
            peers: Arc::clone(&peers),
            clock: Arc::clone(&seams.clock),
            clocks: judging,
        };
        let port = CancellationToken::new();
        let apis = Apis {
            hosts: HostsApi::new(HostsParts {
                name: &config.name,
                router: Arc::clone(&router),
                reads,
                clock: Arc::clone(&seams.clock),
                published,
                hooks: hook_names,
                work: seams.store.work,
                closing: port.clone(),
                sinks,
            }),
            cluster: ClusterApi(Arc::clone(&cluster)),
            peer: PeerApi {
                own,
                raft: raft.clone(),
                router,
                cluster,
                formation: Arc::clone(&formation),
                snapshots,
                work: seams.store.work,
                clock: seams.clock,
                closing: port.clone(),
            },
        };

        let inside = Inside {
            raft: raft.clone(),
            log: read_log,
            applied: applied.clone(),
            published: watched_file,
        };

        let mut tasks = Tasks::default();
        let closed = watch::Sender::new(false);
        let port_closed = closed.subscribe();
        let port_stop = port.clone();
        tasks.spawn("port", |stop| async move {
            tokio::select! {
                served = apis.serve(listener, tls, port_stop) => {
                    closed.send_replace(true);
                    served?;
                    // Told to close, the port has nothing left to do.
                    stop.cancelled().await;
                }
                // Calls that outlast their time are cut off.
                () = stop.cancelled() => {}
            }
            Ok(())
        });
        let publish = PublishOptions {
            mode: config.hosts_mode,
            comments: config.comments,
            work: seams.store.work,
            ..PublishOptions::new(config.hosts_path, config.cluster)
        };
        tasks.spawn("publish", |stop| async move {
            Ok(publish::run(stop, applied, publishing, seams.files, publish).await?)
        });
        tasks.spawn("hooks", |stop| async move {
            hooks::run(stop.clone(), told, reporting, seams.shell, hook_options).await;
            Ok(())
        });
        tasks.spawn("reads", |stop| rounds.run(stop));
        tasks.spawn("leader", |stop| leader.run(stop));
        tasks.spawn("lookout", |stop| lookout.run(stop));
        let others = Arc::clone(&peers);
        let watched = raft.clone();
        tasks.spawn("raft", |stop| alive(watched, stop));
        tasks.spawn("state", |stop| sound(fault, stop));
        let initial = config.initial;
        tasks.spawn("formation", |stop| async move {
            tokio::select! {
                formed = formation.form(own.node, &initial, &peers) => formed?,
                () = stop.cancelled() => return Ok(()),
            }
            tracing::info!(node = own.node, "member of a formed cluster");
            stop.cancelled().await;
            Ok(())
        });
        let serving = Serving {
            name: config.name,
            id: config.id,
            address,
            inside,
        };
        Ok(Self {
            serving,
            tasks,
            port,
            port_closed,
            raft,
            peers: others,
            clocks,
            store: keeper,
            work,
        })
    }
}

async fn start_raft(
    config: &Config,
    transport: Transport,
    log: raft_store::LogStore,
    machine: raft_store::StateMachine,
) -> Result<Raft, NodeError> {
    let options = openraft_config(&config.raft).map_err(|cause| NodeError::Raft(cause.into()))?;
    let raft = Raft::new(config.id, Arc::new(options), transport, log, machine).await;
    raft.map_err(|cause| NodeError::Raft(Box::new(cause)))
}

/// Ends when Raft does: its log has failed, and nothing may be acknowledged.
async fn alive(raft: Raft, stop: CancellationToken) -> PartResult {
    let mut metrics = raft.metrics();
    loop {
        if let Err(fatal) = &metrics.borrow_watched().running_state {
            return Err(fatal.clone().into());
        }
        tokio::select! {
            changed = metrics.changed() => if changed.is_err() {
                return Err("raft has ended".into());
            },
            () = stop.cancelled() => return Ok(()),
        }
    }
}

/// Ends when the state can no longer be stored.
async fn sound(
    mut fault: watch::Receiver<Option<StateFault>>,
    stop: CancellationToken,
) -> PartResult {
    tokio::select! {
        fault = fault.wait_for(Option::is_some) => match fault.ok().and_then(|fault| fault.clone()) {
            Some(fault) => Err(fault.into()),
            None => Err("the state's thread has ended".into()),
        },
        () = stop.cancelled() => Ok(()),
    }
}

/// The services behind the port.
struct Apis {
    hosts: HostsApi,
    cluster: ClusterApi,
    peer: PeerApi,
}

impl Apis {
    async fn serve(
        self,
        listener: Box<dyn Listener>,
        tls: watch::Receiver<Arc<Tls>>,
        stop: CancellationToken,
    ) -> PartResult {
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<HostsServiceServer<HostsApi>>().await;
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()?;
        let peer = PeerServiceServer::new(self.peer)
            .max_decoding_message_size(limits::PEER_MESSAGE_BYTES_MAX)
            .max_encoding_message_size(limits::PEER_MESSAGE_BYTES_MAX);
        let history = HistoryServiceServer::new(HistoryApi(self.hosts.clone()))
            .max_decoding_message_size(limits::CLIENT_MESSAGE_BYTES_MAX);
        let hosts = HostsServiceServer::new(self.hosts)
            .max_decoding_message_size(limits::CLIENT_MESSAGE_BYTES_MAX);
        let Timing { ping, pong, .. } = Timing::default();
        Server::builder()
            .max_concurrent_streams(limits::CALLS_PER_CONNECTION)
            .http2_keepalive_interval(Some(ping * 10))
            .http2_keepalive_timeout(Some(pong * 10))
            .layer(MapResponseLayer::new(with_bound))
            .add_service(health_service)
            .add_service(reflection)
            .add_service(hosts)
            .add_service(history)
            .add_service(ClusterServiceServer::new(self.cluster))
            .add_service(peer)
            .serve_with_incoming_shutdown(
                accept::incoming(listener, tls, stop.clone()),
                async move {
                    stop.cancelled_owned().await;
                    health
                        .set_not_serving::<HostsServiceServer<HostsApi>>()
                        .await;
                },
            )
            .await?;
        Ok(())
    }
}
