//! Searching.

use hosts::{HostPatch, InvalidQuery, Query, Tag, Tags};

use crate::world::{World, line};

fn world() -> World {
    let mut world = World::new();
    world.add("10.0.0.10 printer.lan");
    let nas = world.add("10.0.0.7 nas.lan files.lan # The BIG one");
    world.add("192.168.1.7 nas.lan # see http://example");
    world.add("!fd00::7 nas.lan xn--bcher-kva.lan");
    let tags = ["disk", "site/a"].map(|text| Tag::parse(text).unwrap());
    let patch = HostPatch {
        tags: Some(Tags::new(tags.to_vec()).unwrap()),
        ..HostPatch::default()
    };
    world.update(nas.id, patch).unwrap();
    world
}

/// The addresses of what a query finds.
fn found(text: &str) -> Vec<String> {
    let world = world();
    let query = Query::parse(text).unwrap();
    let found: Vec<_> = world.hosts.search(&query).collect();
    let matching: Vec<_> = world.hosts.hosts().filter(|h| query.matches(h)).collect();
    assert_eq!(found, matching, "the index gives what a scan gives");
    found.iter().map(|host| host.address.to_string()).collect()
}

#[test]
fn no_term_finds_everything_in_list_order() {
    let world = world();
    let all: Vec<String> = world
        .hosts
        .search(&Query::default())
        .map(|h| line(h))
        .collect();
    assert_eq!(all, world.lines());
    assert_eq!(
        found("  "),
        ["10.0.0.7", "10.0.0.10", "192.168.1.7", "fd00::7"]
    );
}

#[test]
fn a_word_is_looked_for_in_names_aliases_and_comments() {
    assert_eq!(found("NAS"), ["10.0.0.7", "192.168.1.7", "fd00::7"]);
    assert_eq!(found("files"), ["10.0.0.7"]);
    assert_eq!(found("big"), ["10.0.0.7"]);
    assert_eq!(found("one lan"), ["10.0.0.7"]);
    assert_eq!(found("nothing"), [""; 0]);
    assert_eq!(found("Bücher.lan"), ["fd00::7"]);
}

#[test]
fn a_key_narrows_a_term() {
    assert_eq!(found("name:big"), [""; 0]);
    assert_eq!(found("name:FILES"), ["10.0.0.7"]);
    assert_eq!(found("comment:nas"), [""; 0]);
    assert_eq!(found("comment:http://EX"), ["192.168.1.7"]);
    assert_eq!(found("tag:site/a"), ["10.0.0.7"]);
    assert_eq!(found("tag:site"), [""; 0]);
    assert_eq!(found("tag:Disk"), [""; 0]);
    assert_eq!(found("is:disabled"), ["fd00::7"]);
    assert_eq!(found("is:enabled nas"), ["10.0.0.7", "192.168.1.7"]);
}

#[test]
fn addresses_and_networks_are_looked_up() {
    assert_eq!(found("10.0.0.7"), ["10.0.0.7"]);
    assert_eq!(found("ip:FD00:0::7"), ["fd00::7"]);
    assert_eq!(found("::ffff:10.0.0.7"), ["10.0.0.7"]);
    assert_eq!(found("10.0.0.0/8"), ["10.0.0.7", "10.0.0.10"]);
    assert_eq!(found("ip:10.0.0.255/29"), [""; 0]);
    assert_eq!(found("10.0.0.1/29"), ["10.0.0.7"]);
    assert_eq!(found("10.0.0.8/32"), [""; 0]);
    assert_eq!(found("0.0.0.0/0"), ["10.0.0.7", "10.0.0.10", "192.168.1.7"]);
    assert_eq!(found("fd00::/8"), ["fd00::7"]);
    assert_eq!(found("::/0"), ["fd00::7"]);
    assert_eq!(found("10.0.0.0/8 192.168.0.0/16"), [""; 0]);
    assert_eq!(found("10.0.0.0/8 10.0.0.8/29 lan"), ["10.0.0.10"]);
}

#[test]
fn what_a_query_does_not_know_is_refused() {
    for text in ["owner:x", "http://x", "a:b:c"] {
        let refused = Query::parse(text).unwrap_err();
        assert!(matches!(refused, InvalidQuery::UnknownKey { .. }), "{text}");
    }
    for text in [
        "tag:",
        "tag:a=b",
        "ip:10.0.0.0/33",
        "ip:nas",
        "is:on",
        "ip:10.0.0.0/+8",
        "10.0.0.0/33",
        "10.0.0/8",
        "fd00::/129",
    ] {
        let refused = Query::parse(text).unwrap_err();
        assert!(matches!(refused, InvalidQuery::Value { .. }), "{text}");
    }
}

#[test]
fn a_slash_in_a_word_is_no_network() {
    for text in ["attic/left", "a.lan/b", "cafe/8"] {
        assert!(Query::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn a_query_has_1024_bytes_and_16_terms_at_most() {
    for n in [1023, 1024] {
        assert!(Query::parse(&"x".repeat(n)).is_ok());
    }
    assert_eq!(
        Query::parse(&"x".repeat(1025)),
        Err(InvalidQuery::TooLong { bytes: 1025 })
    );
    for n in [15, 16] {
        assert!(Query::parse(&"x ".repeat(n)).is_ok());
    }
    assert_eq!(
        Query::parse(&"x ".repeat(17)),
        Err(InvalidQuery::TooManyTerms { terms: 17 })
    );
}
