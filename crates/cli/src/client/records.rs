//! The calls of `HostsService`, in the types of `hosts`.

use super::{Answer, CHANGE, Client, Once, READ, STREAM, request, revision_of};
use crate::exit::{Failure, reasons};
use hosts::format::FileFormat;
use hosts::{Host, HostId, HostPatch, HostRef, NewHost, Revision};
use proto::convert::{Consistency, InvalidMessage};
use proto::v1;
use proto::v1::hosts_service_client::HostsServiceClient as Service;
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
        self.read(
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
                many(answer, |v1::ListHostsResponse { entry }| entry).await
            },
        )
        .await?
    }

    /// Hosts that match a query, in the order of the list.
    pub(crate) async fn search_hosts(
        &mut self,
        query: &str,
        consistency: Consistency,
    ) -> Result<Answer<Vec<Host>>, Failure> {
        self.read(
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
                many(answer, |v1::SearchHostsResponse { entry }| entry).await
            },
        )
        .await?
    }

    /// All hosts as a file.
    pub(crate) async fn export_hosts(
        &mut self,
        format: FileFormat,
        consistency: Consistency,
    ) -> Result<Answer<Vec<u8>>, Failure> {
        let (metadata, answers) = self
            .read(
                "export hosts",
                self.limit(STREAM),
                async |channel, attempt| {
                    let message = v1::ExportHostsRequest {
                        format: format.to_string(),
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

pub(super) fn service(channel: Channel) -> Service<Channel> {
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

/// The hosts of a stream, each read as it comes: in their messages they take
/// several times the memory.
async fn many<M>(
    answer: Response<Streaming<M>>,
    entry: impl Fn(M) -> Option<v1::HostEntry>,
) -> Result<Result<Answer<Vec<Host>>, Failure>, Status> {
    let mut hosts = Vec::new();
    let mut fault = None;
    let metadata = each(answer, |message| {
        let host = entry(message)
            .ok_or_else(|| malformed("it has no entry"))
            .and_then(|entry| Host::try_from(entry).map_err(|fault| unreadable(&fault)));
        match host {
            Ok(host) => hosts.push(host),
            Err(failure) => fault = fault.take().or(Some(failure)),
        }
    })
    .await?;
    Ok(match fault {
        Some(failure) => Err(failure),
        None => Ok(Answer {
            value: hosts,
            revision: revision_of(&metadata),
        }),
    })
}

/// A stream to its end, or nothing of it: half a list is no list.
pub(super) async fn drain<M>(
    answer: Response<Streaming<M>>,
) -> Result<(MetadataMap, Vec<M>), Status> {
    let mut messages = Vec::new();
    let metadata = each(answer, |message| messages.push(message)).await?;
    Ok((metadata, messages))
}

/// Hands on every message of a stream, to its end.
pub(super) async fn each<M>(
    answer: Response<Streaming<M>>,
    mut take: impl FnMut(M),
) -> Result<MetadataMap, Status> {
    let (mut metadata, mut stream, _) = answer.into_parts();
    while let Some(message) = stream.message().await? {
        take(message);
    }
    // What is known only at the end comes behind it.
    if let Some(trailers) = stream.trailers().await?
        && let Some(revision) = trailers.get(proto::metadata::REVISION)
    {
        metadata.insert(proto::metadata::REVISION, revision.clone());
    }
    Ok(metadata)
}

pub(super) fn malformed(what: &str) -> Failure {
    Failure::of(
        reasons::MALFORMED_ANSWER,
        format!("the node's answer is not what was asked for: {what}"),
    )
}

pub(super) fn unreadable(fault: &InvalidMessage) -> Failure {
    malformed(&crate::exit::chain(fault))
}

/// The revision of a change: an answer without one is of another server.
pub(crate) fn required(revision: Option<Revision>) -> Result<Revision, Failure> {
    revision.ok_or_else(|| malformed("it names no revision"))
}
