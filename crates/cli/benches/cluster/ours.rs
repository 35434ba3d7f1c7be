//! A cluster of our own, run by `dev`, and the program that talks to it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The program that is measured.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_router-hosts");

/// Three nodes; they stop when this is dropped.
pub(crate) struct Ours {
    dir: TempDir,
    child: Child,
    hold: Option<ChildStdin>,
    /// Kept, so that `dev` can always write.
    _stdout: BufReader<ChildStdout>,
}

/// Of one kind of calls in a run of `bench`.
pub(crate) struct Latency {
    pub(crate) per_second: f64,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Ours {
    pub(crate) fn start() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("cluster-bench-")
            .tempdir()
            .unwrap();
        let mut child = Command::new(BINARY)
            .args(["dev", "--dir"])
            .arg(dir.path().join("c"))
            .args(["--run", "sh", "-c", "echo ready; exec cat >/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let hold = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while line != "ready\n" {
            line.clear();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "dev ended");
        }
        Self {
            dir,
            child,
            hold,
            _stdout: stdout,
        }
    }

    /// The directory that `dev` keeps.
    pub(crate) fn dir(&self) -> PathBuf {
        self.dir.path().join("c")
    }

    /// Beside it.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command that talks to this cluster.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(["--format", "json", "--config"])
            .arg(self.dir().join("client.toml"))
            .env("ROUTER_HOSTS_DEV", self.dir())
            .args(words);
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Value {
        let output = self.command(words).stderr(Stdio::piped()).output().unwrap();
        assert!(
            output.status.success(),
            "{words:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// `bench` with these words, and the calls of this kind.
    pub(crate) fn bench(&self, kind: &str, words: &[&str]) -> Latency {
        let mut all = vec!["bench"];
        all.extend(words);
        let report = self.run(&all);
        let found = report["latency"].as_array().unwrap().iter();
        let mut found = found.filter(|latency| latency["kind"] == kind);
        let latency = found.next().unwrap();
        let number = |key: &str| latency[key].as_f64().unwrap();
        Latency {
            per_second: number("per_second"),
            p50: number("p50_ms"),
            p95: number("p95_ms"),
            p99: number("p99_ms"),
            max: number("max_ms"),
        }
    }

    pub(crate) fn chaos(&self, verb: &str, node: &str) {
        self.run(&["chaos", verb, node]);
    }

    /// Puts so many generated hosts in, and waits until the files have them.
    pub(crate) fn fill(&self, lines: usize) {
        let file = self.generate(lines);
        self.import(&file, &[]);
    }

    pub(crate) fn generate(&self, lines: usize) -> PathBuf {
        let file = self.scratch(&format!("generated-{lines}"));
        let written = fs::File::create(&file).unwrap();
        let status = self
            .command(&["bench", "generate", "--lines", &lines.to_string()])
            .stdout(written)
            .status();
        assert!(status.unwrap().success());
        file
    }

    pub(crate) fn import(&self, file: &Path, words: &[&str]) {
        let mut all = vec!["host", "import", file.to_str().unwrap()];
        all.extend(["--conflict", "replace", "--wait=published"]);
        all.extend(words);
        self.run(&all);
    }

    pub(crate) fn status(&self) -> Value {
        self.run(&["cluster", "status"])
    }

    pub(crate) fn until_healthy(&self) -> Value {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let status = self.status();
            if status["verdict"] == "healthy" {
                return status;
            }
            assert!(Instant::now() < end, "{status}");
            sleep(Duration::from_millis(50));
        }
    }

    pub(crate) const NODES: [&str; 3] = ["n1", "n2", "n3"];

    /// The node that leads.
    pub(crate) fn leader(&self) -> String {
        self.first(|node| node["role"] == "leader")
    }

    /// One that does not.
    pub(crate) fn follower(&self) -> String {
        self.first(|node| node["role"] != "leader")
    }

    fn first(&self, wanted: fn(&Value) -> bool) -> String {
        let status = self.until_healthy();
        let mut nodes = status["nodes"].as_array().unwrap().iter();
        let found = nodes.find(|node| wanted(node)).unwrap();
        found["name"].as_str().unwrap().to_owned()
    }

    pub(crate) fn address(&self, node: &str) -> String {
        let status = self.status();
        let nodes = status["nodes"].as_array().unwrap().iter();
        let mut found = nodes.filter(|found| found["name"] == node);
        found.next().unwrap()["address"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) fn process(&self, node: &str) -> String {
        let pid = fs::read_to_string(self.dir().join(node).join("pid")).unwrap();
        pid.split_whitespace().next().unwrap().to_owned()
    }

    pub(crate) fn hosts_file(&self, node: &str) -> PathBuf {
        self.dir().join(node).join("hosts")
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        drop(self.hold.take());
        // What was measured is printed; `dev` says on its own how it ended.
        self.child.wait().ok();
    }
}
