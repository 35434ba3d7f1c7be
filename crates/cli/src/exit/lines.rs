//! What is said about single lines of a file.

use super::chain;
use hosts::format::{ParseErrors, Place};
use proto::v1;
use serde::Serialize;

/// A line, and what about it.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct FileLine {
    /// Counted from 1.
    pub(crate) line: u32,
    /// Counted from 1; none where the format has no records but lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) record: Option<u32>,
    /// A word for machines, stable across versions.
    pub(crate) reason: String,
    /// For a person.
    pub(crate) message: String,
}

/// The first lines there is something about, and how many there are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct FileLines {
    pub(crate) shown: Vec<FileLine>,
    pub(crate) total: usize,
}

impl FileLine {
    pub(crate) fn at(
        Place { line, record }: Place,
        reason: impl Into<String>,
        message: String,
    ) -> Self {
        let reason = reason.into();
        Self {
            line,
            record,
            reason,
            message,
        }
    }
}

impl From<&ParseErrors> for FileLines {
    fn from(ParseErrors { shown, total }: &ParseErrors) -> Self {
        let shown = shown.iter().map(|error| {
            let fault = &error.fault;
            FileLine::at(error.place, fault.reason(), chain(fault))
        });
        Self {
            shown: shown.collect(),
            total: *total,
        }
    }
}

impl FileLines {
    /// As a node tells them.
    pub(crate) fn from_wire(lines: Vec<v1::ImportLine>, total: i32) -> Self {
        let shown: Vec<FileLine> = lines
            .into_iter()
            .map(|line| {
                let v1::ImportLine {
                    line,
                    record,
                    reason,
                    message,
                } = line;
                FileLine::at(Place { line, record }, reason, message)
            })
            .collect();
        let total = usize::try_from(total).unwrap_or(0).max(shown.len());
        Self { shown, total }
    }
}
