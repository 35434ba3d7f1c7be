//! The log as openraft asks for it.
//!
//! Translates ids, votes and payloads; what is durable when is promised by
//! [`crate::log`]. Everything read for a peer or for `apply` is cut by bytes,
//! so a long catch-up neither fills a message nor the memory.

use std::collections::Bound;
use std::fmt::Debug;
use std::io;
use std::ops::{Range, RangeBounds};

use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};

use crate::aside::aside;
use crate::disk::Work;
use crate::limits::READ_BYTES_MAX;
use crate::log::{Entry, Log};
use crate::position::{LogId, Vote};
use crate::raft::{LeaderId, RaftEntry, RaftLogId, RaftVote, TypeConfig};
use crate::record::{decode_payload, encode_payload};

/// A log for openraft; clones are the same one.
#[derive(Debug, Clone)]
pub struct LogStore {
    log: Log,
    work: Work,
}

impl LogStore {
    /// Openraft's view of `log`, whose reads from the disk run as `work` says.
    pub fn new(log: Log, work: Work) -> Self {
        Self { log, work }
    }

    /// The log itself.
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// At most `bytes_max` of entries, and at least one if there is one.
    async fn read(
        &self,
        range: Range<u64>,
        bytes_max: Option<usize>,
    ) -> io::Result<Vec<RaftEntry>> {
        let entries = if self.log.is_cached(&range) {
            self.log.read(range, bytes_max)?
        } else {
            let log = self.log.clone();
            aside(self.work, "log-reader", move || log.read(range, bytes_max)).await??
        };
        entries.into_iter().map(entry_from).collect()
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<RaftEntry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        self.read(half_open(&range), None).await
    }

    async fn read_vote(&mut self) -> io::Result<Option<RaftVote>> {
        self.log.state().vote.map(vote_from).transpose()
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> io::Result<Vec<RaftEntry>> {
        let mut entries = self.read(start..end, Some(READ_BYTES_MAX)).await?;
        // Entries that do not follow on would leave a hole at the peer. With
        // none it is sent a heartbeat, and a snapshot soon.
        if entries
            .first()
            .is_some_and(|first| first.log_id.index != start)
        {
            entries.clear();
        }
        Ok(entries)
    }

    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = io::Result<RaftEntry>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let store = self.clone();
        stream::try_unfold(half_open(&range), move |left| {
            let store = store.clone();
            async move {
                if left.is_empty() {
                    return Ok(None);
                }
                let entries = store.read(left.clone(), Some(READ_BYTES_MAX)).await?;
                let Some(last) = entries.last() else {
                    return Ok(None);
                };
                let next = last.log_id.index + 1;
                Ok::<_, io::Error>(Some((stream::iter(entries).map(Ok), next..left.end)))
            }
        })
        .try_flatten()
        .boxed()
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let state = self.log.state();
        Ok(LogState {
            last_purged_log_id: state.purged.map(raft_log_id),
            last_log_id: state.last.map(raft_log_id),
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &RaftVote) -> io::Result<()> {
        self.log.save_vote(vote_of(vote)).await
    }

    async fn save_committed(&mut self, committed: Option<RaftLogId>) -> io::Result<()> {
        self.log.save_committed(committed.map(log_id_of))
    }

    async fn read_committed(&mut self) -> io::Result<Option<RaftLogId>> {
        Ok(self.log.state().committed.map(raft_log_id))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = RaftEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries = entries
            .into_iter()
            .map(|RaftEntry { log_id, payload }| Entry {
                id: log_id_of(log_id),
                payload: encode_payload(&payload),
            })
            .collect();
        self.log
            .append(entries, Box::new(|outcome| callback.io_completed(outcome)))
    }

    async fn truncate_after(&mut self, last: Option<RaftLogId>) -> io::Result<()> {
        let end = self.log.state().last.map(|end| end.index);
        if end <= last.map(|last| last.index) {
            return Ok(()); // nothing comes after it
        }
        self.log.truncate_after(last.map(log_id_of)).await
    }

    async fn purge(&mut self, upto: RaftLogId) -> io::Result<()> {
        self.log.purge(log_id_of(upto)).await
    }
}

/// A log id as the disk knows it.
pub(crate) fn log_id_of(id: RaftLogId) -> LogId {
    LogId {
        term: id.leader_id.term,
        index: id.index,
    }
}

/// A log id as openraft knows it.
pub(crate) fn raft_log_id(id: LogId) -> RaftLogId {
    RaftLogId::new_term_index(id.term, id.index)
}

fn vote_of(vote: &RaftVote) -> Vote {
    Vote {
        term: vote.leader_id.term,
        node: Some(vote.leader_id.voted_for),
        committed: vote.committed,
    }
}

fn vote_from(vote: Vote) -> io::Result<RaftVote> {
    let Vote {
        term,
        node,
        committed,
    } = vote;
    let Some(node) = node else {
        let text = format!(
            "the vote in the log ({vote}) is for no node, and only votes for one are ever saved"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    };
    Ok(RaftVote {
        leader_id: LeaderId {
            term,
            voted_for: node,
        },
        committed,
    })
}

fn entry_from(Entry { id, payload }: Entry) -> io::Result<RaftEntry> {
    let payload = decode_payload(&payload).map_err(|cause| {
        io::Error::new(io::ErrorKind::InvalidData, UnreadableEntry { id, cause })
    })?;
    Ok(RaftEntry {
        log_id: raft_log_id(id),
        payload,
    })
}

/// An entry of the log that this version cannot read.
#[derive(Debug, thiserror::Error)]
#[error("entry {id} of the log cannot be read")]
pub(crate) struct UnreadableEntry {
    pub(crate) id: LogId,
    #[source]
    pub(crate) cause: crate::record::DecodeError,
}

fn half_open(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(start) => start.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(end) => end.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}
