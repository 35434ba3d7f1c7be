//! Whoever waits for a writer that fails is told, and nobody waits for ever.

use std::path::Path;
use std::pin::Pin;
use std::sync::mpsc;
use std::time::Duration;

use futures::executor::block_on;
use futures::future::join_all;
use futures::poll;

use super::*;
use crate::disk::memory::MemoryDisk;
use crate::log::LogOptions;
use crate::state::{MemoryStates, RowIter, StateStores};

/// Far more than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Databases of which the next write can be held up.
#[derive(Debug, Clone, Default)]
struct Held {
    states: MemoryStates,
    gate: Arc<Mutex<Option<Gate>>>,
}

/// Says that a write has begun, and lets it go on.
#[derive(Debug)]
struct Gate {
    begun: mpsc::Sender<()>,
    go_on: mpsc::Receiver<()>,
}

#[derive(Debug)]
struct HeldState {
    state: Box<dyn StateStore>,
    gate: Arc<Mutex<Option<Gate>>>,
}

impl StateStores for Held {
    fn names(&self, dir: &Path) -> Result<Vec<String>, StateError> {
        self.states.names(dir)
    }
    fn open(&self, path: &Path) -> Result<Box<dyn StateStore>, StateError> {
        Ok(Box::new(HeldState {
            state: self.states.open(path)?,
            gate: Arc::clone(&self.gate),
        }))
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<(), StateError> {
        self.states.rename(from, to)
    }
    fn remove(&self, path: &Path) -> Result<(), StateError> {
        self.states.remove(path)
    }
}

impl StateStore for HeldState {
    fn rows(&self) -> RowIter<'_> {
        self.state.rows()
    }
    fn write(&mut self, batch: Vec<Write>) -> Result<(), StateError> {
        if let Some(Gate { begun, go_on }) = self.gate.lock().unwrap().take() {
            begun.send(()).unwrap();
            go_on.recv().unwrap();
        }
        self.state.write(batch)
    }
    fn sync(&mut self) -> Result<(), StateError> {
        self.state.sync()
    }
}

fn writer(stores: &Held) -> Arc<StateWriter> {
    let disk: Arc<dyn crate::disk::Disk> = Arc::new(MemoryDisk::new());
    let log = Log::open(
        Arc::clone(&disk),
        Path::new("/wal"),
        (1, 1),
        LogOptions::default(),
        Work::Inline,
    );
    let stores = Arc::new(stores.clone());
    let (mut generations, _) = Generations::open(disk, stores, Path::new("/state")).unwrap();
    let store = generations.rebuild(&Applied::default()).unwrap();
    let writer = StateWriter::start(generations, store, log.unwrap(), Work::Threads);
    Arc::new(writer.unwrap())
}

type Waiting = Pin<Box<dyn Future<Output = Result<(), StateFault>> + Send>>;

#[test]
fn whoever_waits_behind_a_write_that_fails_is_told() {
    let stores = Held::default();
    let writer = writer(&stores);
    let (begun, until_begun) = mpsc::channel();
    let (release, go_on) = mpsc::channel();
    *stores.gate.lock().unwrap() = Some(Gate { begun, go_on });
    let state = Arc::new(Applied::default());
    writer.store(Arc::clone(&state), BTreeSet::new()).unwrap();
    until_begun.recv_timeout(PATIENCE).unwrap();

    // They come while the thread writes: it has not taken them.
    let (one, other, replacing) = (writer.clone(), writer.clone(), writer.clone());
    let mut waiting: Vec<Waiting> = vec![
        Box::pin(async move { one.sync().await }),
        Box::pin(async move { replacing.replace(state).await }),
        Box::pin(async move { other.sync().await }),
    ];
    for waiting in &mut waiting {
        let polled = block_on(async { poll!(waiting) });
        assert!(polled.is_pending(), "{polled:?}");
    }
    stores.states.fail("the disk is gone");
    release.send(()).unwrap();

    let (told, outcomes) = mpsc::channel();
    thread::spawn(move || told.send(block_on(join_all(waiting))).unwrap());
    let outcomes = outcomes.recv_timeout(PATIENCE).expect("one waits for ever");
    let mut refused = outcomes.into_iter().map(Result::unwrap_err);
    assert!(refused.all(|fault| cause(&fault).contains("the disk is gone")));

    // And it takes nothing more.
    let later = writer.store(Arc::default(), BTreeSet::new()).unwrap_err();
    assert!(cause(&later).contains("the disk is gone"), "{later:?}");
    block_on(writer.room()).unwrap_err();
    block_on(writer.sync()).unwrap_err();
    writer.stop().unwrap_err();
}

fn cause(fault: &StateFault) -> String {
    crate::chain::Chain(fault).to_string()
}
