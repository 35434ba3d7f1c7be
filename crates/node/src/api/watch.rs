//! The set of enabled hosts, whole, and again whenever it changes: what file
//! sinks of the earlier server live on.
//!
//! A set is one frozen view, named by a hash that is the same on every node. A
//! watcher that is slower than the changes is shown the newest set next, and
//! none of those between. It holds one view while a set is on its way, and none
//! while it waits. After a set it rests: the more there is to send to the more
//! watchers, the longer.

use super::{hosts::HostsApi, metadata, renders::Answers, renders::Selection, status};
use crate::{
    limits,
    sinks::{Sinks, Watching},
};
use futures::{FutureExt as _, Stream, StreamExt as _, future::BoxFuture, stream};
use hosts::{Actor, Digest, Query};
use proto::{
    convert::{Consistency, timestamp_to_wire},
    v1::{self, watch_hosts_response::Payload},
};
use raft_store::Applied;
use std::{
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tonic::{Response, Status, Streaming, metadata::MetadataMap};

/// What is sent to sinks, as their templates know it.
const CONTRACT_VERSION: &str = "1";

impl HostsApi {
    /// Shows the set to a watcher, as its first message asks.
    ///
    /// # Errors
    /// There are too many watchers, or the first set cannot be had.
    pub(super) async fn watch(
        &self,
        metadata: &MetadataMap,
        by: Actor,
        from: IpAddr,
        mut requests: Streaming<v1::WatchHostsRequest>,
    ) -> Result<Response<Answers<v1::WatchHostsResponse>>, Status> {
        let instance = metadata::instance(metadata)?.unwrap_or_else(|| from.to_string());
        let entered = self.sinks.enter(by, instance);
        let mut watching = entered.map_err(|error| status::too_many_watchers(&error))?;
        let first = tokio::select! {
            first = requests.message() => first?,
            () = self.closing.cancelled() => return Err(status::stopping()),
            // However patient the caller is: it holds a place meanwhile.
            () = sleep(limits::CALL_TIME) => return Err(status::silent_watcher()),
        };
        let Some(v1::WatchHostsRequest { follow, status }) = first else {
            // Nothing was asked for.
            return Ok(self.seen(stream::empty().boxed(), &self.reads.local()));
        };
        if let Some(status) = status {
            watching.note(self.clock.now(), status.into());
        }
        let view = self.view(metadata, Consistency::Linearizable).await?;
        let sets = Sets {
            next: Some(Arc::clone(&view)),
            applied: follow.then(|| self.reads.follow()),
            shown: None,
            not_before: Instant::now(),
        };
        let watch = Watch {
            sets: self.clone().sets(sets),
            requests: Some(requests),
            watching,
            api: self.clone(),
            closing: self.closing.clone().cancelled_owned().boxed(),
            over: false,
        };
        Ok(self.seen(watch.boxed(), &view))
    }

    /// One set after the other.
    fn sets(self, sets: Sets) -> Answers<v1::WatchHostsResponse> {
        let sets = stream::unfold(sets, move |mut sets| {
            let api = self.clone();
            async move {
                let set = match sets.next().await? {
                    Ok(view) => {
                        sets.rest(&view, &api.sinks);
                        api.set(&view)
                    }
                    Err(status) => {
                        sets.applied = None;
                        stream::iter([Err(status)]).boxed()
                    }
                };
                Some((set, sets))
            }
        });
        sets.flatten().boxed()
    }

    /// All enabled hosts of a view, and that they are complete.
    fn set(&self, view: &Arc<Applied>) -> Answers<v1::WatchHostsResponse> {
        let shown = &view.projection;
        let complete = v1::SnapshotComplete {
            count: i32::try_from(shown.enabled_len()).unwrap_or(i32::MAX),
            generated_at: Some(timestamp_to_wire(self.clock.now())),
            contract_version: CONTRACT_VERSION.into(),
            change_id: shown.enabled_digest().to_string(),
        };
        let selection = Selection {
            query: Query::enabled(),
            ..Selection::of(view)
        };
        let message = |payload| v1::WatchHostsResponse {
            payload: Some(payload),
        };
        let entries = self
            .renders
            .entries(selection, move |entry| message(Payload::Entry(entry)));
        let complete = message(Payload::Complete(complete));
        entries.chain(stream::iter([Ok(complete)])).boxed()
    }
}

/// Which views a watcher is shown.
struct Sets {
    /// The first one.
    next: Option<Arc<Applied>>,
    /// Where the others come from; `None` for one who does not follow.
    applied: Option<watch::Receiver<Arc<Applied>>>,
    /// The hash of the last one.
    shown: Option<Digest>,
    /// When its rest is over.
    not_before: Instant,
}

impl Sets {
    /// The next view to be shown: the newest, as soon as it shows another set.
    async fn next(&mut self) -> Option<Result<Arc<Applied>, Status>> {
        if let Some(first) = self.next.take() {
            return Some(Ok(first));
        }
        let applied = self.applied.as_mut()?;
        sleep_until(self.not_before).await;
        let other = |view: &Arc<Applied>| Some(view.projection.enabled_digest()) != self.shown;
        match applied.wait_for(other).await {
            Ok(view) => Some(Ok(Arc::clone(&view))),
            Err(_) => Some(Err(status::stopping())),
        }
    }

    /// Notes that `view` is shown, and how long to rest afterwards.
    fn rest(&mut self, view: &Applied, sinks: &Sinks) {
        self.shown = Some(view.projection.enabled_digest());
        self.not_before = Instant::now() + rest(view.projection.enabled_len(), sinks.watchers());
    }
}

/// How long a watcher rests after a set of `hosts`, where there are so many
/// `watchers`: all of them together take no more than a share of a processor.
fn rest(hosts: usize, watchers: usize) -> Duration {
    let entries = hosts.saturating_mul(watchers);
    let work = limits::WATCH_ENTRY_TIME.saturating_mul(u32::try_from(entries).unwrap_or(u32::MAX));
    work.max(limits::WATCH_REST)
}

/// What a watcher is sent, while what it says of itself is noted.
struct Watch {
    sets: Answers<v1::WatchHostsResponse>,
    /// What it says; `None` when it has said all.
    requests: Option<Streaming<v1::WatchHostsRequest>>,
    watching: Watching,
    api: HostsApi,
    closing: BoxFuture<'static, ()>,
    over: bool,
}

impl Watch {
    /// Notes what was said since the last time.
    fn listen(&mut self, cx: &mut Context<'_>) -> Result<(), Status> {
        for _ in 0..REPORTS_AT_ONCE {
            let Some(requests) = &mut self.requests else {
                return Ok(());
            };
            match requests.poll_next_unpin(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(None) => self.requests = None,
                Poll::Ready(Some(request)) => {
                    // Whether to follow is said once, in the first message.
                    let v1::WatchHostsRequest { follow: _, status } = request?;
                    if let Some(status) = status {
                        self.watching.note(self.api.clock.now(), status.into());
                    }
                }
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }
}

impl Stream for Watch {
    type Item = Result<v1::WatchHostsResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        let ended = match self.listen(cx) {
            Err(status) => Err(status),
            Ok(()) if self.closing.poll_unpin(cx).is_ready() => Err(status::stopping()),
            Ok(()) => Ok(()),
        };
        if let Err(status) = ended {
            self.over = true;
            return Poll::Ready(Some(Err(status)));
        }
        let next = self.sets.poll_next_unpin(cx);
        self.over = matches!(next, Poll::Ready(None));
        next
    }
}

/// What a watcher says at once before something is sent to it.
const REPORTS_AT_ONCE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watcher_rests_the_longer_the_more_there_is_to_send_to_all() {
        for (hosts, watchers, expected) in [
            (0, 1, limits::WATCH_REST),
            (1000, 3, limits::WATCH_REST),
            (100_000, 3, Duration::from_secs(6)),
            (1000, 1000, Duration::from_secs(20)),
            (usize::MAX, usize::MAX, limits::WATCH_ENTRY_TIME * u32::MAX),
        ] {
            assert_eq!(rest(hosts, watchers), expected, "{hosts} × {watchers}");
        }
    }
}
