//! Hosts row by row: each an add of its own, answered in the order of the rows.
//!
//! At most [`limits::BULK_ROWS_IN_FLIGHT`] rows are under way or wait to be
//! read: whoever reads no answers is read no rows. Each row has the request id
//! of the call with its number, so a call that is made again adds nothing twice
//! and gets the same answers, for as long as its rows are remembered.

use super::{
    hosts::{HostsApi, other_answer},
    metadata,
    renders::Answers,
    shares::holding,
    status,
};
use crate::{
    forward::{Asked, Since},
    limits,
};
use futures::{
    FutureExt as _, Stream, StreamExt as _,
    future::{BoxFuture, Shared, join_all},
    stream,
};
use hosts::{Actor, Address, Command, Hostname, NewHost, Outcome, RequestId};
use proto::{metadata::REQUEST_SINCE, v1};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};
use tokio::{sync::oneshot, time::Instant};
use tonic::{Code, Response, Status, Streaming, metadata::MetadataMap};

impl HostsApi {
    /// Takes rows in until there are no more.
    ///
    /// # Errors
    /// None of the rows is taken.
    pub(super) async fn bulk_add(
        &self,
        metadata: MetadataMap,
        by: Actor,
        rows: Streaming<v1::BulkAddHostsRequest>,
    ) -> Result<Response<Answers<v1::BulkAddHostsResponse>>, Status> {
        let began = Instant::now();
        let request = metadata::request_id(&metadata, &*self.clock)?;
        if row_id(&request, u32::MAX).is_none() {
            return Err(status::refused(
                Code::InvalidArgument,
                "INVALID_ARGUMENT",
                format!(
                    "the request id `{}` has no room for the numbers of rows",
                    request.as_str()
                ),
            ));
        }
        let (Since::New(since) | Since::Known(since)) = self.since(&metadata)?;
        let place = self.place(&metadata, by.clone()).await?;
        let (api, closing) = (self.clone(), self.closing.clone());
        let rows = stream::unfold(Some(rows), move |rows| {
            let closing = closing.clone();
            async move {
                let mut rows = rows?;
                tokio::select! {
                    row = rows.message() => row.transpose().map(|row| (row, Some(rows))),
                    () = closing.cancelled() => Some((Err(status::stopping()), None)),
                }
            }
        });
        let add = move |number, host| {
            let (api, metadata) = (api.clone(), metadata.clone());
            let (by, request) = (by.clone(), row_id(&request, number));
            async move { api.add_row(&metadata, began, by, request, host).await }
        };
        let answers = holding(answers(rows, add).boxed(), place);
        let mut response = self.seen(answers, &self.reads.local());
        // With it the call can be made again.
        response
            .metadata_mut()
            .insert(REQUEST_SINCE, since.get().into());
        Ok(response)
    }

    /// Adds the host of one row, and gives its id.
    async fn add_row(
        &self,
        metadata: &MetadataMap,
        began: Instant,
        by: Actor,
        request: Option<RequestId>,
        host: NewHost,
    ) -> Result<String, Status> {
        let asked = Asked {
            command: Arc::new(Command::AddHost(host)),
            by,
            request: request.ok_or_else(|| status::too_large("rows are beyond number"))?,
            since: self.since(metadata)?,
            fingerprint: None,
        };
        let deadline = metadata::part(metadata, began, limits::CALL_TIME);
        let written = self.router.write(asked, deadline).await;
        let answer = written.map_err(|error| status::write_failed(&error))?;
        match &answer.outcome {
            Outcome::Added(host) => Ok(host.id.to_string()),
            _ => Err(other_answer("an add")),
        }
    }
}

/// The request id of the row `number`, if there is one.
fn row_id(request: &RequestId, number: u32) -> Option<RequestId> {
    RequestId::parse(&format!("{}/{number}", request.as_str())).ok()
}

/// What each row is answered, in order, and at the end why there are no more.
///
/// Rows are added side by side, but for those that share an address and a name:
/// of these the first is added first.
fn answers<A>(
    rows: impl Stream<Item = Result<v1::BulkAddHostsRequest, Status>> + Send,
    add: impl Fn(u32, NewHost) -> A + Send,
) -> impl Stream<Item = Result<v1::BulkAddHostsResponse, Status>> + Send
where
    A: Future<Output = Result<String, Status>> + Send + 'static,
{
    let mut under_way = UnderWay::default();
    let mut number = 0_u32;
    rows.map(move |row| -> BoxFuture<'static, _> {
        let row = match row {
            Ok(row) => row,
            Err(status) => return futures::future::ready(Err(status)).boxed(),
        };
        number = number.saturating_add(1);
        let host = match NewHost::try_from(row) {
            Ok(host) => host,
            Err(error) => {
                let refused = refused(&status::invalid(&error));
                return futures::future::ready(Ok(refused)).boxed();
            }
        };
        let (earlier, over) = under_way.enter(&host);
        let added = add(number, host);
        async move {
            join_all(earlier).await;
            let answer = added.await;
            drop(over);
            Ok(match answer {
                Ok(id) => v1::BulkAddHostsResponse {
                    id: Some(id),
                    error: None,
                    reason: None,
                },
                Err(status) => refused(&status),
            })
        }
        .boxed()
    })
    .buffered(limits::BULK_ROWS_IN_FLIGHT)
}

fn refused(status: &Status) -> v1::BulkAddHostsResponse {
    v1::BulkAddHostsResponse {
        id: None,
        error: Some(status.message().to_owned()),
        reason: status::reason(status),
    }
}

/// The newest rows: all that may be under way are among them.
#[derive(Default)]
struct UnderWay(VecDeque<Row>);

struct Row {
    address: Address,
    names: BTreeSet<Hostname>,
    over: Over,
}

/// Completes when a row is over.
type Over = Shared<BoxFuture<'static, ()>>;

impl UnderWay {
    /// Takes a row in: what it has to wait for, and what to drop when it is over.
    fn enter(&mut self, host: &NewHost) -> (Vec<Over>, oneshot::Sender<()>) {
        let NewHost {
            address,
            hostname,
            aliases,
            ..
        } = host;
        let names: BTreeSet<_> = aliases.into_iter().chain([hostname]).cloned().collect();
        let rivals = self
            .0
            .iter()
            .filter(|row| row.address == *address && !row.names.is_disjoint(&names));
        let earlier = rivals.map(|row| row.over.clone()).collect();
        let (over, waits) = oneshot::channel::<()>();
        self.0.push_back(Row {
            address: *address,
            names,
            // It is never sent: its end says enough.
            over: waits.map(drop).boxed().shared(),
        });
        if self.0.len() > limits::BULK_ROWS_IN_FLIGHT {
            self.0.pop_front();
        }
        (earlier, over)
    }
}

#[cfg(test)]
mod tests;
