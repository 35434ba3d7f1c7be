//! Group commit: what waits together is flushed together.

use std::{
    path::Path,
    sync::{Arc, Mutex, mpsc},
};

use futures::{channel::oneshot, executor::block_on};
use raft_store::{
    disk::{
        Work,
        memory::{MemoryDisk, Operation, Trouble},
    },
    log::{Log, LogOptions},
    position::Vote,
};

use crate::driver::{DIR, IDENTITY, append, entry, id};

fn open(disk: &MemoryDisk) -> Log {
    let disk = Arc::new(disk.clone());
    Log::open(
        disk,
        Path::new(DIR),
        IDENTITY,
        LogOptions::default(),
        Work::Threads,
    )
    .unwrap()
}

/// Appends entry `index`; its answer holds the writer until the sender that
/// this gives is used or dropped.
fn hold_writer(log: &Log, index: u64) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel();
    let (begun, until_begun) = mpsc::channel();
    let hold = Box::new(move |_| {
        begun.send(()).unwrap();
        held.recv().unwrap_or_default();
    });
    log.append(vec![entry(1, index, 200)], hold).unwrap();
    until_begun.recv().unwrap();
    release
}

#[test]
fn what_waits_when_the_log_fails_is_not_written() {
    let disk = MemoryDisk::new();
    let options = LogOptions {
        cache_bytes: 0,
        ..LogOptions::default()
    };
    let shared = Arc::new(disk.clone());
    let log = Log::open(shared, Path::new(DIR), IDENTITY, options, Work::Threads).unwrap();
    append(&log, vec![entry(1, 0, 200)]).unwrap();
    let release = hold_writer(&log, 1);
    let (done, answer) = oneshot::channel();
    let done = move |outcome: std::io::Result<()>| done.send(outcome.unwrap_err()).unwrap();
    log.append(vec![entry(1, 2, 200)], Box::new(done)).unwrap();
    disk.fail(Operation::Read, 0, Trouble::Io);
    let failed = log.read(0..1, None).unwrap_err();
    let before = disk.counts();
    release.send(()).unwrap();
    let answer = block_on(answer).unwrap();
    assert_eq!(answer.to_string(), failed.to_string());
    log.close();
    assert_eq!(disk.counts(), before);
}

#[test]
fn what_waits_together_costs_one_flush_and_is_answered_in_order() {
    let disk = MemoryDisk::new();
    let log = open(&disk);
    let release = hold_writer(&log, 0);
    let before = disk.counts();
    let answers = Arc::new(Mutex::new(Vec::new()));
    for index in 1..=100 {
        let answers = Arc::clone(&answers);
        let done = move |outcome: std::io::Result<()>| {
            outcome.unwrap();
            answers.lock().unwrap().push(index);
        };
        log.append(vec![entry(1, index, 200)], Box::new(done))
            .unwrap();
        assert_eq!(
            log.read(index..index + 1, None).unwrap(),
            [entry(1, index, 200)]
        );
    }
    release.send(()).unwrap();
    block_on(log.save_vote(Vote {
        term: 1,
        node: Some(7),
        committed: false,
    }))
    .unwrap();
    assert_eq!(*answers.lock().unwrap(), (1..=100).collect::<Vec<_>>());
    let after = disk.counts();
    let calls = |operation| after.of(operation) - before.of(operation);
    // The vote is written and flushed a second time, in a file of its own.
    let witness = 1;
    // It may have come too late for the group.
    let flushes = calls(Operation::Sync) - witness;
    assert!((1..=2).contains(&flushes), "{after:?}");
    // Each group is one write, and so is its mark, if it does not ride along.
    let appends = calls(Operation::Append) - witness;
    assert!(appends <= 2 * flushes + 1, "{after:?}");
    let written = after.bytes - before.bytes;
    assert!(
        written < 100 * 240,
        "{written} bytes for 100 entries of 200"
    );
}

#[test]
fn what_is_committed_rides_with_the_next_flush() {
    let disk = MemoryDisk::new();
    let log = open(&disk);
    append(&log, vec![entry(1, 0, 10)]).unwrap();
    let before = disk.counts();
    log.save_committed(Some(id(1, 0))).unwrap();
    assert_eq!(
        disk.counts().of(Operation::Sync),
        before.of(Operation::Sync),
        "alone it is not worth a flush"
    );
    block_on(log.flush()).unwrap();
    assert_eq!(
        disk.counts().of(Operation::Sync),
        before.of(Operation::Sync) + 1
    );
    block_on(log.flush()).unwrap();
    assert_eq!(
        disk.counts().of(Operation::Sync),
        before.of(Operation::Sync) + 1
    );
    drop(log);
    assert_eq!(open(&disk).state().committed, Some(id(1, 0)));
}

#[test]
fn many_threads_append_and_read_while_the_log_rolls_and_is_purged() {
    let disk = Arc::new(MemoryDisk::new());
    let options = LogOptions {
        segment_bytes: 16 << 10,
        cache_bytes: 4 << 10,
        ..LogOptions::default()
    };
    let log = Log::open(disk, Path::new(DIR), IDENTITY, options, Work::Threads).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for index in 0..2000 {
                log.append(
                    vec![entry(1, index, 100)],
                    Box::new(|outcome| outcome.unwrap()),
                )
                .unwrap();
                if index % 100 == 99 {
                    block_on(log.flush()).unwrap();
                    block_on(log.purge(id(1, index - 60))).unwrap();
                }
            }
        });
        scope.spawn(|| {
            while log.state().last.is_none_or(|last| last.index < 1999) {
                let read = log.read(0..2000, Some(5000)).unwrap();
                assert!(
                    read.windows(2)
                        .all(|pair| pair[0].id.index + 1 == pair[1].id.index)
                );
                for found in read {
                    assert_eq!(found, entry(1, found.id.index, 100));
                }
            }
        });
    });
    block_on(log.flush()).unwrap();
    assert_eq!(log.read(0..2000, None).unwrap().len(), 60);
}
