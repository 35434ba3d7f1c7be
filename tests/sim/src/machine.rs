//! One machine: a real node on its own runtime, whose time moves a millisecond a turn.
//!
//! Its disk, its state and its hosts file outlive the node. When the node is killed or the power is cut, everything
//! it had in hand is dropped, and the next one gets what a disk may have kept.

use crate::{
    chance::Chance,
    clock::SimClock,
    files::SimFiles,
    net::{Net, Site},
    pki::Pki,
    trace::{note, turn_of},
};
use futures::FutureExt as _;
use node::{
    Inside, NodeError, Seams,
    config::Config,
    publish::hooks::{Facts, Running, Shell},
};
use openraft::{ServerState, async_runtime::WatchReceiver as _};
use raft_store::{
    disk::{
        Disk as _, Work,
        memory::{MemoryDisk, Operation, Trouble},
    },
    position::Vote,
    raft::Runtime as RaftRuntime,
    state::MemoryStates,
};
use std::{
    error::Error,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    runtime::{Builder, RngSeed, Runtime, UnhandledPanic},
    sync::oneshot,
    task::JoinHandle,
    time,
};

/// A machine and what runs on it.
pub(crate) struct Machine {
    pub(crate) id: Site,
    pub(crate) disk: MemoryDisk,
    pub(crate) states: MemoryStates,
    pub(crate) files: SimFiles,
    pub(crate) clock: SimClock,
    config: Config,
    net: Net,
    chance: Chance,
    running: Option<Process>,
    /// How many nodes have run on it.
    pub(crate) lives: u64,
    sound: bool,
    /// Its disk has never failed; losing its power is no failure.
    unspoilt: bool,
    /// What fails on its disk, and how often that will have been done by then.
    trouble: Option<(Operation, u64)>,
    /// Milliseconds that its node has gone on for after that.
    in_spite: u64,
}

struct Process {
    runtime: Runtime,
    task: JoinHandle<Result<(), NodeError>>,
    stop: Option<oneshot::Sender<()>>,
    inside: Arc<Mutex<Option<Inside>>>,
    paused: bool,
    /// Milliseconds it has been paused for.
    asleep: u64,
    suspended: bool,
}

/// How a node goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// SIGKILL: the disk keeps everything, flushed or not.
    Killed,
    /// The machine loses its power with it.
    PowerCut,
}

impl Machine {
    /// The machine of node `id` of `nodes`, switched off.
    ///
    /// # Errors
    /// The configuration is refused.
    pub(crate) fn new(
        seed: u64,
        id: Site,
        nodes: Site,
        pki: &Pki,
        net: Net,
        snapshot_after: u64,
    ) -> Result<Self, Box<dyn Error>> {
        let text = pki.config(id, nodes);
        let mut config = Config::parse(&text, &pki.inside(id, "config.toml"), |_| None)?;
        config.raft.snapshot_entries = snapshot_after;
        config.raft.snapshot_keep = snapshot_after / 5;
        config.raft.snapshot_lag = snapshot_after * 2;
        Ok(Self {
            id,
            disk: MemoryDisk::new(),
            states: MemoryStates::new(),
            files: SimFiles::default(),
            clock: SimClock::new(seed, &format!("clock {id}")),
            config,
            net,
            chance: Chance::new(seed, &format!("machine {id}")),
            running: None,
            lives: 0,
            sound: true,
            unspoilt: true,
            trouble: None,
            in_spite: 0,
        })
    }

    /// Starts a node.
    ///
    /// # Errors
    /// There is no runtime.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        turn_of(&format!("n{}", self.id));
        note!("start");
        self.lives += 1;
        self.sound = true;
        self.trouble = None;
        self.in_spite = 0;
        self.net.lighten(self.id);
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .rng_seed(RngSeed::from_bytes(&self.chance.next().to_le_bytes()))
            .unhandled_panic(UnhandledPanic::ShutdownRuntime)
            .build()?;
        let seams = Seams {
            network: Arc::new(self.net.plug(self.id)),
            clock: Arc::new(self.clock.clone()),
            files: Arc::new(self.files.clone()),
            shell: Arc::new(NoShell),
            store: raft_store::Seams {
                disk: Arc::new(self.disk.clone()),
                states: Arc::new(self.states.clone()),
                work: Work::Inline,
            },
        };
        let inside = Arc::new(Mutex::new(None));
        let shown = Arc::clone(&inside);
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = stopped.map(drop);
        let serve = node::serve(self.config.clone(), seams, stopped, move |serving| {
            *shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(serving.inside.clone());
        });
        let task = runtime.spawn(RaftRuntime::scope(self.chance.next(), serve));
        self.running = Some(Process {
            runtime,
            task,
            stop: Some(stop),
            inside,
            paused: false,
            asleep: 0,
            suspended: false,
        });
        Ok(())
    }

    /// Lets a millisecond pass on it.
    ///
    /// # Errors
    /// A task of the node panicked, or it goes on although its disk has failed.
    pub(crate) fn tick(&mut self) -> Result<Option<Ended>, String> {
        turn_of(&format!("n{}", self.id));
        let Some(process) = &mut self.running else {
            return Ok(None);
        };
        if process.suspended {
            return Ok(None);
        }
        if process.paused {
            process.asleep += 1;
            return Ok(None);
        }
        let late = std::mem::take(&mut process.asleep);
        let Process { runtime, task, .. } = process;
        let turn = async {
            runtime.block_on(async {
                if late > 0 {
                    // The clock went on without it.
                    time::advance(Duration::from_millis(late)).await;
                }
                time::sleep(Duration::from_millis(1)).await;
                task.is_finished().then_some(task)
            })
        };
        // openraft's chance, for tasks that did not get theirs from the one that began them.
        let turn = RaftRuntime::scope(self.chance.next(), turn);
        let turn = AssertUnwindSafe(|| turn.now_or_never().flatten());
        let ended = catch_unwind(turn).map_err(|panic| panicked(&*panic))?;
        let Some(task) = ended else {
            return self.must_not_go_on().map(|()| None);
        };
        let ended = match process.runtime.block_on(task) {
            Ok(Ok(())) => Ended::Stopped,
            Ok(Err(error)) => Ended::Failed(error),
            Err(ended) => return Err(panicked(&*ended.into_panic())),
        };
        note!("ended: {ended:?}");
        // What a program leaves when it ends by itself is what the kernel has of it.
        self.end(End::Killed);
        Ok(Some(ended))
    }

    /// What the log cannot write or flush ends the node (DESIGN, invariant 6): in so long it has.
    fn must_not_go_on(&mut self) -> Result<(), String> {
        let failed = self
            .trouble
            .filter(|(operation, at)| self.disk.counts().of(*operation) > *at);
        if let Some((operation, _)) = failed {
            self.in_spite += 1;
            if self.in_spite > GIVES_UP_WITHIN {
                return Err(format!(
                    "goes on although its disk has failed: {operation:?}"
                ));
            }
        }
        Ok(())
    }

    /// Takes the node away. What is left is left by chance.
    pub(crate) fn end(&mut self, how: End) {
        turn_of(&format!("n{}", self.id));
        note!("{how:?}");
        if how == End::PowerCut {
            self.net.darken(self.id);
        }
        // What the old node does while it is dropped, it does to a disk that nobody has.
        let (disk, states) = (self.disk.fork(), self.states.fork());
        match how {
            End::Killed => {
                disk.kill();
                self.files = self.files.after(None);
            }
            End::PowerCut => {
                disk.crash(self.chance.next());
                states.crash(self.chance.next());
                self.files = self.files.after(Some(&mut self.chance));
            }
        }
        (self.disk, self.states) = (disk, states);
        if let Some(process) = self.running.take() {
            drop(process.inside.lock().map(|mut inside| inside.take()));
            drop(process);
        }
    }

    /// Asks the node to stop in order.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self
            .running
            .as_mut()
            .and_then(|process| process.stop.take())
        {
            note!("n{} is told to stop", self.id);
            // It may have ended by itself.
            let _late = stop.send(());
        }
    }

    /// Stops it as SIGSTOP does, or lets it go on.
    pub(crate) fn pause(&mut self, paused: bool) {
        if let Some(process) = &mut self.running {
            process.paused = paused;
        }
    }

    /// Stops the whole machine, as a virtual one stands still while it is moved to another host: when it goes on, no
    /// time has passed for it, except on the wall clock.
    pub(crate) fn suspend(&mut self, suspended: bool) {
        if let Some(process) = &mut self.running {
            process.suspended = suspended;
        }
    }

    /// Whether what it shows has to be on its disk.
    pub(crate) const fn is_sound(&self) -> bool {
        self.sound
    }

    /// The `nth` call of `operation` on its disk fails; 0 is the next one.
    pub(crate) fn spoil(&mut self, operation: Operation, nth: u64, trouble: Trouble) {
        self.sound = false;
        self.unspoilt = false;
        self.disk.fail(operation, nth, trouble);
        if matches!(operation, Operation::Append | Operation::Sync) {
            self.trouble = Some((operation, self.disk.counts().of(operation) + nth));
            self.in_spite = 0;
        }
    }

    /// Its power goes in the middle of the change after so many more.
    pub(crate) fn cut_after(&mut self, changes: u64) {
        self.sound = false;
        self.disk.cut_after(changes);
    }

    /// Whether a node must be able to start on what is there.
    pub(crate) const fn must_open(&self) -> bool {
        self.unspoilt
    }

    /// What its node has promised.
    pub(crate) fn vote(&self) -> Option<Vote> {
        self.inside()?.log.state().vote
    }

    /// How far its snapshot reaches, as its name says.
    pub(crate) fn snapshot(&self) -> Option<u64> {
        let names = self.disk.list(Path::new(SNAPSHOTS)).ok()?;
        let reached = names.iter().filter_map(|name| {
            let (reach, origin) = name.split_once('.')?;
            let (index, _term) = reach.split_once('-')?;
            let counts = matches!(origin, "built" | "received");
            counts.then(|| index.parse().ok())?
        });
        reached.max()
    }

    /// Whether a snapshot was set aside on it although its disk never failed.
    pub(crate) fn has_torn_snapshot(&self) -> bool {
        let names = self.disk.list(Path::new(SNAPSHOTS));
        self.unspoilt && names.is_ok_and(|names| names.iter().any(|name| name.ends_with(".bad")))
    }

    /// Whether the power is gone that was to go in the middle of its work.
    pub(crate) fn has_no_power(&self) -> bool {
        self.disk.list(Path::new("/")).is_err()
    }

    /// Whether there is a node.
    pub(crate) fn is_up(&self) -> bool {
        self.running.is_some()
    }

    /// Whether its node says that it leads.
    pub(crate) fn leads(&self) -> bool {
        let inside = self.inside();
        inside.is_some_and(|inside| {
            let metrics = inside.raft.metrics();
            metrics.borrow_watched().state == ServerState::Leader
        })
    }

    /// What goes on in it, once it takes calls.
    pub(crate) fn inside(&self) -> Option<Inside> {
        let process = self.running.as_ref()?;
        let inside = process
            .inside
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        inside.clone()
    }
}

/// Where a node keeps its snapshots.
const SNAPSHOTS: &str = "/data/raft/snapshots";

/// Milliseconds from a failure of the disk to the end of its node, at the most: calls and parts have their time to end.
const GIVES_UP_WITHIN: u64 = 10_000;

/// How a node ended by itself.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It was told to stop, and did.
    Stopped,
    /// It gave up.
    Failed(NodeError),
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("without words"))
}

/// There are no hooks in a simulation.
#[derive(Debug)]
struct NoShell;

impl Shell for NoShell {
    fn start(&self, command: &str, _facts: &Facts) -> io::Result<Box<dyn Running>> {
        Err(io::Error::other(format!("there is no shell for {command}")))
    }
}
