//! What an import says beside its bytes, and what it is answered.

use super::InvalidMessage;
use crate::v1;
use hosts::format::{FileFormat, Place};
use hosts::{ConflictMode, ImportCounts, LeftOut};

/// Reads the name of a format; an empty one is the default, `hosts`.
///
/// # Errors
/// [`InvalidMessage::Unknown`] for one that is none.
pub fn file_format(name: &str) -> Result<FileFormat, InvalidMessage> {
    if name.is_empty() {
        return Ok(FileFormat::default());
    }
    name.parse().map_err(|_| InvalidMessage::Unknown {
        field: "format",
        known: "hosts, json, csv",
    })
}

/// How a file is to be taken, from the first chunk of an import.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct ImportOptions {
    /// What the bytes are.
    pub format: FileFormat,
    /// What to do with rows whose address and name are taken.
    pub mode: ConflictMode,
    /// Whether only to say what would become of it.
    pub dry_run: bool,
}

impl TryFrom<&v1::ImportHostsRequest> for ImportOptions {
    type Error = InvalidMessage;

    /// Without a conflict mode it is `skip`, or `replace` when `force` is
    /// set. A mode that is named stands, whatever `force` says.
    fn try_from(
        v1::ImportHostsRequest {
            chunk: _,
            last_chunk: _,
            format,
            conflict_mode,
            force,
            dry_run,
        }: &v1::ImportHostsRequest,
    ) -> Result<Self, InvalidMessage> {
        let mode = match conflict_mode.as_deref() {
            None | Some("") if *force == Some(true) => ConflictMode::Replace,
            None | Some("" | "skip") => ConflictMode::Skip,
            Some("replace") => ConflictMode::Replace,
            Some("strict") => ConflictMode::Strict,
            Some(_) => {
                return Err(InvalidMessage::Unknown {
                    field: "conflict_mode",
                    known: "skip, replace, strict",
                });
            }
        };
        Ok(Self {
            format: file_format(format.as_deref().unwrap_or_default())?,
            mode,
            dry_run: *dry_run == Some(true),
        })
    }
}

/// The name of a conflict mode on the wire.
#[must_use]
pub const fn conflict_mode_name(mode: ConflictMode) -> &'static str {
    match mode {
        ConflictMode::Skip => "skip",
        ConflictMode::Replace => "replace",
        ConflictMode::Strict => "strict",
    }
}

impl From<&ImportCounts> for v1::ImportHostsResponse {
    /// Rows that are left out are counted; their lines are known to whoever has read the file.
    fn from(
        ImportCounts {
            processed,
            created,
            updated,
            skipped,
            left_out: LeftOut { rows: _, total },
        }: &ImportCounts,
    ) -> Self {
        // Rows of one import are far fewer than `i32::MAX`.
        let count = |rows: &u32| i32::try_from(*rows).unwrap_or(i32::MAX);
        Self {
            processed: count(processed),
            created: count(created),
            updated: count(updated),
            skipped: count(skipped),
            failed: 0,
            error: None,
            validation_errors: Vec::new(),
            lines: Vec::new(),
            lines_total: count(total),
            dry_run: false,
        }
    }
}

/// What is said about one place of a file.
#[must_use]
pub fn import_line(place: Place, reason: &str, message: String) -> v1::ImportLine {
    let Place { line, record } = place;
    v1::ImportLine {
        line,
        record,
        reason: reason.to_owned(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_chunk(
        format: Option<&str>,
        mode: Option<&str>,
        force: Option<bool>,
    ) -> v1::ImportHostsRequest {
        v1::ImportHostsRequest {
            format: format.map(str::to_owned),
            conflict_mode: mode.map(str::to_owned),
            force,
            ..Default::default()
        }
    }

    #[test]
    fn an_import_that_says_nothing_skips_rows_of_a_hosts_file() {
        let options = ImportOptions::try_from(&first_chunk(None, None, None));
        assert_eq!(options, Ok(ImportOptions::default()));
        assert_eq!(ImportOptions::default().mode, ConflictMode::Skip);
    }

    #[test]
    fn every_mode_reads_what_it_writes() {
        for mode in [
            ConflictMode::Skip,
            ConflictMode::Replace,
            ConflictMode::Strict,
        ] {
            let chunk = first_chunk(Some("hosts"), Some(conflict_mode_name(mode)), None);
            assert_eq!(ImportOptions::try_from(&chunk).unwrap().mode, mode);
        }
    }

    #[test]
    fn every_format_reads_its_name() {
        for format in FileFormat::ALL {
            let chunk = first_chunk(Some(format.as_str()), None, None);
            assert_eq!(ImportOptions::try_from(&chunk).unwrap().format, format);
        }
        assert_eq!(file_format(""), Ok(FileFormat::Hosts));
    }

    #[test]
    fn a_dry_run_is_one_only_when_it_says_so() {
        for (said, dry_run) in [(None, false), (Some(false), false), (Some(true), true)] {
            let chunk = v1::ImportHostsRequest {
                dry_run: said,
                ..Default::default()
            };
            let options = ImportOptions::try_from(&chunk).unwrap();
            assert_eq!(options.dry_run, dry_run);
        }
    }

    #[test]
    fn force_replaces_unless_a_mode_is_named() {
        let mode = |named, force| {
            ImportOptions::try_from(&first_chunk(None, named, force))
                .unwrap()
                .mode
        };
        assert_eq!(mode(None, Some(true)), ConflictMode::Replace);
        assert_eq!(mode(Some(""), Some(true)), ConflictMode::Replace);
        assert_eq!(mode(None, Some(false)), ConflictMode::Skip);
        assert_eq!(mode(Some("strict"), Some(true)), ConflictMode::Strict);
    }

    #[test]
    fn unknown_words_are_refused_by_field() {
        let refused = |chunk| ImportOptions::try_from(&chunk).unwrap_err().to_string();
        assert_eq!(
            refused(first_chunk(Some("yaml"), None, None)),
            "format is none of hosts, json, csv"
        );
        assert_eq!(
            refused(first_chunk(None, Some("merge"), None)),
            "conflict_mode is none of skip, replace, strict"
        );
    }
}
