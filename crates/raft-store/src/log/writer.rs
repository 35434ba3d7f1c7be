//! Puts records at the end of the newest segment, and begins a new one when
//! it is full.
//!
//! A group of jobs is one append (one per mebibyte, and per segment) and one
//! flush. A full segment is left in this order: the next one is created with
//! its header and flushed, its name is flushed, then the full one gets its
//! seal and is flushed, and only then is the next one written to. So
//!
//! - a segment without a seal is the newest, or the newest has no record yet,
//! - a sealed one without a successor has lost it,
//! - only the newest may end in the middle of a record.
//!
//! Behind each group comes a mark that it was flushed: at once if nothing
//! waits, else with the next group. It is not flushed itself. So what comes
//! before a mark was flushed, and what is behind the last one perhaps not.

use std::{
    collections::VecDeque,
    io, mem,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Identity,
    failure::{Indexes, LogFailure},
    format::{HEADER_BYTES, Header, Record, Standing},
    index::Stored,
    queue::{Job, What},
    witness,
};
use crate::disk::{Disk, DiskFile};
use crate::failpoint::{self, Site};
use crate::position::Vote;

/// How much is encoded before it is given to the disk.
const BUFFER_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    identity: Identity,
    segment_bytes: u64,
    current: Current,
    /// The sealed segments, oldest first.
    older: VecDeque<Sealed>,
    /// Where the stream stands after the last record in the buffer.
    standing: Standing,
    /// What is encoded and not yet in the file. Kept between groups.
    buffer: Vec<u8>,
    /// Where the entries of the last group went. Kept between groups.
    placed: Vec<Placed>,
    /// The segments the last group sealed.
    sealed: Vec<(u64, Segment)>,
    /// The entries of the group being written, for messages.
    group: Indexes,
}

/// The segment that is written to.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) file: Box<dyn DiskFile>,
    pub(super) path: PathBuf,
    pub(super) sequence: u64,
    /// Begins the checksums of its records.
    pub(super) seed: u32,
    /// How long the file is, in bytes.
    pub(super) bytes: u64,
    /// How much of that is flushed.
    pub(super) flushed: u64,
    /// Whether the mark that it is was written, or nothing needs one.
    pub(super) marked: bool,
    /// The highest entry in it, whether it still holds or not.
    pub(super) highest: Option<u64>,
}

/// A segment that is complete.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sealed {
    pub(super) sequence: u64,
    pub(super) highest: Option<u64>,
}

/// A segment as the readers need it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) seed: u32,
    pub(super) bytes: u64,
}

/// Where an entry of a job went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) index: u64,
    pub(super) ticket: u64,
    pub(super) stored: Stored,
}

/// The file of segment `sequence`.
pub(super) fn segment_path(dir: &Path, sequence: u64) -> PathBuf {
    dir.join(format!("{sequence:016}.wal"))
}

/// Creates the segment `sequence` with its header, durable with its name.
pub(super) fn create(
    disk: &dyn Disk,
    dir: &Path,
    sequence: u64,
    identity: Identity,
    standing: Standing,
) -> io::Result<Current> {
    let path = segment_path(dir, sequence);
    let (header, seed) = Header {
        identity,
        sequence,
        standing,
    }
    .encode();
    let mut file = disk.create(&path)?;
    file.append(&header)?;
    file.sync()?;
    disk.sync_dir(dir)?;
    Ok(Current {
        file,
        path,
        sequence,
        seed,
        bytes: HEADER_BYTES as u64,
        flushed: HEADER_BYTES as u64,
        marked: true,
        highest: None,
    })
}

impl Writer {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        dir: &Path,
        identity: Identity,
        segment_bytes: u64,
        current: Current,
        older: VecDeque<Sealed>,
        standing: Standing,
    ) -> Self {
        Self {
            disk,
            dir: dir.to_path_buf(),
            identity,
            segment_bytes,
            current,
            older,
            standing,
            buffer: Vec::new(),
            placed: Vec::new(),
            sealed: Vec::new(),
            group: Indexes::default(),
        }
    }

    /// Writes the jobs in their order and flushes once. After a failure the
    /// writer must not be used again: its file may hold any part of them.
    pub(super) fn write(&mut self, jobs: &[Job]) -> Result<(), LogFailure> {
        let written = self.put_all(jobs);
        if written.is_err() {
            self.hide_unflushed();
        }
        written
    }

    fn put_all(&mut self, jobs: &[Job]) -> Result<(), LogFailure> {
        self.placed.clear();
        self.sealed.clear();
        self.group = Indexes::default();
        for Job { what, .. } in jobs {
            match what {
                What::Append { ticket, entries } => {
                    for entry in entries {
                        self.group.add(entry.id.index);
                        let record = Record::Entry {
                            id: entry.id,
                            payload: &entry.payload,
                        };
                        let stored = self.put(&record)?;
                        self.current.highest = self.current.highest.max(Some(entry.id.index));
                        self.placed.push(Placed {
                            index: entry.id.index,
                            ticket: *ticket,
                            stored,
                        });
                    }
                }
                What::Vote(vote) => {
                    self.pass(failpoint::LOG_VOTE)?;
                    self.put(&Record::Vote(*vote))?;
                }
                What::Truncate(to) => {
                    self.pass(failpoint::LOG_TRUNCATE)?;
                    self.put(&Record::Truncate(*to))?;
                }
                What::Purge(to) => {
                    self.pass(failpoint::LOG_PURGE)?;
                    self.put(&Record::Purged(*to))?;
                }
                What::Committed(to) => {
                    self.pass(failpoint::LOG_COMMITTED)?;
                    self.put(&Record::Committed(*to))?;
                }
                What::Flush => {}
            }
        }
        self.flush()?;
        let voted = jobs.iter().any(|job| matches!(job.what, What::Vote(_)));
        match self.standing.vote.filter(|_| voted) {
            Some(vote) => self.testify(vote),
            None => Ok(()),
        }
    }

    /// Has the witness say the same before anybody is told of the vote.
    fn testify(&self, vote: Vote) -> Result<(), LogFailure> {
        let passed = failpoint::LOG_WITNESS.pass();
        let write = |()| witness::write(self.disk.as_ref(), &self.dir, self.identity, vote);
        let written = passed.and_then(write);
        written.map_err(|cause| LogFailure::Disk {
            doing: "write",
            path: witness::path(&self.dir),
            offset: 0,
            indexes: Indexes::default(),
            cause: Arc::new(cause),
        })
    }

    /// Marks the last group as flushed, if it is not marked yet.
    pub(super) fn mark(&mut self) -> Result<(), LogFailure> {
        self.group = Indexes::default();
        self.put_mark();
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.write_out()
    }

    /// The segment that is written to, with its number.
    pub(super) fn current(&self) -> (u64, Segment) {
        let Current {
            sequence,
            seed,
            bytes,
            ..
        } = self.current;
        (sequence, Segment { seed, bytes })
    }

    /// Where the entries of the last group went.
    pub(super) fn placed(&self) -> &[Placed] {
        &self.placed
    }

    /// The segments the last group wrote to, with their numbers.
    pub(super) fn written(&self) -> impl Iterator<Item = (u64, Segment)> {
        self.sealed.iter().copied().chain([self.current()])
    }

    /// The oldest segment, if nothing in it is needed any more: what the purge
    /// marker covers, once that is flushed. Asks only between groups.
    pub(super) fn next_void(&self) -> Option<u64> {
        let oldest = self.older.front()?;
        let purged = self.standing.purged.map(|id| id.index);
        (oldest.highest <= purged).then_some(oldest.sequence)
    }

    /// Removes the segment [`Writer::next_void`] named. A crash may bring it
    /// back, which is found out at the next start.
    pub(super) fn remove_void(&mut self) -> Result<(), LogFailure> {
        let Some(Sealed { sequence, .. }) = self.older.pop_front() else {
            return Ok(());
        };
        let path = segment_path(&self.dir, sequence);
        let removed = failpoint::LOG_REMOVE.pass();
        match removed.and_then(|()| self.disk.remove(&path)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(LogFailure::Disk {
                doing: "remove",
                path,
                offset: 0,
                indexes: Indexes::default(),
                cause: Arc::new(cause),
            }),
            _ => Ok(()),
        }
    }

    /// Encodes `record` for the next free place.
    fn put(&mut self, record: &Record<'_>) -> Result<Stored, LogFailure> {
        let len = record.encoded_len();
        if self.end() + len as u64 > self.segment_bytes && self.end() > HEADER_BYTES as u64 {
            self.roll()?;
        }
        if !self.buffer.is_empty() && self.buffer.len() + len > BUFFER_BYTES {
            self.write_out()?;
        }
        self.put_mark();
        let offset = self.end();
        record.encode(&mut self.buffer, self.current.seed, offset);
        self.standing.take(record);
        Ok(Stored {
            segment: self.current.sequence,
            offset: u32::try_from(offset).expect("segments are far below 4 GiB"),
            len: u32::try_from(len).expect("records are far below 4 GiB"),
        })
    }

    /// Encodes the mark that all before it was flushed, if it was not yet.
    fn put_mark(&mut self) {
        if !mem::replace(&mut self.current.marked, true) {
            let offset = self.end();
            Record::Flushed.encode(&mut self.buffer, self.current.seed, offset);
        }
    }

    /// Where the next record goes.
    fn end(&self) -> u64 {
        self.current.bytes + self.buffer.len() as u64
    }

    fn roll(&mut self) -> Result<(), LogFailure> {
        let sequence = self.current.sequence + 1;
        let next = create(
            self.disk.as_ref(),
            &self.dir,
            sequence,
            self.identity,
            self.standing,
        )
        .map_err(|cause| LogFailure::Disk {
            doing: "create",
            path: segment_path(&self.dir, sequence),
            offset: 0,
            indexes: self.group,
            cause: Arc::new(cause),
        })?;
        self.pass(failpoint::LOG_CREATED)?;
        let offset = self.end();
        Record::Sealed.encode(&mut self.buffer, self.current.seed, offset);
        self.flush()?;
        self.pass(failpoint::LOG_SEALED)?;
        let Current {
            sequence,
            seed,
            bytes,
            highest,
            ..
        } = mem::replace(&mut self.current, next);
        self.sealed.push((sequence, Segment { seed, bytes }));
        self.older.push_back(Sealed { sequence, highest });
        Ok(())
    }

    /// Makes durable what the group has put. A group that put nothing has
    /// nothing to flush: the one before it was flushed.
    fn flush(&mut self) -> Result<(), LogFailure> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.write_out()?;
        self.pass(failpoint::LOG_FLUSH)?;
        let synced = self.current.file.sync();
        synced.map_err(|cause| self.failure("flush", cause))?;
        self.current.flushed = self.current.bytes;
        self.current.marked = false;
        self.pass(failpoint::LOG_FLUSHED)?;
        Ok(())
    }

    /// Cuts off what a failed flush may have left in the page cache but not on
    /// the medium: the program that is started next would take it for stored.
    fn hide_unflushed(&mut self) {
        if let Err(cause) = self.current.file.truncate(self.current.flushed) {
            let path = self.current.path.display();
            tracing::error!(%path, %cause, "cannot cut off what could not be flushed");
        }
    }

    fn write_out(&mut self) -> Result<(), LogFailure> {
        self.pass(failpoint::LOG_WRITE)?;
        let written = self.current.file.append(&self.buffer);
        written.map_err(|cause| self.failure("write", cause))?;
        self.current.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        // One huge entry must not cost its memory for ever.
        self.buffer.shrink_to(BUFFER_BYTES);
        Ok(())
    }

    fn pass(&self, site: Site) -> Result<(), LogFailure> {
        site.pass().map_err(|cause| self.failure("pass", cause))
    }

    fn failure(&self, doing: &'static str, cause: io::Error) -> LogFailure {
        LogFailure::Disk {
            doing,
            path: self.current.path.clone(),
            offset: self.current.bytes,
            indexes: self.group,
            cause: Arc::new(cause),
        }
    }
}
