//! One end of a connection, as a node or a client holds it.

use super::{CAPACITY, Net, Segment};
use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// An end: the flow it reads and the flow it writes.
pub(super) struct Stream {
    reads: u64,
    writes: u64,
    /// `None` while it waits to be accepted.
    net: Option<Net>,
}

impl Stream {
    pub(super) fn attached(reads: u64, writes: u64, net: Net) -> Self {
        let net = Some(net);
        Self { reads, writes, net }
    }

    /// One that waits to be accepted: it holds no way to the network, which holds it.
    pub(super) fn detached(reads: u64, writes: u64) -> Self {
        let net = None;
        Self { reads, writes, net }
    }

    pub(super) fn attach(mut self, net: Net) -> Self {
        self.net = Some(net);
        self
    }

    /// Waits for the other end's first answer.
    pub(super) async fn connected(&self) -> io::Result<()> {
        poll_fn(|cx| {
            let mut state = self.net()?.state();
            let Some(flow) = state.flows.get_mut(&self.reads) else {
                return Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()));
            };
            if flow.reset {
                return Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()));
            }
            if flow.open {
                return Poll::Ready(Ok(()));
            }
            flow.reader = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    fn net(&self) -> io::Result<&Net> {
        self.net
            .as_ref()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.net()?.state();
        let Some(flow) = state.flows.get_mut(&self.reads) else {
            return Poll::Ready(Err(reset()));
        };
        if let Some(mut bytes) = flow.arrived.pop_front() {
            let taken = bytes.len().min(into.remaining());
            let rest = bytes.split_off(taken);
            into.put_slice(&bytes);
            if !rest.is_empty() {
                flow.arrived.push_front(rest);
            }
            flow.unread -= taken;
            let writer = flow.writer.take();
            drop(state);
            if let Some(writer) = writer {
                writer.wake();
            }
            return Poll::Ready(Ok(()));
        }
        if flow.reset {
            return Poll::Ready(Err(reset()));
        }
        if flow.end_arrived {
            return Poll::Ready(Ok(()));
        }
        flow.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.net()?.state();
        let Some(flow) = state.flows.get_mut(&self.writes) else {
            return Poll::Ready(Err(reset()));
        };
        if flow.reset || flow.ended {
            return Poll::Ready(Err(reset()));
        }
        let free = CAPACITY.saturating_sub(flow.unread);
        if free == 0 {
            flow.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let taken = bytes.len().min(free);
        flow.unread += taken;
        let bytes = bytes.get(..taken).unwrap_or_default().to_vec();
        state.send(self.writes, Segment::Bytes(bytes));
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end();
        Poll::Ready(Ok(()))
    }
}

impl Stream {
    /// Says that nothing follows.
    fn end(&self) {
        let Ok(net) = self.net() else {
            return;
        };
        let mut state = net.state();
        if let Some(flow) = state.flows.get_mut(&self.writes)
            && !flow.ended
        {
            flow.ended = true;
            state.send(self.writes, Segment::End);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.end();
        let Ok(net) = self.net() else {
            return;
        };
        let mut state = net.state();
        if let Some(flow) = state.flows.get_mut(&self.reads) {
            flow.reader_gone = true;
            flow.arrived.clear();
            flow.reader = None;
        }
        if let Some(flow) = state.flows.get_mut(&self.writes) {
            flow.writer_gone = true;
            flow.writer = None;
        }
        state.forget(self.reads);
    }
}
