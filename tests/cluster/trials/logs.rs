//! The committed log of a cluster, read by the store's own reader from copies of its nodes' directories.
//!
//! A cluster that takes snapshots throws the beginning of its log away, also in the middle of a trial. So a thread reads
//! what is new all the time, from one node after the other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use oracle::{CommittedLog, Replay};
use raft_store::disk::{RealDisk, Work};
use raft_store::log::{Entry, Log, LogOptions};

use crate::site::Site;
use crate::talk::Talk;

/// Reads until it is dropped.
pub(crate) struct Logs {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    talk: Arc<Talk>,
    cluster: u128,
    /// The log of each node.
    places: Vec<PathBuf>,
    scratch: PathBuf,
    known: Mutex<Known>,
    stop: AtomicBool,
}

#[derive(Default)]
struct Known {
    log: CommittedLog,
    /// Indexes of the log.
    indexes: BTreeSet<u64>,
    /// The first place where two nodes were seen to differ.
    diverged: Option<String>,
}

/// Fewer new entries are left for later: a cluster that takes snapshots keeps three times as many behind one.
const NEW: u64 = 40;
/// Between two looks.
const EVERY: Duration = Duration::from_millis(50);

impl Logs {
    pub(crate) fn start(site: &Site, scratch: PathBuf) -> Self {
        fs::create_dir(&scratch).unwrap();
        let places = site.nodes.iter().map(|node| node.data().join("raft/wal"));
        let shared = Arc::new(Shared {
            talk: Arc::clone(&site.talk),
            cluster: site.cluster,
            places: places.collect(),
            scratch,
            known: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        Self {
            thread: Some(thread::spawn(move || own.follow())),
            shared,
        }
    }

    /// The log up to `last`, which every node has applied; what the nodes have of it is the same. `None` when a part of it
    /// was thrown away before it was read.
    pub(crate) fn replay(&self, last: u64) -> Result<Option<Replay>, String> {
        let mut known = self.shared.known.lock().unwrap();
        for node in 1..=self.shared.places.len() {
            self.shared.read(&mut known, node, last)?;
        }
        if let Some(diverged) = &known.diverged {
            return Err(diverged.clone());
        }
        let whole = known.indexes.range(1..=last).count();
        if u64::try_from(whole).unwrap() < last {
            return Ok(None);
        }
        Replay::of(&known.log)
            .map(Some)
            .map_err(|error| error.to_string())
    }
}

impl Shared {
    /// Reads what is new, while it is there.
    fn follow(&self) {
        let mut turn = 0;
        while !self.stop.load(Ordering::Relaxed) {
            thread::sleep(EVERY);
            turn += 1;
            let node = 1 + turn % self.places.len();
            let Some(applied) = self.talk.applied(node) else {
                continue;
            };
            let mut known = self.known.lock().unwrap();
            let last = known.log.last().unwrap_or(0);
            if applied >= last + NEW {
                // A copy of what is being written does not always fit together, and disks fail here. What was read
                // and differs is kept.
                self.read(&mut known, node, applied).ok();
            }
        }
    }

    /// Takes the entries up to `last` that this node has.
    fn read(&self, known: &mut Known, node: usize, last: u64) -> Result<(), String> {
        let of = |error: &dyn std::fmt::Display| format!("the log of n{node}: {error}");
        // Nothing beside it is that of another node.
        let copied = self.scratch.join(format!("n{node}/wal"));
        copy(&self.places[node - 1], &copied).map_err(|error| of(&error))?;
        let identity = (self.cluster, u64::try_from(node).unwrap());
        let disk = Arc::new(RealDisk);
        let log = Log::open(disk, &copied, identity, LogOptions::default(), Work::Inline);
        let log = log.map_err(|error| of(&error))?;
        let first = log.state().purged.map_or(1, |purged| purged.index + 1);
        // An entry that was read of one node is compared with that of the next.
        let entries = log
            .read(first..last + 1, None)
            .map_err(|error| of(&error))?;
        known.take(node, entries);
        Ok(())
    }
}

impl Known {
    fn take(&mut self, node: usize, entries: Vec<Entry>) {
        let indexes: Vec<u64> = entries.iter().map(|entry| entry.id.index).collect();
        match self.log.take(entries) {
            Ok(()) => self.indexes.extend(indexes),
            Err(error) => {
                let diverged = || format!("the log of n{node} and one before it: {error}");
                self.diverged.get_or_insert_with(diverged);
            }
        }
    }
}

/// The files of a directory, the oldest first: what follows is only there if what came before is whole. `to` is alone in
/// the directory it is in.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    let room = to.parent().unwrap_or(to);
    if room.exists() {
        fs::remove_dir_all(room)?;
    }
    fs::create_dir_all(to)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(from)? {
        names.push(entry?.file_name());
    }
    names.sort();
    for name in names {
        fs::copy(from.join(&name), to.join(&name))?;
    }
    Ok(())
}

impl Drop for Logs {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            thread.join().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raft_store::position::LogId;

    #[test]
    fn a_place_where_nodes_differ_is_kept_whoever_reads_next() {
        let entry = |payload: &'static [u8]| Entry {
            id: LogId { term: 1, index: 1 },
            payload: payload.into(),
        };
        let mut known = Known::default();
        known.take(1, vec![entry(b"one")]);
        assert_eq!(known.diverged, None);
        known.take(2, vec![entry(b"other")]);
        known.take(3, vec![entry(b"one")]);
        let diverged = known.diverged.unwrap();
        assert!(
            diverged.contains("n2") && diverged.contains("index 1"),
            "{diverged}"
        );
    }
}
