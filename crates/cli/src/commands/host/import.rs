//! `host import`: a whole file as one change, read here first.
//!
//! A file with a bad line is refused with all its bad lines, and nothing is
//! sent.

use crate::args::host::{FileKind, Import as Arguments};
use crate::client::{Answer, Client, Import, ImportFile, Send, required};
use crate::commands::wait::Request;
use crate::exit::{Failure, FileLine, FileLines, chain, reasons};
use crate::output::{Imported, Imports, Output, lines_table};
use hosts::format::{FileFormat, ParseError, ParseFault, parse};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What the parser takes, here and on the node.
const FILE_BYTES_MAX: u64 = hosts::limits::FILE_BYTES_MAX as u64;

pub(super) async fn run(
    arguments: Arguments,
    client: &mut Client,
    output: &Output,
) -> Result<(), Failure> {
    let Arguments {
        file: path,
        from,
        conflict,
        dry_run,
        no_follow_symlinks,
        change,
    } = arguments;
    let bytes = read(&path, no_follow_symlinks)?;
    let format = FileKind::of(from, Some(&path));
    check(&path, format, &bytes, output)?;
    let file = ImportFile {
        bytes,
        format,
        mode: conflict.into(),
    };
    if dry_run {
        let Answer { value, revision } = send(file, Send::DryRun, client, output).await?;
        let revision = required(revision)?.get();
        return output.report(&report(value, Imports::Tried { revision }));
    }
    let request = Request::of(&change)?;
    let Answer { value, revision } =
        send(file, Send::Change(&request.once), client, output).await?;
    let (done, waited) = request.finish(client, revision).await?;
    output.report(&report(value, Imports::Done(done)))?;
    waited
}

/// Sends the file, and shows how far it has come.
async fn send(
    file: ImportFile,
    send: Send<'_>,
    client: &mut Client,
    output: &Output,
) -> Result<Answer<Import>, Failure> {
    let size = u64::try_from(file.bytes.len()).unwrap_or(u64::MAX);
    let bar = output.progress(size);
    bar.set_message("sending");
    let shown = bar.clone();
    let sent = move |sent| {
        shown.set_position(sent);
        shown.set_message(if sent == size { "waiting" } else { "sending" });
    };
    let answer = client.import_hosts(file, send, sent).await;
    bar.finish_and_clear();
    answer
}

fn report(
    Import {
        processed,
        created,
        updated,
        skipped,
        left_out,
    }: Import,
    at: Imports,
) -> Imported {
    Imported {
        dry_run: matches!(at, Imports::Tried { .. }),
        processed,
        created,
        updated,
        skipped,
        left_out: left_out.shown,
        left_out_total: left_out.total,
        at,
    }
}

fn read(path: &Path, no_follow_symlinks: bool) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin()
            .lock()
            .take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
    } else {
        open(path, no_follow_symlinks)
            .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
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

/// Opens the file. What was opened is compared with what the path itself is:
/// a link that comes in between is refused too.
fn open(path: &Path, no_follow_symlinks: bool) -> io::Result<File> {
    let file = File::open(path)?;
    if no_follow_symlinks {
        let (opened, named) = (file.metadata()?, fs::symlink_metadata(path)?);
        if (opened.dev(), opened.ino()) != (named.dev(), named.ino()) {
            return Err(io::Error::other("it is a symbolic link"));
        }
    }
    Ok(file)
}

/// Reads the file as the nodes will, and says what they would say.
fn check(path: &Path, format: FileFormat, file: &[u8], output: &Output) -> Result<(), Failure> {
    let parsed = parse(format, file).map_err(|errors| {
        let no_text = |error: &&ParseError| matches!(error.fault, ParseFault::Nul);
        if let Some(first) = errors.shown.iter().find(no_text) {
            // What is no text has no lines: one of them says it all.
            let message = format!("{} is not imported: it is no text", path.display());
            let first = FileLine::at(first.place, first.fault.reason(), chain(&first.fault));
            return Failure::of(reasons::INVALID_FILE, message).lines(FileLines {
                shown: vec![first],
                total: 1,
            });
        }
        let lines = if errors.total == 1 { "line" } else { "lines" };
        let message = format!(
            "{} is not imported: {} {lines} cannot be read",
            path.display(),
            errors.total
        );
        Failure::of(reasons::INVALID_FILE, message).lines(FileLines::from(&errors))
    })?;
    if parsed.warnings_total > 0 {
        let shown = parsed.warnings.iter().map(|warning| {
            let kind = &warning.kind;
            FileLine::at(warning.place, "WARNING", chain(kind))
        });
        let lines = FileLines {
            shown: shown.collect(),
            total: parsed.warnings_total,
        };
        output.note(&format!("warnings:\n{}", lines_table(&lines).trim_end()));
    }
    Ok(())
}
