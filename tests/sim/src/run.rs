//! One run: a cluster, clients, faults for most of a minute, then peace, in which everything has to come right.

use crate::{
    chance::Chance,
    client::{self, Client, Shared},
    clock, entropy,
    faults::Faults,
    invariants::{self, Invariant, SeenFile, Step, Whole, replayed},
    machine::{Ended, Machine},
    net::{Net, Site},
    observe::Observer,
    pki::Pki,
    trace::{self, note, turn_of},
};
use node::NodeError;
use oracle::{Answered, History};
use std::{collections::BTreeMap, error::Error, time::Duration};
use tempfile::TempDir;
use tokio::{
    runtime::{Builder, RngSeed, Runtime, UnhandledPanic},
    task::{JoinHandle, LocalSet},
    time,
};

/// What came of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) nodes: Site,
    pub(crate) millis: u64,
    pub(crate) faults: BTreeMap<&'static str, u64>,
    pub(crate) operations: BTreeMap<&'static str, u64>,
    /// The last committed index.
    pub(crate) committed: u64,
    /// How long it took from peace to a write through every node, in milliseconds.
    pub(crate) recovered: u64,
    /// The first thing that did not hold.
    pub(crate) violation: Option<String>,
}

/// When faults end.
const PEACE: u64 = 48_000;
/// A run is at least so long.
const LENGTH: u64 = 60_000;
/// How long after peace a write goes through every node, at the most: elections, connections that have to be found
/// dead, a node that still starts.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long after that all nodes are alike.
const CONVERGES_WITHIN: u64 = 5000;
const CLIENTS: u32 = 4;
const MILLISECOND: Duration = Duration::from_millis(1);

/// Runs `seed`; certificates are in `directory`.
///
/// # Errors
/// It could not be set up.
pub(crate) fn run(seed: u64, directory: TempDir) -> Result<Report, Box<dyn Error>> {
    let mut run = Run::new(seed, directory)?;
    let outcome = run.all();
    let mut report = Report {
        nodes: run.machines.len() as u64,
        millis: run.now,
        faults: std::mem::take(&mut run.faults.made),
        operations: counted(&run.shared.history.borrow()),
        committed: run.committed.log.last().unwrap_or(0),
        recovered: run.recovered,
        violation: outcome.err(),
    };
    if let Some(violation) = &mut report.violation {
        turn_of("run");
        note!("VIOLATION {violation}");
        violation.insert_str(0, &format!("at {} ms: ", run.now));
    }
    Ok(report)
}

struct Run {
    now: u64,
    seed: u64,
    net: Net,
    pki: Pki,
    machines: Vec<Machine>,
    observers: Vec<Observer>,
    faults: Faults,
    shared: Shared,
    /// Where the clients run.
    outside: Outside,
    invariants: Vec<Box<dyn Invariant>>,
    committed: invariants::CommittedStays,
    recovered: u64,
}

struct Outside {
    runtime: Runtime,
    set: LocalSet,
}

impl Run {
    fn new(seed: u64, directory: TempDir) -> Result<Self, Box<dyn Error>> {
        let mut chance = Chance::new(seed, "run");
        let nodes = if chance.percent(20) { 5 } else { 3 };
        let snapshot_after = chance.pick(&[10, 30, 100, 400]);
        let net = Net::new(seed);
        let pki = Pki::new(seed, nodes, directory)?;
        turn_of("run");
        note!("seed {seed}: {nodes} nodes, a snapshot every {snapshot_after} entries");
        let machines =
            (1..=nodes).map(|id| Machine::new(seed, id, nodes, &pki, net.clone(), snapshot_after));
        let machines = machines.collect::<Result<Vec<_>, _>>()?;
        let clients = (0..CLIENTS).map(client::site).collect();
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .rng_seed(RngSeed::from_bytes(&seed.to_le_bytes()))
            .unhandled_panic(UnhandledPanic::ShutdownRuntime)
            .build()?;
        let (invariants, committed) = invariants::all();
        Ok(Self {
            now: 0,
            seed,
            faults: Faults::new(seed, net.clone(), nodes, clients),
            net,
            pki,
            observers: machines.iter().map(|_| Observer::default()).collect(),
            machines,
            shared: Shared::default(),
            outside: Outside {
                runtime,
                set: LocalSet::new(),
            },
            invariants,
            committed,
            recovered: 0,
        })
    }

    fn all(&mut self) -> Result<(), String> {
        for machine in &mut self.machines {
            machine.start().map_err(|error| error.to_string())?;
        }
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            clients.push(self.begin(self.client(number)?.run()));
        }
        while self.now < PEACE {
            self.step()?;
            let acted = self.faults.act(self.now, &mut self.machines);
            acted.map_err(|error| error.to_string())?;
        }
        let healed = self.faults.heal(self.now, &mut self.machines);
        healed.map_err(|error| error.to_string())?;
        let peace = self.now;
        self.shared.enough.set(true);
        self.until("clients end", 40_000, |_| {
            clients.iter().all(JoinHandle::is_finished)
        })?;
        let last = self.client(CLIENTS)?.last_words(PATIENCE);
        let last = self.begin(last);
        self.until("the last words", 40_000, |_| last.is_finished())?;
        let said = self.outside.runtime.block_on(last);
        said.map_err(|error| error.to_string())??;
        self.recovered = self.now - peace;
        self.until("all nodes alike", CONVERGES_WITHIN, Self::are_alike)?;
        while self.now < LENGTH {
            self.step()?;
        }
        if !self.are_alike() {
            return Err("nodes that were alike are not any more, and nothing was asked".into());
        }
        self.look_back()
    }

    /// Lets a millisecond pass everywhere, and looks.
    fn step(&mut self) -> Result<(), String> {
        self.now += 1;
        let now = self.now;
        entropy::set_time(now * 1_000_000);
        clock::set_time(now);
        trace::set_time(now);
        self.net.advance(now);
        for machine in &mut self.machines {
            let node = machine.id;
            match machine.tick() {
                Ok(None) => {}
                Ok(Some(Ended::Failed(error))) if error.needs_a_person() => {
                    return Err(format!("n{node} needs a person: {error:?}"));
                }
                Ok(Some(Ended::Failed(NodeError::Store { cause, .. }))) if machine.must_open() => {
                    return Err(format!("n{node} does not open its directory: {cause:?}"));
                }
                // No certificate is valid where a clock is years behind.
                Ok(Some(Ended::Failed(NodeError::Tls(error)))) if error.is_of_time() => {
                    self.faults.start_again(now, node);
                }
                Ok(Some(Ended::Failed(error))) if machine.is_sound() => {
                    return Err(format!("n{node} has ended for no reason: {error:?}"));
                }
                Ok(Some(_)) => self.faults.start_again(now, node),
                Err(why) => return Err(format!("n{node} {why}")),
            }
        }
        // Also in peace: what ended by itself is started again.
        let started = self.faults.restart(now, &mut self.machines);
        started.map_err(|error| error.to_string())?;
        turn_of("clients");
        let Outside { runtime, set } = &self.outside;
        set.block_on(runtime, async { time::sleep(MILLISECOND).await });
        self.look()
    }

    fn look(&mut self) -> Result<(), String> {
        turn_of("look");
        let mut seen = Vec::new();
        for (machine, observer) in self.machines.iter().zip(&mut self.observers) {
            seen.push(observer.look(machine)?);
        }
        let nodes: Vec<_> = seen
            .into_iter()
            .zip(&self.observers)
            .filter_map(|(seen, observer)| Some((seen?, observer)))
            .collect();
        let files: Vec<_> = self
            .machines
            .iter()
            .map(|machine| SeenFile {
                node: machine.id,
                contents: machine.files.seen(),
                taken_back: machine.files.was_taken_back(),
            })
            .collect();
        for (seen, _) in nodes
            .iter()
            .filter(|(seen, _)| seen.changed_from < u64::MAX)
        {
            let (node, vote, last) = (seen.node, seen.vote, seen.last);
            note!(
                "n{node} {vote:?} log to {last:?} committed {:?}",
                seen.committed
            );
        }
        let step = Step {
            nodes: &nodes,
            files: &files,
        };
        self.committed
            .step(&step)
            .map_err(|why| told(self.committed.name(), &why))?;
        for invariant in &mut self.invariants {
            let held = invariant.step(&step);
            held.map_err(|why| told(invariant.name(), &why))?;
        }
        Ok(())
    }

    fn look_back(&mut self) -> Result<(), String> {
        let replay = replayed(&self.committed.log)?;
        // The search for a second opinion takes real time.
        entropy::end();
        let history = self.shared.history.borrow();
        let whole = Whole {
            history: &history,
            replay: &replay,
            last: self.committed.log.last().unwrap_or(0),
            cluster: self.pki.cluster.as_u128(),
        };
        for invariant in &mut self.invariants {
            let held = invariant.whole(&whole);
            held.map_err(|why| told(invariant.name(), &why))?;
        }
        Ok(())
    }

    fn client(&self, number: u32) -> Result<Client, String> {
        let Self { seed, net, pki, .. } = self;
        let nodes = self.machines.len() as u64;
        // A lazy channel begins on a runtime.
        let _outside = self.outside.runtime.enter();
        let client = Client::new(*seed, number, nodes, net, pki, self.shared.clone());
        client.map_err(|error| error.to_string())
    }

    fn begin<T: 'static>(&self, work: impl Future<Output = T> + 'static) -> JoinHandle<T> {
        let _outside = self.outside.runtime.enter();
        self.outside.set.spawn_local(work)
    }

    /// Steps until `done`, for so many milliseconds at the most.
    fn until(
        &mut self,
        what: &str,
        millis: u64,
        done: impl Fn(&Self) -> bool,
    ) -> Result<(), String> {
        let end = self.now + millis;
        while !done(self) {
            if self.now >= end {
                return Err(format!("liveness: not within {millis} ms: {what}"));
            }
            self.step()?;
        }
        Ok(())
    }

    /// Whether all nodes run, with one state, and with one hosts file of it.
    fn are_alike(&self) -> bool {
        let first = self.machines.first().and_then(Machine::inside);
        let Some(first) = first.map(|inside| inside.applied.borrow().clone()) else {
            return false;
        };
        self.machines.iter().all(|machine| {
            machine.inside().is_some_and(|inside| {
                let (applied, published) = (inside.applied.borrow(), inside.published.borrow());
                applied.index() == first.index()
                    && applied.digest() == first.digest()
                    && published.revision == applied.projection.revision()
            })
        })
    }
}

fn told(invariant: &str, why: &str) -> String {
    format!("{invariant}: {why}")
}

fn counted(history: &History) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for operation in &history.operations {
        let kind = match &operation.answered {
            Answered::Acknowledged { .. } => "acknowledged",
            Answered::Rejected(_) => "rejected",
            Answered::Refused => "refused",
            Answered::Unknown => "unknown",
            Answered::Read { .. } => "reads",
        };
        *counts.entry(kind).or_default() += 1;
    }
    counts
}
