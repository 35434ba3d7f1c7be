//! What did not get through the door, told once and in few lines.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::identity::{Caller, InvalidIdentity};
use crate::tls::explain;

/// A connection that was closed before anything was asked on it.
#[derive(Debug, Error)]
pub(super) enum Refused {
    /// The handshake failed.
    #[error("the TLS handshake failed")]
    Handshake {
        remote: SocketAddr,
        #[source]
        cause: io::Error,
    },
    /// The handshake took too long.
    #[error("it did not finish the TLS handshake in time")]
    Silent { remote: SocketAddr },
    /// Too many handshakes, of which this was the oldest.
    #[error("it was the slowest of too many TLS handshakes at once")]
    GaveWay { remote: SocketAddr },
    /// No identity. The handshake looks for it as well.
    #[error("it is nobody we know")]
    Unknown {
        remote: SocketAddr,
        #[source]
        cause: InvalidIdentity,
    },
    /// Too many open connections.
    #[error("too many connections are open for another one of {caller}")]
    Full { remote: SocketAddr, caller: Caller },
}

impl Refused {
    fn remote(&self) -> SocketAddr {
        match *self {
            Self::Handshake { remote, .. }
            | Self::Silent { remote }
            | Self::GaveWay { remote }
            | Self::Unknown { remote, .. }
            | Self::Full { remote, .. } => remote,
        }
    }

    /// Somebody connected and went away again, as port checks and load balancers do all day.
    fn is_only_a_knock(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match self {
            Self::Handshake { cause, .. } => matches!(
                cause.kind(),
                UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe
            ),
            _ => false,
        }
    }
}

/// Writes what was refused to the log: [`LINES_MAX`] lines in [`WINDOW`], then a count.
#[derive(Debug, Default)]
pub(super) struct RefusedLog {
    window: Option<Window>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    lines: u32,
    unsaid: u64,
}

impl RefusedLog {
    pub(super) fn refused(&mut self, refused: &Refused) {
        let remote = refused.remote();
        let reason = explain(refused);
        if refused.is_only_a_knock() {
            debug!(%remote, reason, "connection closed before its handshake");
        } else if self.may_write() {
            warn!(%remote, reason, "connection refused");
        }
    }

    pub(super) fn cannot_accept(&mut self, error: &io::Error) {
        if self.may_write() {
            warn!(reason = explain(error), "cannot accept connections");
        }
    }

    /// Whether the next line still fits into the window. The first line of a window says how many did not fit into
    /// the one before.
    fn may_write(&mut self) -> bool {
        let now = Instant::now();
        match &mut self.window {
            Some(window) if now.duration_since(window.since) < WINDOW => {
                let fits = window.lines < LINES_MAX;
                window.lines += u32::from(fits);
                window.unsaid += u64::from(!fits);
                fits
            }
            last => {
                if let Some(Window {
                    unsaid: connections @ 1..,
                    ..
                }) = last
                {
                    warn!(connections, "more connections were refused, not listed");
                }
                *last = Some(Window {
                    since: now,
                    lines: 1,
                    unsaid: 0,
                });
                true
            }
        }
    }
}

/// Enough to see every peer and client with a wrong certificate, too little to fill a router's flash.
const LINES_MAX: u32 = 10;
const WINDOW: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_window_has_ten_lines_and_the_next_one_ten_more() {
        let mut log = RefusedLog::default();
        let written = |log: &mut RefusedLog| (0..100).filter(|_| log.may_write()).count();
        assert_eq!(written(&mut log), 10);
        assert_eq!(log.window.as_ref().unwrap().unsaid, 90);
        advance(WINDOW).await;
        assert_eq!(written(&mut log), 10);
    }

    #[test]
    fn a_port_check_is_no_refusal_worth_a_line() {
        let remote = SocketAddr::from(([127, 0, 0, 1], 1));
        let ended = |kind: io::ErrorKind| Refused::Handshake {
            remote,
            cause: kind.into(),
        };
        assert!(ended(io::ErrorKind::UnexpectedEof).is_only_a_knock());
        assert!(!ended(io::ErrorKind::InvalidData).is_only_a_knock());
        assert!(!Refused::Silent { remote }.is_only_a_knock());
    }
}
