//! What is there at the start decides what may be written.

use std::{path::Path, sync::Arc, time::Duration};

use crate::support::{CLUSTER, History, Publisher, options, pass};
use hosts::{HostId, Revision, View, format::render::render};
use node::{identity::ClusterId, publish::memory::MemoryFiles};
use sha2::{Digest as _, Sha256};

const PATH: &str = "/hosts";

#[tokio::test(start_paused = true)]
async fn nothing_below_the_revision_of_the_present_file_is_written() {
    let newest = History::of(9);
    let files = Arc::new(MemoryFiles::new());
    files.put(Path::new(PATH), &newest.rendered());

    let mut history = History::of(4);
    let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
    let found = publisher.until(|now| now.sha256.is_some()).await;
    assert_eq!(
        found.revision,
        Revision::new(9),
        "what the file holds counts"
    );
    while history.projection.revision() < Revision::new(9) {
        pass(Duration::from_secs(1)).await;
        assert_eq!(files.attempts(), 0, "at {}", history.projection.revision());
        history.add();
        publisher.feed(&history);
    }
    pass(Duration::from_secs(1)).await;
    assert_eq!(files.attempts(), 0, "the same bytes are not written again");

    let revision = history.add();
    publisher.feed(&history);
    publisher.until_at(revision).await;
    assert_eq!(files.written(), [history.rendered()]);
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn revisions_in_the_file_never_go_back_over_many_restarts() {
    let files = Arc::new(MemoryFiles::new());
    let mut newest = 0;
    // Where each process starts and how far it comes before it ends.
    for (from, to) in [(1, 6), (2, 4), (5, 7), (1, 7), (7, 8), (3, 12)] {
        let mut history = History::of(from);
        let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
        while history.projection.revision() < Revision::new(to) {
            history.add();
            publisher.feed(&history);
            pass(Duration::from_millis(60)).await;
        }
        newest = newest.max(to);
        publisher.until_at(Revision::new(newest)).await;
        publisher.stop().await;
        let expected = History::of(newest).rendered();
        assert_eq!(
            files.bytes(Path::new(PATH)),
            Some(expected),
            "from {from} to {to}"
        );
    }
    let revisions: Vec<_> = files
        .written()
        .iter()
        .map(|bytes| revision_of(bytes))
        .collect();
    assert!(revisions.is_sorted(), "{revisions:?}");
}

#[tokio::test(start_paused = true)]
async fn the_file_of_another_cluster_is_no_floor() {
    let other = ClusterId::from_u128(CLUSTER.as_u128() + 1);
    let files = Arc::new(MemoryFiles::new());
    files.put(Path::new(PATH), &History::of(9).rendered_by(other));
    let history = History::of(4);
    let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
    publisher.until_at(Revision::new(4)).await;
    assert_eq!(files.bytes(Path::new(PATH)), Some(history.rendered()));
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_is_no_floor_and_is_replaced() {
    let mut damaged = History::of(9).rendered();
    damaged.truncate(damaged.len() - 5);
    let files = Arc::new(MemoryFiles::new());
    files.put(Path::new(PATH), &damaged);
    let history = History::of(4);
    let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
    publisher.until_at(Revision::new(4)).await;
    assert_eq!(files.bytes(Path::new(PATH)), Some(history.rendered()));
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_foreign_file_stays_until_there_is_a_change_to_write() {
    let foreign = b"192.0.2.1 theirs.lan\n";
    let files = Arc::new(MemoryFiles::new());
    files.put(Path::new(PATH), foreign);
    let mut history = History::default();
    let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
    pass(Duration::from_secs(120)).await;
    assert_eq!(files.bytes(Path::new(PATH)).unwrap(), foreign);
    let revision = history.add();
    publisher.feed(&history);
    publisher.until_at(revision).await;
    assert_eq!(files.bytes(Path::new(PATH)), Some(history.rendered()));
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_whole_file_does_not_take_localhost_away() {
    let system = b"127.0.0.1 localhost\n192.0.2.1 theirs.lan\n";
    let files = Arc::new(MemoryFiles::new());
    files.put(Path::new(PATH), system);
    let history = History::of(3);
    let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
    let error = publisher.until_failed().await;
    for part in [PATH, "`localhost`", "mode = \"block\""] {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
    pass(Duration::from_secs(60)).await;
    assert_eq!(files.bytes(Path::new(PATH)).unwrap(), system);
    files.remove(Path::new(PATH));
    publisher.until_at(Revision::new(3)).await;
    assert_eq!(files.bytes(Path::new(PATH)), Some(history.rendered()));
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_differs_at_its_own_revision_is_repaired() {
    let history = History::of(4);
    let wrong = forged(Revision::new(4), "192.0.2.1 wrong.lan\n");
    let files = Arc::new(MemoryFiles::new());
    files.put(Path::new(PATH), &wrong);
    let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
    publisher.until(|now| now.writes == 1).await;
    assert_eq!(files.bytes(Path::new(PATH)), Some(history.rendered()));
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn another_view_is_written_at_the_start() {
    let mut history = History::of(4);
    let revision = history.comment();
    let files = Arc::new(MemoryFiles::new());
    let mut options = options(Path::new(PATH));
    for comments in [true, false, true] {
        options.comments = comments;
        let mut publisher = Publisher::start_with(files.clone(), options.clone(), &history);
        publisher
            .until(|now| now.revision >= revision && now.writes == 1)
            .await;
        let view = View {
            comments,
            cluster: Some(CLUSTER.as_u128()),
        };
        assert_eq!(
            files.bytes(Path::new(PATH)),
            Some(render(&history.projection, &view))
        );
        publisher.stop().await;
    }
}

/// A file that is whole by its own hash, whatever it says.
fn forged(revision: Revision, body: &str) -> Vec<u8> {
    let sha256: String = Sha256::digest(body)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let cluster = HostId::from_u128(CLUSTER.as_u128());
    format!("# router-hosts revision {revision} sha256 {sha256} cluster {cluster}\n{body}").into()
}

fn revision_of(bytes: &[u8]) -> u64 {
    hosts::format::render::header(bytes).unwrap().revision.get()
}
