//! The commands, one after the other.

use crate::node::Node;
use crate::pki::{Authority, Pair, When};
use crate::run::{Ended, Place};
use proto::cluster::PublishOutcome;
use proto::cluster::publish_outcome::Result as Outcome;
use serde_json::json;
use std::fs;

struct Bench {
    place: Place,
    node: Node,
}

impl Bench {
    fn new() -> Self {
        let place = Place::new();
        let node = place.node();
        Self { place, node }
    }

    fn run(&self, line: &str) -> Ended {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        self.place.run(&[&self.node.address], &arguments)
    }

    fn add(&self, ip: &str, name: &str, more: &str) -> String {
        let line = format!("host add --ip {ip} --hostname {name} -f json {more}");
        self.run(&line).json()["id"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_host_is_added_found_changed_and_deleted() {
    let bench = Bench::new();
    let id = bench.add(
        "10.0.0.7",
        "NAS.lan.",
        "--alias files.lan --tag home --comment attic",
    );
    let nas = bench.run("host get nas.lan").json();
    assert_eq!(nas["id"], id.as_str());
    assert_eq!(nas["hostname"], "nas.lan");
    assert_eq!(nas["aliases"], json!(["files.lan"]));
    assert_eq!(nas["comment"], "attic");
    assert_eq!(nas["version"], "1");
    assert_eq!(bench.run("host get files.lan").json(), nas, "by alias");
    assert_eq!(bench.run(&format!("host get {id}")).json(), nas, "by id");
    let lower = id.to_lowercase();
    assert_eq!(bench.run(&format!("host get {lower}")).json(), nas);

    let changed = bench
        .run("host update nas.lan --ip 10.0.0.8 --clear-aliases --disable --if-version 1")
        .json();
    assert_eq!(changed["ip_address"], "10.0.0.8");
    assert_eq!(changed["aliases"], json!([]));
    assert_eq!(changed["tags"], json!(["home"]), "what is not named stays");
    assert_eq!(changed["disabled"], true);
    assert_eq!(changed["revision"], 2);

    let deleted = bench.run("host delete nas.lan --if-version 2").json();
    assert_eq!(deleted["deleted"], true);
    assert_eq!(deleted["id"], id.as_str());
    assert_eq!(bench.run("host list").json(), json!([]));
}

#[test]
fn an_update_of_nothing_says_that_nothing_changed() {
    let bench = Bench::new();
    let id = bench.add("10.0.0.7", "nas.lan", "--tag home");
    // By id too, and where the host is what changed last.
    for named in ["nas.lan", id.as_str()] {
        let line = format!("host update {named} --ip 10.0.0.7 --tag home");
        let same = bench.run(&line).json();
        assert_eq!(
            (&same["changed"], &same["version"]),
            (&json!(false), &json!("1"))
        );
        let said = bench.run(&format!("{line} -f table")).stdout;
        assert!(
            said.starts_with("nothing changed: nas.lan 10.0.0.7"),
            "{said}"
        );
    }
    let changed = bench.run("host update nas.lan --disable").json();
    assert_eq!(changed["changed"], true);
    let said = bench.run("host update nas.lan --enable -f table").stdout;
    assert!(said.starts_with("updated nas.lan"), "{said}");
    let row = bench.run("host update nas.lan --enable -f csv").stdout;
    assert_eq!(
        row.lines().next().unwrap().split(',').nth(10),
        Some("changed")
    );
    assert!(row.contains(",false,"), "{row}");
}

#[test]
fn an_empty_comment_clears_it() {
    let bench = Bench::new();
    bench.add("10.0.0.7", "nas.lan", "--comment attic");
    let update = ["host", "update", "nas.lan", "--comment", ""];
    let changed = bench.place.run(&[&bench.node.address], &update);
    assert_eq!(changed.json()["comment"], json!(null));
}

#[test]
fn a_stale_version_is_a_conflict_and_what_is_no_version_is_refused_here() {
    let bench = Bench::new();
    bench.add("10.0.0.7", "nas.lan", "");
    let calls = bench.node.calls().len();
    for command in ["update nas.lan --disable", "delete nas.lan"] {
        let ended = bench.run(&format!("host {command} --if-version v1 -f json"));
        ended.refused(2, "INVALID_ARGUMENT");
        assert!(
            ended.stderr.contains("`v1` is not a revision"),
            "{}",
            ended.stderr
        );
        assert_eq!(bench.node.calls().len(), calls, "nothing was sent");
    }
    for command in ["update nas.lan --disable", "delete nas.lan"] {
        let ended = bench.run(&format!("host {command} --if-version 7 -f json"));
        ended.refused(3, "VERSION_MISMATCH");
        assert!(
            ended.stderr.contains("at version 1, not 7"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn a_taken_address_and_name_is_a_conflict() {
    let bench = Bench::new();
    bench.add("10.0.0.7", "nas.lan", "");
    bench
        .run("host add --ip 10.0.0.7 --hostname nas.lan -f json")
        .refused(3, "DUPLICATE");
}

#[test]
fn a_name_of_several_hosts_is_refused_with_their_ids() {
    let bench = Bench::new();
    let ids = [
        bench.add("10.0.0.7", "nas.lan", ""),
        bench.add("10.0.0.8", "backup.lan", "--alias nas.lan"),
    ];
    bench.add("10.0.0.9", "mynas.lan", "");
    for command in ["get", "delete", "update --disable"] {
        let ended = bench.run(&format!("host {command} nas.lan -f json"));
        ended.refused(2, "AMBIGUOUS");
        for id in &ids {
            assert!(ended.stderr.contains(id), "{}", ended.stderr);
        }
        assert!(!ended.stderr.contains("mynas"), "only part of the name");
    }
}

/// In the earlier server a delete of what was gone failed, and whoever waited for it waited for ever.
#[test]
fn what_is_not_there_exits_with_4_unless_that_is_fine() {
    let bench = Bench::new();
    let absent = "01ARYZ6S41TSV4RRFFQ69G5FAV";
    for line in [
        "host get nas.lan -f json",
        "host delete nas.lan -f json",
        &format!("host get {absent} -f json"),
        &format!("host delete {absent} -f json"),
    ] {
        bench.run(line).refused(4, "NOT_FOUND");
    }
    for name in ["nas.lan", absent] {
        let deleted = bench
            .run(&format!("host delete {name} --missing-ok"))
            .json();
        assert_eq!(deleted, json!({"id": null, "deleted": false}));
    }
}

#[test]
fn lists_are_filtered_and_paged_and_searches_are_read_first() {
    let bench = Bench::new();
    for n in 1..=4 {
        bench.add(&format!("10.0.0.{n}"), &format!("n{n}.lan"), "--tag lab");
    }
    bench.add("192.168.0.1", "gate.lan", "");
    let names = |line: &str| -> Vec<String> {
        let found = bench.run(line).json();
        let found = found.as_array().unwrap().iter();
        found
            .map(|host| host["hostname"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names("host list --filter tag:lab --limit 2 --offset 1"),
        ["n2.lan", "n3.lan"]
    );
    assert_eq!(names("host search 192.168.0.0/16"), ["gate.lan"]);
    assert_eq!(
        names("host search tag:lab 10.0.0.4"),
        ["n4.lan"],
        "two terms"
    );
    let calls = bench.node.calls().len();
    bench
        .run("host search colour:red -f json")
        .refused(2, "INVALID_ARGUMENT");
    assert_eq!(bench.node.calls().len(), calls, "nothing was sent");
}

#[test]
fn arguments_that_do_not_parse_are_refused_in_json_too() {
    let bench = Bench::new();
    let ended = bench.run("host add --ip 10.0.0.300 --hostname nas.lan -f json");
    ended.refused(2, "INVALID_ARGUMENT");
    let ended = bench.run("host add --ip 10.0.0.300 --hostname nas.lan");
    assert_eq!(ended.status, 2);
    assert!(
        ended.stderr.contains("is not an IP address"),
        "{}",
        ended.stderr
    );
    assert!(bench.node.calls().is_empty());
}

#[test]
fn a_state_to_wait_for_stands_behind_an_equals_sign() {
    let bench = Bench::new();
    let ended = bench.run("host add --ip 10.0.0.7 --hostname nas.lan --wait published -f json");
    ended.refused(2, "INVALID_ARGUMENT");
    let hint = "write it as --wait=published";
    assert_eq!(ended.error()["hint"], hint);
}

#[test]
fn waiting_names_every_node_and_fails_for_those_that_cannot_write() {
    let bench = Bench::new();
    let node = |name: &str, result: Outcome, problem: &str| PublishOutcome {
        name: name.to_owned(),
        result: result.into(),
        problem: problem.to_owned(),
        ..Default::default()
    };
    let attic = node("attic", Outcome::Published, "");
    let shed = node("shed", Outcome::Unreachable, "connection refused");
    bench.node.publishes(vec![attic.clone(), shed]);
    let ended = bench.run("host add --ip 10.0.0.7 --hostname a.lan --wait -f table");
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(
        ended.stdout.contains("attic: published"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("shed: unreachable"),
        "{}",
        ended.stdout
    );

    let cellar = node("cellar", Outcome::Failed, "disk full");
    bench.node.publishes(vec![attic, cellar]);
    let ended = bench.run("host add --ip 10.0.0.8 --hostname b.lan --wait=published -f json");
    ended.refused(1, "NOT_PUBLISHED");
    assert!(ended.stderr.contains("cellar"), "{}", ended.stderr);
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["revision"], 2, "it is committed, and says so");
    assert_eq!(report["published"][1]["result"], "failed");

    let ended = bench.run("host update b.lan --disable --wait -f csv");
    assert!(
        ended.stdout.ends_with(",attic=published cellar=failed\n"),
        "{}",
        ended.stdout
    );

    let calls = bench.node.calls().len();
    let committed = bench.run("host add --ip 10.0.0.9 --hostname c.lan --wait=committed");
    assert!(committed.json().get("published").is_none());
    assert_eq!(bench.node.calls().len(), calls + 1, "no second call");
}

#[test]
fn an_export_is_a_file_or_standard_output() {
    let bench = Bench::new();
    bench.add("10.0.0.7", "nas.lan", "--alias files.lan --comment attic");
    let shown = bench.run("host export");
    assert!(
        shown
            .stdout
            .ends_with("10.0.0.7 nas.lan files.lan # attic\n")
    );
    let path = bench.place.path("backup");
    let line = format!("host export -o {}", path.display());
    let report = bench.run(&line).json();
    assert_eq!(report["bytes"], shown.stdout.len());
    assert_eq!(report["revision"], 1);
    assert_eq!(fs::read_to_string(&path).unwrap(), shown.stdout);

    let line = format!("host export -f json -o {}/x/y", path.display());
    let ended = bench.run(&line);
    ended.refused(1, "OUTPUT");
}

#[test]
fn an_export_says_what_a_hosts_file_leaves_out() {
    let bench = Bench::new();
    bench.add("10.0.0.7", "nas.lan", "");
    let export = |to: &str| {
        let path = bench.place.path(to);
        let ended = bench.run(&format!("host export -o {}", path.display()));
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        ended.stderr
    };
    assert_eq!(export("o.hosts"), "");
    bench.add("10.0.0.8", "tv.lan", "--tag den");
    let tags = "the tags of 1 host are left out: a hosts file cannot hold them; use .json\n";
    assert_eq!(export("o.txt"), tags);
    bench.add("10.0.0.9", "old.lan", "--tag den");
    bench.run("host update old.lan --disable").json();
    let both = format!("1 disabled host and {tags}");
    assert_eq!(export("o.hosts"), both);
    assert_eq!(bench.run("host export").stderr, both);
    assert_eq!(bench.run("host export -q").stderr, "");
    assert_eq!(export("o.json"), "");
    assert_eq!(export("o.CSV"), "");
}

#[test]
fn an_export_to_an_unknown_suffix_is_refused() {
    let bench = Bench::new();
    let path = bench.place.path("out.xml");
    let line = format!("host export -f json -o {}", path.display());
    let ended = bench.run(&line);
    ended.refused(2, "INVALID_ARGUMENT");
    for format in [".json", ".csv", "hosts", "--to"] {
        assert!(ended.stderr.contains(format), "{}", ended.stderr);
    }
    assert!(!path.exists());
    assert!(bench.node.calls().is_empty());
    bench.run(&format!("{line} --to hosts")).json();
    assert!(path.exists());
}

#[test]
fn a_cluster_is_shown_with_its_verdict() {
    let bench = Bench::new();
    let status = bench.run("cluster status").json();
    assert_eq!(status["verdict"], "degraded");
    assert_eq!(status["nodes"][1]["reachable"], false);
    let table = bench.run("cluster status -f table").stdout;
    assert!(
        table.ends_with("\ndegraded: n2 is unreachable\n"),
        "{table}"
    );
    let csv = bench.run("cluster status -f csv").stdout;
    assert_eq!(csv.lines().count(), 3);
}

#[test]
fn the_configuration_is_shown_with_its_sources_and_checked() {
    let bench = Bench::new();
    let shown = bench.run("config show --server a:1").json();
    assert_eq!(shown["settings"][0]["value"], "a:1");
    assert_eq!(shown["settings"][0]["source"], "flag");
    assert_eq!(shown["settings"][1]["source"], "file");
    let checked = bench.run("config check -q").json();
    assert_eq!(
        checked["identity"],
        "router-hosts://01ARYZ6S41TSV4RRFFQ69G5FAV/admin/alice"
    );
    bench
        .place
        .become_client(&bench.place.authority.client(When::Before));
    bench.run("config check -f json").refused(6, "TLS_EXPIRED");
    assert!(bench.node.calls().is_empty());
}

#[test]
fn a_check_of_the_configuration_finds_what_a_node_would_refuse() {
    let bench = Bench::new();
    let place = &bench.place;
    let authority = &place.authority;
    let cluster = "router-hosts://01ARYZ6S41TSV4RRFFQ69G5FAV";
    for (pair, status, reason, words) in [
        (
            authority.client(When::Before),
            6,
            "TLS_EXPIRED",
            "2021-01-01",
        ),
        (
            authority.client(When::After),
            6,
            "TLS_NOT_YET_VALID",
            "2119-01-01",
        ),
        (
            Authority::new().client(When::Now),
            6,
            "TLS_UNKNOWN_CA",
            "is not signed by the CA given here",
        ),
        (
            authority.node(&["localhost"], When::Now),
            6,
            "TLS_CERTIFICATE_REFUSED",
            "may not be used by a client",
        ),
        (
            authority.client_of(&format!("{cluster}/node/1"), When::Now),
            6,
            "TLS_CERTIFICATE_REFUSED",
            "is not a client",
        ),
        (
            authority.client_of("https://example.com/alice", When::Now),
            6,
            "TLS_CERTIFICATE_REFUSED",
            "is not a client",
        ),
        (
            Pair {
                key: authority.client(When::Now).key,
                ..authority.client(When::Now)
            },
            2,
            "TLS_FILES",
            "is not that of the certificate",
        ),
    ] {
        place.become_client(&pair);
        let ended = bench.run("config check -f json");
        ended.refused(status, reason);
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
        assert!(!ended.error()["hint"].is_null(), "{}", ended.stderr);
    }
    for role in ["admin", "editor", "viewer"] {
        place.become_client(&authority.client_of(&format!("{cluster}/{role}/a"), When::Now));
        bench.run("config check -q").json();
    }
    assert!(bench.node.calls().is_empty());
}

#[test]
fn a_configuration_with_an_unknown_key_is_refused_with_the_nearest() {
    let bench = Bench::new();
    let config = bench.place.write("typo.toml", "servers = []");
    let ended = crate::run::run(&config, &["config", "show", "-f", "json"], b"");
    ended.refused(2, "CONFIG");
    assert!(ended.stderr.contains("did you mean `server`?"));
    assert!(bench.node.calls().is_empty());
}

#[test]
fn completion_and_help_need_no_configuration() {
    let nowhere = std::path::Path::new("/nonexistent/client.toml");
    for shell in ["bash", "zsh", "fish"] {
        let ended = crate::run::run(nowhere, &["completion", shell], b"");
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        assert!(ended.stdout.contains("router-hosts"));
    }
    for line in [
        &["--help"][..],
        &["--version"],
        &["host", "import", "--help"],
    ] {
        assert_eq!(crate::run::run(nowhere, line, b"").status, 0);
    }
    let ended = crate::run::run(nowhere, &["host", "list", "-f", "json"], b"");
    ended.refused(2, "CONFIG");
}

/// A shell that is not installed here says nothing about its script.
#[test]
fn completion_scripts_are_scripts_of_their_shells() {
    let nowhere = std::path::Path::new("/nonexistent/client.toml");
    let place = Place::new();
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let script = crate::run::run(nowhere, &["completion", shell], b"").stdout;
        for word in ["host", "import", "--request-id", "conflict"] {
            let word = match shell {
                "fish" => word.trim_start_matches("--"),
                _ => word,
            };
            assert!(script.contains(word), "{shell}: {word}");
        }
        let path = place.write(shell, &script);
        match std::process::Command::new(shell)
            .arg(check)
            .arg(&path)
            .output()
        {
            Ok(checked) => assert!(
                checked.status.success(),
                "{shell}: {}",
                String::from_utf8_lossy(&checked.stderr)
            ),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                println!("not run: there is no {shell}");
            }
            Err(cause) => panic!("{shell}: {cause}"),
        }
    }
    // bash is on every machine that runs these tests: what it completes is looked at.
    let path = place.path("bash");
    let ask = format!(
        "source {} && COMP_WORDS=(router-hosts host im) COMP_CWORD=2 && _router__hosts router-hosts im host && echo ${{COMPREPLY[@]}}",
        path.display()
    );
    let answered = std::process::Command::new("bash")
        .args(["-c", &ask])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&answered.stdout), "import\n");
}

#[test]
fn manual_pages_are_written_and_can_be_read() {
    let place = Place::new();
    let nowhere = std::path::Path::new("/nonexistent/client.toml");
    let directory = place.path("man/man1");
    let words = ["man", directory.to_str().unwrap(), "-f", "json"];
    let written = crate::run::run(nowhere, &words, b"").json();
    let files = written["files"].as_array().unwrap();
    assert!(files.len() > 20, "{written}");
    let page = fs::read_to_string(directory.join("router-hosts-host-add.1")).unwrap();
    assert!(page.contains("Add a host"), "{page}");
    // Whoever reads manuals with warnings sees none.
    for file in files {
        let file = file.as_str().unwrap();
        let man = ["--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l", file];
        match std::process::Command::new("man").args(man).output() {
            Ok(shown) => assert_eq!(
                (
                    shown.status.code(),
                    String::from_utf8_lossy(&shown.stderr).as_ref()
                ),
                (Some(0), ""),
                "{file}"
            ),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                println!("not run: there is no man");
                break;
            }
            Err(cause) => panic!("{cause}"),
        }
    }
    let taken = place.write("taken", "a file");
    let words = ["man", taken.to_str().unwrap(), "-f", "json"];
    crate::run::run(nowhere, &words, b"").refused(1, "OUTPUT");
}

#[test]
fn quiet_leaves_out_what_is_no_error_and_verbose_tells_what_is_tried() {
    let bench = Bench::new();
    let lines = "10.0.0.7 nas_1.lan\n";
    bench.place.write("odd.hosts", lines);
    let path = bench.place.path("odd.hosts");
    let import = format!("host import {}", path.display());
    let warned = bench.run(&format!("{import} -f json"));
    assert!(warned.stderr.contains("warnings:"), "{}", warned.stderr);
    for quiet in ["-q", "--quiet"] {
        let ended = bench.run(&format!("{import} -f json {quiet}"));
        assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
    }
    let down = crate::node::nobody();
    let list = |flag: &[&str]| {
        let words = [&["host", "list"], flag].concat();
        bench
            .place
            .run(&[&down, &bench.node.address], &words)
            .stderr
    };
    assert_eq!(list(&[]), "");
    for verbose in ["-v", "--verbose"] {
        let said = list(&[verbose]);
        assert!(said.contains(&down) && said.contains("no answer"), "{said}");
    }
    assert!(list(&["-vv"]).contains(&bench.node.address));
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let bench = Bench::new();
    let place = &bench.place;
    place.configure(&[crate::node::nobody()]);
    for (from, to) in [
        ("client.pem", "own.pem"),
        ("client.key", "own.key"),
        ("ca.pem", "own-ca.pem"),
    ] {
        fs::rename(place.path(from), place.path(to)).unwrap();
    }
    let path = |name: &str| place.path(name).display().to_string();
    let (cert, key, ca) = (path("own.pem"), path("own.key"), path("own-ca.pem"));
    let config = path("client.toml");
    let run = |environment: &[(&str, &str)], flags: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_router-hosts"));
        let ended = command
            .args(["host", "list", "--config", &config])
            .args(flags)
            .env_clear()
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        (
            ended.status.code(),
            String::from_utf8(ended.stdout).unwrap(),
        )
    };
    let files = ["--cert", &cert, "--key", &key, "--ca", &ca];
    let server = ["--server", &bench.node.address];
    assert_eq!(run(&[], &[]).0, Some(2), "the file names what is not there");
    assert_eq!(
        run(&[], &files).0,
        Some(5),
        "the file names a node that is down"
    );
    assert_eq!(
        run(&[], &[&files[..], &server].concat()),
        (Some(0), "[]\n".into())
    );
    let environment = [
        ("ROUTER_HOSTS_SERVER", bench.node.address.as_str()),
        ("ROUTER_HOSTS_CERT", &cert),
        ("ROUTER_HOSTS_KEY", &key),
        ("ROUTER_HOSTS_CA", &ca),
        ("ROUTER_HOSTS_FORMAT", "table"),
    ];
    assert_eq!(run(&environment, &[]), (Some(0), "no hosts\n".into()));
    assert_eq!(run(&environment, &["-f", "json"]), (Some(0), "[]\n".into()));
    let down = crate::node::nobody();
    assert_eq!(run(&environment, &["-s", &down]).0, Some(5));
}

/// The lesson: keys that were taken and never read.
#[test]
fn lesson_config_every_key_of_the_client_has_an_effect() {
    let bench = Bench::new();
    let whole = format!(
        "server = ['{}']\ncert = 'client.pem'\nkey = 'client.key'\nca = 'ca.pem'\nformat = 'csv'\n",
        bench.node.address
    );
    let list = |text: &str| {
        let config = bench.place.write("keys.toml", text);
        let ended = crate::run::run(&config, &["host", "list"], b"");
        (ended.status, ended.stdout)
    };
    let with_all = list(&whole);
    assert_eq!(with_all.0, 0);
    assert!(with_all.1.starts_with("id,ip_address,"), "{}", with_all.1);
    for line in whole.lines() {
        let without = whole.replace(&format!("{line}\n"), "");
        assert_ne!(list(&without), with_all, "{line}");
    }
    // As many keys as the program knows of.
    let config = bench.place.write("keys.toml", "colour = 1");
    let said = crate::run::run(&config, &["config", "show"], b"").stderr;
    let known = said
        .split("known keys are ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    assert_eq!(known.split(", ").count(), whole.lines().count(), "{said}");
}
