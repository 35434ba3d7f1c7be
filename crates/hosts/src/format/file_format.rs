//! The formats of files, by name.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A format in which files are imported and exported.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum FileFormat {
    /// Lines of `ADDRESS NAME…`, as in `/etc/hosts`: enabled hosts and their comments; no tags, ids and versions.
    #[default]
    Hosts,
    /// A list of objects, or objects one after the other: everything that is known about a host.
    Json,
    /// A header and records (RFC 4180): everything that is known about a host.
    Csv,
}

impl FileFormat {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hosts, Self::Json, Self::Csv];

    /// Its name: `hosts`, `json` or `csv`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hosts => "hosts",
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }

    /// The format that the suffix of a file's name tells, in either case: `.json`, `.jsonl` and `.ndjson` are JSON,
    /// `.csv` is CSV, and everything else is a hosts file, which has no suffix of its own.
    #[must_use]
    pub fn of_suffix(suffix: Option<&str>) -> Self {
        match suffix.map(str::to_ascii_lowercase).as_deref() {
            Some("json" | "jsonl" | "ndjson") => Self::Json,
            Some("csv") => Self::Csv,
            _ => Self::Hosts,
        }
    }
}

/// A word that names no format.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Error)]
#[error("a format is hosts, json or csv")]
pub struct UnknownFormat;

impl FromStr for FileFormat {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let named = Self::ALL.into_iter().find(|format| format.as_str() == name);
        named.ok_or(UnknownFormat)
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_reads_its_name() {
        for format in FileFormat::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
            assert_eq!(FileFormat::of_suffix(Some(format.as_str())), format);
        }
        assert_eq!("yaml".parse::<FileFormat>(), Err(UnknownFormat));
    }

    #[test]
    fn a_suffix_tells_the_format_in_either_case() {
        for (suffix, format) in [
            (None, FileFormat::Hosts),
            (Some("lan"), FileFormat::Hosts),
            (Some("JSON"), FileFormat::Json),
            (Some("jsonl"), FileFormat::Json),
            (Some("ndjson"), FileFormat::Json),
            (Some("Csv"), FileFormat::Csv),
        ] {
            assert_eq!(FileFormat::of_suffix(suffix), format, "{suffix:?}");
        }
    }
}
