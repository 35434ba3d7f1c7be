//! The managed block: a rendering between two marker lines of a hosts file that others write, too.
//!
//! Only what lies between the markers is ours. Every other byte stays as it is: other people's lines, the marker
//! lines themselves, CRLF, text that is no UTF-8, a missing last line end. Nothing is guessed: a file whose markers do
//! not make exactly one block is refused, with the lines that are wrong.

use std::collections::BTreeSet;
use std::net::IpAddr;

use thiserror::Error;

use crate::limits::LISTED_MAX;
use crate::name::Hostname;
use crate::projection::Projection;

/// The line before a block. White space around it, the CR of a CRLF included, is not looked at.
pub const BEGIN: &str = "# BEGIN router-hosts";

/// The line after a block.
pub const END: &str = "# END router-hosts";

/// A file that was taken apart: the three parts together are its bytes.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Block<'a> {
    /// Everything up to the block, the line of [`BEGIN`] included.
    pub before: &'a [u8],
    /// What is ours.
    pub inside: &'a [u8],
    /// Everything from the line of [`END`] on.
    pub after: &'a [u8],
}

/// Finds the block of a file, or says that it has none.
///
/// # Errors
/// [`InvalidMarkers`] if there is a marker, but not one of each in their order.
pub fn find(file: &[u8]) -> Result<Option<Block<'_>>, InvalidMarkers> {
    let (mut begin, mut end) = (None, None);
    let mut start = 0;
    for (number, line) in (1..).zip(file.split_inclusive(|&b| b == b'\n')) {
        let next = start + line.len();
        let (seen, marker, edge) = match line.trim_ascii() {
            text if text == BEGIN.as_bytes() => (&mut begin, BEGIN, next),
            text if text == END.as_bytes() => (&mut end, END, start),
            _ => {
                start = next;
                continue;
            }
        };
        if let Some((first, _)) = seen.replace((number, edge)) {
            let second = number;
            return Err(InvalidMarkers::Doubled {
                marker,
                first,
                second,
            });
        }
        start = next;
    }
    match (begin, end) {
        (None, None) => Ok(None),
        (Some((line, _)), None) => Err(InvalidMarkers::NoEnd { line }),
        (None, Some((line, _))) => Err(InvalidMarkers::NoBegin { line }),
        (Some((begin, _)), Some((end, _))) if end < begin => {
            Err(InvalidMarkers::Reversed { begin, end })
        }
        (Some((_, inside)), Some((_, after))) => {
            let (head, after) = file.split_at(after);
            let (before, inside) = head.split_at(inside);
            Ok(Some(Block {
                before,
                inside,
                after,
            }))
        }
    }
}

/// Why the markers of a file make no block. Lines are counted from 1.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Error)]
pub enum InvalidMarkers {
    /// Two blocks, one in another, or a marker that came in by copying.
    #[error("`{marker}` is on line {first} and again on line {second}")]
    Doubled {
        /// Which of them.
        marker: &'static str,
        /// Its first line.
        first: u32,
        /// Its second line.
        second: u32,
    },
    /// A block that does not end.
    #[error("line {line} has `{BEGIN}`, and no `{END}` follows")]
    NoEnd {
        /// Where it begins.
        line: u32,
    },
    /// A block that does not begin.
    #[error("line {line} has `{END}`, and no `{BEGIN}` comes before it")]
    NoBegin {
        /// Where it ends.
        line: u32,
    },
    /// A block that ends before it begins.
    #[error("`{END}` on line {end} comes before `{BEGIN}` on line {begin}")]
    Reversed {
        /// Where it begins.
        begin: u32,
        /// Where it ends.
        end: u32,
    },
}

impl Block<'_> {
    /// The same file with another `rendering` in its block.
    #[must_use]
    pub fn with(&self, rendering: &[u8]) -> Vec<u8> {
        [self.before, rendering, self.after].concat()
    }
}

/// The same file with a block behind its last line, whose end is added if it is missing.
#[must_use]
pub fn append(file: &[u8], rendering: &[u8]) -> Vec<u8> {
    let whole_lines = file.is_empty() || file.ends_with(b"\n");
    let line_end: &[u8] = if whole_lines { b"" } else { b"\n" };
    let (begin, end) = (format!("{BEGIN}\n"), format!("{END}\n"));
    [file, line_end, begin.as_bytes(), rendering, end.as_bytes()].concat()
}

/// Names that the block gives and that other lines of the file give, too. Readers answer both, so a change or a
/// deletion in the block is not the whole truth for them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Shadows {
    /// The first hundred, each with the first line outside the block that has it, counted from 1.
    pub shown: Vec<(u32, Hostname)>,
    /// All of them.
    pub total: usize,
}

/// The names of enabled `hosts` that `file` has outside its block. `block` is what [`find`] found; without one the
/// whole file is outside.
#[must_use]
pub fn shadows(file: &[u8], block: Option<Block<'_>>, hosts: &Projection) -> Shadows {
    let inside = block.map_or(0..0, |block| {
        block.before.len()..block.before.len() + block.inside.len()
    });
    let (mut shadows, mut seen, mut start) = (Shadows::default(), BTreeSet::new(), 0);
    for (number, line) in (1..).zip(file.split_inclusive(|&b| b == b'\n')) {
        let ours = inside.contains(&start);
        start += line.len();
        if ours {
            continue;
        }
        for name in names(line) {
            let given = hosts.named(&name).iter().any(|host| host.enabled);
            if given && seen.insert(name.clone()) {
                shadows.total += 1;
                if shadows.shown.len() < LISTED_MAX {
                    shadows.shown.push((number, name));
                }
            }
        }
    }
    shadows
}

/// The names of a line as its readers see it: none, if it does not begin with an address.
fn names(line: &[u8]) -> impl Iterator<Item = Hostname> {
    let mut parts = line.split(|&b| b == b'#');
    let mut words = parts
        .next()
        .unwrap_or_default()
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .filter_map(|word| std::str::from_utf8(word).ok());
    let address = words
        .next()
        .and_then(|word| word.split('%').next())
        .and_then(|word| word.parse::<IpAddr>().ok());
    words
        .filter(move |_| address.is_some())
        .filter_map(|word| Hostname::parse(word).ok())
}
