//! The table of damages: what is done to which file, and what the next start
//! says or mends. On real files, sled's among them.

use std::fs::{self, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use raft_store::Seams;

use crate::driver::open;
use crate::history::History;
use crate::rebuild::copy;

/// The files of a node that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    /// A segment of the log that is complete.
    OlderLog,
    /// The segment that was written to last.
    NewestLog,
    /// The record of the last vote, at the end of that segment.
    Vote,
    /// The second copy of the vote.
    Witness,
    State,
    Snapshot,
    Identity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    /// One wrong bit in the middle.
    Bit,
    /// A block of zeros in the middle.
    Zeros,
    /// The last third is gone.
    Tail,
    /// The file is gone.
    Lost,
}

/// What the next start makes of it.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// It refuses, in these words.
    Refuses(&'static [&'static str]),
    /// It makes the state anew from snapshot and log, and keeps the old one
    /// aside.
    Rebuilds,
    /// It sets the snapshot aside, and goes on from state and log.
    SetsAside,
    /// It goes on from state and log; there is nothing to set aside.
    GoesOn,
}

const REJOIN: &str = "begin the whole cluster anew";

const TABLE: [(Victim, Damage, Then); 28] = {
    use Damage::{Bit, Lost, Tail, Zeros};
    use Then::{GoesOn, Rebuilds, Refuses, SetsAside};
    use Victim::{Identity, NewestLog, OlderLog, Snapshot, State, Vote, Witness};
    const OVERWRITTEN: Then = Refuses(&["is damaged at offset", "valid ones follow", REJOIN]);
    const FORGETS: Then = Refuses(&[
        "has lost its end",
        "VOTE knows the vote for node 1 in term 2",
        "the log is for node 1 in term 1",
        REJOIN,
    ]);
    const NOBODYS: Then = Refuses(&["IDENTITY is damaged", "nobody knows whose", REJOIN]);
    [
        (OlderLog, Bit, OVERWRITTEN),
        (OlderLog, Zeros, OVERWRITTEN),
        (
            OlderLog,
            Tail,
            Refuses(&["ends without its last records", REJOIN]),
        ),
        (
            OlderLog,
            Lost,
            Refuses(&[".wal is missing (entries", REJOIN]),
        ),
        (NewestLog, Bit, OVERWRITTEN),
        (NewestLog, Zeros, OVERWRITTEN),
        (NewestLog, Tail, FORGETS),
        (
            NewestLog,
            Lost,
            Refuses(&[".wal is missing (entries", REJOIN]),
        ),
        (Vote, Bit, OVERWRITTEN),
        (Vote, Zeros, OVERWRITTEN),
        (Vote, Tail, FORGETS),
        (Vote, Lost, Refuses(&[".wal is missing (entries", REJOIN])),
        // What it says is in the log.
        (Witness, Bit, GoesOn),
        (Witness, Zeros, GoesOn),
        (Witness, Tail, GoesOn),
        (Witness, Lost, GoesOn),
        (State, Bit, Rebuilds),
        (State, Zeros, Rebuilds),
        (State, Tail, Rebuilds),
        (State, Lost, Rebuilds),
        (Snapshot, Bit, SetsAside),
        (Snapshot, Zeros, SetsAside),
        (Snapshot, Tail, SetsAside),
        (Snapshot, Lost, GoesOn),
        (Identity, Bit, NOBODYS),
        (Identity, Zeros, NOBODYS),
        (Identity, Tail, NOBODYS),
        // Every segment of the log says whose it is, too.
        (Identity, Lost, GoesOn),
    ]
};

#[test]
fn every_damage_is_told_or_mended() {
    let pristine = tempfile::tempdir().unwrap();
    let history = live(pristine.path());
    for (victim, damage, then) in TABLE {
        let row = format!("{victim:?}, {damage:?}");
        let dir = tempfile::tempdir().unwrap();
        copy(pristine.path(), dir.path());
        harm(dir.path(), victim, damage);
        let opened = open(Seams::real(), dir.path());
        let refusing = matches!(then, Then::Refuses(_));
        let mut node = match opened {
            Ok(_) if refusing => panic!("{row}: it opened"),
            Ok(node) => node,
            Err(error) => {
                let said = chain(&error);
                let Then::Refuses(words) = then else {
                    panic!("{row}: refused: {said}")
                };
                for word in words {
                    assert!(said.contains(word), "{row}: no {word:?} in {said}");
                }
                continue;
            }
        };
        let at = node.applied().applied;
        assert_eq!(
            at != Some(history.last()),
            matches!(then, Then::Rebuilds),
            "{row}: the state is at {at:?}"
        );
        let aside = match victim {
            Victim::State => names(dir.path(), "state", "bad"),
            _ => names(dir.path(), "snapshots", ".bad"),
        };
        // Of a file that is gone there is nothing left to look at.
        let sets_aside = matches!(then, Then::Rebuilds | Then::SetsAside) && damage != Damage::Lost;
        assert_eq!(aside.len(), usize::from(sets_aside), "{row}: {aside:?}");
        let vote = node.saved_vote().unwrap().leader_id.term;
        assert_eq!(vote, TERM + 1, "{row}");

        node.apply_committed().unwrap();
        assert_eq!(node.applied().digest(), history.model.digest(), "{row}");
        assert_eq!(node.applied().applied, Some(history.last()), "{row}");
        // It is a node as before: it takes a snapshot, and opens again.
        node.snapshot().unwrap();
        node.close();
        let node = open(Seams::real(), dir.path()).unwrap();
        assert_eq!(node.applied().digest(), history.model.digest(), "{row}");
    }
}

/// Without the log behind it, nothing can take the place of state and snapshot.
#[test]
fn state_and_snapshot_cannot_both_be_missed() {
    let pristine = tempfile::tempdir().unwrap();
    live(pristine.path());
    let damages = [Damage::Bit, Damage::Zeros, Damage::Tail, Damage::Lost];
    for (state, snapshot) in damages
        .iter()
        .flat_map(|one| damages.map(|two| (*one, two)))
    {
        let dir = tempfile::tempdir().unwrap();
        copy(pristine.path(), dir.path());
        harm(dir.path(), Victim::State, state);
        harm(dir.path(), Victim::Snapshot, snapshot);
        let row = format!("state: {state:?}, snapshot: {snapshot:?}");
        let Err(error) = open(Seams::real(), dir.path()) else {
            panic!("{row}: it opened")
        };
        let said = chain(&error);
        for word in ["the log begins after entry", "is lost here", REJOIN] {
            assert!(said.contains(word), "{row}: no {word:?} in {said}");
        }
    }
}

const TERM: u64 = 1;

/// A life with a snapshot, some segments of log after it, and a vote at the
/// very end.
fn live(dir: &Path) -> History {
    let mut history = History::new();
    let mut node = open(Seams::real(), dir).unwrap();
    node.vote(TERM).unwrap();
    for number in 0..20 {
        history.add(number);
    }
    node.run(&history.entries).unwrap();
    let snapshot = node.snapshot().unwrap();
    node.purge(snapshot.meta.last_log_id.unwrap()).unwrap();
    for number in 20..135 {
        history.add(number);
    }
    node.run(&history.entries[21..]).unwrap();
    node.vote(TERM + 1).unwrap();
    node.close();
    assert!(names(dir, "wal", ".wal").len() >= 3);
    history
}

/// The lengths of the record of a vote, and of the mark that it was flushed.
const VOTE: u64 = 26;
const MARK: u64 = 9;

fn harm(dir: &Path, victim: Victim, damage: Damage) {
    let path = place(dir, victim);
    let bytes = fs::read(&path).unwrap();
    // sled has much room that it does not use.
    let used = 1 + bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let used = used as u64;
    let harmed: Range<u64> = match (victim, damage) {
        (Victim::Vote, Damage::Bit | Damage::Zeros) => used - MARK - VOTE..used - MARK,
        (Victim::Vote, _) => used - MARK - VOTE..used,
        (_, Damage::Tail) => used - used / 3..used,
        // The first of sled's blocks that are written have the rows.
        _ => used / 2..(used / 2 + 512).min(used),
    };
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let middle = (harmed.start + harmed.end) / 2;
    match damage {
        Damage::Bit => {
            let byte = bytes[usize::try_from(middle).unwrap()];
            file.write_all_at(&[byte ^ 0x10], middle).unwrap();
        }
        Damage::Zeros => {
            let len = usize::try_from(harmed.end - harmed.start).unwrap();
            file.write_all_at(&vec![0; len], harmed.start).unwrap();
        }
        Damage::Tail => file.set_len(harmed.start).unwrap(),
        Damage::Lost => fs::remove_file(&path).unwrap(),
    }
}

fn place(dir: &Path, victim: Victim) -> PathBuf {
    let room = dir.join("raft");
    let wal = names(dir, "wal", ".wal");
    match victim {
        Victim::OlderLog => room.join("wal").join(&wal[wal.len() - 2]),
        Victim::NewestLog | Victim::Vote => room.join("wal").join(wal.last().unwrap()),
        Victim::Witness => room.join("VOTE"),
        Victim::State => {
            let current = fs::read_to_string(room.join("state/CURRENT")).unwrap();
            room.join(format!("state/sm.{}/db", current.trim()))
        }
        Victim::Snapshot => room.join("snapshots").join(&names(dir, "snapshots", "")[0]),
        Victim::Identity => room.join("IDENTITY"),
    }
}

/// The names with `part` in them, sorted.
fn names(dir: &Path, room: &str, part: &str) -> Vec<String> {
    let all = fs::read_dir(dir.join("raft").join(room)).unwrap();
    let all = all.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = all.filter(|name| name.contains(part)).collect();
    names.sort();
    names
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
