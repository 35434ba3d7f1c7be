//! The door itself: nobody holds it shut, and nothing takes it off its hinges.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use hosts::Role;
use node::accept;
use node::identity::ClusterId;
use node::network::{Io, Listener, Network};
use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{ADDRESS, Answering, DAY, NOW, Pipes, Site, check, peer, remote};

#[tokio::test(start_paused = true)]
async fn a_silent_caller_holds_up_nobody_and_is_closed_after_five_seconds() {
    let site = Site::new();
    let one = Answering::start(site.load(&site.node(1))).await;
    let began = Instant::now();
    let mut silent = one.network.connect(ADDRESS).await.unwrap();
    one.check(site.load(&site.node(2)), peer(1)).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));

    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(began.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn of_too_many_silent_callers_the_oldest_give_way() {
    let site = Site::new();
    let one = Answering::start(site.load(&site.node(1))).await;
    let began = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(one.network.connect(ADDRESS).await.unwrap());
    }
    one.check(site.load(&site.node(2)), peer(1)).await.unwrap();
    for caller in &mut silent[..137] {
        assert_eq!(caller.read(&mut [0]).await.unwrap(), 0);
    }
    assert!(began.elapsed() < Duration::from_secs(1));
    for caller in &mut silent[137..] {
        assert_eq!(caller.read(&mut [0]).await.unwrap(), 0);
    }
    assert_eq!(began.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn a_client_that_leaks_connections_shuts_out_itself_alone() {
    let site = Site::new();
    let one = Answering::start(site.load(&site.node(1))).await;
    let leaky = one.dialer(site.load(&site.client(Role::Viewer, "leaky")));
    let mut leaked = Vec::new();
    for _ in 0..128 {
        leaked.push(leaky.connect(ADDRESS, peer(1)).await.unwrap());
    }
    let error = leaky.connect(ADDRESS, peer(1)).await.err().unwrap();
    assert!(
        error.to_string().contains("closed the connection"),
        "{error}"
    );
    // Another role is another client, whatever its name.
    for other in [
        site.client(Role::Viewer, "careful"),
        site.client(Role::Editor, "leaky"),
        site.node(2),
    ] {
        one.check(site.load(&other), peer(1)).await.unwrap();
    }

    leaked.pop();
    let place = async {
        while leaky.connect(ADDRESS, peer(1)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), place).await.unwrap();
}

#[tokio::test]
async fn clients_that_have_all_places_shut_out_clients_and_no_node() {
    let site = Site::new();
    let one = Answering::start(site.load(&site.node(1))).await;
    let mut open = Vec::new();
    for n in 0..4 {
        let client = one.dialer(site.load(&site.client(Role::Viewer, &format!("c{n}"))));
        for _ in 0..128 {
            open.push(client.connect(ADDRESS, peer(1)).await.unwrap());
        }
    }
    let late = one.dialer(site.load(&site.client(Role::Viewer, "late")));
    late.connect(ADDRESS, peer(1)).await.err().unwrap();
    one.check(site.load(&site.node(2)), peer(1)).await.unwrap();
}

/// A listener that has no descriptors left, for so many turns.
struct Exhausted {
    inner: Box<dyn Listener>,
    turns: usize,
    tried: Arc<AtomicUsize>,
}

impl Listener for Exhausted {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Io, SocketAddr)>> {
        Box::pin(async move {
            let tried = self.tried.fetch_add(1, Ordering::Relaxed);
            if tried < self.turns {
                return Err(io::Error::from_raw_os_error(EMFILE));
            }
            self.inner.accept().await
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

const EMFILE: i32 = 24;

#[tokio::test(start_paused = true)]
async fn a_listener_without_descriptors_is_tried_again_at_leisure() {
    let site = Site::new();
    let tried = Arc::new(AtomicUsize::new(0));
    let counted = tried.clone();
    let one = Answering::start_behind(site.load(&site.node(1)), |inner| {
        Box::new(Exhausted {
            inner,
            turns: 100,
            tried,
        })
    })
    .await;
    let began = Instant::now();
    // Connecting takes as long as the descriptors are missing; a dialer would give up.
    let mut io = one.network.connect(ADDRESS).await.unwrap();
    assert_eq!(
        io.read(&mut [0]).await.unwrap(),
        0,
        "taken at last, and closed for its silence"
    );
    let waited = began.elapsed();
    assert!(
        waited > Duration::from_secs(90) && waited < Duration::from_secs(110),
        "{waited:?}"
    );
    let tried = counted.load(Ordering::Relaxed);
    assert!((102..110).contains(&tried), "{tried}");
    one.check(site.load(&site.node(2)), peer(1)).await.unwrap();
}

#[tokio::test]
async fn a_renewed_certificate_counts_from_the_next_connection_on() {
    let site = Site::new();
    let one = Answering::start(site.load(&site.node(1))).await;
    let two = site.load(&site.node(2));
    let mut old = one.client(two.clone(), peer(1));
    check(&mut old).await.unwrap();

    let shown = |at_most| {
        let dialer = one.dialer(two.clone());
        async move {
            let stream = dialer.connect(ADDRESS, peer(1)).await.unwrap();
            let (_, session) = stream.get_ref();
            session.peer_certificates().unwrap()[..at_most].to_vec()
        }
    };
    let before = shown(1).await;
    let renewed = site
        .authority
        .issue_node(1, "attic", &[], NOW, 2 * DAY)
        .unwrap();
    one.tls.send_replace(site.load(&renewed));
    assert_ne!(shown(1).await, before);
    check(&mut old).await.unwrap();
}

#[tokio::test]
async fn a_new_ca_lets_its_callers_in_and_the_old_ones_out() {
    let (old, new) = (Site::new(), Site::new());
    let one = Answering::start(old.load(&old.node(1))).await;
    let two = new.load_trusting(&new.node(2), &[&old]);
    one.check(two.clone(), peer(1)).await.unwrap_err();
    one.tls.send_replace(new.load(&new.node(1)));
    one.check(two, peer(1)).await.unwrap();
    let three = old.load_trusting(&old.node(3), &[&new]);
    one.check(three, peer(1)).await.unwrap_err();
}

#[tokio::test]
async fn a_stopped_door_takes_nobody() {
    let site = Site::new();
    let network = Pipes::default();
    let listener = network.listen(ADDRESS).await.unwrap();
    let (_tls, current) = watch::channel(site.load(&site.node(1)));
    let stop = CancellationToken::new();
    let mut incoming = Box::pin(accept::incoming(listener, current, stop.clone()));
    let mut waiting = network.connect(ADDRESS).await.unwrap();
    stop.cancel();
    assert!(incoming.next().await.is_none());
    drop(incoming);
    assert_eq!(waiting.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_refused_caller_is_one_line_of_log_with_address_and_reason() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    // For all tests of this process: callsites remember whether anybody listens, whichever thread meets them first.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let site = Site::new();
    let other = site.for_cluster(ClusterId::from_u128(99));
    let one = Answering::start(site.load(&site.node(1))).await;
    let mallory = other.load(&other.client(Role::Admin, "mallory"));
    one.check(mallory, peer(1)).await.unwrap_err();

    let lines = log.until("admin/mallory").await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("WARN"), "{lines:?}");
    assert!(lines[0].contains(&remote().to_string()), "{lines:?}");
    assert!(
        lines[0].contains("its certificate is of another cluster"),
        "{lines:?}"
    );
    assert!(lines[0].contains("connection refused"), "{lines:?}");
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The lines with `text`, once there is one.
    async fn until(&self, text: &str) -> Vec<String> {
        let found = async {
            loop {
                let all = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
                let lines: Vec<_> = all
                    .lines()
                    .filter(|line| line.contains(text))
                    .map(str::to_owned)
                    .collect();
                if !lines.is_empty() {
                    return lines;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(10), found).await.unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
