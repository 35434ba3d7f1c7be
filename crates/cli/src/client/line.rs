//! One node, over one connection that many tasks share.
//!
//! A [`Client`](super::Client) is a person at a terminal: it goes from node to
//! node until it has an answer. A line is one node and one attempt; who has
//! several lines decides what a miss means. A connection that ended is made
//! again by the next call, and a node that refuses one is left alone for a
//! moment, however many tasks want it.

use super::endpoint::Endpoint;
use super::tls::{ConnectError, Seen, Tls};
use super::trouble::{self, Trouble, Verdict};
use super::{Answer, Attempt, CONNECT, Once, channel_over, request, revision_of};
use crate::exit::{Failure, chain};
use hosts::{HostId, HostPatch, HostRef, NewHost, Revision};
use proto::convert::Consistency;
use proto::v1;
use proto::v1::hosts_service_client::HostsServiceClient as Service;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use tonic::transport::Channel;
use tonic::{Response, Status};

/// A node and the connection to it.
pub(crate) struct Line {
    node: Endpoint,
    tls: Arc<Tls>,
    state: Mutex<State>,
}

/// Why an attempt gave no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Miss {
    /// Any node would say the same.
    Refused(Failure),
    /// Another node, or this one later, may do better; a change may have been
    /// made. The word is one of `UPPER_SNAKE`, for counting.
    Elsewhere(Cow<'static, str>),
}

enum State {
    Closed,
    Open(Channel, Arc<Seen>),
    /// Not tried again before then.
    Down(Instant, Trouble),
}

/// After a refused connection: long enough that a hundred tasks do not keep a
/// core busy with it, short beside an election.
const REST: Duration = Duration::from_millis(50);

impl Line {
    pub(crate) fn new(node: Endpoint, tls: Arc<Tls>) -> Self {
        Self {
            node,
            tls,
            state: Mutex::new(State::Closed),
        }
    }

    /// Adds a host, and says what id it got.
    pub(crate) async fn add_host(
        &self,
        host: &NewHost,
        once: &Once,
        limit: Duration,
    ) -> Result<Answer<HostId>, Miss> {
        let message = v1::AddHostRequest::from(host);
        let answer = self
            .call(limit, true, |channel| async move {
                let request = request(message, Some(&once.id), attempt(limit, once.since))?;
                Service::new(channel).add_host(request).await
            })
            .await?;
        let revision = revision_of(answer.metadata());
        let v1::AddHostResponse { id, entry: _ } = answer.into_inner();
        let value = id.parse().map_err(|_| malformed())?;
        Ok(Answer { value, revision })
    }

    /// Changes a host.
    pub(crate) async fn update_host(
        &self,
        host: HostId,
        patch: &HostPatch,
        once: &Once,
        limit: Duration,
    ) -> Result<Answer<()>, Miss> {
        let message = v1::UpdateHostRequest::from((&HostRef::Id(host), patch));
        let answer = self
            .call(limit, true, |channel| async move {
                let request = request(message, Some(&once.id), attempt(limit, once.since))?;
                Service::new(channel).update_host(request).await
            })
            .await?;
        Ok(done(&answer))
    }

    /// Deletes a host.
    pub(crate) async fn delete_host(
        &self,
        host: HostId,
        once: &Once,
        limit: Duration,
    ) -> Result<Answer<()>, Miss> {
        let message = v1::DeleteHostRequest::from(&HostRef::Id(host));
        let answer = self
            .call(limit, true, |channel| async move {
                let request = request(message, Some(&once.id), attempt(limit, once.since))?;
                Service::new(channel).delete_host(request).await
            })
            .await?;
        Ok(done(&answer))
    }

    /// Reads a host; what it is does not matter, only that it is there.
    pub(crate) async fn get_host(
        &self,
        host: HostId,
        consistency: Consistency,
        limit: Duration,
    ) -> Result<Answer<()>, Miss> {
        let message = v1::GetHostRequest {
            id: host.to_string(),
            consistency: consistency.to_wire(),
        };
        let answer = self
            .call(limit, false, |channel| async move {
                let request = request(message, None, attempt(limit, None))?;
                Service::new(channel).get_host(request).await
            })
            .await?;
        Ok(done(&answer))
    }

    async fn call<M, F>(
        &self,
        limit: Duration,
        change: bool,
        call: impl FnOnce(Channel) -> F,
    ) -> Result<Response<M>, Miss>
    where
        F: Future<Output = Result<Response<M>, Status>>,
    {
        let deadline = Instant::now() + limit;
        let (channel, seen) = self
            .connection(deadline)
            .await
            .map_err(|trouble| Miss::Elsewhere(word(&trouble)))?;
        // A deadline that is over is silence, which is judged as such.
        let answer = timeout_at(deadline, call(channel)).await.ok();
        match trouble::judge(answer, &seen, &self.tls, change) {
            Verdict::Answered(answer) => Ok(answer),
            Verdict::Settled(failure) | Verdict::Refused(failure) => Err(Miss::Refused(failure)),
            Verdict::Elsewhere(trouble) => {
                if ended(&trouble) {
                    self.close(&seen).await;
                }
                Err(Miss::Elsewhere(word(&trouble)))
            }
        }
    }

    /// The connection at hand, or a new one; whoever comes while it is made
    /// waits for it.
    async fn connection(&self, deadline: Instant) -> Result<(Channel, Arc<Seen>), Trouble> {
        let mut state = timeout_at(deadline, self.state.lock())
            .await
            .map_err(|_| Trouble::NoTime)?;
        match &*state {
            State::Open(channel, seen) => return Ok((channel.clone(), Arc::clone(seen))),
            State::Down(until, trouble) if Instant::now() < *until => return Err(trouble.clone()),
            State::Down(..) | State::Closed => {}
        }
        match self.connect(deadline).await {
            Ok((channel, seen)) => {
                *state = State::Open(channel.clone(), Arc::clone(&seen));
                Ok((channel, seen))
            }
            Err(trouble) => {
                *state = State::Down(Instant::now() + REST, trouble.clone());
                Err(trouble)
            }
        }
    }

    async fn connect(&self, deadline: Instant) -> Result<(Channel, Arc<Seen>), Trouble> {
        let by = deadline.min(Instant::now() + CONNECT);
        let stream = match timeout_at(by, self.tls.connect(&self.node)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(ConnectError::Refused(refusal))) => return Err(Trouble::Tls(refusal)),
            Ok(Err(ConnectError::Unreachable(cause))) => {
                return Err(Trouble::Unreachable(cause.to_string()));
            }
            Err(_) => return Err(Trouble::Unreachable("no answer to a connection".to_owned())),
        };
        let seen = stream.seen();
        let channel = channel_over(stream, &self.node)
            .await
            .map_err(|cause| Trouble::Unreachable(chain(&cause)))?;
        Ok((channel, seen))
    }

    /// Forgets the connection of this call, if it is still the one at hand.
    async fn close(&self, seen: &Arc<Seen>) {
        let mut state = self.state.lock().await;
        if matches!(&*state, State::Open(_, current) if Arc::ptr_eq(current, seen)) {
            *state = State::Closed;
        }
    }
}

/// A node that says "not now", or that does not know, is there and stays
/// connected.
fn ended(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Unreachable(_) | Trouble::Tls(_) | Trouble::Lost(_) => true,
        Trouble::NotNow(_)
        | Trouble::Unsure(..)
        | Trouble::Refused(_)
        | Trouble::NoTime
        | Trouble::Interrupted => false,
    }
}

fn word(trouble: &Trouble) -> Cow<'static, str> {
    match trouble {
        Trouble::Unreachable(_) => Cow::Borrowed("UNREACHABLE"),
        Trouble::Tls(refusal) => Cow::Borrowed(refusal.row().reason()),
        Trouble::NotNow(failure) | Trouble::Unsure(failure, _) | Trouble::Refused(failure) => {
            failure.reason.clone()
        }
        Trouble::Lost(_) | Trouble::NoTime | Trouble::Interrupted => Cow::Borrowed("NO_ANSWER"),
    }
}

fn done<M>(answer: &Response<M>) -> Answer<()> {
    Answer {
        value: (),
        revision: revision_of(answer.metadata()),
    }
}

const fn attempt(limit: Duration, since: Option<Revision>) -> Attempt {
    Attempt {
        left: Some(limit),
        since,
    }
}

fn malformed() -> Miss {
    Miss::Elsewhere(Cow::Borrowed("MALFORMED_ANSWER"))
}
