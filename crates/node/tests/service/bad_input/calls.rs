//! A call of a client as a value, so that a table can hold it.

use crate::support::Hosts;
use futures::stream;
use proto::v1;
use std::fmt;
use tonic::{Response, Status, Streaming};

pub(super) enum Call {
    Add(v1::AddHostRequest),
    Update(v1::UpdateHostRequest),
    Delete(v1::DeleteHostRequest),
    Get(v1::GetHostRequest),
    List(v1::ListHostsRequest),
    Search(v1::SearchHostsRequest),
    Export(v1::ExportHostsRequest),
    Import(Vec<v1::ImportHostsRequest>),
}

impl Call {
    /// Sends it and reads all that is answered.
    pub(super) async fn send(self, client: &mut Hosts) -> Result<(), Status> {
        match self {
            Self::Add(message) => client.add_host(message).await.map(drop),
            Self::Update(message) => client.update_host(message).await.map(drop),
            Self::Delete(message) => client.delete_host(message).await.map(drop),
            Self::Get(message) => client.get_host(message).await.map(drop),
            Self::List(message) => drained(client.list_hosts(message).await).await,
            Self::Search(message) => drained(client.search_hosts(message).await).await,
            Self::Export(message) => drained(client.export_hosts(message).await).await,
            Self::Import(messages) => {
                drained(client.import_hosts(stream::iter(messages)).await).await
            }
        }
    }
}

/// Reads all that is answered.
pub(super) async fn drained<T>(
    answers: Result<Response<Streaming<T>>, Status>,
) -> Result<(), Status> {
    let mut answers = answers?.into_inner();
    while answers.message().await?.is_some() {}
    Ok(())
}

impl fmt::Display for Call {
    /// Short: some messages are made to be long.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Add(message) => format!("{message:?}"),
            Self::Update(message) => format!("{message:?}"),
            Self::Delete(message) => format!("{message:?}"),
            Self::Get(message) => format!("{message:?}"),
            Self::List(message) => format!("{message:?}"),
            Self::Search(message) => format!("{message:?}"),
            Self::Export(message) => format!("{message:?}"),
            Self::Import(messages) => format!("{messages:?}"),
        };
        out.write_str(&text.chars().take(200).collect::<String>())
    }
}
