//! What a file says, in whatever format, or all that is wrong with it.

use std::fmt;

use thiserror::Error;

use crate::address::{Address, InvalidAddress};
use crate::command::NewHost;
use crate::limits::{
    FILE_BYTES_MAX, FILE_COLUMNS_MAX, FILE_LINE_BYTES_MAX, FILE_RECORD_BYTES_MAX, IMPORT_ROWS_MAX,
    LISTED_MAX,
};
use crate::name::{Hostname, InvalidHostname};
use crate::text::{InvalidText, TooMany};

/// What a file says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Parsed {
    /// Its hosts, in the order of the file.
    pub rows: Vec<Row>,
    /// What a person should know about it: the first hundred.
    pub warnings: Vec<Warning>,
    /// All warnings, counted.
    pub warnings_total: usize,
}

/// One host of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Where it begins.
    pub place: Place,
    /// What the file says about it.
    pub host: NewHost,
}

/// Where in a file something is. Displayed as `line 4`, or `line 4 (record 3)`.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// The line, counted from 1. A record of JSON or CSV may have several, or share one with others.
    pub line: u32,
    /// The record, counted from 1, where the format has records that are not lines.
    pub record: Option<u32>,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, record } = self;
        write!(out, "line {line}")?;
        match record {
            Some(record) => write!(out, " (record {record})"),
            None => Ok(()),
        }
    }
}

/// Something about a line that was accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    /// Where.
    pub place: Place,
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
    /// A name such as `localhost` or the machine's own, which means another machine wherever the file goes.
    #[error("`{0}` at a loopback address is another machine on every node")]
    Own(Hostname),
}

/// All that is wrong with a file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Error)]
#[error("{total} {} cannot be read{}", if *total == 1 { "line" } else { "lines" }, self.first_line())]
pub struct ParseErrors {
    /// The first hundred, in the order of lines.
    pub shown: Vec<ParseError>,
    /// All of them, as far as the file was read.
    pub total: usize,
}

/// What is wrong with one line, or with the record that begins on it.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{place} cannot be read")]
pub struct ParseError {
    /// Where.
    pub place: Place,
    /// What is wrong with it.
    #[source]
    pub fault: ParseFault,
}

/// What can be wrong with a line or a record.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ParseFault {
    /// The whole file is larger than any that is read; nothing of it was read.
    #[error("the file is larger than {FILE_BYTES_MAX} bytes")]
    FileTooLarge,
    /// Longer than any line of a hosts file.
    #[error("it is longer than {FILE_LINE_BYTES_MAX} bytes")]
    LineTooLong,
    /// Longer than any record of a JSON or CSV file.
    #[error("the record that begins here is longer than {FILE_RECORD_BYTES_MAX} bytes")]
    RecordTooLong,
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// A NUL: this is no text.
    #[error("it has a NUL")]
    Nul,
    /// A byte order mark after the start, as left by joining files.
    #[error("it has a byte order mark")]
    ByteOrderMark,
    /// Not an address where there must be one.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// Not a name where there must be one.
    #[error(transparent)]
    Hostname(#[from] InvalidHostname),
    /// Not a tag or a comment where there must be one.
    #[error(transparent)]
    Text(#[from] InvalidText),
    /// An address without names.
    #[error("{0} has no name")]
    NoName(Address),
    /// More names or tags than a host may have.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// A record without what every host has.
    #[error("`{field}` is missing")]
    Missing {
        /// Its key or column.
        field: &'static str,
    },
    /// Not what the JSON of a host is. If it is no JSON at all, the rest was not read.
    #[error("it is not the JSON of a host: {words}")]
    Json {
        /// The parser's words, shortened.
        words: String,
    },
    /// The first record of a CSV file does not name the columns; nothing more was read.
    #[error(
        "the first record must name the columns, `ip_address` and `hostname` among them: {why}"
    )]
    Header {
        /// What is wrong with it.
        why: String,
    },
    /// More columns than any CSV file of hosts has.
    #[error("it has more than {FILE_COLUMNS_MAX} fields")]
    TooManyFields,
    /// Not as many fields as the header.
    #[error("it has {found} fields, and the header has {expected}")]
    Fields {
        /// How many there are.
        found: usize,
        /// How many the header has.
        expected: usize,
    },
    /// Neither `true` nor `false` where there must be one of them.
    #[error("`{field}` is `{input}`, and must be true or false")]
    NotABool {
        /// Its column.
        field: &'static str,
        /// The text, shortened.
        input: String,
    },
    /// The file ends inside of quotes.
    #[error("a quote in the record that begins here is never closed")]
    OpenQuote,
    /// More hosts than one import may have; the rest was not read.
    #[error("it is past the {IMPORT_ROWS_MAX} hosts of one import")]
    TooManyRows,
}

impl ParseFault {
    /// A word for machines, stable across versions.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::FileTooLarge => "FILE_TOO_LARGE",
            Self::LineTooLong | Self::RecordTooLong => "TOO_LONG",
            Self::NotUtf8 => "NOT_UTF8",
            Self::Nul => "NUL",
            Self::ByteOrderMark => "BYTE_ORDER_MARK",
            Self::Address(_) => "INVALID_ADDRESS",
            Self::Hostname(_) => "INVALID_HOSTNAME",
            Self::Text(_) => "INVALID_TEXT",
            Self::NoName(_) => "NO_NAME",
            Self::TooMany(_) => "TOO_MANY",
            Self::Missing { .. } => "MISSING",
            Self::Json { .. } => "INVALID_JSON",
            Self::Header { .. } => "INVALID_HEADER",
            Self::TooManyFields | Self::Fields { .. } => "FIELDS",
            Self::NotABool { .. } => "NOT_A_BOOL",
            Self::OpenQuote => "OPEN_QUOTE",
            Self::TooManyRows => "TOO_MANY_ROWS",
        }
    }
}

/// A file while it is read.
#[derive(Default)]
pub(super) struct Reading {
    parsed: Parsed,
    errors: ParseErrors,
}

impl Reading {
    /// Whether the file has as many hosts as it may have; notes that one more is too many if it has.
    pub(super) fn is_full(&mut self, place: Place) -> bool {
        let full = self.parsed.rows.len() == IMPORT_ROWS_MAX;
        if full {
            self.refuse(place, ParseFault::TooManyRows);
        }
        full
    }

    pub(super) fn accept(&mut self, place: Place, host: NewHost) {
        let names = host.names().filter(|name| name.has_underscore());
        for name in names.cloned().collect::<Vec<_>>() {
            self.warn(place, WarningKind::Underscore(name));
        }
        // Lists that block names send them to a loopback address, too; those names have a dot.
        if host.address.ip().is_loopback() {
            let own = |name: &&Hostname| {
                !name.as_str().contains('.') || name.as_str().starts_with("localhost.")
            };
            for name in host.names().filter(own).cloned().collect::<Vec<_>>() {
                self.warn(place, WarningKind::Own(name));
            }
        }
        self.parsed.rows.push(Row { place, host });
    }

    pub(super) fn warn(&mut self, place: Place, kind: WarningKind) {
        self.parsed.warnings_total += 1;
        if self.parsed.warnings.len() < LISTED_MAX {
            self.parsed.warnings.push(Warning { place, kind });
        }
    }

    pub(super) fn refuse(&mut self, place: Place, fault: ParseFault) {
        self.errors.total += 1;
        if self.errors.shown.len() < LISTED_MAX {
            self.errors.shown.push(ParseError { place, fault });
        }
    }

    pub(super) fn finish(self) -> Result<Parsed, ParseErrors> {
        if self.errors.total > 0 {
            return Err(self.errors);
        }
        Ok(self.parsed)
    }
}

impl ParseErrors {
    fn first_line(&self) -> String {
        let first = self.shown.first();
        first.map_or_else(String::new, |error| {
            format!(", the first is {}", error.place.line)
        })
    }
}
