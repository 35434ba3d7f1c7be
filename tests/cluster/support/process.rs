//! Processes: the binary under test, its end awaited with a bound, and a `dev` that does not outlive its test.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::until::LIMIT;

/// The program under test.
const BINARY: &str = env!("CARGO_BIN_EXE_router-hosts");

/// The binary with these words, and nothing of this process's environment but where programs are.
pub(crate) fn binary(words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(BINARY);
    command.args(words).env_clear();
    for name in ["PATH", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// Waits for the end of a child; kills it and fails when it does not come.
#[track_caller]
pub(crate) fn ended_within(child: &mut Child, limit: Duration) -> ExitStatus {
    match end_within(child, limit) {
        Some(status) => status,
        None => {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("a process did not end within {} s", limit.as_secs())
        }
    }
}

/// Runs a command to its end, within the bound of all waiting, and gives what it said.
#[track_caller]
pub(crate) fn output_within(command: &mut Command, limit: Duration) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    // Read beside, so that neither pipe can fill up and hold the child.
    let stdout = thread::spawn(move || {
        let mut bytes = Vec::new();
        out.read_to_end(&mut bytes).map(|_| bytes).unwrap()
    });
    let stderr = thread::spawn(move || {
        let mut bytes = Vec::new();
        err.read_to_end(&mut bytes).map(|_| bytes).unwrap()
    });
    let status = ended_within(&mut child, limit);
    Output {
        status,
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    }
}

fn end_within(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if Instant::now() > end {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// A `dev` and its nodes. It runs `cat` on a pipe that this process holds: when the pipe closes – because the test is
/// over, or this process is gone – `dev` stops its nodes in good order and ends.
pub(crate) struct Dev {
    child: Child,
    hold: Option<ChildStdin>,
    /// Kept, so that `dev` can always write.
    _stdout: BufReader<ChildStdout>,
}

impl Dev {
    /// Starts the cluster in `dir` and waits until it is one. What `dev` says goes to `log`.
    #[track_caller]
    pub(crate) fn start(dir: &Path, log: &Path, words: &[String]) -> Self {
        let stderr = File::options().append(true).create(true).open(log).unwrap();
        let mut child = binary(["dev", "--dir"])
            .arg(dir)
            .args(words)
            .args(["--run", "sh", "-c", "echo ready; exec cat >/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let hold = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while line != "ready\n" {
            line.clear();
            if stdout.read_line(&mut line).unwrap() == 0 {
                let status = ended_within(&mut child, LIMIT);
                let said = fs::read_to_string(log).unwrap();
                panic!("dev ended at its start ({status}):\n{said}");
            }
        }
        Self {
            child,
            hold,
            _stdout: stdout,
        }
    }

    /// Has it stop its nodes, and waits for its end.
    pub(crate) fn stop(&mut self) -> Option<ExitStatus> {
        drop(self.hold.take());
        end_within(&mut self.child, LIMIT)
    }

    /// Kills it alone: its nodes stay, as after a crash.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if self.stop().is_none() {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

/// Kills what is left of the node in `dir`.
pub(crate) fn kill_left(dir: &Path) {
    if let Some(process) = process_of(dir) {
        // It may have ended just now.
        kill_process(process, Signal::KILL).ok();
    }
}

/// The process of the node in `dir`: the one that its `pid` names, if that is one of it.
pub(crate) fn process_of(dir: &Path) -> Option<Pid> {
    let id = fs::read_to_string(dir.join("pid")).ok()?;
    let id = id.trim().parse::<i32>().ok()?;
    let command = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let config = dir.join("config.toml");
    let ours = command
        .split(|&byte| byte == 0)
        .any(|word| word == config.as_os_str().as_encoded_bytes());
    Pid::from_raw(id).filter(|_| ours)
}
