//! The same on a real file system: what of the old file is kept, and what a
//! reader can see.

use std::{
    ffi::OsString,
    fs::{self, Permissions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use crate::support::{History, Publisher, options};
use hosts::format::render::{header, verify};
use node::publish::{Files as _, Over, RealFiles, ReplaceError, Work};
use tempfile::TempDir;

/// A directory with a path for a hosts file.
fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hosts");
    (dir, path)
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), ReplaceError> {
    let files = RealFiles::new();
    let replaced = files.replace(path, bytes, Over::Anything)?;
    assert!(replaced.in_place.is_none());
    assert_eq!(
        files.mark(path).unwrap(),
        Some(replaced.mark),
        "the mark is that of the new file"
    );
    assert_eq!(fs::read(path).unwrap(), bytes);
    Ok(())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(directory: &Path) -> Vec<OsString> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    names
}

#[test]
fn a_new_file_can_be_read_by_every_user() {
    let (dir, path) = place();
    replace(&path, b"new\n").unwrap();
    assert_eq!(mode(&path), 0o644);
    assert_eq!(names(dir.path()), ["hosts"]);
}

#[test]
fn the_mode_of_the_old_file_is_kept() {
    let (_dir, path) = place();
    for kept in [0o600, 0o640, 0o664, 0o666] {
        fs::write(&path, "old\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(kept)).unwrap();
        replace(&path, b"new\n").unwrap();
        assert_eq!(mode(&path), kept);
    }
}

#[test]
fn owner_and_group_of_the_old_file_are_kept() {
    let (_dir, path) = place();
    fs::write(&path, "old\n").unwrap();
    let root = fs::metadata(&path).unwrap().uid() == 0;
    if root {
        // Only root can give a file away; for others the owner is their own before and after.
        chown(&path, Some(12_345), Some(23_456)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    }
    let old = fs::metadata(&path).unwrap();
    replace(&path, b"new\n").unwrap();
    let new = fs::metadata(&path).unwrap();
    assert_ne!(new.ino(), old.ino());
    assert_eq!(
        (new.uid(), new.gid(), new.mode()),
        (old.uid(), old.gid(), old.mode())
    );
}

#[test]
fn extended_attributes_are_kept_where_there_are_any() {
    let (_dir, path) = place();
    fs::write(&path, "old\n").unwrap();
    if let Err(cause) = xattr::set(&path, "user.label", b"kept") {
        // `mounts` brings a file system that has them.
        writeln!(io::stderr(), "not run: no attributes here: {cause}").unwrap();
        return;
    }
    replace(&path, b"new\n").unwrap();
    assert_eq!(xattr::get(&path, "user.label").unwrap().unwrap(), b"kept");
}

#[test]
fn what_somebody_else_has_written_meanwhile_is_not_overwritten() {
    let (dir, path) = place();
    let files = RealFiles::new();
    fs::write(&path, "read\n").unwrap();
    let read = files.mark(&path).unwrap();
    fs::write(&path, "theirs\n").unwrap();
    let refused = files
        .replace(&path, b"ours\n", Over::Only(read))
        .unwrap_err();
    assert!(
        matches!(refused, ReplaceError::Changed { .. }),
        "{refused:?}"
    );
    let refused = files
        .replace(&path, b"ours\n", Over::Only(None))
        .unwrap_err();
    assert!(
        matches!(refused, ReplaceError::Changed { .. }),
        "{refused:?}"
    );
    assert_eq!(fs::read(&path).unwrap(), b"theirs\n");
    assert_eq!(names(dir.path()), ["hosts"]);
    let read = files.mark(&path).unwrap();
    files.replace(&path, b"ours\n", Over::Only(read)).unwrap();
    fs::remove_file(&path).unwrap();
    files.replace(&path, b"ours\n", Over::Only(None)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"ours\n");
}

#[test]
fn symbolic_links_stay_and_their_target_is_replaced() {
    let (dir, path) = place();
    let real = dir.path().join("real");
    fs::create_dir(&real).unwrap();
    fs::write(real.join("file"), "old\n").unwrap();
    symlink("real/second", &path).unwrap();
    symlink(real.join("file"), real.join("second")).unwrap();
    replace(&path, b"new\n").unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    assert!(
        fs::symlink_metadata(real.join("second"))
            .unwrap()
            .is_symlink()
    );
    assert_eq!(fs::read(real.join("file")).unwrap(), b"new\n");
    assert_eq!(names(&real), ["file", "second"]);
}

#[test]
fn a_link_to_nothing_gets_its_target_and_a_loop_is_refused() {
    let (dir, path) = place();
    symlink("later", &path).unwrap();
    replace(&path, b"new\n").unwrap();
    assert_eq!(fs::read(dir.path().join("later")).unwrap(), b"new\n");

    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    symlink(&a, &b).unwrap();
    symlink(&b, &a).unwrap();
    let refused = replace(&a, b"new\n").unwrap_err();
    assert!(
        matches!(refused, ReplaceError::Resolve { .. }),
        "{refused:?}"
    );
    assert!(fs::symlink_metadata(&a).unwrap().is_symlink());
}

#[test]
fn what_is_not_a_file_is_refused_and_left_alone() {
    let (_dir, path) = place();
    fs::create_dir(&path).unwrap();
    let refused = replace(&path, b"new\n").unwrap_err();
    assert!(
        refused.report().contains("is a directory"),
        "{}",
        refused.report()
    );
    assert!(path.is_dir());

    let (_dir, path) = place();
    let _socket = UnixListener::bind(&path).unwrap();
    let refused = replace(&path, b"new\n").unwrap_err();
    assert!(
        refused.report().contains("is a socket"),
        "{}",
        refused.report()
    );
    assert!(
        RealFiles::new().open(&path).is_err(),
        "it is not read either"
    );
}

#[test]
fn a_missing_directory_is_named_with_what_to_do() {
    let (dir, _) = place();
    let missing = dir.path().join("missing");
    let refused = replace(&missing.join("hosts"), b"new\n").unwrap_err();
    let report = refused.report();
    for part in [
        missing.to_str().unwrap(),
        "No such file",
        "create the directory",
    ] {
        assert!(report.contains(part), "{part:?} is not in {report:?}");
    }
    assert!(!missing.exists());
}

#[test]
fn a_path_through_a_file_is_an_error_with_its_cause() {
    let (_dir, path) = place();
    fs::write(&path, "a file\n").unwrap();
    let refused = replace(&path.join("hosts"), b"new\n").unwrap_err();
    let ReplaceError::Resolve { cause, .. } = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(cause.kind(), ErrorKind::NotADirectory);
}

#[test]
fn a_reader_never_sees_a_torn_file() {
    let (_dir, path) = place();
    let mut history = History::of(300);
    replace(&path, &history.rendered()).unwrap();
    let (done, seen) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                let bytes = fs::read(&path).expect("the file is never gone");
                assert!(verify(&bytes), "torn: {} bytes after {last}", bytes.len());
                let revision = header(&bytes).unwrap().revision.get();
                assert!(revision >= last, "{revision} after {last}");
                seen.fetch_add(u64::from(revision > last), Ordering::Relaxed);
                last = revision;
            }
        });
        // A busy machine may let the reader see few of the 200: then there are more.
        for rewrites in 0..5_000 {
            if reader.is_finished() || (rewrites >= 200 && seen.load(Ordering::Relaxed) >= 50) {
                break;
            }
            history.add();
            replace(&path, &history.rendered()).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
        assert!(
            seen.load(Ordering::Relaxed) >= 50,
            "only {seen:?} revisions were seen"
        );
    });
}

#[tokio::test]
async fn the_publisher_writes_a_real_file_and_leaves_equal_bytes_alone() {
    let (dir, path) = place();
    let leftover = dir.path().join(".hosts.rh-1-1");
    fs::write(&leftover, "half a fi").unwrap();
    let mut history = History::of(10);
    let mut options = options(&path);
    options.work = Work::Threads;

    let start = |history: &History| {
        Publisher::start_with(Arc::new(RealFiles::new()), options.clone(), history)
    };
    let mut publisher = start(&history);
    let first = publisher.until(|now| now.writes == 1).await;
    assert_eq!(fs::read(&path).unwrap(), history.rendered());
    assert!(!leftover.exists(), "what a killed process left is gone");
    publisher.stop().await;

    let before = fs::metadata(&path).unwrap();
    let mut publisher = start(&history);
    let revision = history.tag();
    publisher.feed(&history);
    let again = publisher.until_at(revision).await;
    let after = fs::metadata(&path).unwrap();
    assert_eq!((again.writes, again.sha256), (0, first.sha256));
    assert_eq!(
        (after.ino(), after.mtime_nsec()),
        (before.ino(), before.mtime_nsec())
    );
    publisher.stop().await;
}

#[tokio::test]
async fn the_check_repairs_a_real_file() {
    let (_dir, path) = place();
    let history = History::of(10);
    let mut options = options(&path);
    options.work = Work::Threads;
    options.check_every = Duration::from_millis(20);
    let mut publisher = Publisher::start_with(Arc::new(RealFiles::new()), options, &history);
    publisher.until(|now| now.writes == 1).await;
    fs::write(&path, "192.0.2.66 elsewhere.lan\n").unwrap();
    publisher.until(|now| now.writes == 2).await;
    assert_eq!(fs::read(&path).unwrap(), history.rendered());
    fs::remove_file(&path).unwrap();
    publisher.until(|now| now.writes == 3).await;
    assert_eq!(fs::read(&path).unwrap(), history.rendered());
    publisher.stop().await;
}

#[tokio::test]
async fn a_directory_in_the_way_is_reported_until_it_is_gone() {
    let (_dir, path) = place();
    fs::create_dir(&path).unwrap();
    let history = History::of(2);
    let mut options = options(&path);
    options.work = Work::Threads;
    let mut publisher = Publisher::start_with(Arc::new(RealFiles::new()), options, &history);
    let error = publisher.until_failed().await;
    assert!(
        error.contains("directory") && error.contains("[hosts] path"),
        "{error}"
    );
    fs::remove_dir(&path).unwrap();
    publisher
        .until(|now| now.writes == 1 && now.error.is_none())
        .await;
    assert_eq!(fs::read(&path).unwrap(), history.rendered());
    publisher.stop().await;
}
