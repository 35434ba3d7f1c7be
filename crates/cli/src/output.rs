//! What people and scripts see: the only place that prints.
//!
//! A report can be a table, JSON or CSV. JSON is stable and complete; a table
//! fits the terminal, and in a pipe nothing of it is cut.

mod asserted;
mod bench;
mod change;
#[cfg(feature = "node")]
mod chaos;
#[cfg(feature = "node")]
mod chaos_run;
mod config;
#[cfg(feature = "node")]
mod dev;
mod host;
mod import;
mod snapshot;
mod status;
mod table;

pub(crate) use asserted::Asserted;
pub(crate) use bench::{
    BenchError, BenchReport, Cleaned, DiskReport, Ended, Latency, Lost, Verified,
};
pub(crate) use change::{Changed, Deleted, Done, Outcome};
#[cfg(feature = "node")]
pub(crate) use chaos::{Acted, FaultReport, NodeReport};
#[cfg(feature = "node")]
pub(crate) use chaos_run::{ChaosFault, ChaosPlan, ChaosRun};
pub(crate) use config::{Checked, Shown};
#[cfg(feature = "node")]
pub(crate) use dev::{Copies, Copy, Known, Overview, Seen};
pub(crate) use host::{HostView, Hosts, OneHost};
pub(crate) use import::{Exported, Imported, Imports, Written, lines_table};
pub(crate) use snapshot::{
    Differences, RolledBack, ShownSnapshot, SnapshotCreated, SnapshotDeleted, SnapshotView,
    Snapshots, TriedRollback,
};

use crate::args::Global;
use crate::exit::{Failure, FileLine, FileLines, reasons};
use clap::ValueEnum;
use serde::Serialize;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

/// How a report is written.
#[derive(ValueEnum, Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For programs
    Json,
    /// For spreadsheets
    Csv,
}

impl Format {
    /// The word that chooses it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }
}

/// What a command has to say on standard output.
pub(crate) trait Report: Serialize {
    /// Lines for people, at most `page.width` wide where there is a width.
    fn table(&self, page: Page) -> String;

    /// A header and rows.
    fn csv(&self) -> Vec<Vec<String>>;
}

/// The paper a table is written on.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Page {
    /// Columns of the terminal; none in a pipe.
    pub(crate) width: Option<u16>,
    /// Whether colours are seen.
    pub(crate) color: bool,
}

/// Standard output and standard error, and how to write to them.
pub(crate) struct Output {
    format: Format,
    /// The format was asked for, not chosen for a pipe.
    asked: bool,
    page: Page,
    color_of_errors: bool,
    quiet: bool,
}

impl Output {
    /// For these flags and these streams. `configured` is the format of flag,
    /// environment or file.
    pub(crate) fn new(global: &Global, configured: Option<Format>) -> Self {
        let terminal = io::stdout().is_terminal();
        let color = colors(!global.no_color);
        Self {
            format: configured.unwrap_or(if terminal {
                Format::Table
            } else {
                Format::Json
            }),
            asked: configured.is_some(),
            page: Page {
                width: terminal.then(terminal_width).flatten(),
                color: color && terminal,
            },
            color_of_errors: color && io::stderr().is_terminal(),
            quiet: global.quiet,
        }
    }

    /// Writes a report to standard output.
    pub(crate) fn report(&self, report: &impl Report) -> Result<(), Failure> {
        let out = io::stdout().lock();
        written(match self.format {
            // It may be long, and need not be in memory as a whole.
            Format::Json => write_json(report, out),
            Format::Table | Format::Csv => {
                let mut out = out;
                out.write_all(self.text(report).as_bytes())
            }
        })
    }

    /// A report as it would be written.
    pub(crate) fn text(&self, report: &impl Report) -> String {
        match self.format {
            Format::Table => report.table(self.page),
            Format::Json => json(report),
            Format::Csv => table::csv(&report.csv()),
        }
    }

    /// How reports are written.
    #[cfg(feature = "node")]
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Says something beside the report, on standard error.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            to_stderr(&format!("{text}\n"));
        }
    }

    /// Whether notes are of no interest.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Says why the command failed, on standard error: as JSON where JSON was
    /// asked for, for a person where it was only chosen for a pipe.
    pub(crate) fn failure(&self, failure: &Failure) {
        to_stderr(&if self.asked && self.format == Format::Json {
            failure_as_json(failure)
        } else {
            failure_as_text(failure, self.color_of_errors)
        });
    }

    /// The progress of sending `bytes`, on standard error if it is a terminal.
    pub(crate) fn progress(&self, bytes: u64) -> indicatif::ProgressBar {
        if self.quiet || !io::stderr().is_terminal() {
            return indicatif::ProgressBar::hidden();
        }
        let bar = indicatif::ProgressBar::new(bytes);
        if let Ok(style) = indicatif::ProgressStyle::with_template(
            "{spinner} {msg} {bar:30} {bytes}/{total_bytes} {elapsed}",
        ) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }
}

/// Writes bytes to standard output as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    written(out.write_all(bytes).and_then(|()| out.flush()))
}

/// Says why arguments were refused, as they ask for.
pub(crate) fn refused(failure: &Failure, arguments: &[OsString]) {
    let plain = arguments.iter().any(|argument| argument == "--no-color");
    to_stderr(&match json_was_asked(arguments.iter().cloned()) {
        true => failure_as_json(failure),
        false => failure_as_text(failure, colors(!plain) && io::stderr().is_terminal()),
    });
}

/// Whether colours are wanted: <https://no-color.org> has it that a variable
/// that is set and not empty turns them off.
fn colors(asked: bool) -> bool {
    asked && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether arguments that do not parse ask for JSON, or the environment does.
fn json_was_asked(arguments: impl IntoIterator<Item = OsString>) -> bool {
    let mut named = None;
    let mut value_next = false;
    for argument in arguments {
        let argument = argument.to_string_lossy();
        if value_next {
            named = Some(argument.into_owned());
            value_next = false;
        } else if matches!(&*argument, "-f" | "--format") {
            value_next = true;
        } else if let Some(value) = argument
            .strip_prefix("--format=")
            .or_else(|| argument.strip_prefix("-f"))
        {
            named = Some(value.trim_start_matches('=').to_owned());
        }
    }
    named
        .or_else(|| std::env::var("ROUTER_HOSTS_FORMAT").ok())
        .is_some_and(|format| format == Format::Json.as_str())
}

fn terminal_width() -> Option<u16> {
    terminal_size::terminal_size().map(|(width, _)| width.0)
}

/// A report as JSON, with a line end.
fn json(report: &impl Report) -> String {
    as_json(serde_json::to_string_pretty(report))
}

/// The same, piece by piece.
fn write_json(report: &impl Report, out: impl io::Write) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(WRITE_BYTES, out);
    serde_json::to_writer_pretty(&mut out, report)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// What is written at once: what a pipe holds.
const WRITE_BYTES: usize = 64 * 1024;

/// Reports have string keys and no part that can fail: there is always a text.
fn as_json(text: serde_json::Result<String>) -> String {
    text.unwrap_or_else(|_| "null".to_owned()) + "\n"
}

/// A reader that has enough (`| head`) is no failure.
pub(crate) fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => Err(Failure::of(
            reasons::OUTPUT,
            format!("cannot write to standard output: {cause}"),
        )),
        _ => Ok(()),
    }
}

/// There is nobody to tell when standard error itself is gone.
fn to_stderr(text: &str) {
    io::stderr().lock().write_all(text.as_bytes()).ok();
}

fn failure_as_json(failure: &Failure) -> String {
    #[derive(Serialize)]
    struct Whole<'a> {
        error: Parts<'a>,
    }
    #[derive(Serialize)]
    struct Parts<'a> {
        code: u8,
        reason: &'a str,
        message: &'a str,
        hint: Option<&'a str>,
        #[serde(flatten, skip_serializing_if = "Option::is_none")]
        lines: Option<Lines<'a>>,
    }
    #[derive(Serialize)]
    struct Lines<'a> {
        lines: &'a [FileLine],
        lines_total: usize,
    }
    let Failure {
        exit,
        reason,
        message,
        hint,
        lines: FileLines { shown, total },
    } = failure;
    let error = Parts {
        code: *exit as u8,
        reason,
        message,
        hint: hint.as_deref(),
        lines: (*total > 0).then_some(Lines {
            lines: shown,
            lines_total: *total,
        }),
    };
    as_json(serde_json::to_string(&Whole { error }))
}

fn failure_as_text(failure: &Failure, color: bool) -> String {
    let Failure {
        message,
        hint,
        lines,
        ..
    } = failure;
    let label = |color_code: &str, word: &str| match color {
        true => format!("\x1b[{color_code}m{word}\x1b[0m"),
        false => word.to_owned(),
    };
    let mut text = format!("{} {}\n", label("1;31", "error:"), harmless(message));
    if lines.total > 0 {
        text.push_str(&harmless(&lines_table(lines)));
    }
    if let Some(hint) = hint {
        text.push_str(&format!("{} {}\n", label("1;36", "hint:"), harmless(hint)));
    }
    text
}

/// Lines without any other control character: what a file or a node says must
/// not rewrite the terminal.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() && c != '\n' && c != '\t' {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
