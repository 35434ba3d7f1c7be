//! Tells the end of a write that was cut short from damage.

use super::{
    format::{BadRecord, Record},
    open::Damage,
};

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;

/// What is wrong at `at`, where no record is; `None` if a write that was cut
/// short explains it. That leaves the beginning of a record, or nothing, and
/// after it sectors that were never written, or nothing. In particular a whole
/// record with one wrong bit is damage, the last one too: a write that was cut
/// short does not do that, and the record may have been acknowledged.
pub(super) fn damage(bytes: &[u8], at: usize, seed: u32, bad: BadRecord) -> Option<Damage> {
    if bad == BadRecord::Unknown {
        return Some(Damage::Unknown);
    }
    let tail = bytes.get(at..).unwrap_or_default();
    let last = tail.iter().rposition(|byte| *byte != 0)?;
    if let Some((_, offset)) = Record::search(bytes, at, seed) {
        return Some(Damage::Overwritten(offset as u64));
    }
    let zeros_from = (at + last + 1).next_multiple_of(SECTOR);
    if zeros_from < bytes.len() || bad == BadRecord::Incomplete {
        return None;
    }
    Some(Damage::Checksum)
}
