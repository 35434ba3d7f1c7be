//! The wire format of `router_hosts.v1` as clients of the earlier single server speak it: what they send is made by
//! hand, byte by byte, and what they are answered is read by the numbers of the fields. The generated types have no
//! part in it, so a field that changes its number here is found here.

mod bulk;
mod files;
mod health;
mod lists;
mod message;
mod records;
mod snapshots;
mod watch;

use crate::support::{Bytes, Cluster, EDITOR};
use futures::stream;
use message::{Fields, Message};
use tonic::{Code, Request, Status, Streaming, client::Grpc, transport::Channel};

/// A client of the earlier server: it knows no metadata of ours and no field from 100 up.
struct Earlier(Channel);

impl Earlier {
    fn of(cluster: &Cluster) -> Self {
        Self(cluster.channel(1, EDITOR))
    }

    /// A call with one answer.
    async fn call(&self, method: &str, message: Message) -> Result<Fields, Status> {
        let mut grpc = Grpc::new(self.0.clone());
        grpc.ready().await.unwrap();
        let request = Request::new(message.into_bytes());
        let answer = grpc.unary(request, path(method), Bytes).await?;
        Ok(Fields::read(answer.get_ref()))
    }

    /// A call with many answers, or with many messages in both directions.
    async fn open(
        &self,
        method: &str,
        messages: Vec<Message>,
    ) -> Result<Streaming<Vec<u8>>, Status> {
        let mut grpc = Grpc::new(self.0.clone());
        grpc.ready().await.unwrap();
        let messages = messages.into_iter().map(Message::into_bytes);
        let request = Request::new(stream::iter(messages.collect::<Vec<_>>()));
        let answers = grpc.streaming(request, path(method), Bytes).await?;
        Ok(answers.into_inner())
    }

    /// The same, read to its end: what came, and how it ended.
    async fn stream(
        &self,
        method: &str,
        messages: Vec<Message>,
    ) -> (Vec<Fields>, Result<(), Status>) {
        let mut came = Vec::new();
        let mut answers = match self.open(method, messages).await {
            Ok(answers) => answers,
            Err(status) => return (came, Err(status)),
        };
        loop {
            match answers.message().await {
                Ok(Some(bytes)) => came.push(Fields::read(&bytes)),
                Ok(None) => return (came, Ok(())),
                Err(status) => return (came, Err(status)),
            }
        }
    }

    /// The same, and it ended well.
    async fn all(&self, method: &str, messages: Vec<Message>) -> Vec<Fields> {
        let (came, ended) = self.stream(method, messages).await;
        ended.unwrap();
        came
    }

    /// Adds a host and gives its entry.
    async fn added(&self, message: Message) -> Fields {
        let answer = self.call("AddHost", message).await.unwrap();
        assert_eq!(answer.known(), [1, 2]);
        let entry = answer.message(2).unwrap();
        assert_eq!(entry.text(1), answer.text(1), "the id stands twice");
        entry
    }

    /// The hosts there are, as `address name`.
    async fn hosts(&self) -> Vec<String> {
        let answers = self.all("ListHosts", vec![Message::new()]).await;
        answers.iter().map(line).collect()
    }
}

fn path(method: &str) -> tonic::codegen::http::uri::PathAndQuery {
    let path = format!("/router_hosts.v1.HostsService/{method}");
    path.parse().unwrap()
}

/// An `AddHostRequest`.
fn host(address: &str, hostname: &str) -> Message {
    Message::new().text(1, address).text(2, hostname)
}

/// The entry in an answer that holds nothing else, as `address name`.
fn line(answer: &Fields) -> String {
    assert_eq!(answer.known(), [1]);
    let entry = answer.message(1).unwrap();
    format!("{} {}", entry.text(2).unwrap(), entry.text(3).unwrap())
}

#[track_caller]
fn code<T: std::fmt::Debug>(row: &str, answer: Result<T, Status>, expected: Code) {
    let status = answer.expect_err(row);
    assert_eq!(status.code(), expected, "{row}: {status:?}");
    assert!(!status.message().is_empty(), "{row}");
}
