//! What became of a file: imported, exported, or refused line by line.

use super::change::Done;
use super::table::{Columns, columns, header};
use super::{Page, Report};
use serde::Serialize;

/// The summary of an import.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct Imported {
    pub(crate) processed: i32,
    pub(crate) created: i32,
    pub(crate) updated: i32,
    pub(crate) skipped: i32,
    #[serde(flatten)]
    pub(crate) done: Done,
}

impl Report for Imported {
    fn table(&self, _: Page) -> String {
        let Self {
            processed,
            created,
            updated,
            skipped,
            done,
        } = self;
        format!(
            "imported {processed} hosts: {created} created, {updated} updated, {skipped} skipped{}",
            done.tail()
        )
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let Self {
            processed,
            created,
            updated,
            skipped,
            done,
        } = self;
        let mut row: Vec<String> = [processed, created, updated, skipped]
            .iter()
            .map(ToString::to_string)
            .collect();
        row.extend(done.csv_row());
        let mut names = header(&["processed", "created", "updated", "skipped"]);
        names.extend(header(&Done::CSV_HEADER));
        vec![names, row]
    }
}

/// A file that was written.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Exported {
    pub(crate) path: String,
    pub(crate) bytes: usize,
    /// What the file shows, if the node said so.
    pub(crate) revision: Option<u64>,
}

impl Report for Exported {
    fn table(&self, _: Page) -> String {
        let at = self
            .revision
            .map_or_else(String::new, |revision| format!(", revision {revision}"));
        format!("wrote {} ({} bytes{at})\n", self.path, self.bytes)
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let revision = self.revision.map_or_else(String::new, |r| r.to_string());
        vec![
            header(&["path", "bytes", "revision"]),
            vec![self.path.clone(), self.bytes.to_string(), revision],
        ]
    }
}

/// Files that were written.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Written {
    pub(crate) files: Vec<String>,
}

impl Report for Written {
    fn table(&self, _: Page) -> String {
        let line = |file: &String| format!("wrote {file}\n");
        self.files.iter().map(line).collect()
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let rows = self.files.iter().map(|file| vec![file.clone()]);
        std::iter::once(header(&["file"])).chain(rows).collect()
    }
}

/// One line of a file that cannot be taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Problem {
    pub(crate) line: u32,
    pub(crate) what: String,
}

/// Problems as a table for standard error; `total` counts those not shown too.
pub(crate) fn problems(shown: &[Problem], total: usize) -> String {
    let page = Page {
        width: None,
        color: false,
    };
    let rows = shown
        .iter()
        .map(|problem| vec![problem.line.to_string(), problem.what.clone()]);
    let layout = Columns {
        header: &["LINE", "PROBLEM"],
        flowing: &[],
        spare: &[],
    };
    let mut text = columns(page, layout, rows);
    if let Some(more @ 1..) = total.checked_sub(shown.len()) {
        text.push_str(&format!("and {more} more\n"));
    }
    text.truncate(text.trim_end().len());
    text
}
