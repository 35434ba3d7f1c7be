//! Applies committed entries: decode, `Projection::apply`, store, publish.
//!
//! What a change may do is decided in `hosts`; here only, whether its entry
//! counts: it was decided in the term of its entry, and the parts it came in
//! are whole. A refused or void change alters nothing, on every node alike; an
//! entry that cannot be read stops the node. Entries are published some at a
//! time, and only then are their proposers answered: who is told "done" finds
//! it done.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use futures::{Stream, TryStreamExt as _};
use hosts::{Change, Projection, Revision, RowKey};
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder};
use tokio::sync::watch;

use crate::applied::Applied;
use crate::aside::aside;
use crate::disk::Work;
use crate::failpoint;
use crate::limits::APPLY_ENTRIES_MAX;
use crate::log::Log;
use crate::log_store::{UnreadableEntry, log_id_of};
use crate::parts::Parts;
use crate::raft::{
    EncodedProposal, RaftEntry, RaftLogId, RaftSnapshot, Response, SnapshotMeta, StoredMembership,
    TypeConfig,
};
use crate::record::{InvalidParts, Proposal, join_parts};
use crate::snapshot::{SnapshotError, SnapshotFile, Snapshots, load};
use crate::state::StateWriter;

/// The state machine of one node. openraft owns it.
#[derive(Debug)]
pub struct StateMachine {
    publish: watch::Sender<Arc<Applied>>,
    parts: Parts,
    /// The state before the first of the pending parts: what may be stored
    /// and snapshot while they are pending.
    before_parts: Option<Arc<Applied>>,
    /// Rows that differ from what was given to the writer.
    dirty: BTreeSet<RowKey>,
    storage: Storage,
}

/// What the state machine and its snapshot builders write with.
#[derive(Debug, Clone)]
struct Storage {
    log: Log,
    writer: Arc<StateWriter>,
    snapshots: Snapshots,
    work: Work,
}

impl StateMachine {
    /// Goes on from `state`, which is what `writer` has stored.
    pub(crate) fn new(
        state: Arc<Applied>,
        log: Log,
        writer: Arc<StateWriter>,
        snapshots: Snapshots,
        work: Work,
    ) -> Self {
        Self {
            publish: watch::Sender::new(state),
            parts: Parts::default(),
            before_parts: None,
            dirty: BTreeSet::new(),
            storage: Storage {
                log,
                writer,
                snapshots,
                work,
            },
        }
    }

    /// Follows what is applied.
    pub fn applied(&self) -> watch::Receiver<Arc<Applied>> {
        self.publish.subscribe()
    }

    fn current(&self) -> Arc<Applied> {
        Arc::clone(&self.publish.borrow())
    }

    /// Applies the next entries to `step`; false at the end of them.
    async fn apply_some<S>(&mut self, step: &mut Step, entries: &mut S) -> io::Result<bool>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin,
    {
        for _ in 0..APPLY_ENTRIES_MAX {
            let Some((entry, responder)) = entries.try_next().await? else {
                return Ok(false);
            };
            let response = self.apply_entry(step, entry)?;
            let answer = responder.map(|responder| (responder, response));
            step.answers.extend(answer);
        }
        Ok(true)
    }

    /// Applies one entry to `step`.
    fn apply_entry(&mut self, step: &mut Step, entry: RaftEntry) -> io::Result<Response> {
        let RaftEntry { log_id, payload } = entry;
        if step.applied >= Some(log_id) {
            return Ok(Response::None); // applied before the last restart
        }
        failpoint::APPLY.pass()?;
        self.parts.reach(log_id);
        let response = match payload {
            EntryPayload::Blank => Response::None,
            EntryPayload::Membership(membership) => {
                step.membership = StoredMembership::new(Some(log_id), membership);
                Response::None
            }
            EntryPayload::Normal(proposal) => self.apply_proposal(step, log_id, &proposal)?,
        };
        step.applied = Some(log_id);
        if self.parts.is_empty() {
            self.before_parts = None;
        }
        Ok(response)
    }

    fn apply_proposal(
        &mut self,
        step: &mut Step,
        at: RaftLogId,
        proposal: &EncodedProposal,
    ) -> io::Result<Response> {
        let unreadable = |cause| {
            let id = log_id_of(at);
            io::Error::new(io::ErrorKind::InvalidData, UnreadableEntry { id, cause })
        };
        let proposal = proposal.decode().map_err(unreadable)?;
        if proposal.term() != at.leader_id.term {
            return Ok(Response::WrongTerm);
        }
        match proposal {
            Proposal::Change { term: _, change } => Ok(self.apply_change(step, at, &change)),
            Proposal::Part {
                term: _,
                id,
                number: 0,
                bytes,
            } => {
                self.hold(step)?;
                self.parts.begin(at, id, bytes);
                Ok(Response::None)
            }
            Proposal::Part {
                term: _,
                id,
                number,
                bytes,
            } => {
                self.parts.add(id, number, bytes);
                Ok(Response::None)
            }
            Proposal::Commit {
                term: _,
                id,
                parts,
                digest,
            } => {
                let Some(parts) = self.parts.commit(id, parts) else {
                    return Ok(Response::WrongTerm);
                };
                match join_parts(&parts, &digest) {
                    Ok(change) => Ok(self.apply_change(step, at, &change)),
                    // The same bytes lie in every log: it is void everywhere.
                    Err(InvalidParts::Digest { .. }) => Ok(Response::WrongTerm),
                    Err(InvalidParts::Decode(cause)) => Err(unreadable(cause)),
                }
            }
        }
    }

    fn apply_change(&mut self, step: &mut Step, at: RaftLogId, change: &Change) -> Response {
        let revision = Revision::new(at.index);
        let projection = Arc::make_mut(&mut step.projection);
        match projection.apply(revision, change) {
            Ok(hosts::Applied { answer, mut rows }) => {
                self.dirty.append(&mut rows);
                Response::Answered(answer)
            }
            Err(rejection) => Response::Refused(rejection),
        }
    }

    /// The first part of a change is about to come: what is stored and
    /// snapshot stays here until its commit.
    fn hold(&mut self, step: &Step) -> io::Result<()> {
        let before = Arc::new(step.state());
        self.store(&before)?;
        self.before_parts = Some(before);
        Ok(())
    }

    fn store(&mut self, state: &Arc<Applied>) -> io::Result<()> {
        let rows = std::mem::take(&mut self.dirty);
        self.storage.writer.store(Arc::clone(state), rows)?;
        Ok(())
    }

    /// Publishes what was applied, and answers.
    fn finish(&mut self, step: &mut Step) -> io::Result<()> {
        let state = Arc::new(step.state());
        failpoint::APPLY_STORE.pass()?;
        if self.before_parts.is_none() {
            self.store(&state)?;
        }
        failpoint::APPLY_PUBLISH.pass()?;
        self.publish.send_replace(state);
        for (responder, response) in step.answers.drain(..) {
            responder.send(response);
        }
        Ok(())
    }

    fn builder(&self) -> SnapshotBuilder {
        SnapshotBuilder {
            state: self.before_parts.clone().unwrap_or_else(|| self.current()),
            storage: self.storage.clone(),
        }
    }
}

/// Entries applied together: the state they lead to, and their answers.
struct Step {
    projection: Arc<Projection>,
    applied: Option<RaftLogId>,
    membership: StoredMembership,
    answers: Vec<(ApplyResponder<TypeConfig>, Response)>,
}

impl Step {
    fn from(state: &Applied) -> Self {
        Self {
            projection: Arc::clone(&state.projection),
            applied: state.applied,
            membership: state.membership.clone(),
            answers: Vec::new(),
        }
    }

    fn state(&self) -> Applied {
        Applied {
            projection: Arc::clone(&self.projection),
            applied: self.applied,
            membership: self.membership.clone(),
        }
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = SnapshotFile;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<RaftLogId>, StoredMembership)> {
        let state = self.current();
        Ok((state.applied, state.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        loop {
            self.storage.writer.room().await?;
            let mut step = Step::from(&self.current());
            let before = step.applied;
            let more = self.apply_some(&mut step, &mut entries).await;
            // What was applied before an entry that cannot be read holds.
            if step.applied != before || !step.answers.is_empty() {
                self.finish(&mut step)?;
            }
            if !more? {
                return Ok(());
            }
        }
    }

    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<SnapshotBuilder> {
        let builder = self.builder();
        let newest = self.storage.snapshots.newest();
        let reached = newest.is_some_and(|(meta, _)| meta.last_log_id >= builder.state.applied);
        (force || !reached).then_some(builder)
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        self.builder()
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: SnapshotFile,
    ) -> io::Result<()> {
        let Storage {
            log: _,
            writer,
            snapshots,
            work,
        } = self.storage.clone();
        let meta = meta.clone();
        let state = aside(work, "snapshot-installer", move || {
            failpoint::SNAPSHOT_INSTALL.pass()?;
            Ok::<_, io::Error>(install(&snapshots, meta, snapshot)?)
        })
        .await??;
        failpoint::SNAPSHOT_INSTALLED.pass()?;
        self.parts.clear();
        self.before_parts = None;
        self.dirty.clear();
        writer.replace(Arc::clone(&state)).await?;
        self.publish.send_replace(state);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<RaftSnapshot>> {
        let current = self.storage.snapshots.current();
        Ok(current.as_ref().map(|current| RaftSnapshot {
            meta: current.meta.clone(),
            snapshot: current.file.clone(),
        }))
    }
}

/// Makes a snapshot count, durably, and gives what it holds. The state is
/// replaced after that: a crash in between finds it behind the snapshot, and
/// rebuilds it from there.
fn install(
    snapshots: &Snapshots,
    meta: SnapshotMeta,
    file: SnapshotFile,
) -> Result<Arc<Applied>, SnapshotError> {
    let state = match file.loaded() {
        Some(state) => Arc::clone(state),
        None => Arc::new(load(file.path(), file.disk_file(), snapshots.cluster())?),
    };
    if state.applied != meta.last_log_id || state.membership != meta.last_membership {
        return Err(SnapshotError::NotAsAnnounced {
            path: file.path().to_owned(),
            why: "it reaches another entry or holds another membership".to_owned(),
        });
    }
    snapshots.adopt(meta, file)?;
    Ok(state)
}

/// Builds the snapshot of a frozen state.
#[derive(Debug)]
pub struct SnapshotBuilder {
    state: Arc<Applied>,
    storage: Storage,
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    type SnapshotData = SnapshotFile;

    async fn build_snapshot(&mut self) -> io::Result<RaftSnapshot> {
        let Storage {
            log,
            writer,
            snapshots,
            work,
        } = self.storage.clone();
        let state = Arc::clone(&self.state);
        let built = aside(work, "snapshot-builder", move || {
            // What a majority has on disk is applied, and this node may not be
            // one of them yet: no snapshot reaches beyond the log behind it.
            log.until_appends_are_durable()?;
            failpoint::SNAPSHOT_BUILD.pass()?;
            Ok::<_, io::Error>(snapshots.build(&state)?)
        })
        .await??;
        // The log behind the snapshot may go now: keep the state from having
        // to be rebuilt after a power cut.
        failpoint::SNAPSHOT_SYNC.pass()?;
        writer.sync().await?;
        Ok(RaftSnapshot {
            meta: built.meta,
            snapshot: built.file,
        })
    }
}
