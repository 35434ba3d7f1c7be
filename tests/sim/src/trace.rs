//! Everything that happens in a run, in one order, hashed: equal seeds must give equal traces, byte for byte.
//!
//! A line has the virtual millisecond, who, and what. It always goes into the digest, and into a file where one was
//! asked for. What the nodes log goes here too.

use sha2::{Digest as _, Sha256};
use std::{
    cell::RefCell,
    fmt,
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};
use tracing_subscriber::fmt::MakeWriter;

thread_local! {
    static TRACE: RefCell<Trace> = RefCell::default();
}

#[derive(Default)]
struct Trace {
    digest: Sha256,
    file: Option<BufWriter<File>>,
    lines: u64,
    millis: u64,
    /// Whose turn it is.
    who: String,
    /// Where the certificates are, which is elsewhere in every process: a line has `~` for it.
    directory: String,
}

/// Begins the trace of this process, whose real files are in `directory`; nodes log at `level`.
///
/// # Errors
/// The file cannot be made.
pub(crate) fn begin(
    file: Option<&Path>,
    level: tracing::Level,
    directory: &Path,
) -> io::Result<()> {
    let file = file.map(File::create).transpose()?.map(BufWriter::new);
    TRACE.with_borrow_mut(|trace| {
        trace.file = file;
        trace.directory = directory.display().to_string();
    });
    let logs = tracing_subscriber::fmt()
        .without_time()
        .with_ansi(false)
        .with_max_level(level)
        .with_writer(Logs)
        .finish();
    tracing::subscriber::set_global_default(logs).map_err(io::Error::other)
}

/// From here on it is `millis` after the beginning.
pub(crate) fn set_time(millis: u64) {
    TRACE.with_borrow_mut(|trace| trace.millis = millis);
}

/// From here on it is the turn of `who`.
pub(crate) fn turn_of(who: &str) {
    TRACE.with_borrow_mut(|trace| {
        trace.who.clear();
        trace.who.push_str(who);
    });
}

/// Writes one line.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    TRACE.with_borrow_mut(|trace| trace.line(text));
}

/// The SHA-256 of all lines, and how many they were. What was written to the file is in it.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn end() -> io::Result<(String, u64)> {
    TRACE.with_borrow_mut(|trace| {
        if let Some(file) = &mut trace.file {
            file.flush()?;
        }
        let digest = trace.digest.clone().finalize();
        let hex = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((hex, trace.lines))
    })
}

impl Trace {
    fn line(&mut self, text: fmt::Arguments<'_>) {
        let mut line = format!("{:>6} {:<8} {text}\n", self.millis, self.who);
        if !self.directory.is_empty() && line.contains(&self.directory) {
            line = line.replace(&self.directory, "~");
        }
        self.digest.update(&line);
        self.lines += 1;
        if let Some(file) = &mut self.file {
            file.write_all(line.as_bytes())
                .expect("the trace that was asked for can be written");
        }
    }
}

/// A line of the trace, in the words of `format!`.
macro_rules! note {
    ($($words:tt)*) => { $crate::trace::line(format_args!($($words)*)) };
}
pub(crate) use note;

/// Takes what the nodes log.
struct Logs;

impl MakeWriter<'_> for Logs {
    type Writer = LogLine;

    fn make_writer(&self) -> LogLine {
        LogLine(Vec::new())
    }
}

struct LogLine(Vec<u8>);

impl Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.0);
        for one in text.lines() {
            line(format_args!("log {}", one.trim()));
        }
    }
}
