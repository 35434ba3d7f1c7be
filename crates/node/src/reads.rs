//! Consistent views of the records, on any node.
//!
//! A linearizable read asks the leader for its read index, waits until this
//! node has applied it, and answers from this node's own projection. Reads
//! that come while a round is under way share the next one: a round that began
//! before a read did cannot serve it.

use crate::{
    forward::{ReadError, Router},
    tasks::PartResult,
};
use raft_store::Applied;
use std::sync::Arc;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// Where views are asked for.
#[derive(Clone, Debug)]
pub struct Reads {
    router: Arc<Router>,
    rounds: mpsc::Sender<Waiter>,
    applied: watch::Receiver<Arc<Applied>>,
}

/// The task that asks for read indexes.
#[derive(Debug)]
pub struct Rounds {
    router: Arc<Router>,
    waiters: mpsc::Receiver<Waiter>,
}

type Waiter = (Instant, oneshot::Sender<Result<u64, Arc<ReadError>>>);

/// Reads that wait for a round; further ones wait to be let in.
const WAITERS_MAX: usize = 4096;

impl Reads {
    /// The handle, and the task behind it.
    #[must_use]
    pub fn new(router: Arc<Router>, applied: watch::Receiver<Arc<Applied>>) -> (Self, Rounds) {
        let (rounds, waiters) = mpsc::channel(WAITERS_MAX);
        let reads = Self {
            router: Arc::clone(&router),
            rounds,
            applied,
        };
        (reads, Rounds { router, waiters })
    }

    /// What this node has applied, at once; other nodes may be ahead.
    #[must_use]
    pub fn local(&self) -> Arc<Applied> {
        Arc::clone(&self.applied.borrow())
    }

    /// The same, and whatever is applied later.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Arc<Applied>> {
        self.applied.clone()
    }

    /// A view that holds every write acknowledged before this call began.
    ///
    /// # Errors
    /// No leader is confirmed, or this node does not catch up, by `deadline`.
    pub async fn linearizable(&self, deadline: Instant) -> Result<Arc<Applied>, Arc<ReadError>> {
        let (sender, index) = oneshot::channel();
        let stopped = || Arc::new(ReadError::Stopped);
        let round = async {
            let waiting = self.rounds.send((deadline, sender)).await;
            waiting.map_err(|_| stopped())?;
            index.await.map_err(|_| stopped())?
        };
        // A round is as patient as its most patient reader; this one may not be.
        let index = match tokio::time::timeout_at(deadline, round).await {
            Ok(index) => index?,
            Err(_) => return Err(Arc::new(ReadError::NoLeader(self.router.missing()))),
        };
        let mut applied = self.applied.clone();
        let caught_up = applied.wait_for(|applied| applied.index() >= Some(index));
        match tokio::time::timeout_at(deadline, caught_up).await {
            Ok(Ok(applied)) => Ok(Arc::clone(&applied)),
            Ok(Err(_)) => Err(stopped()),
            Err(_) => Err(Arc::new(ReadError::Behind { index })),
        }
    }
}

impl Rounds {
    /// Serves rounds until told to stop.
    ///
    /// # Errors
    /// None of its own: a failed round is its readers' answer.
    pub async fn run(mut self, stop: CancellationToken) -> PartResult {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                n = self.waiters.recv_many(&mut batch, WAITERS_MAX) => if n == 0 { return Ok(()) },
                () = stop.cancelled() => return Ok(()),
            }
            // The most patient reader decides how long the round may take.
            let deadline = batch.iter().map(|(deadline, _)| *deadline).max();
            let Some(deadline) = deadline else { continue };
            let result = tokio::select! {
                result = self.router.read_index(deadline) => result.map_err(Arc::new),
                () = stop.cancelled() => return Ok(()),
            };
            for (_, waiter) in batch.drain(..) {
                // A reader that has gone needs no answer.
                let _gone = waiter.send(result.clone());
            }
        }
    }
}
