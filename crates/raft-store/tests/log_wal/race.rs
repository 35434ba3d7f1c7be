//! What comes together: a purge and a read, a failure and whoever waits.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use futures::{channel::oneshot, executor::block_on};
use raft_store::{
    disk::{
        Work,
        memory::{Operation, Trouble},
    },
    log::Log,
};

use crate::{
    driver::{DIR, IDENTITY, OPTIONS, append, entry, id},
    interrupted::{Call, Interrupted},
};

/// Far more than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn open(disk: &Interrupted, work: Work) -> Log {
    let log = Log::open(
        Arc::new(disk.clone()),
        Path::new(DIR),
        IDENTITY,
        OPTIONS,
        work,
    );
    let log = log.unwrap();
    append(&log, (0..60).map(|index| entry(1, index, 200)).collect()).unwrap();
    log
}

#[test]
fn an_entry_that_is_purged_while_it_is_read_is_no_damage() {
    let disk = Interrupted::default();
    let log = open(&disk, Work::Inline);
    let purging = log.clone();
    disk.before(Call::Open, move || {
        block_on(purging.purge(id(1, 29))).unwrap()
    });
    let read = log.read(3..32, None).unwrap();
    assert_eq!(read, [entry(1, 30, 200), entry(1, 31, 200)]);
}

/// The writer fails at a segment it removes, while a call waits for entries
/// that are in its queue.
#[test]
fn whoever_waits_for_appends_is_told_when_the_writer_fails_at_something_else() {
    let held = Held::new();
    held.disk.disk.fail(Operation::Remove, 0, Trouble::Io);
    held.release.send(()).unwrap();
    held.all_are_told("cannot remove");
}

/// A read fails, and with it the log, while the writer is busy.
#[test]
fn whoever_waits_for_appends_is_told_when_a_read_fails() {
    let held = Held::new();
    held.disk.disk.fail(Operation::Read, 0, Trouble::Io);
    let refused = held.log.read(30..31, None).unwrap_err().to_string();
    assert!(refused.starts_with("cannot read"), "{refused}");
    let told = held.outcome.recv_timeout(PATIENCE);
    let told = told.expect("it waits for ever").unwrap_err();
    assert_eq!(told.to_string(), refused);
    held.release.send(()).unwrap();
    let answer = block_on(held.answer).unwrap();
    assert_eq!(answer.unwrap_err().to_string(), refused);
}

/// A log whose writer stands still at a segment it removes, with one append
/// in its queue and a call that sleeps until that is durable.
struct Held {
    disk: Interrupted,
    log: Log,
    release: mpsc::Sender<()>,
    answer: oneshot::Receiver<io::Result<()>>,
    outcome: mpsc::Receiver<io::Result<()>>,
}

impl Held {
    fn new() -> Self {
        let disk = Interrupted::default();
        let log = open(&disk, Work::Threads);
        let (release, held) = mpsc::channel::<()>();
        let (begun, until_begun) = mpsc::channel();
        disk.before(Call::Remove, move || {
            begun.send(()).unwrap();
            held.recv().unwrap();
        });
        block_on(log.purge(id(1, 29))).unwrap();
        until_begun.recv_timeout(PATIENCE).unwrap();

        let (done, answer) = oneshot::channel();
        let done = move |outcome: io::Result<()>| done.send(outcome).unwrap();
        log.append(vec![entry(1, 60, 200)], Box::new(done)).unwrap();
        let (waiting, place) = mpsc::channel();
        let (ended, outcome) = mpsc::channel();
        let waiter = log.clone();
        thread::spawn(move || {
            waiting
                .send(fs::read_link("/proc/thread-self").unwrap())
                .unwrap();
            ended.send(waiter.until_appends_are_durable()).unwrap();
        });
        let place = Path::new("/proc").join(place.recv_timeout(PATIENCE).unwrap());
        until_asleep(&place);
        Self {
            disk,
            log,
            release,
            answer,
            outcome,
        }
    }

    /// Both get the error that begins with `words`.
    fn all_are_told(self, words: &str) {
        let refused = self.outcome.recv_timeout(PATIENCE);
        let refused = refused.expect("it waits for ever").unwrap_err().to_string();
        assert!(refused.starts_with(words), "{refused}");
        let answer = block_on(self.answer).unwrap();
        assert_eq!(answer.unwrap_err().to_string(), refused);
    }
}

/// Waits until the thread whose directory in `/proc` this is sleeps.
fn until_asleep(thread: &Path) {
    let begun = Instant::now();
    loop {
        let stat = fs::read_to_string(thread.join("stat")).unwrap();
        // The state comes after the name, which may hold anything.
        if stat
            .rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('S'))
        {
            return;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "the thread does not wait: {stat}"
        );
        thread::yield_now();
    }
}
