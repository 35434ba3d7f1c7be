//! A node whose clock is wrong never stamps a change, and the end of a
//! certificate is told before and after it.

use crate::support::{Cluster, added, until};
use hosts::Timestamp;
use node::{
    Seams,
    clock::{Clock, SystemClock},
};
use proto::cluster::{StatusRequest, Verdict};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

/// More than a clock may be off.
const WRONG: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_clock_stamps_nothing_from_its_start_to_the_loss_of_a_node() {
    let mut cluster = Cluster::planned(3);
    // With equal logs the highest id would be handed leadership.
    let wrong = 3;
    cluster.set_ahead(wrong, WRONG);
    for id in 1..=3 {
        cluster.start(id);
    }
    for id in 1..=3 {
        cluster.until_ready(id).await;
    }
    is_right(&added(&mut cluster.editor(wrong), "10.0.0.1", "a.lan").await);
    let noticed = async || {
        let status = cluster.status(wrong).await;
        status.explanation.contains("its clock is 600 s ahead") && cluster.leader().await != wrong
    };
    until(noticed).await;

    let lost = cluster.leader().await;
    cluster.stop(lost).await.unwrap();
    // Two clocks are left, and cannot tell any more which one is wrong.
    let begun = SystemTime::now();
    let mut n = 1;
    while begun.elapsed().unwrap() < TWO_LOOKS {
        n += 1;
        let (address, name) = (format!("10.0.0.{}", n % 250), format!("h{n}.lan"));
        is_right(&added(&mut cluster.editor(wrong), &address, &name).await);
    }
    cluster.end().await;
}

/// As long as a verdict that is forgotten would take to be.
const TWO_LOOKS: Duration = Duration::from_secs(5);

#[track_caller]
fn is_right(host: &proto::v1::HostEntry) {
    let stamped = host.created_at.as_ref().unwrap().seconds;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap().as_secs().cast_signed();
    assert!((now - stamped).abs() < 60, "{stamped} is stamped at {now}");
}

/// A clock that jumps while the node runs.
#[derive(Debug, Default)]
struct Jumping {
    ahead_ms: AtomicU64,
}

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        let ahead = self.ahead_ms.load(Ordering::SeqCst);
        Timestamp::from_millis(SystemClock.now().as_millis() + ahead)
    }

    fn seed(&self) -> u128 {
        SystemClock.seed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_told_of_before_and_after_its_end() {
    let mut cluster = Cluster::planned(1);
    let clock = Arc::new(Jumping::default());
    let seams = Seams {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        ..cluster.seams(1)
    };
    cluster.start_on(1, seams);
    cluster.until_ready(1).await;
    // This connection outlives the certificates of both its ends.
    let mut ops = cluster.ops(1);
    let soon = ops.status(StatusRequest {}).await.unwrap().into_inner();
    assert_eq!(soon.verdict(), Verdict::Healthy, "{soon:?}");
    assert!(soon.explanation.contains("ends at "), "{soon:?}");
    assert!(soon.explanation.contains(" minutes: renew it"), "{soon:?}");

    clock.ahead_ms.store(2 * 3_600_000, Ordering::SeqCst);
    let over = ops.status(StatusRequest {}).await.unwrap().into_inner();
    assert_eq!(over.verdict(), Verdict::Degraded, "{over:?}");
    assert!(over.explanation.contains("ended at "), "{over:?}");
    cluster.end().await;
}
