//! Finds the log's segments, reads them all, and tells a log that stopped in
//! the middle of a write from one that was damaged.
//!
//! A power cut leaves at the end of the newest segment some sectors of a group
//! that was not flushed yet: that is cut off, since nobody was told it is safe.
//! Anything else that does not read is damage, and damage is never repaired
//! here: what was cut off might be what this node has acknowledged.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use hosts::HostId;

use super::{
    Identity, LogOptions,
    failure::{Indexes, REMEDY},
    replay::Replay,
    rules::BrokenRule,
    scan::Scan,
    witness::{self, Testimony},
    writer::{self, Segment, Writer, segment_path},
};
use crate::disk::Disk;
use crate::position::Vote;

/// Why the log cannot be opened. Nothing was changed on the disk.
#[derive(Debug, thiserror::Error)]
pub enum OpenLogError {
    /// The disk refused.
    #[error("cannot {doing} {path}")]
    Disk {
        /// What was being done.
        doing: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the disk said.
        #[source]
        cause: io::Error,
    },
    /// There is no segment where there must be some.
    #[error("the log in {dir} is gone: there is no segment file. {}", REMEDY)]
    Empty {
        /// The directory of the log.
        dir: PathBuf,
    },
    /// Segments are gone.
    #[error("segment {path} is missing ({indexes}). {}", REMEDY)]
    Missing {
        /// The segment, or the last one of them.
        path: PathBuf,
        /// The entries that were in it, as far as known.
        indexes: Indexes,
    },
    /// A segment is not what was written.
    #[error(
        "{path} is damaged at offset {offset} ({indexes}): {damage}. {}",
        REMEDY
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// The first byte that is wrong, or of the record that is.
        offset: u64,
        /// The entries that may be lost.
        indexes: Indexes,
        /// What is wrong.
        damage: Damage,
    },
    /// The log ends before the newest vote.
    #[error(
        "the log in {dir} has lost its end: {} knows the vote for {witnessed}, and {}. {}",
        witness::path(dir).display(), Known(known), REMEDY
    )]
    VoteLost {
        /// The directory of the log.
        dir: PathBuf,
        /// The vote that was durable.
        witnessed: Vote,
        /// The newest vote in the log.
        known: Option<Vote>,
    },
    /// The log of another node.
    #[error(
        "{path} belongs to node {} of cluster {}, and this is node {} of cluster {}: \
         start this node with its own data directory",
        found.1, HostId::from_u128(found.0), expected.1, HostId::from_u128(expected.0)
    )]
    Identity {
        /// The segment.
        path: PathBuf,
        /// Whose it is.
        found: Identity,
        /// Who asked.
        expected: Identity,
    },
    /// A log that a newer program wrote.
    #[error(
        "{path} has log format {found}, and this program knows formats up to {known}: start the \
         newer version of the program that was running here"
    )]
    Newer {
        /// The segment.
        path: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format this program knows.
        known: u32,
    },
}

/// What is wrong with a segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It does not begin like a segment.
    #[error("it does not begin like a segment of a log")]
    Foreign,
    /// The header does not match its checksum, or is not all there.
    #[error("its header does not match its checksum")]
    Header,
    /// The header is that of another segment.
    #[error("its header says that it is segment {0}")]
    Sequence(u64),
    /// The header and the segments before say different things.
    #[error("its header does not follow from the segment before it")]
    Standing,
    /// A record does not match its checksum.
    #[error("a record does not match its checksum")]
    Checksum,
    /// A record is not all there, though records follow.
    #[error("a record is overwritten, and valid ones follow at offset {0}")]
    Overwritten(u64),
    /// A complete segment ends too early.
    #[error("it ends without its last records, though the next segment was begun")]
    Cut,
    /// Bytes follow the last record.
    #[error("something follows its last record")]
    Longer,
    /// The record is whole, but no record of this format.
    #[error("a record is of a kind this program does not know")]
    Unknown,
    /// The record is whole, but cannot come here.
    #[error("{0}")]
    Rule(Box<BrokenRule>),
}

/// What a log starts with.
pub(super) struct Opened {
    pub(super) replay: Replay,
    pub(super) segments: BTreeMap<u64, Segment>,
    pub(super) writer: Writer,
}

/// Opens the log in `dir`, or begins one.
pub(super) fn open(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    identity: Identity,
    options: &LogOptions,
) -> Result<Opened, OpenLogError> {
    let failed = |doing: &'static str| {
        move |cause| OpenLogError::Disk {
            doing,
            path: dir.to_path_buf(),
            cause,
        }
    };
    disk.create_dir_all(dir).map_err(failed("create"))?;
    if let Some(parent) = dir.parent() {
        disk.sync_dir(parent)
            .map_err(failed("flush the directory of"))?;
    }
    let names = disk.list(dir).map_err(failed("list"))?;
    let found: Vec<u64> = names.iter().filter_map(|name| sequence_of(name)).collect();
    let testimony = witness::read(disk.as_ref(), dir, identity);
    let cache = options.cache_bytes;
    let scan = Scan::all(
        disk.as_ref(),
        dir,
        identity,
        cache,
        &found,
        testimony.vote(),
    )?;
    let Scan {
        replay,
        mut segments,
        sealed,
        current,
        ..
    } = scan;
    if let Testimony::Foreign(found) = testimony {
        return Err(OpenLogError::Identity {
            path: witness::path(dir),
            found,
            expected: identity,
        });
    }
    let current = match current {
        Some(current) => current,
        None if options.must_exist => {
            return Err(OpenLogError::Empty {
                dir: dir.to_path_buf(),
            });
        }
        None => {
            if let Some(witnessed) = testimony.vote() {
                return Err(OpenLogError::VoteLost {
                    dir: dir.to_path_buf(),
                    witnessed,
                    known: None,
                });
            }
            for unfinished in found {
                let path = segment_path(dir, unfinished);
                disk.remove(&path)
                    .map_err(failed("remove the unfinished segment in"))?;
            }
            writer::create(disk.as_ref(), dir, 1, identity, replay.standing)
                .map_err(failed("create the first segment of the log in"))?
        }
    };
    disk.sync_dir(dir).map_err(failed("flush the names in"))?;
    if let Some(vote) = replay.standing.vote
        && testimony != Testimony::Vote(vote)
    {
        // Nobody was told of it yet, or the copy is lost: the log has it.
        witness::write(disk.as_ref(), dir, identity, vote)
            .map_err(failed("write the second copy of the vote in"))?;
    }
    segments.insert(
        current.sequence,
        Segment {
            seed: current.seed,
            bytes: current.bytes,
        },
    );
    let writer = Writer::new(
        Arc::clone(disk),
        dir,
        identity,
        options.segment_bytes,
        current,
        sealed,
        replay.standing,
    );
    Ok(Opened {
        replay,
        segments,
        writer,
    })
}

/// What a log knows of votes, as the end of a sentence.
struct Known<'a>(&'a Option<Vote>);

impl fmt::Display for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(vote) => write!(f, "the newest in the log is for {vote}"),
            None => f.write_str("there is none in the log"),
        }
    }
}

/// The number of the segment with this file name.
fn sequence_of(name: &str) -> Option<u64> {
    let digits = name
        .strip_suffix(".wal")
        .filter(|digits| digits.len() == 16)?;
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
}
