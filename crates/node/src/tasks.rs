//! The parts of a node that run by themselves: each has a name, a stop token
//! and an owner that awaits it.
//!
//! The first part that ends early, with an error or without, stops the whole
//! node, and its name is in the last line the node prints.

use std::{collections::BTreeMap, error::Error, future::Future, time::Duration};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// What a part ends with.
pub type PartResult = Result<(), Box<dyn Error + Send + Sync>>;

/// The running parts of one node.
#[derive(Debug, Default)]
pub struct Tasks {
    parts: JoinSet<(&'static str, PartResult)>,
    /// Of the running ones, for those that panic.
    names: BTreeMap<Id, &'static str>,
    stop: CancellationToken,
}

/// Why a node stopped before it was told to.
#[derive(Debug, thiserror::Error)]
#[error("the part `{part}` ended early")]
pub struct PartEnded {
    /// The part's name.
    pub part: &'static str,
    /// Its error, if it had one.
    #[source]
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Tasks {
    /// The token every part watches.
    #[must_use]
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts `part`, which returns soon after its token is cancelled.
    pub fn spawn<F, P>(&mut self, name: &'static str, part: P)
    where
        P: FnOnce(CancellationToken) -> F,
        F: Future<Output = PartResult> + Send + 'static,
    {
        let future = part(self.stop.clone());
        let handle = self.parts.spawn(async move { (name, future.await) });
        self.names.insert(handle.id(), name);
    }

    /// Waits until a part ends that was not told to.
    pub async fn ended_early(&mut self) -> PartEnded {
        match self.parts.join_next().await {
            Some(Ok((part, result))) => PartEnded {
                part,
                cause: result.err(),
            },
            Some(Err(panicked)) => panicked_part(&self.names, panicked),
            None => std::future::pending().await,
        }
    }

    /// Stops all parts and waits for them, `grace` at the most.
    ///
    /// # Errors
    /// The first part that failed while stopping, or did not stop in time.
    pub async fn stop(mut self, grace: Duration) -> Result<(), PartEnded> {
        self.stop.cancel();
        let mut failed = None;
        let drained = tokio::time::timeout(grace, async {
            while let Some(joined) = self.parts.join_next().await {
                let ended = match joined {
                    Ok((_, Ok(()))) => continue,
                    Ok((part, Err(cause))) => PartEnded {
                        part,
                        cause: Some(cause),
                    },
                    Err(panicked) => panicked_part(&self.names, panicked),
                };
                failed.get_or_insert(ended);
            }
        })
        .await;
        if drained.is_err() {
            let cause = format!("{} parts did not stop within {grace:?}", self.parts.len());
            self.parts.shutdown().await;
            failed.get_or_insert(PartEnded {
                part: "shutdown",
                cause: Some(cause.into()),
            });
        }
        failed.map_or(Ok(()), Err)
    }
}

fn panicked_part(names: &BTreeMap<Id, &'static str>, panicked: JoinError) -> PartEnded {
    PartEnded {
        part: names.get(&panicked.id()).copied().unwrap_or("task"),
        cause: Some(panicked.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_part_that_ends_early_is_named() {
        let mut tasks = Tasks::default();
        tasks.spawn("steady", |stop| async move {
            stop.cancelled().await;
            Ok(())
        });
        tasks.spawn("brittle", |_| async { Err("glass".into()) });
        let ended = tasks.ended_early().await;
        assert_eq!(ended.part, "brittle");
        assert_eq!(ended.cause.unwrap().to_string(), "glass");
        tasks.stop(Duration::from_secs(5)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_does_not_stop_is_ended_after_the_grace() {
        let mut tasks = Tasks::default();
        tasks.spawn("deaf", |_| std::future::pending());
        let ended = tasks.stop(Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(ended.part, "shutdown");
    }

    #[tokio::test]
    async fn a_part_that_panics_is_named() {
        let mut tasks = Tasks::default();
        tasks.spawn("glass", |_| async { panic!("dropped") });
        let ended = tasks.ended_early().await;
        assert_eq!(ended.part, "glass");
        assert!(ended.cause.is_some());
    }
}
