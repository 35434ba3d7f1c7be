//! Running the binary, and what it leaves behind.

use crate::node::Node;
use crate::pki::{Authority, Pair, When};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A cluster's CA, and a directory with what a client of it needs.
pub(crate) struct Place {
    pub(crate) authority: Authority,
    directory: tempfile::TempDir,
}

/// How the binary ended.
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self {
            authority: Authority::new(),
            directory: tempfile::tempdir().unwrap(),
        };
        place.write("ca.pem", &place.authority.pem);
        place.become_client(&place.authority.client(When::Now));
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Puts a client's certificate in its place.
    pub(crate) fn become_client(&self, pair: &Pair) {
        self.write("client.pem", &pair.cert);
        self.write("client.key", &pair.key);
    }

    /// A node that this place's CA vouches for, and that vouches for no other.
    pub(crate) fn node(&self) -> Node {
        let pair = self.authority.node(&["localhost", "127.0.0.1"], When::Now);
        Node::start(&pair, &self.authority.pem)
    }

    /// `client.toml` for these nodes.
    pub(crate) fn configure(&self, servers: &[String]) -> PathBuf {
        self.write(
            "client.toml",
            format!(
                "server = {servers:?}\ncert = 'client.pem'\nkey = 'client.key'\nca = 'ca.pem'\n"
            ),
        )
    }

    /// Runs the binary against `nodes`, with a clean environment.
    pub(crate) fn run(&self, nodes: &[&str], arguments: &[&str]) -> Ended {
        self.run_with(nodes, arguments, b"")
    }

    /// As [`Place::run`], with something on standard input.
    pub(crate) fn run_with(&self, nodes: &[&str], arguments: &[&str], input: &[u8]) -> Ended {
        let nodes: Vec<String> = nodes.iter().map(|&node| node.to_owned()).collect();
        let config = self.configure(&nodes);
        run(&config, arguments, input)
    }
}

/// Runs the binary with a configuration.
pub(crate) fn run(config: &Path, arguments: &[&str], input: &[u8]) -> Ended {
    let mut child = start(config, arguments);
    // A command that reads nothing closes the pipe first.
    child.stdin.take().unwrap().write_all(input).ok();
    end(child)
}

/// Starts the binary, in a clean environment.
pub(crate) fn start(config: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_router-hosts"))
        .args(arguments)
        .env_clear()
        .env("ROUTER_HOSTS_CONFIG", config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Sends a signal, such as `-INT`.
pub(crate) fn signal(child: &Child, signal: &str) {
    let kill = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
}

/// Waits for its end.
pub(crate) fn end(child: Child) -> Ended {
    let output = child.wait_with_output().unwrap();
    Ended {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ended {
    /// Standard output as JSON, of a command that did what it was asked to.
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.status, 0, "{}", self.stderr);
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// The reason on standard error, of a command run with `-f json`.
    pub(crate) fn error(&self) -> serde_json::Value {
        let error: serde_json::Value = serde_json::from_str(&self.stderr)
            .unwrap_or_else(|_| panic!("{}{}", self.stdout, self.stderr));
        assert_eq!(error["error"]["code"], self.status);
        error["error"].clone()
    }

    #[track_caller]
    pub(crate) fn refused(&self, status: i32, reason: &str) {
        let error = self.error();
        assert_eq!(
            (self.status, error["reason"].as_str()),
            (status, Some(reason)),
            "{error}"
        );
    }
}
