//! The one place where tests touch the store's API: a simulated machine, and
//! the calls openraft would make.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::executor::block_on;
use futures::stream;
use openraft::storage::{IOFlushed, RaftLogStorage as _, RaftStateMachine as _};
use openraft::type_config::TypeConfigExt as _;
use openraft::{RaftLogReader as _, RaftSnapshotBuilder as _};
use raft_store::disk::{Work, memory::MemoryDisk};
use raft_store::log::LogOptions;
use raft_store::raft::{RaftEntry, RaftLogId, RaftSnapshot, RaftVote, TypeConfig};
use raft_store::state::MemoryStates;
use raft_store::{Applied, Identity, OpenError, Seams, Store, StoreOptions};

pub(crate) const IDENTITY: Identity = Identity {
    cluster: 0xC0FFEE,
    node: 1,
};

/// A machine in memory, on which everything happens on the caller.
#[derive(Default)]
pub(crate) struct Machine {
    pub(crate) disk: MemoryDisk,
    pub(crate) states: MemoryStates,
}

impl Machine {
    pub(crate) fn dir() -> &'static Path {
        Path::new("/data")
    }

    pub(crate) fn room(name: &str) -> PathBuf {
        Self::dir().join("raft").join(name)
    }

    pub(crate) fn seams(&self) -> Seams {
        Seams {
            disk: Arc::new(self.disk.clone()),
            states: Arc::new(self.states.clone()),
            work: Work::Inline,
        }
    }

    pub(crate) fn open(&self) -> Result<Node, OpenError> {
        open(self.seams(), Self::dir())
    }

    /// The power goes and comes back.
    pub(crate) fn crash(&self, seed: u64) {
        self.disk.crash(seed);
        self.states.crash(seed);
    }

    /// The only state of this machine.
    pub(crate) fn state_path(&self) -> PathBuf {
        use raft_store::state::StateStores as _;
        let dir = Self::room("state");
        let names = self.states.names(&dir).unwrap();
        let mut counting = names.iter().filter(|name| !name.contains("bad"));
        let name = counting.next().expect("there is a state");
        assert_eq!(counting.next(), None, "and only one");
        dir.join(name)
    }
}

pub(crate) fn open(seams: Seams, dir: &Path) -> Result<Node, OpenError> {
    // Small segments, so that a short history rolls and purges them.
    let options = StoreOptions {
        log: LogOptions {
            segment_bytes: 4096,
            cache_bytes: 2048,
            ..LogOptions::default()
        },
    };
    Store::open(seams, dir, IDENTITY, options).map(|store| Node { store })
}

/// A node whose openraft is the test.
pub(crate) struct Node {
    pub(crate) store: Store,
}

impl Node {
    /// Appends, and waits until it is durable.
    pub(crate) fn append(&mut self, entries: &[RaftEntry]) -> std::io::Result<()> {
        let (done, wait) = TypeConfig::oneshot();
        let flushed = IOFlushed::signal(done);
        block_on(async {
            self.store.log.append(entries.to_vec(), flushed).await?;
            wait.await.expect("every append is answered")
        })
    }

    pub(crate) fn vote(&mut self, term: u64) -> std::io::Result<()> {
        block_on(self.store.log.save_vote(&RaftVote::new_committed(term, 1)))
    }

    pub(crate) fn saved_vote(&mut self) -> Option<RaftVote> {
        block_on(self.store.log.read_vote()).unwrap()
    }

    pub(crate) fn commit(&mut self, id: RaftLogId) -> std::io::Result<()> {
        block_on(self.store.log.save_committed(Some(id)))
    }

    pub(crate) fn apply(&mut self, entries: &[RaftEntry]) -> std::io::Result<()> {
        let entries: Vec<_> = entries
            .iter()
            .map(|entry| Ok((entry.clone(), None)))
            .collect();
        block_on(self.store.machine.apply(stream::iter(entries)))
    }

    /// Applies what the log says is committed, as openraft does at a start.
    pub(crate) fn apply_committed(&mut self) -> std::io::Result<()> {
        let committed = block_on(self.store.log.read_committed())?;
        let next = self.applied().index().map_or(0, |index| index + 1);
        let end = committed.map_or(0, |id| id.index + 1);
        if next >= end {
            return Ok(());
        }
        block_on(async {
            let entries = self.store.log.try_get_log_entries(next..end).await?;
            assert_eq!(entries.first().map(|entry| entry.log_id.index), Some(next));
            let entries = entries.into_iter().map(|entry| Ok((entry, None)));
            self.store.machine.apply(stream::iter(entries)).await
        })
    }

    /// Appends, commits and applies.
    pub(crate) fn run(&mut self, entries: &[RaftEntry]) -> std::io::Result<()> {
        self.append(entries)?;
        self.commit(entries.last().expect("some entries").log_id)?;
        self.apply(entries)
    }

    pub(crate) fn snapshot(&mut self) -> std::io::Result<RaftSnapshot> {
        block_on(async {
            let builder = self.store.machine.try_create_snapshot_builder(true).await;
            builder.expect("a forced builder").build_snapshot().await
        })
    }

    pub(crate) fn purge(&mut self, upto: RaftLogId) -> std::io::Result<()> {
        block_on(self.store.log.purge(upto))
    }

    /// Sends a snapshot over, in pieces, and installs it.
    pub(crate) fn install(&mut self, snapshot: &RaftSnapshot) -> std::io::Result<()> {
        let from = &snapshot.snapshot;
        let mut incoming = self.store.snapshots.receive(from.len())?;
        loop {
            let bytes = from.read_at(incoming.len(), 1000)?;
            if bytes.is_empty() {
                break;
            }
            incoming.write(&bytes)?;
        }
        let file = incoming.finish()?;
        block_on(self.store.machine.install_snapshot(&snapshot.meta, file))
    }

    /// The entries of the log from `index` on.
    pub(crate) fn entries_from(&mut self, index: u64) -> Vec<RaftEntry> {
        block_on(self.store.log.try_get_log_entries(index..)).unwrap()
    }

    pub(crate) fn applied(&self) -> Arc<Applied> {
        Arc::clone(&self.store.applied.borrow())
    }

    pub(crate) fn close(self) {
        let Store {
            log,
            machine,
            keeper,
            ..
        } = self.store;
        drop((log, machine));
        keeper.close().unwrap();
    }
}
