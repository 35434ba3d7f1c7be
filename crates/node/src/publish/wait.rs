//! Waiting until a revision is in the file.

use hosts::Revision;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::Published;

/// What became of a wait for a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The file has it.
    Published,
    /// An attempt to write it failed; the text is [`Published::error`]. The
    /// publisher goes on trying.
    Failed(String),
    /// Neither happened before the deadline.
    Pending,
}

/// Waits until every change up to `revision` is in the file, or an attempt to
/// write it has failed, or `deadline`. A failure from before this revision
/// counts only once an attempt at this revision has failed too.
pub async fn wait_published(
    published: &mut watch::Receiver<Published>,
    revision: Revision,
    deadline: Instant,
) -> Waited {
    let outcome = |now: &Published| {
        if now.revision >= revision {
            return Some(Waited::Published);
        }
        now.error
            .clone()
            .filter(|_| now.attempted >= revision)
            .map(Waited::Failed)
    };
    let settled = published.wait_for(|now| outcome(now).is_some());
    match timeout_at(deadline, settled).await {
        Ok(Ok(now)) => outcome(&now).unwrap_or(Waited::Pending),
        Ok(Err(_ended)) => Waited::Failed("the publisher of this node has ended".to_owned()),
        Err(_elapsed) => Waited::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn published(revision: u64, attempted: u64, error: Option<&str>) -> Published {
        let mut now = Published::nothing("/hosts".into());
        now.revision = Revision::new(revision);
        now.attempted = Revision::new(attempted);
        now.error = error.map(str::to_owned);
        now
    }

    async fn wait_for_7(now: &mut watch::Receiver<Published>) -> Waited {
        let deadline = Instant::now() + Duration::from_secs(5);
        wait_published(now, Revision::new(7), deadline).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_answer_is_what_happened_to_that_revision() {
        for (now, expected) in [
            (published(7, 7, None), Waited::Published),
            (published(9, 9, Some("disk full")), Waited::Published),
            (
                published(6, 7, Some("disk full")),
                Waited::Failed("disk full".into()),
            ),
            (published(6, 6, Some("an earlier failure")), Waited::Pending),
            (published(6, 6, None), Waited::Pending),
        ] {
            let (_keep, mut receiver) = watch::channel(now.clone());
            assert_eq!(wait_for_7(&mut receiver).await, expected, "{now:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_publisher_that_ends_is_a_failure() {
        let (sender, mut receiver) = watch::channel(published(6, 6, None));
        drop(sender);
        assert!(matches!(wait_for_7(&mut receiver).await, Waited::Failed(_)));
    }
}
