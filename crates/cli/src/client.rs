//! Calls to a cluster: the next node when one is down, a deadline over all of
//! it, and for a change the same request id however often it is sent.
//!
//! A change whose outcome nobody can tell is neither reported as done nor as
//! failed: see [`Trouble`].

mod cluster;
pub(crate) mod endpoint;
mod import;
pub(crate) mod interrupt;
mod line;
mod records;
mod snapshots;
pub(crate) mod tls;
mod trouble;

pub(crate) use cluster::{
    Hook, HookState, NodeStatus, Publication, PublicationState, Sink, Status,
};
#[cfg(test)]
pub(crate) use cluster::{Published, Sinks};
pub(crate) use import::{Import, ImportFile, Send};
pub(crate) use line::{Line, Miss};
pub(crate) use records::{Listing, required};

use crate::config::Settings;
use crate::exit::{Failure, chain, reasons};
use endpoint::Endpoint;
use hosts::{RequestId, Revision};
use hyper_util::rt::TokioIo;
use interrupt::Ending;
use proto::metadata;
use std::sync::Arc;
use std::time::Duration;
use tls::{ConnectError, Seen, Tls, TlsFiles, Watched};
use tokio::time::{Instant, timeout_at};
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use trouble::{Trials, Trouble, Verdict};

/// The hand on a cluster: knows its nodes, talks to one at a time.
pub(crate) struct Client {
    endpoints: Vec<Endpoint>,
    tls: Tls,
    timeout: Option<Duration>,
    /// The node that answered last; the next call begins there.
    connected: Option<Connection>,
}

/// What makes a change one change, however often it is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Once {
    pub(crate) id: RequestId,
    /// It may have been sent before, and not before the log was here; 0 when
    /// nobody knows. `None`: it is new.
    pub(crate) since: Option<Revision>,
}

/// What goes beside the message of one attempt.
#[derive(Copy, Clone, Debug)]
struct Attempt {
    left: Option<Duration>,
    since: Option<Revision>,
}

/// What a node answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer<T> {
    pub(crate) value: T,
    /// The last accepted change the answer shows, if the node says so.
    pub(crate) revision: Option<Revision>,
}

/// How long a command may take when `--timeout` does not say: with a second
/// node to try after a first that hangs while a call waits for an election.
const READ: Duration = Duration::from_secs(10);
/// A change may meet an election, and then a retry.
const CHANGE: Duration = Duration::from_secs(15);
/// Long answers: a million hosts over a slow line.
const STREAM: Duration = Duration::from_secs(120);
/// A dry run is an import without the writing of it.
const IMPORT_TRY: Duration = Duration::from_secs(300);
/// TCP and TLS to one node. A node that is stopped or unplugged takes all of
/// it, and the others still get their turn inside `READ`.
const CONNECT: Duration = Duration::from_secs(3);
/// Pings tell a node that lost power from one that is busy with an import.
const PING: Duration = Duration::from_secs(5);
const PING_ANSWER: Duration = Duration::from_secs(10);

struct Connection {
    index: usize,
    channel: Channel,
    seen: Arc<Seen>,
}

/// One call as it goes through the nodes.
struct Call<'a> {
    /// What it does, for messages: `add nas.lan`.
    what: &'a str,
    /// A change has one, a read has none.
    once: Option<&'a Once>,
    deadline: Option<Instant>,
}

impl Client {
    /// # Errors
    /// A usage failure when no node is named or a file cannot be used.
    pub(crate) fn new(settings: &Settings, timeout: Option<Duration>) -> Result<Self, Failure> {
        if settings.server.value.is_empty() {
            return Err(Failure::of(reasons::NO_SERVER, "no node is named"));
        }
        Ok(Self {
            endpoints: settings.server.value.clone(),
            tls: load_tls(settings)?,
            timeout,
            connected: None,
        })
    }

    /// How long a command may take: as `--timeout` says, else as it needs.
    fn limit(&self, usual: Duration) -> Duration {
        self.timeout.unwrap_or(usual)
    }

    /// Makes a read, on the first node that answers it.
    async fn read<T>(
        &mut self,
        what: &str,
        limit: Duration,
        call: impl AsyncFn(Channel, Attempt) -> Result<T, tonic::Status>,
    ) -> Result<T, Failure> {
        let deadline = Some(Instant::now() + limit);
        let of = Call {
            what,
            once: None,
            deadline,
        };
        self.call(of, call).await
    }

    /// Makes a change. It may be sent to several nodes, under the same id.
    async fn change<T>(
        &mut self,
        what: &str,
        once: &Once,
        limit: Option<Duration>,
        call: impl AsyncFn(Channel, Attempt) -> Result<T, tonic::Status>,
    ) -> Result<T, Failure> {
        let deadline = limit.map(|limit| Instant::now() + limit);
        let of = Call {
            what,
            once: Some(once),
            deadline,
        };
        self.call(of, call).await
    }

    /// Every node once, and once more while the outcome of a change is
    /// unknown: a repeated request id gets the first answer again.
    async fn call<T>(
        &mut self,
        of: Call<'_>,
        call: impl AsyncFn(Channel, Attempt) -> Result<T, tonic::Status>,
    ) -> Result<T, Failure> {
        let nodes = self.endpoints.len();
        let first = self.connected.as_ref().map_or(0, |current| current.index);
        let mut trials = Trials::new(of.what, of.once);
        let mut ending = Ending::watch();
        for turn in 0..2 * nodes {
            if turn >= nodes && !trials.perhaps() {
                break;
            }
            let index = (first + turn) % nodes;
            let Some(node) = self.endpoints.get(index).cloned() else {
                break;
            };
            if of
                .deadline
                .is_some_and(|deadline| Instant::now() >= deadline)
            {
                trials.note(&node, Trouble::NoTime);
                break;
            }
            let connected =
                uninterrupted(&mut ending, self.connection(index, &node, of.deadline)).await;
            let (channel, seen) = match connected {
                Some(Ok(connection)) => connection,
                Some(Err(trouble)) => {
                    trials.note(&node, trouble);
                    continue;
                }
                None => {
                    trials.note(&node, Trouble::Interrupted);
                    break;
                }
            };
            let left = of
                .deadline
                .map(|at| at.saturating_duration_since(Instant::now()));
            let attempt = Attempt {
                left,
                since: trials.since(),
            };
            let answer =
                uninterrupted(&mut ending, within(of.deadline, call(channel, attempt))).await;
            let Some(answer) = answer else {
                trials.interrupted(&node);
                break;
            };
            match trouble::judge(answer, &seen, &self.tls, of.once.is_some()) {
                Verdict::Answered(answer) => {
                    tracing::debug!(%node, what = of.what, "answered");
                    return Ok(answer);
                }
                // Nothing but the records' word settles what may be made.
                Verdict::Refused(failure) if trials.perhaps() => {
                    trials.note(&node, Trouble::Refused(failure));
                }
                Verdict::Settled(failure) | Verdict::Refused(failure) => {
                    tracing::info!(%node, reason = %failure.reason, "refused");
                    return Err(failure);
                }
                Verdict::Elsewhere(trouble) => {
                    self.connected = None;
                    trials.note(&node, trouble);
                }
            }
        }
        Err(trials.failure())
    }

    /// The connection at hand if it is to this node, or a new one.
    async fn connection(
        &mut self,
        index: usize,
        node: &Endpoint,
        deadline: Option<Instant>,
    ) -> Result<(Channel, Arc<Seen>), Trouble> {
        if let Some(current) = self.connected.as_ref().filter(|at| at.index == index) {
            return Ok((current.channel.clone(), Arc::clone(&current.seen)));
        }
        let connect_by = Instant::now() + CONNECT;
        let by = deadline.map_or(connect_by, |deadline| deadline.min(connect_by));
        let stream = match timeout_at(by, self.tls.connect(node)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(ConnectError::Refused(refusal))) => return Err(Trouble::Tls(refusal)),
            Ok(Err(ConnectError::Unreachable(cause))) => {
                return Err(Trouble::Unreachable(cause.to_string()));
            }
            Err(_) => return Err(Trouble::Unreachable("no answer to a connection".to_owned())),
        };
        let seen = stream.seen();
        let channel = channel_over(stream, node)
            .await
            .map_err(|cause| match seen.refused() {
                Some(error) => Trouble::Tls(self.tls.refusal(error)),
                None => Trouble::Unreachable(chain(&cause)),
            })?;
        self.connected = Some(Connection {
            index,
            channel: channel.clone(),
            seen: Arc::clone(&seen),
        });
        Ok((channel, seen))
    }
}

/// Reads the TLS files that the settings name.
pub(crate) fn load_tls(settings: &Settings) -> Result<Tls, Failure> {
    let Some(ca) = &settings.ca.value else {
        return Err(Failure::of(
            reasons::NO_CA,
            "the CA of the nodes is not named",
        ));
    };
    Tls::load(TlsFiles {
        cert: settings.cert.value.as_deref(),
        key: settings.key.value.as_deref(),
        ca,
    })
    .map_err(|error| Failure::of(reasons::TLS_FILES, chain(&error)))
}

/// A channel over one connection. It does not connect again: when the
/// connection ends, its calls fail, and the next node has its turn.
async fn channel_over(
    stream: Watched,
    node: &Endpoint,
) -> Result<Channel, tonic::transport::Error> {
    let mut once = Some(TokioIo::new(stream));
    // The scheme only keeps tonic from looking for TLS of its own.
    tonic::transport::Endpoint::from_shared(format!("http://{node}"))?
        .user_agent(concat!("router-hosts/", env!("CARGO_PKG_VERSION")))?
        .http2_keep_alive_interval(PING)
        .keep_alive_timeout(PING_ANSWER)
        .connect_with_connector(tower::service_fn(move |_| {
            std::future::ready(once.take().ok_or_else(used_up))
        }))
        .await
}

fn used_up() -> std::io::Error {
    std::io::ErrorKind::NotConnected.into()
}

async fn within<T>(
    deadline: Option<Instant>,
    call: impl Future<Output = Result<T, tonic::Status>>,
) -> Option<Result<T, tonic::Status>> {
    match deadline {
        None => Some(call.await),
        Some(deadline) => timeout_at(deadline, call).await.ok(),
    }
}

/// `None` when Ctrl-C or SIGTERM comes first: whoever interrupts a change is
/// told how to find out what became of it.
async fn uninterrupted<T>(ending: &mut Ending, call: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        answer = call => Some(answer),
        () = ending.comes() => None,
    }
}

/// A message with the request id and the deadline beside it.
fn request<M>(
    message: M,
    id: Option<&RequestId>,
    Attempt { left, since }: Attempt,
) -> Result<tonic::Request<M>, tonic::Status> {
    let mut request = tonic::Request::new(message);
    if let Some(left) = left {
        request.set_timeout(left);
    }
    if let Some(id) = id {
        let value = id.as_str().parse().map_err(|_| {
            tonic::Status::invalid_argument(format!("request id {id} cannot be sent"))
        })?;
        request.metadata_mut().insert(metadata::REQUEST_ID, value);
    }
    if let Some(since) = since {
        let index = since.get().into();
        request
            .metadata_mut()
            .insert(metadata::REQUEST_SINCE, index);
    }
    Ok(request)
}

/// The revision that an answer shows.
fn revision_of(metadata: &MetadataMap) -> Option<Revision> {
    index_of(metadata, metadata::REVISION)
}

fn index_of(metadata: &MetadataMap, key: &str) -> Option<Revision> {
    metadata
        .get(key)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse().ok())
}
