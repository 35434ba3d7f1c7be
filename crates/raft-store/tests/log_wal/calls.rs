//! What single calls do, and what they refuse.

use std::{path::Path, sync::Arc};

use futures::executor::block_on;
use raft_store::{
    disk::{RealDisk, Work, memory::MemoryDisk},
    log::{BrokenRule, Log, LogFailure, LogOptions},
    position::Vote,
};

use crate::driver::{DIR, IDENTITY, OPTIONS, append, entry, id, open};

fn vote(term: u64, node: u64) -> Vote {
    Vote {
        term,
        node: Some(node),
        committed: false,
    }
}

fn filled(count: u64) -> Log {
    let log = open(MemoryDisk::new()).unwrap();
    append(&log, (0..count).map(|index| entry(1, index, 100)).collect()).unwrap();
    log
}

/// The rule a refusal names.
fn broken(refused: std::io::Result<()>) -> BrokenRule {
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
    *refused.get_ref().unwrap().downcast_ref().unwrap()
}

#[test]
fn a_read_is_bounded_but_never_empty_if_there_is_something() {
    let log = filled(60);
    let indexes = |range, bytes_max| {
        let read = log.read(range, bytes_max).unwrap();
        for found in &read {
            assert_eq!(found, &entry(1, found.id.index, 100));
        }
        read.iter().map(|entry| entry.id.index).collect::<Vec<_>>()
    };
    assert_eq!(indexes(3..6, None), [3, 4, 5]);
    assert_eq!(indexes(58..99, None), [58, 59]);
    assert_eq!(indexes(0..60, Some(350)), [0, 1, 2]);
    assert_eq!(indexes(55..60, Some(350)), [55, 56, 57]);
    assert_eq!(indexes(7..60, Some(0)), [7]);
    assert_eq!(indexes(60..70, None), [0; 0]);
    assert_eq!(indexes(0..u64::MAX, None).len(), 60);
    assert!(log.is_cached(&(59..60)) && !log.is_cached(&(3..60)));
}

#[test]
fn a_purge_frees_whole_segments_and_the_next_entry_follows_it() {
    let log = filled(200);
    let before = log.state();
    assert!(before.segments > 5 && before.bytes > 20_000, "{before:?}");
    block_on(log.purge(id(1, 150))).unwrap();
    let state = log.state();
    assert!(state.segments < before.segments - 3, "{state:?}");
    assert_eq!(
        (state.purged, state.last),
        (Some(id(1, 150)), Some(id(1, 199)))
    );
    assert_eq!(
        log.read(0..200, None).unwrap().first().unwrap().id.index,
        151
    );
    block_on(log.purge(id(1, 150))).unwrap();
    block_on(log.purge(id(1, 20))).unwrap();
    assert_eq!(log.state().purged, Some(id(1, 150)));
    block_on(log.purge(id(4, 300))).unwrap();
    assert_eq!(log.state().last, Some(id(4, 300)));
    assert_eq!(
        broken(append(&log, vec![entry(4, 200, 1)])),
        BrokenRule::Gap {
            last: 300,
            found: 200
        }
    );
    append(&log, vec![entry(4, 301, 1)]).unwrap();
}

#[test]
fn an_empty_log_may_begin_anywhere() {
    let log = open(MemoryDisk::new()).unwrap();
    append(&log, vec![entry(1, 2, 10), entry(1, 3, 10)]).unwrap();
    assert_eq!(log.read(0..9, None).unwrap().len(), 2);
    assert_eq!(
        broken(block_on(log.purge(id(1, 0)))),
        BrokenRule::Purge {
            to: id(1, 0),
            first: 2
        }
    );
    block_on(log.purge(id(1, 1))).unwrap();
    assert_eq!(log.read(0..9, None).unwrap().len(), 2);
}

#[test]
fn what_would_make_a_hole_or_take_back_a_vote_is_refused_and_changes_nothing() {
    let log = filled(5);
    block_on(log.save_vote(vote(3, 1))).unwrap();
    let before = log.state();
    let gap = append(&log, vec![entry(1, 5, 1), entry(1, 7, 1)]);
    assert_eq!(broken(gap), BrokenRule::Gap { last: 5, found: 7 });
    let twice = append(&log, vec![entry(1, 4, 1)]);
    assert_eq!(broken(twice), BrokenRule::Gap { last: 4, found: 4 });
    let older = append(&log, vec![entry(0, 5, 1)]);
    assert_eq!(
        broken(older),
        BrokenRule::Term {
            last: id(1, 4),
            found: id(0, 5)
        }
    );
    let large = broken(append(&log, vec![entry(1, 5, (4 << 20) + 1)]));
    assert!(
        matches!(large, BrokenRule::Large { index: 5, .. }),
        "{large}"
    );
    for taken_back in [vote(2, 1), vote(3, 2)] {
        let refused = broken(block_on(log.save_vote(taken_back)));
        assert_eq!(
            refused,
            BrokenRule::Vote {
                before: vote(3, 1),
                vote: taken_back
            }
        );
    }
    for not_there in [id(2, 3), id(1, 5)] {
        let refused = broken(block_on(log.truncate_after(Some(not_there))));
        assert_eq!(refused, BrokenRule::Truncate { to: not_there });
    }
    assert_eq!(log.state(), before);
    append(&log, vec![entry(1, 5, 1)]).unwrap();
    block_on(log.purge(id(1, 2))).unwrap();
    let emptied = broken(block_on(log.truncate_after(None)));
    assert_eq!(emptied, BrokenRule::Empty { purged: id(1, 2) });
}

#[test]
fn an_entry_as_large_as_allowed_is_read_back() {
    let log = open(MemoryDisk::new()).unwrap();
    let sizes = [20_000, 256 << 10, 4 << 20, 10];
    let entries: Vec<_> = (0..)
        .zip(sizes)
        .map(|(index, bytes)| entry(1, index, bytes))
        .collect();
    append(&log, entries.clone()).unwrap();
    assert!(!log.is_cached(&(0..4)), "the cache is small");
    assert_eq!(log.read(0..4, None).unwrap(), entries);
}

#[test]
fn a_closed_log_takes_nothing_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let disk = Arc::new(RealDisk);
        Log::open(
            disk,
            dir.path(),
            IDENTITY,
            LogOptions::default(),
            Work::Threads,
        )
        .unwrap()
    };
    let log = open();
    let other = log.clone();
    append(&log, vec![entry(1, 0, 10)]).unwrap();
    log.save_committed(Some(id(1, 0))).unwrap();
    log.close();
    let closed = append(&other, vec![entry(1, 1, 10)]).unwrap_err();
    let failure = closed.get_ref().unwrap().downcast_ref().unwrap();
    assert!(matches!(failure, LogFailure::Closed { .. }), "{failure}");
    drop(other);
    let log = open();
    assert_eq!(
        log.state().committed,
        Some(id(1, 0)),
        "closing writes what waits"
    );
    assert_eq!(log.read(0..9, None).unwrap(), [entry(1, 0, 10)]);
}

#[test]
fn the_log_of_another_node_or_of_a_newer_program_is_not_opened() {
    let disk = MemoryDisk::new();
    drop(open(disk.clone()).unwrap());
    let other = (0xc1, 8);
    let refused = Log::open(
        Arc::new(disk.clone()),
        Path::new(DIR),
        other,
        OPTIONS,
        Work::Inline,
    );
    let text = refused.unwrap_err().to_string();
    assert!(
        text.contains("belongs to node 7 of cluster 00000000000000000000000061")
            && text.contains("this is node 8")
            && text.contains("its own data directory"),
        "{text}"
    );
    let path = Path::new(DIR).join("0000000000000001.wal");
    disk.edit(&path, |bytes| bytes[8] = 2).unwrap();
    let text = open(disk).unwrap_err().to_string();
    assert!(
        text.contains("log format 2") && text.contains("up to 1"),
        "{text}"
    );
}

#[test]
fn a_log_that_must_be_there_is_not_begun_anew() {
    let options = LogOptions {
        must_exist: true,
        ..OPTIONS
    };
    let disk = MemoryDisk::new();
    let open_it = || {
        Log::open(
            Arc::new(disk.clone()),
            Path::new(DIR),
            IDENTITY,
            options,
            Work::Inline,
        )
    };
    let text = open_it().unwrap_err().to_string();
    assert!(
        text.contains("is gone") && text.contains("begin the whole cluster anew"),
        "{text}"
    );
    drop(open(disk.clone()).unwrap());
    drop(open_it().unwrap());
    let path = Path::new(DIR).join("0000000000000001.wal");
    disk.edit(&path, |bytes| bytes.truncate(50)).unwrap();
    assert!(open_it().unwrap_err().to_string().contains("is gone"));
}
