//! An import: a file in chunks becomes one command.

use super::status;
use crate::limits;
use hosts::{
    Command, ImportCounts, NewHost,
    format::hosts_file::{self, ParseErrors},
};
use proto::{convert::ImportOptions, v1};
use std::fmt::Write as _;
use tonic::{Status, Streaming};

/// Gathers the chunks up to the last one and reads the file in them.
///
/// # Errors
/// The stream breaks off, is too large, or has lines that cannot be read; then
/// nothing is changed.
pub(super) async fn receive(
    mut chunks: Streaming<v1::ImportHostsRequest>,
) -> Result<Command, Status> {
    let mut file = Vec::new();
    let mut options = None;
    loop {
        let Some(message) = chunks.message().await? else {
            return Err(status::refused(
                tonic::Code::InvalidArgument,
                "TRUNCATED",
                format!(
                    "the file broke off after {} bytes, without a last chunk; nothing was imported",
                    file.len()
                ),
            ));
        };
        if options.is_none() {
            let read = ImportOptions::try_from(&message);
            options = Some(read.map_err(|error| status::invalid(&error))?);
        }
        if file.len() + message.chunk.len() > limits::IMPORT_BYTES_MAX {
            return Err(status::too_large(format!(
                "an import may have {} bytes; nothing was imported",
                limits::IMPORT_BYTES_MAX
            )));
        }
        file.extend_from_slice(&message.chunk);
        if message.last_chunk {
            break;
        }
    }
    let Some(ImportOptions { mode, .. }) = options else {
        return Err(status::internal("an import without a first message"));
    };
    let parsed = hosts_file::parse(&file).map_err(|errors| unreadable(&errors))?;
    let rows: Vec<NewHost> = parsed.rows.into_iter().map(|row| row.host).collect();
    Ok(Command::ImportHosts { rows, mode })
}

/// What became of the rows.
pub(super) fn summary(counts: &ImportCounts) -> v1::ImportHostsResponse {
    let ImportCounts {
        processed,
        created,
        updated,
        skipped,
    } = *counts;
    let wire = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    v1::ImportHostsResponse {
        processed: wire(processed),
        created: wire(created),
        updated: wire(updated),
        skipped: wire(skipped),
        ..Default::default()
    }
}

fn unreadable(errors: &ParseErrors) -> Status {
    let mut message = errors.to_string();
    for problem in errors.shown.iter().take(PROBLEMS_IN_MESSAGE) {
        // Writing to a String cannot fail.
        let _infallible = write!(message, "\n{problem}");
    }
    status::refused(tonic::Code::InvalidArgument, "INVALID_FILE", message)
}

/// A status travels in HTTP/2 headers: a few lines, not a report.
const PROBLEMS_IN_MESSAGE: usize = 10;
