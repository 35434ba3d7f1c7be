//! What the earlier servers of this name did wrong with the hosts file, one
//! test for each: the name is the lesson.

use std::{
    fs::{self, Permissions},
    io::ErrorKind,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::Arc,
    time::Duration,
};

use crate::{
    mounts::{bind, with_machine},
    support::{DEBOUNCE, History, Publisher, options, pass},
};
use hosts::{Address, format::render::header};
use node::publish::{
    Files as _, Mode, Over, PublishOptions, RealFiles, Waited, memory::MemoryFiles, wait_published,
};
use tokio::time::Instant;

const PATH: &str = "/etc/hosts";

#[test]
fn the_mode_of_a_temporary_file_never_locks_resolvers_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hosts");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    let replace = || RealFiles::new().replace(&path, b"x\n", Over::Anything);
    replace().unwrap();
    assert_eq!(mode(), 0o644, "dnsmasq runs as nobody");
    fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
    replace().unwrap();
    assert_eq!(mode(), 0o664);
    let copy = RealFiles::new().keep_copy(&path, b"x\n").unwrap();
    let copied = fs::metadata(copy).unwrap().permissions().mode() & 0o777;
    assert_eq!(copied, 0o664);
}

#[tokio::test(start_paused = true)]
async fn localhost_the_own_name_and_local_lines_are_never_lost() {
    let system = "127.0.0.1\tlocalhost\n127.0.1.1\tattic.lan\tattic\n::1 localhost ip6-loopback\n\
                  ff02::1 ip6-allnodes\n192.0.2.9 by-hand.lan\n";
    for mode in [Mode::Block, Mode::Whole] {
        let files = Arc::new(MemoryFiles::new());
        files.put(Path::new(PATH), system.as_bytes());
        let options = PublishOptions {
            mode,
            ..options(Path::new(PATH))
        };
        let mut history = History::of(1);
        let mut publisher = Publisher::start_with(files.clone(), options, &history);
        for _ in 0..20 {
            history.add();
            publisher.feed(&history);
            pass(Duration::from_secs(1)).await;
            let file = String::from_utf8(files.bytes(Path::new(PATH)).unwrap()).unwrap();
            assert!(file.starts_with(system), "{mode:?}: {file}");
        }
        match mode {
            Mode::Block => assert_eq!(publisher.now().error, None),
            Mode::Whole => assert!(publisher.until_failed().await.contains("`localhost`")),
        }
        publisher.stop().await;
    }
}

#[test]
fn the_hosts_file_of_a_container_can_be_written() {
    let name = "lessons::the_hosts_file_of_a_container_can_be_written";
    with_machine(name, |machine| {
        // Docker binds a file of the host over the container's.
        let outside = machine.place("hosts-of-the-container");
        let path = machine.place("hosts");
        fs::write(&outside, "127.0.0.1 localhost\n").unwrap();
        fs::write(&path, "").unwrap();
        bind(&outside, &path);
        let refused = fs::rename(&outside, &path).unwrap_err();
        assert!(
            matches!(
                refused.kind(),
                ErrorKind::ResourceBusy | ErrorKind::CrossesDevices
            ),
            "{refused}"
        );
        let replaced = RealFiles::new().replace(&path, b"10.0.0.1 a.lan\n", Over::Anything);
        assert!(replaced.unwrap().in_place.is_some());
        assert_eq!(fs::read(&path).unwrap(), b"10.0.0.1 a.lan\n");
    });
}

#[test]
fn a_renamed_file_is_flushed_with_its_directory() {
    let name = "lessons::a_renamed_file_is_flushed_with_its_directory";
    with_machine(name, |machine| {
        let dir = machine.place("etc");
        fs::create_dir(&dir).unwrap();
        machine.sync();
        let path = dir.join("hosts");
        for text in ["10.0.0.1 a.lan\n", "10.0.0.2 a.lan\n"] {
            let replaced = RealFiles::new().replace(&path, text.as_bytes(), Over::Anything);
            replaced.unwrap();
            machine.cut();
            machine.restart();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    });
}

#[tokio::test(start_paused = true)]
async fn the_header_has_no_clock_and_equal_bytes_are_not_written() {
    let (files, mut history) = (Arc::new(MemoryFiles::new()), History::of(5));
    let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
    let first = publisher.until(|now| now.writes == 1).await;
    for _ in 0..10 {
        pass(Duration::from_secs(3_600)).await;
        let revision = history.tag();
        publisher.feed(&history);
        publisher.until_at(revision).await;
    }
    assert_eq!(
        (publisher.now().writes, publisher.now().sha256),
        (1, first.sha256)
    );
    publisher.stop().await;

    // Another node, hours later.
    let other = Arc::new(MemoryFiles::new());
    let mut publisher = Publisher::start(other.clone(), Path::new(PATH), &history);
    publisher.until(|now| now.writes == 1).await;
    assert_eq!(other.bytes(Path::new(PATH)), files.bytes(Path::new(PATH)));
    publisher.stop().await;
}

#[test]
fn addresses_are_sorted_as_numbers_and_not_as_text() {
    let text = "fd00::10 f.lan\n10.0.0.10 c.lan\nfd00::9 e.lan\n10.0.0.2 a.lan\n9.255.0.1 d.lan\n10.0.0.2 b.lan\n";
    let rendered = String::from_utf8(History::of_lines(text).rendered()).unwrap();
    let lines: Vec<_> = rendered.lines().skip(1).collect();
    let expected = [
        "9.255.0.1 d.lan",
        "10.0.0.2 a.lan",
        "10.0.0.2 b.lan",
        "10.0.0.10 c.lan",
        "fd00::9 e.lan",
        "fd00::10 f.lan",
    ];
    assert_eq!(lines, expected);
    assert!(Address::parse("10.0.0.2").unwrap() < Address::parse("10.0.0.10").unwrap());
}

/// One file and SIGHUP, as `deploy/dnsmasq` has it. Who watches the directory
/// instead must not load what stands beside the file for a moment, or for good.
#[test]
fn nothing_but_the_file_is_seen_in_a_directory_that_a_resolver_watches() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hosts");
    fs::write(&path, "127.0.0.1 localhost\n").unwrap();
    let visible = || -> Vec<_> {
        let names = fs::read_dir(dir.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.starts_with('.')).collect()
    };
    let files = RealFiles::new();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            files.keep_copy(&path, b"127.0.0.1 localhost\n").unwrap();
            for _ in 0..200 {
                files
                    .replace(&path, b"10.0.0.1 a.lan\n", Over::Anything)
                    .unwrap();
            }
        });
        while !writer.is_finished() {
            assert_eq!(visible(), ["hosts"]);
        }
        writer.join().unwrap();
    });
    assert_eq!(visible(), ["hosts"]);
    assert!(files.copy_of(&path).unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_is_told_to_whoever_waits_and_tried_again_without_a_new_edit() {
    let (files, history) = (Arc::new(MemoryFiles::new()), History::of(3));
    files.fail(ErrorKind::StorageFull, 6);
    let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
    let revision = history.projection.revision();
    let deadline = Instant::now() + Duration::from_secs(1);
    let outcome = wait_published(&mut publisher.receiver(), revision, deadline).await;
    assert!(
        matches!(&outcome, Waited::Failed(text) if text.contains("free space")),
        "{outcome:?}"
    );
    let now = publisher.now();
    assert!(now.error.is_some() && now.attempted == revision && now.sha256.is_none());
    let now = publisher.until_at(revision).await;
    assert_eq!((now.error, now.writes, files.attempts()), (None, 1, 7));
    publisher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_edits_is_a_few_writes_to_the_newest() {
    let (files, mut history) = (Arc::new(MemoryFiles::new()), History::of(1));
    let mut publisher = Publisher::start(files.clone(), Path::new(PATH), &history);
    publisher.until(|now| now.writes == 1).await;
    let began = Instant::now();
    for _ in 0..200 {
        history.add();
        publisher.feed(&history);
        pass(Duration::from_millis(1)).await;
    }
    publisher.until_at(history.projection.revision()).await;
    let steps = began.elapsed().as_millis() / DEBOUNCE.as_millis();
    let written = files.written();
    assert!(
        written.len() as u128 <= steps + 2,
        "{} writes",
        written.len()
    );
    let last = header(written.last().unwrap()).unwrap().revision;
    assert_eq!(last, history.projection.revision());
    publisher.stop().await;
}
