//! Writing a snapshot, frame by frame.

use std::io;

use super::frame::{Kind, MAGIC, framed};
use crate::applied::Applied;
use crate::assemble::encode;
use crate::disk::DiskFile;
use crate::limits::FRAME_BYTES_MAX;
use crate::record::{SnapshotHead, SnapshotTail, encode_snapshot_head, encode_snapshot_tail};
use crate::state::keys::RowKind;

/// Writes the snapshot of `state` to the new file and flushes it; gives its
/// length.
pub(super) fn write(file: &mut dyn DiskFile, cluster: u128, state: &Applied) -> io::Result<u64> {
    let mut writer = Writer::new(file);
    writer.raw(MAGIC)?;
    writer.head(&SnapshotHead {
        cluster,
        position: state.position_row(),
    })?;
    for row in state.projection.rows() {
        writer.row(RowKind::of(&row), &encode(&row))?;
    }
    writer.finish()
}

struct Writer<'a> {
    file: &'a mut dyn DiskFile,
    /// Of every byte written so far.
    crc: u32,
    len: u64,
    rows: u64,
    /// The content of the frame of rows being filled.
    frame: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn new(file: &'a mut dyn DiskFile) -> Self {
        Self {
            file,
            crc: 0,
            len: 0,
            rows: 0,
            frame: Vec::with_capacity(FRAME_BYTES_MAX),
        }
    }

    fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)?;
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn head(&mut self, head: &SnapshotHead) -> io::Result<()> {
        self.single(Kind::Head, &encode_snapshot_head(head))
    }

    fn single(&mut self, kind: Kind, content: &[u8]) -> io::Result<()> {
        let mut frame = vec![kind as u8];
        frame.extend_from_slice(content);
        self.raw(&framed(&frame))
    }

    /// `kind u8 | length u32 | bytes`; a row is whole within its frame.
    fn row(&mut self, kind: RowKind, bytes: &[u8]) -> io::Result<()> {
        let room = FRAME_BYTES_MAX - self.frame.len();
        if room < bytes.len() + 5 {
            self.flush_rows()?;
        }
        if self.frame.is_empty() {
            self.frame.push(Kind::Rows as u8);
        }
        let len = u32::try_from(bytes.len()).expect("a row is bounded far below 32 bits");
        self.frame.push(kind.byte());
        self.frame.extend_from_slice(&len.to_le_bytes());
        self.frame.extend_from_slice(bytes);
        self.rows += 1;
        Ok(())
    }

    fn flush_rows(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let frame = framed(&self.frame);
        self.frame.clear();
        self.raw(&frame)
    }

    fn finish(mut self) -> io::Result<u64> {
        self.flush_rows()?;
        let tail = SnapshotTail {
            rows: self.rows,
            crc: self.crc,
        };
        self.single(Kind::Tail, &encode_snapshot_tail(tail))?;
        self.file.sync()?;
        Ok(self.len)
    }
}
