//! Connections from others, each with a caller that is known.
//!
//! Whatever is on the other end, the next caller is not held up by it: handshakes run side by side, each with a time
//! limit, and when there are too many the one that has waited longest gives way. What does not get through is closed
//! and logged with the reason, a few lines a second at most. Nothing ends the stream but its stop token: a listener
//! without descriptors waits and tries again.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use futures::future::{AbortHandle, Abortable, BoxFuture};
use futures::stream::{self, FuturesUnordered, StreamExt};
use hosts::Actor;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;
use tracing::debug;

mod refused;

use crate::identity::{Caller, InvalidIdentity, Who};
use crate::network::{Io, Listener};
use crate::tls::Tls;
use refused::{Refused, RefusedLog};

/// Who is on a connection, and from where. Handlers find it in the extensions of a request.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The identity in the certificate, of this cluster.
    pub caller: Arc<Caller>,
    /// The address the connection comes from.
    pub remote: SocketAddr,
}

/// A connection past its handshake. It counts as open until it is dropped.
pub struct Accepted {
    stream: TlsStream<Io>,
    connection: Connection,
    _place: Place,
}

/// The connections of a listener, until `stop`. Each handshake uses the certificates that `tls` holds when it begins,
/// so a renewed one counts from the next connection on.
pub fn incoming(
    listener: Box<dyn Listener>,
    tls: watch::Receiver<Arc<Tls>>,
    stop: CancellationToken,
) -> impl Stream<Item = io::Result<Accepted>> + Send + 'static {
    let door = Door {
        listener,
        tls,
        stop,
        handshakes: FuturesUnordered::new(),
        running: BTreeMap::new(),
        next: 0,
        places: Places::default(),
        pause: Pause::default(),
        log: RefusedLog::default(),
    };
    stream::unfold(door, |mut door| async move {
        let accepted = door.next().await?;
        Some((Ok(accepted), door))
    })
}

impl Connected for Accepted {
    type ConnectInfo = Connection;

    fn connect_info(&self) -> Connection {
        self.connection.clone()
    }
}

/// The accept loop, one turn at a time.
struct Door {
    listener: Box<dyn Listener>,
    tls: watch::Receiver<Arc<Tls>>,
    stop: CancellationToken,
    handshakes: FuturesUnordered<Handshake>,
    /// The unfinished handshakes, oldest first.
    running: BTreeMap<u64, AbortHandle>,
    next: u64,
    places: Places,
    pause: Pause,
    log: RefusedLog,
}

/// A running handshake: its number and how it ended.
type Handshake = BoxFuture<'static, (u64, Result<Accepted, Refused>)>;

impl Door {
    /// The next connection that got through, or nothing once stopped.
    async fn next(&mut self) -> Option<Accepted> {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return None,
                Some((number, ended)) = self.handshakes.next() => {
                    self.running.remove(&number);
                    match ended {
                        Ok(accepted) => return Some(accepted),
                        Err(refused) => self.log.refused(&refused),
                    }
                }
                taken = take(&mut *self.listener, &self.pause) => match taken {
                    Ok((io, remote)) => {
                        self.pause = Pause::default();
                        self.begin(io, remote);
                    }
                    Err(error) => {
                        self.pause = self.pause.longer();
                        self.log.cannot_accept(&error);
                    }
                },
            }
        }
    }

    fn begin(&mut self, io: Io, remote: SocketAddr) {
        if self.running.len() >= HANDSHAKES_MAX
            && let Some((_, oldest)) = self.running.pop_first()
        {
            oldest.abort();
        }
        let acceptor = TlsAcceptor::from(self.tls.borrow().server());
        let shaken = handshake(acceptor, io, remote, self.places.clone());
        let (handle, registration) = AbortHandle::new_pair();
        let number = self.next;
        self.next += 1;
        self.running.insert(number, handle);
        self.handshakes.push(Box::pin(async move {
            let ended = Abortable::new(shaken, registration)
                .await
                .unwrap_or(Err(Refused::GaveWay { remote }));
            (number, ended)
        }));
    }
}

async fn handshake(
    acceptor: TlsAcceptor,
    io: Io,
    remote: SocketAddr,
    places: Places,
) -> Result<Accepted, Refused> {
    let stream = timeout(HANDSHAKE_TIME_MAX, acceptor.accept(io))
        .await
        .map_err(|_| Refused::Silent { remote })?
        .map_err(|cause| Refused::Handshake { remote, cause })?;
    let caller = caller(&stream).map_err(|cause| Refused::Unknown { remote, cause })?;
    let place = places.take(&caller).ok_or_else(|| Refused::Full {
        remote,
        caller: caller.clone(),
    })?;
    debug!(%remote, %caller, "connected");
    Ok(Accepted {
        stream,
        connection: Connection {
            caller: Arc::new(caller),
            remote,
        },
        _place: place,
    })
}

/// The identity in the certificate that was verified in the handshake.
fn caller(stream: &TlsStream<Io>) -> Result<Caller, InvalidIdentity> {
    let (_, session) = stream.get_ref();
    match session.peer_certificates() {
        Some([own, ..]) => Caller::from_certificate(own),
        _ => Err(InvalidIdentity::Missing),
    }
}

async fn take(listener: &mut dyn Listener, pause: &Pause) -> io::Result<(Io, SocketAddr)> {
    if let Some(until) = pause.until {
        sleep_until(until).await;
    }
    listener.accept().await
}

/// Who may still come in. Nodes have places of their own: a program that leaks connections must not part the cluster.
/// Nor must it shut out other clients: each has a share.
#[derive(Clone, Debug)]
struct Places {
    nodes: Arc<Semaphore>,
    clients: Arc<Semaphore>,
    /// How many connections each client has open; whoever has none is not in it.
    taken: Arc<Mutex<BTreeMap<Actor, usize>>>,
}

/// The right to a connection, given back when dropped.
struct Place {
    _permit: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// One of a client's connections.
struct Share {
    client: Actor,
    taken: Arc<Mutex<BTreeMap<Actor, usize>>>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            nodes: Arc::new(Semaphore::new(NODE_CONNECTIONS_MAX)),
            clients: Arc::new(Semaphore::new(CLIENT_CONNECTIONS_MAX)),
            taken: Arc::default(),
        }
    }
}

impl Places {
    fn take(&self, caller: &Caller) -> Option<Place> {
        let (places, share) = match &caller.who {
            Who::Node(_) => (&self.nodes, None),
            Who::Client(client) => (&self.clients, Some(self.share(client)?)),
        };
        Some(Place {
            _permit: places.clone().try_acquire_owned().ok()?,
            _share: share,
        })
    }

    fn share(&self, client: &Actor) -> Option<Share> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(client.clone()).or_default();
        if *count >= CLIENT_SHARE {
            return None;
        }
        *count += 1;
        Some(Share {
            client: client.clone(),
            taken: Arc::clone(&self.taken),
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = taken.entry(self.client.clone()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// How long to leave the listener alone after it failed: without descriptors it fails again at once, for as long as
/// they are missing.
#[derive(Debug, Default)]
struct Pause {
    length: Duration,
    until: Option<Instant>,
}

impl Pause {
    fn longer(&self) -> Self {
        let length = (self.length * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        Self {
            length,
            until: Some(Instant::now() + length),
        }
    }
}

/// How long a handshake may take: many times the slowest link, and short for one who only occupies a place.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);

/// How many handshakes run at once. A handshake on a slow router takes some 10 ms, so this is no limit for callers who
/// mean it, and bounds the memory and descriptors of those who do not.
const HANDSHAKES_MAX: usize = 64;

/// How many connections of nodes are open at once: a few channels from each of a handful, and as many again that a
/// restarted one left behind and that pings have not found yet.
const NODE_CONNECTIONS_MAX: usize = 128;

/// How many connections of clients are open at once: far more than a site has clients, at some 50 KB each.
const CLIENT_CONNECTIONS_MAX: usize = 512;

/// How many of them one client may have: a program that leaks them shuts out itself, and `bench` opens 64 at the most.
const CLIENT_SHARE: usize = 128;

const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

impl fmt::Debug for Accepted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Accepted")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

impl AsyncRead for Accepted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
