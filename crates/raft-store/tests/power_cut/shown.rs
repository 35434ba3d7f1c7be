//! What a log shows when it is opened is durable, even if the process before
//! was killed between a write and its flush.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    campaign::{Chance, cuts, empty, with_machine},
    log,
    machine::Machine,
    told::{Failure, Told},
    worker::{On, Work, Worker},
};

/// The length of a segment without records.
const HEADER_BYTES: usize = 128;

const WORK: Work = Work {
    on: On::Log,
    entry_bytes: 200,
    batch: 8,
    segment_bytes: 64 << 10,
};

#[test]
fn what_a_log_shows_after_a_kill_survives_a_power_cut() {
    with_machine(
        "shown::what_a_log_shows_after_a_kill_survives_a_power_cut",
        |machine| {
            let mut chance = Chance::new();
            for round in 0..cuts(1) {
                let dir = killed(machine, &mut chance);
                unflush(&dir, &mut chance);
                // The first look shows what is there; nothing was told before.
                let mut shown = told_nothing();
                log::check(&dir, WORK, &mut shown).unwrap();
                assert!(!shown.acked.is_empty());
                machine.cut();
                machine.restart();
                log::check(&dir, WORK, &mut shown)
                    .unwrap_or_else(|failure| panic!("round {round}: {failure}"));
            }
        },
    );
}

/// The test above would notice: without an open in between it is gone.
#[test]
fn what_nobody_flushed_is_gone_after_a_power_cut() {
    with_machine(
        "shown::what_nobody_flushed_is_gone_after_a_power_cut",
        |machine| {
            let dir = killed(machine, &mut Chance::new());
            let path = newest(&dir);
            let before = unflush(&dir, &mut Chance::new());
            assert_eq!(fs::metadata(&path).unwrap().len(), before);
            machine.cut();
            machine.restart();
            assert!(fs::metadata(&path).unwrap().len() < before);
            let mut shown = told_nothing();
            match log::check(&dir, WORK, &mut shown) {
                Ok(_) | Err(Failure::Refused(_)) => {}
                Err(failure) => panic!("{failure}"),
            }
        },
    );
}

/// A log whose process was killed, all of it durable.
fn killed(machine: &Machine, chance: &mut Chance) -> PathBuf {
    loop {
        let dir = machine.place("node");
        empty(machine, &dir);
        let mut worker = Worker::start(&dir, WORK);
        worker.until_answered(usize::try_from(1 + chance.below(60)).unwrap());
        worker.kill();
        machine.sync();
        // A segment that was just begun has nothing to take away.
        if fs::metadata(newest(&dir)).unwrap().len() > HEADER_BYTES as u64 {
            return dir;
        }
    }
}

/// Leaves a part of the newest segment in the page cache only, as a kill
/// before the flush does; gives the length of the segment.
fn unflush(dir: &Path, chance: &mut Chance) -> u64 {
    let path = newest(dir);
    let bytes = fs::read(&path).unwrap();
    let records = bytes.len() - HEADER_BYTES;
    let kept = HEADER_BYTES + usize::try_from(chance.below(records as u64)).unwrap();
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.set_len(kept as u64).unwrap();
    file.sync_all().unwrap();
    file.write_all(&bytes[kept..]).unwrap();
    bytes.len() as u64
}

fn newest(dir: &Path) -> PathBuf {
    let segments = fs::read_dir(dir.join("wal")).unwrap();
    segments.map(|file| file.unwrap().path()).max().unwrap()
}

/// Anything may be there, and anything may be purged.
fn told_nothing() -> Told {
    Told {
        purging: Some(u64::MAX),
        ..Told::default()
    }
}
