//! Columns of text, and comma-separated values after RFC 4180.

use super::Page;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use hosts::format::guarded;

/// The columns of a table, and what gives way on a narrow terminal.
#[derive(Copy, Clone, Debug)]
pub(super) struct Columns<'a> {
    pub(super) header: &'a [&'a str],
    /// Text that wraps in its column, first of all.
    pub(super) flowing: &'a [&'a str],
    /// Left out as a whole when wrapping is not enough.
    pub(super) spare: &'a [&'a str],
}

/// Rows under a header, two blanks between columns. If nothing else helps,
/// every column wraps.
pub(super) fn columns(
    page: Page,
    columns: Columns<'_>,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let Columns {
        header,
        flowing,
        spare,
    } = columns;
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table.add_rows(rows);
    let Some(width) = page.width.map(usize::from) else {
        return bold_header(fit(table, page), page);
    };
    let widths = table.column_max_content_widths();
    let needed = |left_out: &[&str]| -> usize {
        let kept = header.iter().zip(&widths);
        kept.filter(|(name, _)| !left_out.contains(name))
            .map(|(name, &width)| match flowing.contains(name) {
                true => usize::from(width.min(FLOWING_MIN) + GAP),
                false => usize::from(width + GAP),
            })
            .sum()
    };
    let left_out = if needed(&[]) <= width { &[] } else { spare };
    for (column, name) in table.column_iter_mut().zip(header) {
        if left_out.contains(name) {
            column.set_constraint(ColumnConstraint::Hidden);
        } else if needed(left_out) <= width && !flowing.contains(name) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    bold_header(fit(table, page), page)
}

/// The first line in bold, where that is seen.
fn bold_header(text: String, page: Page) -> String {
    match text.split_once('\n').filter(|_| page.color) {
        Some((header, rows)) => format!("{BOLD}{header}{PLAIN}\n{rows}"),
        None => text,
    }
}

const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// Names beside their values.
pub(super) fn pairs(page: Page, rows: Vec<(&str, String)>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.add_rows(
        rows.into_iter()
            .map(|(name, value)| [name.to_owned(), value]),
    );
    fit(table, page)
}

/// A word of praise or blame in its colour, where that is seen.
pub(super) fn tinted(tint: Tint, word: &str, page: Page) -> String {
    let code = match tint {
        Tint::Good => "32",
        Tint::Doubtful => "33",
        Tint::Bad => "31",
    };
    match page.color {
        true => format!("\x1b[{code}m{word}{PLAIN}"),
        false => word.to_owned(),
    }
}

/// What a colour means.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Tint {
    /// Green.
    Good,
    /// Yellow.
    Doubtful,
    /// Red.
    Bad,
}

impl Tint {
    /// The one for a verdict over a cluster.
    pub(super) fn of_verdict(verdict: &str) -> Self {
        match verdict {
            "healthy" => Self::Good,
            "degraded" => Self::Doubtful,
            _ => Self::Bad,
        }
    }
}

/// Whether lines that were laid out without a width fit the page.
pub(super) fn fits(text: &str, page: Page) -> bool {
    let seen = |line: &str| line.replace(BOLD, "").replace(PLAIN, "").chars().count();
    let widest = text.lines().map(seen).max();
    page.width
        .is_none_or(|width| widest.unwrap_or(0) <= usize::from(width))
}

/// Blanks between columns.
const GAP: u16 = 2;
/// Narrower columns hold no word.
const FLOWING_MIN: u16 = 8;

fn fit(mut table: Table, page: Page) -> String {
    match page.width {
        Some(width) => table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

/// Rows as comma-separated values with LF line ends; a value is quoted where
/// it has to be, and no spreadsheet takes one for a formula: as in an export.
pub(super) fn csv(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for row in rows {
        let line: Vec<String> = row.iter().map(|value| quoted(value)).collect();
        text.push_str(&line.join(","));
        text.push('\n');
    }
    text
}

fn quoted(value: &str) -> String {
    let value = guarded(value.into());
    if value.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", value.replace('"', "\"\""));
    }
    value.into_owned()
}

/// `words` as the first row of comma-separated values.
pub(super) fn header(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
