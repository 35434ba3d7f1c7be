//! The way of a call to the disk: into the queue, with all that wait there
//! into one group, and when the group is flushed, the answers in their order.
//!
//! What the log says of itself changes when a call enters the queue; what it
//! answers, when the group is flushed.

use std::{
    collections::BTreeMap,
    io, mem,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use super::{
    Entry,
    failure::LogFailure,
    format::Standing,
    index::Index,
    writer::{Segment, Writer},
};
use crate::{
    disk::Disk,
    position::{LogId, Vote},
};

/// Called once with the outcome, after the flush.
pub(super) type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// One call on its way to the disk.
pub(super) struct Job {
    pub(super) what: What,
    pub(super) done: Option<Done>,
}

pub(super) enum What {
    Append { ticket: u64, entries: Vec<Entry> },
    Vote(Vote),
    Truncate(Option<LogId>),
    Purge(LogId),
    Committed(Option<LogId>),
    Flush,
}

/// What the handles and the writer share.
pub(super) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    state: Mutex<State>,
    /// There is work for the writer's thread, or an end.
    work: Condvar,
    /// More appends are durable, or none will ever be.
    durable: Condvar,
    /// The writer, where there is no thread that owns it.
    inline: Option<Mutex<Writer>>,
}

/// The log as its callers see it.
pub(super) struct State {
    pub(super) standing: Standing,
    pub(super) index: Index,
    /// The segments that can be read back from.
    pub(super) segments: BTreeMap<u64, Segment>,
    /// Why nothing more is taken.
    failure: Option<LogFailure>,
    queue: Vec<Job>,
    /// Whether someone waits for what is in the queue.
    wanted: bool,
    closing: bool,
    /// Counts appends.
    ticket: u64,
    /// The last append that is on the disk.
    durable: u64,
}

impl State {
    pub(super) fn new(
        standing: Standing,
        index: Index,
        segments: BTreeMap<u64, Segment>,
    ) -> Mutex<Self> {
        Mutex::new(Self {
            standing,
            index,
            segments,
            failure: None,
            queue: Vec::new(),
            wanted: false,
            closing: false,
            ticket: 0,
            durable: 0,
        })
    }

    /// A number for the next append.
    pub(super) fn ticket(&mut self) -> u64 {
        self.ticket += 1;
        self.ticket
    }
}

impl Shared {
    pub(super) fn new(disk: Arc<dyn Disk>, dir: PathBuf, state: Mutex<State>) -> Self {
        Self {
            disk,
            dir,
            state,
            work: Condvar::new(),
            durable: Condvar::new(),
            inline: None,
        }
    }

    /// As [`Shared::new`], with the writer in it.
    pub(super) fn inline(self, writer: Writer) -> Self {
        Self {
            inline: Some(Mutex::new(writer)),
            ..self
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Whether the log still takes something.
    pub(super) fn check(&self, state: &State) -> Result<(), LogFailure> {
        match &state.failure {
            Some(failure) => Err(failure.clone()),
            None if state.closing => Err(LogFailure::Closed {
                dir: self.dir.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Keeps the first failure, says which one that is, and tells whoever waits
    /// for appends that none will be durable any more.
    pub(super) fn fail(&self, state: &mut State, failure: LogFailure) -> LogFailure {
        self.durable.notify_all();
        state.failure.get_or_insert(failure).clone()
    }

    /// Changes the state and queues the job that makes it durable: both, or
    /// after a failure or a refusal by `change`, neither. `done` is called
    /// only if this is `Ok`. Without `done` the job waits for the next one
    /// that has one.
    pub(super) fn submit(
        &self,
        done: Option<Done>,
        change: impl FnOnce(&mut State) -> io::Result<What>,
    ) -> io::Result<()> {
        let mut state = self.state();
        self.check(&state)?;
        let what = change(&mut state)?;
        let wanted = done.is_some();
        state.queue.push(Job { what, done });
        if wanted {
            state.wanted = true;
            drop(state);
            self.wake();
        }
        Ok(())
    }

    /// Waits until every append made before this call is on the disk. Asks for
    /// no flush of its own: appends are flushed as soon as the disk can.
    pub(super) fn until_durable(&self) -> Result<(), LogFailure> {
        let mut state = self.state();
        let awaited = state.ticket;
        while state.durable < awaited {
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            state = self
                .durable
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Takes no more calls, and lets the queue be written.
    pub(super) fn close(&self) {
        self.state().closing = true;
        self.wake();
    }

    /// Lets the queue be written: by the thread, or here and now.
    fn wake(&self) {
        match &self.inline {
            None => self.work.notify_one(),
            Some(writer) => {
                let mut jobs = Vec::new();
                let written = {
                    // Locked before the queue is taken, so that two callers
                    // write in the order of the queue.
                    let mut writer = lock(writer);
                    mem::swap(&mut jobs, &mut self.state().queue);
                    self.state().wanted = false;
                    self.write(&mut writer, &jobs)
                };
                answer(&mut jobs, &written);
                while self.remove_void(&mut lock(writer)) {}
                self.mark(&mut lock(writer));
            }
        }
    }

    /// The life of the writer's thread.
    pub(super) fn run(&self, mut writer: Writer) {
        let _gone = Gone(self);
        let mut jobs = Vec::new();
        let mut idle = false;
        while self.next(&mut jobs, idle) {
            if !jobs.is_empty() {
                let written = self.write(&mut writer, &jobs);
                answer(&mut jobs, &written);
            }
            // One at a time, so that a group waits for one at most.
            idle = !self.remove_void(&mut writer);
            if idle {
                self.mark(&mut writer);
            }
        }
    }

    /// Takes what is in the queue, all of it. Waits for some if `idle`. False
    /// when the log is closed and nothing is left to do.
    fn next(&self, jobs: &mut Vec<Job>, idle: bool) -> bool {
        let mut state = self.state();
        while idle && !state.wanted && !state.closing {
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        mem::swap(jobs, &mut state.queue);
        state.wanted = false;
        !(state.closing && idle && jobs.is_empty())
    }

    /// Writes a group and tells the readers where its entries are.
    fn write(&self, writer: &mut Writer, jobs: &[Job]) -> Result<(), LogFailure> {
        // After a failure the file may hold anything: nothing is added to it.
        if let Some(failure) = &self.state().failure {
            return Err(failure.clone());
        }
        let written = writer.write(jobs);
        let mut state = self.state();
        if let Err(failure) = written {
            return Err(self.fail(&mut state, failure));
        }
        self.durable.notify_all();
        for job in jobs {
            if let What::Append { ticket, .. } = job.what {
                state.durable = ticket;
            }
        }
        for placed in writer.placed() {
            state
                .index
                .stored(placed.index, placed.ticket, placed.stored);
        }
        state.index.evict();
        for (sequence, segment) in writer.written() {
            state.segments.insert(sequence, segment);
        }
        Ok(())
    }

    /// Marks what was written as flushed, unless more is about to follow.
    fn mark(&self, writer: &mut Writer) {
        {
            let state = self.state();
            if state.failure.is_some() || state.wanted {
                return;
            }
        }
        let marked = writer.mark();
        let mut state = self.state();
        match marked {
            Ok(()) => {
                let (sequence, segment) = writer.current();
                state.segments.insert(sequence, segment);
            }
            Err(failure) => {
                self.fail(&mut state, failure);
            }
        }
    }

    /// Removes the oldest segment if nothing in it is needed any more. False
    /// if there was none to remove.
    fn remove_void(&self, writer: &mut Writer) -> bool {
        let Some(sequence) = writer.next_void() else {
            return false;
        };
        let mut state = self.state();
        if state.failure.is_some() {
            return false;
        }
        state.segments.remove(&sequence);
        drop(state);
        match writer.remove_void() {
            Ok(()) => true,
            Err(failure) => {
                self.fail(&mut self.state(), failure);
                false
            }
        }
    }
}

/// Tells every waiting call of a group how it went, in their order.
fn answer(jobs: &mut Vec<Job>, written: &Result<(), LogFailure>) {
    for done in jobs.drain(..).filter_map(|job| job.done) {
        done(written.clone().map_err(io::Error::from));
    }
}

/// Lets nobody wait for a thread that is gone.
struct Gone<'a>(&'a Shared);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        let dir = self.0.dir.clone();
        let failure = match state.closing {
            true => LogFailure::Closed { dir },
            false => LogFailure::Gone { dir },
        };
        let failure = self.0.fail(&mut state, failure);
        let mut jobs = mem::take(&mut state.queue);
        drop(state);
        answer(&mut jobs, &Err(failure));
    }
}

/// What a panic elsewhere left behind is whole: every change of the state is
/// made under one lock, after its checks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
