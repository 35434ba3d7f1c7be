//! One attempt of one request: into a message, and from an answer or a status back to what was told.

use hosts::{ConflictMode, Host, HostRef, ImportCounts, LeftOut, NewHost};
use oracle::{Answered, Asked, Effect, Reading, Seen, Told};
use proto::{
    metadata::{APPLIED, REQUEST_ID, REQUEST_SINCE, REVISION},
    v1::{self, hosts_service_client::HostsServiceClient},
};
use std::time::Duration;
use tokio::time::timeout;
use tonic::{
    Request, Response, Status,
    metadata::{MetadataMap, MetadataValue},
    transport::Channel,
};

/// One attempt.
pub(super) struct Attempt<'a> {
    pub(super) asked: &'a Asked,
    /// How long the client waits.
    pub(super) patience: Duration,
    /// For a repeat: where the log stood before the first attempt.
    pub(super) since: Option<u64>,
}

impl Attempt<'_> {
    pub(super) async fn make(&self, mut client: HostsServiceClient<Channel>) -> Told {
        // The node gives up a little earlier, and says so.
        let answer = timeout(
            self.patience + Duration::from_millis(200),
            self.call(&mut client),
        );
        match answer.await {
            Ok(Ok(answered)) => Told {
                answered,
                since: None,
            },
            Ok(Err(status)) => Told::from(&status),
            Err(_) => Told::nothing(),
        }
    }

    async fn call(&self, client: &mut HostsServiceClient<Channel>) -> Result<Answered, Status> {
        match self.asked {
            Asked::Add { host, .. } => {
                let message = v1::AddHostRequest::from(host);
                let answer = client.add_host(self.request(message)).await?;
                let revision = number(answer.metadata(), REVISION)?;
                acknowledged(revision, answer.into_inner().entry)
            }
            Asked::Update {
                host,
                patch,
                expected,
                ..
            } => {
                let message = v1::UpdateHostRequest {
                    expected_version: expected.map(|version| version.to_string()),
                    ..v1::UpdateHostRequest::from((host, patch))
                };
                let answer = client.update_host(self.request(message)).await?;
                let revision = number(answer.metadata(), REVISION)?;
                acknowledged(revision, answer.into_inner().entry)
            }
            Asked::Delete { host, expected, .. } => {
                let message = v1::DeleteHostRequest {
                    expected_version: expected.map(|version| version.to_string()),
                    ..v1::DeleteHostRequest::from(host)
                };
                let answer = client.delete_host(self.request(message)).await?;
                Ok(Answered::Acknowledged {
                    revision: number(answer.metadata(), REVISION)?,
                    effect: Effect::Gone,
                })
            }
            Asked::Import { rows, mode, .. } => {
                let chunks = chunks(rows, *mode);
                let request = self.request(futures::stream::iter(chunks));
                let answer = client.import_hosts(request).await?;
                let revision = number(answer.metadata(), REVISION)?;
                let mut answers = answer.into_inner();
                let told = answers.message().await?.ok_or_else(cut_short)?;
                Ok(Answered::Acknowledged {
                    revision,
                    effect: Effect::Imported(counts(&told)?),
                })
            }
            Asked::Read { what, linearizable } => {
                let consistency = if *linearizable {
                    v1::Consistency::Linearizable
                } else {
                    v1::Consistency::Local
                };
                self.read(client, what, consistency.into()).await
            }
        }
    }

    async fn read(
        &self,
        client: &mut HostsServiceClient<Channel>,
        what: &Reading,
        consistency: i32,
    ) -> Result<Answered, Status> {
        if let Reading::One(HostRef::Id(id)) = what {
            let message = v1::GetHostRequest {
                id: id.to_string(),
                consistency,
            };
            let answer = client.get_host(self.request(message)).await?;
            let applied = number(answer.metadata(), APPLIED)?;
            let host = seen(answer.into_inner().entry)?;
            return Ok(Answered::Read {
                applied,
                hosts: vec![host],
            });
        }
        let message = v1::ListHostsRequest {
            consistency,
            ..Default::default()
        };
        let answer = client.list_hosts(self.request(message)).await?;
        let applied = number(answer.metadata(), APPLIED)?;
        let mut hosts = all(answer).await?;
        if let Reading::One(HostRef::Name(name)) = what {
            let name = name.to_string();
            hosts.retain(|host| host.hostname == name || host.aliases.contains(&name));
        }
        Ok(Answered::Read { applied, hosts })
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.patience);
        if let Some(id) = self.asked.request() {
            let id = id.parse().expect("letters and digits");
            request.metadata_mut().insert(REQUEST_ID, id);
            if let Some(since) = self.since {
                let since = MetadataValue::from(since);
                request.metadata_mut().insert(REQUEST_SINCE, since);
            }
        }
        request
    }
}

async fn all(
    answer: Response<tonic::Streaming<v1::ListHostsResponse>>,
) -> Result<Vec<Seen>, Status> {
    let mut answers = answer.into_inner();
    let mut hosts = Vec::new();
    while let Some(one) = answers.message().await? {
        hosts.push(seen(one.entry)?);
    }
    Ok(hosts)
}

fn acknowledged(revision: u64, entry: Option<v1::HostEntry>) -> Result<Answered, Status> {
    let effect = Effect::Host(seen(entry)?);
    Ok(Answered::Acknowledged { revision, effect })
}

fn seen(entry: Option<v1::HostEntry>) -> Result<Seen, Status> {
    let host = entry.ok_or_else(cut_short)?;
    let host = Host::try_from(host).map_err(|error| Status::internal(error.to_string()))?;
    Ok(Seen::from(&host))
}

/// What is told of an import; each row is a line of its own, counted from the first.
fn counts(told: &v1::ImportHostsResponse) -> Result<ImportCounts, Status> {
    let count = |rows: i32| u32::try_from(rows).map_err(|_| cut_short());
    let left_out = told.lines.iter().map(|line| line.line);
    Ok(ImportCounts {
        processed: count(told.processed)?,
        created: count(told.created)?,
        updated: count(told.updated)?,
        skipped: count(told.skipped)?,
        left_out: LeftOut {
            rows: left_out.collect(),
            total: count(told.lines_total)?,
        },
    })
}

fn cut_short() -> Status {
    Status::internal("an answer without its content")
}

fn number(metadata: &MetadataMap, key: &str) -> Result<u64, Status> {
    metadata
        .get(key)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .ok_or_else(|| Status::internal(format!("an answer without {key}")))
}

/// The rows as a hosts file, in the messages of an import.
fn chunks(rows: &[NewHost], mode: ConflictMode) -> Vec<v1::ImportHostsRequest> {
    let mut text = String::new();
    for row in rows {
        text.push_str(&row.address.to_string());
        for name in row.names() {
            text.push(' ');
            text.push_str(name.as_str());
        }
        if let Some(comment) = &row.comment {
            text.push_str(" # ");
            text.push_str(comment.as_str());
        }
        text.push('\n');
    }
    let mode = proto::convert::conflict_mode_name(mode);
    let mut chunks: Vec<_> = text
        .as_bytes()
        .chunks(64 * 1024)
        .map(|chunk| v1::ImportHostsRequest {
            chunk: chunk.to_vec().into(),
            conflict_mode: Some(mode.to_owned()),
            ..Default::default()
        })
        .collect();
    if let Some(last) = chunks.last_mut() {
        last.last_chunk = true;
    }
    chunks
}
