//! The block in a file that others write, too: their bytes stay, ours are
//! kept right, and what is no block any more is left alone and told.

use std::{
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::support::{CLUSTER, History, Publisher, options, pass};
use hosts::{
    Revision,
    format::{
        block::{append, find},
        render::{header, verify},
    },
};
use node::{
    identity::ClusterId,
    publish::{
        FileMark, Files, Mode, Over, PublishOptions, ReplaceError, Replaced, memory::MemoryFiles,
    },
};

const PATH: &str = "/etc/hosts";
const SYSTEM: &str = "127.0.0.1\tlocalhost\r\n127.0.1.1 attic attic.lan\n\n\
                      ::1 localhost ip6-localhost\n# by hand\n192.0.2.9  theirs.lan";

fn in_block() -> PublishOptions {
    PublishOptions {
        mode: Mode::Block,
        ..options(Path::new(PATH))
    }
}

fn with(file: &str) -> Arc<MemoryFiles> {
    let files = Arc::new(MemoryFiles::new());
    files.put(Path::new(PATH), file.as_bytes());
    files
}

fn start(files: &Arc<MemoryFiles>, history: &History) -> Publisher {
    Publisher::start_with(files.clone(), in_block(), history)
}

fn text(files: &MemoryFiles) -> String {
    String::from_utf8(files.bytes(Path::new(PATH)).unwrap()).unwrap()
}

/// What stands between the markers.
fn inside(files: &MemoryFiles) -> Vec<u8> {
    let file = files.bytes(Path::new(PATH)).unwrap();
    find(&file).unwrap().expect("a block").inside.to_vec()
}

#[tokio::test(start_paused = true)]
async fn the_block_is_appended_once_and_the_file_is_kept_as_it_was() {
    let (files, mut history) = (with(SYSTEM), History::default());
    let mut publisher = start(&files, &history);
    pass(Duration::from_secs(60)).await;
    assert_eq!(text(&files), SYSTEM, "nothing to say yet");
    for _ in 0..3 {
        let revision = history.add();
        publisher.feed(&history);
        publisher.until_at(revision).await;
        let expected = append(SYSTEM.as_bytes(), &history.rendered());
        assert_eq!(text(&files).as_bytes(), expected);
    }
    let copy = files.copy_of(Path::new(PATH)).unwrap().expect("a copy");
    assert_eq!(files.bytes(&copy).unwrap(), SYSTEM.as_bytes());
    publisher.stop().await;

    // A later process finds it.
    let revision = history.add();
    let mut publisher = start(&files, &history);
    publisher.until_at(revision).await;
    let expected = append(SYSTEM.as_bytes(), &history.rendered());
    assert_eq!(text(&files).as_bytes(), expected);
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_hash_that_nodes_compare_is_that_of_the_rendering() {
    let history = History::of(3);
    let mut whole = Publisher::start(Arc::new(MemoryFiles::new()), Path::new(PATH), &history);
    let expected = whole.until_at(Revision::new(3)).await.sha256;
    for system in [SYSTEM, "", "10.9.9.9 other\n"] {
        let mut publisher = start(&with(system), &history);
        let published = publisher.until_at(Revision::new(3)).await;
        assert_eq!(published.sha256, expected, "{system:?}");
        publisher.stop().await;
    }
    whole.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_block_that_somebody_has_placed_is_used_where_it_is() {
    let file = "127.0.0.1 localhost\r\n# BEGIN router-hosts\r\n# END router-hosts\r\n::1 localhost";
    let (files, history) = (with(file), History::of(2));
    let mut publisher = start(&files, &history);
    publisher.until_at(Revision::new(2)).await;
    let ours = String::from_utf8(history.rendered()).unwrap();
    let expected = file.replace("hosts\r\n# END", &format!("hosts\r\n{ours}# END"));
    assert_eq!(text(&files), expected);
    assert_eq!(files.copy_of(Path::new(PATH)).unwrap(), None);
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn lines_of_others_may_change_at_any_time() {
    let (files, mut history) = (with(SYSTEM), History::of(1));
    let mut publisher = start(&files, &history);
    publisher.until(|now| now.writes == 1).await;
    let mut others = SYSTEM.to_owned() + "\n";
    for n in 0..5 {
        let changed = text(&files).replacen(&others, &format!("{others}10.9.9.{n} n{n}\n"), 1);
        others = format!("{others}10.9.9.{n} n{n}\n");
        files.put(
            Path::new(PATH),
            format!("{changed}# after {n}\n").as_bytes(),
        );
        if n % 2 == 0 {
            let revision = history.add();
            publisher.feed(&history);
            publisher.until_at(revision).await;
        }
        // Nobody writes because somebody else has.
        let writes = publisher.now().writes;
        pass(Duration::from_secs(120)).await;
        assert_eq!(
            (publisher.now().writes, publisher.now().repairs),
            (writes, 0)
        );
    }
    let after = "# after 0\n# after 1\n# after 2\n# after 3\n# after 4\n";
    let mut expected = append(others.as_bytes(), &history.rendered());
    expected.extend_from_slice(after.as_bytes());
    assert_eq!(text(&files).as_bytes(), expected);
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_block_changed_by_somebody_else_is_repaired_and_counted() {
    let (files, history) = (with(SYSTEM), History::of(3));
    let mut publisher = start(&files, &history);
    publisher.until(|now| now.writes == 1).await;
    let good = text(&files);
    for (n, from, to) in [
        (1, "10.0.0.1 h1.lan\n", ""),
        (
            2,
            "10.0.0.1 h1.lan\n",
            "10.0.0.1 h1.lan\n10.0.0.66 added.lan\n",
        ),
        (3, "# router-hosts revision 3", "# router-hosts revision 2"),
    ] {
        let damaged = good.replacen(from, to, 1);
        assert_ne!(damaged, good);
        files.put(Path::new(PATH), damaged.as_bytes());
        let now = publisher.until(|now| now.repairs == n).await;
        assert_eq!(now.writes, n + 1);
        assert_eq!(text(&files), good);
    }
    files.remove(Path::new(PATH));
    publisher.until(|now| now.repairs == 4).await;
    assert_eq!(text(&files).as_bytes(), append(b"", &history.rendered()));
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn markers_that_vanish_double_or_turn_stop_the_writing_until_they_are_right() {
    let (files, mut history) = (with(SYSTEM), History::of(1));
    let mut publisher = start(&files, &history);
    publisher.until(|now| now.writes == 1).await;
    let (begin, end) = ("# BEGIN router-hosts\n", "# END router-hosts\n");
    let good = text(&files);
    for (broken, words) in [
        (good.replace(begin, ""), "no `# BEGIN router-hosts`"),
        (good.replace(end, ""), "no `# END router-hosts`"),
        (good.replace(begin, "").replace(end, ""), "put back"),
        (SYSTEM.to_owned(), "put back"),
        (String::new(), "put back"),
        (format!("{good}{good}"), "again on line"),
        (
            good.replace(begin, &format!("{begin}{begin}")),
            "again on line",
        ),
        (
            good.replace(begin, "x")
                .replace(end, begin)
                .replace('x', end),
            "comes before",
        ),
    ] {
        files.put(Path::new(PATH), broken.as_bytes());
        // With a change, and without one.
        for change in [true, false] {
            if change {
                history.add();
                publisher.feed(&history);
            }
            let error = publisher.until_failed().await;
            assert!(error.contains(words) && error.contains(PATH), "{error}");
            pass(Duration::from_secs(60)).await;
            assert_eq!(text(&files), broken);
        }
        // Right again, with the rendering of before in it: the newest follows by itself.
        files.put(Path::new(PATH), good.as_bytes());
        publisher.until(|now| now.error.is_none()).await;
        let expected = append(SYSTEM.as_bytes(), &history.rendered());
        assert_eq!(text(&files).as_bytes(), expected);
        files.put(Path::new(PATH), good.as_bytes());
    }
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn markers_taken_away_while_the_node_was_down_are_not_appended_again() {
    let (files, history) = (with(SYSTEM), History::of(2));
    let mut publisher = start(&files, &history);
    publisher.until(|now| now.writes == 1).await;
    publisher.stop().await;

    let edited = format!("{SYSTEM}\n192.0.2.10 new.lan\n");
    files.put(Path::new(PATH), edited.as_bytes());
    let mut publisher = start(&files, &history);
    let error = publisher.until_failed().await;
    let copy = files.copy_of(Path::new(PATH)).unwrap().expect("a copy");
    assert!(error.contains(copy.to_str().unwrap()), "{error}");
    pass(Duration::from_secs(60)).await;
    assert_eq!(text(&files), edited);
    publisher.stop().await;

    // What the report says to do for a new start.
    files.remove(&copy);
    let mut publisher = start(&files, &history);
    publisher.until_at(Revision::new(2)).await;
    let expected = append(edited.as_bytes(), &history.rendered());
    assert_eq!(text(&files).as_bytes(), expected);
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_between_the_copy_and_the_block_is_no_loss() {
    let (files, history) = (with(SYSTEM), History::of(2));
    files.keep_copy(Path::new(PATH), SYSTEM.as_bytes()).unwrap();
    let mut publisher = start(&files, &history);
    publisher.until_at(Revision::new(2)).await;
    assert_eq!(inside(&files), history.rendered());
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_at_the_first_block_is_tried_again() {
    let (files, history) = (with(SYSTEM), History::of(2));
    files.fail(ErrorKind::StorageFull, 3);
    let mut publisher = start(&files, &history);
    let error = publisher.until_failed().await;
    assert!(error.contains("free space"), "{error}");
    assert_eq!(
        files.copy_of(Path::new(PATH)).unwrap(),
        None,
        "no block, no copy"
    );
    // Somebody writes in between: that is no lost block.
    files.put(Path::new(PATH), b"127.0.0.1 localhost\n");
    publisher.until_at(Revision::new(2)).await;
    let expected = append(b"127.0.0.1 localhost\n", &history.rendered());
    assert_eq!(text(&files).as_bytes(), expected);
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_first_block_that_tears_the_file_leaves_the_copy() {
    let torn = Arc::new(Tears(MemoryFiles::new()));
    torn.0.put(Path::new(PATH), SYSTEM.as_bytes());
    let mut publisher = Publisher::start_with(torn.clone(), in_block(), &History::of(2));
    let copy = |error: &str| {
        let copy = torn.copy_of(Path::new(PATH)).unwrap().expect("a copy");
        assert_eq!(torn.0.bytes(&copy).unwrap(), SYSTEM.as_bytes(), "{error}");
        copy
    };
    copy(&publisher.until_failed().await);
    // What is left of the file is no place for a block; the report names the copy.
    pass(Duration::from_secs(60)).await;
    let error = publisher.now().error.unwrap();
    assert!(error.contains(copy(&error).to_str().unwrap()), "{error}");
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_below_the_revision_of_the_block_is_written() {
    let newest = History::of(9);
    let file = append(SYSTEM.as_bytes(), &newest.rendered());
    let whole = newest.rendered();
    let no_localhost = append(b"10.9.9.9 theirs.lan\n", &whole);
    // The block, and a whole file from before the mode was changed, in both modes.
    for (present, mode) in [
        (&file, Mode::Block),
        (&whole, Mode::Block),
        (&whole, Mode::Whole),
        (&no_localhost, Mode::Whole),
    ] {
        let files = Arc::new(MemoryFiles::new());
        files.put(Path::new(PATH), present);
        let mut history = History::of(4);
        let options = PublishOptions {
            mode,
            ..options(Path::new(PATH))
        };
        let mut publisher = Publisher::start_with(files.clone(), options, &history);
        let found = publisher.until(|now| now.revision > Revision::new(0)).await;
        assert_eq!(found.revision, Revision::new(9));
        while history.projection.revision() < Revision::new(8) {
            history.add();
            publisher.feed(&history);
            pass(Duration::from_secs(40)).await;
            assert_eq!(files.attempts(), 0);
        }
        history.add();
        let revision = history.add();
        publisher.feed(&history);
        publisher.until_at(revision).await;
        assert_eq!(files.attempts(), 1);
        publisher.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_floor_holds_for_a_block_whose_markers_come_back_later() {
    let newest = append(SYSTEM.as_bytes(), &History::of(9).rendered());
    let newest = String::from_utf8(newest).unwrap();
    for broken in [
        newest.replace("# END router-hosts\n", ""),
        format!("{newest}{newest}"),
        String::new(),
    ] {
        let (files, mut history) = (with(&broken), History::of(4));
        if broken.is_empty() {
            files.keep_copy(Path::new(PATH), b"before").unwrap();
        }
        let mut publisher = start(&files, &history);
        publisher.until_failed().await;
        files.put(Path::new(PATH), newest.as_bytes());
        publisher
            .until(|now| now.revision == Revision::new(9))
            .await;
        history.add();
        publisher.feed(&history);
        pass(Duration::from_secs(60)).await;
        assert_eq!(text(&files), newest);
        publisher.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_floor_holds_for_a_block_that_comes_after_the_first_look() {
    let newest = append(SYSTEM.as_bytes(), &History::of(9).rendered());
    let newest = String::from_utf8(newest).unwrap();
    let (files, mut history) = (with(SYSTEM), History::default());
    let mut publisher = start(&files, &history);
    pass(Duration::from_secs(60)).await;
    // As a copy of another node's file.
    files.put(Path::new(PATH), newest.as_bytes());
    for _ in 0..5 {
        history.add();
        publisher.feed(&history);
        pass(Duration::from_secs(1)).await;
        assert_eq!(text(&files), newest);
    }
    assert_eq!(publisher.now().revision, Revision::new(9));
    while history.projection.revision() < Revision::new(10) {
        history.add();
    }
    publisher.feed(&history);
    publisher.until_at(Revision::new(10)).await;
    assert_eq!(inside(&files), history.rendered());
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_block_of_another_cluster_is_no_floor() {
    let other = ClusterId::from_u128(CLUSTER.as_u128() + 1);
    let theirs = append(SYSTEM.as_bytes(), &History::of(9).rendered_by(other));
    let files = with(std::str::from_utf8(&theirs).unwrap());
    let history = History::of(4);
    let mut publisher = start(&files, &history);
    publisher.until_at(Revision::new(4)).await;
    assert_eq!(inside(&files), history.rendered());
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_whole_file_of_this_cluster_becomes_a_block() {
    let history = History::of(4);
    let files = Arc::new(MemoryFiles::new());
    files.put(Path::new(PATH), &history.rendered());
    let mut publisher = start(&files, &history);
    publisher.until(|now| now.writes == 1).await;
    assert_eq!(text(&files).as_bytes(), append(b"", &history.rendered()));
    assert_eq!(files.copy_of(Path::new(PATH)).unwrap(), None);
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn names_that_also_stand_outside_are_told_while_they_do() {
    let shadowing = format!("{SYSTEM}\n10.0.0.200 H0.lan h1.lan\n");
    let (files, history) = (with(&shadowing), History::of(3));
    let mut publisher = start(&files, &history);
    let now = publisher.until(|now| now.writes == 1).await;
    let [warning] = &now.warnings[..] else {
        panic!("{:?}", now.warnings);
    };
    assert!(
        warning.ends_with(": h0.lan (line 7), h1.lan (line 7)"),
        "{warning}"
    );
    files.put(
        Path::new(PATH),
        text(&files).replace("H0.lan h1.lan", "x.lan").as_bytes(),
    );
    let now = publisher.until(|now| now.warnings.is_empty()).await;
    assert_eq!(now.writes, 1);
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_node_writes_nothing_and_reads_nothing() {
    let (files, history) = (with(SYSTEM), History::of(3));
    let mut publisher = start(&files, &history);
    publisher.until(|now| now.writes == 1).await;
    let reads = files.reads();
    pass(Duration::from_secs(24 * 3_600)).await;
    assert_eq!((files.attempts(), files.reads()), (1, reads));
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn every_version_of_the_block_is_whole_and_none_goes_back() {
    let (files, mut history) = (with(SYSTEM), History::of(1));
    for _ in 0..5 {
        let mut publisher = start(&files, &history);
        for _ in 0..10 {
            history.add();
            publisher.feed(&history);
            pass(Duration::from_millis(20)).await;
        }
        publisher.until_at(history.projection.revision()).await;
        publisher.stop().await;
    }
    let mut last = 0;
    for file in files.written() {
        let inside = find(&file).unwrap().expect("a block").inside;
        assert!(verify(inside) && file.starts_with(SYSTEM.as_bytes()));
        let revision = header(inside).unwrap().revision.get();
        assert!(revision > last, "{revision} after {last}");
        last = revision;
    }
    assert_eq!(last, history.projection.revision().get());
}

/// Files that are overwritten in place on a disk that fails half-way.
#[derive(Debug)]
struct Tears(MemoryFiles);

impl Files for Tears {
    fn clean(&self, path: &Path) -> io::Result<usize> {
        self.0.clean(path)
    }

    fn mark(&self, path: &Path) -> io::Result<Option<FileMark>> {
        self.0.mark(path)
    }

    fn open(&self, path: &Path) -> io::Result<Option<Box<dyn Read + Send>>> {
        self.0.open(path)
    }

    fn replace(&self, path: &Path, bytes: &[u8], _over: Over) -> Result<Replaced, ReplaceError> {
        self.0.put(path, &bytes[..20]);
        Err(ReplaceError::Torn {
            path: path.to_owned(),
            cause: ErrorKind::StorageFull.into(),
        })
    }

    fn copy_of(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        self.0.copy_of(path)
    }

    fn keep_copy(&self, path: &Path, bytes: &[u8]) -> Result<PathBuf, ReplaceError> {
        self.0.keep_copy(path, bytes)
    }

    fn remove_copy(&self, path: &Path) -> io::Result<()> {
        self.0.remove_copy(path)
    }
}
