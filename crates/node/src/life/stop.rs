//! The orderly road down: leadership moves while calls still finish, the port
//! closes, the parts stop, then Raft, and the store is flushed.
//!
//! Every step has its bound, whatever hangs: what does not end in its time is
//! left behind, and the next start copes with it as after a power cut. The
//! bounds together are [`limits::STOP_TIME`], [`limits::RAFT_STOP_TIME`] and
//! [`limits::STORE_CLOSE_TIME`].

use super::{Node, NodeError};
use crate::{api::status::chain, aside::alone, handover, limits};
use raft_store::disk::Work;
use std::{error::Error, io, time::Duration};
use tokio::time::{Instant, timeout};

impl Node {
    /// Stops the node; the first step that failed is the error.
    pub(super) async fn stop(mut self) -> Result<(), NodeError> {
        let deadline = Instant::now() + limits::STOP_TIME;
        let off = self.clocks.borrow().others_off.clone();
        handover::hand_over(&self.raft, &self.peers, self.serving.id, &off).await;
        self.port.cancel();
        let closed = self.port_closed.wait_for(|closed| *closed);
        if timeout(limits::CALLS_END_TIME, closed).await.is_err() {
            tracing::warn!("calls that did not end in time are cut off");
        }
        let parts = self
            .tasks
            .stop(deadline.saturating_duration_since(Instant::now()))
            .await;
        match timeout(limits::RAFT_STOP_TIME, self.raft.shutdown()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "raft did not stop cleanly"),
            Err(_) => tracing::warn!("raft did not stop in time"),
        }
        let store = self.store;
        let close = close(self.work, move || store.close(), limits::STORE_CLOSE_TIME);
        let closed = close.await;
        if let (Err(_), Err(error)) = (&parts, &closed) {
            // The first failure is the one to report.
            tracing::warn!(error = chain(error), "while stopping");
        }
        parts?;
        closed?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Runs `step`, the last one, for `limit` at the most. On a thread of its own,
/// which nobody waits for after that: those for files may all hang where the
/// disk does.
async fn close<E: Into<Box<dyn Error + Send + Sync>> + Send + 'static>(
    work: Work,
    step: impl FnOnce() -> Result<(), E> + Send + 'static,
    limit: Duration,
) -> Result<(), NodeError> {
    let failed = |cause: io::Error| NodeError::Close(cause.into());
    match timeout(limit, alone(work, "close", step)).await {
        Ok(Ok(closed)) => closed.map_err(|cause| NodeError::Close(cause.into())),
        Ok(Err(no_end)) => Err(failed(no_end)),
        Err(_) => Err(failed(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("the disk did not take it within {limit:?}"),
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_hangs_does_not_keep_a_node_from_ending() {
        let (resume, hangs) = mpsc::channel::<()>();
        let step = move || {
            let _resumed = hangs.recv();
            Ok::<(), io::Error>(())
        };
        let words = chain(&close(Work::Threads, step, LIMIT).await.unwrap_err());
        assert!(words.contains("did not take it within 10s"), "{words}");
        drop(resume);
    }

    #[tokio::test]
    async fn how_the_store_closed_is_told() {
        let well = || Ok::<(), io::Error>(());
        close(Work::Threads, well, LIMIT).await.unwrap();
        let full = || Err(io::Error::other("no space left"));
        let words = chain(&close(Work::Threads, full, LIMIT).await.unwrap_err());
        assert!(words.contains("no space left"), "{words}");
        let panics = || -> Result<(), io::Error> { panic!("dropped") };
        let words = chain(&close(Work::Threads, panics, LIMIT).await.unwrap_err());
        assert!(words.contains("panicked"), "{words}");
    }
}
