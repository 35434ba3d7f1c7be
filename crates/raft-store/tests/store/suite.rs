//! openraft's own suite for storage, on the real machine and on a simulated
//! one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use raft_store::disk::{Work, memory::MemoryDisk};
use raft_store::raft::TypeConfig;
use raft_store::state::MemoryStates;
use raft_store::{Identity, Keeper, LogStore, Seams, StateMachine, Store, StoreOptions};
use tempfile::TempDir;

const IDENTITY: Identity = Identity {
    cluster: 0xC0FFEE,
    node: 0,
};

fn open(seams: Seams, dir: &Path) -> (Keeper, LogStore, StateMachine) {
    let store = Store::open(seams, dir, IDENTITY, StoreOptions::default()).unwrap();
    (store.keeper, store.log, store.machine)
}

struct OnDisk;

impl StoreBuilder<TypeConfig, LogStore, StateMachine, Guard> for OnDisk {
    async fn build(&self) -> Result<(Guard, LogStore, StateMachine), StorageError<TypeConfig>> {
        let dir = tempfile::tempdir().unwrap();
        let (keeper, log, machine) = open(Seams::real(), dir.path());
        Ok((Guard(keeper, Some(dir)), log, machine))
    }
}

struct InMemory(Work);

impl StoreBuilder<TypeConfig, LogStore, StateMachine, Guard> for InMemory {
    async fn build(&self) -> Result<(Guard, LogStore, StateMachine), StorageError<TypeConfig>> {
        let seams = Seams {
            disk: Arc::new(MemoryDisk::new()),
            states: Arc::new(MemoryStates::new()),
            work: self.0,
        };
        static STORES: AtomicU32 = AtomicU32::new(0);
        let number = STORES.fetch_add(1, Ordering::Relaxed);
        let (keeper, log, machine) = open(seams, &PathBuf::from(format!("/data-{number}")));
        Ok((Guard(keeper, None), log, machine))
    }
}

/// Holds the lock and the directory while a test runs.
struct Guard(
    #[expect(dead_code, reason = "held")] Keeper,
    #[expect(dead_code, reason = "held")] Option<TempDir>,
);

#[tokio::test]
async fn the_store_passes_on_a_real_disk() {
    Suite::test_all(OnDisk).await.unwrap();
}

#[tokio::test]
async fn the_store_passes_in_memory_on_threads() {
    Suite::test_all(InMemory(Work::Threads)).await.unwrap();
}

#[tokio::test]
async fn the_store_passes_in_memory_without_threads() {
    Suite::test_all(InMemory(Work::Inline)).await.unwrap();
}
