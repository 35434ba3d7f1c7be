//! What lies in `deploy` is taken by the program it is for.
#![cfg(feature = "node")]
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of these tests stop them where they fail"
)]

use node::{config::Config, limits};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_router-hosts"))
        .args(args)
        .current_dir(deploy())
        .env_remove("ROUTER_HOSTS_SERVER")
        .env_remove("ROUTER_HOSTS_NODE")
        .output()
        .unwrap()
}

fn succeeds(args: &[&str]) -> String {
    let output = run(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_client_example_is_taken() {
    let shown = succeeds(&["config", "show", "-c", "client.toml", "-f", "json"]);
    for value in [
        "attic.lan:50051,cellar.lan:50051,nas.lan:50051",
        "client-key.pem",
    ] {
        assert!(shown.contains(value), "{value} is not in {shown}");
    }
}

#[test]
fn the_example_of_dnsmasq_and_that_of_its_node_agree() {
    let config = Config::load(&deploy().join("dnsmasq/node.toml")).unwrap();
    let resolver = fs::read_to_string(deploy().join("dnsmasq/dnsmasq.conf")).unwrap();
    let value = |key: &str| {
        let line = resolver.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap().to_owned()
    };
    assert_eq!(Path::new(&value("addn-hosts=")), config.hosts_path);
    let reload = format!("kill -HUP $(cat {})", value("pid-file="));
    let commands: Vec<_> = config.hooks.iter().map(|hook| &hook.command).collect();
    assert_eq!(commands, [&reload]);
    for text in ["deploy/node.toml", "README.md"] {
        let text = fs::read_to_string(deploy().join("..").join(text)).unwrap();
        assert!(text.contains(&reload), "{text}");
    }
}

/// The lesson: an example that the program itself refused, because nothing ever loaded it.
#[test]
fn lesson_188_every_example_configuration_is_taken() {
    let mut taken = Vec::new();
    for entry in fs::read_dir(deploy()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".toml") {
            continue;
        }
        if name.starts_with("client") {
            succeeds(&["config", "show", "-c", &name]);
        } else {
            // All of it is read before the first certificate is, and those are not here.
            let checked = run(&["config", "check", "--node", &name, "-f", "json"]);
            let errors = String::from_utf8_lossy(&checked.stderr);
            assert!(
                errors.contains("cannot read") && errors.contains(".pem"),
                "{name}: {errors}"
            );
        }
        taken.push(name);
    }
    taken.sort();
    assert_eq!(taken, ["client.toml", "node.toml"], "one more to look at");
}

#[test]
fn the_systemd_unit_starts_and_checks_what_there_is() {
    const PROGRAM: &str = "/usr/bin/router-hosts ";
    let unit = fs::read_to_string(deploy().join("systemd/router-hosts.service")).unwrap();
    let command = |key: &str| -> Vec<String> {
        let line = unit
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .unwrap();
        let words = line.strip_prefix(PROGRAM).unwrap().split(' ');
        words
            .map(|word| word.replace("/etc/router-hosts/", ""))
            .collect()
    };
    let serve = command("ExecStart=");
    assert_eq!(serve.first().unwrap(), "serve");
    // The example is read, and what is wrong is said by name: its certificates are not here.
    let serve: Vec<&str> = serve.iter().map(String::as_str).collect();
    for (words, status) in [
        (&serve[..], 64),
        (&["config", "check", "--node", "node.toml"], 2),
    ] {
        let ended = run(words);
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(status), "{errors}");
        assert!(errors.contains("key.pem"), "{errors}");
    }
    assert!(unit.contains("RestartPreventExitStatus=64"));
    // The status of another command would be looked at by nobody.
    assert!(!unit.lines().any(|line| line.starts_with("ExecStartPre=")));
}

/// One second less, and the service manager kills a node that is about to flush its log.
#[test]
fn the_systemd_unit_waits_longer_than_a_stop_takes() {
    let bounds = [
        limits::STOP_TIME,
        limits::RAFT_STOP_TIME,
        limits::STORE_CLOSE_TIME,
        // The threads that are left behind, and the way out of the process.
        Duration::from_secs(2),
    ];
    let waits = settings("TimeoutStopSec");
    let waits: Vec<u64> = waits.iter().map(|value| value.parse().unwrap()).collect();
    assert_eq!(waits.len(), 1, "{waits:?}");
    let needs: Duration = bounds.iter().sum();
    assert!(
        Duration::from_secs(waits[0]) >= needs,
        "{waits:?} s, and a stop takes up to {needs:?}"
    );
}

/// Without an error number a call that is filtered out is the end of the process, and `fchown` is
/// one of them: it is asked for wherever the hosts file belongs to somebody else.
#[test]
fn the_systemd_unit_refuses_a_call_and_does_not_kill_for_it() {
    let filters = settings("SystemCallFilter");
    assert!(
        filters.iter().any(|value| value.contains("~@privileged")),
        "{filters:?}"
    );
    assert_eq!(settings("SystemCallErrorNumber"), ["EPERM"]);
}

#[test]
fn the_user_and_the_folder_of_the_unit_are_made() {
    let fields = |name: &str| -> Vec<String> {
        let text = fs::read_to_string(deploy().join("systemd").join(name)).unwrap();
        let line = text.lines().find(|line| !line.starts_with('#')).unwrap();
        line.split_whitespace().map(str::to_owned).collect()
    };
    let user = settings("User").remove(0);
    assert_eq!(fields("router-hosts.sysusers.conf")[..2], ["u", &user]);
    let folder = fields("router-hosts.tmpfiles.conf");
    let writable = settings("ReadWritePaths").remove(0);
    assert_eq!(writable.trim_start_matches('-'), folder[1]);
    assert_eq!(folder[3..5], [user.as_str(), &user]);
}

/// The values of a key of the unit, in order.
fn settings(key: &str) -> Vec<String> {
    let unit = fs::read_to_string(deploy().join("systemd/router-hosts.service")).unwrap();
    let values = unit.lines().filter_map(|line| line.split_once('='));
    values
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value.to_owned())
        .collect()
}
