//! An import: a file in chunks becomes one command, and what becomes of its
//! rows is told by the lines of the file.

use super::{
    hosts::{HostsApi, other_answer},
    metadata,
    renders::Answers,
    status,
};
use crate::{aside::aside, forward::WriteError, limits};
use futures::{StreamExt as _, stream};
use hosts::{
    Actor, Answer, Change, Command, Decision, Holder, ImportConflict, ImportCounts, NewHost,
    Outcome, Rejection, Reply, Stamp,
    format::{self, FileFormat, ParseErrors, ParseFault, Place},
    limits::LISTED_MAX,
};
use proto::{
    convert::{Consistency, ImportOptions, import_line},
    v1,
};
use raft_store::{Applied, disk::Work};
use std::{fmt::Write as _, sync::Arc};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use tonic::{Code, Response, Status, Streaming, metadata::MetadataMap};

/// An import that has arrived.
pub(super) struct Received {
    /// What is asked for.
    command: Arc<Command>,
    /// Whether only to say what would become of it.
    dry_run: bool,
    /// Where in the file each row is.
    places: Vec<Place>,
    /// Its turn among the imports of this node, until it is answered and no
    /// job for it is left.
    turn: Arc<OwnedSemaphorePermit>,
}

/// Why an import is not taken.
pub(super) struct Refused {
    /// What is wrong with which lines, where it is them.
    pub(super) lines: Option<v1::ImportHostsResponse>,
    /// How the call ends.
    pub(super) status: Status,
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        let lines = None;
        Self { lines, status }
    }
}

impl HostsApi {
    /// Takes an import in, and says what became of it.
    ///
    /// # Errors
    /// Nothing is changed, or nobody can say.
    pub(super) async fn import(
        &self,
        metadata: &MetadataMap,
        by: Actor,
        chunks: Streaming<v1::ImportHostsRequest>,
    ) -> Result<Response<Answers<v1::ImportHostsResponse>>, Refused> {
        let deadline = metadata::deadline(metadata, limits::IMPORT_TIME);
        let import = receive(chunks, &self.imports, self.work, deadline).await?;
        let one = |summary| stream::iter([Ok(summary)]).boxed();
        if import.dry_run {
            let (counts, view) = self.try_import(metadata, by, &import).await?;
            let counts = counts.map_err(|error| import.refused(&error))?;
            return Ok(self.seen(one(import.summary(&counts)), &view));
        }
        let command = Arc::clone(&import.command);
        let written = self.write(metadata, by, command, deadline).await?;
        let answer = written.map_err(|error| import.refused(&error))?;
        let Outcome::Imported(counts) = &answer.outcome else {
            return Err(other_answer("an import").into());
        };
        Ok(self.answered(one(import.summary(counts)), answer.revision))
    }

    /// What would become of an import, as of a read that begins now.
    async fn try_import(
        &self,
        metadata: &MetadataMap,
        by: Actor,
        import: &Received,
    ) -> Result<(Result<ImportCounts, WriteError>, Arc<Applied>), Status> {
        let view = self.view(metadata, Consistency::Linearizable).await?;
        let request = metadata::own_request_id(&*self.clock);
        let (at, seed) = (self.clock.now(), self.clock.seed());
        let (seen, command) = (Arc::clone(&view), Arc::clone(&import.command));
        let turn = Arc::clone(&import.turn);
        let decide = move || {
            let _turn = turn;
            let stamp = Stamp {
                at,
                by,
                request,
                since: Some(seen.projection.revision()),
                fingerprint: command.fingerprint(),
                seed,
            };
            hosts::decide(&seen.projection, &command, stamp)
        };
        let counts = match aside(self.work, decide).await.map_err(status::internal)? {
            Err(rejection) => Err(WriteError::Rejected(rejection)),
            Ok(
                Decision::Commit(Change {
                    reply: Reply::Imported(counts),
                    ..
                })
                | Decision::Unchanged(Answer {
                    outcome: Outcome::Imported(counts),
                    ..
                }),
            ) => Ok(counts),
            Ok(_) => return Err(other_answer("an import")),
        };
        Ok((counts, view))
    }
}

/// Gathers the chunks up to the last one and reads the file in them. Gives the
/// command with its turn among the imports of this node, which it has waited
/// for and which ends with the call and its jobs.
///
/// # Errors
/// Its turn does not come in half of the time until `deadline`; the stream
/// breaks off, is not there by `deadline`, is too large, or has lines that
/// cannot be read; then nothing is changed.
async fn receive(
    chunks: Streaming<v1::ImportHostsRequest>,
    imports: &Arc<Semaphore>,
    work: Work,
    deadline: Instant,
) -> Result<Received, Refused> {
    // The rest of the time is for the file.
    let left = deadline.saturating_duration_since(Instant::now());
    let turn = timeout_at(deadline - left / 2, Arc::clone(imports).acquire_owned());
    let turn = match turn.await {
        Ok(turn) => turn.map_err(status::internal)?,
        Err(_) => return Err(no_turn().into()),
    };
    let mut file = Vec::new();
    let options = match timeout_at(deadline, gather(chunks, &mut file)).await {
        Ok(gathered) => gathered?,
        Err(_) => return Err(truncated(file.len(), "was not there in time").into()),
    };
    let ImportOptions {
        format,
        mode,
        dry_run,
    } = options;
    // Who sent it may go meanwhile: its turn stays with the job.
    let parsed = aside(work, move || (turn, read(format, &file))).await;
    let (turn, parsed) = parsed.map_err(status::internal)?;
    let (places, rows) = parsed.map_err(|errors| unreadable(&errors))?;
    Ok(Received {
        command: Arc::new(Command::ImportHosts { rows, mode }),
        dry_run,
        places,
        turn: Arc::new(turn),
    })
}

/// Where the rows of a file are, and what they say.
fn read(format: FileFormat, file: &[u8]) -> Result<(Vec<Place>, Vec<NewHost>), ParseErrors> {
    let rows = format::parse(format, file)?.rows.into_iter();
    Ok(rows.map(|row| (row.place, row.host)).unzip())
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

impl Received {
    /// What became of the rows, or would become of them.
    pub(super) fn summary(&self, counts: &ImportCounts) -> v1::ImportHostsResponse {
        let left_out = counts.left_out.rows.iter().filter_map(|row| {
            let index = usize::try_from(*row).ok()?.checked_sub(1)?;
            let (place, host) = (self.places.get(index)?, self.rows().get(index)?);
            Some(import_line(*place, "LEFT_OUT", left_out(host)))
        });
        v1::ImportHostsResponse {
            lines: left_out.collect(),
            dry_run: self.dry_run,
            ..counts.into()
        }
    }

    /// Why the leader does not take the rows, by the lines of the file.
    pub(super) fn refused(&self, error: &WriteError) -> Refused {
        let WriteError::Rejected(rejection @ Rejection::ImportConflicts { shown, total }) = error
        else {
            return status::write_failed(error).into();
        };
        let said = match total {
            1 => "1 line conflicts; nothing was imported".to_owned(),
            _ => format!("{total} lines conflict; nothing was imported"),
        };
        let lines = shown.iter().filter_map(|conflict| self.conflict(conflict));
        let mut told = told(&said, lines.collect(), *total);
        told.processed = wire(self.rows().len());
        told.dry_run = self.dry_run;
        Refused {
            status: status::refused(
                Code::AlreadyExists,
                rejection.reason(),
                with_lines(said, &told.lines),
            ),
            lines: Some(told),
        }
    }

    fn conflict(&self, conflict: &ImportConflict) -> Option<v1::ImportLine> {
        let ImportConflict {
            row,
            address,
            name,
            held_by,
        } = conflict;
        let (reason, holder) = match held_by {
            Holder::Host(id) => ("TAKEN", format!("belongs to host {id}")),
            Holder::Row(row) => ("REPEATED", format!("is on {} already", self.place(*row)?)),
        };
        let message = format!("{address} {name} {holder}");
        Some(import_line(self.place(*row)?, reason, message))
    }

    /// Where a row is that is counted from 1.
    fn place(&self, row: usize) -> Option<Place> {
        self.places.get(row.checked_sub(1)?).copied()
    }

    fn rows(&self) -> &[NewHost] {
        match &*self.command {
            Command::ImportHosts { rows, .. } => rows,
            _ => &[],
        }
    }
}

fn left_out(host: &NewHost) -> String {
    let NewHost {
        address,
        hostname,
        aliases,
        ..
    } = host;
    let aliases = match aliases.len() {
        0 => String::new(),
        1 => " with 1 alias".to_owned(),
        n => format!(" with {n} aliases"),
    };
    format!(
        "{address} {hostname}{aliases} is left out: its name is taken there, and the record says something else"
    )
}

/// Nothing of the file was read, so any node may be asked again.
fn no_turn() -> Status {
    let message = format!(
        "this node is busy with {} other imports; nothing was imported",
        limits::IMPORTS_AT_ONCE
    );
    status::refused(Code::Unavailable, "BUSY", message)
}

fn truncated(bytes: usize, how: &str) -> Status {
    status::refused(
        Code::InvalidArgument,
        "TRUNCATED",
        format!("the file {how} after {bytes} bytes, without a last chunk; nothing was imported"),
    )
}

fn unreadable(errors: &ParseErrors) -> Refused {
    let ParseErrors { shown, total } = errors;
    let lines = shown.iter().map(|error| {
        let message = status::chain(&error.fault);
        import_line(error.place, error.fault.reason(), message)
    });
    let told = told(&errors.to_string(), lines.collect(), *total);
    let message = with_lines(errors.to_string(), &told.lines);
    let too_large =
        |fault: &ParseFault| matches!(fault, ParseFault::FileTooLarge | ParseFault::TooManyRows);
    let status = if shown.iter().any(|error| too_large(&error.fault)) {
        status::too_large(message)
    } else {
        status::refused(Code::InvalidArgument, "INVALID_FILE", message)
    };
    let lines = Some(told);
    Refused { lines, status }
}

/// What is told about the lines of a file that is refused: to earlier clients
/// as text.
fn told(said: &str, lines: Vec<v1::ImportLine>, total: usize) -> v1::ImportHostsResponse {
    let texts = lines.iter().take(LISTED_MAX).map(text);
    v1::ImportHostsResponse {
        failed: wire(total),
        error: Some(said.to_owned()),
        validation_errors: texts.collect(),
        lines,
        lines_total: wire(total),
        ..Default::default()
    }
}

/// The first lines below what is said: for whoever sees the status only.
fn with_lines(mut said: String, lines: &[v1::ImportLine]) -> String {
    for line in lines.iter().take(PROBLEMS_IN_MESSAGE) {
        // Writing to a String cannot fail.
        let _infallible = write!(said, "\n{}", text(line));
    }
    said
}

fn text(line: &v1::ImportLine) -> String {
    let v1::ImportLine {
        line,
        record,
        reason: _,
        message,
    } = line;
    let (line, record) = (*line, *record);
    format!("{}: {message}", Place { line, record })
}

fn wire(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// A status travels in HTTP/2 headers: a few lines, not a report.
const PROBLEMS_IN_MESSAGE: usize = 10;
