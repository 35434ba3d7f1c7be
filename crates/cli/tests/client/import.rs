//! A file is imported whole, under one request id, or not sent at all.

use crate::node::{Mood, nobody};
use crate::run::{Place, end, start};
use serde_json::json;
use std::io::Write as _;

fn file(hosts: usize) -> String {
    (0..hosts)
        .map(|n| format!("10.{}.{}.{} n{n}.lan\n", n >> 16, (n >> 8) & 255, n & 255))
        .collect()
}

#[test]
fn a_file_larger_than_a_chunk_is_one_change() {
    let place = Place::new();
    let node = place.node();
    let text = file(20_000);
    assert!(text.len() > 4 * 64 * 1024);
    let path = place.write("hosts", &text);
    let path = path.to_str().unwrap();
    let summary = place
        .run(&[&node.address], &["host", "import", path])
        .json();
    assert_eq!(summary["processed"], 20_000);
    assert_eq!(summary["created"], 20_000);
    assert_eq!(summary["revision"], 1);
    assert_eq!(node.calls().len(), 1);

    let again = place
        .run(&[&node.address], &["host", "import", path])
        .json();
    assert_eq!(again["skipped"], 20_000);
    let strict = ["host", "import", path, "--conflict", "strict", "-f", "json"];
    place
        .run(&[&node.address], &strict)
        .refused(3, "IMPORT_CONFLICTS");
}

#[test]
fn standard_input_is_a_file_too() {
    let place = Place::new();
    let node = place.node();
    let import = ["host", "import", "-", "--conflict", "replace"];
    let first = b"10.0.0.7 nas.lan\n10.0.0.8 tv.lan # old\n";
    place.run_with(&[&node.address], &import, first).json();
    let second = b"10.0.0.8 tv.lan # new\n";
    let summary = place.run_with(&[&node.address], &import, second).json();
    assert_eq!(summary["updated"], 1);
    let nothing = place.run_with(&[&node.address], &import, b"").json();
    assert_eq!(nothing["processed"], 0);
}

#[test]
fn a_file_with_bad_lines_is_not_sent_and_all_of_them_are_named() {
    let place = Place::new();
    let node = place.node();
    let mut text = String::from("10.0.0.7 nas.lan\n10.0.0.300 tv.lan\n");
    text.push_str(&"10.0.0.8\n".repeat(120));
    let import = ["host", "import", "-"];
    let ended = place.run_with(&[&node.address], &import, text.as_bytes());
    assert_eq!(ended.status, 2);
    assert!(
        ended.stderr.contains("121 lines cannot be read"),
        "{}",
        ended.stderr
    );
    assert!(
        ended
            .stderr
            .contains("\n2     `10.0.0.300` is not an IP address\n"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("and 21 more"), "{}", ended.stderr);
    assert!(node.calls().is_empty());
    let ended = place.run_with(
        &[&node.address],
        &["host", "import", "-", "-f", "json"],
        b"x",
    );
    ended.refused(2, "INVALID_FILE");
}

#[test]
fn warnings_do_not_stop_it() {
    let place = Place::new();
    let node = place.node();
    let ended = place.run_with(
        &[&node.address],
        &["host", "import", "-"],
        b"10.0.0.7 my_nas.lan\n",
    );
    assert_eq!(ended.json()["created"], 1);
    assert!(ended.stderr.contains("my_nas.lan"), "{}", ended.stderr);
}

#[test]
fn an_import_goes_to_the_next_node_under_the_same_id() {
    let place = Place::new();
    let (first, second) = (place.node(), place.node());
    first.mood(Mood::Dies);
    let text = file(10_000);
    let ended = place.run_with(
        &[&nobody(), &first.address, &second.address],
        &["host", "import", "-"],
        text.as_bytes(),
    );
    assert_eq!(ended.json()["created"], 10_000);
    assert_eq!(first.calls()[0], second.calls()[0]);
    assert_eq!(
        ended.json()["request_id"],
        *second.calls()[0].1.as_ref().unwrap()
    );
}

#[test]
fn a_file_that_is_not_there_is_refused() {
    let place = Place::new();
    let node = place.node();
    let import = ["host", "import", "/nonexistent", "-f", "json"];
    place
        .run(&[&node.address], &import)
        .refused(2, "INVALID_ARGUMENT");
}

const CSV: &str = "ip_address,hostname,tags,disabled\n10.0.0.7,nas.lan,home;lab,true\n";
const JSON: &str = "[{\"ip_address\":\"10.0.0.7\",\"hostname\":\"nas.lan\",\"tags\":[\"home\",\"lab\"],\"disabled\":true}]";

#[test]
fn the_format_is_as_named_or_as_the_suffix_says() {
    for (name, text, named) in [
        ("hosts.csv", CSV, None),
        ("hosts.JSON", JSON, None),
        ("hosts.jsonl", &JSON[1..JSON.len() - 1], None),
        ("hosts", CSV, Some("csv")),
        ("hosts.csv", JSON, Some("json")),
    ] {
        let place = Place::new();
        let node = place.node();
        let path = place.write(name, text);
        let mut import = vec!["host", "import", path.to_str().unwrap()];
        if let Some(named) = named {
            import.extend(["--from", named]);
        }
        let summary = place.run(&[&node.address], &import).json();
        assert_eq!(summary["created"], 1, "{name}");
        let nas = place
            .run(&[&node.address], &["host", "get", "nas.lan"])
            .json();
        assert_eq!(
            (&nas["disabled"], &nas["tags"]),
            (&json!(true), &json!(["home", "lab"]))
        );
    }
    let place = Place::new();
    let node = place.node();
    let stdin = ["host", "import", "-", "--from", "json"];
    let summary = place.run_with(&[&node.address], &stdin, JSON.as_bytes());
    assert_eq!(summary.json()["created"], 1);
    // A hosts file is what has no suffix of another format.
    let ended = place.run_with(&[&node.address], &["host", "import", "-"], JSON.as_bytes());
    assert_eq!(ended.status, 2);
}

#[test]
fn what_is_exported_is_imported_again() {
    let place = Place::new();
    let node = place.node();
    let text = "[{\"ip_address\":\"10.0.0.7\",\"hostname\":\"nas.lan\",\"aliases\":[\"f.lan\"],\
                \"tags\":[\"-a\",\"b\"],\"comment\":\"=1; \\\"x\\\", y\",\"disabled\":true},\
                {\"ip_address\":\"fd00::7\",\"hostname\":\"nas.lan\"}]";
    let path = place.write("hosts.json", text);
    place
        .run(
            &[&node.address],
            &["host", "import", path.to_str().unwrap()],
        )
        .json();
    let list = place.run(&[&node.address], &["host", "list"]).json();
    for (name, named) in [("b.json", None), ("b.csv", None), ("b", Some("csv"))] {
        let file = place.path(name);
        let file = file.to_str().unwrap();
        let mut export = vec!["host", "export", "-o", file];
        export.extend(named.iter().flat_map(|to| ["--to", to]));
        place.run(&[&node.address], &export).json();
        let again = place.node();
        let mut import = vec!["host", "import", file, "--conflict", "strict"];
        import.extend(named.iter().flat_map(|from| ["--from", from]));
        assert_eq!(place.run(&[&again.address], &import).json()["created"], 2);
        let copy = place.run(&[&again.address], &["host", "list"]).json();
        let facts = |list: &serde_json::Value| -> Vec<serde_json::Value> {
            let hosts = list.as_array().unwrap().iter().cloned();
            hosts
                .map(|mut host| {
                    for key in ["id", "version", "created_at", "updated_at"] {
                        assert!(host.as_object_mut().unwrap().remove(key).is_some());
                    }
                    host
                })
                .collect()
        };
        assert_eq!(facts(&copy), facts(&list), "{name}");
        // What `host list` says can be imported as well.
        let shown = serde_json::to_vec(&list).unwrap();
        let import = ["host", "import", "-", "--from", "json"];
        let summary = place.run_with(&[&again.address], &import, &shown).json();
        assert_eq!(
            (&summary["skipped"], &summary["left_out_total"]),
            (&json!(2), &json!(0))
        );
    }
}

#[test]
fn skipped_lines_that_say_something_else_are_named() {
    let place = Place::new();
    let node = place.node();
    let import = ["host", "import", "-"];
    place
        .run_with(&[&node.address], &import, b"10.0.0.7 nas.lan\n")
        .json();
    let file = b"# ours\n10.0.0.7 nas.lan\n10.0.0.8 tv.lan\n10.0.0.7 nas.lan files.lan\n";
    let ended = place.run_with(&[&node.address], &import, file);
    let summary = ended.json();
    assert_eq!(
        (&summary["created"], &summary["skipped"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(
        summary["left_out"],
        json!([{"line": 4, "reason": "LEFT_OUT", "message": "taken"}])
    );
    assert_eq!(summary["left_out_total"], 1);

    let again = b"10.0.0.7 nas.lan x.lan\n".repeat(101);
    let table = ["host", "import", "-", "-f", "table"];
    let ended = place.run_with(&[&node.address], &table, &again);
    assert_eq!(ended.status, 0);
    assert!(ended.stdout.contains("\nleft out:\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("\n100"), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("and 1 more\n"), "{}", ended.stdout);
}

#[test]
fn refused_lines_are_a_list_in_json() {
    let place = Place::new();
    let node = place.node();
    let import = ["host", "import", "-", "-f", "json"];
    let file = b"10.0.0.7 nas.lan\n10.0.0.300 tv.lan\n10.0.0.8\n";
    let ended = place.run_with(&[&node.address], &import, file);
    ended.refused(2, "INVALID_FILE");
    let error = ended.error();
    assert_eq!(
        error["message"],
        "- is not imported: 2 lines cannot be read"
    );
    assert_eq!(
        error["lines"],
        json!([
            {"line": 2, "reason": "INVALID_ADDRESS", "message": "`10.0.0.300` is not an IP address"},
            {"line": 3, "reason": "NO_NAME", "message": "10.0.0.8 has no name"},
        ])
    );
    assert_eq!(error["lines_total"], 2);

    let csv = ["host", "import", "-", "-f", "json", "--from", "csv"];
    let ended = place.run_with(
        &[&node.address],
        &csv,
        b"ip_address,hostname\n\n10.0.0.1,\n",
    );
    assert_eq!(
        ended.error()["lines"],
        json!([{"line": 3, "record": 2, "reason": "MISSING", "message": "`hostname` is missing"}])
    );

    place
        .run_with(&[&node.address], &import, b"10.0.0.7 nas.lan\n")
        .json();
    let strict = ["host", "import", "-", "-f", "json", "--conflict", "strict"];
    let ended = place.run_with(&[&node.address], &strict, b"\n10.0.0.7 nas.lan\n");
    ended.refused(3, "IMPORT_CONFLICTS");
    let error = ended.error();
    assert_eq!(
        error["lines"],
        json!([{"line": 2, "reason": "TAKEN", "message": "taken"}])
    );
    assert!(!error["message"].as_str().unwrap().contains('\n'));
    // Other failures have no lines.
    let absent = ["host", "get", "absent.lan", "-f", "json"];
    assert_eq!(
        place.run(&[&node.address], &absent).error().get("lines"),
        None
    );
}

#[test]
fn a_dry_run_changes_nothing_and_says_so() {
    let place = Place::new();
    let node = place.node();
    let path = place.write("hosts.csv", CSV);
    let path = path.to_str().unwrap();
    let summary = place
        .run(&[&node.address], &["host", "import", path, "--dry-run"])
        .json();
    assert_eq!(
        (&summary["created"], &summary["dry_run"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(
        (&summary["revision"], summary.get("request_id")),
        (&json!(0), None)
    );
    assert_eq!(node.hosts(), 0);
    let table = ["host", "import", path, "--dry-run", "-f", "table"];
    let ended = place.run(&[&node.address], &table);
    assert!(
        ended.stdout.starts_with("nothing is imported: of "),
        "{}",
        ended.stdout
    );
    for other in ["--wait", "--request-id=r-1"] {
        let both = ["host", "import", path, "--dry-run", other];
        assert_eq!(place.run(&[&node.address], &both).status, 2);
    }
    // A node that knows no dry run is not believed.
    node.mood(Mood::Older);
    let json = ["host", "import", path, "--dry-run", "-f", "json"];
    place
        .run(&[&node.address], &json)
        .refused(1, "MALFORMED_ANSWER");
}

#[test]
fn a_dry_run_may_go_to_the_next_node() {
    let place = Place::new();
    let (first, second) = (place.node(), place.node());
    first.mood(Mood::NoQuorum);
    let path = place.write("hosts.csv", CSV);
    let import = ["host", "import", path.to_str().unwrap(), "--dry-run"];
    let summary = place
        .run(&[&nobody(), &first.address, &second.address], &import)
        .json();
    assert_eq!(summary["dry_run"], true);
    assert_eq!(second.calls().len(), 1);
}

/// Lesson #37 of the earlier server.
#[test]
fn a_symbolic_link_is_not_followed_when_it_must_not_be() {
    let place = Place::new();
    let node = place.node();
    let path = place.write("hosts.csv", CSV);
    let link = place.path("link.csv");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let (path, link) = (path.to_str().unwrap(), link.to_str().unwrap());
    let import = ["host", "import", link, "--no-follow-symlinks", "-f", "json"];
    let ended = place.run(&[&node.address], &import);
    ended.refused(2, "INVALID_ARGUMENT");
    assert!(ended.stderr.contains("symbolic link"), "{}", ended.stderr);
    assert!(node.calls().is_empty());
    for import in [
        ["host", "import", path, "--no-follow-symlinks"].as_slice(),
        &["host", "import", link],
    ] {
        place.run(&[&node.address], import).json();
    }
}

#[test]
fn a_file_that_is_no_text_is_refused_in_one_line() {
    let place = Place::new();
    let node = place.node();
    let import = ["host", "import", "-", "-f", "json"];
    let binary = b"10.0.0.1 ok.lan\n".repeat(2);
    let binary = [&binary[..], &b"\x7fELF\0\n".repeat(500)].concat();
    let ended = place.run_with(&[&node.address], &import, &binary);
    ended.refused(2, "INVALID_FILE");
    let error = ended.error();
    assert_eq!(error["lines"].as_array().unwrap().len(), 1, "{error}");
    assert_eq!(
        (&error["lines"][0]["line"], &error["lines"][0]["reason"]),
        (&3.into(), &"NUL".into())
    );
    assert_eq!(error["message"], "- is not imported: it is no text");
}

#[test]
fn what_is_no_text_costs_no_call() {
    let place = Place::new();
    let node = place.node();
    for (format, bytes) in [
        ("json", b"\x7fELF\x02\x01\0".as_slice()),
        ("csv", b"PK\x03\x04\xff\xff\0"),
        ("hosts", b"\xff\xfe1\x000\0"),
        ("json", b"{\"ip_address\": \"10.0.0.1\", \"hostn"),
        ("csv", b"ip_address,hostname\n10.0.0.1,\"nas.lan"),
    ] {
        let import = ["host", "import", "-", "--from", format, "-f", "json"];
        let ended = place.run_with(&[&node.address], &import, bytes);
        ended.refused(2, "INVALID_FILE");
    }
    assert!(node.calls().is_empty());
}

#[test]
fn a_mark_in_front_and_mixed_line_ends_are_no_trouble() {
    for (format, text) in [
        (
            "hosts",
            "\u{feff}10.0.0.1 a.lan\r\n10.0.0.2 b.lan\n".to_owned(),
        ),
        (
            "csv",
            "\u{feff}ip_address,hostname\r\n10.0.0.1,a.lan\n10.0.0.2,b.lan\r".to_owned(),
        ),
        (
            "json",
            "\u{feff}{\"ip_address\":\"10.0.0.1\",\r\n\"hostname\":\"a.lan\"}\n\
             {\"ip_address\":\"10.0.0.2\",\"hostname\":\"b.lan\"}\r"
                .to_owned(),
        ),
    ] {
        let place = Place::new();
        let node = place.node();
        let import = ["host", "import", "-", "--from", format];
        let summary = place.run_with(&[&node.address], &import, text.as_bytes());
        assert_eq!(summary.json()["created"], 2, "{format}");
    }
}

#[test]
fn input_that_never_ends_is_cut_off() {
    let place = Place::new();
    let node = place.node();
    for format in ["hosts", "json", "csv"] {
        let config = place.configure(std::slice::from_ref(&node.address));
        let import = ["host", "import", "-", "--from", format, "-f", "json"];
        let mut child = start(&config, &import);
        let mut input = child.stdin.take().unwrap();
        // Ends when the command stops reading.
        let piece = vec![b'['; 1024 * 1024];
        let pieces = std::iter::from_fn(|| input.write_all(&piece).ok()).count();
        assert!((32..40).contains(&pieces), "{pieces}");
        drop(input);
        end(child).refused(2, "FILE_TOO_LARGE");
    }
    assert!(node.calls().is_empty());
}
