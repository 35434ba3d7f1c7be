//! The bytes of a segment: a header, then records.
//!
//! Every number is little-endian. A record's checksum covers the checksum of
//! its segment's header, its own offset, its kind and its body, so a record
//! that strayed from another segment, node or place does not pass for one.
//!
//! ```text
//! header  magic 8 | version 4 | 0 4 | cluster 16 | node 8 | sequence 8
//!         | vote 17 | committed 17 | purged 17 | last 17 | 0 … | crc32c at 124
//! record  length of kind and body 3 | check of the length 1 | crc32c 4 | kind 1 | body
//! ```

use super::Identity;
use crate::position::{LogId, Vote};

/// The format this program writes, and the newest it reads.
pub(super) const VERSION: u32 = 1;

/// The length of a segment's header.
pub(super) const HEADER_BYTES: usize = 128;

/// The length of an entry's record without its payload.
pub(super) const ENTRY_OVERHEAD: usize = PREFIX_BYTES + 1 + 16;

/// The largest payload of an entry. Proposals are held to far less; this
/// bounds what is allocated for a length found on the disk.
pub(super) const PAYLOAD_BYTES_MAX: usize = 4 << 20;

/// The largest segment file that is read: what the options allow, and one
/// record over the edge.
pub(super) const SEGMENT_FILE_BYTES_MAX: usize = 40 << 20;

const MAGIC: [u8; 8] = *b"RHOSTWAL";
const CHECKSUM_AT: usize = HEADER_BYTES - 4;
const PREFIX_BYTES: usize = 8;
const BODY_BYTES_MAX: usize = 1 + 16 + PAYLOAD_BYTES_MAX;

/// What the stream of records says up to some point of it. Each segment begins
/// with it, so that the segments before can go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) vote: Option<Vote>,
    pub(super) committed: Option<LogId>,
    pub(super) purged: Option<LogId>,
    pub(super) last: Option<LogId>,
}

impl Standing {
    /// The standing after `record`.
    pub(super) fn take(&mut self, record: &Record<'_>) {
        match *record {
            Record::Vote(vote) => self.vote = Some(vote),
            Record::Entry { id, .. } => self.last = Some(id),
            Record::Truncate(to) => self.last = to,
            Record::Purged(to) => {
                self.purged = Some(to);
                if self.last.is_none_or(|last| last.index < to.index) {
                    self.last = Some(to);
                }
            }
            Record::Committed(to) => self.committed = to,
            Record::Sealed | Record::Flushed => {}
        }
    }
}

/// The beginning of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) identity: Identity,
    pub(super) sequence: u64,
    pub(super) standing: Standing,
}

/// Why the beginning of a file is not a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadHeader {
    Incomplete,
    Foreign,
    Newer(u32),
    Checksum,
}

impl Header {
    /// The bytes, and the seed of the checksums of the segment's records.
    pub(super) fn encode(&self) -> (Vec<u8>, u32) {
        let (cluster, node) = self.identity;
        let Standing {
            vote,
            committed,
            purged,
            last,
        } = self.standing;
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&cluster.to_le_bytes());
        bytes.extend_from_slice(&node.to_le_bytes());
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        put_vote(&mut bytes, vote);
        put_position(&mut bytes, committed);
        put_position(&mut bytes, purged);
        put_position(&mut bytes, last);
        bytes.resize(CHECKSUM_AT, 0);
        let seed = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&seed.to_le_bytes());
        (bytes, seed)
    }

    /// Reads the header at the beginning of `bytes`, with the seed of the
    /// checksums of the records after it.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Self, u32), BadHeader> {
        let (covered, rest) = bytes
            .split_at_checked(CHECKSUM_AT)
            .ok_or(BadHeader::Incomplete)?;
        let sum = Fields(rest).u32().ok_or(BadHeader::Incomplete)?;
        let mut fields = Fields(covered);
        if fields.take() != Some(MAGIC) {
            return Err(BadHeader::Foreign);
        }
        let version = fields.u32().ok_or(BadHeader::Incomplete)?;
        // Only the beginning of a newer header is known.
        if version > VERSION {
            return Err(BadHeader::Newer(version));
        }
        let seed = crc32c::crc32c(covered);
        if version == 0 || seed != sum {
            return Err(BadHeader::Checksum);
        }
        let header = Self::fields(fields).ok_or(BadHeader::Checksum)?;
        Ok((header, seed))
    }

    fn fields(mut fields: Fields<'_>) -> Option<Self> {
        fields.u32()?;
        let identity = (u128::from_le_bytes(fields.take()?), fields.u64()?);
        let sequence = fields.u64()?;
        let vote = take_vote(&mut fields)?;
        let committed = take_position(&mut fields)?;
        let purged = take_position(&mut fields)?;
        let last = take_position(&mut fields)?;
        Some(Self {
            identity,
            sequence,
            standing: Standing {
                vote,
                committed,
                purged,
                last,
            },
        })
    }
}

/// One fact of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// The node gave its voice.
    Vote(Vote),
    /// The next entry.
    Entry { id: LogId, payload: &'a [u8] },
    /// The entries after this one are void; all of them, if `None`.
    Truncate(Option<LogId>),
    /// The entries up to this one are gone; a snapshot has them.
    Purged(LogId),
    /// The entries up to this one are known to be committed.
    Committed(Option<LogId>),
    /// The segment ends here, and its successor exists.
    Sealed,
    /// All that stands before this in the segment was flushed.
    Flushed,
}

/// Why there is no record at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadRecord {
    /// The bytes end here.
    End,
    /// The bytes end before the record does.
    Incomplete,
    /// The length is none that was ever written.
    Length,
    /// The checksum does not match.
    Checksum,
    /// The checksum matches, but this program does not know such a record.
    Unknown,
}

impl<'a> Record<'a> {
    /// How many bytes [`Record::encode`] adds.
    pub(super) fn encoded_len(&self) -> usize {
        let body = match self {
            Self::Entry { payload, .. } => 16 + payload.len(),
            Self::Purged(_) => 16,
            Self::Vote(_) | Self::Truncate(_) | Self::Committed(_) => OPTION_BYTES,
            Self::Sealed | Self::Flushed => 0,
        };
        PREFIX_BYTES + 1 + body
    }

    /// Adds the record to `into`; it is going to stand at `offset` of its file.
    pub(super) fn encode(&self, into: &mut Vec<u8>, seed: u32, offset: u64) {
        let start = into.len();
        into.resize(start + PREFIX_BYTES, 0);
        match *self {
            Self::Vote(vote) => {
                into.push(KIND_VOTE);
                put_vote(into, Some(vote));
            }
            Self::Entry { id, payload } => {
                into.push(KIND_ENTRY);
                into.extend_from_slice(&id.term.to_le_bytes());
                into.extend_from_slice(&id.index.to_le_bytes());
                into.extend_from_slice(payload);
            }
            Self::Truncate(to) => {
                into.push(KIND_TRUNCATE);
                put_position(into, to);
            }
            Self::Purged(to) => {
                into.push(KIND_PURGED);
                into.extend_from_slice(&to.term.to_le_bytes());
                into.extend_from_slice(&to.index.to_le_bytes());
            }
            Self::Committed(to) => {
                into.push(KIND_COMMITTED);
                put_position(into, to);
            }
            Self::Sealed => into.push(KIND_SEALED),
            Self::Flushed => into.push(KIND_FLUSHED),
        }
        let (_, record) = into.split_at_mut(start);
        let (prefix, covered) = record.split_at_mut(PREFIX_BYTES);
        let (length, sum) = prefix.split_at_mut(4);
        length.copy_from_slice(&length_word(covered.len()).to_le_bytes());
        sum.copy_from_slice(&checksum(seed, offset, covered).to_le_bytes());
    }

    /// Reads the record at `at` of `bytes`, which begin at `base` of their
    /// file; also says where the next one begins.
    pub(super) fn decode(
        bytes: &'a [u8],
        at: usize,
        base: u64,
        seed: u32,
    ) -> Result<(Self, usize), BadRecord> {
        let rest = bytes
            .get(at..)
            .filter(|rest| !rest.is_empty())
            .ok_or(BadRecord::End)?;
        let mut fields = Fields(rest);
        let length = fields.u32().ok_or(BadRecord::Incomplete)?;
        let length = length_of(length).ok_or(BadRecord::Length)?;
        let sum = fields.u32().ok_or(BadRecord::Incomplete)?;
        let covered = fields.0.get(..length).ok_or(BadRecord::Incomplete)?;
        if checksum(seed, base + at as u64, covered) != sum {
            return Err(BadRecord::Checksum);
        }
        let record = Self::body(Fields(covered)).ok_or(BadRecord::Unknown)?;
        Ok((record, at + PREFIX_BYTES + length))
    }

    fn body(mut fields: Fields<'a>) -> Option<Self> {
        let [kind] = fields.take()?;
        let record = match kind {
            KIND_VOTE => Self::Vote(take_vote(&mut fields)??),
            KIND_ENTRY => {
                let id = LogId {
                    term: fields.u64()?,
                    index: fields.u64()?,
                };
                return Some(Self::Entry {
                    id,
                    payload: fields.0,
                });
            }
            KIND_TRUNCATE => Self::Truncate(take_position(&mut fields)?),
            KIND_PURGED => Self::Purged(LogId {
                term: fields.u64()?,
                index: fields.u64()?,
            }),
            KIND_COMMITTED => Self::Committed(take_position(&mut fields)?),
            KIND_SEALED => Self::Sealed,
            KIND_FLUSHED => Self::Flushed,
            _ => return None,
        };
        fields.0.is_empty().then_some(record)
    }

    /// The first record after `at`, wherever one begins, and where that is.
    pub(super) fn search(bytes: &'a [u8], at: usize, seed: u32) -> Option<(Self, usize)> {
        (at + 1..bytes.len()).find_map(|at| {
            // Kinds are few: most places that are none are seen without a sum.
            let kind = *bytes.get(at + PREFIX_BYTES)?;
            let (record, _) = (KIND_VOTE..=KIND_FLUSHED)
                .contains(&kind)
                .then(|| Self::decode(bytes, at, 0, seed).ok())??;
            Some((record, at))
        })
    }
}

const KIND_VOTE: u8 = 1;
const KIND_ENTRY: u8 = 2;
const KIND_TRUNCATE: u8 = 3;
const KIND_PURGED: u8 = 4;
const KIND_COMMITTED: u8 = 5;
const KIND_SEALED: u8 = 6;
const KIND_FLUSHED: u8 = 7;

/// The length of a vote or of a position that may be absent.
const OPTION_BYTES: usize = 17;

fn checksum(seed: u32, offset: u64, covered: &[u8]) -> u32 {
    let seed = crc32c::crc32c_append(seed, &offset.to_le_bytes());
    crc32c::crc32c_append(seed, covered)
}

/// A length with its check: a damaged length must not look like a record that
/// was still being written.
fn length_word(length: usize) -> u32 {
    let length = u32::try_from(length).expect("a payload is at most PAYLOAD_BYTES_MAX");
    length | (length_check(length) << 24)
}

fn length_of(word: u32) -> Option<usize> {
    let length = word & 0x00ff_ffff;
    let good = length != 0 && word >> 24 == length_check(length);
    usize::try_from(length)
        .ok()
        .filter(|length| good && *length <= BODY_BYTES_MAX)
}

fn length_check(length: u32) -> u32 {
    length.wrapping_mul(0x9e37_79b1) >> 24
}

fn put_vote(into: &mut Vec<u8>, vote: Option<Vote>) {
    let flags = vote.map_or(0, |vote| {
        1 | u8::from(vote.node.is_some()) << 1 | u8::from(vote.committed) << 2
    });
    into.push(flags);
    into.extend_from_slice(&vote.map_or(0, |vote| vote.term).to_le_bytes());
    into.extend_from_slice(&vote.and_then(|vote| vote.node).unwrap_or(0).to_le_bytes());
}

fn take_vote(fields: &mut Fields<'_>) -> Option<Option<Vote>> {
    let [flags] = fields.take()?;
    let (term, node) = (fields.u64()?, fields.u64()?);
    let node = (flags & 2 != 0).then_some(node);
    match flags {
        0 => Some(None),
        1 | 3 | 5 | 7 => Some(Some(Vote {
            term,
            node,
            committed: flags & 4 != 0,
        })),
        _ => None,
    }
}

fn put_position(into: &mut Vec<u8>, id: Option<LogId>) {
    into.push(u8::from(id.is_some()));
    let LogId { term, index } = id.unwrap_or(LogId { term: 0, index: 0 });
    into.extend_from_slice(&term.to_le_bytes());
    into.extend_from_slice(&index.to_le_bytes());
}

fn take_position(fields: &mut Fields<'_>) -> Option<Option<LogId>> {
    let [there] = fields.take()?;
    let id = LogId {
        term: fields.u64()?,
        index: fields.u64()?,
    };
    match there {
        0 => Some(None),
        1 => Some(Some(id)),
        _ => None,
    }
}

/// Bytes that are taken from the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests;
