//! One node: a process of `router-hosts serve` in its network namespace, on a disk of its own.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::machine::Machine;
use crate::net::space_file;
use crate::world::LIBFAKETIME;

/// Its files are on `machine`, but for its configuration and its log, which no fault of the disk may reach.
pub(crate) struct Node {
    /// From 1, as its id.
    pub(crate) number: usize,
    pub(crate) machine: Machine,
    dir: PathBuf,
    process: Option<Child>,
    /// Whether the process reads a clock that can be set.
    clock: bool,
}

impl Node {
    /// It does not run yet. `dir` has its `config.toml`.
    pub(crate) fn new(number: usize, dir: PathBuf, machine: Machine) -> Self {
        Self {
            number,
            machine,
            dir,
            process: None,
            clock: false,
        }
    }

    pub(crate) fn name(&self) -> String {
        format!("n{}", self.number)
    }

    /// Starts a process, which serves some time later.
    #[track_caller]
    pub(crate) fn start(&mut self) {
        assert!(!self.runs(), "{} runs already", self.name());
        let log = File::options()
            .append(true)
            .create(true)
            .open(self.log_path())
            .unwrap();
        // It becomes the program: the process is the node's. `ip netns exec` would give it mounts of its own, and with
        // them hold the disks of all others.
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", space_file(self.number)));
        command.arg(binary()).args(["serve", "--config"]);
        command.arg(self.dir.join("config.toml"));
        command
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap());
        if self.clock {
            self.set_clock("+0");
            command
                .env("LD_PRELOAD", LIBFAKETIME)
                .env("FAKETIME_TIMESTAMP_FILE", self.clock_path())
                .env("FAKETIME_NO_CACHE", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                .env("NO_FAKE_STAT", "1");
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.process = Some(command.spawn().unwrap());
    }

    /// From the next start on it has a clock that can be set.
    pub(crate) fn give_clock(&mut self) {
        self.clock = true;
    }

    /// Whether its clock can be set.
    pub(crate) fn has_clock(&self) -> bool {
        self.clock
    }

    /// Moves its clock: `+0` is right, `-86400` a day behind, in seconds.
    pub(crate) fn set_clock(&self, by: &str) {
        // Replaced whole: it is read at any moment.
        let new = self.dir.join("clock.new");
        fs::write(&new, format!("{by}\n")).unwrap();
        fs::rename(new, self.clock_path()).unwrap();
    }

    fn clock_path(&self) -> PathBuf {
        self.dir.join("clock")
    }

    /// Whether its process has not ended.
    pub(crate) fn runs(&mut self) -> bool {
        let process = self.process.as_mut();
        process.is_some_and(|process| process.try_wait().unwrap().is_none())
    }

    /// Its process, which may have ended.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(self.process.as_ref().expect("it was started"))
    }

    /// A signal that does not end it.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// SIGKILL, and the end of its process. A node that has ended already is left alone.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// How its process ended, which it has to within `limit`; `None` if it runs on.
    pub(crate) fn end_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + limit;
        let process = self.process.as_mut().expect("it was started");
        loop {
            if let Some(status) = process.try_wait().unwrap() {
                self.process = None;
                return Some(status);
            }
            if Instant::now() > end {
                return None;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.machine.place("data")
    }

    /// Its hosts file.
    pub(crate) fn hosts(&self) -> PathBuf {
        self.machine.place("hosts")
    }

    /// What its processes have said, from byte `from` on.
    pub(crate) fn log(&self, from: usize) -> String {
        let bytes = fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).into_owned()
    }

    /// How much its processes have said.
    pub(crate) fn log_length(&self) -> usize {
        fs::read(self.log_path()).map_or(0, |bytes| bytes.len())
    }

    fn log_path(&self) -> PathBuf {
        self.dir.join("log")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // It may be stopped, or have ended.
            process.kill().ok();
            process.wait().ok();
        }
    }
}

/// The program under test: the one that was built with this test, or another one, with a planted fault perhaps.
fn binary() -> OsString {
    env::var_os("ROUTER_HOSTS_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_router-hosts").into())
}

/// The bytes of a directory's files are another's now.
#[track_caller]
pub(crate) fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success(), "cannot copy {from:?}");
}
