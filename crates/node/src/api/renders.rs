//! Long answers, made piece by piece from one frozen view as they are read.
//!
//! However many are open and however slowly they are read, a few at a time are
//! worked on, aside of the tasks that must answer in time, and none holds more
//! than one piece and its view.

use super::status;
use crate::{aside::aside, limits};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use hosts::{Host, Query, format::Export};
use proto::v1;
use raft_store::{Applied, disk::Work};
use std::{pin::Pin, sync::Arc};
use tokio::sync::Semaphore;
use tonic::Status;

/// A stream of answers.
pub(super) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Where long answers are made.
#[derive(Clone, Debug)]
pub(super) struct Renders {
    turns: Arc<Semaphore>,
    work: Work,
}

/// Which hosts of a view are listed.
#[derive(Debug)]
pub(super) struct Selection {
    /// As it was when the call was answered.
    pub(super) view: Arc<Applied>,
    /// What must match.
    pub(super) query: Query,
    /// Matching hosts that are passed over first.
    pub(super) skip: usize,
    /// Hosts that may still come.
    pub(super) left: usize,
    /// The last that came.
    pub(super) after: Option<Arc<Host>>,
}

impl Selection {
    /// All hosts of a view.
    pub(super) fn of(view: &Arc<Applied>) -> Self {
        Self {
            view: Arc::clone(view),
            query: Query::default(),
            skip: 0,
            left: usize::MAX,
            after: None,
        }
    }

    /// The next hosts; none are left after none.
    fn page(&mut self) -> Vec<Arc<Host>> {
        let hosts = &self.view.projection;
        let matching = hosts.search_after(&self.query, self.after.as_deref());
        let page = matching
            .skip(std::mem::take(&mut self.skip))
            .take(self.left.min(limits::LIST_PAGE))
            .cloned();
        let page: Vec<_> = page.collect();
        self.left -= page.len();
        self.after = page.last().cloned().or_else(|| self.after.take());
        page
    }
}

impl Renders {
    pub(super) fn new(work: Work) -> Self {
        let turns = Arc::new(Semaphore::new(limits::RENDERS_AT_ONCE));
        Self { turns, work }
    }

    /// The selected hosts one by one, in the order of lists.
    pub(super) fn entries<T: Send + 'static>(
        &self,
        selection: Selection,
        message: impl Fn(v1::HostEntry) -> T + Send + Copy + 'static,
    ) -> Answers<T> {
        let pages = self.repeat(selection, |selection| {
            let page = selection.page();
            (!page.is_empty()).then_some(page)
        });
        let one = move |host: Arc<Host>| Ok(message(host.as_ref().into()));
        pages
            .map_ok(move |page| stream::iter(page.into_iter().map(one)))
            .try_flatten()
            .boxed()
    }

    /// A file, piece by piece.
    pub(super) fn pieces(&self, export: Export) -> Answers<v1::ExportHostsResponse> {
        let chunk = |piece: Vec<u8>| v1::ExportHostsResponse {
            chunk: piece.into(),
        };
        self.repeat(export, Iterator::next).map_ok(chunk).boxed()
    }

    /// What `next` makes of `state` again and again, until it makes nothing.
    fn repeat<S: Send + 'static, P: Send + 'static>(
        &self,
        state: S,
        next: fn(&mut S) -> Option<P>,
    ) -> impl Stream<Item = Result<P, Status>> + Send + use<S, P> {
        let Self { turns, work } = self.clone();
        stream::try_unfold(state, move |mut state| {
            let turns = Arc::clone(&turns);
            async move {
                let turn = turns.acquire_owned().await.map_err(status::internal)?;
                let made = aside(work, move || {
                    // Whoever reads may go; its turn ends with the work.
                    let _turn = turn;
                    next(&mut state).map(|piece| (piece, state))
                });
                made.await.map_err(status::internal)
            }
        })
    }
}

#[cfg(test)]
mod tests;
