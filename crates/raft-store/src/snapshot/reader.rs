//! Reading a snapshot, frame by frame, and trusting nothing in it.

use std::path::Path;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use hosts::Row;

use super::SnapshotError;
use super::frame::{self, HEADER, Kind, MAGIC};
use crate::applied::Applied;
use crate::assemble;
use crate::disk::DiskFile;
use crate::record::{
    DecodeError, PositionRow, SnapshotHead, decode_snapshot_head, decode_snapshot_tail,
};
use crate::state::keys::RowKind;

/// Reads all of a snapshot of `cluster` and puts its state together.
pub(crate) fn load(
    path: &Path,
    file: &dyn DiskFile,
    cluster: u128,
) -> Result<Applied, SnapshotError> {
    let mut reader = Reader::open(path, file)?;
    let position = reader.head(cluster)?;
    let mut failed = None;
    let assembled = assemble::assemble(
        &position,
        std::iter::from_fn(|| match reader.row() {
            Ok(row) => row,
            Err(error) => {
                failed = Some(error);
                None
            }
        }),
    );
    // Rows that end early for a reason of their own are judged by it.
    if let Some(error) = failed {
        return Err(error);
    }
    let projection = assembled.map_err(|cause| SnapshotError::Rows {
        path: path.to_owned(),
        cause,
    })?;
    Ok(Applied {
        projection: Arc::new(projection),
        applied: position.applied,
        membership: position.membership,
    })
}

/// Checks every frame of a snapshot of `cluster`, and says how far it
/// reaches. The rows are not parsed.
pub(super) fn verify(
    path: &Path,
    file: &dyn DiskFile,
    cluster: u128,
) -> Result<PositionRow, SnapshotError> {
    let mut reader = Reader::open(path, file)?;
    let position = reader.head(cluster)?;
    while reader.raw_row()?.is_some() {}
    Ok(position)
}

struct Reader<'a> {
    path: &'a Path,
    file: &'a dyn DiskFile,
    len: u64,
    /// Where the next frame begins.
    offset: u64,
    /// Of every byte before `offset`.
    crc: u32,
    rows: u64,
    /// Where the frame in hand begins, and what is left of it.
    frame_at: u64,
    frame: Bytes,
    ended: bool,
}

impl<'a> Reader<'a> {
    fn open(path: &'a Path, file: &'a dyn DiskFile) -> Result<Self, SnapshotError> {
        let len = file.len().map_err(|cause| SnapshotError::Io {
            action: "measure",
            path: path.to_owned(),
            cause,
        })?;
        let mut reader = Self {
            path,
            file,
            len,
            offset: 0,
            crc: 0,
            rows: 0,
            frame_at: 0,
            frame: Bytes::new(),
            ended: false,
        };
        let magic: [u8; MAGIC.len()] = reader.take_array()?;
        if magic != *MAGIC {
            return Err(reader.damaged(0, "it does not begin like a snapshot"));
        }
        Ok(reader)
    }

    fn head(&mut self, cluster: u128) -> Result<PositionRow, SnapshotError> {
        let content = match self.next_frame()? {
            (Kind::Head, content) => content,
            (kind, _) => {
                return Err(self.damaged(
                    self.frame_at,
                    format!("{kind:?} stands where the head should"),
                ));
            }
        };
        let SnapshotHead {
            cluster: found,
            position,
        } = decode_snapshot_head(&content).map_err(|cause| self.unreadable(cause))?;
        if found != cluster {
            return Err(SnapshotError::Foreign {
                path: self.path.to_owned(),
                found,
                expected: cluster,
            });
        }
        Ok(position)
    }

    /// The next row, or none after a tail that fits all that was read.
    fn row(&mut self) -> Result<Option<Row>, SnapshotError> {
        let Some((kind, bytes)) = self.raw_row()? else {
            return Ok(None);
        };
        let row = assemble::decode(kind, &bytes);
        row.map(Some).map_err(|cause| self.unreadable(cause))
    }

    fn raw_row(&mut self) -> Result<Option<(RowKind, Bytes)>, SnapshotError> {
        if self.ended {
            return Ok(None);
        }
        while self.frame.is_empty() {
            let (before, crc) = (self.offset, self.crc);
            match self.next_frame()? {
                (Kind::Rows, content) => self.frame = content,
                (Kind::Tail, content) => {
                    self.ended = true;
                    return self.tail(&content, before, crc).map(|()| None);
                }
                (Kind::Head, _) => return Err(self.damaged(before, "a second head")),
            }
        }
        if self.frame.len() < 5 {
            return Err(self.damaged(self.frame_at, "its last row is cut"));
        }
        let kind = self.frame.get_u8();
        let len = self.frame.get_u32_le();
        let kind = RowKind::from_byte(kind).ok_or_else(|| {
            self.damaged(self.frame_at, format!("a row of the unknown kind {kind}"))
        })?;
        match usize::try_from(len) {
            Ok(len) if len <= self.frame.len() => {
                self.rows += 1;
                Ok(Some((kind, self.frame.split_to(len))))
            }
            _ => Err(self.damaged(
                self.frame_at,
                format!("a row of {len} bytes leaves its frame"),
            )),
        }
    }

    fn tail(&self, content: &Bytes, at: u64, crc: u32) -> Result<(), SnapshotError> {
        let tail = decode_snapshot_tail(content).map_err(|cause| self.unreadable(cause))?;
        if tail.rows != self.rows {
            let why = format!("it holds {} rows of {}", self.rows, tail.rows);
            return Err(self.damaged(at, why));
        }
        if tail.crc != crc {
            return Err(self.damaged(at, "the checksum of the whole does not fit"));
        }
        if self.offset != self.len {
            return Err(self.damaged(self.offset, "bytes follow its end"));
        }
        Ok(())
    }

    /// The next frame without its kind, checked.
    fn next_frame(&mut self) -> Result<(Kind, Bytes), SnapshotError> {
        self.frame_at = self.offset;
        let header: [u8; HEADER] = self.take_array()?;
        let (len, crc) = frame::header(header).map_err(|why| self.damaged(self.frame_at, why))?;
        let mut content = vec![0; len];
        self.take(&mut content)?;
        if crc32c::crc32c(&content) != crc {
            return Err(self.damaged(self.frame_at, "the checksum of the frame does not fit"));
        }
        let mut content = Bytes::from(content);
        let kind = frame::kind(content.get_u8()).map_err(|why| self.damaged(self.frame_at, why))?;
        Ok((kind, content))
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let mut bytes = [0; N];
        self.take(&mut bytes)?;
        Ok(bytes)
    }

    fn take(&mut self, into: &mut [u8]) -> Result<(), SnapshotError> {
        let read = self
            .file
            .read_at(into, self.offset)
            .map_err(|cause| SnapshotError::Io {
                action: "read",
                path: self.path.to_owned(),
                cause,
            })?;
        if read < into.len() {
            return Err(self.damaged(self.offset, format!("it ends at byte {}", self.len)));
        }
        self.crc = crc32c::crc32c_append(self.crc, into);
        self.offset += into.len() as u64;
        Ok(())
    }

    fn damaged(&self, offset: u64, why: impl Into<String>) -> SnapshotError {
        SnapshotError::Damaged {
            path: self.path.to_owned(),
            offset,
            why: why.into(),
        }
    }

    fn unreadable(&self, cause: DecodeError) -> SnapshotError {
        SnapshotError::Decode {
            path: self.path.to_owned(),
            offset: self.frame_at,
            cause,
        }
    }
}
