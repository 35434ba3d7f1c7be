//! What went wrong with records in the earlier single server and its kindred,
//! each lesson as a test: the number is that of the issue there.

use crate::support::{
    As, Cluster, Hosts, add, added, all, list, listed, reason, refused, repeated, revision, update,
    with_id,
};
use hosts::Role;
use proto::v1::{self, watch_hosts_response::Payload};
use std::collections::{BTreeMap, BTreeSet};
use tokio::task::JoinSet;
use tonic::Code;

/// One host once gathered 91,000 events: each retry of a write whose answer
/// was lost was one more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lesson_330_a_retry_after_a_lost_answer_is_applied_once() {
    let cluster = Cluster::of(3).await;
    let nas = added(&mut cluster.editor(1), "10.0.0.7", "nas.lan").await;
    let change = || v1::UpdateHostRequest {
        comment: Some("under the stairs".into()),
        ..update(&nas.id)
    };
    let mut lost = JoinSet::new();
    for id in [1, 2, 3] {
        let mut client = cluster.editor(id);
        let request = with_id(change(), "retried");
        lost.spawn(async move { client.update_host(request).await });
    }
    // Whether they arrived or not: their answers are nobody's any more.
    lost.shutdown().await;
    let mut versions = Vec::new();
    for turn in 0..30 {
        let request = repeated(change(), "retried", 0);
        let answer = cluster.editor(turn % 3 + 1).update_host(request).await;
        versions.push(answer.unwrap().into_inner().entry.unwrap().version);
    }
    assert!(
        versions.iter().all(|one| *one == versions[0]),
        "{versions:?}"
    );
    let client = &mut cluster.editor(2);
    // A new request that changes nothing is no event either.
    let answer = client.update_host(change()).await.unwrap();
    assert_eq!(revision(answer.metadata()).to_string(), versions[0]);
    assert_eq!(listed(client).await[0].version, versions[0]);
    cluster.end().await;
}

/// They were accepted, transmitted and ignored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lesson_215_filter_limit_and_offset_of_a_list_work() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    for n in 1..=4 {
        added(client, &format!("10.0.0.{n}"), &format!("n{n}.lan")).await;
    }
    added(client, "10.1.0.1", "gate.lan").await;
    let request = v1::ListHostsRequest {
        filter: Some("10.0.0.0/24".into()),
        limit: Some(2),
        offset: Some(1),
        ..Default::default()
    };
    let names: Vec<_> = list(client, request)
        .await
        .into_iter()
        .map(|host| host.hostname)
        .collect();
    assert_eq!(names, ["n2.lan", "n3.lan"]);
    cluster.end().await;
}

/// A version that was not given was read as 0, which no host is at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lesson_an_update_without_a_version_is_unconditional() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    let nas = added(client, "10.0.0.7", "nas.lan").await;
    for disabled in [true, false] {
        let request = v1::UpdateHostRequest {
            disabled: Some(disabled),
            ..update(&nas.id)
        };
        let entry = client
            .update_host(request)
            .await
            .unwrap()
            .into_inner()
            .entry;
        assert_eq!(entry.unwrap().disabled, disabled);
    }
    cluster.end().await;
}

/// Only adding looked for duplicates, and by the bytes as they were typed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lesson_a_duplicate_is_refused_in_every_spelling_and_by_an_update_too() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    added(client, "::1", "foo.lan").await;
    let again = client.add_host(add("0:0:0:0:0:0:0:1", "Foo.LAN.")).await;
    refused(again, Code::AlreadyExists, "DUPLICATE", &["::1 foo.lan"]);
    let other = added(client, "10.0.0.7", "other.lan").await;
    let moved = v1::UpdateHostRequest {
        ip_address: Some("::0001".into()),
        hostname: Some("FOO.lan".into()),
        ..update(&other.id)
    };
    refused(
        client.update_host(moved).await,
        Code::AlreadyExists,
        "DUPLICATE",
        &[],
    );
    // By an alias, which was not looked at either.
    let alias = v1::UpdateHostRequest {
        ip_address: Some("::1".into()),
        aliases: Some(v1::AliasesUpdate {
            values: vec!["foo.lan".into()],
        }),
        ..update(&other.id)
    };
    refused(
        client.update_host(alias).await,
        Code::AlreadyExists,
        "DUPLICATE",
        &[],
    );
    assert_eq!(listed(client).await[0], other, "refused is untouched");

    // A new hostname that was an alias is no second name of the same host.
    let named = v1::UpdateHostRequest {
        aliases: Some(v1::AliasesUpdate {
            values: vec!["tv.lan".into(), "radio.lan".into()],
        }),
        ..update(&other.id)
    };
    client.update_host(named).await.unwrap();
    let renamed = v1::UpdateHostRequest {
        hostname: Some("tv.lan".into()),
        ..update(&other.id)
    };
    let entry = client
        .update_host(renamed)
        .await
        .unwrap()
        .into_inner()
        .entry
        .unwrap();
    assert_eq!(entry.aliases, ["radio.lan"]);
    cluster.end().await;
}

/// Each read the host first and then wrote what it had read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lesson_updates_of_one_host_at_the_same_time_keep_what_the_others_changed() {
    let cluster = Cluster::of(3).await;
    let nas = added(&mut cluster.editor(1), "10.0.0.7", "nas.lan").await;
    let base = || update(&nas.id);
    let tags = |word: &str| v1::TagsUpdate {
        values: vec![word.into()],
    };
    let aliases = |name: &str| v1::AliasesUpdate {
        values: vec![name.into()],
    };
    let mut calls = JoinSet::new();
    for (turn, request) in [
        v1::UpdateHostRequest {
            ip_address: Some("10.0.0.8".into()),
            ..base()
        },
        v1::UpdateHostRequest {
            hostname: Some("tv.lan".into()),
            ..base()
        },
        v1::UpdateHostRequest {
            comment: Some("attic".into()),
            ..base()
        },
        v1::UpdateHostRequest {
            tags: Some(tags("lab")),
            ..base()
        },
        v1::UpdateHostRequest {
            aliases: Some(aliases("files.lan")),
            ..base()
        },
        v1::UpdateHostRequest {
            disabled: Some(true),
            ..base()
        },
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = cluster.editor(turn as u64 % 3 + 1);
        calls.spawn(async move { client.update_host(request).await });
    }
    while let Some(answer) = calls.join_next().await {
        answer.unwrap().unwrap();
    }
    let hosts = listed(&mut cluster.editor(2)).await;
    assert_eq!(hosts.len(), 1);
    let v1::HostEntry {
        ip_address,
        hostname,
        comment,
        tags,
        aliases,
        disabled,
        ..
    } = &hosts[0];
    assert_eq!(
        (ip_address.as_str(), hostname.as_str()),
        ("10.0.0.8", "tv.lan")
    );
    assert_eq!((comment.as_deref(), *disabled), (Some("attic"), true));
    assert_eq!(
        (tags.as_slice(), aliases.as_slice()),
        (&["lab".to_owned()][..], &["files.lan".to_owned()][..])
    );
    cluster.end().await;
}

/// Ids drawn within one millisecond were in random order, and versions with
/// them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lesson_versions_grow_with_every_change_and_are_equal_on_all_nodes() {
    let cluster = Cluster::of(3).await;
    let client = &mut cluster.editor(1);
    let mut last = 0;
    for n in 1..=50 {
        let host = added(client, &format!("10.0.0.{n}"), "nas.lan").await;
        let version: u64 = host.version.parse().unwrap();
        assert!(version > last, "{version} after {last}");
        last = version;
    }
    let seen = listed(client).await;
    for id in [2, 3] {
        assert_eq!(listed(&mut cluster.editor(id)).await, seen, "n{id}");
    }
    cluster.end().await;
}

/// It was stored as an empty one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lesson_an_empty_comment_is_no_comment() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    let request = v1::AddHostRequest {
        comment: Some(String::new()),
        ..add("10.0.0.7", "nas.lan")
    };
    let nas = client
        .add_host(request)
        .await
        .unwrap()
        .into_inner()
        .entry
        .unwrap();
    assert_eq!(nas.comment, None);
    for (comment, kept) in [("attic", Some("attic".to_owned())), ("", None)] {
        let request = v1::UpdateHostRequest {
            comment: Some(comment.into()),
            ..update(&nas.id)
        };
        let entry = client
            .update_host(request)
            .await
            .unwrap()
            .into_inner()
            .entry;
        assert_eq!(entry.unwrap().comment, kept);
    }
    cluster.end().await;
}

/// Lengths and counts had no bound, and a line break was kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lesson_comments_and_tags_are_bounded_and_stay_on_their_line() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    let with = |comment: String, tags: Vec<String>| v1::AddHostRequest {
        comment: Some(comment),
        tags,
        ..add("10.0.0.7", "nas.lan")
    };
    let many = (0..33).map(|n| format!("t{n}")).collect();
    for wrong in [
        with("one\n10.0.0.8 evil.lan".into(), Vec::new()),
        with("x".repeat(1025), Vec::new()),
        with(String::new(), vec!["x".repeat(65)]),
        with(String::new(), many),
    ] {
        let answer = client.add_host(wrong).await;
        refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", &[]);
    }
    let most = with(
        "x".repeat(1024),
        (0..32).map(|n| format!("{n:0>64}")).collect(),
    );
    client.add_host(most).await.unwrap();
    cluster.end().await;
}

/// A search looked at hostnames only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lesson_a_search_finds_by_alias_address_network_tag_and_comment() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    let request = v1::AddHostRequest {
        aliases: vec!["files.lan".into()],
        tags: vec!["lab".into()],
        comment: Some("under the stairs".into()),
        ..add("10.0.0.7", "nas.lan")
    };
    client.add_host(request).await.unwrap();
    added(client, "192.168.0.1", "gate.lan").await;
    for query in [
        "files",
        "10.0.0.7",
        "10.0.0.0/8",
        "tag:lab",
        "comment:stairs",
        "name:FILES",
    ] {
        let request = v1::SearchHostsRequest {
            query: query.into(),
            ..Default::default()
        };
        let found = all(client.search_hosts(request).await.unwrap()).await;
        let names: Vec<_> = found
            .into_iter()
            .map(|one| one.entry.unwrap().hostname)
            .collect();
        assert_eq!(names, ["nas.lan"], "{query}");
    }
    cluster.end().await;
}

/// What was deleted already was a failure, and whoever waited for it to be
/// gone waited for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lesson_386_what_is_gone_already_is_told_from_a_failed_delete() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    let nas = added(client, "10.0.0.7", "nas.lan").await;
    let delete = v1::DeleteHostRequest {
        id: nas.id.clone(),
        ..Default::default()
    };
    client.delete_host(delete.clone()).await.unwrap();
    refused(
        client.delete_host(delete).await,
        Code::NotFound,
        "NOT_FOUND",
        &[&nas.id],
    );
    cluster.end().await;
}

/// The name of a state was read before the state, and could stand for an older
/// one than was sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lesson_400_a_set_and_its_name_are_of_one_view_on_every_node() {
    let cluster = Cluster::of(3).await;
    let write = async {
        let client = &mut cluster.editor(1);
        for n in 1..=60 {
            added(client, &format!("10.0.0.{n}"), "nas.lan").await;
        }
    };
    let watch = async |id| {
        let client = &mut cluster.editor(id);
        let mut sets = Vec::new();
        for _ in 0..20 {
            sets.push(set(client).await);
        }
        sets
    };
    let ((), one, two, three) = tokio::join!(write, watch(1), watch(2), watch(3));
    let last = set(&mut cluster.editor(2)).await;
    assert_eq!(last.1, listed(&mut cluster.editor(3)).await);
    let mut named = BTreeMap::new();
    for (name, entries) in one.into_iter().chain(two).chain(three).chain([last]) {
        let known = named.entry(name).or_insert_with(|| entries.clone());
        assert_eq!(*known, entries, "one name, one set");
    }
    let lengths: BTreeSet<_> = named.values().map(Vec::len).collect();
    assert_eq!(lengths.len(), named.len(), "another set, another name");
    cluster.end().await;
}

/// A whole set and its name.
async fn set(client: &mut Hosts) -> (String, Vec<v1::HostEntry>) {
    let once = futures::stream::iter([v1::WatchHostsRequest::default()]);
    let mut entries = Vec::new();
    for answer in all(client.watch_hosts(once).await.unwrap()).await {
        match answer.payload.unwrap() {
            Payload::Entry(entry) => entries.push(entry),
            Payload::Complete(complete) => return (complete.change_id, entries),
        }
    }
    panic!("{} entries, and nothing that completes them", entries.len());
}

/// Every client of the CA could do everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lesson_a_viewer_reads_and_changes_nothing() {
    let cluster = Cluster::of(1).await;
    let nas = added(&mut cluster.editor(1), "10.0.0.7", "nas.lan").await;
    let viewer = &mut cluster.hosts(1, As::Client(Role::Viewer));
    let delete = v1::DeleteHostRequest {
        id: nas.id.clone(),
        ..Default::default()
    };
    for refusal in [
        viewer.add_host(add("10.0.0.8", "tv.lan")).await.map(drop),
        viewer.update_host(update(&nas.id)).await.map(drop),
        viewer.delete_host(delete).await.map(drop),
    ] {
        let status = refusal.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
        assert_eq!(reason(&status), "PERMISSION_DENIED");
        assert!(status.message().contains("viewer"), "{status:?}");
    }
    assert_eq!(listed(viewer).await, [nas]);
    cluster.end().await;
}
