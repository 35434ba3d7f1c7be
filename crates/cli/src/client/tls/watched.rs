//! A connection that remembers how it began and why it ended, which the
//! layers above it do not tell.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// TLS to a node.
pub(crate) struct Watched {
    stream: TlsStream<TcpStream>,
    seen: Arc<Seen>,
    /// Why writing failed, until the node's last words are read.
    broken: Option<io::Error>,
}

/// What was seen on a connection.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    spoke: AtomicBool,
    refused: OnceLock<rustls::Error>,
}

impl Seen {
    /// Whether the node has said anything inside TLS. Until then it has taken
    /// no call.
    pub(crate) fn spoke(&self) -> bool {
        self.spoke.load(Ordering::Acquire)
    }

    /// Why TLS ended, if it ended for a reason of its own.
    pub(crate) fn refused(&self) -> Option<&rustls::Error> {
        self.refused.get()
    }

    fn note(&self, error: &io::Error) {
        if let Some(error) = of_tls(error) {
            // The first reason stands; what follows are its consequences.
            self.refused.get_or_init(|| error.clone());
        }
    }
}

/// The TLS error inside an I/O error.
pub(super) fn of_tls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

impl Watched {
    pub(super) fn new(stream: TlsStream<TcpStream>) -> Self {
        Self {
            stream,
            seen: Arc::default(),
            broken: None,
        }
    }

    /// What is seen on this connection, now and later.
    pub(crate) fn seen(&self) -> Arc<Seen> {
        Arc::clone(&self.seen)
    }

    /// A node that refuses us writes why and closes. Writing may fail before
    /// that is read, and whoever writes gives up then: so the error is held
    /// back until the other direction has ended too, which it does at once on
    /// a connection that is broken.
    fn last_words(&mut self, context: &mut Context<'_>, error: io::Error) -> Poll<io::Error> {
        self.seen.note(&error);
        self.broken = Some(error);
        self.poll_broken(context)
    }

    fn poll_broken(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let mut bytes = [0; 256];
            let mut unread = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut unread)) {
                // Nobody is left to take what a broken connection still brings.
                Ok(()) if !unread.filled().is_empty() => {}
                Ok(()) => break,
                Err(error) => {
                    self.seen.note(&error);
                    break;
                }
            }
        }
        let error = self.broken.take();
        Poll::Ready(error.unwrap_or_else(|| io::ErrorKind::BrokenPipe.into()))
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        let read = ready!(Pin::new(&mut this.stream).poll_read(context, into));
        match &read {
            Ok(()) if into.filled().len() > before => {
                this.seen.spoke.store(true, Ordering::Release);
            }
            Ok(()) => {}
            Err(error) => this.seen.note(error),
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.broken.is_some() {
            return this.poll_broken(context).map(Err);
        }
        match ready!(Pin::new(&mut this.stream).poll_write(context, bytes)) {
            Ok(written) => Poll::Ready(Ok(written)),
            Err(error) => this.last_words(context, error).map(Err),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.broken.is_some() {
            return this.poll_broken(context).map(Err);
        }
        match ready!(Pin::new(&mut this.stream).poll_flush(context)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => this.last_words(context, error).map(Err),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
