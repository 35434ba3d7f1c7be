//! Tells the end of a write that was cut short from damage.
//!
//! A group is on its way to the medium until its flush is done, and its
//! sectors may get there in any order: a power cut leaves any of them, with
//! zeros in place of the others. Nobody was told that it is safe, so it is cut
//! off. What is before a mark ([`Record::Flushed`]) was flushed; there a power
//! cut leaves nothing like that.

use super::{
    format::{BadRecord, Record},
    open::Damage,
};

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;

/// What is wrong at `at`, where no record is; `None` if a write that was cut
/// short explains it. That takes a sector that was never written, or the end
/// of the file, and no mark behind it. In particular a whole record with one
/// wrong bit is damage, the last one too: a write that was cut short does not
/// do that, and the record may have been acknowledged.
pub(super) fn damage(bytes: &[u8], at: usize, seed: u32, bad: BadRecord) -> Option<Damage> {
    if bad == BadRecord::Unknown {
        return Some(Damage::Unknown);
    }
    let mut next = None;
    let mut from = at;
    while let Some((record, found)) = Record::search(bytes, from, seed) {
        let first = *next.get_or_insert(found);
        if record == Record::Flushed {
            return Some(Damage::Overwritten(first as u64));
        }
        from = found;
    }
    if has_unwritten_sector(bytes, at, next.unwrap_or(bytes.len())) {
        return None;
    }
    match next {
        Some(next) => Some(Damage::Overwritten(next as u64)),
        // The file ends in the middle of it.
        None if bad == BadRecord::Incomplete => None,
        None => Some(Damage::Checksum),
    }
}

/// Whether a sector, or as much of it as is from `from` on, has only zeros; it
/// begins before `until`. Without any byte there is one.
fn has_unwritten_sector(bytes: &[u8], from: usize, until: usize) -> bool {
    let mut from = from;
    loop {
        let to = (from + 1).next_multiple_of(SECTOR).min(bytes.len());
        let sector = bytes.get(from..to).unwrap_or_default();
        if sector.iter().all(|byte| *byte == 0) {
            return true;
        }
        from = to;
        if from >= until {
            return false;
        }
    }
}
