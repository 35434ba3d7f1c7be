//! One trial: clients, a fault under them, its end, and the question whether all is true that they were told.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hosts::View;
use hosts::format::render::render;
use node::clock::{Clock as _, SystemClock};
use oracle::{Answered, History, Opinion, Seen};

use crate::chance::Chance;
use crate::fault::{Evidence, Fault, Scene};
use crate::load::Load;
use crate::logs::Logs;
use crate::net::Network;
use crate::site::Site;
use crate::watch::Watch;
use crate::world::World;

/// A cluster under trial, and all that clients were ever told by it.
pub(crate) struct Bench<'a> {
    pub(crate) world: &'a World,
    pub(crate) network: &'a Arc<Network>,
    pub(crate) site: Site,
    pub(crate) watch: Watch,
    logs: Logs,
    history: History,
    trials: u32,
}

/// How a trial ended.
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    /// What was seen of the fault.
    pub(crate) evidence: String,
    /// Acknowledged changes per second before the fault.
    pub(crate) rate: f64,
    /// The longest time without an acknowledged change, from just before the fault on.
    pub(crate) gap: Duration,
    pub(crate) operations: usize,
    pub(crate) acknowledged: usize,
    pub(crate) unknown: usize,
    /// How often hosts files were looked at.
    pub(crate) looks: u64,
    /// Whether the log of this cluster is not known any more.
    pub(crate) unread: bool,
}

/// What it says.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The fault happened under load, and nothing was wrong.
    Passed,
    /// Too little happened for it to mean anything.
    Inconclusive(String),
    /// Something was wrong.
    Violated(Vec<String>),
}

/// Before the fault: a second is enough for the rate.
const BEFORE: Duration = Duration::from_millis(1500);
/// Fewer acknowledged changes a second are no load.
const RATE_MIN: f64 = 50.0;
/// After the fault: elections that it led to are over.
const AFTER: Duration = Duration::from_millis(1500);
/// A cluster whose faults are over takes writes again.
const RECOVERED: Duration = Duration::from_secs(45);
/// For each name.
const OPINION: Duration = Duration::from_secs(5);
/// `docs/operating`: farther from the median of all clocks, one does not stamp.
const TOLERANCE_MS: u64 = 5 * 60 * 1000;
/// Some more of them.
const ENOUGH: usize = 20;

impl<'a> Bench<'a> {
    pub(crate) fn new(world: &'a World, network: &'a Arc<Network>, site: Site) -> Self {
        let scratch = site.scratch("log");
        Self {
            world,
            network,
            watch: Watch::start(&site),
            logs: Logs::start(&site, scratch),
            site,
            history: History::default(),
            trials: 0,
        }
    }

    /// One trial with this fault.
    pub(crate) fn trial(&mut self, fault: &Fault, seed: u64) -> Outcome {
        let mut chance = Chance::from(seed);
        self.trials += 1;
        let mut scene = Scene {
            world: self.world,
            network: self.network,
            site: &mut self.site,
            watch: &self.watch,
            chance: &mut chance,
            leader: 0,
        };
        (fault.prepare)(&mut scene);
        self.network.harm();
        let load = Load::start(&self.site, &format!("t{}", self.trials), seed);
        let started = self.site.talk.now();
        pass(BEFORE);
        let leader = self.site.leader();
        let before = self.site.talk.now();
        let rate = rate(load.acknowledged_since(started), before - started);

        let mut scene = Scene {
            world: self.world,
            network: self.network,
            site: &mut self.site,
            watch: &self.watch,
            chance: &mut chance,
            leader,
        };
        let begun = scene.site.talk.now();
        let ongoing = (fault.begin)(&mut scene);
        pass(fault.lasts);
        let evidence = ongoing(&mut scene);
        let healed = self.site.talk.now();
        pass(AFTER);
        let recovered = within(RECOVERED, || {
            let count = load.acknowledged_since(healed);
            (count >= ENOUGH).then_some(()).ok_or(count.to_string())
        });
        let acknowledged = load.acknowledged();
        let gap = longest_gap(&acknowledged, begun);
        let operations = load.stop(&self.site);
        let count = operations.len();
        let unknown = operations.iter().filter(|operation| {
            matches!(operation.answered, Answered::Unknown) && operation.asked.request().is_some()
        });
        let unknown = unknown.count();
        self.history.operations.extend(operations);

        let mut wrong = Vec::new();
        if let Err(count) = recovered {
            wrong.push(format!(
                "only {count} changes were acknowledged after the fault"
            ));
        }
        let checked = self.check();
        let unread = checked.is_none();
        wrong.extend(checked.unwrap_or_default());
        let sight = self.watch.sight();
        wrong.extend(sight.wrong);
        let (evidence, seen) = match evidence {
            Evidence::Seen(what) => (what, true),
            Evidence::Missing(what) => (format!("not seen: {what}"), false),
            Evidence::Wrong(what) => {
                wrong.push(what.clone());
                (what, true)
            }
        };
        let verdict = if !wrong.is_empty() {
            Verdict::Violated(wrong)
        } else if unread {
            Verdict::Inconclusive("a part of the log was thrown away before it was read".to_owned())
        } else if !seen {
            Verdict::Inconclusive(evidence.clone())
        } else if rate < RATE_MIN {
            Verdict::Inconclusive(format!("only {rate:.0} writes/s before the fault"))
        } else {
            Verdict::Passed
        };
        Outcome {
            verdict,
            evidence,
            rate,
            gap,
            operations: count,
            acknowledged: acknowledged.len(),
            unknown,
            looks: sight.looks,
            unread,
        }
    }

    /// All that has to be true when no fault is left. Returns what is not, or nothing when the log is not known.
    fn check(&self) -> Option<Vec<String>> {
        let level = within(RECOVERED, || self.site.level());
        let last = match level {
            Ok(last) => last,
            Err(seen) => return Some(vec![format!("the nodes do not become level: {seen}")]),
        };
        let replay = match self.logs.replay(last) {
            Ok(replay) => replay?,
            Err(error) => return Some(vec![error]),
        };
        let mut wrong = Vec::new();
        if let Err(violations) = oracle::check(&self.history, &replay, last) {
            wrong.extend(violations.iter().map(ToString::to_string));
        }
        // A clock far from the others' does not stamp; they would all have to go on from there.
        let latest = replay
            .accepted()
            .map(|(_, change, _)| change.stamp.at)
            .max();
        let latest = latest.map_or(0, |at| at.as_millis());
        let ahead = latest.saturating_sub(SystemClock.now().as_millis());
        if ahead > TOLERANCE_MS {
            wrong.push(format!(
                "a change is stamped {} s ahead of time",
                ahead / 1000
            ));
        }
        let view = View {
            cluster: Some(self.site.cluster),
            ..View::default()
        };
        let file = render(replay.last(), &view);
        for node in &self.site.nodes {
            let found = fs::read(node.hosts()).unwrap();
            if found != file {
                let (found, file) = (
                    String::from_utf8_lossy(&found),
                    String::from_utf8_lossy(&file),
                );
                wrong.push(format!(
                    "{} has the file\n{found}and not\n{file}",
                    node.name()
                ));
            }
        }
        let mut expected: Vec<Seen> = replay
            .last()
            .hosts()
            .map(|host| Seen::from(&**host))
            .collect();
        expected.sort();
        for node in &self.site.nodes {
            let name = node.name();
            match within(RECOVERED, || self.site.talk.list(node.number)) {
                Ok(mut listed) => {
                    listed.sort();
                    if listed != expected {
                        wrong.push(format!(
                            "{name} lists {listed:?}, and the log makes {expected:?}"
                        ));
                    }
                }
                Err(error) => wrong.push(format!("{name} lists nothing: {error}")),
            }
        }
        Some(wrong)
    }

    /// What a checker that knows nothing of the log thinks of all that clients were ever told.
    ///
    /// # Errors
    /// Why there is no opinion.
    pub(crate) fn second_opinion(&self) -> Result<Opinion, String> {
        let last = within(RECOVERED, || self.site.level())?;
        let Some(replay) = self.logs.replay(last)? else {
            return Err("a part of the log was thrown away before it was read".to_owned());
        };
        let opinion = oracle::second_opinion(&self.history, &replay, OPINION);
        match opinion.undecided.len() {
            undecided if undecided == opinion.names => Err("no name was decided".to_owned()),
            _ => Ok(opinion),
        }
    }

    /// What a person needs to find the cause.
    pub(crate) fn keep(&self, dir: &Path) {
        fs::create_dir_all(dir).unwrap();
        let mut text = String::new();
        for (number, operation) in self.history.operations.iter().enumerate() {
            text.push_str(&format!("{number} {operation:?}\n"));
        }
        fs::write(dir.join("history"), text).unwrap();
        for node in &self.site.nodes {
            fs::write(dir.join(format!("{}.log", node.name())), node.log(0)).unwrap();
        }
    }
}

/// The time a fault or a load is given. No test waits for a state in this way.
fn pass(time: Duration) {
    std::thread::sleep(time);
}

/// Looks until it is there, and gives what was seen last if that takes too long.
fn within<T>(limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let end = Instant::now() + limit;
    loop {
        match look() {
            Err(_) if Instant::now() < end => pass(Duration::from_millis(20)),
            seen => return seen,
        }
    }
}

fn rate(count: usize, nanoseconds: u64) -> f64 {
    let seconds = Duration::from_nanos(nanoseconds).as_secs_f64();
    f64::from(u32::try_from(count).unwrap()) / seconds
}

/// Between two acknowledged changes, the second of them after `begun`.
fn longest_gap(times: &[u64], begun: u64) -> Duration {
    let pairs = times.windows(2).filter(|pair| pair[1] > begun);
    let longest = pairs.map(|pair| pair[1] - pair[0]).max();
    Duration::from_nanos(longest.unwrap_or(u64::MAX))
}
