//! Damage on the medium: a clear error or no effect, never a silent loss.

use std::path::{Path, PathBuf};

use raft_store::{
    disk::{Disk, memory::MemoryDisk, read_to_end},
    log::OpenLogError,
};

use crate::driver::{DIR, Driver, Model, Step, append, entry, id, open};

/// A log of four segments, the last of which is not full, and what it
/// holds.
fn written() -> (MemoryDisk, Model, Vec<PathBuf>) {
    let mut driver = Driver::new(MemoryDisk::new()).unwrap();
    let append = |count| Step::Append {
        count,
        bytes: 250,
        newer: 0,
    };
    let steps = [
        Step::Vote { newer: 1 },
        append(20),
        append(20),
        Step::Vote { newer: 1 },
        append(5),
    ];
    for step in steps {
        driver.step(&step).unwrap();
    }
    let names = driver.disk.list(Path::new(DIR)).unwrap();
    let paths: Vec<_> = names.iter().map(|name| Path::new(DIR).join(name)).collect();
    assert_eq!(paths.len(), 4);
    (driver.disk, driver.model, paths)
}

fn len(disk: &MemoryDisk, path: &Path) -> usize {
    usize::try_from(disk.len(path).unwrap().unwrap()).unwrap()
}

/// The log opens with a beginning of what was in it, the vote included.
fn assert_is_beginning(disk: MemoryDisk, whole: &Model) {
    let found = Model::of(&open(disk).unwrap());
    assert!(
        found
            .entries
            .iter()
            .all(|(index, entry)| whole.entries.get(index) == Some(entry))
    );
    assert_eq!(found.purged, whole.purged);
}

#[test]
fn no_single_wrong_bit_goes_unnoticed() {
    let (disk, _, paths) = written();
    for path in &paths {
        for at in 0..len(&disk, path) {
            let disk = disk.fork();
            disk.edit(path, |bytes| bytes[at] ^= 1 << (at % 8)).unwrap();
            assert!(open(disk).is_err(), "byte {at} of {path:?}");
        }
    }
}

#[test]
fn a_block_of_zeros_is_damage_unless_nothing_follows_it() {
    let (disk, whole, paths) = written();
    for path in &paths {
        let len = len(&disk, path);
        for at in (0..len).step_by(64) {
            let disk = disk.fork();
            disk.edit(path, |bytes| bytes[at..(at + 512).min(len)].fill(0))
                .unwrap();
            let newest = path == paths.last().unwrap();
            if newest && at >= 128 && at + 512 >= len {
                match open(disk.fork()) {
                    Ok(_) => assert_is_beginning(disk, &whole),
                    Err(error) => assert!(matches!(error, OpenLogError::Damaged { .. })),
                }
            } else {
                assert!(open(disk).is_err(), "zeros at {at} of {path:?}");
            }
        }
    }
}

#[test]
fn only_the_newest_segment_may_end_early() {
    let (disk, whole, paths) = written();
    for path in &paths {
        for at in (0..len(&disk, path)).step_by(5) {
            let disk = disk.fork();
            disk.edit(path, |bytes| bytes.truncate(at)).unwrap();
            if path == paths.last().unwrap() && at >= 128 {
                assert_is_beginning(disk, &whole);
            } else {
                assert!(open(disk).is_err(), "{path:?} cut to {at}");
            }
        }
    }
}

/// Damages one segment; the text of the refusal.
fn refusal(segment: usize, damage: impl FnOnce(&MemoryDisk, &Path)) -> String {
    let (disk, _, paths) = written();
    damage(&disk, &paths[segment]);
    let before = disk.counts().changes();
    let text = open(disk.clone()).unwrap_err().to_string();
    assert_eq!(
        disk.counts().changes(),
        before + 1,
        "only the directory above was flushed"
    );
    assert!(text.contains("Put the data directory back"), "{text}");
    assert!(text.contains("begin the whole cluster anew"), "{text}");
    text
}

fn flip(at: usize) -> impl FnOnce(&MemoryDisk, &Path) {
    move |disk, path| disk.edit(path, |bytes| bytes[at] ^= 0x10).unwrap()
}

fn remove(disk: &MemoryDisk, path: &Path) {
    disk.remove(path).unwrap();
}

#[track_caller]
fn assert_words(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
}

#[test]
fn every_refusal_says_which_file_where_and_what_to_do() {
    // Entry 0 is at 128 + 26 (the vote) + 9 (its mark), 275 bytes long like
    // all of them.
    let text = refusal(0, flip(163 + 2 * 275 + 100));
    assert_words(
        &text,
        &[
            "0001.wal is damaged at offset 713 (entry 2)",
            "valid ones follow",
        ],
    );
    let text = refusal(1, flip(300));
    assert_words(&text, &["0002.wal is damaged at offset 128 (entry 14)"]);
    let text = refusal(3, flip(200));
    assert_words(
        &text,
        &[
            "0004.wal is damaged at offset 128 (entry 42)",
            "valid ones follow",
        ],
    );
    let text = refusal(3, |disk, path| {
        disk.edit(path, |bytes| {
            bytes.truncate(bytes.len() - 9); // killed before the mark
            *bytes.last_mut().unwrap() ^= 1;
        })
        .unwrap();
    });
    assert_words(
        &text,
        &["(entries from 44 on)", "does not match its checksum"],
    );
    let text = refusal(1, flip(40));
    assert_words(
        &text,
        &[
            "0002.wal",
            "at offset 0",
            "header does not match its checksum",
        ],
    );
    let text = refusal(2, flip(0));
    assert_words(&text, &["0003.wal", "does not begin like a segment"]);
    let text = refusal(1, |disk, path| {
        disk.edit(path, |bytes| bytes.truncate(1000)).unwrap();
    });
    assert_words(
        &text,
        &["0002.wal", "at offset 953", "ends without its last records"],
    );
    let text = refusal(0, |disk, path| {
        disk.edit(path, |bytes| bytes.extend_from_slice(b"more"))
            .unwrap();
    });
    assert_words(&text, &["0001.wal", "something follows its last record"]);
    let text = refusal(3, |disk, path| {
        disk.edit(path, |bytes| bytes[300..380].fill(0)).unwrap();
    });
    assert_words(&text, &["0004.wal is damaged", "valid ones follow"]);
}

#[test]
fn a_lost_segment_is_noticed_wherever_it_was() {
    assert_words(
        &refusal(0, remove),
        &["0000000000000001.wal is missing (entries 0 to 13)"],
    );
    assert_words(
        &refusal(1, remove),
        &["0000000000000002.wal is missing (entries 0 to 27)"],
    );
    assert_words(
        &refusal(3, remove),
        &["0000000000000004.wal is missing (entries from 42 on)"],
    );
}

#[test]
fn a_lost_segment_of_which_nothing_was_needed_does_not_matter() {
    let mut driver = Driver::new(MemoryDisk::new()).unwrap();
    let append = |newer| Step::Append {
        count: 20,
        bytes: 250,
        newer,
    };
    let steps = [
        append(0),
        Step::Truncate { less: 15 },
        append(1),
        Step::Purge { more: 10 },
    ];
    for step in steps {
        driver.step(&step).unwrap();
    }
    driver.log = None;
    remove(&driver.disk, &Path::new(DIR).join("0000000000000001.wal"));
    driver.recover(&[driver.model.clone()]);
}

#[test]
fn a_removed_segment_that_a_crash_brought_back_is_removed_again() {
    let (disk, _, paths) = written();
    let before = disk.fork();
    let mut log = open(disk.clone()).unwrap();
    futures::executor::block_on(log.purge(id(1, 30))).unwrap();
    assert_eq!(log.state().segments, 2);
    let whole = Model::of(&log);
    let oldest = read_to_end(&before, &paths[0], 1 << 20).unwrap();
    disk.create(&paths[0]).unwrap().append(&oldest).unwrap();
    log = open(disk.clone()).unwrap();
    assert_eq!(Model::of(&log), whole);
    assert_eq!(disk.list(Path::new(DIR)).unwrap().len(), 2);
}

#[test]
fn a_segment_of_another_life_is_noticed() {
    let life = |bytes| {
        let disk = MemoryDisk::new();
        let log = open(disk.clone()).unwrap();
        append(&log, vec![entry(1, 0, bytes)]).unwrap();
        append(&log, (1..20).map(|index| entry(1, index, 250)).collect()).unwrap();
        disk
    };
    let (one, other) = (life(10), life(1000));
    let path = Path::new(DIR).join("0000000000000002.wal");
    let mut copy = Vec::new();
    other.edit(&path, |bytes| copy.clone_from(bytes)).unwrap();
    one.edit(&path, |bytes| *bytes = copy).unwrap();
    assert_words(
        &open(one).unwrap_err().to_string(),
        &[
            "0002.wal is damaged at offset 0",
            "does not follow from the segment before it",
        ],
    );
}

#[test]
fn a_segment_in_anothers_place_is_noticed() {
    let (disk, _, paths) = written();
    let mut copy = Vec::new();
    disk.edit(&paths[0], |bytes| copy.clone_from(bytes))
        .unwrap();
    disk.edit(&paths[1], |bytes| *bytes = copy).unwrap();
    assert_words(
        &open(disk).unwrap_err().to_string(),
        &["0002.wal", "says that it is segment 1"],
    );
}

#[test]
fn an_older_copy_of_a_segment_is_noticed() {
    let disk = MemoryDisk::new();
    let log = open(disk.clone()).unwrap();
    append(&log, (0..5).map(|index| entry(1, index, 250)).collect()).unwrap();
    let path = Path::new(DIR).join("0000000000000001.wal");
    let mut copy = Vec::new();
    disk.edit(&path, |bytes| copy.clone_from(bytes)).unwrap();
    append(&log, (5..40).map(|index| entry(1, index, 250)).collect()).unwrap();
    drop(log);
    disk.edit(&path, |bytes| *bytes = copy).unwrap();
    assert_words(
        &open(disk).unwrap_err().to_string(),
        &["0001.wal", "ends without its last"],
    );
}

#[test]
fn a_huge_file_is_not_read() {
    let (disk, _, paths) = written();
    disk.edit(&paths[3], |bytes| bytes.resize(41 << 20, 0))
        .unwrap();
    let error = open(disk).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("at most 41943040 are expected"), "{cause}");
}
