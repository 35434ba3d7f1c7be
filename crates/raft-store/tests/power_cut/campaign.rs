//! Rounds of work and a cut each, at moments that chance picks.

use std::{
    env,
    io::{self, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use raft_store::limits::PROPOSAL_BYTES_MAX;

use crate::{
    log,
    machine::{Machine, with_machine},
    store,
    told::{Failure, Told},
    worker::{Meets, On, Work, Worker},
};

/// How many cuts each test makes.
const CUTS: &str = "ROUTER_HOSTS_CUTS";
/// Where chance begins.
const SEED: &str = "ROUTER_HOSTS_SEED";

pub(crate) fn cuts(few: u64) -> u64 {
    env::var(CUTS).map_or(few, |cuts| cuts.parse().unwrap())
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

/// The work of one round. Sizes and batches take turns; a directory is kept
/// for three rounds, and has entries of one size.
fn work(on: On, round: u64, chance: &mut Chance) -> Work {
    Work {
        on,
        entry_bytes: match round / 3 % 3 {
            0 => 200,
            1 => 20 << 10,
            _ => PROPOSAL_BYTES_MAX,
        },
        batch: if chance.below(2) == 0 { 1 } else { 8 },
        segment_bytes: 32 << 10 << (chance.below(3) * 3),
    }
}

/// Cuts the power of a process that works, `rounds` times; three in a row on
/// the same directory. Gives what was lost or refused.
fn run(
    machine: &Machine,
    on: On,
    rounds: u64,
    first: u64,
    check: impl Fn(&Path, Work, &mut Told) -> Result<bool, Failure>,
) -> Vec<Failure> {
    let mut chance = Chance::new();
    let mut failures = Vec::new();
    let (mut answered, mut cut_off) = (0, 0);
    let mut dir = machine.fresh_dir();
    let mut told = Told::default();
    for round in first..first + rounds {
        if round % 3 == 0 || told.count > 0 {
            // Also after a failure: `told` is not what the directory holds.
            dir = machine.fresh_dir();
            told = Told::default();
        }
        let work = work(on, round, &mut chance);
        let worker = Worker::start(&dir, work);
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
        worker.cut(machine, meets, &mut told);
        machine.restart();
        answered += told.count;
        match check(&dir, work, &mut told) {
            Ok(tail) => cut_off += u64::from(tail),
            Err(failure) => {
                writeln!(
                    io::stderr(),
                    "round {round}, {work:?}, {meets:?}: {failure}"
                )
                .unwrap();
                failures.push(failure);
            }
        }
    }
    let refused = failures
        .iter()
        .filter(|failure| matches!(failure, Failure::Refused(_)))
        .count();
    writeln!(
        io::stderr(),
        "{on:?}: {rounds} cuts, {answered} entries answered, {} lost something, {refused} refused \
         to open, {cut_off} had the end of an unfinished write",
        failures.len() - refused
    )
    .unwrap();
    failures
}

#[test]
fn a_log_has_all_it_answered_after_a_power_cut() {
    with_machine(
        "campaign::a_log_has_all_it_answered_after_a_power_cut",
        |machine| {
            // Few cuts meet every size, and logs that were cut before.
            let failures = run(machine, On::Log, cuts(6), 1, log::check);
            assert!(failures.is_empty(), "{failures:#?}");
        },
    );
}

#[test]
fn a_store_has_all_it_answered_after_a_power_cut() {
    with_machine(
        "campaign::a_store_has_all_it_answered_after_a_power_cut",
        |machine| {
            let failures = run(machine, On::Store, cuts(3), 2, store::check);
            assert!(failures.is_empty(), "{failures:#?}");
        },
    );
}

/// These tests would notice.
#[test]
fn a_log_that_does_not_flush_is_found_out() {
    with_machine(
        "campaign::a_log_that_does_not_flush_is_found_out",
        |machine| {
            let failures = run(machine, On::UnflushedLog, 1, 0, log::check);
            assert!(!failures.is_empty(), "nothing was lost");
        },
    );
}
