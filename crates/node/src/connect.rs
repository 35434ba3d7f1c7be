//! Channels to other nodes: connected when first used, and again after a loss.
//!
//! The end of a channel is one node of one cluster, by its certificate; anybody else at that address is an error that
//! names who answered. An idle connection is kept honest by HTTP/2 pings: a peer that lost power closes nothing, and
//! without them the next call would wait for TCP to give up, minutes later.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use thiserror::Error;
use tokio::io::AsyncBufReadExt;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use crate::identity::Peer;
use crate::network::{Io, Network};
use crate::tls::{Tls, chain, explain};

/// What connecting needs besides the peer. Clones share it.
#[derive(Clone, Debug)]
pub struct Dialer {
    /// The way to addresses.
    pub network: Arc<dyn Network>,
    /// Our certificates. Each connection uses those that are there when it begins.
    pub tls: watch::Receiver<Arc<Tls>>,
    /// Its limits.
    pub timing: Timing,
}

/// When a connection counts as failed.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Timing {
    /// How long name lookup, TCP, TLS and the greeting may take together.
    pub connect: Duration,
    /// How often an HTTP/2 ping is sent, used or idle.
    pub ping: Duration,
    /// How long its answer may take before the connection is dropped.
    pub pong: Duration,
}

/// When a channel asks whether its connection still stands.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Pings {
    /// All the time: a call finds a connection that works.
    Always,
    /// While a call is open: one on a connection that is dead fails after a ping and its time. For channels that are
    /// seldom used, whose pings would wake two nodes for nothing.
    WhileUsed,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            ping: Duration::from_secs(1),
            pong: Duration::from_secs(1),
        }
    }
}

impl Dialer {
    /// Connects to `address`, `HOST:PORT`, where `peer` must answer, and waits for its first bytes. With TLS 1.3 our end
    /// is done before the other has judged our certificate; an HTTP/2 server speaks first (RFC 9113, 3.4), so its
    /// greeting tells that we are let in, and an alert in its place why not. The greeting stays in the stream.
    ///
    /// # Errors
    /// [`ConnectError`]: nothing was asked of anybody.
    pub async fn connect(&self, address: &str, peer: Peer) -> Result<TlsStream<Io>, ConnectError> {
        let unreachable = |cause| ConnectError::Unreachable {
            peer,
            address: address.to_owned(),
            cause,
        };
        let refused = |cause: io::Error| ConnectError::Handshake {
            peer,
            address: address.to_owned(),
            reason: explain(&cause),
        };
        let attempt = async {
            let io = self.network.connect(address).await.map_err(unreachable)?;
            let config = self.tls.borrow().client(peer);
            let connecting = TlsConnector::from(config).connect(server_name(), io);
            let mut stream = connecting.await.map_err(refused)?;
            if stream.fill_buf().await.map_err(refused)?.is_empty() {
                return Err(refused(io::Error::other(
                    "it closed the connection without a word",
                )));
            }
            Ok(stream)
        };
        let limit = self.timing.connect;
        timeout(limit, attempt).await.unwrap_or_else(|_| {
            Err(ConnectError::Slow {
                peer,
                address: address.to_owned(),
                limit,
            })
        })
    }
}

/// A channel to `peer` at `address`, `HOST:PORT`. It connects at the first call; a call that finds no connection fails
/// with a status for which [`never_connected`] is true. While nothing is asked, `pings` are sent or not.
#[must_use]
pub fn channel(dialer: &Dialer, address: &str, peer: Peer, pings: Pings) -> Channel {
    let Timing { ping, pong, .. } = dialer.timing;
    let dialer = dialer.clone();
    let address: Arc<str> = address.into();
    let connector = service_fn(move |_| {
        let (dialer, address) = (dialer.clone(), address.clone());
        async move { dialer.connect(&address, peer).await.map(TokioIo::new) }
    });
    Endpoint::from_static(AUTHORITY)
        .http2_keep_alive_interval(ping)
        .keep_alive_timeout(pong)
        .keep_alive_while_idle(pings == Pings::Always)
        .connect_with_connector_lazy(connector)
}

/// Whether a call failed because there was no connection, so that the peer certainly did nothing.
#[must_use]
pub fn never_connected(status: &Status) -> bool {
    chain(status)
        .into_iter()
        .any(|error| error.is::<ConnectError>())
}

/// There is no connection to a node.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address does not answer.
    #[error("cannot reach {peer} at {address}")]
    Unreachable {
        /// Who was called.
        peer: Peer,
        /// Where.
        address: String,
        /// What the network said.
        #[source]
        cause: io::Error,
    },
    /// It took too long.
    #[error("cannot reach {peer} at {address} within {limit:?}")]
    Slow {
        /// Who was called.
        peer: Peer,
        /// Where.
        address: String,
        /// How long was waited.
        limit: Duration,
    },
    /// Something answered, and it is not the peer or does not accept us.
    #[error("no TLS connection to {peer} at {address}: {reason}")]
    Handshake {
        /// Who was called.
        peer: Peer,
        /// Where.
        address: String,
        /// In words, with what to look at; see [`explain`].
        reason: String,
    },
}

/// What requests carry as their authority. The address is the connector's business.
const AUTHORITY: &str = "http://router-hosts";

/// What rustls wants to call the other side. It is neither sent nor compared: identities are.
fn server_name() -> ServerName<'static> {
    IpAddr::from(Ipv4Addr::UNSPECIFIED).into()
}
