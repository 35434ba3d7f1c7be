//! A machine whose power can be cut: a file system in a file, mounted where
//! nobody else sees it.

use std::{
    env,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use rustix::ioctl::{Opcode, Setter, ioctl, opcode};

/// Where the machine is; set in the namespace of a test only.
const ROOM: &str = "ROUTER_HOSTS_TEST_ROOM";
/// Whether these tests have to run.
const REQUIRED: &str = "ROUTER_HOSTS_REQUIRE_ROOT_TESTS";

/// `EXT4_IOC_SHUTDOWN` of the kernel's `fs/ext4/ext4.h`.
const SHUTDOWN: Opcode = opcode::read::<u32>(b'X', 125);
/// `EXT4_GOING_FLAGS_NOLOGFLUSH`: the journal is not written out before.
const NO_LOG_FLUSH: u32 = 2;

/// What the largest campaign needs; the file has holes where nothing is.
const IMAGE_BYTES: u64 = 768 << 20;

/// Runs the test of this name again in a mount namespace of its own, and
/// there `body` with a directory for machines. With the namespace go its
/// mounts, whatever happens.
pub(crate) fn with_room(test: &str, body: impl FnOnce(&Path)) {
    if let Some(room) = env::var_os(ROOM) {
        dies_with_parent();
        return body(Path::new(&room));
    }
    if !is_possible() {
        assert!(
            env::var_os(REQUIRED).is_none_or(|required| required != "1"),
            "{REQUIRED} is set, and root or loop devices are missing"
        );
        let mut said = io::stderr();
        writeln!(said, "not run: needs root and loop devices").unwrap();
        return;
    }
    let room = tempfile::tempdir().unwrap();
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(ROOM, room.path())
        // The harness talks there; what this test says goes elsewhere.
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{test}: {status}");
}

/// Nobody may be left working if the test is killed.
pub(crate) fn dies_with_parent() {
    let signal = rustix::process::Signal::KILL;
    rustix::process::set_parent_process_death_signal(Some(signal)).unwrap();
}

fn is_possible() -> bool {
    rustix::process::geteuid().is_root()
        && succeeds(&["losetup", "--find"])
        && succeeds(&["unshare", "--mount", "true"])
        && succeeds(&["mkfs.ext4", "-V"])
}

fn succeeds(command: &[&str]) -> bool {
    let status = Command::new(command[0])
        .args(&command[1..])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// The machine; dropping it takes its file system away.
pub(crate) struct Machine {
    image: PathBuf,
    dir: PathBuf,
}

impl Machine {
    /// A new one of this name.
    pub(crate) fn new(room: &Path, name: &str) -> Self {
        let machine = Self {
            image: room.join(format!("{name}.image")),
            dir: room.join(name),
        };
        fs::create_dir(&machine.dir).unwrap();
        let image = File::create(&machine.image).unwrap();
        image.set_len(IMAGE_BYTES).unwrap();
        run(Command::new("mkfs.ext4")
            .args(["-q", "-F"])
            .arg(&machine.image));
        machine.mount();
        machine
    }

    /// A directory or file in it.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Makes all there is durable.
    pub(crate) fn sync(&self) {
        run(Command::new("sync").arg("--file-system").arg(&self.dir));
    }

    /// The power goes: what was not flushed is lost, and every call fails.
    #[expect(unsafe_code, reason = "nobody wraps this request of ext4")]
    pub(crate) fn cut(&self) {
        let dir = File::open(&self.dir).unwrap();
        // SAFETY: the request reads one u32, and that is what it is given.
        let request = unsafe { Setter::<SHUTDOWN, u32>::new(NO_LOG_FLUSH) };
        // SAFETY: the request touches no memory of this process.
        unsafe { ioctl(&dir, request) }.unwrap();
    }

    /// The power comes back. Nobody may have a file open.
    pub(crate) fn restart(&self) {
        let until = 100;
        for attempt in 0..=until {
            if self.unmount(&[]) {
                break;
            }
            assert!(attempt < until, "the file system is still in use");
            thread::sleep(Duration::from_millis(20));
        }
        self.mount();
    }

    fn mount(&self) {
        run(Command::new("mount")
            .args(["-o", "loop"])
            .arg(&self.image)
            .arg(&self.dir));
    }

    fn unmount(&self, options: &[&str]) -> bool {
        let mut command = Command::new("umount");
        command.args(options).arg(&self.dir).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Whatever is still open in it keeps its device until it is closed.
        self.unmount(&["--lazy"]);
    }
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
