//! A site of certificates, a network of pipes, a node that only answers health checks.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use hosts::{Role, Timestamp};
use node::accept::{self, Connection};
use node::clock::Clock;
use node::connect::{self, Dialer, Pings, Timing};
use node::identity::{Caller, ClusterId, Peer};
use node::network::{Io, Listener, Network};
use node::pki::{Authority, Issued, write_private};
use node::tls::{Tls, TlsError, TlsFiles};
use rcgen::string::Ia5String;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status, transport::Server};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_197_600_000); // 2026-11-20T18:00:00Z
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const ADDRESS: &str = "attic.lan:50051";

pub(crate) fn cluster() -> ClusterId {
    ClusterId::from_u128(0x01_93_49_ab)
}

pub(crate) fn peer(node: u64) -> Peer {
    Peer {
        cluster: cluster(),
        node,
    }
}

pub(crate) fn days_later(days: u64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + days * 86_400_000)
}

/// A clock that a test sets.
#[derive(Debug)]
pub(crate) struct Hand(AtomicU64);

impl Hand {
    pub(crate) fn at(at: Timestamp) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(at.as_millis())))
    }

    pub(crate) fn set(&self, at: Timestamp) {
        self.0.store(at.as_millis(), Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn seed(&self) -> u128 {
        0
    }
}

/// A CA and a directory for what it issues.
pub(crate) struct Site {
    pub(crate) authority: Authority,
    dir: TempDir,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(Authority::new(cluster(), NOW).unwrap())
    }

    pub(crate) fn with(authority: Authority) -> Self {
        Self {
            authority,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// The same CA, issuing for another cluster.
    pub(crate) fn for_cluster(&self, cluster: ClusterId) -> Self {
        let Self { authority, .. } = self;
        Self::with(Authority::from_pem(cluster, authority.ca_pem(), &authority.key_pem()).unwrap())
    }

    pub(crate) fn node(&self, id: u64) -> Issued {
        self.authority
            .issue_node(id, "attic", &["attic.lan".into()], NOW, DAY)
            .unwrap()
    }

    pub(crate) fn client(&self, role: Role, name: &str) -> Issued {
        self.authority.issue_client(role, name, NOW, DAY).unwrap()
    }

    /// A certificate with these URIs and extended key usages in it, whatever they are.
    pub(crate) fn odd(&self, uris: &[&str], usages: &[ExtendedKeyUsagePurpose]) -> Issued {
        let ca_key = KeyPair::from_pem(&self.authority.key_pem()).unwrap();
        let issuer = Issuer::from_ca_cert_pem(self.authority.ca_pem(), ca_key).unwrap();
        let seconds = i64::try_from(NOW.as_millis() / 1000).unwrap();
        let mut params = CertificateParams::default();
        params.not_before = OffsetDateTime::from_unix_timestamp(seconds - 1).unwrap();
        params.not_after = OffsetDateTime::from_unix_timestamp(seconds + 1000).unwrap();
        params.extended_key_usages = usages.to_vec();
        params.subject_alt_names = uris
            .iter()
            .map(|uri| SanType::URI(Ia5String::try_from(*uri).unwrap()))
            .collect();
        let key = KeyPair::generate().unwrap();
        Issued {
            cert_pem: params.signed_by(&key, &issuer).unwrap().pem(),
            key_pem: key.serialize_pem(),
        }
    }

    /// Writes a certificate and what it is to be used with.
    pub(crate) fn files(&self, issued: &Issued, ca_pem: &str) -> TlsFiles {
        let path = |name| self.dir.path().join(name);
        let files = TlsFiles {
            cert: path("cert.pem"),
            key: path("key.pem"),
            ca: path("ca.pem"),
        };
        std::fs::write(&files.cert, &issued.cert_pem).unwrap();
        write_private(&files.key, &issued.key_pem).unwrap();
        std::fs::write(&files.ca, ca_pem).unwrap();
        files
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn try_load(&self, issued: &Issued) -> Result<Tls, TlsError> {
        Tls::load(&self.files(issued, self.authority.ca_pem()), Hand::at(NOW))
    }

    pub(crate) fn load(&self, issued: &Issued) -> Arc<Tls> {
        Arc::new(self.try_load(issued).unwrap())
    }

    /// As [`Site::load`], believing in the CAs of others too.
    pub(crate) fn load_trusting(&self, issued: &Issued, others: &[&Self]) -> Arc<Tls> {
        let cas: String = std::iter::once(self)
            .chain(others.iter().copied())
            .map(|site| site.authority.ca_pem())
            .collect();
        Arc::new(Tls::load(&self.files(issued, &cas), Hand::at(NOW)).unwrap())
    }

    pub(crate) fn load_with(&self, issued: &Issued, clock: Arc<Hand>) -> Arc<Tls> {
        Arc::new(Tls::load(&self.files(issued, self.authority.ca_pem()), clock).unwrap())
    }
}

/// Pipes between listeners and those who connect. A pipe can be made to swallow everything, as a cable pulled out.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    listening: Mutex<BTreeMap<String, mpsc::Sender<(Io, SocketAddr)>>>,
    dialed: Mutex<Vec<Arc<AtomicBool>>>,
}

impl Pipes {
    /// Cuts all pipes that are open now. Neither end is told.
    pub(crate) fn cut(&self) {
        for cut in self.dialed.lock().unwrap().drain(..) {
            cut.store(true, Ordering::Relaxed);
        }
    }
}

impl Network for Pipes {
    fn connect<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Io>> {
        Box::pin(async move {
            let listener = self.listening.lock().unwrap().get(address).cloned();
            let listener = listener.ok_or(io::ErrorKind::ConnectionRefused)?;
            let (here, there) = duplex(64 * 1024);
            let cut = Arc::new(AtomicBool::new(false));
            self.dialed.lock().unwrap().push(cut.clone());
            let there: Io = Box::new(there);
            listener
                .send((there, remote()))
                .await
                .map_err(|_| io::ErrorKind::ConnectionRefused)?;
            Ok(Box::new(Pipe { here, cut }) as Io)
        })
    }

    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let (sender, receiver) = mpsc::channel(1024);
            self.listening
                .lock()
                .unwrap()
                .insert(address.to_owned(), sender);
            Ok(Box::new(Mouth(receiver)) as Box<dyn Listener>)
        })
    }
}

pub(crate) fn remote() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], 4711))
}

struct Mouth(mpsc::Receiver<(Io, SocketAddr)>);

impl Listener for Mouth {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Io, SocketAddr)>> {
        Box::pin(async move {
            self.0
                .recv()
                .await
                .ok_or(io::ErrorKind::NotConnected.into())
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(remote())
    }
}

struct Pipe {
    here: DuplexStream,
    cut: Arc<AtomicBool>,
}

impl Pipe {
    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_cut() {
            return Poll::Pending;
        }
        Pin::new(&mut self.here).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_cut() {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.here).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.here).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.here).poll_shutdown(cx)
    }
}

/// A node that answers health checks at [`ADDRESS`] and remembers who asked. It stops when it is dropped.
pub(crate) struct Answering {
    pub(crate) network: Arc<Pipes>,
    pub(crate) tls: watch::Sender<Arc<Tls>>,
    seen: Arc<Mutex<Vec<Arc<Caller>>>>,
    _serving: JoinSet<()>,
}

impl Answering {
    pub(crate) async fn start(tls: Arc<Tls>) -> Self {
        Self::start_behind(tls, |listener| listener).await
    }

    /// As [`Answering::start`], with something around the listener.
    pub(crate) async fn start_behind(
        tls: Arc<Tls>,
        wrap: impl FnOnce(Box<dyn Listener>) -> Box<dyn Listener>,
    ) -> Self {
        let network = Arc::new(Pipes::default());
        let (tls, current) = watch::channel(tls);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let listener = wrap(network.listen(ADDRESS).await.unwrap());
        let incoming = accept::incoming(listener, current, CancellationToken::new());
        let health = HealthService::from_health_reporter(HealthReporter::new());
        let note = {
            let seen = seen.clone();
            move |request: Request<()>| {
                let Connection { caller, remote } = request
                    .extensions()
                    .get::<Connection>()
                    .cloned()
                    .ok_or_else(|| Status::internal("a request without a connection"))?;
                assert_eq!(remote, self::remote());
                seen.lock().unwrap().push(caller);
                Ok(request)
            }
        };
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            Server::builder()
                .serve_with_incoming(HealthServer::with_interceptor(health, note), incoming)
                .await
                .unwrap();
        });
        Self {
            network,
            tls,
            seen,
            _serving: serving,
        }
    }

    pub(crate) fn dialer(&self, tls: Arc<Tls>) -> Dialer {
        Dialer {
            network: self.network.clone(),
            tls: watch::channel(tls).1,
            timing: Timing::default(),
        }
    }

    pub(crate) fn client(
        &self,
        tls: Arc<Tls>,
        expected: Peer,
    ) -> HealthClient<tonic::transport::Channel> {
        HealthClient::new(connect::channel(
            &self.dialer(tls),
            ADDRESS,
            expected,
            Pings::Always,
        ))
    }

    /// One health check over a connection of its own.
    pub(crate) async fn check(&self, tls: Arc<Tls>, expected: Peer) -> Result<(), Status> {
        check(&mut self.client(tls, expected)).await
    }

    /// Who asked, in order, as the handlers saw them.
    pub(crate) fn seen(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(ToString::to_string).collect()
    }
}

pub(crate) async fn check(
    client: &mut HealthClient<tonic::transport::Channel>,
) -> Result<(), Status> {
    client
        .check(HealthCheckRequest::default())
        .await
        .map(|_| ())
}
