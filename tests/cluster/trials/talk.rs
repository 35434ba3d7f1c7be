//! Calls to single nodes, and what their answers mean for a history.
//!
//! Nothing is repeated here: an answer that does not come, or comes without a node's own reason, is unknown.

use std::time::{Duration, Instant};

use hosts::{Host, HostPatch, HostRef, NewHost};
use node::pki::Issued;
use oracle::{Answered, Asked, Effect, Operation, Reading, Seen, Told};
use proto::cluster::cluster_service_client::ClusterServiceClient;
use proto::cluster::{StatusRequest, StatusResponse};
use proto::metadata::{APPLIED, REQUEST_ID, REQUEST_SINCE, REVISION};
use proto::v1::hosts_service_client::HostsServiceClient;
use proto::v1::{self, Consistency};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

/// The administrator's connections, and the threads that carry them.
pub(crate) struct Talk {
    pub(crate) runtime: Runtime,
    tls: ClientTlsConfig,
    addresses: Vec<String>,
    status: Vec<Channel>,
    began: Instant,
}

/// A client's own connections to all nodes.
#[derive(Clone)]
pub(crate) struct Lines {
    channels: Vec<Channel>,
    began: Instant,
}

/// One call, and what it came to.
pub(crate) struct Call {
    pub(crate) told: Told,
    pub(crate) called: u64,
    pub(crate) returned: u64,
}

/// How long a client waits for one node, before it asks the next.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

impl Talk {
    pub(crate) fn new(ca: &str, admin: &Issued, addresses: Vec<String>) -> Self {
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(ca))
            .identity(Identity::from_pem(&admin.cert_pem, &admin.key_pem));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let mut talk = Self {
            runtime,
            tls,
            addresses,
            status: Vec::new(),
            began: Instant::now(),
        };
        talk.status = talk.lines().channels;
        talk
    }

    /// Connections for one client. They are made when they are needed, and again when they are lost.
    pub(crate) fn lines(&self) -> Lines {
        let _inside = self.runtime.enter();
        let channels = self.addresses.iter().map(|address| {
            Endpoint::from_shared(format!("https://{address}"))
                .unwrap()
                .tls_config(self.tls.clone())
                .unwrap()
                .connect_timeout(CONNECT)
                // Finds out that a node has lost power, as the command line does.
                .http2_keep_alive_interval(PATIENCE)
                .keep_alive_timeout(PATIENCE)
                .connect_lazy()
        });
        Lines {
            channels: channels.collect(),
            began: self.began,
        }
    }

    /// Nanoseconds since the cluster was formed: the clock of the history.
    pub(crate) fn now(&self) -> u64 {
        nanoseconds(self.began)
    }

    /// As this node sees the cluster.
    pub(crate) fn status(&self, node: usize) -> Result<StatusResponse, String> {
        let channel = self.status[node - 1].clone();
        let call = async move {
            let mut client = ClusterServiceClient::new(channel);
            timeout(STATUS, client.status(StatusRequest {})).await
        };
        match self.runtime.block_on(call) {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(status.message().to_owned()),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    /// The last entry that this node has applied, if it says so.
    pub(crate) fn applied(&self, node: usize) -> Option<u64> {
        let status = self.status(node).ok()?;
        let own = status.nodes.iter().find(|status| status.id == node as u64);
        own.map(|own| own.applied)
    }

    /// All hosts as this node has them in a linearizable read.
    pub(crate) fn list(&self, node: usize) -> Result<Vec<Seen>, String> {
        let lines = Lines {
            channels: self.status.clone(),
            began: self.began,
        };
        let all = Asked::Read {
            what: Reading::All,
            linearizable: true,
        };
        let call = self.runtime.block_on(lines.ask(node, &all, None));
        match call.told.answered {
            Answered::Read { hosts, .. } => Ok(hosts),
            other => Err(format!("{other:?}")),
        }
    }
}

const CONNECT: Duration = Duration::from_millis(500);
const STATUS: Duration = Duration::from_secs(3);

impl Lines {
    /// Asks one node once. `since` is what the attempts before came to.
    pub(crate) async fn ask(&self, node: usize, asked: &Asked, since: Option<u64>) -> Call {
        let called = nanoseconds(self.began);
        let channel = self.channels[node - 1].clone();
        let client = HostsServiceClient::new(channel);
        let answer = timeout(PATIENCE, call(client, asked, since)).await;
        let returned = nanoseconds(self.began);
        let told = match answer {
            Ok(Ok(answered)) => Told {
                answered,
                since: None,
            },
            Ok(Err(status)) => Told::from(&status),
            Err(_) => Told::nothing(),
        };
        Call {
            told,
            called,
            returned,
        }
    }
}

impl Call {
    /// As it stands in a history.
    pub(crate) fn operation(self, client: u32, asked: Asked) -> Operation {
        Operation {
            client,
            called: self.called,
            returned: self.returned,
            asked,
            answered: self.told.answered,
        }
    }
}

async fn call(
    mut client: HostsServiceClient<Channel>,
    asked: &Asked,
    since: Option<u64>,
) -> Result<Answered, Status> {
    match asked {
        Asked::Add { request, host } => {
            let message = v1::AddHostRequest::from(host);
            let answer = client.add_host(with(message, request, since)).await?;
            done(answer.metadata(), host_of(answer.get_ref().entry.as_ref())?)
        }
        Asked::Update {
            request,
            host,
            patch,
            expected,
        } => {
            let message = v1::UpdateHostRequest {
                expected_version: expected.map(|version| version.to_string()),
                ..v1::UpdateHostRequest::from((host, patch))
            };
            let answer = client.update_host(with(message, request, since)).await?;
            done(answer.metadata(), host_of(answer.get_ref().entry.as_ref())?)
        }
        Asked::Delete {
            request,
            host,
            expected,
        } => {
            let message = v1::DeleteHostRequest {
                expected_version: expected.map(|version| version.to_string()),
                ..v1::DeleteHostRequest::from(host)
            };
            let answer = client.delete_host(with(message, request, since)).await?;
            done(answer.metadata(), Effect::Gone)
        }
        Asked::Read { what, linearizable } => {
            let consistency = match linearizable {
                true => Consistency::Linearizable,
                false => Consistency::Local,
            };
            read(client, what, consistency.into()).await
        }
        Asked::Import { .. } => Err(Status::unimplemented("no trial imports")),
    }
}

async fn read(
    mut client: HostsServiceClient<Channel>,
    what: &Reading,
    consistency: i32,
) -> Result<Answered, Status> {
    match what {
        Reading::One(HostRef::Id(id)) => {
            let message = v1::GetHostRequest {
                id: id.to_string(),
                consistency,
            };
            let answer = client.get_host(timed(message)).await?;
            let applied = index(answer.metadata(), APPLIED)?;
            let entry = answer.into_inner().entry;
            Ok(Answered::Read {
                applied,
                hosts: vec![seen(entry.as_ref())?],
            })
        }
        Reading::One(HostRef::Name(_)) | Reading::All => {
            let message = v1::ListHostsRequest {
                consistency,
                ..Default::default()
            };
            let answer = client.list_hosts(timed(message)).await?;
            let applied = index(answer.metadata(), APPLIED)?;
            let mut stream = answer.into_inner();
            let mut hosts = Vec::new();
            while let Some(entry) = stream.message().await? {
                hosts.push(seen(entry.entry.as_ref())?);
            }
            Ok(Answered::Read { applied, hosts })
        }
    }
}

fn with<M>(message: M, request: &str, since: Option<u64>) -> Request<M> {
    let mut message = timed(message);
    let metadata = message.metadata_mut();
    metadata.insert(REQUEST_ID, request.parse().unwrap());
    if let Some(since) = since {
        metadata.insert(REQUEST_SINCE, since.into());
    }
    message
}

fn timed<M>(message: M) -> Request<M> {
    let mut message = Request::new(message);
    message.set_timeout(PATIENCE);
    message
}

fn done(metadata: &MetadataMap, effect: Effect) -> Result<Answered, Status> {
    Ok(Answered::Acknowledged {
        revision: index(metadata, REVISION)?,
        effect,
    })
}

fn index(metadata: &MetadataMap, key: &str) -> Result<u64, Status> {
    let text = metadata.get(key).and_then(|value| value.to_str().ok());
    let index = text.and_then(|text| text.parse().ok());
    Ok(index.unwrap_or_else(|| panic!("an answer without {key}: {metadata:?}")))
}

fn host_of(entry: Option<&v1::HostEntry>) -> Result<Effect, Status> {
    seen(entry).map(Effect::Host)
}

fn seen(entry: Option<&v1::HostEntry>) -> Result<Seen, Status> {
    let entry = entry.cloned().expect("an answer names its host");
    let host = Host::try_from(entry).expect("a node sends hosts that can be read");
    Ok(Seen::from(&host))
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap()
}

/// What a client asks: the shapes that trials use.
pub(crate) fn add(request: String, address: &str, name: &str) -> Asked {
    let host = NewHost::new(
        hosts::Address::parse(address).unwrap(),
        hosts::Hostname::parse(name).unwrap(),
    );
    Asked::Add { request, host }
}

/// Another address for the host that alone has this name.
pub(crate) fn update(request: String, name: &str, address: &str, expected: Option<u64>) -> Asked {
    let patch = HostPatch {
        address: Some(hosts::Address::parse(address).unwrap()),
        ..HostPatch::default()
    };
    Asked::Update {
        request,
        host: HostRef::Name(hosts::Hostname::parse(name).unwrap()),
        patch,
        expected,
    }
}
