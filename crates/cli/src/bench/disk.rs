//! What a flush costs here: the floor under every commit.

use super::histogram::Histogram;
use super::latency;
use crate::exit::{Failure, reasons};
use crate::output::DiskReport;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// The file begins again from there: it takes no more room, however long.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Appends `bytes` and flushes them (`fdatasync`), again and again, to a file
/// in `directory` that has no name and is gone afterwards, as the log does.
pub(crate) fn run(directory: &Path, bytes: usize, time: Duration) -> Result<DiskReport, Failure> {
    let refused = |cause: io::Error| {
        Failure::of(
            reasons::DISK,
            format!("cannot measure {}: {cause}", directory.display()),
        )
    };
    let mut file = nameless(directory).map_err(refused)?;
    let block = vec![b'x'; bytes];
    let mut took = Histogram::new();
    let start = Instant::now();
    let mut length = 0;
    while start.elapsed() < time {
        if length > FILE_BYTES_MAX {
            file.set_len(0)
                .and_then(|()| file.rewind())
                .map_err(refused)?;
            length = 0;
        }
        let since = Instant::now();
        file.write_all(&block)
            .and_then(|()| file.sync_data())
            .map_err(refused)?;
        took.note(since.elapsed());
        length += u64::try_from(bytes).unwrap_or(u64::MAX);
    }
    Ok(DiskReport {
        directory: directory.display().to_string(),
        bytes,
        latency: vec![latency("append", &took, took.total(), start.elapsed())],
    })
}

fn nameless(directory: &Path) -> io::Result<File> {
    let path = directory.join(format!(".router-hosts-bench.{}.tmp", std::process::id()));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_in_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let report = run(directory.path(), 200, Duration::from_millis(20)).unwrap();
        assert!(report.latency[0].count > 0);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        let absent = directory.path().join("absent");
        assert!(run(&absent, 200, Duration::from_millis(20)).is_err());
    }
}
