//! Reads all segments, oldest first.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::{Path, PathBuf},
};

use super::{
    Identity,
    failure::Indexes,
    format::{BadHeader, HEADER_BYTES, Header, Record, SEGMENT_FILE_BYTES_MAX, VERSION},
    index::Stored,
    open::{Damage, OpenLogError},
    replay::Replay,
    tail, witness,
    writer::{Current, Sealed, Segment, segment_path},
};
use crate::disk::{self, Disk, DiskFile};
use crate::position::Vote;

/// What the segments hold.
pub(super) struct Scan<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    identity: Identity,
    pub(super) replay: Replay,
    pub(super) segments: BTreeMap<u64, Segment>,
    pub(super) sealed: VecDeque<Sealed>,
    /// The segment to go on with; `None` if there is none, or only a first one
    /// that was never finished.
    pub(super) current: Option<Current>,
}

/// Where a segment ends.
enum End {
    Sealed(Box<dyn DiskFile>),
    /// Without a seal, to go on with; its file may be longer.
    Open(Current),
}

impl<'a> Scan<'a> {
    /// Reads the segments numbered `found`, in rising order. Only when all of
    /// it was read and is good, and the `witnessed` vote is in it, what a crash
    /// has left over is removed.
    pub(super) fn all(
        disk: &'a dyn Disk,
        dir: &'a Path,
        identity: Identity,
        cache_bytes: usize,
        found: &[u64],
        witnessed: Option<Vote>,
    ) -> Result<Self, OpenLogError> {
        let replay = Replay::new(cache_bytes);
        let (segments, sealed) = (BTreeMap::new(), VecDeque::new());
        let mut scan = Self {
            disk,
            dir,
            identity,
            replay,
            segments,
            sealed,
            current: None,
        };
        let (void, run) = found.split_at(newest_run(found));
        let Some((&newest, before)) = run.split_last() else {
            return Ok(scan);
        };
        if before.is_empty() && newest == 1 && scan.is_unfinished(newest)? {
            return Ok(scan);
        }
        // The successor is made before the seal, and written to after it.
        let is_bare = scan.len(newest)? <= HEADER_BYTES as u64;
        let mut left = run;
        let mut sealed = None;
        let open = loop {
            let Some((&sequence, rest)) = left.split_first() else {
                return Err(scan.missing(newest + 1, Indexes::from(scan.replay.next())));
            };
            left = rest;
            let may_tear = rest.is_empty() || (is_bare && rest.len() == 1);
            match scan.segment(sequence, may_tear)? {
                End::Sealed(file) => sealed = Some(file),
                End::Open(current) => break current,
            }
        };
        if let Some(indexes) = scan.replay.missing() {
            let before = run.first().map_or(0, |first| first - 1);
            return Err(scan.missing(before, indexes));
        }
        let known = scan.replay.standing.vote;
        if let Some(witnessed) = witnessed.filter(|vote| witness::forgets(known, *vote)) {
            return Err(OpenLogError::VoteLost {
                dir: dir.to_path_buf(),
                witnessed,
                known,
            });
        }
        // Segments before a gap were being removed when the power went.
        for &sequence in left.iter().chain(void) {
            scan.remove(sequence)?;
        }
        scan.current = Some(scan.settle(sealed, open)?);
        Ok(scan)
    }

    /// Reads one segment. Without `may_tear` it has to end in a seal.
    fn segment(&mut self, sequence: u64, may_tear: bool) -> Result<End, OpenLogError> {
        let path = segment_path(self.dir, sequence);
        let (file, bytes) = self.read(&path)?;
        let seed = self.header(&path, sequence, &bytes)?;
        let mut at = HEADER_BYTES;
        let mut highest = None;
        let mut marked = true;
        loop {
            match Record::decode(&bytes, at, 0, seed) {
                Ok((Record::Sealed, next)) => {
                    if next != bytes.len() {
                        return Err(self.damaged(path, &bytes, next, seed, Damage::Longer));
                    }
                    self.segments.insert(
                        sequence,
                        Segment {
                            seed,
                            bytes: next as u64,
                        },
                    );
                    self.sealed.push_back(Sealed { sequence, highest });
                    return Ok(End::Sealed(file));
                }
                Ok((record, next)) => {
                    let stored = stored(sequence, at, next);
                    if let Err(broken) = self.replay.take(&record, stored) {
                        return Err(self.damaged(
                            path,
                            &bytes,
                            at,
                            seed,
                            Damage::Rule(Box::new(broken)),
                        ));
                    }
                    if let Record::Entry { id, .. } = record {
                        highest = highest.max(Some(id.index));
                    }
                    marked = record == Record::Flushed;
                    at = next;
                }
                Err(bad) => {
                    let damage = match tail::damage(&bytes, at, seed, bad) {
                        None if may_tear => break,
                        None => Damage::Cut,
                        Some(damage) => damage,
                    };
                    return Err(self.damaged(path, &bytes, at, seed, damage));
                }
            }
        }
        Ok(End::Open(Current {
            file,
            path,
            sequence,
            seed,
            bytes: at as u64,
            flushed: at as u64,
            marked,
            highest,
        }))
    }

    /// Reads the header of a segment; gives the seed of its checksums.
    fn header(&mut self, path: &Path, sequence: u64, bytes: &[u8]) -> Result<u32, OpenLogError> {
        let damaged = |scan: &Self, damage| {
            Err(OpenLogError::Damaged {
                path: path.to_path_buf(),
                offset: 0,
                indexes: Indexes::from(scan.replay.next()),
                damage,
            })
        };
        let (header, seed) = match Header::decode(bytes) {
            Ok(decoded) => decoded,
            Err(BadHeader::Newer(found)) => {
                let path = path.to_path_buf();
                return Err(OpenLogError::Newer {
                    path,
                    found,
                    known: VERSION,
                });
            }
            Err(BadHeader::Foreign) => return damaged(self, Damage::Foreign),
            Err(BadHeader::Incomplete | BadHeader::Checksum) => {
                return damaged(self, Damage::Header);
            }
        };
        if header.identity != self.identity {
            let (path, found) = (path.to_path_buf(), header.identity);
            return Err(OpenLogError::Identity {
                path,
                found,
                expected: self.identity,
            });
        }
        if header.sequence != sequence {
            return damaged(self, Damage::Sequence(header.sequence));
        }
        if !self.replay.begin(header.standing) {
            return damaged(self, Damage::Standing);
        }
        Ok(seed)
    }

    /// Cuts off what a write left unfinished, and flushes: what was read may
    /// be in memory only, if the program was killed before its flush. That
    /// goes for the last seal as well.
    fn settle(
        &self,
        sealed: Option<Box<dyn DiskFile>>,
        mut current: Current,
    ) -> Result<Current, OpenLogError> {
        let path = current.path.as_path();
        if let Some(mut sealed) = sealed {
            let before = segment_path(self.dir, current.sequence - 1);
            sealed.sync().map_err(failed("flush", &before))?;
        }
        let len = current.file.len().map_err(failed("read", path))?;
        if len > current.bytes {
            tracing::warn!(
                path = %path.display(),
                offset = current.bytes,
                bytes = len - current.bytes,
                "the log ends in a write that was never finished; cut it off"
            );
            let cut = current.file.truncate(current.bytes);
            cut.map_err(failed("cut", path))?;
        }
        current.file.sync().map_err(failed("flush", path))?;
        Ok(current)
    }

    /// Whether the first segment was being made when the power went.
    fn is_unfinished(&self, sequence: u64) -> Result<bool, OpenLogError> {
        if self.len(sequence)? > HEADER_BYTES as u64 {
            return Ok(false);
        }
        let (_, bytes) = self.read(&segment_path(self.dir, sequence))?;
        Ok(bytes.len() < HEADER_BYTES || bytes.iter().all(|byte| *byte == 0))
    }

    fn len(&self, sequence: u64) -> Result<u64, OpenLogError> {
        let path = segment_path(self.dir, sequence);
        let len = self.disk.len(&path).map_err(failed("look at", &path))?;
        Ok(len.unwrap_or(0))
    }

    fn read(&self, path: &Path) -> Result<(Box<dyn DiskFile>, Vec<u8>), OpenLogError> {
        let file = self.disk.open(path).map_err(failed("open", path))?;
        let bytes = disk::read_whole(file.as_ref(), SEGMENT_FILE_BYTES_MAX)
            .map_err(failed("read", path))?;
        Ok((file, bytes))
    }

    fn remove(&self, sequence: u64) -> Result<(), OpenLogError> {
        let path = segment_path(self.dir, sequence);
        self.disk.remove(&path).map_err(failed("remove", &path))
    }

    fn missing(&self, sequence: u64, indexes: Indexes) -> OpenLogError {
        OpenLogError::Missing {
            path: segment_path(self.dir, sequence),
            indexes,
        }
    }

    /// The damage at `at`, with the entries between the last good one and the
    /// next.
    fn damaged(
        &self,
        path: PathBuf,
        bytes: &[u8],
        at: usize,
        seed: u32,
        damage: Damage,
    ) -> OpenLogError {
        let first = self.replay.next();
        let mut indexes = Indexes::from(first);
        let mut from = at;
        while let Some((record, found)) = Record::search(bytes, from, seed) {
            from = found;
            if let Record::Entry { id, .. } = record {
                indexes = match id.index.checked_sub(1) {
                    Some(last) if last >= first => Indexes::some(first, last),
                    _ => Indexes::default(),
                };
                break;
            }
        }
        OpenLogError::Damaged {
            path,
            offset: at as u64,
            indexes,
            damage,
        }
    }
}

/// Where the newest segments begin that follow each other without a gap.
fn newest_run(found: &[u64]) -> usize {
    let gap = found.windows(2).rposition(|pair| match pair {
        [one, next] => one + 1 != *next,
        _ => false,
    });
    gap.map_or(0, |gap| gap + 1)
}

fn stored(segment: u64, at: usize, next: usize) -> Stored {
    Stored {
        segment,
        offset: u32::try_from(at).expect("a segment file was held to less"),
        len: u32::try_from(next - at).expect("a segment file was held to less"),
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenLogError {
    move |cause| OpenLogError::Disk {
        doing,
        path: path.to_path_buf(),
        cause,
    }
}
