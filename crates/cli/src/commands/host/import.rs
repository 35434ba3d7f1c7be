//! `host import`: a whole file as one change, read here first.
//!
//! A file with a bad line is refused with all its bad lines, and nothing is
//! sent.

use crate::args::host::Change;
use crate::client::{Answer, Client, Import};
use crate::commands::wait::Request;
use crate::exit::{Failure, chain, reasons};
use crate::output::{Imported, Output, Problem, problems};
use hosts::ConflictMode;
use hosts::format::hosts_file;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What the parser takes, here and on the node.
const FILE_BYTES_MAX: u64 = hosts::limits::FILE_BYTES_MAX as u64;

pub(super) async fn run(
    path: &Path,
    mode: ConflictMode,
    change: &Change,
    client: &mut Client,
    output: &Output,
) -> Result<(), Failure> {
    let file = read(path)?;
    check(path, &file, output)?;
    let request = Request::of(change)?;
    let size = u64::try_from(file.len()).unwrap_or(u64::MAX);
    let bar = output.progress(size);
    bar.set_message("sending");
    let answer = client
        .import_hosts(&file, mode, &request.once, {
            let bar = bar.clone();
            move |sent| {
                bar.set_position(sent);
                bar.set_message(if sent == size { "waiting" } else { "sending" });
            }
        })
        .await;
    bar.finish_and_clear();
    let Answer { value, revision } = answer?;
    let (done, waited) = request.finish(client, revision).await?;
    let Import {
        processed,
        created,
        updated,
        skipped,
    } = value;
    output.report(&Imported {
        processed,
        created,
        updated,
        skipped,
        done,
    })?;
    waited
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin()
            .lock()
            .take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    read.map_err(|cause| Failure::usage(format!("cannot read {}: {cause}", path.display())))?;
    if u64::try_from(bytes.len()).map_or(true, |bytes| bytes > FILE_BYTES_MAX) {
        return Err(Failure::of(
            reasons::FILE_TOO_LARGE,
            format!("{} is larger than {FILE_BYTES_MAX} bytes", path.display()),
        ));
    }
    Ok(bytes)
}

/// Reads the file as the nodes will, and says what they would say.
fn check(path: &Path, file: &[u8], output: &Output) -> Result<(), Failure> {
    match hosts_file::parse(file) {
        Ok(parsed) => {
            let shown = parsed.warnings.iter().map(|warning| Problem {
                line: warning.place.line,
                what: chain(&warning.kind),
            });
            let shown: Vec<Problem> = shown.collect();
            if !shown.is_empty() {
                let table = problems(&shown, parsed.warnings_total);
                output.note(&format!("warnings:\n{table}"));
            }
            Ok(())
        }
        Err(errors) => {
            let shown: Vec<Problem> = errors
                .shown
                .iter()
                .map(|error| Problem {
                    line: error.place.line,
                    what: chain(&error.fault),
                })
                .collect();
            let lines = if errors.total == 1 { "line" } else { "lines" };
            Err(Failure::of(
                reasons::INVALID_FILE,
                format!(
                    "{} is not imported: {} {lines} cannot be read\n{}",
                    path.display(),
                    errors.total,
                    problems(&shown, errors.total)
                ),
            ))
        }
    }
}
