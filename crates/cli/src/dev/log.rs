//! The end of a node's log, for a person who wants to know why it ended.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// How long the log is now, in bytes: what is written from here on is what a later [`tail`] may show.
pub(crate) fn length(log: &File) -> io::Result<u64> {
    Ok(log.metadata()?.len())
}

/// The last lines of the file from the byte `from` on, indented. Says so when there are none: a silent end is a finding
/// too.
pub(crate) fn tail(path: &Path, from: u64) -> String {
    let text = match last_bytes(path, from) {
        Ok(text) => text,
        Err(error) => return format!("  (it cannot be read: {error})"),
    };
    let lines: Vec<_> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if lines.is_empty() {
        return "  (it said nothing)".to_owned();
    }
    let from = lines.len().saturating_sub(LINES);
    let shown: Vec<_> = lines
        .iter()
        .skip(from)
        .map(|line| format!("  {line}"))
        .collect();
    shown.join("\n")
}

fn last_bytes(path: &Path, from: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let last = length(&file)?.saturating_sub(BYTES);
    file.seek(SeekFrom::Start(last.max(from)))?;
    let mut bytes = Vec::new();
    file.take(BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What fits a terminal beside the message.
const LINES: usize = 15;

/// More than that many lines of a log have.
const BYTES: u64 = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(tail(file.path(), 0), "  (it said nothing)");
        let lines: Vec<_> = (1..=5000).map(|n| format!("line {n}")).collect();
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        let from = length(file.as_file()).unwrap() - 19;
        assert_eq!(tail(file.path(), from), "  line 4999\n  line 5000");
        let tail = tail(file.path(), 0);
        assert!(tail.starts_with("  line 4986\n"), "{tail}");
        assert!(tail.ends_with("  line 5000"), "{tail}");
    }

    #[test]
    fn a_missing_log_is_said_to_be_missing() {
        assert!(tail(Path::new("/nowhere/log"), 0).contains("cannot be read"));
    }
}
