//! Log, state and snapshots together, driven as openraft drives them.

use std::{fs, io, path::Path};

use futures::{executor::block_on, stream};
use openraft::{
    RaftLogReader as _, RaftSnapshotBuilder as _,
    storage::{IOFlushed, RaftLogStorage as _, RaftStateMachine as _},
    type_config::TypeConfigExt as _,
};
use raft_store::{
    Identity, OpenError, Seams, Store, StoreOptions,
    log::LogOptions,
    raft::{RaftEntry, RaftLogId, RaftVote, TypeConfig},
};

use crate::{
    history::{History, TERM},
    told::{Failure, Line, Told},
    worker::Work,
};

const IDENTITY: Identity = Identity {
    cluster: 0xC0FFEE,
    node: 1,
};

/// How many entries before the snapshot are kept.
const KEPT: u64 = 30;

fn open(dir: &Path, work: Work) -> Result<Store, OpenError> {
    let options = StoreOptions {
        log: LogOptions {
            segment_bytes: work.segment_bytes,
            cache_bytes: 64 << 10,
            ..LogOptions::default()
        },
    };
    Store::open(Seams::real(), dir, IDENTITY, options)
}

fn close(store: Store) {
    let Store {
        log,
        machine,
        keeper,
        ..
    } = store;
    drop((log, machine));
    // After a cut it cannot.
    drop(keeper.close());
}

/// Appends, applies, votes, and builds snapshots and purges, until the disk
/// fails or for so many rounds; says what it is answered.
pub(crate) fn work(dir: &Path, work: Work, rounds: usize, say: impl Fn(Line)) {
    let mut store = open(dir, work).unwrap();
    // That the disk fails is what this process waits for.
    drop(try_work(&mut store, work, rounds, say));
}

fn try_work(store: &mut Store, work: Work, rounds: usize, say: impl Fn(Line)) -> io::Result<()> {
    let mut history = History::new(work.entry_bytes);
    if let Some(last) = block_on(store.log.get_log_state())?.last_log_id {
        history.grow_to(last.index);
        apply(store, &history)?;
    }
    let mut voted = block_on(store.log.read_vote())?.map_or(0, |vote| vote.leader_id.term);
    for round in 1..=rounds {
        let first = history.entries.len();
        let last = first as u64 + work.batch - 1;
        history.grow_to(last);
        append(store, &history.entries[first..])?;
        say(Line::Acked {
            first: first as u64,
            last,
            term: TERM,
        });
        block_on(store.log.save_committed(Some(id(last))))?;
        apply(store, &history)?;
        if round % 6 == 0 {
            voted += 1;
            block_on(store.log.save_vote(&RaftVote::new_committed(voted, 1)))?;
            say(Line::Voted(voted));
        }
        if round % 8 == 0 {
            let builder = block_on(store.machine.try_create_snapshot_builder(true));
            let snapshot = block_on(builder.expect("it is forced").build_snapshot())?;
            let reached = snapshot.meta.last_log_id.map_or(0, |last| last.index);
            say(Line::Kept(reached));
            if reached > KEPT {
                say(Line::Purging(reached - KEPT));
                block_on(store.log.purge(id(reached - KEPT)))?;
                say(Line::Purged(reached - KEPT));
            }
        }
    }
    Ok(())
}

fn append(store: &mut Store, entries: &[RaftEntry]) -> io::Result<()> {
    let (done, wait) = TypeConfig::oneshot();
    block_on(async {
        let flushed = IOFlushed::signal(done);
        store.log.append(entries.to_vec(), flushed).await?;
        wait.await.expect("every append is answered")
    })
}

/// Applies what is not applied yet.
fn apply(store: &mut Store, history: &History) -> io::Result<()> {
    let next = applied(store).map_or(0, |applied| applied + 1);
    let entries = history.entries.get(next..).unwrap_or_default();
    let entries: Vec<_> = entries
        .iter()
        .map(|entry| Ok((entry.clone(), None)))
        .collect();
    block_on(store.machine.apply(stream::iter(entries)))
}

fn applied(store: &Store) -> Option<usize> {
    let index = store.applied.borrow().index()?;
    Some(usize::try_from(index).unwrap())
}

fn id(index: u64) -> RaftLogId {
    RaftLogId::new_term_index(TERM, index)
}

/// Opens the store and looks for all that was told; `told` is then what the
/// store holds. Says whether the end of an unfinished write was cut off.
pub(crate) fn check(dir: &Path, work: Work, told: &mut Told) -> Result<bool, Failure> {
    let before = bytes_in(dir);
    let mut store = open(dir, work).map_err(|error| Failure::Refused(chain(&error)))?;
    let was_cut_off = before > store.stats.sizes().log_bytes;
    let found = compare(&mut store, work, told).map_err(Failure::Lost);
    close(store);
    *told = found?;
    Ok(was_cut_off)
}

fn compare(store: &mut Store, work: Work, told: &Told) -> Result<Told, String> {
    let text = |error: io::Error| chain(&error);
    let vote = block_on(store.log.read_vote()).map_err(text)?;
    let vote = vote.map(|vote| vote.leader_id.term);
    if vote < told.vote {
        return Err(format!("vote {:?} was answered, found {vote:?}", told.vote));
    }
    let newest = store.snapshots.newest();
    let snapshot = newest
        .and_then(|(meta, _)| meta.last_log_id)
        .map(|id| id.index);
    if snapshot < told.snapshot {
        return Err(format!("snapshot {:?}, found {snapshot:?}", told.snapshot));
    }
    let log = block_on(store.log.get_log_state()).map_err(text)?;
    let purged = log.last_purged_log_id.map(|id| id.index);
    if purged < told.purged || purged > told.purging.max(told.purged) {
        return Err(format!("purged to {purged:?} of {told:?}"));
    }
    let last = log.last_log_id.map(|id| id.index);
    let answered = told.acked.last_key_value().map(|(last, _)| *last);
    if last < answered {
        return Err(format!(
            "{answered:?} was answered, the log ends at {last:?}"
        ));
    }

    // The state is that of its position, and goes on to that of the log.
    let mut history = History::new(work.entry_bytes);
    if let Some(applied) = applied(store) {
        history.grow_to(applied as u64);
    }
    let digest = store.applied.borrow().digest();
    if digest != history.model.digest() {
        return Err(format!("the state at {:?} is another one", applied(store)));
    }
    if let Some(last) = last {
        history.grow_to(last);
    }
    let next = purged.map_or(0, |purged| purged + 1);
    let entries = block_on(store.log.try_get_log_entries(next..)).map_err(text)?;
    let expected = &history.entries[usize::try_from(next).unwrap()..];
    if entries != expected {
        return Err(format!("the log holds {} other entries", entries.len()));
    }
    apply(store, &history).map_err(text)?;
    let digest = store.applied.borrow().digest();
    if digest != history.model.digest() {
        return Err("the state after the last entry is another one".to_owned());
    }
    Ok(Told {
        acked: last.map(|last| (last, TERM)).into_iter().collect(),
        vote,
        purging: purged,
        purged,
        snapshot,
        count: 0,
    })
}

fn bytes_in(dir: &Path) -> u64 {
    let Ok(files) = fs::read_dir(dir.join("raft/wal")) else {
        return 0;
    };
    files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum()
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
