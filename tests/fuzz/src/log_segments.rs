//! The segments of the log: written by the log, then damaged, or continued with records whose checksums are right.
//!
//! A log that was left alone opens and shows all of it. One that opens shows what was written and nothing else, unless
//! records were forged; and what opens once opens again and shows the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use futures::executor::block_on;
use raft_store::chain::Chain;
use raft_store::disk::{Disk as _, Work, memory::MemoryDisk};
use raft_store::log::{Entry, Log, LogOptions, OpenLogError};
use raft_store::position::{LogId, Vote};

use crate::same::can_be_shown;

const DIR: &str = "/wal";

/// What an input is.
#[derive(Arbitrary, Debug)]
struct Script<'a> {
    calls: Vec<Call>,
    forged: Vec<Forged<'a>>,
    damages: Vec<Damage>,
}

/// A call of openraft.
#[derive(Arbitrary, Debug)]
enum Call {
    Append { count: u8, bytes: u8, newer: bool },
    Vote { newer: u8, node: u8 },
    Truncate { less: u8 },
    Purge { more: u8 },
    Commit,
}

/// A record with a good checksum at the end of the newest segment.
#[derive(Arbitrary, Debug)]
enum Forged<'a> {
    /// Kinds are small; bodies begin with small numbers.
    Record {
        kind: u8,
        body: &'a [u8],
    },
    Entry {
        term: u8,
        index: u8,
        payload: u8,
    },
    Bytes(&'a [u8]),
}

/// What a medium does to the bytes of a segment, counted from the last one.
#[derive(Arbitrary, Debug)]
enum Damage {
    Flip { segment: u8, at: u16, bits: u8 },
    Cut { segment: u8, to: u16 },
    Zeros { segment: u8, at: u16, len: u8 },
    Longer { segment: u8, bytes: [u8; 3] },
    Lose { segment: u8 },
}

/// Runs a script.
pub fn run(bytes: &[u8]) {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return;
    };
    let disk = MemoryDisk::new();
    let log = open(&disk).unwrap();
    let mut written = BTreeMap::new();
    for call in script.calls.iter().take(24) {
        make(&log, call, &mut written);
    }
    let before = (log.state().vote, read(&log));
    log.close();

    let files = segments(&disk);
    if let Some(newest) = files.last() {
        disk.edit(newest, |file| {
            for forged in &script.forged {
                forge(file, forged);
            }
        })
        .unwrap();
    }
    for damage in script.damages.iter().take(8) {
        harm(&disk, &files, damage);
    }
    disk.kill();
    let log = reopened(&disk);
    if script.forged.is_empty() && script.damages.is_empty() {
        let log = log
            .as_ref()
            .unwrap_or_else(|error| panic!("{}", Chain(error)));
        assert_eq!((log.state().vote, read(log)), before);
    }
    if let Ok(log) = log {
        let shown = read(&log);
        if script.forged.is_empty() {
            for entry in &shown {
                assert_eq!(written.get(&entry.id), Some(&entry.payload), "{}", entry.id);
            }
        }
        let state = log.state();
        continues(&log);
        log.close();
        // What follows the last entry was one that fits; it must not make the log unreadable.
        disk.kill();
        let log = open(&disk).unwrap_or_else(|error| panic!("{}", Chain(&error)));
        assert_eq!(log.state().vote, state.vote);
        let again = read(&log);
        assert!(again.starts_with(&shown), "{shown:?} became {again:?}");
    }
}

fn make(log: &Log, call: &Call, written: &mut BTreeMap<LogId, Bytes>) {
    let state = log.state();
    let next = state.last.map_or(0, |last| last.index + 1);
    let term = state.last.map_or(1, |last| last.term);
    // What the rules refuse is refused to openraft, too; the log goes on.
    match *call {
        Call::Append {
            count,
            bytes,
            newer,
        } => {
            let term = term + u64::from(newer);
            let entries: Vec<_> = (next..next + u64::from(count % 12))
                .map(|index| entry(term, index, bytes))
                .collect();
            for entry in &entries {
                written.insert(entry.id, entry.payload.clone());
            }
            log.append(entries, Box::new(|done| done.unwrap())).unwrap();
        }
        Call::Vote { newer, node } => {
            let before = state.vote.map_or(0, |vote| vote.term);
            let vote = Vote {
                term: before + u64::from(newer),
                node: (node > 0).then_some(u64::from(node)),
                committed: node > 7,
            };
            block_on(log.save_vote(vote)).ok();
        }
        Call::Truncate { less } => {
            let entries = log.read(0..u64::MAX, None).unwrap();
            let kept = entries.len().saturating_sub(1 + usize::from(less));
            let to = entries.get(kept).map(|entry| entry.id);
            block_on(log.truncate_after(to.or(state.purged))).ok();
        }
        Call::Purge { more } => {
            let index = state.purged.map_or(0, |to| to.index) + u64::from(more);
            block_on(log.purge(LogId { term, index })).ok();
        }
        Call::Commit => log.save_committed(state.last).unwrap_or_default(),
    }
}

fn entry(term: u64, index: u64, bytes: u8) -> Entry {
    let byte = term.wrapping_mul(31).wrapping_add(index).to_le_bytes()[0];
    Entry {
        id: LogId { term, index },
        payload: vec![byte; 4 * usize::from(bytes)].into(),
    }
}

/// As `log/format.rs` lays records out: length and its check, checksum, kind, body.
fn forge(file: &mut Vec<u8>, forged: &Forged<'_>) {
    let covered = match *forged {
        Forged::Bytes(bytes) => return file.extend_from_slice(bytes),
        Forged::Record { kind, body } => [&[kind % 9], body].concat(),
        Forged::Entry {
            term,
            index,
            payload,
        } => {
            let mut covered = vec![2];
            covered.extend_from_slice(&u64::from(term).to_le_bytes());
            covered.extend_from_slice(&u64::from(index).to_le_bytes());
            covered.extend_from_slice(&vec![7; usize::from(payload)]);
            covered
        }
    };
    let seed = file
        .get(124..128)
        .map_or([0; 4], |sum| sum.try_into().unwrap());
    let at = u64::try_from(file.len()).unwrap();
    let sum = crc32c::crc32c_append(u32::from_le_bytes(seed), &at.to_le_bytes());
    let sum = crc32c::crc32c_append(sum, &covered);
    let length = u32::try_from(covered.len()).unwrap();
    let word = length | (length.wrapping_mul(0x9e37_79b1) >> 24) << 24;
    file.extend_from_slice(&word.to_le_bytes());
    file.extend_from_slice(&sum.to_le_bytes());
    file.extend_from_slice(&covered);
}

fn harm(disk: &MemoryDisk, files: &[PathBuf], damage: &Damage) {
    let path = |segment: u8| {
        files
            .iter()
            .rev()
            .nth(usize::from(segment) % files.len().max(1))
    };
    let edit = |segment: u8, edit: &dyn Fn(&mut Vec<u8>)| {
        if let Some(path) = path(segment) {
            // One that was lost already is no longer there.
            disk.edit(path, edit).ok();
        }
    };
    match *damage {
        Damage::Flip { segment, at, bits } => edit(segment, &|file| {
            let at = file.len().saturating_sub(1 + usize::from(at));
            if let Some(byte) = file.get_mut(at) {
                *byte ^= bits;
            }
        }),
        Damage::Cut { segment, to } => edit(segment, &|file| {
            file.truncate(file.len().saturating_sub(usize::from(to)));
        }),
        Damage::Zeros { segment, at, len } => edit(segment, &|file| {
            let at = file.len().saturating_sub(usize::from(at));
            for byte in file.iter_mut().skip(at).take(usize::from(len)) {
                *byte = 0;
            }
        }),
        Damage::Longer { segment, bytes } => edit(segment, &|file| file.extend_from_slice(&bytes)),
        Damage::Lose { segment } => {
            if let Some(path) = path(segment) {
                disk.remove(path).ok();
            }
        }
    }
}

fn segments(disk: &MemoryDisk) -> Vec<PathBuf> {
    let names = disk.list(Path::new(DIR)).unwrap();
    names.iter().map(|name| Path::new(DIR).join(name)).collect()
}

fn open(disk: &MemoryDisk) -> Result<Log, OpenLogError> {
    let options = LogOptions {
        segment_bytes: 4 << 10,
        cache_bytes: 2 << 10,
        read_bytes_max: 1 << 10,
        must_exist: false,
    };
    Log::open(
        Arc::new(disk.clone()),
        Path::new(DIR),
        (0xc1, 7),
        options,
        Work::Inline,
    )
}

/// A refusal says what is wrong, in words.
fn reopened(disk: &MemoryDisk) -> Result<Log, OpenLogError> {
    open(disk).inspect_err(|error| can_be_shown(error))
}

/// All entries, one after the other.
fn read(log: &Log) -> Vec<Entry> {
    let state = log.state();
    let entries = log.read(0..u64::MAX, None).unwrap();
    for pair in entries.windows(2) {
        if let [one, next] = pair {
            assert_eq!(one.id.index + 1, next.id.index);
            assert!(one.id.term <= next.id.term);
        }
    }
    assert_eq!(
        entries.last().map(|entry| entry.id).or(state.purged),
        state.last
    );
    if let (Some(purged), Some(first)) = (state.purged, entries.first()) {
        assert_eq!(purged.index + 1, first.id.index);
    }
    entries
}

/// It takes the entry that follows, unless there can be none.
fn continues(log: &Log) {
    let last = log.state().last;
    let term = last.map_or(1, |last| last.term);
    if let Some(index) = last.map_or(Some(0), |last| last.index.checked_add(1)) {
        let next = entry(term, index, 1);
        log.append(vec![next], Box::new(|done| done.unwrap())).ok();
    }
}
