//! JSON: a list of objects, or objects one after the other (JSON Lines), as earlier clients write both.
//!
//! | Key | Value |
//! |---|---|
//! | `ip_address`, `hostname` | text; must be there |
//! | `aliases`, `tags` | lists of texts |
//! | `comment` | text |
//! | `disabled` | `true` or `false` |
//! | `id`, `version`, `created_at`, `updated_at` | anything; read over, for the cluster gives its own |
//!
//! What is absent or `null` is empty. Other keys are refused: a misspelt one would be lost without a word. A record
//! is cut out before it is looked at, so one that cannot be read hides no other; where the file is no JSON at all,
//! reading ends.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer as _, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::parsed::{ParseErrors, ParseFault, Parsed, Place, Reading};
use super::record::{Record, Said};
use super::text::{Lines, text};
use crate::host::Host;
use crate::limits::{FILE_RECORD_BYTES_MAX, PARSER_WORDS_CHARS_MAX};
use crate::text::shorten_to;

/// Reads a JSON file.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, ParseErrors> {
    let mut reading = Reading::default();
    let text = match text(bytes) {
        Ok(text) => text,
        Err((line, fault)) => {
            reading.refuse(Place { line, record: None }, fault);
            return reading.finish();
        }
    };
    let mut records = Records {
        text,
        lines: Lines::of(text.as_bytes()),
        record: 0,
        reading,
        full: false,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let read = if text.trim_start().starts_with('[') {
        let list = json.deserialize_seq(&mut records);
        list.and_then(|()| json.end())
    } else {
        let mut values = json.into_iter::<&RawValue>();
        values.try_for_each(|value| records.take(value?))
    };
    match read {
        Err(error) if !records.full => records.ends(&error),
        _ => {}
    }
    records.reading.finish()
}

/// What comes before the first record, between two, and after the last.
pub(super) const HEAD: &[u8] = b"[\n";
pub(super) const BETWEEN: &[u8] = b",\n";
pub(super) const TAIL: &[u8] = b"\n]\n";
/// A list without records.
pub(super) const NOTHING: &[u8] = b"[]\n";

/// Adds one record on one line, without its end.
pub(super) fn write(out: &mut Vec<u8>, host: &Host) {
    serde_json::to_writer(out, &Record::from(host))
        .expect("a record has text keys, and writing to a vector does not fail");
}

/// The records of a file while they are read.
struct Records<'a> {
    text: &'a str,
    lines: Lines<'a>,
    /// How many were begun.
    record: u32,
    reading: Reading,
    /// There were too many, which is noted.
    full: bool,
}

impl<'a> Records<'a> {
    /// Takes one record.
    ///
    /// # Errors
    /// Only when there are too many: nothing more is to be read.
    fn take(&mut self, raw: &'a RawValue) -> Result<(), serde_json::Error> {
        let raw = raw.get();
        // It is a part of the text.
        let offset = raw.as_ptr().addr() - self.text.as_ptr().addr();
        self.record += 1;
        let place = Place {
            line: self.lines.at(offset),
            record: Some(self.record),
        };
        if self.reading.is_full(place) {
            self.full = true;
            return Err(serde_json::Error::custom("too many records"));
        }
        if raw.len() > FILE_RECORD_BYTES_MAX {
            self.reading.refuse(place, ParseFault::RecordTooLong);
            return Ok(());
        }
        let said = serde_json::from_str::<Object<'_>>(raw).map_err(|error| fault(&error));
        match said.and_then(|object| object.said().host()) {
            Ok(host) => self.reading.accept(place, host),
            Err(fault) => self.reading.refuse(place, fault),
        }
        Ok(())
    }

    /// Notes where the text stops being JSON.
    fn ends(&mut self, error: &serde_json::Error) {
        let place = Place {
            line: u32::try_from(error.line()).unwrap_or(u32::MAX),
            record: None,
        };
        self.reading.refuse(place, fault(error));
    }
}

impl<'a> Visitor<'a> for &mut Records<'a> {
    type Value = ();

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a list of hosts")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(raw) = list.next_element()? {
            self.take(raw).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// A record as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with the keys of a host")]
struct Object<'a> {
    #[serde(borrow, default)]
    ip_address: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    hostname: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    aliases: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow, default)]
    tags: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow, default)]
    comment: Option<Cow<'a, str>>,
    #[serde(default)]
    disabled: Option<bool>,
    #[serde(default, rename = "id")]
    _id: IgnoredAny,
    #[serde(default, rename = "version")]
    _version: IgnoredAny,
    #[serde(default, rename = "created_at")]
    _created_at: IgnoredAny,
    #[serde(default, rename = "updated_at")]
    _updated_at: IgnoredAny,
}

impl Object<'_> {
    fn said(&self) -> Said<'_> {
        let Self {
            ip_address,
            hostname,
            aliases,
            tags,
            comment,
            disabled,
            ..
        } = self;
        Said {
            address: ip_address.as_deref(),
            hostname: hostname.as_deref(),
            aliases: aliases.iter().flatten().map(AsRef::as_ref).collect(),
            tags: tags.iter().flatten().map(AsRef::as_ref).collect(),
            comment: comment.as_deref(),
            disabled: disabled.unwrap_or(false),
        }
    }
}

fn fault(error: &serde_json::Error) -> ParseFault {
    let words = error.to_string();
    // The line is told with the place, and counts from the record's own start here.
    let words = words
        .rsplit_once(" at line ")
        .map_or(&*words, |(words, _)| words);
    ParseFault::Json {
        words: shorten_to(words, PARSER_WORDS_CHARS_MAX),
    }
}
