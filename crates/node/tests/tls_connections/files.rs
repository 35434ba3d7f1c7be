//! What is refused before a port is bound, and whether the operator is told what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use hosts::{Role, Timestamp};
use node::identity::Caller;
use node::pki::{Authority, Issued};
use node::tls::{Tls, TlsError, TlsFiles, explain};

use rcgen::ExtendedKeyUsagePurpose;

use crate::support::{DAY, Hand, NOW, Site, cluster, days_later, peer};

fn load_at(files: &TlsFiles, now: Timestamp) -> Result<Tls, TlsError> {
    Tls::load(files, Hand::at(now))
}

/// The site, the files of its node 1, and a function to load them with.
fn node_1() -> (Site, TlsFiles) {
    let site = Site::new();
    let files = site.files(&site.node(1), site.authority.ca_pem());
    (site, files)
}

#[test]
fn good_files_say_who_and_until_when() {
    let (_site, files) = node_1();
    let tls = load_at(&files, NOW).unwrap();
    assert_eq!(tls.own().peer(), Some(peer(1)));
    assert_eq!(tls.not_after(), days_later(1));
    tls.must_be(&files, peer(1)).unwrap();
}

#[test]
fn the_certificate_of_another_node_is_refused() {
    let (_site, files) = node_1();
    let error = load_at(&files, NOW)
        .unwrap()
        .must_be(&files, peer(2))
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("cert.pem") && text.contains("/node/1") && text.contains("node 2 of"),
        "{text}"
    );
}

#[test]
fn a_missing_file_is_named() {
    let (site, files) = node_1();
    for missing in ["cert.pem", "key.pem", "ca.pem"] {
        let moved = site.path("moved");
        fs::rename(site.path(missing), &moved).unwrap();
        let error = load_at(&files, NOW).unwrap_err();
        assert!(matches!(error, TlsError::Read { .. }), "{error}");
        assert!(error.to_string().ends_with(missing), "{error}");
        fs::rename(&moved, site.path(missing)).unwrap();
    }
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let (_site, files) = node_1();
    for mode in [0o640, 0o604, 0o644, 0o620, 0o601] {
        fs::set_permissions(&files.key, fs::Permissions::from_mode(mode)).unwrap();
        let text = load_at(&files, NOW).unwrap_err().to_string();
        let remedy = format!("chmod 600 {}", files.key.display());
        assert!(
            text.contains(&remedy) && text.contains(&format!("{mode:04o}")),
            "{text}"
        );
    }
    for mode in [0o600, 0o400] {
        fs::set_permissions(&files.key, fs::Permissions::from_mode(mode)).unwrap();
        load_at(&files, NOW).unwrap();
    }
}

#[test]
fn the_key_of_another_certificate_is_refused() {
    let site = Site::new();
    let mixed = Issued {
        key_pem: site.node(1).key_pem,
        ..site.node(1)
    };
    let error = site.try_load(&mixed).unwrap_err();
    assert!(matches!(error, TlsError::KeyOfAnother { .. }), "{error}");
}

#[test]
fn the_dates_are_those_of_the_certificate_to_the_second() {
    let (_site, files) = node_1();
    let at = |millis: u64| load_at(&files, Timestamp::from_millis(millis));
    let (first, last) = (NOW.as_millis() - 3_600_000, days_later(1).as_millis());
    at(first).unwrap();
    at(last + 999).unwrap();
    let early = at(first - 1).unwrap_err().to_string();
    assert!(
        early.contains(
            "not valid before 2026-11-20T17:00:00.000Z, and it is 2026-11-20T16:59:59.999Z"
        ),
        "{early}"
    );
    let late = at(last + 1000).unwrap_err().to_string();
    assert!(
        late.contains("cert.pem expired at 2026-11-21T18:00:00.000Z"),
        "{late}"
    );
}

#[test]
fn a_certificate_of_another_ca_is_refused() {
    let (site, stranger) = (Site::new(), Site::new());
    let files = site.files(&site.node(1), stranger.authority.ca_pem());
    let error = load_at(&files, NOW).unwrap_err();
    assert!(matches!(error, TlsError::Untrusted { .. }), "{error}");
}

#[test]
fn an_expired_ca_is_refused_unless_another_has_taken_over() {
    let old = Site::with(Authority::new(cluster(), NOW).unwrap());
    let then = days_later(4000);
    let new = Site::with(Authority::new(cluster(), then).unwrap());
    let issued = new
        .authority
        .issue_node(1, "attic", &[], then, DAY)
        .unwrap();

    let files = new.files(&issued, old.authority.ca_pem());
    let text = load_at(&files, then).unwrap_err().to_string();
    assert!(text.contains("ca.pem expired at 2036-11-20"), "{text}");

    let both = format!("{}{}", old.authority.ca_pem(), new.authority.ca_pem());
    load_at(&new.files(&issued, &both), then).unwrap();
}

#[test]
fn only_faults_of_time_pass_by_themselves() {
    let (site, files) = node_1();
    for at in [
        NOW.as_millis() - 3_600_001,
        days_later(1).as_millis() + 1000,
        0,
    ] {
        let error = load_at(&files, Timestamp::from_millis(at)).unwrap_err();
        assert!(error.is_of_time(), "{error}");
    }
    // The right CA is there, and out of date: the other one is not to blame.
    let ending = Authority::new(cluster(), NOW).unwrap();
    let then = days_later(4000);
    let issued = ending.issue_node(1, "n1", &[], then, DAY).unwrap();
    let new = Authority::new(cluster(), then).unwrap();
    let both = format!("{}{}", ending.ca_pem(), new.ca_pem());
    let error = load_at(&site.files(&issued, &both), then).unwrap_err();
    assert!(error.is_of_time(), "{error}");
    let error = load_at(&site.files(&issued, new.ca_pem()), then).unwrap_err();
    assert!(matches!(error, TlsError::Untrusted { .. }), "{error}");
    assert!(!error.is_of_time());

    let good = site.files(&site.node(1), site.authority.ca_pem());
    let other = load_at(&good, NOW).unwrap().must_be(&good, peer(2));
    assert!(!other.unwrap_err().is_of_time());
    for name in ["cert.pem", "key.pem", "ca.pem"] {
        for content in [Some("nothing"), None] {
            let good = fs::read(site.path(name)).unwrap();
            match content {
                Some(content) => fs::write(site.path(name), content).unwrap(),
                None => fs::remove_file(site.path(name)).unwrap(),
            }
            assert!(!load_at(&files, NOW).unwrap_err().is_of_time(), "{name}");
            fs::write(site.path(name), good).unwrap();
            fs::set_permissions(site.path(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

#[test]
fn a_client_certificate_is_loaded_as_such() {
    let site = Site::new();
    let tls = site.load(&site.client(Role::Viewer, "bob"));
    assert_eq!(tls.own().actor().to_string(), "viewer:bob");
    let files = site.files(&site.client(Role::Viewer, "bob"), site.authority.ca_pem());
    tls.must_be(&files, peer(1)).unwrap_err();
}

#[test]
fn a_node_certificate_that_may_only_call_is_refused() {
    let site = Site::new();
    let uri = Caller::from(peer(1)).to_string();
    let only_calls = site.odd(&[&uri], &[ExtendedKeyUsagePurpose::ClientAuth]);
    let error = site.try_load(&only_calls).unwrap_err();
    assert!(
        matches!(
            error,
            TlsError::Purpose {
                usage: "serverAuth",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn files_of_something_else_are_refused() {
    let (site, files) = node_1();
    let refused = |name: &str, content: &[u8]| {
        let path = site.path(name);
        let good = fs::read(&path).unwrap();
        fs::write(&path, content).unwrap();
        let text = explain(&load_at(&files, NOW).unwrap_err());
        fs::write(&path, good).unwrap();
        assert!(text.contains(name), "{text}");
        text
    };
    for name in ["cert.pem", "ca.pem"] {
        assert!(refused(name, b"").contains("no certificate in PEM"));
        assert!(refused(name, b"\xff\xfe").contains("no certificate in PEM"));
        assert!(refused(name, b"-----BEGIN CERTIFICATE-----\n").contains("not PEM"));
        assert!(
            refused(
                name,
                b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
            )
            .contains("certificate 1")
        );
        assert!(refused(name, &[b'\n'; 1024 * 1024 + 1]).contains("longer than 1048576 bytes"));
    }
    assert!(
        refused("key.pem", site.node(1).cert_pem.as_bytes()).contains("no unencrypted private key")
    );
    assert!(
        refused(
            "key.pem",
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
        )
        .contains("no unencrypted private key")
    );
    assert!(
        refused(
            "key.pem",
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
        )
        .contains("cannot be used")
    );
    load_at(&files, NOW).unwrap();
}
