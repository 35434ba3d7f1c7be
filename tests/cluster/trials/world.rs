//! A world of its own for a test: mounts, networks and processes that nobody else sees.
//!
//! The test runs again as process 1 of new namespaces. When it ends – well, in a panic, or killed with its parent –
//! the kernel kills every process in it and takes its mounts, networks and taps away. Only what lies outside of
//! namespaces can be left by a test that was killed: its directory and its control groups. Both carry the id of the
//! process, and the next world clears those of processes that are no more.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the files are; set inside only.
const ROOM: &str = "ROUTER_HOSTS_TRIALS_ROOM";
/// Whether these tests have to run.
const REQUIRED: &str = "ROUTER_HOSTS_REQUIRE_ROOT_TESTS";
/// Of everything that lies outside of the namespaces.
const PREFIX: &str = "router-hosts-trials-";

/// What a test needs to know of it.
pub(crate) struct World {
    /// A directory on a real file system.
    pub(crate) room: PathBuf,
}

/// Runs the test of this name again in a world of its own, and there `body`.
pub(crate) fn alone(test: &str, body: impl FnOnce(&World)) {
    if let Some(room) = env::var_os(ROOM) {
        let world = World { room: room.into() };
        // Names of networks, which end with the mounts.
        fs::create_dir_all(NETWORKS).unwrap();
        run(&["mount", "-t", "tmpfs", "tmpfs", NETWORKS]);
        // libfaketime keeps something there by process id, and these are not the ids of the world outside.
        run(&["mount", "-t", "tmpfs", "tmpfs", "/dev/shm"]);
        run(&["ip", "link", "set", "lo", "up"]);
        return body(&world);
    }
    if let Some(missing) = missing() {
        assert!(
            env::var_os(REQUIRED).is_none_or(|required| required != "1"),
            "{REQUIRED} is set, and there is no {missing}"
        );
        eprintln!("not run: there is no {missing}");
        return;
    }
    clear_leftovers();
    let room = tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{}-", std::process::id()))
        .tempdir()
        .unwrap();
    let mut inside = Command::new("setpriv");
    inside
        .args(["--pdeathsig", "KILL", "unshare"])
        .args(["--mount", "--propagation", "private", "--net"])
        .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(ROOM, room.path())
        // The harness talks there; what this test says goes elsewhere.
        .stdout(Stdio::null());
    let status = inside.status().unwrap();
    clear_groups(&group_name(room.path()));
    assert!(status.success(), "{test}: {status}");
}

impl World {
    /// A control group of this world under `controller` (version 1), which processes can be put into.
    pub(crate) fn group(&self, controller: &str, name: &str) -> PathBuf {
        let group = Path::new(GROUPS)
            .join(controller)
            .join(group_name(&self.room))
            .join(name);
        fs::create_dir_all(&group).unwrap();
        group
    }
}

const NETWORKS: &str = "/run/netns";
const GROUPS: &str = "/sys/fs/cgroup";
/// What faults of resources are made with.
const CONTROLLER: &str = "memory, cpu and blkio of control groups, version 1";

/// Runs a command that must succeed, and gives what it said.
#[track_caller]
pub(crate) fn run(words: &[&str]) -> String {
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{words:?}: {}: {said}",
        output.status
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The first thing these tests need and do not find.
fn missing() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("root");
    }
    let unshare = [
        "unshare",
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--mount-proc",
        "true",
    ];
    let needs: [(&[&str], &str); 11] = [
        (&unshare, "namespace of its own"),
        (&["test", "-c", "/dev/net/tun"], "/dev/net/tun"),
        (&["losetup", "--find"], "loop device"),
        (&["mkfs.ext4", "-V"], "mkfs.ext4"),
        (&["ss", "-V"], "ss (iproute2)"),
        (&["setpriv", "--version"], "setpriv"),
        (&["nsenter", "--version"], "nsenter"),
        (&["test", "-e", LIBFAKETIME], "libfaketime"),
        // Their files have other names in version 2.
        (&["test", "-d", "/sys/fs/cgroup/memory"], CONTROLLER),
        (&["test", "-d", "/sys/fs/cgroup/cpu"], CONTROLLER),
        (&["test", "-d", "/sys/fs/cgroup/blkio"], CONTROLLER),
    ];
    let failing = needs.iter().find(|(command, _)| !succeeds(command));
    failing.map(|(_, name)| *name)
}

/// Lies to one process about the time of day. Where Debian has it.
pub(crate) const LIBFAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

fn succeeds(command: &[&str]) -> bool {
    let status = Command::new(command[0])
        .args(&command[1..])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn group_name(room: &Path) -> String {
    room.file_name().unwrap().to_string_lossy().into_owned()
}

/// What worlds left whose process was killed.
fn clear_leftovers() {
    for entry in fs::read_dir(env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let process = rest.split('-').next().unwrap_or_default();
        if Path::new("/proc").join(process).exists() {
            continue;
        }
        clear_groups(&name);
        if let Err(error) = fs::remove_dir_all(entry.path()) {
            eprintln!("cannot remove {}: {error}", entry.path().display());
        }
    }
}

/// Removes the control groups of this name, which have no processes any more.
fn clear_groups(name: &str) {
    let Ok(controllers) = fs::read_dir(GROUPS) else {
        return;
    };
    for controller in controllers.flatten() {
        let group = controller.path().join(name);
        let Ok(inner) = fs::read_dir(&group) else {
            continue;
        };
        let dirs = inner.flatten().filter(|entry| entry.path().is_dir());
        for dir in dirs.map(|entry| entry.path()).chain([group]) {
            if let Err(error) = fs::remove_dir(&dir) {
                eprintln!("cannot remove {}: {error}", dir.display());
            }
        }
    }
}
