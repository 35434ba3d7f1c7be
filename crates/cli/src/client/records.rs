//! The calls of `HostsService`, in the types of `hosts`.

use super::{Answer, CHANGE, Client, Once, READ, STREAM, request, revision_of};
use crate::exit::{Failure, reasons};
use hosts::{ConflictMode, Host, HostId, HostPatch, HostRef, NewHost, Revision};
use proto::convert::{Consistency, FileFormat, InvalidMessage, conflict_mode_name};
use proto::v1;
use proto::v1::hosts_service_client::HostsServiceClient as Service;
use std::sync::Arc;
use tonic::codec::Streaming;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Response, Status};

/// What of the list of hosts is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Listing {
    pub(crate) filter: Option<String>,
    pub(crate) limit: Option<i32>,
    pub(crate) offset: Option<i32>,
    pub(crate) consistency: Consistency,
}

/// What became of an import.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Import {
    pub(crate) processed: i32,
    pub(crate) created: i32,
    pub(crate) updated: i32,
    pub(crate) skipped: i32,
}

/// Bytes of a file in one message, as earlier clients send them.
const CHUNK: usize = 64 * 1024;

impl Client {
    /// Adds a host.
    pub(crate) async fn add_host(
        &mut self,
        host: &NewHost,
        once: &Once,
    ) -> Result<Answer<Host>, Failure> {
        let what = format!("add {} {}", host.address, host.hostname);
        let message = v1::AddHostRequest::from(host);
        let answer = self
            .change(
                &what,
                once,
                Some(self.limit(CHANGE)),
                async |channel, attempt| {
                    let request = request(message.clone(), Some(&once.id), attempt)?;
                    service(channel).add_host(request).await
                },
            )
            .await?;
        one(answer, |v1::AddHostResponse { id: _, entry }| entry)
    }

    /// One host by its id.
    pub(crate) async fn host(
        &mut self,
        id: HostId,
        consistency: Consistency,
    ) -> Result<Answer<Host>, Failure> {
        let what = format!("get host {id}");
        let answer = self
            .read(&what, self.limit(READ), async |channel, attempt| {
                let message = v1::GetHostRequest {
                    id: id.to_string(),
                    consistency: consistency.to_wire(),
                };
                service(channel)
                    .get_host(request(message, None, attempt)?)
                    .await
            })
            .await?;
        one(answer, |v1::GetHostResponse { entry }| entry)
    }

    /// Changes a host, if it is at this version where one is given.
    pub(crate) async fn update_host(
        &mut self,
        host: &HostRef,
        patch: &HostPatch,
        expected: Option<Revision>,
        once: &Once,
    ) -> Result<Answer<Host>, Failure> {
        let what = format!("update {host}");
        let message = v1::UpdateHostRequest {
            expected_version: expected.map(|version| version.to_string()),
            ..v1::UpdateHostRequest::from((host, patch))
        };
        let answer = self
            .change(
                &what,
                once,
                Some(self.limit(CHANGE)),
                async |channel, attempt| {
                    let request = request(message.clone(), Some(&once.id), attempt)?;
                    service(channel).update_host(request).await
                },
            )
            .await?;
        one(answer, |v1::UpdateHostResponse { entry }| entry)
    }

    /// Deletes a host and says which, if it is at this version where one is given.
    pub(crate) async fn delete_host(
        &mut self,
        host: &HostRef,
        expected: Option<Revision>,
        once: &Once,
    ) -> Result<Answer<HostId>, Failure> {
        let what = format!("delete {host}");
        let message = v1::DeleteHostRequest {
            expected_version: expected.map(|version| version.to_string()),
            ..v1::DeleteHostRequest::from(host)
        };
        let answer = self
            .change(
                &what,
                once,
                Some(self.limit(CHANGE)),
                async |channel, attempt| {
                    let request = request(message.clone(), Some(&once.id), attempt)?;
                    service(channel).delete_host(request).await
                },
            )
            .await?;
        let revision = revision_of(answer.metadata());
        match answer.into_inner() {
            v1::DeleteHostResponse { success: true, id } => Ok(Answer {
                value: id.parse().map_err(|_| malformed("it names no host"))?,
                revision,
            }),
            v1::DeleteHostResponse { success: false, .. } => Err(malformed("nothing was deleted")),
        }
    }

    /// Hosts in the order of the list, and the revision they show.
    pub(crate) async fn list_hosts(
        &mut self,
        listing: &Listing,
    ) -> Result<Answer<Vec<Host>>, Failure> {
        let entries = self
            .read(
                "list hosts",
                self.limit(STREAM),
                async |channel, attempt| {
                    let Listing {
                        filter,
                        limit,
                        offset,
                        consistency,
                    } = listing.clone();
                    let message = v1::ListHostsRequest {
                        filter,
                        limit,
                        offset,
                        consistency: consistency.to_wire(),
                    };
                    let answer = service(channel)
                        .list_hosts(request(message, None, attempt)?)
                        .await?;
                    collect(answer, |v1::ListHostsResponse { entry }| entry).await
                },
            )
            .await?;
        many(entries)
    }

    /// Hosts that match a query, in the order of the list.
    pub(crate) async fn search_hosts(
        &mut self,
        query: &str,
        consistency: Consistency,
    ) -> Result<Answer<Vec<Host>>, Failure> {
        let entries = self
            .read(
                "search for hosts",
                self.limit(STREAM),
                async |channel, attempt| {
                    let message = v1::SearchHostsRequest {
                        query: query.to_owned(),
                        consistency: consistency.to_wire(),
                    };
                    let answer = service(channel)
                        .search_hosts(request(message, None, attempt)?)
                        .await?;
                    collect(answer, |v1::SearchHostsResponse { entry }| entry).await
                },
            )
            .await?;
        many(entries)
    }

    /// Sends a hosts file as one change. `sent` hears how many bytes have
    /// gone out; it begins again at 0 when another node has its turn.
    pub(crate) async fn import_hosts(
        &mut self,
        file: &[u8],
        mode: ConflictMode,
        once: &Once,
        sent: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<Answer<Import>, Failure> {
        let chunks = Arc::new(import_chunks(file, mode));
        let sent = Arc::new(sent);
        let (metadata, answers) = self
            .change("import", once, self.timeout, async |channel, attempt| {
                let stream = Outgoing {
                    chunks: Arc::clone(&chunks),
                    next: 0,
                    bytes: 0,
                    sent: Arc::clone(&sent),
                };
                let answer = service(channel)
                    .import_hosts(request(
                        tokio_stream::iter(stream),
                        Some(&once.id),
                        attempt,
                    )?)
                    .await?;
                drain(answer).await
            })
            .await?;
        let last = answers.into_iter().next_back();
        imported(last.ok_or_else(|| malformed("no summary came"))?, &metadata)
    }

    /// All hosts as a hosts file.
    pub(crate) async fn export_hosts(
        &mut self,
        consistency: Consistency,
    ) -> Result<Answer<Vec<u8>>, Failure> {
        let (metadata, answers) = self
            .read(
                "export hosts",
                self.limit(STREAM),
                async |channel, attempt| {
                    let message = v1::ExportHostsRequest {
                        format: FileFormat::Hosts.to_wire().to_owned(),
                        consistency: consistency.to_wire(),
                    };
                    let answer = service(channel)
                        .export_hosts(request(message, None, attempt)?)
                        .await?;
                    drain(answer).await
                },
            )
            .await?;
        let mut file = Vec::new();
        for v1::ExportHostsResponse { chunk } in answers {
            file.extend_from_slice(&chunk);
        }
        Ok(Answer {
            value: file,
            revision: revision_of(&metadata),
        })
    }
}

fn service(channel: Channel) -> Service<Channel> {
    Service::new(channel)
}

fn one<M>(
    answer: Response<M>,
    entry: impl Fn(M) -> Option<v1::HostEntry>,
) -> Result<Answer<Host>, Failure> {
    let revision = revision_of(answer.metadata());
    let entry = entry(answer.into_inner()).ok_or_else(|| malformed("it has no entry"))?;
    Ok(Answer {
        value: Host::try_from(entry).map_err(|fault| unreadable(&fault))?,
        revision,
    })
}

fn many(
    (metadata, entries): (MetadataMap, Vec<Option<v1::HostEntry>>),
) -> Result<Answer<Vec<Host>>, Failure> {
    let hosts = entries
        .into_iter()
        .map(|entry| {
            let entry = entry.ok_or_else(|| malformed("it has no entry"))?;
            Host::try_from(entry).map_err(|fault| unreadable(&fault))
        })
        .collect::<Result<_, _>>()?;
    Ok(Answer {
        value: hosts,
        revision: revision_of(&metadata),
    })
}

/// A stream to its end, or nothing of it: half a list is no list.
async fn drain<M>(answer: Response<Streaming<M>>) -> Result<(MetadataMap, Vec<M>), Status> {
    let (mut metadata, mut stream, _) = answer.into_parts();
    let mut messages = Vec::new();
    while let Some(message) = stream.message().await? {
        messages.push(message);
    }
    // What is known only at the end comes behind it.
    if let Some(trailers) = stream.trailers().await?
        && let Some(revision) = trailers.get(proto::metadata::REVISION)
    {
        metadata.insert(proto::metadata::REVISION, revision.clone());
    }
    Ok((metadata, messages))
}

async fn collect<M, T>(
    answer: Response<Streaming<M>>,
    of: impl Fn(M) -> T,
) -> Result<(MetadataMap, Vec<T>), Status> {
    let (metadata, messages) = drain(answer).await?;
    Ok((metadata, messages.into_iter().map(of).collect()))
}

/// The file in pieces; the first says what it is, the last that it is over.
fn import_chunks(file: &[u8], mode: ConflictMode) -> Vec<v1::ImportHostsRequest> {
    let mut chunks: Vec<_> = file
        .chunks(CHUNK)
        .map(|chunk| v1::ImportHostsRequest {
            chunk: chunk.to_vec().into(),
            ..Default::default()
        })
        .collect();
    if chunks.is_empty() {
        chunks.push(v1::ImportHostsRequest::default());
    }
    if let Some(first) = chunks.first_mut() {
        first.format = Some(FileFormat::Hosts.to_wire().to_owned());
        first.conflict_mode = Some(conflict_mode_name(mode).to_owned());
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
    } = answer;
    if failed > 0 || error.is_some() || !validation_errors.is_empty() {
        let mut message = error.unwrap_or_else(|| format!("{failed} rows failed"));
        for line in validation_errors {
            message.push_str("\n  ");
            message.push_str(&line);
        }
        return Err(Failure::of(reasons::IMPORT_FAILED, message));
    }
    Ok(Answer {
        value: Import {
            processed,
            created,
            updated,
            skipped,
        },
        revision: revision_of(metadata),
    })
}

fn malformed(what: &str) -> Failure {
    Failure::of(
        reasons::MALFORMED_ANSWER,
        format!("the node's answer is not what was asked for: {what}"),
    )
}

fn unreadable(fault: &InvalidMessage) -> Failure {
    malformed(&crate::exit::chain(fault))
}

/// The revision of a change: an answer without one is of another server.
pub(crate) fn required(revision: Option<Revision>) -> Result<Revision, Failure> {
    revision.ok_or_else(|| malformed("it names no revision"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_file_goes_out_in_chunks_and_nothing_is_lost() {
        for size in [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let file: Vec<u8> = (0..=u8::MAX).cycle().take(size).collect();
            let chunks = import_chunks(&file, ConflictMode::Strict);
            let joined: Vec<u8> = chunks.iter().flat_map(|part| part.chunk.to_vec()).collect();
            assert_eq!(joined, file);
            assert!(chunks.iter().all(|part| part.chunk.len() <= CHUNK));
            let last: Vec<bool> = chunks.iter().map(|part| part.last_chunk).collect();
            assert_eq!(last.iter().filter(|last| **last).count(), 1);
            assert_eq!(last.last(), Some(&true));
            assert_eq!(chunks[0].conflict_mode.as_deref(), Some("strict"));
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
        let failure = imported(answer, &MetadataMap::new()).unwrap_err();
        assert_eq!(failure.exit, Exit::Failed);
        assert!(failure.message.contains("line 2"));
    }
}
