//! An import: a file in chunks becomes one command.

use super::status;
use crate::{aside::aside, forward::WriteError, limits};
use hosts::{
    Command, Holder, ImportConflict, ImportCounts, NewHost, Rejection,
    format::{ParseErrors, ParseFault, hosts_file},
};
use proto::{convert::ImportOptions, v1};
use raft_store::disk::Work;
use std::{fmt::Write as _, sync::Arc};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tonic::{Status, Streaming};

/// An import that has arrived.
pub(super) struct Received {
    /// What is asked for.
    pub(super) command: Command,
    /// The line of the file that each row is from.
    pub(super) lines: Vec<u32>,
    /// Its place among the imports of this node, until it is answered.
    _place: OwnedSemaphorePermit,
}

/// Gathers the chunks up to the last one and reads the file in them. Gives the
/// command with its place among the imports of this node, which it has waited
/// for and which ends with the call.
///
/// # Errors
/// The stream breaks off or is not there by `deadline`, is too large, or has
/// lines that cannot be read; then nothing is changed.
pub(super) async fn receive(
    chunks: Streaming<v1::ImportHostsRequest>,
    imports: &Arc<Semaphore>,
    work: Work,
    deadline: Instant,
) -> Result<Received, Status> {
    let mut file = Vec::new();
    let gathered = async {
        let place = Arc::clone(imports).acquire_owned().await;
        let place = place.map_err(status::internal)?;
        Ok::<_, Status>((gather(chunks, &mut file).await?, place))
    };
    let gathered = tokio::time::timeout_at(deadline, gathered).await;
    let (ImportOptions { mode, .. }, place) = match gathered {
        Ok(gathered) => gathered?,
        Err(_) => return Err(truncated(file.len(), "was not there in time")),
    };
    let parsed = aside(work, move || hosts_file::parse(&file)).await;
    let parsed = parsed.map_err(status::internal)?;
    let parsed = parsed.map_err(|errors| unreadable(&errors))?;
    let (lines, rows): (Vec<u32>, Vec<NewHost>) = parsed
        .rows
        .into_iter()
        .map(|row| (row.place.line, row.host))
        .unzip();
    Ok(Received {
        command: Command::ImportHosts { rows, mode },
        lines,
        _place: place,
    })
}

async fn gather(
    mut chunks: Streaming<v1::ImportHostsRequest>,
    file: &mut Vec<u8>,
) -> Result<ImportOptions, Status> {
    let mut options = None;
    loop {
        let Some(message) = chunks.message().await? else {
            return Err(truncated(file.len(), "broke off"));
        };
        let options = match options {
            Some(known) => known,
            None => {
                let read = ImportOptions::try_from(&message);
                *options.insert(read.map_err(|error| status::invalid(&error))?)
            }
        };
        if file.len() + message.chunk.len() > limits::IMPORT_BYTES_MAX {
            return Err(status::too_large(format!(
                "an import may have {} bytes; nothing was imported",
                limits::IMPORT_BYTES_MAX
            )));
        }
        file.extend_from_slice(&message.chunk);
        if message.last_chunk {
            return Ok(options);
        }
    }
}

/// Why the leader does not take the rows, by the lines of the file.
pub(super) fn refused(error: &WriteError, lines: &[u32]) -> Status {
    let WriteError::Rejected(rejection @ Rejection::ImportConflicts { shown, total }) = error
    else {
        return status::write_failed(error);
    };
    let line = |row: usize| row.checked_sub(1).and_then(|at| lines.get(at)).copied();
    let mut message = match total {
        1 => "1 line conflicts; nothing was imported".to_owned(),
        _ => format!("{total} lines conflict; nothing was imported"),
    };
    for conflict in shown.iter().take(PROBLEMS_IN_MESSAGE) {
        let ImportConflict {
            row,
            address,
            name,
            held_by,
        } = conflict;
        let holder = match held_by {
            Holder::Host(id) => format!("belongs to host {id}"),
            Holder::Row(row) => format!("is on line {} already", line(*row).unwrap_or(0)),
        };
        // Writing to a String cannot fail.
        let _infallible = write!(
            message,
            "\nline {}: {address} {name} {holder}",
            line(*row).unwrap_or(0)
        );
    }
    status::refused(tonic::Code::AlreadyExists, rejection.reason(), message)
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

fn truncated(bytes: usize, how: &str) -> Status {
    status::refused(
        tonic::Code::InvalidArgument,
        "TRUNCATED",
        format!("the file {how} after {bytes} bytes, without a last chunk; nothing was imported"),
    )
}

fn unreadable(errors: &ParseErrors) -> Status {
    let mut message = errors.to_string();
    for problem in errors.shown.iter().take(PROBLEMS_IN_MESSAGE) {
        // Writing to a String cannot fail.
        let _infallible = write!(message, "\n{}", status::chain(problem));
    }
    let too_large =
        |fault: &ParseFault| matches!(fault, ParseFault::FileTooLarge | ParseFault::TooManyRows);
    if errors.shown.iter().any(|error| too_large(&error.fault)) {
        return status::too_large(message);
    }
    status::refused(tonic::Code::InvalidArgument, "INVALID_FILE", message)
}

/// A status travels in HTTP/2 headers: a few lines, not a report.
const PROBLEMS_IN_MESSAGE: usize = 10;
