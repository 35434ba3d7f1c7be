//! Many trials: every kind of fault in turn, on clusters of three and of five.
//!
//! A cluster lives for some trials, so that logs grow, terms add up, and what one fault leaves behind meets the next.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chance::Chance;
use crate::fault::{self, Fault, Target};
use crate::ledger;
use crate::net::Network;
use crate::site::Site;
use crate::trial::{Bench, Outcome, Verdict};
use crate::world::World;

/// Trials that one cluster lives for.
const LIFE: usize = 14;
/// The largest cluster.
const NODES_MAX: usize = 5;

/// What one cluster is for.
struct Life<'a> {
    number: usize,
    nodes: usize,
    plan: &'a [&'a Fault],
    /// Trials of the whole campaign that have to show something.
    count: usize,
}

/// What a campaign came to.
#[derive(Default)]
pub(crate) struct Campaign {
    pub(crate) seed: u64,
    pub(crate) trials: usize,
    pub(crate) inconclusive: usize,
    pub(crate) violations: usize,
    pub(crate) cuts: usize,
    pub(crate) operations: usize,
    pub(crate) acknowledged: usize,
    pub(crate) unknown: usize,
    looks: u64,
    /// Clusters that got a second opinion, …
    pub(crate) opinions: usize,
    /// … and those that got none.
    no_opinion: usize,
    /// Names that a second opinion could not decide about.
    undecided: usize,
    rows: BTreeMap<&'static str, Row>,
}

/// One kind of fault.
#[derive(Default)]
struct Row {
    leader: bool,
    trials: usize,
    inconclusive: usize,
    violations: usize,
    gaps: Vec<Duration>,
}

/// Runs trials until `count` of them have shown something; `only` leaves out the faults whose name does not have it.
/// As many again may be inconclusive; beyond that there are fewer that are not.
pub(crate) fn run(world: &World, count: usize, only: &str) -> Campaign {
    let mut chance = Chance::new();
    let network = Arc::new(Network::new(NODES_MAX, chance.seed));
    let mut campaign = Campaign {
        seed: chance.seed,
        ..Campaign::default()
    };
    let mut faults = fault::all();
    faults.retain(|fault| fault.name.contains(only));
    assert!(!faults.is_empty(), "no fault is called {only:?}");
    let first = chance.below(faults.len());
    let plan: Vec<&Fault> = (0..2 * count)
        .map(|number| faults[(first + number) % faults.len()])
        .collect();
    for (life, plan) in plan.chunks(LIFE).enumerate() {
        if campaign.conclusive() >= count {
            break;
        }
        // Two of three clusters have three nodes, as most will have.
        let nodes = if life % 3 == 1 { 5 } else { 3 };
        let trials = Life {
            number: life,
            nodes,
            plan,
            count,
        };
        campaign.life(world, &network, trials, &mut chance);
    }
    campaign
}

impl Campaign {
    fn life(&mut self, world: &World, network: &Arc<Network>, life: Life<'_>, chance: &mut Chance) {
        let Life {
            number: life,
            nodes,
            plan,
            count,
        } = life;
        let mut plan = plan.iter();
        let mut formed = 0;
        while plan.len() > 0 && self.conclusive() < count {
            // Every other cluster takes snapshots all the time.
            let snapshots = if life % 2 == 1 { SNAPSHOTS } else { LOG_KEPT };
            let name = format!("c{life}-{formed}");
            let site = Site::form(&world.room, &name, nodes, snapshots);
            formed += 1;
            let mut bench = Bench::new(world, network, site);
            for fault in plan.by_ref() {
                let seed = u64::try_from(chance.below(1 << 48)).unwrap();
                let started = Instant::now();
                let outcome = bench.trial(fault, seed);
                let number = self.trials;
                self.note(fault, &outcome);
                say(number, nodes, seed, fault, &outcome, started.elapsed());
                if let Verdict::Violated(wrong) = &outcome.verdict {
                    for wrong in wrong.iter().take(SHOWN) {
                        eprintln!("    {}", wrong.chars().take(2000).collect::<String>());
                    }
                    self.keep(&bench, &number.to_string());
                    // Whatever is broken is not to be blamed for the next one.
                    network.heal();
                    break;
                }
                if outcome.unread || self.conclusive() >= count {
                    break;
                }
            }
            self.second_opinion(&bench, &name);
        }
    }

    /// What somebody else thinks of all that the clients of a cluster were told.
    fn second_opinion(&mut self, bench: &Bench<'_>, name: &str) {
        let started = Instant::now();
        let opinion = match bench.second_opinion() {
            Ok(opinion) => opinion,
            Err(why) => {
                eprintln!("the cluster {name} got no second opinion: {why}");
                self.no_opinion += 1;
                return;
            }
        };
        self.opinions += 1;
        self.undecided += opinion.undecided.len();
        eprintln!(
            "the second opinion of the cluster {name} took {:.1} s: {} names, {} undecided",
            started.elapsed().as_secs_f64(),
            opinion.names,
            opinion.undecided.len()
        );
        if !opinion.illegal.is_empty() {
            self.violations += 1;
            eprintln!("    no explanation for {:?}", opinion.illegal);
            self.keep(bench, name);
        }
    }

    fn keep(&self, bench: &Bench<'_>, what: &str) {
        let kept = format!("violation-{}-{what}", self.seed);
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(kept);
        bench.keep(&kept);
        eprintln!("    the history and the logs are in {}", kept.display());
    }

    /// Trials that have shown something.
    pub(crate) fn conclusive(&self) -> usize {
        self.trials - self.inconclusive
    }

    fn note(&mut self, fault: &Fault, outcome: &Outcome) {
        let row = self.rows.entry(fault.name).or_default();
        row.leader = fault.target == Target::Leader;
        row.trials += 1;
        self.trials += 1;
        self.operations += outcome.operations;
        self.acknowledged += outcome.acknowledged;
        self.unknown += outcome.unknown;
        self.looks += outcome.looks;
        match &outcome.verdict {
            Verdict::Passed => row.gaps.push(outcome.gap),
            Verdict::Inconclusive(_) => {
                row.inconclusive += 1;
                self.inconclusive += 1;
            }
            Verdict::Violated(_) => {
                row.violations += 1;
                self.violations += 1;
            }
        }
        if fault.name.starts_with("power cut") {
            self.cuts += 1;
        }
    }

    /// The write gaps of all trials that took the leader and nobody else, in order.
    pub(crate) fn failovers(&self) -> Vec<Duration> {
        let rows = self.rows.values().filter(|row| row.leader);
        let mut gaps: Vec<_> = rows.flat_map(|row| row.gaps.iter().copied()).collect();
        gaps.sort_unstable();
        gaps
    }

    /// For the ledger.
    pub(crate) fn row(&self) -> ledger::Row {
        ledger::Row {
            kind: "trials",
            trials: self.trials,
            cuts: self.cuts,
            operations: self.operations,
            acknowledged: self.acknowledged,
            unknown: self.unknown,
            violations: self.violations,
            inconclusive: self.inconclusive,
            gaps: self.failovers(),
            seed: self.seed,
        }
    }

    /// The table of `docs/reliability.md`.
    pub(crate) fn show(&self) {
        eprintln!("| Fault | Trials | Inconclusive | Violations | Write gap p50, s | longest, s |");
        eprintln!("|---|---|---|---|---|---|");
        for fault in fault::all() {
            let Some(row) = self.rows.get(fault.name) else {
                continue;
            };
            let mut gaps = row.gaps.clone();
            gaps.sort_unstable();
            let seconds = |share| {
                ledger::quantile(&gaps, share)
                    .map_or("–".to_owned(), |gap| format!("{:.2}", gap.as_secs_f64()))
            };
            eprintln!(
                "| {} | {} | {} | {} | {} | {} |",
                fault.name,
                row.trials,
                row.inconclusive,
                row.violations,
                seconds(50),
                seconds(100),
            );
        }
        let failovers = self.failovers();
        let second = |share| {
            ledger::quantile(&failovers, share)
                .unwrap_or_default()
                .as_secs_f64()
        };
        eprintln!(
            "{} trials with seed {}: {} inconclusive, {} with violations; {} operations, {} changes acknowledged, \
             {} unknown; {} looks at hosts files; second opinions of {} clusters, with {} names undecided, and none of \
             {}; write gap after a fault of the leader alone: p50 {:.2} s, p99 {:.2} s of {}",
            self.trials,
            self.seed,
            self.inconclusive,
            self.violations,
            self.operations,
            self.acknowledged,
            self.unknown,
            self.looks,
            self.opinions,
            self.undecided,
            self.no_opinion,
            second(50),
            second(99),
            failovers.len(),
        );
    }
}

/// Some in each trial: whoever was away for a second or two is sent one.
const SNAPSHOTS: &str = "[raft]\nsnapshot_after = 600\n";
/// None in the life of a cluster.
const LOG_KEPT: &str = "[raft]\nsnapshot_after = 1000000\n";
/// Of the violations of one trial.
const SHOWN: usize = 8;

fn say(number: usize, nodes: usize, seed: u64, fault: &Fault, outcome: &Outcome, took: Duration) {
    let verdict = match &outcome.verdict {
        Verdict::Passed => "passed".to_owned(),
        Verdict::Inconclusive(why) => format!("INCONCLUSIVE ({why})"),
        Verdict::Violated(_) => "VIOLATED".to_owned(),
    };
    eprintln!(
        "{number}: {} ({nodes} nodes, seed {seed}): {verdict}: {}; {:.0} writes/s, {} acknowledged, {} unknown, gap \
         {:.2} s, took {:.1} s",
        fault.name,
        outcome.evidence,
        outcome.rate,
        outcome.acknowledged,
        outcome.unknown,
        outcome.gap.as_secs_f64(),
        took.as_secs_f64(),
    );
}
