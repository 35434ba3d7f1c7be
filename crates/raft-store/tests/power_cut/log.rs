//! The log alone: work that has everything in it, and what must be left of it.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, mpsc},
};

use bytes::Bytes;
use futures::executor::block_on;
use raft_store::{
    disk::{Disk, RealDisk, Work as Where},
    log::{Entry, Log, LogOptions, OpenLogError},
    position::{LogId, Vote},
};

use crate::{
    told::{Failure, Line, Told},
    unflushed::Unflushed,
    worker::{On, Work},
};

const IDENTITY: (u128, u64) = (0xc1, 7);
/// How many appends are on their way at a time, so that some are flushed
/// together.
const IN_FLIGHT: usize = 3;

pub(crate) fn open(dir: &Path, work: Work) -> Result<Log, OpenLogError> {
    let disk: Arc<dyn Disk> = match work.on {
        On::UnflushedLog => Arc::new(Unflushed(RealDisk)),
        On::Log | On::Store => Arc::new(RealDisk),
    };
    let options = LogOptions {
        segment_bytes: work.segment_bytes,
        cache_bytes: 64 << 10,
        ..LogOptions::default()
    };
    Log::open(disk, &dir.join("wal"), IDENTITY, options, Where::Threads)
}

/// An entry whose content follows from its id and length.
fn entry(term: u64, index: u64, bytes: usize) -> Entry {
    let mut state = (term << 40 ^ index).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ bytes as u64 | 1;
    let mut payload = Vec::with_capacity(bytes + 8);
    while payload.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        payload.extend_from_slice(&state.to_le_bytes());
    }
    payload.truncate(bytes);
    Entry {
        id: LogId { term, index },
        payload: Bytes::from(payload),
    }
}

/// How many entries are kept when others are purged: 8 MiB of them, or 2000.
fn kept(work: Work) -> u64 {
    ((8 << 20) / work.entry_bytes as u64).clamp(16, 2000)
}

/// Appends, votes, voids and purges until the disk fails, or for so many
/// rounds, and says what it is answered.
pub(crate) fn work(
    dir: &Path,
    work: Work,
    rounds: usize,
    say: impl Fn(Line) + Clone + Send + 'static,
) {
    let log = open(dir, work).unwrap();
    // That the disk fails is what this process waits for.
    drop(try_work(&log, work, rounds, say));
}

fn try_work(
    log: &Log,
    work: Work,
    rounds: usize,
    say: impl Fn(Line) + Clone + Send + 'static,
) -> io::Result<()> {
    let state = log.state();
    let mut term = state.last.map_or(1, |last| last.term);
    let mut next = state.last.map_or(0, |last| last.index + 1);
    let mut voted = state.vote.map_or(0, |vote| vote.term);
    let (done, answers) = mpsc::channel();
    let mut in_flight = 0;
    for round in 1..=rounds {
        let (first, last) = (next, next + work.batch - 1);
        let entries = (first..=last)
            .map(|index| entry(term, index, work.entry_bytes))
            .collect();
        let (done, answer) = (done.clone(), say.clone());
        log.append(
            entries,
            Box::new(move |outcome| {
                if outcome.is_ok() {
                    answer(Line::Acked { first, last, term });
                }
                drop(done.send(outcome));
            }),
        )?;
        next = last + 1;
        in_flight += 1;
        if last > 60 {
            log.save_committed(Some(LogId {
                term: 1,
                index: last - 60,
            }))?;
        }
        let pause = round % 7 == 0;
        while in_flight > if pause { 0 } else { IN_FLIGHT } {
            answers.recv().expect("an append is always answered")?;
            in_flight -= 1;
        }
        if round % 14 == 0 {
            voted += 1;
            block_on(log.save_vote(Vote {
                term: voted,
                node: Some(7),
                committed: round % 28 == 0,
            }))?;
            say(Line::Voted(voted));
        }
        let purged = log.state().purged.map_or(0, |purged| purged.index);
        if round % 35 == 0 && last > purged + 20 {
            let after = last - 11;
            let to = log.read(after..after + 1, None)?.remove(0).id;
            say(Line::Voiding(after));
            block_on(log.truncate_after(Some(to)))?;
            term += 1;
            next = after + 1;
        }
        if round % 21 == 0 && next > purged + kept(work) + 40 {
            let upto = next - kept(work);
            let to = log.read(upto..upto + 1, None)?.remove(0).id;
            say(Line::Purging(upto));
            block_on(log.purge(to))?;
            say(Line::Purged(upto));
        }
    }
    block_on(log.flush())
}

/// Opens the log and looks for all that was told; `told` is then what the log
/// holds. Says whether the end of an unfinished write was cut off.
pub(crate) fn check(dir: &Path, work: Work, told: &mut Told) -> Result<bool, Failure> {
    let before = bytes_in(dir);
    let log = open(dir, work).map_err(|error| Failure::Refused(error.to_string()))?;
    let state = log.state();
    let lost = |text| Err(Failure::Lost(text));
    let vote = state.vote.map(|vote| vote.term);
    if vote < told.vote {
        return lost(format!("vote {:?} was answered, found {vote:?}", told.vote));
    }
    let purged = state.purged.map(|purged| purged.index);
    if purged < told.purged || purged > told.purging.max(told.purged) {
        return lost(format!("purged to {purged:?} of {told:?}"));
    }
    let mut next = purged.map_or(0, |purged| purged + 1);
    let mut found = Told {
        vote,
        purged,
        purging: purged,
        ..Told::default()
    };
    loop {
        let entries = log
            .read(next..u64::MAX, Some(4 << 20))
            .map_err(|error| Failure::Lost(error.to_string()))?;
        if entries.is_empty() {
            break;
        }
        for read in entries {
            let LogId { term, index } = read.id;
            if index != next || read != entry(term, index, read.payload.len()) {
                return lost(format!("entry {next} is another one: {}", read.id));
            }
            if told.acked.get(&index).is_some_and(|acked| *acked != term) {
                return lost(format!("entry {index} is of another term, {term}"));
            }
            found.acked.insert(index, term);
            next += 1;
        }
    }
    if let Some((last, _)) = told.acked.last_key_value()
        && *last >= next
    {
        return lost(format!("entry {last} was answered, the log ends at {next}"));
    }
    *told = found;
    Ok(before > state.bytes)
}

/// The length of all segments.
fn bytes_in(dir: &Path) -> u64 {
    let Ok(files) = fs::read_dir(dir.join("wal")) else {
        return 0;
    };
    files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum()
}
