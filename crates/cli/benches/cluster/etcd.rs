//! Three members of etcd with mutual TLS, between members and for clients, with real flushes: its defaults.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hosts::Timestamp;
use node::clock::{Clock as _, SystemClock};
use node::identity::ClusterId;
use node::pki::Authority;
use tempfile::TempDir;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use crate::channel::connect;
use crate::load;
use crate::ours::Latency;

/// The members; they are killed when this is dropped.
pub(crate) struct Etcd {
    children: Vec<Child>,
    leader: Channel,
    follower: Channel,
    all: Vec<Channel>,
    _dir: TempDir,
}

/// `etcdserverpb.PutRequest`, what of it is used.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Put {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `etcdserverpb.RangeRequest`, likewise; linearizable unless it says otherwise.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Range {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
}

/// An answer of which nothing is looked at.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Answer {}

/// `etcdserverpb.StatusRequest`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Ask {}

/// `etcdserverpb.StatusResponse`, who it is and who leads.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Standing {
    #[prost(message, optional, tag = "1")]
    header: Option<Header>,
    #[prost(uint64, tag = "4")]
    leader: u64,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Header {
    #[prost(uint64, tag = "2")]
    member: u64,
}

impl Etcd {
    /// None where etcd is not installed.
    pub(crate) async fn start() -> Option<Self> {
        let version = Command::new("etcd").arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&version.stdout).into_owned();
        println!("\nBeside it: {}.", text.lines().next().unwrap());
        let dir = tempfile::Builder::new()
            .prefix("cluster-bench-")
            .tempdir()
            .unwrap();
        let now: Timestamp = SystemClock.now();
        let authority = Authority::new(ClusterId::new(now, 0xe7cd), now).unwrap();
        let valid = Duration::from_secs(86_400);
        let issued = authority
            .issue_node(1, "etcd", &["127.0.0.1".to_owned()], now, valid)
            .unwrap();
        let files = dir.path().to_owned();
        fs::write(files.join("ca.pem"), authority.ca_pem()).unwrap();
        fs::write(files.join("cert.pem"), issued.cert_pem).unwrap();
        fs::write(files.join("key.pem"), issued.key_pem).unwrap();

        let ports = free_ports(6);
        let cluster: Vec<String> = (0..3)
            .map(|n| format!("e{n}=https://127.0.0.1:{}", ports[n + 3]))
            .collect();
        let cluster = cluster.join(",");
        let children = (0..3)
            .map(|n| member(n, &files, &cluster, ports[n], ports[n + 3]))
            .collect();
        let (mut leader, mut follower, mut all) = (None, None, Vec::new());
        for port in &ports[..3] {
            let (channel, leads) = until_led(&format!("127.0.0.1:{port}"), &files).await;
            match leads {
                true => leader = Some(channel.clone()),
                false => follower = Some(channel.clone()),
            }
            all.push(channel);
        }
        Some(Self {
            children,
            leader: leader.unwrap(),
            follower: follower.unwrap(),
            all,
            _dir: dir,
        })
    }

    /// Writers that put a key each time, of about the size of a host.
    pub(crate) async fn writes(&self, writers: usize, via: &str, time: Duration) -> Latency {
        let channel = match via {
            "leader" => self.leader.clone(),
            _ => self.follower.clone(),
        };
        load::closed(writers, time, move |task, number| {
            let channel = channel.clone();
            async move {
                let put = Put {
                    key: format!("hosts/bench-{task}-{number}.test").into_bytes(),
                    value: format!("198.18.{}.{}", task % 256, number % 256).into_bytes(),
                };
                call::<_, Answer>(channel, "/etcdserverpb.KV/Put", put)
                    .await
                    .unwrap();
            }
        })
        .await
    }

    /// Linearizable readers of one key each time, over all members.
    pub(crate) async fn reads(&self, readers: usize, time: Duration) -> Latency {
        let all = self.all.clone();
        load::closed(readers, time, move |task, number| {
            let channel = all[(task + number) % all.len()].clone();
            async move {
                let range = Range {
                    key: format!("hosts/bench-0-{}.test", number % 1000).into_bytes(),
                };
                call::<_, Answer>(channel, "/etcdserverpb.KV/Range", range)
                    .await
                    .unwrap();
            }
        })
        .await
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        // One that has ended by itself is gone, too.
        for child in &mut self.children {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn member(n: usize, files: &std::path::Path, cluster: &str, client: u16, peer: u16) -> Child {
    let url = |port: u16| format!("https://127.0.0.1:{port}");
    let file = |name: &str| -> PathBuf { files.join(name) };
    let mut command = Command::new("etcd");
    command
        .args(["--name", &format!("e{n}"), "--data-dir"])
        .arg(file(&format!("e{n}")))
        .args(["--listen-client-urls", &url(client)])
        .args(["--advertise-client-urls", &url(client)])
        .args(["--listen-peer-urls", &url(peer)])
        .args(["--initial-advertise-peer-urls", &url(peer)])
        .args(["--initial-cluster", cluster])
        .args(["--initial-cluster-state", "new", "--log-level", "error"])
        .args(["--client-cert-auth", "--peer-client-cert-auth"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for side in ["--", "--peer-"] {
        for (flag, name) in [
            ("cert-file", "cert.pem"),
            ("key-file", "key.pem"),
            ("trusted-ca-file", "ca.pem"),
        ] {
            command.arg(format!("{side}{flag}")).arg(file(name));
        }
    }
    command.spawn().unwrap()
}

/// The channel to a member that knows of a leader, and whether that is itself.
async fn until_led(address: &str, files: &std::path::Path) -> (Channel, bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while tokio::net::TcpStream::connect(address).await.is_err() {
        assert!(Instant::now() < end, "etcd does not listen at {address}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let channel = connect(address, files, &files.join("ca.pem")).await;
    loop {
        let path = "/etcdserverpb.Maintenance/Status";
        if let Ok(standing) = call::<_, Standing>(channel.clone(), path, Ask {}).await
            && standing.leader != 0
        {
            let itself = standing.header.unwrap().member;
            return (channel, standing.leader == itself);
        }
        assert!(Instant::now() < end, "etcd at {address} has no leader");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn call<Q, A>(channel: Channel, path: &'static str, message: Q) -> Result<A, Status>
where
    Q: prost::Message + Default + 'static,
    A: prost::Message + Default + 'static,
{
    let mut grpc = Grpc::new(channel);
    grpc.ready()
        .await
        .map_err(|cause| Status::unavailable(cause.to_string()))?;
    let codec: ProstCodec<Q, A> = ProstCodec::default();
    let path = PathAndQuery::from_static(path);
    let answer = grpc.unary(Request::new(message), path, codec).await?;
    Ok(answer.into_inner())
}

fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<_> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    held.iter()
        .map(|listener| listener.local_addr().unwrap().port())
        .collect()
}
