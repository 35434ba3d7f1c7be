//! What became of a file: imported, exported, or refused line by line.

use super::change::Done;
use super::table::{Columns, columns, header};
use super::{Page, Report};
use crate::exit::{FileLine, FileLines};
use serde::Serialize;

/// The summary of an import.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct Imported {
    /// Nothing was changed: it says what would become of the file.
    pub(crate) dry_run: bool,
    pub(crate) processed: i32,
    pub(crate) created: i32,
    pub(crate) updated: i32,
    pub(crate) skipped: i32,
    /// The first of the skipped lines that say what no record says now.
    pub(crate) left_out: Vec<FileLine>,
    /// All of them.
    pub(crate) left_out_total: usize,
    #[serde(flatten)]
    pub(crate) at: Imports,
}

/// Where an import took effect, or was tried.
#[derive(Serialize, Clone, PartialEq, Debug)]
#[serde(untagged)]
pub(crate) enum Imports {
    Done(Done),
    Tried { revision: u64 },
}

impl Report for Imported {
    fn table(&self, _: Page) -> String {
        let Self {
            dry_run: _,
            processed,
            created,
            updated,
            skipped,
            left_out,
            left_out_total,
            at,
        } = self;
        let mut text = match at {
            Imports::Done(done) => format!(
                "imported {processed} hosts: {created} created, {updated} updated, {skipped} skipped{}",
                done.tail()
            ),
            Imports::Tried { revision } => format!(
                "nothing is imported: of {processed} hosts {created} would be created, \
                 {updated} updated, {skipped} skipped, at revision {revision}\n"
            ),
        };
        let (shown, total) = (left_out.clone(), *left_out_total);
        if shown.is_empty() && total > 0 {
            text.push_str(&format!("{total} of the skipped lines are left out\n"));
        } else if total > 0 {
            text.push_str("left out:\n");
            text.push_str(&lines_table(&FileLines { shown, total }));
        }
        text
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let Self {
            dry_run,
            processed,
            created,
            updated,
            skipped,
            left_out: _,
            left_out_total,
            at,
        } = self;
        let mut row: Vec<String> = [processed, created, updated, skipped]
            .iter()
            .map(ToString::to_string)
            .collect();
        row.extend(match at {
            Imports::Done(done) => done.csv_row(),
            Imports::Tried { revision } => [revision.to_string(), String::new(), String::new()],
        });
        row.extend([left_out_total.to_string(), dry_run.to_string()]);
        let mut names = header(&["processed", "created", "updated", "skipped"]);
        names.extend(header(&Done::CSV_HEADER));
        names.extend(header(&["left_out", "dry_run"]));
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

/// Lines of a file as a table; those not shown are counted too.
pub(crate) fn lines_table(FileLines { shown, total }: &FileLines) -> String {
    let page = Page {
        width: None,
        color: false,
    };
    let rows = shown.iter().map(|line| {
        let FileLine {
            line,
            record,
            reason: _,
            message,
        } = line;
        let place = match record {
            Some(record) => format!("{line} (record {record})"),
            None => line.to_string(),
        };
        vec![place, message.clone()]
    });
    let layout = Columns {
        header: &["LINE", "PROBLEM"],
        flowing: &[],
        spare: &[],
    };
    let mut text = columns(page, layout, rows);
    if let Some(more @ 1..) = total.checked_sub(shown.len()) {
        text.push_str(&format!("and {more} more\n"));
    }
    text
}
