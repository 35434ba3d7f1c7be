//! `ImportHosts`: a file in chunks, and what became of its lines.

use super::records::{malformed, service};
use super::{Answer, Client, IMPORT_TRY, Once, request, revision_of};
use crate::exit::{Failure, FileLines, reasons};
use bytes::Bytes;
use hosts::ConflictMode;
use hosts::format::FileFormat;
use proto::convert::conflict_mode_name;
use proto::v1;
use std::cell::RefCell;
use std::sync::Arc;
use tonic::codec::Streaming;
use tonic::metadata::MetadataMap;
use tonic::{Response, Status};

/// A file as it is to be imported.
#[derive(Debug)]
pub(crate) struct ImportFile {
    pub(crate) bytes: Vec<u8>,
    pub(crate) format: FileFormat,
    pub(crate) mode: ConflictMode,
}

/// What became of an import, or would become of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Import {
    pub(crate) processed: i32,
    pub(crate) created: i32,
    pub(crate) updated: i32,
    pub(crate) skipped: i32,
    /// Skipped lines that say what no record says now.
    pub(crate) left_out: FileLines,
}

/// How an import is sent: as a change, once, or to be tried only.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Send<'a> {
    Change(&'a Once),
    DryRun,
}

/// Bytes of a file in one message, as earlier clients send them.
const CHUNK: usize = 64 * 1024;

impl Client {
    /// Sends a file as one change, or has it tried. `sent` hears how many
    /// bytes have gone out; it begins again at 0 when another node has its
    /// turn.
    pub(crate) async fn import_hosts(
        &mut self,
        file: ImportFile,
        send: Send<'_>,
        sent: impl Fn(u64) + std::marker::Send + Sync + 'static,
    ) -> Result<Answer<Import>, Failure> {
        let dry_run = matches!(send, Send::DryRun);
        let chunks = Arc::new(import_chunks(file, dry_run));
        let sent = Arc::new(sent);
        // What a node says about the lines before it refuses them.
        let told = RefCell::new(None);
        let once = match send {
            Send::Change(once) => Some(once),
            Send::DryRun => None,
        };
        let call = async |channel, attempt| {
            told.take();
            let stream = Outgoing {
                chunks: Arc::clone(&chunks),
                next: 0,
                bytes: 0,
                sent: Arc::clone(&sent),
            };
            let answer = service(channel)
                .import_hosts(request(
                    tokio_stream::iter(stream),
                    once.map(|once| &once.id),
                    attempt,
                )?)
                .await?;
            summary(answer, &told).await
        };
        let answered = match once {
            Some(once) => self.change("import", once, self.timeout, call).await,
            None => {
                let limit = self.limit(IMPORT_TRY);
                self.read("try the import", limit, call).await
            }
        };
        match answered {
            Ok(metadata) => {
                let last = told.take().ok_or_else(|| malformed("no summary came"))?;
                imported(last, dry_run, &metadata)
            }
            Err(failure) => Err(match told.take() {
                Some(lines) => with_lines(failure, lines),
                None => failure,
            }),
        }
    }
}

/// Reads the answer to its end, and keeps its last message in `told`, whatever
/// comes after it.
async fn summary(
    answer: Response<Streaming<v1::ImportHostsResponse>>,
    told: &RefCell<Option<v1::ImportHostsResponse>>,
) -> Result<MetadataMap, Status> {
    let (metadata, mut stream, _) = answer.into_parts();
    while let Some(message) = stream.message().await? {
        told.replace(Some(message));
    }
    Ok(metadata)
}

/// The refusal of a file, with all that is said about its lines. The message
/// repeats the first ones for clients that see no more.
fn with_lines(mut failure: Failure, said: v1::ImportHostsResponse) -> Failure {
    let lines = FileLines::from_wire(said.lines, said.lines_total);
    if lines.total > 0
        && let Some(first) = failure.message.find('\n')
    {
        failure.message.truncate(first);
    }
    failure.lines(lines)
}

/// The file in pieces; the first says what it is, the last that it is over.
fn import_chunks(file: ImportFile, dry_run: bool) -> Vec<v1::ImportHostsRequest> {
    let ImportFile {
        bytes,
        format,
        mode,
    } = file;
    // One buffer: the pieces are parts of it.
    let mut rest = Bytes::from(bytes);
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        chunks.push(v1::ImportHostsRequest {
            chunk: rest.split_to(rest.len().min(CHUNK)),
            ..Default::default()
        });
    }
    if chunks.is_empty() {
        chunks.push(v1::ImportHostsRequest::default());
    }
    if let Some(first) = chunks.first_mut() {
        first.format = Some(format.to_string());
        first.conflict_mode = Some(conflict_mode_name(mode).to_owned());
        first.dry_run = dry_run.then_some(true);
    }
    if let Some(last) = chunks.last_mut() {
        last.last_chunk = true;
    }
    chunks
}

/// The chunks on their way to one node.
struct Outgoing<F> {
    chunks: Arc<Vec<v1::ImportHostsRequest>>,
    next: usize,
    bytes: u64,
    sent: Arc<F>,
}

impl<F: Fn(u64)> Iterator for Outgoing<F> {
    type Item = v1::ImportHostsRequest;

    fn next(&mut self) -> Option<Self::Item> {
        let chunk = self.chunks.get(self.next)?.clone();
        self.next += 1;
        self.bytes += u64::try_from(chunk.chunk.len()).unwrap_or(0);
        (self.sent)(self.bytes);
        Some(chunk)
    }
}

fn imported(
    answer: v1::ImportHostsResponse,
    dry_run: bool,
    metadata: &MetadataMap,
) -> Result<Answer<Import>, Failure> {
    let v1::ImportHostsResponse {
        processed,
        created,
        updated,
        skipped,
        failed,
        error,
        validation_errors,
        lines,
        lines_total,
        dry_run: understood,
    } = answer;
    if dry_run && !understood {
        return Err(malformed(
            "it knows no --dry-run, and may have imported the file",
        ));
    }
    let lines = FileLines::from_wire(lines, lines_total);
    if failed > 0 || error.is_some() || !validation_errors.is_empty() {
        let mut message = error.unwrap_or_else(|| format!("{failed} rows failed"));
        if lines.total == 0 {
            for line in validation_errors {
                message.push_str("\n  ");
                message.push_str(&line);
            }
        }
        return Err(Failure::of(reasons::IMPORT_FAILED, message).lines(lines));
    }
    Ok(Answer {
        value: Import {
            processed,
            created,
            updated,
            skipped,
            left_out: lines,
        },
        revision: revision_of(metadata),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_file_goes_out_in_chunks_and_nothing_is_lost() {
        for size in [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(size).collect();
            let file = ImportFile {
                bytes: bytes.clone(),
                format: FileFormat::Csv,
                mode: ConflictMode::Strict,
            };
            let chunks = import_chunks(file, true);
            let joined: Vec<u8> = chunks.iter().flat_map(|part| part.chunk.to_vec()).collect();
            assert_eq!(joined, bytes);
            assert!(chunks.iter().all(|part| part.chunk.len() <= CHUNK));
            let last: Vec<bool> = chunks.iter().map(|part| part.last_chunk).collect();
            assert_eq!(last.iter().filter(|last| **last).count(), 1);
            assert_eq!(last.last(), Some(&true));
            assert_eq!(chunks[0].conflict_mode.as_deref(), Some("strict"));
            assert_eq!(chunks[0].format.as_deref(), Some("csv"));
            assert_eq!(chunks[0].dry_run, Some(true));
        }
    }

    #[test]
    fn an_import_with_failed_rows_is_no_success() {
        let answer = v1::ImportHostsResponse {
            processed: 2,
            failed: 1,
            validation_errors: vec!["line 2: no name".to_owned()],
            ..Default::default()
        };
        let failure = imported(answer, false, &MetadataMap::new()).unwrap_err();
        assert_eq!(failure.exit, Exit::Failed);
        assert!(failure.message.contains("line 2"));
    }

    #[test]
    fn a_dry_run_that_was_none_is_told() {
        let answer = v1::ImportHostsResponse::default();
        let failure = imported(answer, true, &MetadataMap::new()).unwrap_err();
        assert!(failure.message.contains("may have imported"));
    }
}
