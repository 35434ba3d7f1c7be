//! Writes the state behind the acknowledgement.
//!
//! What is to be written is kept as a set of row keys and the newest state:
//! the writer looks the rows up there, so many changes of one host become one
//! write, and what waits is bounded by the number of rows. `apply` waits only
//! beyond that bound. The first failure is final: the node stops, and the
//! next start rebuilds what is missing.
//!
//! openraft applies an entry once a majority has it on disk, and this node may
//! not be one of them yet. The state never reaches the disk ahead of the log:
//! at the next start it would look as if the log had been lost.

use std::collections::BTreeSet;
use std::error::Error;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use futures::channel::oneshot;
use hosts::RowKey;
use tokio::sync::watch;

use super::generations::panic_text;
use super::{Generations, StateError, StateStore, Write, rows};
use crate::applied::Applied;
use crate::disk::Work;
use crate::failpoint;
use crate::limits::{
    BATCH_BYTES_MAX, BATCH_ROWS_MAX, GATHER_TIME, PENDING_ROWS_MAX, UNFLUSHED_BYTES_MAX,
};
use crate::log::Log;

/// The state can no longer be stored; the node has to stop.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the state can no longer be stored; the node stops, and rebuilds it at the next start")]
pub struct StateFault {
    #[source]
    cause: Arc<dyn Error + Send + Sync>,
}

impl From<StateFault> for io::Error {
    fn from(fault: StateFault) -> Self {
        Self::other(fault)
    }
}

/// The one writer of the state.
#[derive(Debug)]
pub(crate) struct StateWriter {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// Something is in the queue.
    wake: Condvar,
    /// How often the queue was emptied.
    taken: watch::Sender<u64>,
    fault: watch::Sender<Option<StateFault>>,
    /// Here when there is no thread: whoever queues does the work.
    inline: Option<Mutex<Worker>>,
}

#[derive(Debug, Default)]
struct Queue {
    rows: Rows,
    /// A new generation with this state, before `rows`.
    replace: Option<Arc<Applied>>,
    /// Who waits for everything so far to be durable.
    waiting: Vec<oneshot::Sender<()>>,
    stop: bool,
}

/// Rows to be brought to their value in a state.
#[derive(Debug, Default)]
struct Rows {
    to: Option<Arc<Applied>>,
    keys: BTreeSet<RowKey>,
}

impl StateWriter {
    /// Writes to `store`, the generation that counts, what `log` has on disk.
    pub(crate) fn start(
        generations: Generations,
        store: Box<dyn StateStore>,
        log: Log,
        work: Work,
    ) -> io::Result<Self> {
        let worker = Worker {
            generations,
            log,
            store: Some(store),
            unflushed: 0,
        };
        let (inline, threaded) = match work {
            Work::Inline => (Some(Mutex::new(worker)), None),
            Work::Threads => (None, Some(worker)),
        };
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            wake: Condvar::new(),
            taken: watch::Sender::new(0),
            fault: watch::Sender::new(None),
            inline,
        });
        let thread = threaded
            .map(|worker| {
                let shared = Arc::clone(&shared);
                thread::Builder::new()
                    .name("state".to_owned())
                    .spawn(move || shared.serve(worker))
            })
            .transpose()?;
        Ok(Self {
            shared,
            thread: Mutex::new(thread),
        })
    }

    /// Becomes something when the state can no longer be stored.
    pub(crate) fn fault(&self) -> watch::Receiver<Option<StateFault>> {
        self.shared.fault.subscribe()
    }

    /// Brings these rows, and the position, to their value in `to`, some time
    /// from now.
    pub(crate) fn store(
        &self,
        to: Arc<Applied>,
        mut rows: BTreeSet<RowKey>,
    ) -> Result<(), StateFault> {
        self.queue(|queue| {
            queue.rows.to = Some(to);
            queue.rows.keys.append(&mut rows);
        })
    }

    /// Waits until fewer rows wait than memory should hold.
    pub(crate) async fn room(&self) -> Result<(), StateFault> {
        let mut taken = self.shared.taken.subscribe();
        loop {
            self.shared.check()?;
            let waiting = self.shared.queue().rows.keys.len();
            if waiting < PENDING_ROWS_MAX || taken.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    /// Waits until everything queued so far is durable.
    pub(crate) async fn sync(&self) -> Result<(), StateFault> {
        let (done, wait) = oneshot::channel();
        self.queue(|queue| queue.waiting.push(done))?;
        self.finished(wait).await
    }

    /// Replaces the whole state by a new, durable generation.
    pub(crate) async fn replace(&self, with: Arc<Applied>) -> Result<(), StateFault> {
        let (done, wait) = oneshot::channel();
        self.queue(|queue| {
            queue.rows = Rows::default(); // they belong to what is replaced
            queue.replace = Some(with);
            queue.waiting.push(done);
        })?;
        self.finished(wait).await
    }

    async fn finished(&self, wait: oneshot::Receiver<()>) -> Result<(), StateFault> {
        match wait.await {
            Ok(()) => Ok(()),
            Err(oneshot::Canceled) => {
                self.shared.check()?;
                Err(StateFault::new("its writer has stopped"))
            }
        }
    }

    /// Writes what is queued, flushes it, and ends. Blocks.
    pub(crate) fn stop(&self) -> Result<(), StateFault> {
        self.shared.queue().stop = true;
        self.shared.wake.notify_one();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match thread {
            // The writer catches its panics: they are in the fault.
            Some(thread) => drop(thread.join()),
            None => self.shared.work_inline(),
        }
        self.shared.check()
    }

    fn queue(&self, add: impl FnOnce(&mut Queue)) -> Result<(), StateFault> {
        self.shared.check()?;
        let wake = {
            let mut queue = self.shared.queue();
            if queue.stop {
                return Err(StateFault::new("its writer has stopped"));
            }
            let first = queue.is_empty();
            add(&mut queue);
            // The writer that gathers rows already need not know of each.
            first || queue.is_urgent()
        };
        if wake {
            self.shared.wake.notify_one();
        }
        self.shared.work_inline();
        self.shared.check()
    }
}

impl Drop for StateWriter {
    fn drop(&mut self) {
        if let Err(fault) = self.stop() {
            tracing::error!(fault = %crate::chain::Chain(&fault), "the state was not stored to the end");
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> Result<(), StateFault> {
        match self.fault.borrow().as_ref() {
            Some(fault) => Err(fault.clone()),
            None => Ok(()),
        }
    }

    /// The life of the thread.
    fn serve(&self, mut worker: Worker) {
        loop {
            let queue = {
                let mut queue = self.queue();
                while queue.is_empty() && !queue.stop {
                    queue = self
                        .wake
                        .wait(queue)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                self.gathered(queue).take()
            };
            let stop = queue.stop;
            if !self.work(&mut worker, queue) || stop {
                return;
            }
        }
    }

    /// Lets rows come together, unless somebody waits for them.
    fn gathered<'a>(&self, mut queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        let until = Instant::now() + GATHER_TIME;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if queue.is_urgent() || left.is_zero() {
                return queue;
            }
            (queue, _) = self
                .wake
                .wait_timeout(queue, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn work_inline(&self) {
        let Some(worker) = &self.inline else { return };
        let queue = self.queue().take();
        let mut worker = worker.lock().unwrap_or_else(PoisonError::into_inner);
        self.work(&mut worker, queue);
    }

    /// Does what was queued; false after a failure, which is then the last.
    fn work(&self, worker: &mut Worker, queue: Queue) -> bool {
        if self.fault.borrow().is_some() {
            return false;
        }
        self.taken.send_modify(|taken| *taken += 1);
        let Queue {
            rows,
            replace,
            waiting,
            stop,
        } = queue;
        let flush = stop || !waiting.is_empty();
        // A worker that panicked is not used again.
        let done = catch_unwind(AssertUnwindSafe(|| worker.work(replace, rows, flush)));
        let fault = match done {
            Ok(Ok(())) => {
                for done in waiting {
                    // Whoever waited may have gone; the state is durable all the same.
                    done.send(()).unwrap_or_default();
                }
                return true;
            }
            Ok(Err(cause)) => StateFault {
                cause: Arc::new(cause),
            },
            Err(panic) => StateFault::new(&panic_text(panic.as_ref())),
        };
        self.fault.send_replace(Some(fault));
        // Nobody will serve whoever waits there: they are told by this.
        drop(self.queue().take());
        self.taken.send_modify(|taken| *taken += 1);
        false
    }
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.rows.to.is_none() && self.replace.is_none() && self.waiting.is_empty()
    }

    /// Whether somebody waits, or more rows than should wait do.
    fn is_urgent(&self) -> bool {
        self.stop
            || self.replace.is_some()
            || !self.waiting.is_empty()
            || self.rows.keys.len() >= PENDING_ROWS_MAX / 2
    }

    /// Everything that is queued; the wish to stop stays.
    fn take(&mut self) -> Self {
        let stop = self.stop;
        std::mem::replace(
            self,
            Self {
                stop,
                ..Self::default()
            },
        )
    }
}

impl StateFault {
    fn new(why: &str) -> Self {
        let cause: Box<dyn Error + Send + Sync> = why.into();
        Self {
            cause: cause.into(),
        }
    }
}

/// Who holds the database.
#[derive(Debug)]
struct Worker {
    generations: Generations,
    log: Log,
    store: Option<Box<dyn StateStore>>,
    /// Bytes written since the last flush.
    unflushed: usize,
}

impl Worker {
    fn work(
        &mut self,
        replace: Option<Arc<Applied>>,
        rows: Rows,
        flush: bool,
    ) -> Result<(), StateError> {
        if let Some(state) = replace {
            self.replace(&state)?;
        }
        if let Some(to) = rows.to {
            // What was applied was given to the log before.
            let flushed = self.log.until_appends_are_durable();
            flushed.map_err(|cause| self.generations.behind(cause))?;
            let pass = failpoint::STATE_WRITE.pass();
            pass.map_err(|cause| self.generations.behind(cause))?;
            let projection = &to.projection;
            let changed = rows.keys.iter();
            let changed = changed.map(|key| rows::looked_up(projection, *key));
            let store = self
                .store
                .as_mut()
                .expect("a worker that failed is not used again");
            self.unflushed += write(store.as_mut(), &to, changed)?;
            let pass = failpoint::STATE_WRITTEN.pass();
            pass.map_err(|cause| self.generations.behind(cause))?;
        }
        if flush || self.unflushed > UNFLUSHED_BYTES_MAX {
            let store = self
                .store
                .as_mut()
                .expect("a worker that failed is not used again");
            store.sync()?;
            self.unflushed = 0;
        }
        Ok(())
    }

    fn replace(&mut self, state: &Applied) -> Result<(), StateError> {
        let (number, store) = new_generation(&self.generations, state)?;
        drop(self.store.take()); // closed before it is removed
        self.generations.adopt(number)?;
        self.store = Some(store);
        self.unflushed = 0;
        Ok(())
    }
}

/// A new, durable generation that holds `state`. It does not count yet.
pub(super) fn new_generation(
    generations: &Generations,
    state: &Applied,
) -> Result<(u64, Box<dyn StateStore>), StateError> {
    let (number, mut store) = generations.begin()?;
    let all = state.projection.rows().map(|row| rows::row(&row));
    write(store.as_mut(), state, all)?;
    store.sync()?;
    Ok((number, store))
}

/// Writes rows of `state` and then its position, in small batches; gives the
/// bytes written. Several batches are marked, so that a start in between
/// finds them half done.
fn write(
    store: &mut dyn StateStore,
    state: &Applied,
    rows: impl Iterator<Item = Write>,
) -> Result<usize, StateError> {
    let mut total = 0;
    let mut first = true;
    let mut rows = rows.peekable();
    loop {
        let (mut batch, bytes) = next_batch(&mut rows);
        let last = rows.peek().is_none();
        match (first, last) {
            (_, true) => {
                if !first {
                    batch.push(rows::applying(None));
                }
                batch.push(rows::position(state));
            }
            (true, false) => batch.push(rows::applying(Some(state.index().unwrap_or(0)))),
            (false, false) => {}
        }
        if first || last {
            store.write(batch)?;
        } else {
            // The mark stands before it, until what is last.
            store.put(batch)?;
        }
        total += bytes;
        first = false;
        if last {
            return Ok(total);
        }
    }
}

fn next_batch(rows: &mut impl Iterator<Item = Write>) -> (Vec<Write>, usize) {
    let mut batch = Vec::new();
    let mut bytes = 0;
    // The mark and the position fit in beside them.
    while batch.len() < BATCH_ROWS_MAX - 2 && bytes < BATCH_BYTES_MAX / 2 {
        let Some(row) = rows.next() else { break };
        bytes += row.key.len() + row.value.as_ref().map_or(0, |value| value.len());
        batch.push(row);
    }
    (batch, bytes)
}

#[cfg(test)]
mod tests;
