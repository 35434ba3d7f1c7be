//! Bytes of a file as text, and where in it a line begins.

use super::parsed::ParseFault;
use crate::limits::FILE_BYTES_MAX;

pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The bytes as text, without a byte order mark in front.
///
/// # Errors
/// The line that shows that they are none, and why.
pub(super) fn text(bytes: &[u8]) -> Result<&str, (u32, ParseFault)> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err((1, ParseFault::FileTooLarge));
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let line = |offset| Lines::of(bytes).at(offset);
    if let Some(nul) = bytes.iter().position(|&b| b == 0) {
        return Err((line(nul), ParseFault::Nul));
    }
    std::str::from_utf8(bytes).map_err(|bad| (line(bad.valid_up_to()), ParseFault::NotUtf8))
}

/// Counts the lines of a text, each byte once. A line ends with LF, CRLF or CR.
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    counted: usize,
    line: u32,
}

impl<'a> Lines<'a> {
    pub(super) const fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            counted: 0,
            line: 1,
        }
    }

    /// The line of the byte at `offset`, counted from 1; offsets must not go back.
    pub(super) fn at(&mut self, offset: usize) -> u32 {
        let passed = self.bytes.get(self.counted..offset).unwrap_or_default();
        for (place, &byte) in (self.counted..).zip(passed) {
            let ends = match byte {
                b'\n' => true,
                b'\r' => self.bytes.get(place + 1) != Some(&b'\n'),
                _ => false,
            };
            // A file has fewer bytes than there are numbers for lines.
            self.line += u32::from(ends);
        }
        self.counted = self.counted.max(offset);
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_three_ways() {
        let mut lines = Lines::of(b"a\nb\r\nc\rd");
        let found: Vec<u32> = (0..=8).map(|offset| lines.at(offset)).collect();
        assert_eq!(found, [1, 1, 2, 2, 2, 3, 3, 4, 4]);
    }

    #[test]
    fn what_is_no_text_is_told_by_its_line() {
        assert_eq!(text(b"\xef\xbb\xbfa\n"), Ok("a\n"));
        assert_eq!(text(b"a\nb\0"), Err((2, ParseFault::Nul)));
        assert_eq!(text(b"a\nb\r\n\xff"), Err((3, ParseFault::NotUtf8)));
        let large = vec![b' '; FILE_BYTES_MAX + 1];
        assert_eq!(text(&large), Err((1, ParseFault::FileTooLarge)));
        assert!(text(&large[1..]).is_ok());
    }
}
