//! The store on a real disk: what an append costs until it is durable, alone
//! and in groups, and what a snapshot and a start cost with many hosts.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark stops where it fails"
)]

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use futures::channel::oneshot;
use futures::executor::block_on;
use raft_store::Seams;
use raft_store::disk::Work;
use raft_store::log::{Entry, Log, LogOptions};
use raft_store::position::LogId;

use crate::history::History;

#[expect(dead_code, reason = "the tests of the store use more of it")]
#[path = "../tests/store/driver.rs"]
mod driver;
#[expect(dead_code, reason = "the tests of the store use more of it")]
#[path = "../tests/store/history.rs"]
mod history;

/// Of one changed host, about.
const ENTRY_BYTES: usize = 200;
const HOSTS: u32 = 20_000;

fn appends(c: &mut Criterion) {
    let mut group = c.benchmark_group("append until durable");
    for count in [1, 32, 256] {
        let dir = tempfile::tempdir().unwrap();
        let log = log(dir.path());
        let mut last = 0;
        group.throughput(Throughput::Elements(count));
        group.bench_function(format!("{count} entries of {ENTRY_BYTES} bytes"), |b| {
            b.iter_batched(
                || {
                    let entries = (last + 1..=last + count).map(entry).collect();
                    last += count;
                    entries
                },
                |entries| append(&log, entries),
                BatchSize::PerIteration,
            );
        });
        log.close();
    }
    group.finish();
}

fn hosts(c: &mut Criterion) {
    let mut history = History::new();
    for number in 0..HOSTS {
        history.add(number);
    }
    let dir = tempfile::tempdir().unwrap();
    let open = || driver::open(Seams::real(), dir.path()).unwrap();
    let mut node = open();
    node.vote(1).unwrap();
    for entries in history.entries.chunks(256) {
        node.run(entries).unwrap();
    }
    let mut group = c.benchmark_group(format!("{HOSTS} hosts"));
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(10));
    group.bench_function("snapshot", |b| b.iter(|| node.snapshot().unwrap()));
    node.purge(history.last()).unwrap();
    node.close();
    group.bench_function("open and close", |b| b.iter(|| open().close()));
    group.finish();
}

fn log(dir: &Path) -> Log {
    let options = LogOptions::default();
    let disk = Seams::real().disk;
    Log::open(disk, dir, (0xc1, 7), options, Work::Threads).unwrap()
}

fn entry(index: u64) -> Entry {
    Entry {
        id: LogId { term: 1, index },
        payload: Bytes::from(vec![7; ENTRY_BYTES]),
    }
}

fn append(log: &Log, entries: Vec<Entry>) {
    let (done, answer) = oneshot::channel();
    let done = Box::new(move |outcome| drop(done.send(outcome)));
    log.append(entries, done).unwrap();
    block_on(answer).unwrap().unwrap();
}

criterion_group!(store, appends, hosts);
criterion_main!(store);
