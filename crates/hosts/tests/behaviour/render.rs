//! The bytes of the hosts file: golden files, and the bounds its readers need.

use std::fmt::Write as _;

use hosts::format::render::{header, render, verify};
use hosts::{Command, ConflictMode, HostId, HostPatch, NewHost, Projection, Revision, View};

use crate::world::{World, address, aliases, name};

const PLAIN: View = View {
    comments: false,
    cluster: None,
};
const COMMENTS: View = View {
    comments: true,
    cluster: None,
};

fn body(bytes: &[u8]) -> &str {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    text.split_once('\n').expect("a header").1
}

/// What resolvers rely on, whatever the content.
fn assert_keeps_the_contract(bytes: &[u8]) {
    assert!(verify(bytes));
    assert!(bytes.ends_with(b"\n"));
    for line in body(bytes).lines() {
        assert!(line.len() <= 500, "{} bytes: {line}", line.len());
        let names = line.split(" #").next().expect("names");
        assert!(names.split(' ').count() <= 10, "{line}");
    }
}

fn office() -> World {
    let mut world = World::new();
    let lines = [
        "fd00::7 nas.lan",
        "10.0.0.10 printer.lan # second floor, ask Zoë",
        "10.0.0.2 gw.lan router.lan",
        "!10.0.0.3 off.lan",
        "10.0.0.2 ap.lan",
        "0.0.0.0 ads.example # blocked",
        "::1 localhost",
        "10.0.0.20 many.lan a1.lan a2.lan a3.lan a4.lan a5.lan a6.lan a7.lan a8.lan a9.lan # once",
    ];
    world
        .import(&lines, ConflictMode::Strict)
        .expect("new hosts");
    world
}

#[test]
fn a_small_office_renders_as_in_the_golden_file() {
    let bytes = render(&office().hosts, &PLAIN);
    assert_eq!(
        std::str::from_utf8(&bytes).unwrap(),
        include_str!("../golden/office.hosts")
    );
    assert_keeps_the_contract(&bytes);
}

#[test]
fn the_cluster_is_named_in_the_header_and_read_back() {
    let hosts = office().hosts;
    for bits in [0, 7, u128::MAX] {
        let view = View {
            comments: false,
            cluster: Some(bits),
        };
        let bytes = render(&hosts, &view);
        assert_keeps_the_contract(&bytes);
        assert_eq!(body(&bytes), body(&render(&hosts, &PLAIN)));
        let read = header(&bytes).expect("a header");
        assert_eq!(
            (read.revision, read.cluster),
            (hosts.revision(), view.cluster)
        );
        let first = bytes.split(|b| *b == b'\n').next().expect("a line");
        let text = std::str::from_utf8(first).expect("UTF-8");
        assert!(
            text.ends_with(&format!(" cluster {}", HostId::from_u128(bits))),
            "{text}"
        );

        // One header, one text.
        let lower = String::from_utf8(bytes).expect("UTF-8").replace('Z', "z");
        assert_eq!(header(lower.as_bytes()).is_some(), bits != u128::MAX);
    }
    assert_eq!(
        header(&render(&hosts, &PLAIN)).expect("a header").cluster,
        None
    );
}

#[test]
fn a_small_office_with_comments_renders_as_in_the_golden_file() {
    let bytes = render(&office().hosts, &COMMENTS);
    assert_eq!(
        std::str::from_utf8(&bytes).unwrap(),
        include_str!("../golden/office-comments.hosts")
    );
    assert_keeps_the_contract(&bytes);
}

#[test]
fn nothing_renders_as_in_the_golden_file() {
    let bytes = render(&Projection::new(), &PLAIN);
    assert_eq!(
        std::str::from_utf8(&bytes).unwrap(),
        include_str!("../golden/empty.hosts")
    );
    assert_keeps_the_contract(&bytes);
}

#[test]
fn an_edit_that_shows_nothing_leaves_the_bytes_alone() {
    let mut world = office();
    let before = render(&world.hosts, &PLAIN);
    let id = world.hosts.hosts().next().unwrap().id;
    let patch = HostPatch {
        comment: Some(None),
        ..HostPatch::default()
    };
    world.update(id, patch).unwrap();
    assert_eq!(render(&world.hosts, &PLAIN), before);
    assert_eq!(world.hosts.revision(), Revision::new(2));
    assert_eq!(header(&before).unwrap().revision, Revision::new(1));
    let commented = render(&world.hosts, &COMMENTS);
    assert_eq!(header(&commented).unwrap().revision, Revision::new(2));
}

/// A host with `n` aliases of the form `aNN.lan`.
fn with_aliases(n: usize) -> NewHost {
    let mut text = String::new();
    for i in 0..n {
        write!(text, " a{i:02}.lan").expect("writing to a String does not fail");
    }
    NewHost {
        aliases: aliases(&text),
        ..NewHost::new(address("10.0.0.7"), name("nas.lan"))
    }
}

fn rendered(host: NewHost, view: View) -> Vec<String> {
    let mut world = World::new();
    world.run(&Command::AddHost(host)).expect("a new host");
    let bytes = render(&world.hosts, &view);
    assert_keeps_the_contract(&bytes);
    body(&bytes).lines().map(str::to_owned).collect()
}

#[test]
fn a_line_has_nine_names_at_most() {
    for (aliases, lines) in [(0, 1), (7, 1), (8, 1), (9, 2), (17, 2), (18, 3), (64, 8)] {
        assert_eq!(rendered(with_aliases(aliases), PLAIN).len(), lines);
    }
    let lines = rendered(with_aliases(9), PLAIN);
    assert!(lines[0].starts_with("10.0.0.7 nas.lan a00.lan"));
    assert_eq!(lines[1], "10.0.0.7 a08.lan");
}

#[test]
fn a_line_has_500_bytes_at_most() {
    // "10.0.0.7 " and a name of 240 leave 250 bytes and a blank for the alias.
    let long = |n: usize| format!("{}{}", "a23456789.".repeat(23), "b".repeat(n - 230));
    for (alias, lines) in [(249, 1), (250, 1), (251, 2)] {
        let host = NewHost {
            aliases: aliases(&long(alias)),
            ..NewHost::new(address("10.0.0.7"), name(&long(240)))
        };
        let rendered = rendered(host, PLAIN);
        assert_eq!(rendered.len(), lines);
        if alias == 250 {
            assert_eq!(rendered[0].len(), 500);
        }
    }
    let longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let host = NewHost {
        aliases: aliases(&format!("c{}", &long(252)[..251])),
        ..NewHost::new(address(longest), name(&long(253)))
    };
    assert_eq!(rendered(host, PLAIN).len(), 2);
}

#[test]
fn a_comment_is_cut_at_a_character_to_fit_its_line() {
    let commented = |text: &str| {
        let host = NewHost {
            comment: hosts::Comment::parse_optional(text).expect("a comment"),
            ..NewHost::new(address("10.0.0.7"), name("nas.lan"))
        };
        rendered(host, COMMENTS)
    };
    // "10.0.0.7 nas.lan # " takes 19 bytes.
    for (n, bytes) in [(480, 499), (481, 500), (482, 500), (1024, 500)] {
        assert_eq!(commented(&"x".repeat(n))[0].len(), bytes);
    }
    for (n, bytes) in [(240, 499), (241, 499), (512, 499)] {
        assert_eq!(commented(&"ü".repeat(n))[0].len(), bytes);
    }
    assert_eq!(
        commented("0.0.0.0 evil.lan"),
        ["10.0.0.7 nas.lan # 0.0.0.0 evil.lan"]
    );
    let full = NewHost {
        comment: hosts::Comment::parse_optional("x").unwrap(),
        ..with_aliases(64)
    };
    let lines = rendered(full, COMMENTS);
    assert_eq!(lines.iter().filter(|line| line.contains('#')).count(), 1);
    assert!(lines[0].ends_with(" # x"));
}

#[test]
fn a_harmed_file_does_not_verify() {
    let bytes = render(&office().hosts, &PLAIN);
    assert!(verify(&bytes));
    for place in 0..bytes.len() {
        let mut harmed = bytes.clone();
        harmed[place] ^= 1;
        // The revision is not under the hash: there a digit may become another.
        let still_a_header = header(&harmed).is_some_and(|h| h.revision != Revision::new(1));
        assert!(!verify(&harmed) || still_a_header, "byte {place}");
        assert!(!verify(&bytes[..place]), "cut at {place}");
    }
    for text in [
        "",
        "\n",
        "127.0.0.1 localhost\n",
        "# router-hosts revision 1 sha256 00\n",
    ] {
        assert_eq!(header(text.as_bytes()), None);
    }
    let upper = String::from_utf8(bytes)
        .unwrap()
        .replace("# router", "# Router");
    assert_eq!(header(upper.as_bytes()), None);
}
