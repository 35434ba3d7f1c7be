//! CSV (RFC 4180): a header that names the columns, in any order, and a record for each host.
//!
//! The columns are the keys of `json`; lists stand in one field, separated by `;` as earlier clients write them. On
//! the way in blanks and commas separate too: no name and no tag has one of these in it. LF, CRLF and CR end a record
//! outside of quotes, and records without any text are passed over.
//!
//! A field that a spreadsheet would take for a formula (it begins with `=`, `+`, `-` or `@`) is written with a `'` in
//! front, which is taken off again when such a field is read. So is any further `'`: nothing is lost on the way.

use std::borrow::Cow;

use csv_core::{ReadRecordResult, Reader, Terminator, WriterBuilder};

use super::parsed::{ParseErrors, ParseFault, Parsed, Place, Reading};
use super::record::{ADDRESS, HOSTNAME, Record, Said};
use super::text::{Lines, text};
use crate::command::NewHost;
use crate::host::Host;
use crate::limits::{FILE_COLUMNS_MAX, FILE_RECORD_BYTES_MAX};
use crate::text::shorten;

/// Reads a CSV file.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, ParseErrors> {
    let mut reading = Reading::default();
    let text = match text(bytes) {
        Ok(text) => text,
        Err((line, fault)) => {
            reading.refuse(Place { line, record: None }, fault);
            return reading.finish();
        }
    };
    let mut records = Records::of(text);
    let mut header = None;
    while let Some((place, fields)) = records.next() {
        let taken = match (&header, fields) {
            (_, Ok(fields)) if fields.iter().all(|field| field.trim().is_empty()) => continue,
            (None, fields) => match fields.and_then(|fields| Header::parse(&fields)) {
                Ok(columns) => {
                    header = Some(columns);
                    continue;
                }
                Err(fault) => {
                    // Without columns nothing that follows has a meaning.
                    reading.refuse(place, fault);
                    break;
                }
            },
            (Some(header), fields) => fields.and_then(|fields| header.host(&fields)),
        };
        match taken {
            Ok(_) if reading.is_full(place) => break,
            Ok(host) => reading.accept(place, host),
            Err(fault) => reading.refuse(place, fault),
        }
    }
    reading.finish()
}

/// Adds the header, with its end.
pub(super) fn write_header(out: &mut Vec<u8>) {
    write_fields(out, &COLUMNS.map(|column| Cow::Borrowed(column.name())));
}

/// Adds one record, with its end.
pub(super) fn write(out: &mut Vec<u8>, host: &Host) {
    let record = Record::from(host);
    write_fields(out, &COLUMNS.map(|column| guarded(column.text(&record))));
}

/// The columns of an export. The first six are those of earlier clients, some of which go by the place.
const COLUMNS: [Column; 10] = [
    Column::Id,
    Column::Address,
    Column::Hostname,
    Column::Comment,
    Column::Tags,
    Column::Aliases,
    Column::Disabled,
    Column::Version,
    Column::CreatedAt,
    Column::UpdatedAt,
];

#[derive(Copy, Clone, PartialEq, Eq)]
enum Column {
    Id,
    Address,
    Hostname,
    Comment,
    Tags,
    Aliases,
    Disabled,
    Version,
    CreatedAt,
    UpdatedAt,
}

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Address => ADDRESS,
            Self::Hostname => HOSTNAME,
            Self::Comment => "comment",
            Self::Tags => "tags",
            Self::Aliases => "aliases",
            Self::Disabled => "disabled",
            Self::Version => "version",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
        }
    }

    fn text<'a>(self, record: &'a Record<'_>) -> Cow<'a, str> {
        let Record {
            id,
            ip_address,
            hostname,
            comment,
            tags,
            aliases,
            disabled,
            version,
            created_at,
            updated_at,
        } = record;
        match self {
            Self::Id => id.into(),
            Self::Address => ip_address.into(),
            Self::Hostname => (*hostname).into(),
            Self::Comment => comment.unwrap_or_default().into(),
            Self::Tags => tags.join(LIST).into(),
            Self::Aliases => aliases.join(LIST).into(),
            Self::Disabled => if *disabled { "true" } else { "false" }.into(),
            Self::Version => version.into(),
            Self::CreatedAt => created_at.into(),
            Self::UpdatedAt => updated_at.into(),
        }
    }
}

/// Between the words of a list.
const LIST: &str = ";";

/// What the columns of a file are.
struct Header(Vec<Column>);

impl Header {
    fn parse(fields: &[&str]) -> Result<Self, ParseFault> {
        let mut columns = Vec::with_capacity(fields.len());
        let refuse = |why| Err(ParseFault::Header { why });
        for field in fields {
            let name = field.trim().to_ascii_lowercase();
            let Some(column) = COLUMNS.into_iter().find(|column| column.name() == name) else {
                return refuse(format!("`{}` is no column", shorten(field)));
            };
            if columns.contains(&column) {
                return refuse(format!("`{name}` comes twice"));
            }
            columns.push(column);
        }
        for column in [Column::Address, Column::Hostname] {
            if !columns.contains(&column) {
                return refuse(format!("`{}` is missing", column.name()));
            }
        }
        Ok(Self(columns))
    }

    fn host(&self, fields: &[&str]) -> Result<NewHost, ParseFault> {
        let Self(columns) = self;
        let (found, expected) = (fields.len(), columns.len());
        if found != expected {
            return Err(ParseFault::Fields { found, expected });
        }
        let mut said = Said {
            address: None,
            hostname: None,
            aliases: Vec::new(),
            tags: Vec::new(),
            comment: None,
            disabled: false,
        };
        for (column, field) in columns.iter().zip(fields) {
            let field = unguarded(field.trim());
            match column {
                Column::Address => said.address = Some(field),
                Column::Hostname => said.hostname = Some(field),
                Column::Comment => said.comment = Some(field),
                Column::Tags => said.tags = words(field),
                Column::Aliases => said.aliases = words(field),
                Column::Disabled => said.disabled = truth(column.name(), field)?,
                // The cluster gives its own.
                Column::Id | Column::Version | Column::CreatedAt | Column::UpdatedAt => {}
            }
        }
        said.host()
    }
}

fn words(field: &str) -> Vec<&str> {
    field
        .split(|c: char| c.is_whitespace() || matches!(c, ';' | ','))
        .filter(|word| !word.is_empty())
        .collect()
}

/// Spreadsheets write it in capitals; an empty field is that of a host nobody has disabled.
fn truth(field: &'static str, text: &str) -> Result<bool, ParseFault> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "" | "false" => Ok(false),
        _ => Err(ParseFault::NotABool {
            field,
            input: shorten(text),
        }),
    }
}

/// The text as no spreadsheet takes it for a formula.
#[must_use]
pub fn guarded(text: Cow<'_, str>) -> Cow<'_, str> {
    match is_formula(&text) {
        true => format!("'{text}").into(),
        false => text,
    }
}

/// The text that was [`guarded`].
fn unguarded(field: &str) -> &str {
    match field.strip_prefix('\'') {
        Some(text) if is_formula(text) => text,
        _ => field,
    }
}

/// Whether it begins with what a formula begins with, quotes in front or none: those that were there from the start
/// must not be taken for ours.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'')
        .starts_with(['=', '+', '-', '@'])
}

fn write_fields(out: &mut Vec<u8>, fields: &[Cow<'_, str>]) {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::Any(b'\n'))
        .build();
    // At most every character doubled, two quotes, and what separates it from the next.
    let room: usize = fields.iter().map(|field| 2 * field.len() + 3).sum();
    let mut line = vec![0; room];
    let mut end = 0;
    let mut put = |write: &mut dyn FnMut(&mut [u8]) -> usize| {
        end += write(line.get_mut(end..).unwrap_or_default());
    };
    for (n, field) in fields.iter().enumerate() {
        if n > 0 {
            put(&mut |room| writer.delimiter(room).1);
        }
        put(&mut |room| writer.field(field.as_bytes(), room).2);
    }
    put(&mut |room| writer.terminator(room).1);
    line.truncate(end);
    out.append(&mut line);
}

/// The records of a file: where each begins, and its fields.
struct Records<'a> {
    text: &'a str,
    reader: Reader,
    lines: Lines<'a>,
    /// What was read so far.
    read: usize,
    record: u32,
    fields: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> Records<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            text,
            reader: Reader::new(),
            lines: Lines::of(text.as_bytes()),
            read: 0,
            record: 0,
            fields: vec![0; FILE_RECORD_BYTES_MAX],
            ends: vec![0; FILE_COLUMNS_MAX],
        }
    }

    /// The next record. One that does not fit is read to its end all the same, and then refused.
    fn next(&mut self) -> Option<(Place, Result<Vec<&str>, ParseFault>)> {
        let rest = self.text.get(self.read..).unwrap_or_default();
        // Line ends before a record belong to none.
        self.read += rest.len() - rest.trim_start_matches(['\r', '\n']).len();
        let begins = self.read;
        let mut beyond = None;
        let (mut written, mut ended) = (0, 0);
        loop {
            let input = self.text.as_bytes().get(self.read..).unwrap_or_default();
            let (result, read, wrote, ends) = self.reader.read_record(
                input,
                self.fields.get_mut(written..).unwrap_or_default(),
                self.ends.get_mut(ended..).unwrap_or_default(),
            );
            self.read += read;
            (written, ended) = (written + wrote, ended + ends);
            match result {
                // The next turn has nothing to read, which is the end of the file.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => {
                    beyond = Some(ParseFault::RecordTooLong);
                    (written, ended) = (0, 0);
                }
                ReadRecordResult::OutputEndsFull => {
                    beyond = beyond.or(Some(ParseFault::TooManyFields));
                    (written, ended) = (0, 0);
                }
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return None,
            }
        }
        self.record += 1;
        let place = Place {
            line: self.lines.at(begins),
            record: Some(self.record),
        };
        let raw = self.text.get(begins..self.read).unwrap_or_default();
        if self.read == self.text.len() && is_open(raw) {
            return Some((place, Err(ParseFault::OpenQuote)));
        }
        if let Some(fault) = beyond {
            return Some((place, Err(fault)));
        }
        let mut begin = 0;
        let ends = self.ends.get(..ended).unwrap_or_default().iter();
        let fields = ends.map(|&end| {
            let field = self.fields.get(begin..end).unwrap_or_default();
            begin = end;
            std::str::from_utf8(field).map_err(|_| ParseFault::NotUtf8)
        });
        Some((place, fields.collect()))
    }
}

/// Whether a record ends inside of quotes. One opens where a field begins, and again right behind one that closes,
/// where it stands for a quote in the text.
fn is_open(raw: &str) -> bool {
    let (mut open, mut may_open) = (false, true);
    for byte in raw.bytes() {
        match byte {
            b'"' if open => (open, may_open) = (false, true),
            b'"' if may_open => open = true,
            b',' if !open => may_open = true,
            _ if !open => may_open = false,
            _ => {}
        }
    }
    open
}
