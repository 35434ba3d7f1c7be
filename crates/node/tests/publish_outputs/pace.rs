//! How often is written: at once, then in steps, and not at all for nothing.

use std::{path::Path, sync::Arc, time::Duration};

use crate::support::{DEBOUNCE, History, Publisher, pass, settle};
use node::publish::{Waited, memory::MemoryFiles, wait_published};
use tokio::time::Instant;

const PATH: &str = "/hosts";

#[tokio::test(start_paused = true)]
async fn the_first_change_after_a_quiet_time_is_written_without_waiting() {
    let (files, mut history) = (Arc::new(MemoryFiles::new()), History::of(1));
    let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
    for quiet in [Duration::ZERO, DEBOUNCE, Duration::from_secs(5)] {
        pass(quiet).await;
        let fed = Instant::now();
        publisher.feed(&history);
        publisher.until_at(history.projection.revision()).await;
        assert_eq!(Instant::now(), fed, "after {quiet:?}");
        assert_eq!(files.bytes(Path::new(PATH)), Some(history.rendered()));
        history.add();
    }
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_a_few_writes_and_ends_with_its_last_change() {
    let (files, mut history) = (Arc::new(MemoryFiles::new()), History::of(1));
    let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
    publisher.until_at(history.projection.revision()).await;
    let (before, began) = (files.attempts(), Instant::now());
    for _ in 0..1_000 {
        history.add();
        publisher.feed(&history);
        pass(Duration::from_millis(1)).await;
    }
    let last = publisher.until_at(history.projection.revision()).await;
    let steps = began.elapsed().as_millis() / DEBOUNCE.as_millis();
    let writes = files.attempts() - before;
    assert!(
        u128::from(writes) <= steps + 1,
        "{writes} writes in {steps} steps"
    );
    assert!(
        writes >= 10,
        "changes do not wait for the end of a burst: {writes}"
    );
    assert!(
        began.elapsed() <= Duration::from_millis(1_000) + DEBOUNCE,
        "{:?}",
        began.elapsed()
    );
    assert_eq!(last.writes, files.attempts());
    assert_eq!(files.bytes(Path::new(PATH)), Some(history.rendered()));
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_renders_the_same_is_published_without_a_write() {
    let (files, mut history) = (Arc::new(MemoryFiles::new()), History::of(1));
    let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
    let first = publisher.until_at(history.projection.revision()).await;
    let revision = history.tag();
    publisher.feed(&history);
    let second = publisher.until_at(revision).await;
    assert_eq!((second.writes, second.sha256), (first.writes, first.sha256));
    assert_eq!(files.attempts(), 1);
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_waiter_is_answered_when_its_revision_is_in_the_file() {
    let (files, mut history) = (Arc::new(MemoryFiles::new()), History::of(1));
    let publisher = Publisher::start(files, Path::new(PATH), &history);
    let mut receiver = publisher.receiver();
    let soon = || Instant::now() + Duration::from_secs(1);
    let revision = history.add();
    assert_eq!(
        wait_published(&mut receiver, revision, soon()).await,
        Waited::Pending
    );
    publisher.feed(&history);
    assert_eq!(
        wait_published(&mut receiver, revision, soon()).await,
        Waited::Published
    );
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_projection_makes_a_file_where_there_is_none() {
    let (files, history) = (Arc::new(MemoryFiles::new()), History::default());
    let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
    publisher.until(|now| now.writes == 1).await;
    assert_eq!(files.bytes(Path::new(PATH)), Some(history.rendered()));
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_ends_is_published_to_its_last_value() {
    let (files, mut history) = (Arc::new(MemoryFiles::new()), History::of(1));
    let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
    publisher.until_at(history.projection.revision()).await;
    let revision = history.add();
    publisher.feed(&history);
    publisher.end_source();
    publisher.until_at(revision).await;
    settle().await;
    assert!(
        !publisher.has_ended(),
        "it goes on until it is told to stop"
    );
    publisher.stop().await;
}
