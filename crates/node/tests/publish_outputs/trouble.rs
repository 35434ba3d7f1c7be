//! Disk trouble, foreign hands, and being told to stop in the middle.

use std::{
    fmt,
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use crate::support::{DEBOUNCE, History, Publisher, options, pass, settle};
use node::publish::{
    FileMark, Files, Mode, Over, ReplaceError, Replaced, Waited, Work, memory::MemoryFiles,
    wait_published,
};
use tokio::time::Instant;

const PATH: &str = "/etc/router-hosts";

#[tokio::test(start_paused = true)]
async fn a_failed_write_keeps_the_last_good_file_and_says_what_to_do() {
    for (kind, advice) in [
        (
            ErrorKind::ReadOnlyFilesystem,
            "mount the file system writable",
        ),
        (ErrorKind::StorageFull, "free space"),
        (ErrorKind::PermissionDenied, "let the node's user write"),
        (ErrorKind::NotFound, "create the directory"),
        (ErrorKind::Other, "look at the disk"),
    ] {
        let (files, mut history) = (Arc::new(MemoryFiles::new()), History::of(1));
        let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
        publisher.until_at(history.projection.revision()).await;
        let good = files.bytes(Path::new(PATH));
        files.fail(kind, u64::MAX);
        history.add();
        publisher.feed(&history);
        let error = publisher.until_failed().await;
        for part in [PATH, &io::Error::from(kind).to_string(), advice] {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
        assert_eq!(files.bytes(Path::new(PATH)), good);
        assert_eq!(
            publisher.now().entries,
            Some(2),
            "what should have been written"
        );
        files.heal();
        let healed = publisher.until_at(history.projection.revision()).await;
        assert_eq!(healed.error, None);
        assert_eq!(files.bytes(Path::new(PATH)), Some(history.rendered()));
        publisher.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_grow_rarer_until_they_are_ten_seconds_apart() {
    let (files, history) = (Arc::new(MemoryFiles::new()), History::of(1));
    files.fail(ErrorKind::StorageFull, u64::MAX);
    let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
    publisher.until_failed().await;
    let mut gaps = Vec::new();
    let mut last = Instant::now();
    while gaps.len() < 9 {
        let before = files.attempts();
        while files.attempts() == before {
            pass(Duration::from_millis(10)).await;
            assert!(
                last.elapsed() < Duration::from_secs(11),
                "no attempt since {gaps:?}"
            );
        }
        gaps.push(last.elapsed().as_millis());
        last = Instant::now();
    }
    for (gap, expected) in gaps
        .iter()
        .zip([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000])
    {
        assert!((expected..=expected + 20).contains(gap), "{gaps:?}");
    }
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_change_is_tried_at_once_and_a_waiter_is_told_of_its_failure() {
    let (files, mut history) = (Arc::new(MemoryFiles::new()), History::of(1));
    files.fail(ErrorKind::StorageFull, u64::MAX);
    let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
    publisher.until_failed().await;
    pass(Duration::from_secs(100)).await; // the wait is ten seconds by now

    let mut receiver = publisher.receiver();
    let revision = history.add();
    publisher.feed(&history);
    let deadline = Instant::now() + 2 * DEBOUNCE;
    let outcome = wait_published(&mut receiver, revision, deadline).await;
    assert!(
        matches!(&outcome, Waited::Failed(text) if text.contains(PATH)),
        "{outcome:?}"
    );

    files.heal();
    let revision = history.add();
    publisher.feed(&history);
    let deadline = Instant::now() + 2 * DEBOUNCE;
    assert_eq!(
        wait_published(&mut receiver, revision, deadline).await,
        Waited::Published
    );
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_changed_or_removed_by_somebody_else_is_written_again() {
    let (files, history) = (Arc::new(MemoryFiles::new()), History::of(3));
    let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
    publisher.until(|now| now.writes == 1).await;

    files.put(Path::new(PATH), b"192.0.2.66 elsewhere.lan\n");
    publisher.until(|now| now.writes == 2).await;
    assert_eq!(files.bytes(Path::new(PATH)), Some(history.rendered()));

    // A newer rendering of ours cannot have come from this node.
    files.put(Path::new(PATH), &History::of(9).rendered());
    publisher.until(|now| now.writes == 3).await;
    assert_eq!(files.bytes(Path::new(PATH)), Some(history.rendered()));

    files.remove(Path::new(PATH));
    publisher.until(|now| now.writes == 4).await;
    assert_eq!(files.bytes(Path::new(PATH)), Some(history.rendered()));

    // Touched, but the same.
    files.put(Path::new(PATH), &history.rendered());
    pass(Duration::from_secs(120)).await;
    assert_eq!(files.attempts(), 4);
    publisher.stop().await;
}

#[tokio::test]
async fn a_write_that_has_begun_is_finished_before_the_end() {
    let (files, entered, release) = Gated::new();
    let files = Arc::new(files);
    let history = History::of(1);
    let mut options = options(Path::new(PATH));
    options.work = Work::Threads;
    let mut publisher = Publisher::start_with(files.clone(), options, &history);
    tokio::task::spawn_blocking(move || entered.recv())
        .await
        .unwrap()
        .unwrap();

    publisher.stop.cancel();
    settle().await;
    assert!(!publisher.has_ended());
    assert_eq!(files.inner.bytes(Path::new(PATH)), None);
    release.send(()).unwrap();
    publisher.ended().await;
    assert_eq!(files.inner.bytes(Path::new(PATH)), Some(history.rendered()));
}

/// Each attempt flushes a file for nothing; a new change is tried at once all the same.
#[tokio::test(start_paused = true)]
async fn a_file_that_may_not_be_renamed_over_is_tried_every_five_minutes_at_last() {
    for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem] {
        let (files, mut history) = (Arc::new(MemoryFiles::new()), History::of(1));
        files.fail_renames(kind);
        let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
        publisher.until_failed().await;
        for _ in 0..3_600 {
            pass(Duration::from_secs(1)).await;
        }
        let attempts = files.attempts();
        assert!((13..=30).contains(&attempts), "{attempts} in an hour");

        files.heal();
        let revision = history.add();
        publisher.feed(&history);
        publisher.until_at(revision).await;
        publisher.stop().await;
    }
}

/// Readers have the new file, so whoever waits for it is told, and nothing is written twice.
#[tokio::test(start_paused = true)]
async fn a_directory_that_cannot_be_flushed_is_a_warning_and_the_file_is_published() {
    for mode in [Mode::Whole, Mode::Block] {
        let (files, mut history) = (Arc::new(MemoryFiles::new()), History::of(1));
        let mut options = options(Path::new(PATH));
        options.mode = mode;
        let mut publisher = Publisher::start_with(files.clone(), options, &history);
        publisher.until_at(history.projection.revision()).await;

        files.fail_directory_flushes(ErrorKind::Other);
        for writes in 2..4 {
            let revision = history.add();
            publisher.feed(&history);
            let now = publisher.until(|now| now.attempted >= revision).await;
            assert_eq!((now.revision, now.writes), (revision, writes), "{now:?}");
            assert_eq!(now.error, None);
            let [warning] = &now.warnings[..] else {
                panic!("one warning: {now:?}");
            };
            assert!(warning.contains("power cut"), "{warning}");
            pass(Duration::from_secs(120)).await;
            assert_eq!(files.attempts(), writes, "{mode:?}: nothing is repeated");
        }

        files.heal();
        let revision = history.add();
        publisher.feed(&history);
        let now = publisher.until_at(revision).await;
        assert_eq!(now.warnings, [""; 0]);
        publisher.stop().await;
    }
}

/// Files whose writes wait for a word of the test.
struct Gated {
    inner: MemoryFiles,
    entered: mpsc::Sender<()>,
    released: Mutex<mpsc::Receiver<()>>,
}

impl Gated {
    fn new() -> (Self, mpsc::Receiver<()>, mpsc::Sender<()>) {
        let (entered, has_entered) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let released = Mutex::new(released);
        (
            Self {
                inner: MemoryFiles::new(),
                entered,
                released,
            },
            has_entered,
            release,
        )
    }
}

impl fmt::Debug for Gated {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Gated")
    }
}

impl Files for Gated {
    fn clean(&self, path: &Path) -> io::Result<usize> {
        self.inner.clean(path)
    }

    fn mark(&self, path: &Path) -> io::Result<Option<FileMark>> {
        self.inner.mark(path)
    }

    fn open(&self, path: &Path) -> io::Result<Option<Box<dyn Read + Send>>> {
        self.inner.open(path)
    }

    fn replace(&self, path: &Path, bytes: &[u8], over: Over) -> Result<Replaced, ReplaceError> {
        self.entered.send(()).unwrap();
        self.released.lock().unwrap().recv().unwrap();
        self.inner.replace(path, bytes, over)
    }

    fn copy_of(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        self.inner.copy_of(path)
    }

    fn keep_copy(&self, path: &Path, bytes: &[u8]) -> Result<PathBuf, ReplaceError> {
        self.inner.keep_copy(path, bytes)
    }

    fn remove_copy(&self, path: &Path) -> io::Result<()> {
        self.inner.remove_copy(path)
    }
}
