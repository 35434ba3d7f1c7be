//! What is seen of a node after a step: what it has made true, not what it intends.

use crate::{machine::Machine, net::Site};
use openraft::{ServerState, async_runtime::WatchReceiver as _};
use raft_store::{
    Applied,
    log::Entry,
    position::{LogId, Vote},
};
use std::{collections::BTreeMap, ops::Range, sync::Arc};

/// One node after one step.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) node: Site,
    /// Which of the nodes that have run on this machine.
    pub(crate) life: u64,
    /// The first look at this life: what it has found on its disk.
    pub(crate) first: bool,
    /// What it has promised, durably.
    pub(crate) vote: Option<Vote>,
    pub(crate) leads: bool,
    pub(crate) purged: Option<LogId>,
    pub(crate) last: Option<LogId>,
    /// It has set a snapshot aside, and its disk has never failed.
    pub(crate) torn_snapshot: bool,
    pub(crate) committed: Option<LogId>,
    pub(crate) applied: Arc<Applied>,
    /// Every change up to this revision is in its hosts file, as it says.
    pub(crate) published: u64,
    /// The entries from this index on were not in its log at the last look, or are others now.
    pub(crate) changed_from: u64,
    /// Its disk was not made to fail: what it shows has to be on it.
    pub(crate) sound: bool,
}

/// Looks at one machine, again and again.
#[derive(Default)]
pub(crate) struct Observer {
    life: u64,
    /// Its log, as it was last seen: the entries that are not purged, and those that have been since the look before.
    entries: BTreeMap<u64, Entry>,
    last: Option<LogId>,
    purged: Option<LogId>,
    committed: u64,
}

impl Observer {
    /// What the node on `machine` shows now; nothing if there is none that takes calls.
    ///
    /// # Errors
    /// Its log cannot be read although its disk is sound.
    pub(crate) fn look(&mut self, machine: &Machine) -> Result<Option<Seen>, String> {
        let Some(inside) = machine.inside() else {
            return Ok(None);
        };
        let first = self.life != machine.lives;
        if first {
            *self = Self {
                life: machine.lives,
                ..Self::default()
            };
        }
        let (leads, committed, running) = {
            let metrics = inside.raft.metrics();
            let metrics = metrics.borrow_watched();
            let committed = metrics.local_committed.map(|id| LogId {
                term: id.leader_id.term,
                index: id.index,
            });
            let running = metrics.running_state.is_ok();
            (metrics.state == ServerState::Leader, committed, running)
        };
        let log = inside.log.state();
        let sound = machine.is_sound() && running;
        let mut changed_from = u64::MAX;
        if first || log.last != self.last || log.purged != self.purged {
            let start = log.purged.map_or(0, |purged| purged.index + 1);
            // What was thrown away since the last look was committed, and nobody may have taken note of that yet. It is
            // not what a snapshot took the place of.
            let last_purged = log
                .purged
                .and_then(|purged| self.entries.get(&purged.index));
            let forgotten = match last_purged.map(|entry| entry.id) == log.purged {
                true => self.purged.map_or(0, |purged| purged.index + 1),
                false => start,
            };
            self.entries = self.entries.split_off(&forgotten);
            // What was committed before does not change; the rest may have.
            let from = if first {
                start
            } else {
                start.max(self.committed)
            };
            let end = log.last.map_or(start, |last| last.index + 1).max(from);
            match inside.log.read(from..end, None) {
                Ok(entries) => {
                    self.entries.split_off(&end);
                    for entry in entries {
                        let known = self.entries.insert(entry.id.index, entry.clone());
                        if known.as_ref() != Some(&entry) {
                            changed_from = changed_from.min(entry.id.index);
                        }
                    }
                }
                Err(error) if sound => {
                    return Err(format!(
                        "the log of n{} cannot be read: {error}",
                        machine.id
                    ));
                }
                Err(_) => {}
            }
            (self.last, self.purged) = (log.last, log.purged);
        }
        self.committed = committed.map_or(0, |id| id.index);
        Ok(Some(Seen {
            node: machine.id,
            life: machine.lives,
            first,
            vote: log.vote,
            leads,
            purged: log.purged,
            last: log.last,
            torn_snapshot: machine.has_torn_snapshot(),
            committed,
            applied: Arc::clone(&inside.applied.borrow()),
            published: inside.published.borrow().revision.get(),
            changed_from,
            sound,
        }))
    }

    /// Entries of the log as it was last seen.
    pub(crate) fn entries(&self, range: Range<u64>) -> impl Iterator<Item = &Entry> {
        self.entries.range(range).map(|(_, entry)| entry)
    }
}
