//! What the network sees: the resolver beside every node, told by its hook.

use crate::support::{Cluster, Dnsmasq};

#[test]
fn what_is_committed_is_answered_by_the_resolver_of_every_node() {
    if !Dnsmasq::can_run() {
        return;
    }
    let cluster = Cluster::with(3, &Dnsmasq::hook());
    let names = cluster.names();
    let resolvers = names.iter().map(|node| Dnsmasq::start(&cluster, node));
    let resolvers: Vec<_> = resolvers.collect();

    cluster.via("n1").add("nas.lan", "10.0.0.7");
    cluster.via("n1").add("tv.lan", "fd00::7");
    for resolver in &resolvers {
        resolver.until_answers("nas.lan", &["10.0.0.7"]);
        resolver.until_answers("tv.lan", &["fd00::7"]);
    }
    cluster.via("n2").update("nas.lan", "10.0.0.9");
    for resolver in &resolvers {
        resolver.until_answers("nas.lan", &["10.0.0.9"]);
    }
    let deleted = cluster.via("n3").run(&["host", "delete", "nas.lan"]);
    let revision = deleted.json()["revision"].as_u64().unwrap();
    for resolver in &resolvers {
        resolver.until_unknown("nas.lan");
        resolver.until_answers("tv.lan", &["fd00::7"]);
    }
    let status = cluster.until_told(revision);
    for node in &status.nodes {
        let hook = &node.hooks[0];
        assert_eq!(
            (hook.name.as_str(), hook.result.as_str()),
            ("reload-dnsmasq", "succeeded"),
            "{node:?}"
        );
    }
    cluster.until_healthy();
}

#[test]
fn a_resolver_that_is_gone_is_reported_and_the_others_are_told() {
    if !Dnsmasq::can_run() {
        return;
    }
    let cluster = Cluster::with(3, &Dnsmasq::hook());
    let first = Dnsmasq::start(&cluster, "n1");
    let second = Dnsmasq::start(&cluster, "n2");
    let third = Dnsmasq::start(&cluster, "n3");
    drop(second);
    let added = cluster
        .via("n2")
        .try_add("nas.lan", "10.0.0.7", &["--wait=published"]);
    let revision = added.json()["revision"].as_u64().unwrap();
    first.until_answers("nas.lan", &["10.0.0.7"]);
    third.until_answers("nas.lan", &["10.0.0.7"]);
    let status = cluster.until_told(revision);
    assert_eq!(status.verdict, "degraded", "{status:?}");
    let words = "n2: the hook `reload-dnsmasq` failed";
    assert!(status.explanation.contains(words), "{status:?}");

    // Started again, it reads what there is; the next change finds it.
    let second = Dnsmasq::start(&cluster, "n2");
    second.until_answers("nas.lan", &["10.0.0.7"]);
    cluster.via("n1").update("nas.lan", "10.0.0.9");
    second.until_answers("nas.lan", &["10.0.0.9"]);
    cluster.until_healthy();
}
