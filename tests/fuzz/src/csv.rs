//! CSV files: what is read is exported and read again as the same hosts.

use hosts::format::{FileFormat, parse};

use crate::same::{an_export_is_read_back, errors_can_be_shown, imported};

/// Reads a file, and exports what it says.
pub fn run(bytes: &[u8]) {
    match parse(FileFormat::Csv, bytes) {
        Ok(parsed) => an_export_is_read_back(&imported(&parsed.rows), FileFormat::Csv),
        Err(errors) => errors_can_be_shown(&errors),
    }
}
