//! The end of a node's log, for a person who wants to know why it ended.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// The last lines of the file, indented. Says so when there are none: an empty log is a finding too.
pub(crate) fn tail(path: &Path) -> String {
    let text = match last_bytes(path) {
        Ok(text) => text,
        Err(error) => return format!("  (it cannot be read: {error})"),
    };
    let lines: Vec<_> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if lines.is_empty() {
        return "  (it is empty)".to_owned();
    }
    let from = lines.len().saturating_sub(LINES);
    let shown: Vec<_> = lines
        .iter()
        .skip(from)
        .map(|line| format!("  {line}"))
        .collect();
    shown.join("\n")
}

fn last_bytes(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(BYTES)))?;
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
        assert_eq!(tail(file.path()), "  (it is empty)");
        let lines: Vec<_> = (1..=5000).map(|n| format!("line {n}")).collect();
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        let tail = tail(file.path());
        assert!(tail.starts_with("  line 4986\n"), "{tail}");
        assert!(tail.ends_with("  line 5000"), "{tail}");
    }

    #[test]
    fn a_missing_log_is_said_to_be_missing() {
        assert!(tail(Path::new("/nowhere/log")).contains("cannot be read"));
    }
}
