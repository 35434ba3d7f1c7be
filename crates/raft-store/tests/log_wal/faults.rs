//! A disk that fails: the call says so, and nothing is tried again.

use std::io;
use std::path::Path;

use futures::executor::block_on;
use raft_store::disk::memory::{MemoryDisk, Operation, Trouble};
use raft_store::log::LogFailure;

use crate::driver::{DIR, Driver, Model, append, entry, id, open, script};

/// Runs the script until the planned trouble; gives the error and what the
/// disk may hold.
fn run_until_failure(
    operation: Operation,
    nth: u64,
    trouble: Trouble,
) -> Option<(Driver, Vec<Model>, io::Error)> {
    let mut driver = Driver::new(MemoryDisk::new()).unwrap();
    driver.disk.fail(operation, nth, trouble);
    for step in script() {
        if let Err((stages, error)) = driver.step(&step) {
            return Some((driver, stages, error));
        }
    }
    None
}

/// Afterwards the program is started again, on a disk that works, and then
/// the power goes: what the log showed in between must have been stored.
#[test]
fn after_any_failure_the_log_takes_nothing_and_loses_nothing() {
    let writes = [
        Operation::Append,
        Operation::Sync,
        Operation::Create,
        Operation::SyncDir,
    ];
    let mut failures = 0;
    for operation in writes {
        for nth in 0..30 {
            for trouble in [Trouble::Io, Trouble::NoSpace, Trouble::Short] {
                if trouble == Trouble::Short && operation != Operation::Append {
                    continue;
                }
                let Some((mut driver, stages, error)) = run_until_failure(operation, nth, trouble)
                else {
                    continue;
                };
                failures += 1;
                if driver.log.is_some() {
                    assert_poisoned(&driver, &error);
                }
                driver.log = None;
                driver.disk.kill();
                driver.recover(&stages);
                let shown = driver.model.clone();
                driver.crash(nth, &[shown]);
            }
        }
    }
    assert!(
        failures > 100,
        "only {failures} of the planned failures came"
    );
}

/// Every later call answers with the same error and leaves the disk alone.
fn assert_poisoned(driver: &Driver, error: &io::Error) {
    let log = driver.log.as_ref().unwrap();
    let before = driver.disk.counts();
    let last = log.state().last.map_or(0, |last| last.index + 1);
    let later = [
        append(log, vec![entry(99, last, 10)]).unwrap_err(),
        block_on(log.flush()).unwrap_err(),
        block_on(log.purge(id(1, 0))).unwrap_err(),
        log.save_committed(None).unwrap_err(),
        log.read(0..9, None).unwrap_err(),
    ];
    for later in later {
        assert_eq!(
            (later.kind(), later.to_string()),
            (error.kind(), error.to_string())
        );
    }
    assert_eq!(driver.disk.counts(), before);
    let text = error.to_string();
    let room = Path::new(DIR).parent().unwrap().to_str().unwrap();
    for words in [
        room,
        "at offset",
        "until the node is started again",
        match error.kind() {
            io::ErrorKind::StorageFull => "First make room on the disk",
            _ => "First look at the disk",
        },
    ] {
        assert!(text.contains(words), "{words:?} is not in {text:?}");
    }
    assert!(!text.contains("anew"), "the data is there: {text}");
}

#[test]
fn a_failure_names_the_entries_on_their_way_and_the_cause() {
    let disk = MemoryDisk::new();
    let log = open(disk.clone()).unwrap();
    append(&log, vec![entry(1, 0, 100)]).unwrap();
    disk.fail(Operation::Sync, 0, Trouble::NoSpace);
    let error = append(&log, vec![entry(1, 1, 100), entry(1, 2, 100)]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    let text = error.to_string();
    assert!(
        text.starts_with("cannot flush /node/raft/wal/0000000000000001.wal at offset")
            && text.contains("(entries 1 to 2)"),
        "{text}"
    );
    let failure: &LogFailure = error.get_ref().unwrap().downcast_ref().unwrap();
    let cause = std::error::Error::source(failure).unwrap().to_string();
    assert!(cause.contains("os error 28"), "{cause}");
}

#[test]
fn an_entry_that_cannot_be_read_back_stops_the_log() {
    for failing in [true, false] {
        let disk = MemoryDisk::new();
        let log = open(disk.clone()).unwrap();
        append(&log, (0..60).map(|index| entry(1, index, 100)).collect()).unwrap();
        if failing {
            disk.fail(Operation::Read, 0, Trouble::Io);
        } else {
            let path = Path::new(DIR).join("0000000000000001.wal");
            disk.edit(&path, |bytes| bytes[200] ^= 4).unwrap();
        }
        let text = log.read(0..3, None).unwrap_err().to_string();
        let words = if failing {
            "cannot read"
        } else {
            "is damaged at offset 128 (entry 0)"
        };
        assert!(text.contains(words), "{text}");
        assert_eq!(
            append(&log, vec![entry(1, 60, 1)]).unwrap_err().to_string(),
            text
        );
    }
}
