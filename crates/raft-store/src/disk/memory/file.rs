//! The bytes of one file: as read now, and as a power cut would leave them.

use super::Chance;

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;

#[derive(Clone, Default)]
pub(super) struct Inode {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// How many bytes at the beginning are alike in both.
    alike: usize,
    /// A flush failed: nothing reaches the medium any more, whatever later
    /// flushes say, until what it should have written is cut off.
    doomed: bool,
}

impl Inode {
    pub(super) fn len(&self) -> u64 {
        self.live.len() as u64
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.live.extend_from_slice(bytes);
    }

    pub(super) fn truncate(&mut self, len: u64) {
        self.live
            .resize(usize::try_from(len).unwrap_or(usize::MAX), 0);
        // What could not be written is no more.
        self.doomed &= self.live.len() > self.alike;
        self.alike = self.alike.min(self.live.len());
    }

    pub(super) fn read_at(&self, into: &mut [u8], offset: u64) -> usize {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = self.live.get(from..).unwrap_or_default();
        let read = bytes.len().min(into.len());
        for (to, byte) in into.iter_mut().zip(bytes) {
            *to = *byte;
        }
        read
    }

    pub(super) fn sync(&mut self) {
        if !self.doomed {
            self.durable.truncate(self.alike);
            self.durable
                .extend_from_slice(self.live.get(self.alike..).unwrap_or_default());
            self.alike = self.live.len();
        }
    }

    pub(super) fn doom(&mut self) {
        self.doomed = true;
    }

    pub(super) fn edit(&mut self, edit: impl FnOnce(&mut Vec<u8>)) {
        edit(&mut self.live);
        self.durable.clone_from(&self.live);
        self.alike = self.live.len();
    }

    pub(super) fn crash(&mut self, chance: &mut Chance) {
        let cut_back = self.durable.len() > self.alike;
        let stays = self.doomed || (cut_back && chance.up_to(1) == 0);
        if !stays {
            // A part of what was added had reached the medium by itself: a
            // beginning of it, or any of its sectors up to a length.
            let most = self.live.len() - self.alike;
            let len = self.alike + chance.up_to(most);
            let added = self.live.get(self.alike..len).unwrap_or_default();
            self.durable.truncate(self.alike);
            if chance.up_to(1) == 0 {
                self.durable.extend_from_slice(added);
            } else {
                self.add_sectors(len, chance);
            }
        }
        self.live.clone_from(&self.durable);
        self.alike = self.live.len();
        self.doomed = false;
    }

    /// Makes the durable bytes `len` long; chance decides which of the sectors
    /// were written. The others hold zeros.
    fn add_sectors(&mut self, len: usize, chance: &mut Chance) {
        while self.durable.len() < len {
            let from = self.durable.len();
            let to = (from + 1).next_multiple_of(SECTOR).min(len);
            if chance.up_to(1) == 0 {
                let sector = self.live.get(from..to).unwrap_or_default();
                self.durable.extend_from_slice(sector);
            } else {
                self.durable.resize(to, 0);
            }
        }
    }
}
