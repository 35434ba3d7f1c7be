//! Byte streams to other machines, behind a trait that a simulation can stand in for.
//!
//! Nothing here knows TLS or gRPC: `connect` and `accept` put those on top.

mod lookup;

use std::fmt;
use std::io;
use std::net::SocketAddr;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tracing::debug;

use lookup::Lookups;

/// A connected stream of bytes.
pub type Io = Box<dyn IoStream>;

/// What an [`Io`] can do. Implemented for everything that can.
pub trait IoStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> IoStream for T {}

/// A way to reach addresses and to be reached.
pub trait Network: fmt::Debug + Send + Sync + 'static {
    /// Connects to `address`, `HOST:PORT`. Names are looked up at each call, so a changed record is followed; where the
    /// nameserver fails, the last good answer is. There is no timeout in here: the caller sets one.
    ///
    /// # Errors
    /// When the name is unknown or no address of it answers.
    fn connect<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Io>>;

    /// Listens on `address`, `HOST:PORT`. Port 0 picks a free one; [`Listener::local_addr`] tells which.
    ///
    /// # Errors
    /// When the address is not of this machine, is taken or is not permitted.
    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>>;
}

/// A bound address.
pub trait Listener: Send {
    /// The next connection and where it comes from. Dropping the future loses no connection.
    ///
    /// # Errors
    /// When this connection failed, or there are no descriptors left. The listener stays usable.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Io, SocketAddr)>>;

    /// The address that was bound.
    ///
    /// # Errors
    /// When the socket cannot tell.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// TCP of the operating system, with `TCP_NODELAY`: messages are small and waited for.
#[derive(Clone, Debug)]
pub struct Tcp {
    lookups: Lookups,
}

impl Tcp {
    /// The network of this machine; no name is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            lookups: Lookups::of_the_system(),
        }
    }
}

impl Default for Tcp {
    fn default() -> Self {
        Self::new()
    }
}

impl Network for Tcp {
    fn connect<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Io>> {
        Box::pin(async move {
            let found = self.lookups.find(address).await?;
            let stream = TcpStream::connect(&found[..]).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Io)
        })
    }

    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let listener = TcpListener::bind(address).await?;
            Ok(Box::new(listener) as Box<dyn Listener>)
        })
    }
}

impl Listener for TcpListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Io, SocketAddr)>> {
        Box::pin(async move {
            let (stream, remote) = Self::accept(self).await?;
            if let Err(error) = stream.set_nodelay(true) {
                debug!(%remote, %error, "a connection went away while it was accepted");
            }
            Ok((Box::new(stream) as Io, remote))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }
}

#[cfg(test)]
mod tests {
    use futures::future::try_join;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_one_end_writes_the_other_reads() {
        let tcp = Tcp::new();
        let mut listener = tcp.listen("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let ((mut there, remote), mut here) = try_join(listener.accept(), tcp.connect(&address))
            .await
            .unwrap();
        assert!(remote.ip().is_loopback());
        here.write_all(b"ping").await.unwrap();
        let mut read = [0; 4];
        there.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"ping");
    }

    #[tokio::test]
    async fn a_taken_address_cannot_be_listened_on() {
        let listener = Tcp::new().listen("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let Err(error) = Tcp::new().listen(&address).await else {
            panic!("{address} was bound twice");
        };
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
