//! A log on a disk in memory beside a model of it: every step goes to both.

use std::{collections::BTreeMap, io, path::Path, sync::Arc};

use bytes::Bytes;
use futures::{channel::oneshot, executor::block_on};
use raft_store::{
    disk::{Disk, Work, memory::MemoryDisk},
    log::{Entry, Log, LogOptions, OpenLogError},
    position::{LogId, Vote},
};

pub(crate) const DIR: &str = "/node/raft/wal";
pub(crate) const IDENTITY: (u128, u64) = (0xc1, 7);

/// Small, so that a short script fills several segments and reads from them.
pub(crate) const OPTIONS: LogOptions = LogOptions {
    segment_bytes: 4 << 10,
    cache_bytes: 2 << 10,
    read_bytes_max: 1 << 10,
    must_exist: false,
};

pub(crate) fn id(term: u64, index: u64) -> LogId {
    LogId { term, index }
}

/// An entry whose content follows from its id.
pub(crate) fn entry(term: u64, index: u64, bytes: usize) -> Entry {
    let mut state = (term << 32 | index).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let payload: Bytes = (0..bytes)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        })
        .collect();
    Entry {
        id: id(term, index),
        payload,
    }
}

pub(crate) fn open(disk: impl Disk) -> Result<Log, OpenLogError> {
    Log::open(
        Arc::new(disk),
        Path::new(DIR),
        IDENTITY,
        OPTIONS,
        Work::Inline,
    )
}

/// Appends and waits for the flush.
pub(crate) fn append(log: &Log, entries: Vec<Entry>) -> io::Result<()> {
    let (done, answer) = oneshot::channel();
    log.append(entries, Box::new(move |outcome| drop(done.send(outcome))))?;
    block_on(answer).expect("an append is always answered")
}

/// One step of a run.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// This many entries of so many bytes, in a term this much newer.
    Append {
        count: u64,
        bytes: usize,
        newer: u64,
    },
    /// A vote in a term this much newer.
    Vote { newer: u64 },
    /// Keep this many entries less.
    Truncate { less: u64 },
    /// Purge so many; may be beyond the end.
    Purge { more: u64 },
    /// The last entry is committed.
    Commit,
    /// Closed and opened again.
    Reopen,
}

/// What the log has to hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    pub(crate) vote: Option<Vote>,
    pub(crate) purged: Option<LogId>,
    pub(crate) entries: BTreeMap<u64, Entry>,
}

impl Model {
    pub(crate) fn last(&self) -> Option<LogId> {
        self.entries
            .values()
            .next_back()
            .map(|entry| entry.id)
            .or(self.purged)
    }

    /// What a log holds, read as a whole.
    pub(crate) fn of(log: &Log) -> Self {
        let state = log.state();
        let entries = log.read(0..u64::MAX, None).unwrap();
        let model = Self {
            vote: state.vote,
            purged: state.purged,
            entries: entries
                .into_iter()
                .map(|entry| (entry.id.index, entry))
                .collect(),
        };
        assert_eq!(model.last(), state.last);
        model
    }

    /// What the log may hold while the step is on its way; the last one is
    /// what it holds after it.
    fn during(&self, step: &Step) -> Vec<Self> {
        let mut stages = vec![self.clone()];
        let mut next = self.clone();
        match *step {
            Step::Append { .. } => {
                for entry in self.appended(step) {
                    next.entries.insert(entry.id.index, entry);
                    stages.push(next.clone());
                }
            }
            Step::Vote { .. } => next.vote = Some(self.voted(step)),
            Step::Truncate { .. } => {
                let to = self.truncated(step);
                next.entries
                    .retain(|index, _| to.is_some_and(|to| *index <= to.index));
            }
            Step::Purge { .. } => {
                if let Some(to) = self.purged_to(step) {
                    next.entries.retain(|index, _| *index > to.index);
                    next.purged = Some(to);
                }
            }
            Step::Commit | Step::Reopen => {}
        }
        stages.push(next);
        stages
    }

    fn appended(&self, step: &Step) -> Vec<Entry> {
        let Step::Append {
            count,
            bytes,
            newer,
        } = *step
        else {
            return Vec::new();
        };
        let term = self.last().map_or(1, |last| last.term) + newer;
        let first = self.last().map_or(0, |last| last.index + 1);
        (first..first + count)
            .map(|index| entry(term, index, bytes))
            .collect()
    }

    fn voted(&self, step: &Step) -> Vote {
        let Step::Vote { newer } = *step else {
            panic!("{step:?} is no vote")
        };
        let term = self.vote.map_or(1, |vote| vote.term) + newer;
        Vote {
            term,
            node: Some(term % 3),
            committed: newer == 0,
        }
    }

    fn truncated(&self, step: &Step) -> Option<LogId> {
        let Step::Truncate { less } = *step else {
            panic!("{step:?} does not truncate")
        };
        let keep = self
            .entries
            .len()
            .saturating_sub(usize::try_from(less).unwrap());
        match keep.checked_sub(1) {
            Some(last) => self.entries.values().nth(last).map(|entry| entry.id),
            None => self.purged,
        }
    }

    fn purged_to(&self, step: &Step) -> Option<LogId> {
        let Step::Purge { more } = *step else {
            panic!("{step:?} does not purge")
        };
        let first = self.purged.map_or(0, |purged| purged.index + 1);
        let index = (first + more)
            .checked_sub(1)
            .filter(|index| *index >= first)?;
        let term = self.last().map_or(1, |last| last.term);
        Some(
            self.entries
                .get(&index)
                .map_or(id(term, index), |entry| entry.id),
        )
    }
}

/// The log and its model.
pub(crate) struct Driver {
    pub(crate) disk: MemoryDisk,
    pub(crate) log: Option<Log>,
    pub(crate) model: Model,
    /// What `committed` may be after a crash, the newest last.
    committed: Vec<Option<LogId>>,
}

impl Driver {
    pub(crate) fn new(disk: MemoryDisk) -> Result<Self, OpenLogError> {
        let log = Some(open(disk.clone())?);
        Ok(Self {
            disk,
            log,
            model: Model::default(),
            committed: vec![None],
        })
    }

    /// Does the step. If it fails, says what the disk may hold then.
    pub(crate) fn step(&mut self, step: &Step) -> Result<(), (Vec<Model>, io::Error)> {
        let mut stages = self.model.during(step);
        match self.try_step(step) {
            Ok(()) => {
                self.model = stages.pop().unwrap();
                Ok(())
            }
            Err(error) => Err((stages, error)),
        }
    }

    fn try_step(&mut self, step: &Step) -> io::Result<()> {
        let log = self.log.as_ref().unwrap();
        match step {
            Step::Append { .. } => append(log, self.model.appended(step))?,
            Step::Vote { .. } => block_on(log.save_vote(self.model.voted(step)))?,
            Step::Truncate { .. } => block_on(log.truncate_after(self.model.truncated(step)))?,
            Step::Purge { .. } => match self.model.purged_to(step) {
                Some(to) => block_on(log.purge(to))?,
                None => block_on(log.flush())?,
            },
            Step::Commit => {
                log.save_committed(self.model.last())?;
                self.committed.push(self.model.last());
                return Ok(());
            }
            Step::Reopen => {
                self.log.take().unwrap().close();
                self.log = Some(open(self.disk.clone()).map_err(io::Error::other)?);
            }
        }
        // Everything before it was flushed with it.
        self.committed.drain(..self.committed.len() - 1);
        Ok(())
    }

    /// The power goes and comes back; the log has to hold one of `stages`.
    pub(crate) fn crash(&mut self, seed: u64, stages: &[Model]) {
        self.log = None;
        self.disk.crash(seed);
        self.recover(stages);
    }

    /// Opens the log, which has to hold one of `stages`, and goes on with it.
    pub(crate) fn recover(&mut self, stages: &[Model]) {
        let log = open(self.disk.clone()).unwrap();
        let found = Model::of(&log);
        assert!(
            stages.contains(&found),
            "found {found:#?}\nbut expected one of {stages:#?}"
        );
        let committed = log.state().committed;
        assert!(
            self.committed.contains(&committed),
            "{committed:?} of {:?}",
            self.committed
        );
        self.committed = vec![committed];
        self.model = found;
        self.log = Some(log);
    }

    /// The log holds what the model holds.
    pub(crate) fn assert_equal(&self) {
        assert_eq!(Model::of(self.log.as_ref().unwrap()), self.model);
    }
}

/// A run through everything: rolls, truncation over a roll, purges of whole
/// segments and beyond the end, votes, and a restart.
pub(crate) fn script() -> Vec<Step> {
    let append = |count, bytes, newer| Step::Append {
        count,
        bytes,
        newer,
    };
    vec![
        Step::Vote { newer: 1 },
        Step::Vote { newer: 0 },
        append(1, 20, 0),
        append(8, 250, 0),
        Step::Commit,
        append(14, 250, 0),
        Step::Truncate { less: 9 },
        Step::Vote { newer: 2 },
        append(3, 600, 1),
        append(9, 250, 0),
        Step::Commit,
        Step::Purge { more: 15 },
        append(1, 6000, 0),
        append(12, 300, 1),
        Step::Reopen,
        Step::Purge { more: 10 },
        append(2, 100, 0),
        Step::Truncate { less: 1 },
        Step::Purge { more: 40 },
        append(6, 900, 1),
        Step::Vote { newer: 1 },
        append(5, 100, 0),
    ]
}
