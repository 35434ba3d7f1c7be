use super::*;
use crate::client::{
    Hook, HookState, NodeStatus, Publication, PublicationState, Published, Sink, Sinks, Status,
};
use hosts::Timestamp;
use hosts::format::Place;

const PIPE: Page = Page {
    width: None,
    color: false,
};

fn nas() -> HostView {
    HostView {
        id: "01ARYZ6S41TSV4RRFFQ69G5FAV".into(),
        ip_address: "10.0.0.7".into(),
        hostname: "nas.lan".into(),
        aliases: vec!["files.lan".into(), "media.lan".into()],
        tags: vec!["home".into()],
        comment: Some("in the \"attic\", left".into()),
        disabled: false,
        version: "41".into(),
        created_at: "2026-11-20T18:00:00.000Z".into(),
        updated_at: "2026-11-20T18:00:00.123Z".into(),
    }
}

fn printer() -> HostView {
    HostView {
        id: "01ARYZ6S41TSV4RRFFQ69G5FAW".into(),
        ip_address: "fd00::9".into(),
        hostname: "printer.lan".into(),
        aliases: Vec::new(),
        tags: Vec::new(),
        comment: None,
        disabled: true,
        version: "7".into(),
        ..nas()
    }
}

fn done() -> Done {
    Done {
        revision: 41,
        request_id: "r-1".into(),
        published: None,
    }
}

fn status() -> Status {
    let node = |id: u64, name: &str, role| NodeStatus {
        id,
        name: name.into(),
        address: format!("{name}.lan:50051"),
        role,
        reachable: true,
        problem: None,
        term: 3,
        last_log_index: 44,
        applied: 44,
        revision: 41,
        digest: "d1".into(),
        published: Some(Published {
            path: "/etc/hosts".into(),
            revision: 41,
            sha256: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".into(),
            writes: 2,
            repairs: 0,
            error: None,
            warnings: Vec::new(),
        }),
        certificate_expires_at: Some(Timestamp::from_millis(1_795_197_600_000)),
        version: "0.1.0".into(),
        hosts: 2,
        store: None,
        hooks: Vec::new(),
        sinks: Sinks::default(),
    };
    let hook = |name: &str, event, result| Hook {
        name: name.into(),
        event,
        result,
        detail: "succeeded".into(),
        revision: 41,
        duration_ms: 12,
        coalesced: 3,
        runs: 7,
        failures: 0,
    };
    let mut down = node(3, "shed", "voter");
    down.reachable = false;
    down.problem = Some("connection refused".into());
    down.published = None;
    down.certificate_expires_at = None;
    let mut full = node(2, "cellar", "voter");
    if let Some(file) = &mut full.published {
        file.error = Some("no space left on device".into());
        file.warnings = vec!["names of the block also stand outside it".into()];
    }
    full.hooks = vec![
        hook("reload-dnsmasq", "success", HookState::TimedOut),
        hook("tell-syslog", "failure", HookState::NeverRun),
    ];
    if let [reload, syslog] = full.hooks.as_mut_slice() {
        reload.detail = "not done within 10s and killed with its group".into();
        reload.failures = 1;
        syslog.detail = String::new();
        (syslog.revision, syslog.duration_ms) = (0, 0);
        (syslog.coalesced, syslog.runs) = (0, 0);
    }
    let sink = |name: &str, connected, current| Sink {
        client: format!("viewer:{name}"),
        instance: "10.0.0.5".into(),
        connected,
        heard_at: Some(Timestamp::from_millis(1_795_197_600_000)),
        current,
        last_success: Some(Timestamp::from_millis(1_795_197_500_000)),
        consecutive_failures: 0,
        reload_failed: false,
        last_reload_success: None,
        contract_version: "1".into(),
        change_id: "c41".into(),
    };
    let mut unwell = sink("unbound", true, false);
    (unwell.consecutive_failures, unwell.last_success) = (3, None);
    full.sinks = Sinks {
        watchers: 2,
        known: 4,
        failing: 1,
        listed: vec![unwell, sink("dns", true, true), sink("old", false, false)],
    };
    let mut first = node(1, "attic", "leader");
    first.hooks = vec![hook("reload-dnsmasq", "success", HookState::Succeeded)];
    Status {
        cluster_id: "01ARYZ6S41TSV4RRFFQ69G5FAV".into(),
        verdict: "degraded",
        explanation: "shed is unreachable".into(),
        answered_by: 1,
        nodes: vec![first, full, down],
    }
}

#[test]
fn an_election_is_told_from_a_lost_quorum_in_a_table() {
    let mut status = Status {
        verdict: "no quorum",
        explanation: "an election is under way".into(),
        ..status()
    };
    assert!(status.table(PIPE).contains("\nno quorum: "));
    for node in &mut status.nodes {
        node.reachable = true;
    }
    let said = "\nno leader yet: an election is under way\n";
    assert!(status.table(PIPE).ends_with(said));
    assert!(json(&status).contains("\"verdict\": \"no quorum\""));
}

#[test]
fn hosts_are_shown_as_the_golden_files_say() {
    let hosts = Hosts(vec![nas(), printer()]);
    assert_eq!(hosts.table(PIPE), include_str!("golden/hosts.txt"));
    assert_eq!(json(&hosts), include_str!("golden/hosts.json"));
    assert_eq!(table::csv(&hosts.csv()), include_str!("golden/hosts.csv"));
    assert_eq!(OneHost(nas()).table(PIPE), include_str!("golden/host.txt"));
}

#[test]
fn no_spreadsheet_takes_a_value_for_a_formula() {
    for (comment, field) in [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("'=1", "''=1"),
        (
            "=HYPERLINK(\"http://x\", 1)",
            "\"'=HYPERLINK(\"\"http://x\"\", 1)\"",
        ),
        ("it's 1=1", "it's 1=1"),
    ] {
        let host = HostView {
            comment: Some(comment.into()),
            ..nas()
        };
        let text = table::csv(&Hosts(vec![host]).csv());
        assert!(text.contains(&format!(",{field},")), "{text}");
    }
}

#[test]
fn a_cluster_is_shown_as_the_golden_files_say() {
    assert_eq!(status().table(PIPE), include_str!("golden/status.txt"));
    assert_eq!(json(&status()), include_str!("golden/status.json"));
    assert_eq!(
        table::csv(&status().csv()),
        include_str!("golden/status.csv")
    );
}

#[test]
fn a_change_is_shown_as_the_golden_files_say() {
    let node = |name: &str, result, problem: Option<&str>| Publication {
        id: 1,
        name: name.into(),
        result,
        revision: 41,
        problem: problem.map(str::to_owned),
    };
    let changed = Changed::new(
        Outcome::Added,
        nas(),
        Done {
            published: Some(vec![
                node("attic", PublicationState::Published, None),
                node(
                    "shed",
                    PublicationState::Unreachable,
                    Some("connection refused"),
                ),
            ]),
            ..done()
        },
    );
    assert_eq!(changed.table(PIPE), include_str!("golden/changed.txt"));
    assert_eq!(json(&changed), include_str!("golden/changed.json"));
    let csv = changed.csv();
    assert_eq!(csv[0].last().unwrap(), "published");
    assert_eq!(csv[1].last().unwrap(), "attic=published shed=unreachable");
}

#[test]
fn a_change_of_nothing_says_so() {
    let same = Changed::new(Outcome::Unchanged, nas(), done());
    let table = same.table(PIPE);
    assert!(
        table.starts_with("nothing changed: nas.lan 10.0.0.7 ("),
        "{table}"
    );
    assert!(json(&same).contains("\"changed\": false"));
}

#[test]
fn nothing_is_an_empty_list() {
    assert_eq!(json(&Hosts(Vec::new())), "[]\n");
    assert_eq!(Hosts(Vec::new()).table(PIPE), "no hosts\n");
    assert_eq!(Hosts(Vec::new()).csv().len(), 1, "the header alone");
}

#[test]
fn every_report_is_valid_json_and_even_csv() {
    fn check(report: &impl Report) {
        let text = json(report);
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
        let rows = report.csv();
        assert!(
            rows.iter().all(|row| row.len() == rows[0].len()),
            "{rows:?}"
        );
    }
    check(&Hosts(vec![nas(), printer()]));
    check(&OneHost(printer()));
    check(&status());
    check(&Changed::new(Outcome::Updated, printer(), done()));
    for done in [None, Some(done())] {
        check(&Deleted {
            id: None,
            named: "nas.lan".into(),
            deleted: done.is_some(),
            done,
        });
    }
    for at in [Imports::Done(done()), Imports::Tried { revision: 41 }] {
        check(&Imported {
            dry_run: matches!(at, Imports::Tried { .. }),
            processed: 3,
            created: 1,
            updated: 1,
            skipped: 1,
            left_out: Vec::new(),
            left_out_total: 1,
            at,
        });
    }
    check(&Exported {
        path: "a,b".into(),
        bytes: 1,
        revision: None,
    });
}

#[test]
fn a_table_fits_the_terminal_and_loses_nothing_in_a_pipe() {
    let narrow = Page {
        width: Some(80),
        color: false,
    };
    for table in [
        Hosts(vec![nas(), printer()]).table(narrow),
        status().table(narrow),
    ] {
        let widest = table.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{table}");
    }
    let long = HostView {
        comment: Some("x".repeat(1024)),
        ..nas()
    };
    assert!(Hosts(vec![long]).table(PIPE).contains(&"x".repeat(1024)));
}

#[test]
fn colours_are_for_those_who_see_them() {
    let color = Page {
        width: Some(200),
        color: true,
    };
    let table = status().table(color);
    assert!(table.starts_with("\x1b[1mNODE"), "{table}");
    assert!(table.contains("\n\x1b[33mdegraded\x1b[0m: "), "{table}");
    let hosts = Hosts(vec![nas()]).table(color);
    assert!(hosts.starts_with("\x1b[1mADDRESS"), "{hosts}");
    for report in [json(&status()), table::csv(&status().csv())] {
        assert!(!report.contains('\x1b'));
    }
    assert!(!status().table(PIPE).contains('\x1b'));
    let failure = Failure::usage("no");
    assert!(failure_as_text(&failure, true).contains("\x1b["));
    assert_eq!(failure_as_text(&failure, false), "error: no\n");
}

#[test]
fn a_failure_is_one_object() {
    let failure = Failure::of(reasons::NOT_FOUND, "no host is named \"x\"").hint("look");
    assert_eq!(
        failure_as_json(&failure),
        "{\"error\":{\"code\":4,\"reason\":\"NOT_FOUND\",\
         \"message\":\"no host is named \\\"x\\\"\",\"hint\":\"look\"}}\n"
    );
}

#[test]
fn json_is_asked_for_in_every_spelling() {
    let asked = |line: &str| json_was_asked(line.split(' ').map(OsString::from));
    for line in [
        "-f json x",
        "x --format json",
        "x --format=json",
        "-fjson",
        "-f=json",
    ] {
        assert!(asked(line), "{line}");
    }
    assert!(!asked("-f table -f"));
    assert!(!asked("host add json"));
}

#[test]
fn problems_name_their_lines_and_count_the_rest() {
    let at = |line, record| Place { line, record };
    let lines = FileLines {
        shown: vec![
            FileLine::at(at(3, None), "NUL", "it has a NUL".into()),
            FileLine::at(at(12, Some(1)), "FIELDS", "it has 1 field".into()),
        ],
        total: 5,
    };
    let table = "LINE           PROBLEM\n3              it has a NUL\n\
                 12 (record 1)  it has 1 field\nand 3 more\n";
    assert_eq!(lines_table(&lines), table);
    let failure = Failure::of(reasons::INVALID_FILE, "no").lines(lines);
    assert_eq!(
        failure_as_text(&failure, false),
        format!("error: no\n{table}hint: mend these lines; nothing was sent\n")
    );
    assert_eq!(
        failure_as_json(&failure),
        "{\"error\":{\"code\":2,\"reason\":\"INVALID_FILE\",\"message\":\"no\",\
         \"hint\":\"mend these lines; nothing was sent\",\"lines\":[\
         {\"line\":3,\"reason\":\"NUL\",\"message\":\"it has a NUL\"},\
         {\"line\":12,\"record\":1,\"reason\":\"FIELDS\",\"message\":\"it has 1 field\"}],\
         \"lines_total\":5}}\n"
    );
}
