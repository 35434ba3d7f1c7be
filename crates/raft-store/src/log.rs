//! The Raft log: vote and entries, one ordered stream on the disk.
//!
//! An append is answered after it is flushed, never before: the leader counts
//! it. What waits together is flushed together, and answered in order. After a
//! failure the log takes nothing more: every later call gets the same error,
//! and nothing is flushed a second time.
//!
//! ```text
//! call ──► rules ──► state in memory, queue ──► writer ──► segment files
//!                        ▲      (queue)          │   (writer, format)
//!            read ◄──────┘ (index, fetch)        └──► answers, in order
//! open ──► scan ──► replay ──► state in memory
//! ```

use std::{
    fmt, io,
    ops::Range,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use bytes::Bytes;
use futures::channel::oneshot;

use crate::{
    disk::{Disk, Work},
    position::{LogId, Vote},
};

mod failure;
mod fetch;
mod format;
mod index;
mod open;
mod queue;
mod replay;
mod rules;
mod scan;
mod tail;
mod witness;
mod writer;

pub use failure::{Indexes, LogFailure};
pub use open::{Damage, OpenLogError};
pub use rules::BrokenRule;

use format::Record;
use index::Place;
use queue::{Done, Shared, State, What};

/// Whose log it is: the cluster's id, then the node's. In every segment.
pub type Identity = (u128, u64);

/// One entry: its id and what the layer above made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Term and index.
    pub id: LogId,
    /// The content, opaque here. At most 4 MiB.
    pub payload: Bytes,
}

/// The bounds of a log.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// When a segment is full, in bytes: 4 MiB by default, held to 4 KiB to
    /// 32 MiB. What purging frees, it frees by segments.
    pub segment_bytes: u64,
    /// How many bytes of entries are kept in memory: 16 MiB by default. Those
    /// that are not flushed yet come on top.
    pub cache_bytes: usize,
    /// How many bytes are read back from a segment at once: 1 MiB by default.
    pub read_bytes_max: usize,
    /// Whether this node is known to have a log, so that none at all means it
    /// was lost: false by default.
    pub must_exist: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 4 << 20,
            cache_bytes: 16 << 20,
            read_bytes_max: 1 << 20,
            must_exist: false,
        }
    }
}

/// What the log holds. It includes what is on its way to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogState {
    /// The newest vote.
    pub vote: Option<Vote>,
    /// The newest position that was said to be committed.
    pub committed: Option<LogId>,
    /// The last entry that was purged.
    pub purged: Option<LogId>,
    /// The last entry, or the last purged one if there is none after it.
    pub last: Option<LogId>,
    /// How long the segment files are together, in bytes.
    pub bytes: u64,
    /// How many segment files there are.
    pub segments: usize,
}

/// The log; clones are the same one. Dropping the last one writes what is
/// queued and ends the thread; with [`Work::Inline`] what nobody waits for is
/// not written.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    options: LogOptions,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Log {
    /// Opens the log in `dir` (`…/wal`), or begins one there. Reads all of it,
    /// so it takes a while: about a second for a gigabyte. Nobody else may
    /// have it open; who calls holds the lock of the directory.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        identity: Identity,
        options: LogOptions,
        work: Work,
    ) -> Result<Self, OpenLogError> {
        let options = LogOptions {
            segment_bytes: options.segment_bytes.clamp(4 << 10, 32 << 20),
            ..options
        };
        let opened = open::open(&disk, dir, identity, &options)?;
        let state = State::new(opened.replay.standing, opened.replay.index, opened.segments);
        let shared = Shared::new(disk, dir.to_path_buf(), state);
        let (shared, thread) = match work {
            Work::Inline => (Arc::new(shared.inline(opened.writer)), None),
            Work::Threads => {
                let shared = Arc::new(shared);
                let (owned, writer) = (Arc::clone(&shared), opened.writer);
                let thread = thread::Builder::new()
                    .name("log-writer".to_owned())
                    .spawn(move || owned.run(writer))
                    .map_err(|cause| OpenLogError::Disk {
                        doing: "start the writer's thread of",
                        path: dir.to_path_buf(),
                        cause,
                    })?;
                (shared, Some(thread))
            }
        };
        Ok(Self {
            inner: Arc::new(Inner {
                shared,
                options,
                thread: Mutex::new(thread),
            }),
        })
    }

    /// What the log holds.
    pub fn state(&self) -> LogState {
        let state = self.inner.shared.state();
        let format::Standing {
            vote,
            committed,
            purged,
            last,
        } = state.standing;
        LogState {
            vote,
            committed,
            purged,
            last,
            bytes: state.segments.values().map(|segment| segment.bytes).sum(),
            segments: state.segments.len(),
        }
    }

    /// Adds entries to the end. They can be read when this returns, and are
    /// durable when `done` is called with `Ok`: on the writer's thread, in the
    /// order of the calls, so it must not block. `done` is dropped uncalled if
    /// this fails; after [`BrokenRule`] nothing has changed.
    pub fn append(&self, entries: Vec<Entry>, done: Done) -> io::Result<()> {
        self.inner.shared.submit(Some(done), |state| {
            let mut last = state.standing.last;
            for Entry { id, payload } in &entries {
                rules::check_entry(last, *id, payload.len())?;
                last = Some(*id);
            }
            state.standing.last = last;
            let ticket = state.ticket();
            for entry in &entries {
                state.index.push(entry.clone(), Place::Queued(ticket));
            }
            Ok(What::Append { ticket, entries })
        })
    }

    /// Promises a vote. Durable when it returns, in two files: a lost end of
    /// the log must not hide it.
    pub async fn save_vote(&self, vote: Vote) -> io::Result<()> {
        self.until_durable(|state| change(state, &Record::Vote(vote), What::Vote(vote)))
            .await
    }

    /// Makes void what comes after `to`, or everything. Durable when it
    /// returns; `to` has to be in the log, or the last one purged.
    pub async fn truncate_after(&self, to: Option<LogId>) -> io::Result<()> {
        self.until_durable(|state| {
            let what = change(state, &Record::Truncate(to), What::Truncate(to))?;
            state.index.truncate(to.map_or(0, |to| to.index + 1));
            Ok(what)
        })
        .await
    }

    /// Lets go of the entries up to `to`, which a snapshot holds; `to` may be
    /// beyond the end, and the next entry then follows it. Durable when it
    /// returns; the files are removed after that. What was purged before is no
    /// error.
    pub async fn purge(&self, to: LogId) -> io::Result<()> {
        self.until_durable(|state| {
            if state
                .standing
                .purged
                .is_some_and(|purged| to.index <= purged.index)
            {
                return Ok(What::Flush);
            }
            let what = change(state, &Record::Purged(to), What::Purge(to))?;
            state.index.purge(to.index);
            Ok(what)
        })
        .await
    }

    /// Notes how far the log is known to be committed. Durable with whatever
    /// is flushed next.
    pub fn save_committed(&self, committed: Option<LogId>) -> io::Result<()> {
        self.inner.shared.submit(None, |state| {
            change(
                state,
                &Record::Committed(committed),
                What::Committed(committed),
            )
        })
    }

    /// The entries in `range`, as many as are there, without a gap from its
    /// beginning or the beginning of the log. At most `bytes_max` of payload,
    /// but at least one entry. Entries that are not [cached](Self::is_cached)
    /// are read from the disk, which blocks.
    pub fn read(&self, range: Range<u64>, bytes_max: Option<usize>) -> io::Result<Vec<Entry>> {
        let Inner {
            shared, options, ..
        } = &*self.inner;
        fetch::read(
            shared,
            range,
            bytes_max.unwrap_or(usize::MAX),
            options.read_bytes_max,
        )
    }

    /// Whether [`Log::read`] of `range` needs no disk.
    pub fn is_cached(&self, range: &Range<u64>) -> bool {
        let state = self.inner.shared.state();
        let first = range.start.max(state.index.range().start);
        first >= state.index.first_cached() || range.end <= first
    }

    /// Waits until all that was given before is durable.
    pub async fn flush(&self) -> io::Result<()> {
        self.until_durable(|_| Ok(What::Flush)).await
    }

    /// Waits until every entry appended before is durable. Blocks, for one
    /// flush at the most, and asks for none of its own.
    pub fn until_appends_are_durable(&self) -> io::Result<()> {
        Ok(self.inner.shared.until_durable()?)
    }

    /// Writes what is queued and ends the thread. Blocks. Other handles get
    /// [`LogFailure::Closed`] from now on.
    pub fn close(self) {
        self.inner.shared.close();
        self.inner.join();
    }

    async fn until_durable(
        &self,
        change: impl FnOnce(&mut State) -> io::Result<What>,
    ) -> io::Result<()> {
        let (done, answer) = oneshot::channel();
        let done: Done = Box::new(move |outcome| {
            // Whoever no longer waits does not need to know.
            drop(done.send(outcome));
        });
        self.inner.shared.submit(Some(done), change)?;
        answer
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
    }
}

/// Takes `record` into the standing, if it may come next.
fn change(state: &mut State, record: &Record<'_>, what: What) -> io::Result<What> {
    rules::check(&state.standing, &state.index, None, record)?;
    state.standing.take(record);
    Ok(what)
}

impl Inner {
    /// Waits for the end of the thread, once it was told to end.
    fn join(&self) {
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // The last handle may be dropped by an answer, on that very thread.
        let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id())
        else {
            return;
        };
        if thread.join().is_err() {
            tracing::error!(dir = %self.shared.dir.display(), "the writer of the log panicked");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let has_thread = self.thread.get_mut().is_ok_and(|thread| thread.is_some());
        if has_thread {
            self.shared.close();
            self.join();
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("dir", &self.inner.shared.dir)
            .finish_non_exhaustive()
    }
}
