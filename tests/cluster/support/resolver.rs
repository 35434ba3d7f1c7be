//! A resolver of its own beside a node, and what it answers.

use std::env;
use std::fs;
use std::io::{Write as _, stderr};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::cluster::Cluster;
use super::process::output_within;
use super::until::{LIMIT, until};

/// dnsmasq as `deploy/dnsmasq` sets it up, on a port of this test.
pub(crate) struct Dnsmasq {
    child: Child,
    port: u16,
    pub(crate) node: String,
}

/// What dig says of a name.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    /// `NOERROR`, `NXDOMAIN` and so on; empty when nobody answered.
    pub(crate) status: String,
    pub(crate) addresses: Vec<String>,
}

/// Whether tests must not be left out.
const REQUIRED: &str = "ROUTER_HOSTS_REQUIRE_ROOT_TESTS";

/// Where the example's process writes its number.
const PID_FILE: &str = "/run/dnsmasq/dnsmasq.pid";

impl Dnsmasq {
    /// Whether there are dnsmasq and dig. Says so if not, or fails where they have to be.
    #[track_caller]
    pub(crate) fn can_run() -> bool {
        let missing: Vec<_> = [("dnsmasq", "--version"), ("dig", "-v")]
            .into_iter()
            .filter(|(name, version)| !runs(name, version))
            .map(|(name, _)| name)
            .collect();
        if missing.is_empty() {
            return true;
        }
        assert!(
            env::var_os(REQUIRED).is_none_or(|required| required != "1"),
            "{REQUIRED} is set, and {missing:?} are missing"
        );
        // Not printed: the harness would keep that of a test that passes to itself.
        let mut console = stderr();
        writeln!(console, "not run: needs dnsmasq and dig").unwrap();
        false
    }

    /// The `[[hooks…]]` of the example's node, which finds the process beside the hosts file.
    pub(crate) fn hook() -> String {
        let text = fs::read_to_string(deploy("node.toml")).unwrap();
        let from = text.find("\n[[hooks").unwrap();
        let end = text[from..].find("\n\n").unwrap();
        let hook = &text[from..from + end];
        assert!(hook.contains(PID_FILE), "{hook}");
        hook.replace(PID_FILE, "${ROUTER_HOSTS_FILE%/*}/dnsmasq.pid") + "\n"
    }

    /// Starts one that reads the hosts file of `node`, and waits until it answers.
    #[track_caller]
    pub(crate) fn start(cluster: &Cluster, node: &str) -> Self {
        let dir = cluster.node_dir(node);
        let example = fs::read_to_string(deploy("dnsmasq.conf")).unwrap();
        for path in ["/tmp/hosts/router-hosts", PID_FILE] {
            assert!(example.contains(path), "{example}");
        }
        let text = example
            .replace("/tmp/hosts/router-hosts", &path(&dir, "hosts"))
            .replace(PID_FILE, &path(&dir, "dnsmasq.pid"));
        fs::write(dir.join("dnsmasq.conf"), text).unwrap();
        // Somebody may take the port between its choice and its use.
        until(&format!("the resolver of {node} answers"), || {
            let mut resolver = Self::spawn(&dir, node);
            let started = until("it answers or ends", || {
                match resolver.child.try_wait().unwrap() {
                    Some(_) => Ok(false),
                    None if resolver.answer("nobody.lan").status.is_empty() => {
                        Err("silence".into())
                    }
                    None => Ok(true),
                }
            });
            match started {
                true => Ok(resolver),
                false => Err(fs::read_to_string(dir.join("dnsmasq.log")).unwrap()),
            }
        })
    }

    fn spawn(dir: &Path, node: &str) -> Self {
        let port = free_port();
        let log = fs::File::create(dir.join("dnsmasq.log")).unwrap();
        let mut command = Command::new(program("dnsmasq"));
        command
            .args(["--keep-in-foreground", "--log-facility=-", "--no-resolv"])
            .args(["--listen-address=127.0.0.1", "--bind-interfaces"])
            .arg(format!("--port={port}"))
            .arg(format!("--conf-file={}", path(dir, "dnsmasq.conf")));
        if rustix::process::geteuid().is_root() {
            // It would become somebody who may not read the files of a test.
            command.args(["--user=root", "--group=root"]);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            child,
            port,
            node: node.to_owned(),
        }
    }

    /// What it answers now, for IPv4 and IPv6.
    #[track_caller]
    pub(crate) fn answer(&self, name: &str) -> Answer {
        let mut answer = Answer {
            status: String::new(),
            addresses: Vec::new(),
        };
        for kind in ["A", "AAAA"] {
            let mut dig = Command::new(program("dig"));
            dig.args(["@127.0.0.1", "-p", &self.port.to_string(), name, kind])
                .args(["+tries=1", "+timeout=2", "+noall", "+comments", "+answer"]);
            let output = output_within(&mut dig, LIMIT);
            let text = String::from_utf8(output.stdout).unwrap();
            let status = text.split_once("status: ").map(|(_, rest)| rest);
            answer.status = status
                .and_then(|rest| rest.split(',').next())
                .unwrap_or_default()
                .to_owned();
            let records = text
                .lines()
                .filter(|line| !line.starts_with(';') && !line.is_empty());
            let addresses = records.map(|line| line.split_whitespace().last().unwrap().to_owned());
            answer.addresses.extend(addresses);
        }
        answer
    }

    /// Waits until it answers with these addresses.
    #[track_caller]
    pub(crate) fn until_answers(&self, name: &str, addresses: &[&str]) {
        let what = format!(
            "the resolver of {} answers {addresses:?} for {name}",
            self.node
        );
        until(&what, || {
            let answer = self.answer(name);
            match answer.status == "NOERROR" && answer.addresses == addresses {
                true => Ok(()),
                false => Err(format!("{answer:?}")),
            }
        });
    }

    /// Waits until there is no such name.
    #[track_caller]
    pub(crate) fn until_unknown(&self, name: &str) {
        let what = format!("the resolver of {} does not know {name}", self.node);
        until(&what, || {
            let answer = self.answer(name);
            match answer.status == "NXDOMAIN" {
                true => Ok(()),
                false => Err(format!("{answer:?}")),
            }
        });
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy/dnsmasq")
        .join(name)
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).to_str().unwrap().to_owned()
}

/// dnsmasq is where only root looks for programs.
fn program(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let mut found = places
        .map(|place| place.join(name))
        .filter(|path| path.is_file());
    found.next().unwrap_or_else(|| name.into())
}

fn runs(name: &str, version: &str) -> bool {
    let mut command = Command::new(program(name));
    command
        .arg(version)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// One that is free for both UDP and TCP, high, and not in use just now.
fn free_port() -> u16 {
    until("a port is free", || {
        let socket = UdpSocket::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let address = socket.local_addr().unwrap();
        let free = TcpListener::bind(address).map_err(|error| error.to_string())?;
        drop(free);
        Ok(address.port())
    })
}
