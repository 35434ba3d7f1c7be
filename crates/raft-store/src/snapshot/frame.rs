//! Frames: `length u32 | crc32c u32 | kind u8 + content`, numbers little end
//! first. The length counts kind and content, the checksum covers them.

use crate::limits::FRAME_BYTES_MAX;

/// The first bytes of every snapshot.
pub(super) const MAGIC: &[u8; 8] = b"RHSNAP1\n";

/// Bytes before the content of a frame.
pub(super) const HEADER: usize = 8;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Head = 1,
    Rows = 2,
    Tail = 3,
}

/// A frame ready to be written; `content` begins with the byte of its kind.
pub(super) fn framed(content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).expect("a frame is bounded far below 32 bits");
    let mut frame = Vec::with_capacity(HEADER + content.len());
    frame.extend_from_slice(&len.to_le_bytes());
    frame.extend_from_slice(&crc32c::crc32c(content).to_le_bytes());
    frame.extend_from_slice(content);
    frame
}

/// Length and checksum of a frame, from its first bytes.
pub(super) fn header(bytes: [u8; HEADER]) -> Result<(usize, u32), String> {
    let [a, b, c, d, e, f, g, h] = bytes;
    let (len, crc) = (
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    );
    match usize::try_from(len) {
        Ok(len) if (1..=FRAME_BYTES_MAX).contains(&len) => Ok((len, crc)),
        _ => Err(format!(
            "a frame of {len} bytes, with at most {FRAME_BYTES_MAX} allowed"
        )),
    }
}

/// The kind of a frame.
pub(super) fn kind(byte: u8) -> Result<Kind, String> {
    [Kind::Head, Kind::Rows, Kind::Tail]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
        .ok_or_else(|| format!("a frame of the unknown kind {byte}"))
}
