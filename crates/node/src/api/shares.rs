//! How many long answers each caller has open.
//!
//! An answer that nobody reads holds what was made of it in the buffers of its connection. Whoever leaves many of them
//! unread waits for a place among his own; others have theirs.

use super::{renders::Answers, status};
use crate::limits;
use futures::StreamExt as _;
use hosts::Actor;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use tonic::{Code, Status};

/// The places of all callers.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares {
    callers: Arc<Mutex<BTreeMap<Actor, Arc<Semaphore>>>>,
}

impl Shares {
    /// A place among the long answers of `caller`, once there is one.
    ///
    /// # Errors
    /// `UNAVAILABLE` when there is none by `deadline`.
    pub(super) async fn place(
        &self,
        caller: Actor,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, Status> {
        let places = self.of(&caller);
        match timeout_at(deadline, places.acquire_owned()).await {
            Ok(place) => place.map_err(status::internal),
            Err(_) => Err(status::refused(
                Code::Unavailable,
                "BUSY",
                format!(
                    "{caller} has {} answers of this node open: read them, or end them",
                    limits::LONG_ANSWERS_PER_CALLER
                ),
            )),
        }
    }

    fn of(&self, caller: &Actor) -> Arc<Semaphore> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        // Who has nothing open is forgotten: there are no more than connections.
        callers.retain(|_, places| Arc::strong_count(places) > 1);
        let places = callers
            .entry(caller.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(limits::LONG_ANSWERS_PER_CALLER)));
        Arc::clone(places)
    }
}

/// The same answer, which has its place until it ends or nobody wants it.
pub(super) fn holding<T: 'static>(answers: Answers<T>, place: OwnedSemaphorePermit) -> Answers<T> {
    answers
        .inspect(move |_| {
            let _held = &place;
        })
        .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    #[tokio::test(start_paused = true)]
    async fn a_caller_waits_for_a_place_of_its_own_and_for_no_other() {
        let shares = Shares::default();
        let soon = || Instant::now() + limits::CALL_TIME;
        let eve: Actor = "viewer:eve".parse().unwrap();
        let mut open = Vec::new();
        for _ in 0..limits::LONG_ANSWERS_PER_CALLER {
            let place = shares.place(eve.clone(), soon()).await.unwrap();
            open.push(holding(stream::iter([Ok(1)]).boxed(), place));
        }
        let refused = shares.place(eve.clone(), soon()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable);
        assert!(
            refused.message().contains("viewer:eve has 64"),
            "{refused:?}"
        );
        let other = "editor:eve".parse().unwrap();
        drop(shares.place(other, soon()).await.unwrap());
        open.pop();
        drop(shares.place(eve, soon()).await.unwrap());
        drop(open);
        shares.of(&"viewer:other".parse().unwrap());
        assert_eq!(
            shares.callers.lock().unwrap().len(),
            1,
            "the others are forgotten"
        );
    }
}
