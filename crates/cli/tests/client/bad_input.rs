//! What cannot be right, row by row: arguments, settings, certificates and files, each with its exit status and with
//! words that tell what is wrong. No row needs a node: nothing of it may be sent.

mod arguments;
mod node_config;
mod settings;

use crate::run::{Place, end};
use arguments::ARGUMENTS;
use node_config::NODE_CONFIGS;
use serde_json::Value;
use settings::{ENVIRONMENT, HOSTS_FILES, SETTINGS};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn bad_arguments_are_refused_each_with_its_words() {
    let bench = Bench::new();
    bench.check(ARGUMENTS.iter().map(|(line, status, words)| {
        let words_typed = line.split(' ').filter(|word| !word.is_empty()).map(word);
        (*line, bench.command(words_typed.collect()), *status, *words)
    }));
}

#[test]
fn bad_settings_are_refused_each_with_its_words() {
    let bench = Bench::new();
    bench.check(
        SETTINGS
            .iter()
            .enumerate()
            .map(|(n, (text, status, words))| {
                let name = format!("bad-{n}.toml");
                bench.place.write(&name, word(text));
                let command = bench.command(vec!["host".into(), "list".into(), "-c".into(), name]);
                (*text, command, *status, *words)
            }),
    );
    bench.check(ENVIRONMENT.iter().map(|(name, value, status, words)| {
        let mut command = bench.command(vec!["host".into(), "list".into()]);
        command.env(name, word(value));
        (*value, command, *status, *words)
    }));
}

#[test]
fn bad_hosts_files_are_refused_by_line_before_anything_is_sent() {
    let bench = Bench::new();
    bench.check(HOSTS_FILES.iter().enumerate().map(|(n, (text, words))| {
        let name = format!("bad-{n}.hosts");
        bench.place.write(&name, word(text));
        let command = bench.command(vec!["host".into(), "import".into(), name]);
        (*text, command, 2, *words)
    }));
}

#[test]
fn a_bad_configuration_of_a_node_is_refused_each_with_its_words() {
    let bench = Bench::new();
    bench.check(
        NODE_CONFIGS
            .iter()
            .enumerate()
            .map(|(n, (from, to, words))| {
                assert!(node_config::GOOD.contains(from), "{from}");
                let name = format!("bad-node-{n}.toml");
                let text = node_config::GOOD.replacen(from, &word(to), 1);
                bench.place.write(&name, text);
                let typed = ["config", "check", "--node", &name].map(str::to_owned);
                (*to, bench.command(typed.to_vec()), 2, *words)
            }),
    );
}

/// Files of a client whose nodes are not there: whoever sends something is told so, with another status.
struct Bench {
    place: Place,
}

impl Bench {
    fn new() -> Self {
        let place = Place::new();
        place.configure(&["127.0.0.1:1".to_owned()]);
        place.write("good.hosts", "10.0.0.7 nas.lan\n");
        place.write("large", vec![b'\n'; 1024 * 1024 + 1]);
        Self { place }
    }

    fn command(&self, arguments: Vec<String>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_router-hosts"));
        command
            .args(arguments)
            .current_dir(self.place.path(""))
            .env_clear()
            .env("ROUTER_HOSTS_CONFIG", "client.toml")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs every row for a person and for a program, and tells all that is not as the table says.
    fn check<'a>(&self, rows: impl Iterator<Item = (&'a str, Command, i32, &'a str)>) {
        let mut wrong = Vec::new();
        for (row, mut command, status, words) in rows {
            let ended = end(command.spawn().unwrap());
            let said = &ended.stderr;
            let shown = |c: char| !c.is_control() || c == '\n';
            if ended.status != status || !said.contains(words) {
                wrong.push(format!("{row}: {}, {said}", ended.status));
            } else if !ended.stdout.is_empty() || said.len() > 4096 || !said.chars().all(shown) {
                wrong.push(format!("{row}: shows {said:?} {:?}", ended.stdout));
            }
            // `serve` has no answers, only log lines.
            if row.starts_with("serve") || row.contains("-f ") || row.contains("--format") {
                continue;
            }
            if command
                .get_envs()
                .any(|(name, _)| name == "ROUTER_HOSTS_FORMAT")
            {
                continue;
            }
            command.args(["-f", "json"]);
            let ended = end(command.spawn().unwrap());
            let error: Result<Value, _> = serde_json::from_str(&ended.stderr);
            match error {
                Ok(error) if error["error"]["code"] == ended.status => {}
                _ => wrong.push(format!("{row}: with -f json: {:?}", ended.stderr)),
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let left: Vec<_> = fs::read_dir(self.place.path(""))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| is_of_a_cluster(path))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// What `dev` and `serve` make.
fn is_of_a_cluster(path: &Path) -> bool {
    path.is_dir() || path.ends_with("cluster.json")
}

/// A word or a text with what a table cannot hold.
fn word(text: &str) -> String {
    text.replace("{empty}", "")
        .replace("{esc}", "\u{1b}[2J")
        .replace("{newline}", "a\nb")
        .replace("{nbsp}", "\u{a0}")
        .replace("{long}", &"x".repeat(10_000))
}
