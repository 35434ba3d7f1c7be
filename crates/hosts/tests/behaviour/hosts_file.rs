//! Reading hosts files of people.

use std::fmt::Write as _;

use hosts::ConflictMode;
use hosts::format::hosts_file::parse;
use hosts::format::render::{render, verify};
use hosts::format::{ParseErrors, ParseFault, Parsed, WarningKind};
use hosts::{Command, HostnameFault, View};

use crate::world::{World, aliases, name, row};

fn faults(bytes: &[u8]) -> Vec<(u32, ParseFault)> {
    let ParseErrors { shown, .. } = parse(bytes).expect_err("errors");
    shown.into_iter().map(|e| (e.place.line, e.fault)).collect()
}

fn fault(bytes: &[u8]) -> ParseFault {
    let mut faults = faults(bytes);
    assert_eq!(faults.len(), 1);
    faults.remove(0).1
}

#[test]
fn what_people_write_is_read() {
    let text = "\u{feff}# a comment\r\n\
        127.0.0.1\tblocked.lan   blocked.home.lan\t\r\n\
        \r\n  \t \r\n\
        \x20\t10.0.0.7\tNAS.lan. nas.lan files.lan Files.lan #  The big one \r\n\
        #10.0.0.8 off.lan\r\n\
        10.0.0.9 a.lan#tight\r\n\
        10.0.0.9 b.lan #\r\n\
        ::1 blocked.lan";
    let Parsed { rows, warnings, .. } = parse(text.as_bytes()).unwrap();
    let lines: Vec<u32> = rows.iter().map(|row| row.place.line).collect();
    assert_eq!(lines, [2, 5, 7, 8, 9]);
    let nas = &rows[1].host;
    assert_eq!(nas.hostname, name("nas.lan"));
    assert_eq!(nas.aliases, aliases("files.lan"));
    assert_eq!(nas.comment.as_ref().unwrap().as_str(), "The big one");
    assert!(nas.enabled && nas.tags.is_empty());
    assert_eq!(rows[2].host.comment.as_ref().unwrap().as_str(), "tight");
    assert_eq!(rows[3].host.comment, None);
    assert_eq!(warnings, []);
}

#[test]
fn nothing_is_a_file_without_hosts() {
    for text in ["", "\n", "\u{feff}", "# only\n# comments", "\r\n\r\n"] {
        assert_eq!(parse(text.as_bytes()).unwrap(), Parsed::default());
    }
}

#[test]
fn every_bad_line_is_named() {
    let text = "10.0.0.1\nnas.lan 10.0.0.2\n10.0.0.3 ok.lan\n10.0.0.4 *.lan\nfe80::1%eth0 a.lan\n10.0.0.5 # b.lan";
    let faults = faults(text.as_bytes());
    let lines: Vec<u32> = faults.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [1, 2, 4, 5, 6]);
    assert!(matches!(faults[0].1, ParseFault::NoName(_)));
    assert!(matches!(faults[1].1, ParseFault::Address(_)));
    let ParseFault::Hostname(refused) = &faults[2].1 else {
        panic!("a wildcard was taken");
    };
    assert_eq!(
        (refused.input.as_str(), refused.why),
        ("*.lan", HostnameFault::Wildcard)
    );
    assert!(matches!(faults[3].1, ParseFault::Address(_)));
    let all = parse(text.as_bytes()).unwrap_err();
    assert_eq!(all.to_string(), "5 lines cannot be read, the first is 1");
}

#[test]
fn what_is_no_text_is_refused() {
    assert_eq!(
        fault(b"10.0.0.1 a.lan\n10.0.0.2 b\xff.lan"),
        ParseFault::NotUtf8
    );
    assert_eq!(fault(b"# caf\xe9"), ParseFault::NotUtf8);
    assert_eq!(fault(b"10.0.0.1 a.lan # \0"), ParseFault::Nul);
    assert_eq!(
        fault("10.0.0.1 a.lan\n\u{feff}10.0.0.2 b.lan".as_bytes()),
        ParseFault::ByteOrderMark
    );
    assert!(matches!(
        fault(b"10.0.0.1 a.lan\r10.0.0.2 b.lan"),
        ParseFault::Hostname(_)
    ));
    assert!(matches!(
        fault(b"10.0.0.1\x0ba.lan"),
        ParseFault::Address(_)
    ));
}

#[test]
fn a_comment_that_cannot_be_kept_is_dropped_with_a_warning() {
    let text = format!(
        "10.0.0.1 a.lan # x\ty\n10.0.0.1 b.lan # {}",
        "x".repeat(1025)
    );
    let parsed = parse(text.as_bytes()).unwrap();
    assert!(parsed.rows.iter().all(|row| row.host.comment.is_none()));
    let dropped = |w: &hosts::format::Warning| matches!(w.kind, WarningKind::CommentDropped(_));
    assert!(parsed.warnings.iter().all(dropped));
    assert_eq!(parsed.warnings_total, 2);
}

#[test]
fn a_line_has_64_kib_at_most() {
    let padded = |bytes: usize| {
        let mut line = b"10.0.0.1 a.lan #".to_vec();
        line.resize(bytes, b' ');
        line
    };
    for bytes in [65_535, 65_536] {
        let mut line = padded(bytes);
        assert!(parse(&line).is_ok());
        line.extend_from_slice(b"\r\n");
        assert!(parse(&line).is_ok());
    }
    assert_eq!(fault(&padded(65_537)), ParseFault::LineTooLong);
}

#[test]
fn a_file_has_32_mib_at_most() {
    let mut blank = vec![b' '; 32 * 1024 * 1024 + 1];
    blank.iter_mut().step_by(60_000).for_each(|b| *b = b'\n');
    for bytes in [blank.len() - 2, blank.len() - 1] {
        assert_eq!(parse(&blank[..bytes]).unwrap(), Parsed::default());
    }
    assert_eq!(fault(&blank), ParseFault::FileTooLarge);
}

#[test]
fn a_line_has_a_hostname_and_64_aliases_at_most() {
    let line = |n: usize| {
        let mut line = "10.0.0.1 a.lan a.lan".to_owned();
        for i in 0..n {
            write!(line, " b{i}.lan b{i}.lan").unwrap();
        }
        line
    };
    for n in [63, 64] {
        let parsed = parse(line(n).as_bytes()).unwrap();
        assert_eq!(parsed.rows[0].host.aliases.len(), n);
    }
    assert!(matches!(fault(line(65).as_bytes()), ParseFault::TooMany(_)));
}

#[test]
fn a_hundred_errors_and_warnings_are_listed_and_all_are_counted() {
    for n in [99, 100, 101] {
        let errors = parse("10.0.0.1\n".repeat(n).as_bytes()).unwrap_err();
        assert_eq!((errors.shown.len(), errors.total), (n.min(100), n));
        let parsed = parse("10.0.0.1 a_b\n".repeat(n).as_bytes()).unwrap();
        assert_eq!(
            (parsed.warnings.len(), parsed.warnings_total),
            (n.min(100), n)
        );
    }
}

#[test]
fn a_file_has_200_000_hosts_at_most() {
    let text = "::1 a\n".repeat(200_001);
    let size = |hosts: usize| &text.as_bytes()[..hosts * "::1 a\n".len()];
    for hosts in [199_999, 200_000] {
        assert_eq!(parse(size(hosts)).unwrap().rows.len(), hosts);
    }
    assert_eq!(faults(size(200_001)), [(200_001, ParseFault::TooManyRows)]);
}

/// A block list as they are published: a head of comments, one address, many names, some twice, some with `_`.
fn block_list(names: u32) -> String {
    let mut text = "# Title: a list of names\r\n# Expires: 1 days\r\n# ====\r\n".to_owned();
    for i in 0..names {
        let sub = ["ads", "track_er", "005", "r3---sn", "a-b.c", "xn--dn-nmc"];
        let sub = sub.iter().cycle().nth(i as usize % 6).unwrap();
        writeln!(
            text,
            "0.0.0.0 {sub}.{}.example{}.com\r",
            i - i % 7 / 6,
            i % 97
        )
        .unwrap();
    }
    text
}

#[test]
fn a_block_list_goes_through_import_and_comes_out_again() {
    let text = block_list(5000);
    let parsed = parse(text.as_bytes()).unwrap();
    assert_eq!(parsed.rows.len(), 5000);
    assert_eq!(parsed.rows[0].place.line, 4);
    assert!(parsed.warnings_total > 800);

    let mut world = World::new();
    let rows: Vec<_> = parsed.rows.into_iter().map(|row| row.host).collect();
    let mut distinct: Vec<_> = rows.iter().map(|row| row.hostname.clone()).collect();
    distinct.sort();
    distinct.dedup();
    let command = Command::ImportHosts {
        rows,
        mode: ConflictMode::Strict,
    };
    world.run(&command).unwrap();
    assert_eq!(world.hosts.len(), distinct.len());

    let bytes = render(&world.hosts, &View::default());
    assert!(verify(&bytes));
    let again: Vec<_> = parse(&bytes).unwrap().rows;
    let names: Vec<_> = again.into_iter().map(|row| row.host.hostname).collect();
    assert_eq!(names, distinct, "one address: sorted by name");
}

#[test]
fn what_is_rendered_with_comments_is_read_back_whole() {
    let mut world = World::new();
    let lines = [
        "10.0.0.2 gw.lan router.lan # the gate",
        "10.0.0.10 a.lan b.lan c.lan d.lan e.lan f.lan g.lan h.lan i.lan",
        "fd00::1 gw.lan # das Tor",
    ];
    world.import(&lines, ConflictMode::Strict).unwrap();
    let bytes = render(
        &world.hosts,
        &View {
            comments: true,
            cluster: None,
        },
    );
    let rows: Vec<_> = parse(&bytes)
        .unwrap()
        .rows
        .into_iter()
        .map(|r| r.host)
        .collect();
    assert_eq!(rows, lines.map(row));
}
