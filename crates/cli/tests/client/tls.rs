//! TLS that is refused says why, and exits with 6.

use crate::node::Node;
use crate::pki::{Authority, Pair, When};
use crate::run::{Ended, Place};
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

fn list(place: &Place, node: &Node) -> Ended {
    place.run(&[&node.address], &["host", "list", "-f", "json"])
}

#[track_caller]
fn refused(ended: &Ended, reason: &str, words: &[&str]) {
    ended.refused(6, reason);
    for word in words {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
    assert!(!ended.error()["hint"].is_null());
}

#[test]
fn a_trusted_node_answers_a_trusted_client() {
    let place = Place::new();
    let node = place.node();
    assert_eq!(list(&place, &node).json(), serde_json::json!([]));
}

#[test]
fn a_node_of_an_unknown_ca_is_refused() {
    let place = Place::new();
    let other = Authority::new();
    let node = Node::start(&other.node(&NAMES, When::Now), &place.authority.pem);
    refused(&list(&place, &node), "TLS_UNKNOWN_CA", &["--ca"]);
    assert!(node.calls().is_empty());
}

#[test]
fn a_node_whose_certificate_expired_is_refused_with_both_dates() {
    let place = Place::new();
    let pair = place.authority.node(&NAMES, When::Before);
    let node = Node::start(&pair, &place.authority.pem);
    refused(
        &list(&place, &node),
        "TLS_EXPIRED",
        &["2021-01-01T00:00:00.000Z", "clock says 20"],
    );
}

#[test]
fn a_node_whose_certificate_is_not_yet_valid_is_refused() {
    let place = Place::new();
    let pair = place.authority.node(&NAMES, When::After);
    let node = Node::start(&pair, &place.authority.pem);
    refused(
        &list(&place, &node),
        "TLS_NOT_YET_VALID",
        &["2119-01-01T00:00:00.000Z", "clock"],
    );
}

#[test]
fn a_node_of_another_name_is_refused_with_the_names_it_has() {
    let place = Place::new();
    let pair = place.authority.node(&["attic.lan"], When::Now);
    let node = Node::start(&pair, &place.authority.pem);
    refused(
        &list(&place, &node),
        "TLS_WRONG_NAME",
        &["attic.lan", "127.0.0.1"],
    );
}

#[test]
fn the_names_of_a_certificate_are_told_as_they_are_typed() {
    let place = Place::new();
    let uri = "router-hosts://01ARYZ6S41TSV4RRFFQ69G5FAV/node/1";
    let pair = place.authority.node_of(uri, &["attic.lan", "10.0.0.7"]);
    let node = Node::start(&pair, &place.authority.pem);
    let names = format!("is for {uri}, attic.lan, 10.0.0.7");
    refused(&list(&place, &node), "TLS_WRONG_NAME", &[&names]);
}

#[test]
fn a_client_without_a_certificate_is_told_how_to_give_one() {
    let place = Place::new();
    let node = place.node();
    let config = place.write(
        "bare.toml",
        format!("server = ['{}']\nca = 'ca.pem'\n", node.address),
    );
    let ended = crate::run::run(&config, &["host", "list", "-f", "json"], b"");
    refused(&ended, "TLS_NO_CLIENT_CERTIFICATE", &["--cert", "--key"]);
}

#[test]
fn a_client_certificate_that_expired_is_named() {
    let place = Place::new();
    place.become_client(&place.authority.client(When::Before));
    let node = place.node();
    refused(
        &list(&place, &node),
        "TLS_EXPIRED",
        &["client.pem", "2021-01-01T00:00:00.000Z"],
    );
}

#[test]
fn a_client_certificate_that_is_not_yet_valid_is_named() {
    let place = Place::new();
    place.become_client(&place.authority.client(When::After));
    let node = place.node();
    refused(
        &list(&place, &node),
        "TLS_NOT_YET_VALID",
        &["client.pem", "2119-01-01T00:00:00.000Z"],
    );
}

#[test]
fn a_client_certificate_of_an_unknown_ca_is_named() {
    let place = Place::new();
    place.become_client(&Authority::new().client(When::Now));
    let node = place.node();
    refused(&list(&place, &node), "TLS_UNKNOWN_CA", &["client.pem"]);
}

/// The lesson: every fault of TLS was reported as a server that cannot be reached, and people looked at cables.
#[test]
fn lesson_249_faults_of_tls_are_told_apart_from_a_node_that_is_down() {
    let place = Place::new();
    let own = &place.authority;
    let other = Authority::new();
    let good = own.node(&NAMES, When::Now);
    let node = |pair: &Pair, ca: &Authority| Node::start(pair, &ca.pem);
    let nodes = [
        (node(&other.node(&NAMES, When::Now), own), "TLS_UNKNOWN_CA"),
        (node(&own.node(&NAMES, When::Before), own), "TLS_EXPIRED"),
        (
            node(&own.node(&NAMES, When::After), own),
            "TLS_NOT_YET_VALID",
        ),
        (
            node(&own.node(&["attic.lan"], When::Now), own),
            "TLS_WRONG_NAME",
        ),
        // It is the node that does not trust us.
        (node(&good, &other), "TLS_UNKNOWN_CA"),
    ];
    let (mut messages, mut hints) = (BTreeSet::new(), BTreeSet::new());
    for (node, reason) in &nodes {
        let ended = list(&place, node);
        ended.refused(6, reason);
        let error = ended.error();
        let message = error["message"].as_str().unwrap();
        assert!(!message.contains("no node answers"), "{message}");
        messages.insert(message.replace(&node.address, ""));
        hints.insert(error["hint"].as_str().unwrap().to_owned());
    }
    assert_eq!(
        (messages.len(), hints.len()),
        (5, 5),
        "{messages:?} {hints:?}"
    );
    let down = place.run(&[&crate::node::nobody()], &["host", "list", "-f", "json"]);
    down.refused(5, "UNAVAILABLE");
    assert!(!down.stderr.contains("TLS"), "{}", down.stderr);
    // A node that is down beside one that is not trusted does not hide it.
    let (first, _) = &nodes[0];
    let both = [crate::node::nobody(), first.address.clone()];
    let ended = place.run(&[&both[0], &both[1]], &["host", "list", "-f", "json"]);
    ended.refused(6, "TLS_UNKNOWN_CA");
}

#[test]
fn a_change_refused_by_tls_is_not_an_unknown_outcome() {
    let place = Place::new();
    place.become_client(&Authority::new().client(When::Now));
    let node = place.node();
    let add = ["host", "add", "--ip", "10.0.0.7", "--hostname", "nas.lan"];
    let ended = place.run(&[&node.address], &[&add[..], &["-f", "json"]].concat());
    refused(&ended, "TLS_UNKNOWN_CA", &[]);
    assert_eq!(node.hosts(), 0);
}

#[test]
fn what_is_no_node_is_told_from_a_node_that_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut hello = [0; 16];
            stream.read_exact(&mut hello).ok();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok();
        }
    });
    let place = Place::new();
    let ended = place.run(&[&address], &["host", "list", "-f", "json"]);
    refused(&ended, "TLS_FAILED", &["not a node"]);
}

#[test]
fn files_that_cannot_be_used_are_refused_before_a_call() {
    let place = Place::new();
    let node = place.node();
    place.write("client.key", place.authority.client(When::Now).key);
    let ended = list(&place, &node);
    ended.refused(2, "TLS_FILES");
    assert!(ended.stderr.contains("is not that of the certificate"));
    place.write("ca.pem", "nothing");
    list(&place, &node).refused(2, "TLS_FILES");
    assert!(node.calls().is_empty());
}

/// A node that takes us and has no place, or that goes down just then: it is as good as one that is down.
#[test]
fn a_node_that_hangs_up_after_the_handshake_has_refused_no_certificate() {
    let place = Place::new();
    let address = hangs_up(&place);
    let add = [
        "host",
        "add",
        "--ip",
        "10.0.0.7",
        "--hostname",
        "nas.lan",
        "-f",
        "json",
    ];
    let ended = place.run(&[&address], &add);
    ended.refused(5, "UNAVAILABLE");
    assert!(
        ended.stderr.contains("before its first word"),
        "{}",
        ended.stderr
    );
    let node = place.node();
    let added = place.run(&[&address, &node.address], &add);
    assert_eq!(added.json()["hostname"], "nas.lan");
}

/// Shakes hands with everybody, and closes.
fn hangs_up(place: &Place) -> String {
    let pair = place.authority.node(&NAMES, When::Now);
    let chain = CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            while tls.is_handshaking() {
                tls.complete_io(&mut stream).unwrap();
            }
        }
    });
    address
}
