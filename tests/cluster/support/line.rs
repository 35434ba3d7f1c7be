//! An open connection to one node, on which a call can be waiting while the node sleeps.
//!
//! The command line connects anew each time, and by then a node that wakes up has heard what it missed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use proto::v1::hosts_service_client::HostsServiceClient;
use proto::v1::{Consistency, GetHostRequest};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tonic::Status;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// The administrator on a line of its own.
pub(crate) struct Line {
    runtime: Runtime,
    client: HostsServiceClient<Channel>,
}

/// Reads on their way.
pub(crate) struct Reading<'a> {
    line: &'a Line,
    reads: JoinSet<Result<String, Status>>,
}

impl Line {
    /// Connects to `address` with the certificates of the cluster in `dir`.
    #[track_caller]
    pub(crate) fn open(dir: &Path, address: &str) -> Self {
        let read = |name| fs::read(dir.join(name)).unwrap();
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(read("ca/ca.pem")))
            .identity(Identity::from_pem(
                read("client/cert.pem"),
                read("client/key.pem"),
            ));
        let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
        let endpoint = endpoint.tls_config(tls).unwrap();
        let runtime = Runtime::new().unwrap();
        let channel = runtime.block_on(endpoint.connect()).unwrap();
        Self {
            runtime,
            client: HostsServiceClient::new(channel),
        }
    }

    /// Sends `count` linearizable reads of the host `id`, and does not wait for them.
    pub(crate) fn read(&self, id: &str, count: usize) -> Reading<'_> {
        let mut reads = JoinSet::new();
        for _ in 0..count {
            let mut client = self.client.clone();
            let mut request = tonic::Request::new(GetHostRequest {
                id: id.to_owned(),
                consistency: Consistency::Linearizable.into(),
            });
            request.set_timeout(LIMIT);
            let read = async move {
                let answer = client.get_host(request).await?.into_inner();
                Ok(answer.entry.unwrap_or_default().ip_address)
            };
            reads.spawn_on(read, self.runtime.handle());
        }
        Reading { line: self, reads }
    }
}

impl Reading<'_> {
    /// The addresses that were read, or why not.
    pub(crate) fn finish(self) -> Vec<Result<String, Status>> {
        self.line.runtime.block_on(self.reads.join_all())
    }
}

const LIMIT: Duration = Duration::from_secs(20);
