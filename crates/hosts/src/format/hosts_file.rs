//! A hosts file as it is read: any that people keep, with every problem named by its line.
//!
//! Bytes come from outside and are bounded before they are looked at. LF and CRLF, tabs, comments, a byte order mark
//! at the front and a missing last line end are fine. Nothing is guessed: a file with one bad line is refused, and
//! all bad lines are told at once.

use super::parsed::{ParseErrors, ParseFault, Parsed, Place, Reading, WarningKind};
use super::record::aliases_beside;
use super::text::BYTE_ORDER_MARK;
use crate::address::Address;
use crate::command::NewHost;
use crate::limits::{FILE_BYTES_MAX, FILE_LINE_BYTES_MAX};
use crate::name::Hostname;
use crate::text::{Comment, InvalidText, Tags};

/// Reads a hosts file.
///
/// A line is an address, a hostname and aliases; names that come twice on a line are taken once. What follows a `#`
/// is a comment: behind a host it becomes that host's comment, or is dropped with a warning if it cannot be one.
///
/// # Errors
/// [`ParseErrors`] with all bad lines.
pub fn parse(bytes: &[u8]) -> Result<Parsed, ParseErrors> {
    let mut reading = Reading::default();
    if bytes.len() > FILE_BYTES_MAX {
        reading.refuse(place(1), ParseFault::FileTooLarge);
        return reading.finish();
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    for (line, bytes) in (1..).zip(bytes.split(|&b| b == b'\n')) {
        let place = place(line);
        match parse_line(bytes) {
            Ok(None) => {}
            Ok(Some(_)) if reading.is_full(place) => break,
            Ok(Some((host, dropped))) => {
                reading.accept(place, host);
                if let Some(why) = dropped {
                    reading.warn(place, WarningKind::CommentDropped(why));
                }
            }
            Err(fault) => reading.refuse(place, fault),
        }
    }
    reading.finish()
}

const fn place(line: u32) -> Place {
    Place { line, record: None }
}

/// The host of a line, if it has one, and why its comment was dropped, if it was.
fn parse_line(bytes: &[u8]) -> Result<Option<(NewHost, Option<InvalidText>)>, ParseFault> {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    if bytes.len() > FILE_LINE_BYTES_MAX {
        return Err(ParseFault::LineTooLong);
    }
    if bytes.contains(&0) {
        return Err(ParseFault::Nul);
    }
    let line = std::str::from_utf8(bytes).map_err(|_| ParseFault::NotUtf8)?;
    if line.contains('\u{feff}') {
        return Err(ParseFault::ByteOrderMark);
    }
    let (words, comment) = match line.split_once('#') {
        Some((words, comment)) => (words, Some(comment)),
        None => (line, None),
    };
    let mut words = words.split([' ', '\t']).filter(|word| !word.is_empty());
    let Some(first) = words.next() else {
        return Ok(None);
    };
    let address = Address::parse(first)?;
    let hostname = Hostname::parse(words.next().ok_or(ParseFault::NoName(address))?)?;
    let aliases = words.map(Hostname::parse).collect::<Result<Vec<_>, _>>()?;
    let (comment, dropped) = match comment.map(Comment::parse_optional) {
        None => (None, None),
        Some(Ok(comment)) => (comment, None),
        Some(Err(why)) => (None, Some(why)),
    };
    let host = NewHost {
        address,
        aliases: aliases_beside(&hostname, aliases)?,
        hostname,
        tags: Tags::default(),
        comment,
        enabled: true,
    };
    Ok(Some((host, dropped)))
}
