//! What cannot be right, row by row: arguments, settings, certificates and files, each with its exit status and with
//! words that tell what is wrong. No row needs a node: nothing of it may be sent.

use crate::run::{Place, end};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Arguments, exit status, and what standard error says. `{…}` stands for what a table cannot hold: see [`word`].
const ARGUMENTS: &[(&str, i32, &str)] = &[
    // No command, or none that there is.
    ("", 2, "Usage: router-hosts"),
    ("hosts", 2, "unrecognized subcommand 'hosts'"),
    ("host", 2, "Usage: router-hosts host"),
    ("host show", 2, "unrecognized subcommand 'show'"),
    ("host list extra", 2, "unexpected argument 'extra'"),
    ("cluster", 2, "Usage: router-hosts cluster"),
    ("cluster stats", 2, "a similar subcommand exists: 'status'"),
    ("config", 2, "Usage: router-hosts config"),
    ("config shwo", 2, "a similar subcommand exists: 'show'"),
    ("{empty}", 2, "unrecognized subcommand ''"),
    // Flags of every command.
    ("host list --color", 2, "unexpected argument '--color'"),
    (
        "host list --timeot 3s",
        2,
        "a similar argument exists: '--timeout'",
    ),
    (
        "host list --timeout",
        2,
        "a value is required for '--timeout <DURATION>'",
    ),
    (
        "host list --timeout soon",
        2,
        "write it as 500ms, 30s or 5m",
    ),
    (
        "host list --timeout 0s",
        2,
        "nothing can be done in no time",
    ),
    ("host list --timeout -3s", 2, "unexpected argument '-3'"),
    ("host list --timeout 3", 2, "write it as 500ms"),
    ("host list --timeout 99999999999999999999s", 2, "--timeout"),
    (
        "host list -f yaml",
        2,
        "[possible values: table, json, csv]",
    ),
    (
        "host list -f {empty}",
        2,
        "a value is required for '--format <FORMAT>'",
    ),
    ("host list --format=JSON", 2, "invalid value 'JSON'"),
    ("host list -q -v", 2, "cannot be used with"),
    ("host list --no-color=yes", 2, "unexpected value 'yes'"),
    (
        "host list -s {empty}",
        2,
        "it names no node: write HOST:PORT",
    ),
    ("host list -s router.lan", 2, "`router.lan` has no port"),
    ("host list -s a:1,,b:2", 2, "it names no node"),
    (
        "host list -s router.lan:0",
        2,
        "the port is not a number from 1 to 65535",
    ),
    (
        "host list -s router.lan:65536",
        2,
        "the port is not a number",
    ),
    (
        "host list -s router.lan:http",
        2,
        "the port is not a number",
    ),
    ("host list -s fd00::1", 2, "such as [fd00::1]:50051"),
    (
        "host list -s fd00::1:50051",
        2,
        "(an IPv6 address stands in [ ])",
    ),
    (
        "host list -s https://router.lan:50051",
        2,
        "neither a name nor an address",
    ),
    ("host list -s {esc}:1", 2, "`\\u{1b}[2J:1`"),
    ("host list -s {long}:1", 2, "…"),
    (
        "host list --config absent.toml",
        2,
        "cannot use the configuration absent.toml: it cannot be read",
    ),
    ("host list -c .", 2, "cannot use the configuration ."),
    (
        "host list --cert absent.pem",
        2,
        "cannot read the client certificate absent.pem",
    ),
    (
        "host list --cert .",
        2,
        "cannot read the client certificate .",
    ),
    (
        "host list --key absent.pem",
        2,
        "cannot read the client key absent.pem",
    ),
    (
        "host list --ca absent.pem",
        2,
        "cannot read the CA absent.pem",
    ),
    (
        "host list --ca client.key",
        2,
        "there is no CA in client.key",
    ),
    (
        "host list --key client.pem",
        2,
        "there is no client key in client.pem",
    ),
    (
        "host list --cert ca.pem",
        2,
        "is not that of the certificate ca.pem",
    ),
    // Hosts.
    ("host add", 2, "--ip <IP>"),
    ("host add --ip 10.0.0.7", 2, "--hostname <NAME>"),
    ("host add --hostname nas.lan", 2, "--ip <IP>"),
    ("host add --ip {empty} --hostname nas.lan", 2, "--ip"),
    (
        "host add --ip 10.0.0.256 --hostname nas.lan",
        2,
        "`10.0.0.256` is not an IP address",
    ),
    (
        "host add --ip 010.0.0.1 --hostname nas.lan",
        2,
        "is not an IP address",
    ),
    (
        "host add --ip 10.0.0.0/8 --hostname nas.lan",
        2,
        "is not an IP address",
    ),
    ("host add --ip fe80::1%eth0 --hostname nas.lan", 2, "zone"),
    (
        "host add --ip nas.lan --hostname 10.0.0.7",
        2,
        "is not an IP address",
    ),
    (
        "host add --ip {long} --hostname nas.lan",
        2,
        "is not an IP address",
    ),
    ("host add --ip {esc} --hostname nas.lan", 2, "\\u{1b}[2J"),
    ("host add --ip 10.0.0.7 --hostname {empty}", 2, "--hostname"),
    ("host add --ip 10.0.0.7 --hostname *.lan", 2, "*.lan"),
    ("host add --ip 10.0.0.7 --hostname -nas.lan", 2, "'-n'"),
    ("host add --ip 10.0.0.7 --hostname=-nas.lan", 2, "-nas.lan"),
    ("host add --ip 10.0.0.7 --hostname nas..lan", 2, "nas..lan"),
    ("host add --ip 10.0.0.7 --hostname 10.0.0.7", 2, "10.0.0.7"),
    ("host add --ip 10.0.0.7 --hostname {long}", 2, "--hostname"),
    ("host add --ip 10.0.0.7 --hostname {esc}", 2, "\\u{1b}[2J"),
    ("host add --ip 10.0.0.7 --hostname {newline}", 2, "\\n"),
    (
        "host add --ip 10.0.0.7 --hostname nas.lan --alias a{nbsp}b",
        2,
        "--alias",
    ),
    (
        "host add --ip 10.0.0.7 --hostname nas.lan --tag a=b",
        2,
        "--tag",
    ),
    (
        "host add --ip 10.0.0.7 --hostname nas.lan --tag {long}",
        2,
        "--tag",
    ),
    (
        "host add --ip 10.0.0.7 --hostname nas.lan --comment {newline}",
        2,
        "--comment",
    ),
    (
        "host add --ip 10.0.0.7 --hostname nas.lan --comment {long}",
        2,
        "--comment",
    ),
    (
        "host add --ip 10.0.0.7 --hostname nas.lan --request-id {empty}",
        2,
        "--request-id",
    ),
    (
        "host add --ip 10.0.0.7 --hostname nas.lan --request-id {long}",
        2,
        "--request-id",
    ),
    (
        "host add --ip 10.0.0.7 --hostname nas.lan --wait=never",
        2,
        "[possible values: committed, published]",
    ),
    (
        "host add --ip 10.0.0.7 --hostname nas.lan --ip 10.0.0.8",
        2,
        "cannot be used multiple times",
    ),
    ("host get", 2, "<ID|NAME>"),
    ("host get 10.0.0.7", 2, "10.0.0.7"),
    ("host get {long}", 2, "ID|NAME"),
    (
        "host get nas.lan --consistency eventual",
        2,
        "[possible values: linearizable, local]",
    ),
    ("host update", 2, "<ID|NAME>"),
    (
        "host update nas.lan",
        2,
        "required arguments were not provided",
    ),
    (
        "host update nas.lan --if-version 3",
        2,
        "required arguments were not provided",
    ),
    (
        "host update nas.lan --enable --disable",
        2,
        "cannot be used with",
    ),
    (
        "host update nas.lan --alias a.lan --clear-aliases",
        2,
        "cannot be used with",
    ),
    (
        "host update nas.lan --tag a --clear-tags",
        2,
        "cannot be used with",
    ),
    ("host delete", 2, "<ID|NAME>"),
    (
        "host delete nas.lan --missing-okay",
        2,
        "a similar argument exists: '--missing-ok'",
    ),
    ("host list --limit 0", 2, "0 is not in 1.."),
    ("host list --limit -1", 2, "unexpected argument '-1'"),
    ("host list --limit 3000000000", 2, "--limit"),
    ("host list --limit many", 2, "invalid digit"),
    ("host list --offset -1", 2, "unexpected argument '-1'"),
    ("host list --filter colour:red", 2, "colour"),
    ("host list --filter 10.0.0.0/33", 2, "10.0.0.0/33"),
    ("host list --filter is:asleep", 2, "is:asleep"),
    ("host search", 2, "<QUERY>..."),
    (
        "host search {empty}",
        2,
        "`router-hosts host list` lists all",
    ),
    ("host search tag:", 2, "tag:"),
    ("host import", 2, "<FILE>"),
    ("host import absent.hosts", 2, "cannot read absent.hosts"),
    ("host import .", 2, "cannot read ."),
    (
        "host import good.hosts --conflict merge",
        2,
        "[possible values: skip, replace, strict]",
    ),
    ("host export --output", 2, "a value is required"),
    // What needs no cluster.
    (
        "config check --node absent.toml",
        2,
        "cannot read the configuration absent.toml",
    ),
    ("config check --node .", 2, "."),
    ("completion", 2, "<SHELL>"),
    ("completion tcsh", 2, "[possible values: bash"),
    ("man", 2, "<DIR>"),
    ("man good.hosts", 1, "cannot write good.hosts"),
    ("serve", 2, "--config <FILE>"),
    (
        "serve --config absent.toml",
        64,
        "cannot read the configuration absent.toml",
    ),
    ("serve --config .", 64, "."),
    ("dev --nodes 0", 2, "0 is not in 1..=9"),
    ("dev --nodes 10", 2, "10 is not in 1..=9"),
    ("dev --base-port 0", 2, "--base-port"),
    (
        "dev --import absent.hosts --once",
        2,
        "cannot read absent.hosts",
    ),
    ("dev --import . --once", 2, "cannot read ."),
    ("dev --once --run true", 2, "cannot be used with"),
    ("chaos kill", 2, "<NODE>..."),
    ("chaos kill n1", 2, "no cluster is named"),
    (
        "chaos kill n1 --dir absent",
        5,
        "no `router-hosts dev` runs on absent",
    ),
    ("chaos explode n1", 2, "unrecognized subcommand 'explode'"),
    ("chaos kill leader --one-way", 2, "unexpected argument"),
    ("chaos partition", 2, "<NODE>..."),
    (
        "chaos partition n1 --one-way=both",
        2,
        "[possible values: out, in]",
    ),
    ("chaos partition n1 --from", 2, "--from <NODE,…>"),
    ("chaos delay n1", 2, "--by <DURATION>"),
    (
        "chaos delay n1 --by 0s",
        2,
        "nothing can be done in no time",
    ),
    ("chaos delay n1 --by 2m", 2, "see `chaos partition`"),
    ("chaos delay n1 --by 1us", 2, "a millisecond is the least"),
    (
        "chaos delay n1 --by 5ms --jitter 6ms --dir absent",
        2,
        "--jitter is more than --by",
    ),
    (
        "chaos delay n1 --by 5ms --seed -1",
        2,
        "unexpected argument '-1'",
    ),
    ("chaos drop n1", 2, "--probability <P>"),
    ("chaos drop n1 --probability 0", 2, "write it as 0.05 or 5%"),
    (
        "chaos drop n1 --probability 100%",
        2,
        "write it as 0.05 or 5%",
    ),
    (
        "chaos drop n1 --probability NaN",
        2,
        "write it as 0.05 or 5%",
    ),
    ("chaos disk-full", 2, "<NODE>..."),
    ("chaos hook-fail", 2, "<NODE>..."),
    (
        "chaos heal --dir absent",
        5,
        "no `router-hosts dev` runs on absent",
    ),
    ("chaos run --for 11s --plan", 2, "12s is the least"),
    ("chaos run --for 25h --plan", 2, "24h is the most"),
    ("chaos run --seed x --plan", 2, "invalid digit"),
    ("chaos run --seed 1", 2, "no cluster is named"),
    // Assertions.
    ("assert", 2, "Usage: router-hosts assert"),
    (
        "assert convergd",
        2,
        "a similar subcommand exists: 'converged'",
    ),
    (
        "assert converged --within 0s",
        2,
        "nothing can be done in no time",
    ),
    ("assert equal --name x", 2, "--junit <FILE>"),
    (
        "assert equal --junit good.hosts",
        2,
        "good.hosts is not a file of",
    ),
    ("assert equal --junit .", 2, "cannot read ."),
    ("assert no-lost-writes", 2, "<FILE>"),
    ("assert no-lost-writes absent", 2, "cannot read absent"),
    (
        "assert no-lost-writes good.hosts",
        2,
        "good.hosts, line 1, is not",
    ),
    // Loads.
    ("bench --writers -1", 2, "unexpected argument '-1'"),
    ("bench --writers 4097", 2, "4097 is not in"),
    (
        "bench --writers 0 --readers 0",
        2,
        "needs a writer or a reader",
    ),
    ("bench --readers x", 2, "invalid digit"),
    ("bench --payload 1025", 2, "1025 is not in"),
    ("bench --for 0s", 2, "nothing can be done in no time"),
    ("bench --for ever", 2, "write it as"),
    ("bench --connections 0", 2, "0 is not in 1..=64"),
    ("bench --connections 65", 2, "65 is not in 1..=64"),
    ("bench --hosts -5", 2, "unexpected argument '-5'"),
    (
        "bench --consistency none",
        2,
        "[possible values: linearizable, local]",
    ),
    ("bench --prefix Bench", 2, "`Bench` is not a prefix"),
    ("bench --prefix {empty}", 2, "--prefix"),
    ("bench --prefix {long}", 2, "is not a prefix"),
    (
        "bench --writers 3 clean",
        2,
        "cannot be used with a subcommand of bench",
    ),
    ("bench verify", 2, "--acked <FILE>"),
    ("bench verify --acked absent", 2, "cannot read absent"),
    (
        "bench verify --acked good.hosts",
        2,
        "good.hosts, line 1, is not",
    ),
    ("bench clean --prefix -x", 2, "'-x'"),
    ("bench generate", 2, "--lines <N>"),
    ("bench generate --lines -1", 2, "--lines"),
    ("bench generate --lines 5 --seed x", 2, "invalid digit"),
    ("bench disk --dir absent", 1, "cannot measure absent"),
    ("bench disk --bytes 0", 2, "0 is not in 1..=1048576"),
];

/// What `client.toml` says, exit status, and what standard error says of it.
const SETTINGS: &[(&str, i32, &str)] = &[
    ("", 2, "no node is named"),
    ("server = []", 2, "no node is named"),
    ("server = ['']", 2, "it names no node"),
    (
        "server = ['a']",
        2,
        "the list of nodes (file) is not valid: `a` has no port",
    ),
    ("server = 'a:1'", 2, "line 1"),
    ("server = ['a:1']", 2, "the CA of the nodes is not named"),
    (
        "servers = ['a:1']",
        2,
        "unknown key `servers`; did you mean `server`?",
    ),
    ("colour = true", 2, "known keys are server"),
    ("'{esc}' = 1", 2, "not valid TOML"),
    ("server = ['a:1'", 2, "not valid TOML"),
    ("format = 'yaml'", 2, "`yaml` (file) is not a format"),
    ("format = 1", 2, "line 1"),
    ("[server]", 2, "line 1"),
    (
        "server = ['a:1']\nca = 'absent.pem'",
        2,
        "cannot read the CA",
    ),
    (
        "server = ['a:1']\nca = 'ca.pem'\ncert = 'client.pem'",
        2,
        "there is a client certificate, and no client key",
    ),
    (
        "server = ['a:1']\nca = 'ca.pem'\nkey = 'client.key'",
        2,
        "there is a client key, and no client certificate",
    ),
    (
        "server = ['a:1']\nca = 'good.hosts'",
        2,
        "there is no CA in",
    ),
    (
        "server = ['a:1']\nca = 'large'",
        2,
        "is larger than 1048576 bytes",
    ),
];

/// The same of the environment: variable, value.
const ENVIRONMENT: &[(&str, &str, i32, &str)] = &[
    (
        "ROUTER_HOSTS_SERVER",
        "a",
        2,
        "the list of nodes (environment, ROUTER_HOSTS_SERVER)",
    ),
    ("ROUTER_HOSTS_SERVER", "a:1,", 2, "it names no node"),
    (
        "ROUTER_HOSTS_FORMAT",
        "yaml",
        2,
        "`yaml` (environment, ROUTER_HOSTS_FORMAT) is not a format",
    ),
    (
        "ROUTER_HOSTS_FORMAT",
        "{esc}",
        2,
        "`\\u{1b}[2J` (environment",
    ),
    (
        "ROUTER_HOSTS_CONFIG",
        "absent.toml",
        2,
        "cannot use the configuration absent.toml",
    ),
    (
        "ROUTER_HOSTS_CERT",
        "absent.pem",
        2,
        "cannot read the client certificate absent.pem",
    ),
    (
        "ROUTER_HOSTS_KEY",
        "absent.pem",
        2,
        "cannot read the client key absent.pem",
    ),
    (
        "ROUTER_HOSTS_CA",
        "absent.pem",
        2,
        "cannot read the CA absent.pem",
    ),
];

/// What a hosts file holds that is to be imported.
const HOSTS_FILES: &[(&str, &str)] = &[
    ("10.0.0.7", "1 line cannot be read"),
    ("nas.lan 10.0.0.7", "1 line cannot be read"),
    ("10.0.0.7 nas.lan\n10.0.0.300 tv.lan\n", "2     "),
    ("10.0.0.7 nas..lan\n", "1     "),
    ("10.0.0.7 {esc}\n", "1     "),
    ("10.0.0.7 {long}\n", "1     "),
    ("\u{0}\n", "1     "),
];

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
