//! Who may come in, and what they may do: certificates of the wrong CA, cluster, time and role.

use std::fs;
use std::time::Duration;

use hosts::{Role, Timestamp};
use node::clock::{Clock as _, SystemClock};
use node::identity::ClusterId;
use node::pki::{Authority, Issued};

use crate::support::{Cluster, Hand, until};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn now() -> Timestamp {
    SystemClock.now()
}

fn days_from_now(days: i64) -> Timestamp {
    let millis = i64::try_from(now().as_millis()).unwrap() + days * 86_400_000;
    Timestamp::from_millis(u64::try_from(millis).unwrap())
}

/// Another cluster's id.
fn other() -> ClusterId {
    ClusterId::new(now(), SystemClock.seed())
}

/// The CA of a cluster that `dev` made.
fn authority(cluster: &Cluster) -> Authority {
    authority_for(cluster, cluster.id().parse().unwrap())
}

/// The same CA, as if it signed for `id`.
fn authority_for(cluster: &Cluster, id: ClusterId) -> Authority {
    let read = |name| fs::read_to_string(cluster.dir().join("ca").join(name)).unwrap();
    Authority::from_pem(id, &read("ca.pem"), &read("ca.key")).unwrap()
}

/// A client with this certificate, who takes `ca` for the CA of the nodes.
fn client(cluster: &Cluster, name: &str, issued: &Issued, ca: &str) -> Hand {
    let dir = cluster.scratch(name);
    let hand = Hand::with_files(&dir, &issued.cert_pem, &issued.key_pem, ca);
    hand.at(cluster
        .names()
        .iter()
        .map(|name| cluster.address(name))
        .collect())
}

#[test]
fn every_role_may_do_what_it_may_and_no_more() {
    let cluster = Cluster::of(1);
    let ca = authority(&cluster);
    let revision = cluster.via_any().add("nas.lan", "10.0.0.1");
    let client_of = |role, name: &str| {
        let issued = ca.issue_client(role, name, now(), DAY).unwrap();
        client(&cluster, name, &issued, ca.ca_pem())
    };
    let viewer = client_of(Role::Viewer, "vera");
    assert_eq!(viewer.list("linearizable").len(), 1);
    assert_eq!(viewer.status().unwrap().nodes.len(), 1);
    for words in [
        &["host", "add", "--ip", "10.0.0.2", "--hostname", "tv.lan"][..],
        &["host", "update", "nas.lan", "--ip", "10.0.0.2"],
        &["host", "delete", "nas.lan"],
        &[
            "host",
            "import",
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/home.hosts"),
        ],
    ] {
        let refusal = viewer.run(words).refused(6, "PERMISSION_DENIED");
        assert!(refusal.message.contains("viewer"), "{refusal:?}");
        assert!(refusal.hint.contains("editor or admin"), "{refusal:?}");
    }
    let status = cluster.until_all_at(revision);
    assert_eq!(status.nodes[0].revision, revision, "nothing was changed");

    let revision = client_of(Role::Editor, "eddy").add("tv.lan", "10.0.0.2");
    cluster.until_all_at(revision);

    // A node speaks for others to nodes. To change something itself is not its business.
    let issued = ca.issue_node(1, "n1", &["127.0.0.1".to_owned()], now(), DAY);
    let node = client(&cluster, "node", &issued.unwrap(), ca.ca_pem());
    assert_eq!(node.list("linearizable").len(), 2);
    node.try_add("x.lan", "10.0.0.3", &[])
        .refused(6, "PERMISSION_DENIED");
}

#[test]
fn a_wrong_certificate_is_refused_with_the_reason() {
    let cluster = Cluster::of(1);
    let ca = authority(&cluster);
    let admin = |ca: &Authority, from| ca.issue_client(Role::Admin, "ada", from, DAY).unwrap();
    let unrelated = Authority::new(ca.cluster(), now()).unwrap();
    let as_other = authority_for(&cluster, other());

    let of_another_ca = client(
        &cluster,
        "of-another-ca",
        &admin(&unrelated, now()),
        ca.ca_pem(),
    );
    let expects_another_ca = client(
        &cluster,
        "expects-another-ca",
        &admin(&ca, now()),
        unrelated.ca_pem(),
    );
    let expired = client(
        &cluster,
        "expired",
        &admin(&ca, days_from_now(-2)),
        ca.ca_pem(),
    );
    let not_yet = client(
        &cluster,
        "not-yet",
        &admin(&ca, days_from_now(2)),
        ca.ca_pem(),
    );
    let of_another_cluster = client(
        &cluster,
        "of-another-cluster",
        &admin(&as_other, now()),
        ca.ca_pem(),
    );
    for (hand, reason, words) in [
        (
            &of_another_ca,
            "TLS_UNKNOWN_CA",
            "unknown CA: the node does not know",
        ),
        (
            &expects_another_ca,
            "TLS_UNKNOWN_CA",
            "the node's certificate is not signed by the CA",
        ),
        (&expired, "TLS_EXPIRED", "expired: the client certificate"),
        (
            &not_yet,
            "TLS_NOT_YET_VALID",
            "not yet valid: the client certificate",
        ),
        (
            &of_another_cluster,
            "TLS_CERTIFICATE_REFUSED",
            "certificate refused",
        ),
    ] {
        for words_of_command in [
            &["host", "list"][..],
            &["host", "add", "--ip", "10.0.0.2", "--hostname", "tv.lan"],
            &["cluster", "status"],
        ] {
            let refusal = hand.run(words_of_command).refused(6, reason);
            assert!(refusal.message.contains(words), "{refusal:?}");
            assert!(!refusal.hint.is_empty(), "{refusal:?}");
        }
    }
    assert_eq!(cluster.via_any().list("linearizable"), []);
}

#[test]
fn a_node_with_the_certificate_of_another_ca_is_no_member_until_it_has_its_own() {
    let cluster = Cluster::of(3);
    let revision = cluster.via_any().add("nas.lan", "10.0.0.1");
    cluster.until_all_at(revision);
    let followers = cluster.others(&cluster.leader());
    let (stranger, friend) = (followers[0].clone(), &followers[1]);
    let id = stranger.trim_start_matches('n').parse().unwrap();
    let dir = cluster.node_dir(&stranger);
    let unrelated = Authority::new(cluster.id().parse().unwrap(), now()).unwrap();
    let addresses = ["127.0.0.1".to_owned()];
    let issued = unrelated
        .issue_node(id, &stranger, &addresses, now(), DAY)
        .unwrap();
    let own = (read(&dir, "cert.pem"), read(&dir, "key.pem"));
    fs::write(dir.join("cert.pem"), &issued.cert_pem).unwrap();
    fs::write(dir.join("key.pem"), &issued.key_pem).unwrap();
    fs::write(dir.join("ca.pem"), unrelated.ca_pem()).unwrap();
    cluster.configure(&stranger, "../ca/ca.pem", "ca.pem");
    cluster.restart([&stranger]);

    let file = cluster.file(&stranger);
    let problem = until("the others name the stranger", || {
        let status = cluster.via(friend).status()?;
        match &status.node(&stranger).problem {
            Some(problem) if status.verdict == "degraded" => Ok(problem.clone()),
            _ => Err(format!("{status:?}")),
        }
    });
    assert!(problem.contains("CA"), "{problem}");
    let revision = cluster.via(friend).add("tv.lan", "10.0.0.2");
    // A round of answers from the others, and still nothing of it has come through.
    let published = cluster
        .via(friend)
        .try_add("pc.lan", "10.0.0.3", &["--wait=published"]);
    assert!(published.json()["revision"].as_u64().unwrap() > revision);
    assert_eq!(cluster.file(&stranger), file, "the last file stays");

    fs::write(dir.join("cert.pem"), own.0).unwrap();
    fs::write(dir.join("key.pem"), own.1).unwrap();
    cluster.configure(&stranger, "\"ca.pem\"", "\"../ca/ca.pem\"");
    cluster.restart([&stranger]);
    cluster.until_all_at(revision + 1);
    assert!(cluster.assert_same_file_everywhere().contains("pc.lan"));
}

fn read(dir: &std::path::Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap()
}

#[test]
fn a_node_does_not_start_with_a_certificate_that_nobody_would_take() {
    let mut cluster = Cluster::of(1);
    cluster.stop();
    let dir = cluster.node_dir("n1");
    let ca = authority(&cluster);
    let addresses = ["127.0.0.1".to_owned()];
    let node = |id, from| ca.issue_node(id, "n1", &addresses, from, DAY).unwrap();
    let as_other = authority_for(&cluster, other());
    let of_another_cluster = as_other
        .issue_node(1, "n1", &addresses, now(), DAY)
        .unwrap();
    let unrelated = Authority::new(ca.cluster(), now()).unwrap();
    let unknown = unrelated
        .issue_node(1, "n1", &addresses, now(), DAY)
        .unwrap();
    let client = ca.issue_client(Role::Admin, "n1", now(), DAY).unwrap();
    let other_key = Issued {
        key_pem: node(1, now()).key_pem,
        ..node(1, now())
    };
    // A clock may be set later: a service manager tries again, unless it is told 64.
    for (issued, status, words) in [
        (node(1, days_from_now(-2)), 1, "expired at"),
        (node(1, days_from_now(2)), 1, "is not valid before"),
        (node(2, now()), 64, "is the certificate of"),
        (of_another_cluster, 64, "is the certificate of"),
        (client, 64, "is the certificate of"),
        (unknown, 64, "is not signed by a CA of"),
        (other_key, 64, "is not the key of"),
    ] {
        fs::write(dir.join("cert.pem"), issued.cert_pem).unwrap();
        fs::write(dir.join("key.pem"), issued.key_pem).unwrap();
        let ended = cluster.serve("n1");
        assert_eq!(
            (ended.status, ended.stdout.as_str()),
            (status, ""),
            "{ended:?}"
        );
        let last = ended.stderr.lines().last().unwrap();
        assert!(
            last.contains("cert.pem") && last.contains(words),
            "{words}: {last}"
        );
    }
}
