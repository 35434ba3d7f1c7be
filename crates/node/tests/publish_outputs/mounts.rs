//! The ladder on real mounts: files bound over files, file systems that are
//! full or read-only, labels, and a power cut. Each test is alone in a mount
//! namespace.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    machine::{Machine, with_room},
    support::{History, Publisher, options},
};
use hosts::{Revision, format::block::append};
use node::publish::{Files as _, Mode, Over, PublishOptions, RealFiles, Work};

const SYSTEM: &[u8] = b"127.0.0.1 localhost\r\n::1 localhost";

fn mount(arguments: &[&str], place: &Path) {
    let mut command = Command::new("mount");
    let status = command.args(arguments).arg(place).status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

pub(crate) fn bind(file: &Path, over: &Path) {
    mount(&["--bind", file.to_str().unwrap()], over);
}

/// Runs `body` in a mount namespace, with a file system of its own.
pub(crate) fn with_machine(test: &str, body: impl FnOnce(&Machine)) {
    with_room(test, |room| body(&Machine::new(room, "machine")));
}

/// An empty directory of the machine.
fn room(machine: &Machine) -> PathBuf {
    let room = machine.place("room");
    if room.exists() {
        fs::remove_dir_all(&room).unwrap();
    }
    fs::create_dir(&room).unwrap();
    room
}

/// A file system of this many KiB, in a new directory.
fn tmpfs(directory: PathBuf, kib: u32) -> PathBuf {
    fs::create_dir(&directory).unwrap();
    let size = format!("size={kib}k");
    mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], &directory);
    directory
}

/// Writes to `directory` until it is full.
fn fill(directory: &Path) -> PathBuf {
    let filler = directory.join("filler");
    fs::write(&filler, vec![b'x'; 8 << 20]).unwrap_err();
    filler
}

/// Runs a publisher of `history` at `path` as a node does.
fn publish(
    path: &Path,
    mode: Mode,
    history: &mut History,
    test: impl AsyncFnOnce(&mut Publisher, &mut History),
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let options = PublishOptions {
            mode,
            work: Work::Threads,
            ..options(path)
        };
        let mut publisher =
            Publisher::start_with(std::sync::Arc::new(RealFiles::new()), options, history);
        test(&mut publisher, history).await;
        publisher.stop().await;
    });
}

#[test]
fn a_file_bound_over_the_path_is_overwritten_in_place_with_a_warning() {
    let name = "mounts::a_file_bound_over_the_path_is_overwritten_in_place_with_a_warning";
    with_machine(name, |machine| {
        let dir = room(machine);
        let (outside, path) = (dir.join("outside"), dir.join("hosts"));
        fs::write(&outside, SYSTEM).unwrap();
        fs::write(&path, "covered\n").unwrap();
        bind(&outside, &path);
        let inode = fs::metadata(&outside).unwrap().ino();
        let mut history = History::of(3);
        publish(&path, Mode::Block, &mut history, async |publisher, _| {
            let now = publisher.until(|now| now.writes == 1).await;
            let [warning] = &now.warnings[..] else {
                panic!("{:?}", now.warnings);
            };
            assert!(warning.contains("in place") && warning.contains("mount its directory"));
        });
        // The other side of the mount sees it: that is what it is for.
        assert_eq!(
            fs::read(&outside).unwrap(),
            append(SYSTEM, &history.rendered())
        );
        history = History::of(1);
        fs::write(&outside, "").unwrap();
        publish(&path, Mode::Whole, &mut history, async |publisher, _| {
            publisher.until(|now| now.writes == 1).await;
        });
        assert_eq!(
            fs::read(&outside).unwrap(),
            history.rendered(),
            "shorter, too"
        );
        assert_eq!(fs::metadata(&outside).unwrap().ino(), inode);
    });
}

#[test]
fn a_writable_file_bound_into_a_read_only_directory_is_overwritten_in_place() {
    let name = "mounts::a_writable_file_bound_into_a_read_only_directory_is_overwritten_in_place";
    with_machine(name, |machine| {
        let dir = room(machine);
        let outside = dir.join("outside");
        fs::write(&outside, "").unwrap();
        let read_only = tmpfs(dir.join("etc"), 64);
        let path = read_only.join("hosts");
        fs::write(&path, "").unwrap();
        bind(&outside, &path);
        mount(&["-o", "remount,ro"], &read_only);
        let mut history = History::of(3);
        publish(&path, Mode::Whole, &mut history, async |publisher, _| {
            let now = publisher.until(|now| now.writes == 1).await;
            assert_eq!(now.warnings.len(), 1);
        });
        assert_eq!(fs::read(&outside).unwrap(), history.rendered());
    });
}

#[test]
fn a_first_block_without_room_for_a_copy_says_how_to_do_without() {
    let name = "mounts::a_first_block_without_room_for_a_copy_says_how_to_do_without";
    with_machine(name, |machine| {
        let dir = room(machine);
        let outside = dir.join("outside");
        fs::write(&outside, SYSTEM).unwrap();
        let read_only = tmpfs(dir.join("etc"), 64);
        let path = read_only.join("hosts");
        fs::write(&path, "").unwrap();
        bind(&outside, &path);
        mount(&["-o", "remount,ro"], &read_only);
        let mut history = History::of(3);
        publish(&path, Mode::Block, &mut history, async |publisher, _| {
            let error = publisher.until_failed().await;
            assert!(error.contains("`# BEGIN router-hosts`"), "{error}");
            assert_eq!(fs::read(&outside).unwrap(), SYSTEM);
            let placed = [SYSTEM, b"\n# BEGIN router-hosts\n# END router-hosts\n"].concat();
            fs::write(&outside, placed).unwrap();
            publisher
                .until(|now| now.writes == 1 && now.error.is_none())
                .await;
        });
        assert_eq!(
            fs::read(&outside).unwrap(),
            append(SYSTEM, &history.rendered())
        );
    });
}

#[test]
fn a_full_disk_keeps_the_last_good_file_until_there_is_room() {
    let name = "mounts::a_full_disk_keeps_the_last_good_file_until_there_is_room";
    with_machine(name, |machine| {
        for mode in [Mode::Whole, Mode::Block] {
            let dir = tmpfs(room(machine).join("full"), 256);
            let path = dir.join("hosts");
            let mut history = History::of(200);
            publish(&path, mode, &mut history, async |publisher, history| {
                publisher.until(|now| now.writes == 1).await;
                let good = fs::read(&path).unwrap();
                let filler = fill(&dir);
                let revision = history.add();
                publisher.feed(history);
                let error = publisher.until_failed().await;
                assert!(
                    error.contains("No space left") && error.contains("free space"),
                    "{error}"
                );
                assert_eq!(fs::read(&path).unwrap(), good);
                let names: Vec<_> = fs::read_dir(&dir).unwrap().collect();
                assert_eq!(names.len(), 2, "no temporary takes the room: {names:?}");
                fs::remove_file(filler).unwrap();
                let now = publisher.until_at(revision).await;
                assert_eq!((now.writes, now.error), (2, None));
            });
            let bytes = fs::read_to_string(&path).unwrap();
            assert!(bytes.contains(" h200.lan\n"), "{bytes}");
            let gone = Command::new("umount").arg(&dir).status().unwrap();
            assert!(gone.success());
        }
    });
}

#[test]
fn a_disk_that_is_full_half_way_through_a_file_in_place_gets_the_old_bytes_back() {
    let name =
        "mounts::a_disk_that_is_full_half_way_through_a_file_in_place_gets_the_old_bytes_back";
    with_machine(name, |machine| {
        let dir = room(machine);
        let full = tmpfs(dir.join("full"), 256);
        let (outside, path) = (full.join("outside"), dir.join("hosts"));
        let old = "10.0.0.1 old.lan\n".repeat(300);
        fs::write(&outside, &old).unwrap();
        fs::write(&path, "").unwrap();
        bind(&outside, &path);
        let filler = fill(&full);
        let files = RealFiles::new();
        let longer = "10.0.0.2 new.lan\n".repeat(3_000);
        let refused = files
            .replace(&path, longer.as_bytes(), Over::Anything)
            .unwrap_err();
        let report = refused.report();
        assert!(
            report.contains("in place: No space left") && report.contains("free space"),
            "{report}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), old);
        fs::remove_file(filler).unwrap();
        let replaced = files
            .replace(&path, longer.as_bytes(), Over::Anything)
            .unwrap();
        assert!(replaced.in_place.is_some());
        assert_eq!(fs::read_to_string(&outside).unwrap(), longer);
    });
}

#[test]
fn a_read_only_file_system_keeps_the_last_good_file_until_it_is_writable() {
    let name = "mounts::a_read_only_file_system_keeps_the_last_good_file_until_it_is_writable";
    with_machine(name, |machine| {
        let dir = tmpfs(room(machine).join("etc"), 256);
        let path = dir.join("hosts");
        fs::write(&path, SYSTEM).unwrap();
        let mut history = History::of(2);
        publish(
            &path,
            Mode::Block,
            &mut history,
            async |publisher, history| {
                publisher.until(|now| now.writes == 1).await;
                let good = fs::read(&path).unwrap();
                mount(&["-o", "remount,ro"], &dir);
                let revision = history.add();
                publisher.feed(history);
                let error = publisher.until_failed().await;
                assert!(error.contains("mount the file system writable"), "{error}");
                assert_eq!(fs::read(&path).unwrap(), good);
                mount(&["-o", "remount,rw"], &dir);
                publisher.until_at(revision).await;
            },
        );
        assert_eq!(
            fs::read(&path).unwrap(),
            append(SYSTEM, &history.rendered())
        );
    });
}

#[test]
fn a_file_that_is_bound_read_only_is_reported() {
    with_machine(
        "mounts::a_file_that_is_bound_read_only_is_reported",
        |machine| {
            let path = room(machine).join("hosts");
            fs::write(&path, "10.0.0.1 old.lan\n").unwrap();
            bind(&path, &path);
            mount(&["-o", "remount,bind,ro"], &path);
            publish(
                &path,
                Mode::Whole,
                &mut History::of(2),
                async |publisher, _| {
                    let error = publisher.until_failed().await;
                    assert!(error.contains("mount the file system writable"), "{error}");
                },
            );
            assert_eq!(fs::read(&path).unwrap(), b"10.0.0.1 old.lan\n");
        },
    );
}

#[test]
fn the_selinux_label_and_other_attributes_come_with_the_new_file() {
    let name = "mounts::the_selinux_label_and_other_attributes_come_with_the_new_file";
    with_machine(name, |machine| {
        let path = room(machine).join("hosts");
        fs::write(&path, SYSTEM).unwrap();
        let kept: [(&str, &[u8]); 3] = [
            ("security.selinux", b"system_u:object_r:net_conf_t:s0\0"),
            ("trusted.label", b"of a container"),
            ("user.label", b"of somebody"),
        ];
        for (name, value) in kept {
            xattr::set(&path, name, value).unwrap();
        }
        let inode = fs::metadata(&path).unwrap().ino();
        publish(
            &path,
            Mode::Block,
            &mut History::of(2),
            async |publisher, _| {
                publisher.until(|now| now.writes == 1).await;
            },
        );
        let copy = RealFiles::new().copy_of(&path).unwrap().expect("a copy");
        for file in [&path, &copy] {
            assert_ne!(fs::metadata(file).unwrap().ino(), inode, "another file");
            for (name, value) in kept {
                assert_eq!(
                    xattr::get(file, name).unwrap().as_deref(),
                    Some(value),
                    "{name}"
                );
            }
        }
    });
}

#[test]
fn what_was_published_is_there_after_a_power_cut() {
    with_machine(
        "mounts::what_was_published_is_there_after_a_power_cut",
        |machine| {
            let path = room(machine).join("hosts");
            fs::write(&path, SYSTEM).unwrap();
            machine.sync();
            let mut history = History::of(1);
            // The first block, its copy, and a replacement: each is flushed with its directory.
            for _ in 0..3 {
                let revision = history.add();
                publish(&path, Mode::Block, &mut history, async |publisher, _| {
                    publisher.until_at(revision).await;
                    machine.cut();
                });
                machine.restart();
                assert_eq!(
                    fs::read(&path).unwrap(),
                    append(SYSTEM, &history.rendered())
                );
                let copy = RealFiles::new().copy_of(&path).unwrap().expect("a copy");
                assert_eq!(fs::read(copy).unwrap(), SYSTEM);
            }
            assert_eq!(history.projection.revision(), Revision::new(4));
        },
    );
}
