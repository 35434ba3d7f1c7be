//! A hosts file as it is read: any that people keep, with every problem named by its line.
//!
//! Bytes come from outside and are bounded before they are looked at. LF and CRLF, tabs, comments, a byte order mark
//! at the front and a missing last line end are fine. Nothing is guessed: a file with one bad line is refused, and
//! all bad lines are told at once.

use thiserror::Error;

use crate::address::{Address, InvalidAddress};
use crate::command::NewHost;
use crate::limits::{FILE_BYTES_MAX, FILE_LINE_BYTES_MAX, IMPORT_ROWS_MAX, LISTED_MAX};
use crate::name::{Aliases, Hostname, InvalidHostname};
use crate::text::{Comment, InvalidText, Tags, TooMany};

/// Reads a hosts file.
///
/// A line is an address, a hostname and aliases; names that come twice on a line are taken once. What follows a `#`
/// is a comment: behind a host it becomes that host's comment, or is dropped with a warning if it cannot be one.
///
/// # Errors
/// [`ParseErrors`] with all bad lines.
pub fn parse(bytes: &[u8]) -> Result<Parsed, ParseErrors> {
    let mut parsed = Parsed::default();
    let mut errors = ParseErrors::default();
    if bytes.len() > FILE_BYTES_MAX {
        errors.note(1, ParseFault::FileTooLarge);
        return Err(errors);
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    for (line, bytes) in (1..).zip(bytes.split(|&b| b == b'\n')) {
        match parse_line(bytes) {
            Ok(None) => {}
            Ok(Some(_)) if parsed.rows.len() == IMPORT_ROWS_MAX => {
                errors.note(line, ParseFault::TooManyRows);
                break;
            }
            Ok(Some((host, dropped))) => {
                parsed.warn(line, &host, dropped);
                parsed.rows.push(Row { line, host });
            }
            Err(fault) => errors.note(line, fault),
        }
    }
    if errors.total > 0 {
        return Err(errors);
    }
    Ok(parsed)
}

/// What a hosts file says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Parsed {
    /// Its hosts, in the order of their lines.
    pub rows: Vec<Row>,
    /// What a person should know about it: the first hundred.
    pub warnings: Vec<Warning>,
    /// All warnings, counted.
    pub warnings_total: usize,
}

/// One host of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Its line, counted from 1.
    pub line: u32,
    /// What the line says.
    pub host: NewHost,
}

/// Something about a line that was accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    /// The line, counted from 1.
    pub line: u32,
    /// What about it.
    pub kind: WarningKind,
}

/// What can be worth a warning.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum WarningKind {
    /// A comment that could not be kept.
    #[error("the comment was dropped")]
    CommentDropped(#[source] InvalidText),
    /// A name with a `_`, which systemd-resolved skips.
    #[error("`{0}` has a `_`: some resolvers skip the name")]
    Underscore(Hostname),
}

/// All that is wrong with a file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Error)]
#[error("{total} lines cannot be read{}", self.first_line())]
pub struct ParseErrors {
    /// The first hundred, in the order of lines.
    pub shown: Vec<ParseError>,
    /// All of them.
    pub total: usize,
}

/// What is wrong with one line.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("line {line} cannot be read")]
pub struct ParseError {
    /// The line, counted from 1.
    pub line: u32,
    /// What is wrong with it.
    #[source]
    pub fault: ParseFault,
}

/// What can be wrong with a line.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ParseFault {
    /// The whole file is larger than any hosts file; nothing of it was read.
    #[error("the file is larger than {FILE_BYTES_MAX} bytes")]
    FileTooLarge,
    /// Longer than any line of a hosts file.
    #[error("it is longer than {FILE_LINE_BYTES_MAX} bytes")]
    LineTooLong,
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// A NUL: this is no text.
    #[error("it has a NUL")]
    Nul,
    /// A byte order mark after the start, as left by joining files.
    #[error("it has a byte order mark")]
    ByteOrderMark,
    /// The first word is not an address.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// A further word is not a name.
    #[error(transparent)]
    Hostname(#[from] InvalidHostname),
    /// An address without names.
    #[error("{0} has no name")]
    NoName(Address),
    /// More names than a host may have.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// More hosts than one import may have; the rest was not read.
    #[error("it is past the {IMPORT_ROWS_MAX} hosts of one import")]
    TooManyRows,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

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

fn aliases_beside(hostname: &Hostname, names: Vec<Hostname>) -> Result<Aliases, TooMany> {
    let mut names = names;
    names.retain(|name| name != hostname);
    Aliases::new(names)
}

impl Parsed {
    fn warn(&mut self, line: u32, host: &NewHost, dropped: Option<InvalidText>) {
        let names = host.names().filter(|name| name.has_underscore()).cloned();
        let kinds = names
            .map(WarningKind::Underscore)
            .chain(dropped.map(WarningKind::CommentDropped));
        for kind in kinds {
            self.warnings_total += 1;
            if self.warnings.len() < LISTED_MAX {
                self.warnings.push(Warning { line, kind });
            }
        }
    }
}

impl ParseErrors {
    fn note(&mut self, line: u32, fault: ParseFault) {
        self.total += 1;
        if self.shown.len() < LISTED_MAX {
            self.shown.push(ParseError { line, fault });
        }
    }

    fn first_line(&self) -> String {
        let first = self.shown.first();
        first.map_or_else(String::new, |error| {
            format!(", the first is {}", error.line)
        })
    }
}
