//! Three nodes in one process, over real TCP and real files: a write through
//! each, and one file everywhere.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the helpers of these tests stop them where they fail"
)]

use hosts::{Role, Timestamp, format::block::append};
use node::{
    Seams,
    clock::{Clock as _, SystemClock},
    config::Config,
    identity::ClusterId,
    pki::{self, Authority},
};
use proto::{
    cluster::{Verdict, WaitPublishedRequest, cluster_service_client::ClusterServiceClient},
    v1::{self, hosts_service_client::HostsServiceClient},
};
use std::{fs, path::Path, time::Duration};
use tokio::{sync::oneshot, task::JoinSet};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

const VALID: Duration = Duration::from_secs(3600);

struct Node {
    channel: Channel,
    stop: oneshot::Sender<()>,
    ended: JoinSet<Result<(), node::NodeError>>,
}

fn free_ports<const N: usize>() -> [u16; N] {
    let held: [_; N] = std::array::from_fn(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

/// Writes certificates and the configuration of node `id` below `dir`.
fn prepare(
    dir: &Path,
    authority: &Authority,
    cluster: ClusterId,
    ports: &[u16],
    id: usize,
) -> Config {
    let here = dir.join(format!("n{id}"));
    fs::create_dir_all(&here).unwrap();
    let now = SystemClock.now();
    let issued = authority
        .issue_node(
            id as u64,
            &format!("n{id}"),
            &["127.0.0.1".to_owned()],
            now,
            VALID,
        )
        .unwrap();
    pki::write_private(&here.join("cert.pem"), &issued.cert_pem).unwrap();
    pki::write_private(&here.join("key.pem"), &issued.key_pem).unwrap();
    pki::write_private(&here.join("ca.pem"), authority.ca_pem()).unwrap();
    let initial: Vec<_> = (1..)
        .zip(ports)
        .map(|(id, port)| {
            format!("{{ id = {id}, name = \"n{id}\", address = \"127.0.0.1:{port}\" }}")
        })
        .collect();
    // The first node shares its file with others, as by default.
    let mode = if id == 1 { "" } else { "mode = \"whole\"\n" };
    fs::write(here.join("hosts"), if id == 1 { SYSTEM } else { "" }).unwrap();
    let text = format!(
        "[node]\nname = \"n{id}\"\ndata_dir = \"data\"\nlisten = \"127.0.0.1:{}\"\n\
         [hosts]\npath = \"hosts\"\n{mode}\
         [cluster]\nid = \"{cluster}\"\ninitial = [{}]\n\
         [tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\nca = \"ca.pem\"\n",
        ports[id - 1],
        initial.join(", ")
    );
    Config::parse(&text, &here.join("config.toml"), |_| None).unwrap()
}

const SYSTEM: &str = "127.0.0.1 localhost\r\n::1 localhost";

fn start(config: Config, channel: Channel) -> Node {
    let (stop, stopped) = oneshot::channel();
    let mut ended = JoinSet::new();
    ended.spawn(async move {
        let stop = async {
            let _dropped = stopped.await;
        };
        node::serve(config, Seams::real(), stop, |_| ()).await
    });
    Node {
        channel,
        stop,
        ended,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_through_each_node_is_in_the_file_of_all() {
    node::telemetry::start(&node::config::LogConfig::default()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let now: Timestamp = SystemClock.now();
    let cluster = ClusterId::new(now, SystemClock.seed());
    let authority = Authority::new(cluster, now).unwrap();
    let client = authority
        .issue_client(Role::Admin, "test", now, VALID)
        .unwrap();
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(authority.ca_pem()))
        .identity(Identity::from_pem(&client.cert_pem, &client.key_pem));
    let ports: [u16; 3] = free_ports();
    let nodes: Vec<Node> = (1..=3)
        .map(|id| {
            let config = prepare(dir.path(), &authority, cluster, &ports, id);
            let endpoint = Endpoint::from_shared(format!("https://127.0.0.1:{}", ports[id - 1]));
            let channel = endpoint
                .unwrap()
                .tls_config(tls.clone())
                .unwrap()
                .connect_lazy();
            start(config, channel)
        })
        .collect();

    let mut revision = 0;
    for (n, node) in (1..).zip(&nodes) {
        let request = v1::AddHostRequest {
            ip_address: format!("10.0.0.{n}"),
            hostname: format!("host{n}.lan"),
            ..Default::default()
        };
        let answer = until_answered(|| {
            let mut client = HostsServiceClient::new(node.channel.clone());
            let request = request.clone();
            async move { client.add_host(request).await }
        })
        .await;
        let written = answer.metadata().get(proto::metadata::REVISION).unwrap();
        revision = written.to_str().unwrap().parse().unwrap();
    }
    let mut cluster_client = ClusterServiceClient::new(nodes[0].channel.clone());
    let request = WaitPublishedRequest {
        revision,
        timeout_ms: 10_000,
    };
    let outcomes = cluster_client
        .wait_published(request)
        .await
        .unwrap()
        .into_inner()
        .nodes;
    assert_eq!(outcomes.len(), 3);
    assert!(
        outcomes.iter().all(|outcome| outcome.revision >= revision),
        "{outcomes:?}"
    );
    let files: Vec<_> = (1..=3)
        .map(|id| fs::read(dir.path().join(format!("n{id}/hosts"))).unwrap())
        .collect();
    assert!(String::from_utf8_lossy(&files[1]).contains("10.0.0.3 host3.lan"));
    assert_eq!(files[2], files[1]);
    assert_eq!(files[0], append(SYSTEM.as_bytes(), &files[1]));
    let status = cluster_client
        .status(proto::cluster::StatusRequest {})
        .await
        .unwrap();
    assert_eq!(status.into_inner().verdict(), Verdict::Healthy);

    for node in nodes {
        let Node {
            channel,
            stop,
            mut ended,
        } = node;
        drop(channel);
        stop.send(()).unwrap();
        ended.join_next().await.unwrap().unwrap().unwrap();
    }
}

/// Asks until the node answers; it may still be starting.
async fn until_answered<T, F>(mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, tonic::Status>>,
{
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(status) if tokio::time::Instant::now() > patience => panic!("{status:?}"),
            Err(_) => tokio::task::yield_now().await,
        }
    }
}
