//! What comes together: a purge and a read, a failure and whoever waits.

use std::{
    fs,
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
    let disk = Interrupted::default();
    let log = open(&disk, Work::Threads);
    let (release, held) = mpsc::channel::<()>();
    let (begun, until_begun) = mpsc::channel();
    disk.before(Call::Remove, move || {
        begun.send(()).unwrap();
        held.recv().unwrap();
    });
    disk.disk.fail(Operation::Remove, 0, Trouble::Io);
    block_on(log.purge(id(1, 29))).unwrap();
    until_begun.recv_timeout(PATIENCE).unwrap();

    let (done, answer) = oneshot::channel();
    let done = move |outcome: std::io::Result<()>| done.send(outcome).unwrap();
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
    release.send(()).unwrap();

    let refused = outcome.recv_timeout(PATIENCE).expect("it waits for ever");
    let text = refused.unwrap_err().to_string();
    assert!(text.starts_with("cannot remove"), "{text}");
    assert_eq!(block_on(answer).unwrap().unwrap_err().to_string(), text);
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
