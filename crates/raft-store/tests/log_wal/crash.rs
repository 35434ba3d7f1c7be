//! Power cuts: after any change of the disk, and at random.

use std::path::Path;

use proptest::prelude::*;
use raft_store::disk::{Disk, memory::MemoryDisk, read_to_end};

use crate::driver::{DIR, Driver, Model, Step, append, entry, open, script};

/// How many changes of the disk the script makes.
fn changes() -> u64 {
    let mut driver = Driver::new(MemoryDisk::new()).unwrap();
    for step in script() {
        driver.step(&step).unwrap();
    }
    driver.assert_equal();
    driver.disk.counts().changes()
}

/// Runs the script with the power cut during the change after `changes`.
/// Gives what the disk may hold then, with the run.
fn run_until_cut(changes: u64) -> Option<(Driver, Vec<Model>)> {
    let disk = MemoryDisk::new();
    disk.cut_after(changes);
    let mut driver = Driver::new(disk).ok()?;
    for step in script() {
        if let Err((stages, _)) = driver.step(&step) {
            return Some((driver, stages));
        }
    }
    // The last change is the mark behind the last answer.
    let listed = driver.disk.list(Path::new(DIR));
    assert!(
        listed.is_err(),
        "the power was not cut after {changes} changes"
    );
    let stages = vec![driver.model.clone()];
    Some((driver, stages))
}

#[test]
fn what_was_answered_survives_a_power_cut_at_any_change() {
    let mut begun = 0;
    for cut in 0..changes() {
        for seed in 0..4 {
            let Some((mut driver, stages)) = run_until_cut(cut) else {
                continue;
            };
            driver.crash(cut << 8 | seed, &stages);
            // And the log goes on as if nothing had been.
            for step in script() {
                driver.step(&step).unwrap();
            }
            driver.step(&Step::Reopen).unwrap();
            driver.assert_equal();
            begun += 1;
        }
    }
    assert!(
        begun > 300,
        "only {begun} of the runs came as far as an open log"
    );
}

/// The sectors of a group reach the medium in any order.
#[test]
fn sectors_missing_from_a_group_that_was_not_flushed_are_no_damage() {
    let mut holes = 0;
    for seed in 0..200 {
        let mut driver = Driver::new(MemoryDisk::new()).unwrap();
        let first = Step::Append {
            count: 2,
            bytes: 300,
            newer: 0,
        };
        driver.step(&first).unwrap();
        // The next change writes the group, and the one after it flushes.
        driver.disk.cut_after(1);
        let group = Step::Append {
            count: 4,
            bytes: 700,
            newer: 0,
        };
        let (stages, _) = driver.step(&group).unwrap_err();
        driver.log = None;
        driver.disk.crash(seed);
        let segment = Path::new(DIR).join("0000000000000001.wal");
        let bytes = read_to_end(&driver.disk, &segment, 1 << 20).unwrap();
        let mut sectors = bytes.chunks(512).skip(2);
        let is_zero = |sector: &[u8]| sector.iter().all(|byte| *byte == 0);
        holes += u32::from(sectors.any(is_zero) && !sectors.all(is_zero));
        driver.recover(&stages);
    }
    assert!(holes > 20, "only {holes} of 200 cuts left a hole");
}

#[test]
fn a_power_cut_while_the_log_is_created_leaves_nothing_in_the_way() {
    for cut in 0..4 {
        for seed in 0..16 {
            let disk = MemoryDisk::new();
            disk.cut_after(cut);
            open(disk.clone()).unwrap_err();
            disk.crash(seed);
            let log = open(disk).unwrap();
            assert_eq!(Model::of(&log), Model::default());
        }
    }
}

#[test]
fn a_log_whose_creation_was_killed_is_durable_once_it_is_opened() {
    for cut in 0..4 {
        for seed in 0..16 {
            let disk = MemoryDisk::new();
            disk.cut_after(cut);
            open(disk.clone()).unwrap_err();
            disk.kill();
            let log = open(disk.clone()).unwrap();
            append(&log, vec![entry(1, 0, 10)]).unwrap();
            disk.crash(seed);
            let log = open(disk).unwrap();
            assert_eq!(log.read(0..1, None).unwrap(), [entry(1, 0, 10)]);
        }
    }
}

#[test]
fn a_power_cut_during_recovery_loses_nothing_either() {
    for cut in (0..changes()).step_by(3) {
        for again in 0..6 {
            let Some((mut driver, stages)) = run_until_cut(cut) else {
                continue;
            };
            driver.log = None;
            driver.disk.crash(cut);
            driver.disk.cut_after(again);
            let opened = open(driver.disk.clone()).is_ok();
            driver.crash(cut << 8 | again, &stages);
            if opened {
                // It needed fewer changes than that.
                break;
            }
        }
    }
}

#[test]
fn what_a_log_shows_after_a_kill_survives_a_power_cut_after_that() {
    for cut in 0..changes() {
        let Some((mut driver, stages)) = run_until_cut(cut) else {
            continue;
        };
        driver.log = None;
        driver.disk.kill();
        driver.recover(&stages);
        let shown = driver.model.clone();
        driver.crash(cut, &[shown]);
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..12_u64, 0..700_usize, 0..2_u64)
            .prop_map(|(count, bytes, newer)| Step::Append { count, bytes, newer }),
        2 => (0..3_u64).prop_map(|newer| Step::Vote { newer }),
        2 => (0..12_u64).prop_map(|less| Step::Truncate { less }),
        2 => (0..25_u64).prop_map(|more| Step::Purge { more }),
        2 => Just(Step::Commit),
        1 => Just(Step::Reopen),
    ]
}

/// Steps, and the changes after which the power goes.
fn any_life() -> impl Strategy<Value = Vec<(Vec<Step>, u64, u64)>> {
    let part = (
        prop::collection::vec(any_step(), 1..25),
        0..60_u64,
        any::<u64>(),
    );
    prop::collection::vec(part, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_its_model_through_any_life(life in any_life()) {
        let mut driver = Driver::new(MemoryDisk::new()).unwrap();
        for (steps, cut, seed) in life {
            driver.disk.cut_after(cut);
            let mut stages = vec![driver.model.clone()];
            for step in steps {
                match driver.step(&step) {
                    Ok(()) => stages = vec![driver.model.clone()],
                    Err((during, _)) => {
                        stages = during;
                        break;
                    }
                }
            }
            driver.crash(seed, &stages);
        }
    }
}
