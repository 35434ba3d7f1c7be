//! A hand on a cluster: the command line with a configuration, and perhaps with nodes named.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::process::{binary, output_within};
use super::status::Status;

/// Whose certificate is shown to which nodes.
#[derive(Clone, Debug)]
pub(crate) struct Hand {
    config: PathBuf,
    /// In the order in which they are tried; as the configuration says, if none.
    servers: Vec<String>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// No command waits longer by itself, but for an import.
const LIMIT: Duration = Duration::from_secs(180);

impl Hand {
    pub(crate) fn new(config: PathBuf) -> Self {
        Self {
            config,
            servers: Vec::new(),
        }
    }

    /// A client of its own, whose files are put into the new directory `dir`.
    pub(crate) fn with_files(dir: &Path, cert: &str, key: &str, ca: &str) -> Self {
        fs::create_dir(dir).unwrap();
        for (name, text) in [("cert.pem", cert), ("key.pem", key), ("ca.pem", ca)] {
            fs::write(dir.join(name), text).unwrap();
        }
        let config = dir.join("client.toml");
        fs::write(
            &config,
            "cert = 'cert.pem'\nkey = 'key.pem'\nca = 'ca.pem'\n",
        )
        .unwrap();
        Self::new(config)
    }

    pub(crate) fn at(&self, servers: Vec<String>) -> Self {
        Self {
            config: self.config.clone(),
            servers,
        }
    }

    /// Runs a command to its end.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        let mut command = binary(["--format", "json", "--config"]);
        command.arg(&self.config);
        if !self.servers.is_empty() {
            command.args(["--server", &self.servers.join(",")]);
        }
        Ended::of(output_within(command.args(words), LIMIT))
    }

    /// Adds a host, which must be taken. Returns the revision.
    #[track_caller]
    pub(crate) fn add(&self, name: &str, ip: &str) -> u64 {
        let added = self.try_add(name, ip, &[]);
        added.json()["revision"].as_u64().unwrap()
    }

    #[track_caller]
    pub(crate) fn try_add(&self, name: &str, ip: &str, further: &[&str]) -> Ended {
        let mut words = vec!["host", "add", "--hostname", name, "--ip", ip];
        words.extend(further);
        self.run(&words)
    }

    /// Gives a host another address. Returns the revision.
    #[track_caller]
    pub(crate) fn update(&self, name: &str, ip: &str) -> u64 {
        let updated = self.run(&["host", "update", name, "--ip", ip]);
        updated.json()["revision"].as_u64().unwrap()
    }

    /// The address of a host, from a linearizable read.
    #[track_caller]
    pub(crate) fn get(&self, name: &str) -> Ended {
        self.run(&["host", "get", name])
    }

    /// All hosts: name and address, in the order of the list.
    #[track_caller]
    pub(crate) fn list(&self, consistency: &str) -> Vec<(String, String)> {
        let listed = self.run(&["host", "list", "--consistency", consistency]);
        let text = |host: &Value, key: &str| host[key].as_str().unwrap().to_owned();
        let hosts = listed.json();
        let hosts = hosts.as_array().unwrap().iter();
        hosts
            .map(|host| (text(host, "hostname"), text(host, "ip_address")))
            .collect()
    }

    /// How the cluster is, or why nobody says so.
    #[track_caller]
    pub(crate) fn status(&self) -> Result<Status, String> {
        let ended = self.run(&["cluster", "status"]);
        match ended.status {
            0 => Ok(serde_json::from_str(&ended.stdout).unwrap()),
            _ => Err(ended.stderr),
        }
    }
}

impl Ended {
    pub(crate) fn of(output: std::process::Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What a command said that did what it was asked to.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status, 0, "{}{}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// The error of a command that ended with this status and reason.
    #[track_caller]
    pub(crate) fn refused(&self, status: i32, reason: &str) -> Refusal {
        let error: Value = serde_json::from_str(&self.stderr)
            .unwrap_or_else(|_| panic!("{}{}", self.stdout, self.stderr));
        let error = &error["error"];
        assert_eq!(
            (self.status, error["reason"].as_str()),
            (status, Some(reason)),
            "{error}"
        );
        assert_eq!(error["code"], status);
        Refusal {
            message: error["message"].as_str().unwrap().to_owned(),
            hint: error["hint"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

/// What an error says, and what to do next.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) message: String,
    pub(crate) hint: String,
}
