//! Rounds of work and a cut each, at moments that chance picks.

use std::{
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use raft_store::limits::ENTRY_BYTES_MAX;

use crate::{
    log,
    machine::{Machine, with_room},
    store,
    told::{Failure, Told},
    worker::{Meets, On, Work, Worker},
};

/// How many cuts each test makes, of all sizes together.
const CUTS: &str = "ROUTER_HOSTS_CUTS";
/// Where chance begins.
const SEED: &str = "ROUTER_HOSTS_SEED";

pub(crate) fn cuts(few: u64) -> u64 {
    env::var(CUTS).map_or(few, |cuts| cuts.parse().unwrap())
}

/// Runs the test of this name with a machine of its own.
pub(crate) fn with_machine(test: &str, body: impl FnOnce(&Machine)) {
    with_room(test, |room| body(&Machine::new(room, "machine")));
}

/// Makes a directory of the machine, or makes it anew: empty and durable.
pub(crate) fn empty(machine: &Machine, dir: &Path) {
    if dir.exists() {
        fs::remove_dir_all(dir).unwrap();
    }
    fs::create_dir(dir).unwrap();
    machine.sync();
}

/// Chance from a seed (splitmix64).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new() -> Self {
        Self(env::var(SEED).map_or(1, |seed| seed.parse().unwrap()))
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// What a cut meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// A directory that was just begun.
    Fresh,
    /// One that was cut before, again and again.
    Continued,
    /// One that has reached the size it keeps: as much is purged as comes.
    Steady,
}

/// The sizes of entries, in turn: a host, an import, and the largest there is.
const SIZES: [usize; 3] = [200, 20 << 10, ENTRY_BYTES_MAX];

/// How many cuts a directory meets before the next one is begun, unless it is
/// to be fresh.
const CUTS_OF_A_DIRECTORY: u64 = 12;

/// How often a directory was purged when it is called steady.
const PURGES: usize = 2;

/// A directory with entries of one size, and what it has to hold.
struct Place {
    dir: PathBuf,
    entry_bytes: usize,
    told: Told,
    /// How many cuts it has met, none if it is yet to be begun.
    cuts: Option<u64>,
}

/// What happened in the rounds.
#[derive(Default)]
struct Counts {
    answered: u64,
    cut_off: u64,
    failures: Vec<Failure>,
}

impl Counts {
    fn refused(&self) -> usize {
        let is_refusal = |failure: &&Failure| matches!(failure, Failure::Refused(_));
        self.failures.iter().filter(is_refusal).count()
    }
}

/// Looks for what was told in a directory, as `log::check` does.
type Check = fn(&Path, Work, &mut Told) -> Result<bool, Failure>;

/// Cuts the power of a process that works, `rounds` times, sizes in turn.
fn run(machine: &Machine, on: On, stage: Stage, rounds: u64, check: Check) -> Counts {
    let mut chance = Chance::new();
    let mut counts = Counts::default();
    let mut places = SIZES.map(|entry_bytes| Place {
        dir: machine.place(&entry_bytes.to_string()),
        entry_bytes,
        told: Told::default(),
        cuts: None,
    });
    for round in 0..rounds {
        let place = &mut places[usize::try_from(round).unwrap() % SIZES.len()];
        let work = Work {
            on,
            entry_bytes: place.entry_bytes,
            batch: if chance.below(2) == 0 { 1 } else { 8 },
            segment_bytes: 32 << 10 << (chance.below(3) * 3),
        };
        let again =
            stage != Stage::Fresh && place.cuts.is_some_and(|cuts| cuts < CUTS_OF_A_DIRECTORY);
        if !again {
            place.begin(machine, stage, work, check);
        }
        let worker = Worker::start(&place.dir, work);
        let answers = 1 + chance.below(if work.entry_bytes > 4096 { 25 } else { 120 });
        worker.until_answered(usize::try_from(answers).unwrap());
        // Not always right after an answer: the moment within a flush counts.
        let moment = Duration::from_micros(chance.below(3000));
        let begun = Instant::now();
        while begun.elapsed() < moment {
            std::hint::spin_loop();
        }
        let meets = match chance.below(2) {
            0 => Meets::Stopped,
            _ => Meets::Running,
        };
        worker.cut(machine, meets, &mut place.told);
        machine.restart();
        place.cuts = place.cuts.map(|cuts| cuts + 1);
        counts.answered += place.told.count;
        match check(&place.dir, work, &mut place.told) {
            Ok(tail) => counts.cut_off += u64::from(tail),
            Err(failure) => {
                say(&format!(
                    "{stage:?}, round {round}, {work:?}, {meets:?}: {failure}"
                ));
                counts.failures.push(failure);
                // `told` is not what the directory holds any more.
                place.cuts = None;
            }
        }
    }
    counts
}

impl Place {
    fn begin(&mut self, machine: &Machine, stage: Stage, work: Work, check: Check) {
        empty(machine, &self.dir);
        self.told = Told::default();
        self.cuts = Some(0);
        if stage != Stage::Fresh {
            // Killed, it leaves no less behind than a cut.
            let mut worker = Worker::start(&self.dir, Work { batch: 8, ..work });
            match stage {
                Stage::Steady => worker.until_purged(PURGES),
                _ => worker.until_answered(1),
            }
            self.told.take(&worker.kill(), &[]);
            machine.sync();
            check(&self.dir, work, &mut self.told).unwrap();
        }
    }
}

fn say(text: &str) {
    writeln!(io::stderr(), "{text}").unwrap();
}

/// The test of this name: `ROUTER_HOSTS_CUTS` cuts, or each size once.
fn campaign(test: &str, on: On, stage: Stage, check: Check) {
    with_machine(&format!("campaign::{test}"), |machine| {
        let rounds = cuts(SIZES.len() as u64);
        let counts = run(machine, on, stage, rounds, check);
        let refused = counts.refused();
        say(&format!(
            "{on:?}, {stage:?}: {rounds} cuts, {} entries answered, {} lost something, {refused} \
             refused to open, {} had the end of an unfinished write",
            counts.answered,
            counts.failures.len() - refused,
            counts.cut_off
        ));
        assert!(counts.failures.is_empty(), "{:#?}", counts.failures);
    });
}

#[test]
fn a_fresh_log_has_all_it_answered_after_a_power_cut() {
    let name = "a_fresh_log_has_all_it_answered_after_a_power_cut";
    campaign(name, On::Log, Stage::Fresh, log::check);
}

#[test]
fn a_log_that_was_cut_before_has_all_it_answered_after_a_power_cut() {
    let name = "a_log_that_was_cut_before_has_all_it_answered_after_a_power_cut";
    campaign(name, On::Log, Stage::Continued, log::check);
}

#[test]
fn a_log_at_its_full_size_has_all_it_answered_after_a_power_cut() {
    let name = "a_log_at_its_full_size_has_all_it_answered_after_a_power_cut";
    campaign(name, On::Log, Stage::Steady, log::check);
}

#[test]
fn a_fresh_store_has_all_it_answered_after_a_power_cut() {
    let name = "a_fresh_store_has_all_it_answered_after_a_power_cut";
    campaign(name, On::Store, Stage::Fresh, store::check);
}

#[test]
fn a_store_that_was_cut_before_has_all_it_answered_after_a_power_cut() {
    let name = "a_store_that_was_cut_before_has_all_it_answered_after_a_power_cut";
    campaign(name, On::Store, Stage::Continued, store::check);
}

#[test]
fn a_store_at_its_full_size_has_all_it_answered_after_a_power_cut() {
    let name = "a_store_at_its_full_size_has_all_it_answered_after_a_power_cut";
    campaign(name, On::Store, Stage::Steady, store::check);
}

/// These tests would notice.
#[test]
fn a_log_that_does_not_flush_is_found_out() {
    with_machine(
        "campaign::a_log_that_does_not_flush_is_found_out",
        |machine| {
            let counts = run(machine, On::UnflushedLog, Stage::Fresh, 1, log::check);
            assert!(!counts.failures.is_empty(), "nothing was lost");
        },
    );
}
