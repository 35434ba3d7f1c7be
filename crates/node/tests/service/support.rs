//! A cluster in one process, and the calls that tests make.

mod bytes;
mod cluster;
mod network;

pub(crate) use bytes::Bytes;
pub(crate) use cluster::{As, Cluster, EDITOR, address, in_time, issue_node, text, until};

use proto::{
    metadata::{APPLIED, REQUEST_ID, REQUEST_SINCE, REVISION},
    v1::{self, hosts_service_client::HostsServiceClient},
};
use std::{fmt::Debug, sync::mpsc};
use tokio::{
    runtime::{self, Runtime},
    sync::oneshot,
    task::spawn_blocking,
};
use tonic::{
    Code, Request, Response, Status, Streaming, metadata::MetadataMap, transport::Channel,
};
use tonic_types::StatusExt as _;

pub(crate) type Hosts = HostsServiceClient<Channel>;

pub(crate) fn add(address: &str, hostname: &str) -> v1::AddHostRequest {
    v1::AddHostRequest {
        ip_address: address.into(),
        hostname: hostname.into(),
        ..Default::default()
    }
}

pub(crate) fn update(id: &str) -> v1::UpdateHostRequest {
    v1::UpdateHostRequest {
        id: id.into(),
        ..Default::default()
    }
}

pub(crate) fn with_id<T>(message: T, id: &str) -> Request<T> {
    let mut request = Request::new(message);
    let id = id.parse().unwrap();
    request.metadata_mut().insert(REQUEST_ID, id);
    request
}

/// A request that may have been sent before, and not before the log was at `since`.
pub(crate) fn repeated<T>(message: T, id: &str, since: u64) -> Request<T> {
    let mut request = with_id(message, id);
    request.metadata_mut().insert(REQUEST_SINCE, since.into());
    request
}

pub(crate) async fn added(client: &mut Hosts, address: &str, hostname: &str) -> v1::HostEntry {
    let answer = client.add_host(add(address, hostname)).await.unwrap();
    answer.into_inner().entry.unwrap()
}

/// A runtime with few threads for long work.
pub(crate) fn crowded() -> Runtime {
    let mut builder = runtime::Builder::new_multi_thread();
    builder.worker_threads(2).max_blocking_threads(CROWD);
    builder.enable_all().build().unwrap()
}

/// Takes all its threads for long work until what it gives is dropped.
pub(crate) async fn crowd() -> Vec<mpsc::Sender<()>> {
    let mut held = Vec::new();
    for _ in 0..CROWD {
        let (release, released) = mpsc::channel();
        let (begin, begun) = oneshot::channel();
        spawn_blocking(move || {
            begin.send(()).unwrap();
            // It ends when its sender is dropped.
            released.recv().unwrap_err();
        });
        in_time(begun).await.unwrap();
        held.push(release);
    }
    held
}

const CROWD: usize = 2;

/// The messages of an import of `file`, in chunks of 64 KiB.
pub(crate) fn chunks(file: &[u8], mode: &str) -> Vec<v1::ImportHostsRequest> {
    let mut chunks: Vec<_> = file
        .chunks(64 * 1024)
        .map(|chunk| v1::ImportHostsRequest {
            chunk: chunk.to_vec().into(),
            conflict_mode: Some(mode.into()),
            ..Default::default()
        })
        .collect();
    if chunks.is_empty() {
        chunks.push(v1::ImportHostsRequest::default());
    }
    chunks.last_mut().unwrap().last_chunk = true;
    chunks
}

/// The one answer of an import, with its metadata.
pub(crate) async fn import(
    client: &mut Hosts,
    chunks: Vec<v1::ImportHostsRequest>,
) -> Result<Response<v1::ImportHostsResponse>, Status> {
    let answer = client.import_hosts(futures::stream::iter(chunks)).await?;
    let (metadata, mut answers, extensions) = answer.into_parts();
    let first = answers.message().await?.unwrap();
    assert_eq!(answers.message().await?, None, "an import has one answer");
    Ok(Response::from_parts(metadata, first, extensions))
}

pub(crate) async fn all<T: Debug>(answers: Response<Streaming<T>>) -> Vec<T> {
    let mut answers = answers.into_inner();
    let mut all = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        all.push(answer);
    }
    all
}

pub(crate) async fn list(client: &mut Hosts, request: v1::ListHostsRequest) -> Vec<v1::HostEntry> {
    let answers = all(client.list_hosts(request).await.unwrap()).await;
    answers.into_iter().map(|one| one.entry.unwrap()).collect()
}

pub(crate) async fn listed(client: &mut Hosts) -> Vec<v1::HostEntry> {
    list(client, v1::ListHostsRequest::default()).await
}

pub(crate) async fn export(client: &mut Hosts) -> Vec<u8> {
    export_as(client, "hosts").await
}

pub(crate) async fn export_as(client: &mut Hosts, format: &str) -> Vec<u8> {
    let request = v1::ExportHostsRequest {
        format: format.into(),
        ..Default::default()
    };
    let chunks = all(client.export_hosts(request).await.unwrap()).await;
    chunks.iter().flat_map(|one| one.chunk.to_vec()).collect()
}

pub(crate) fn number(metadata: &MetadataMap, key: &str) -> u64 {
    metadata
        .get(key)
        .unwrap()
        .to_str()
        .unwrap()
        .parse()
        .unwrap()
}

pub(crate) fn revision(metadata: &MetadataMap) -> u64 {
    number(metadata, REVISION)
}

pub(crate) fn applied(metadata: &MetadataMap) -> u64 {
    number(metadata, APPLIED)
}

/// The machine-readable reason of a refused call.
pub(crate) fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details.error_info().map_or_else(String::new, |info| {
        assert_eq!(info.domain, "router-hosts");
        info.reason.clone()
    })
}

/// `result` was refused with this code and reason, and its message says `words`.
#[track_caller]
pub(crate) fn refused<T: Debug>(
    result: Result<T, Status>,
    code: Code,
    expected: &str,
    words: &[&str],
) {
    let status = result.unwrap_err();
    let found = (status.code(), reason(&status));
    assert_eq!(found, (code, expected.to_owned()), "{status:?}");
    for word in words {
        assert!(status.message().contains(word), "{word}: {status:?}");
    }
}
