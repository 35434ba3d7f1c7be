//! A request is applied once even when the nodes have forgotten it: what they
//! cannot know any more they do not do.

use crate::support::{
    Cluster, Hosts, add, added, address, applied, list, listed, refused, repeated, revision,
    update, with_id,
};
use futures::{StreamExt as _, stream};
use hosts::limits::REQUESTS_MAX;
use proto::v1;
use tonic::Code;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_nodes_have_forgotten_is_not_applied_again() {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let followers = cluster.followers().await;
    let (through, behind) = (followers[0], followers[1]);
    let client = &mut cluster.editor(through);
    let nas = with_id(add("10.0.0.7", "nas.lan"), "first");
    let first = client.add_host(nas).await.unwrap();
    let at = revision(first.metadata());
    let gone = v1::DeleteHostRequest {
        id: first.into_inner().id,
        expected_version: None,
        name: None,
    };
    client.delete_host(gone).await.unwrap();
    let again = |since| repeated(add("10.0.0.7", "nas.lan"), "first", since);
    let answer = client.add_host(again(at - 1)).await.unwrap();
    assert_eq!(revision(answer.metadata()), at, "it is remembered");

    let lagging = &mut cluster.editor(behind);
    let here = local(lagging).await;
    cluster.wire.cut_off(&address(behind));
    let newest = many_changes(&mut cluster.editor(leader)).await;

    for id in [through, leader] {
        let client = &mut cluster.editor(id);
        let answer = client.add_host(again(at - 1)).await;
        let words = ["request first", "oldest of the 16384"];
        refused(answer, Code::DeadlineExceeded, "OUTCOME_UNKNOWN", &words);
        assert_eq!(named(client, "nas.lan").await, 0, "it was deleted since");
        let unknown = repeated(add("10.0.0.8", "tv.lan"), &format!("old-{id}"), 0);
        let answer = client.add_host(unknown).await;
        refused(answer, Code::DeadlineExceeded, "OUTCOME_UNKNOWN", &[]);
        // What cannot have left the table is surely not done.
        let recent = repeated(
            add(&format!("10.1.0.{id}"), "radio.lan"),
            &format!("new-{id}"),
            newest,
        );
        client.add_host(recent).await.unwrap();
    }
    let wrong = with_id(add("10.0.0.8", "tv.lan"), "wrong");
    let (mut metadata, extensions, message) = wrong.into_parts();
    metadata.insert(proto::metadata::REQUEST_SINCE, "soon".parse().unwrap());
    let wrong = tonic::Request::from_parts(metadata, extensions, message);
    let answer = client.add_host(wrong).await;
    refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", &["soon"]);

    // A node that was away takes a new request for new, however old its log is.
    assert!(local(lagging).await < newest, "it was at {here}");
    let mut late = with_id(add("10.0.0.9", "late.lan"), "late");
    late.set_timeout(std::time::Duration::from_secs(20));
    let mut caller = lagging.clone();
    let mut call = tokio::task::JoinSet::new();
    call.spawn(async move { caller.add_host(late).await });
    // On the same connection, so the call before it has arrived.
    local(lagging).await;
    cluster.wire.mend(&address(behind));
    call.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(named(client, "late.lan").await, 1);
    assert_eq!(named(client, "tv.lan").await, 0);
    cluster.end().await;
}

/// As many changes as a node remembers requests, and the revision after them.
async fn many_changes(client: &mut Hosts) -> u64 {
    let lanes = 128;
    let each = REQUESTS_MAX / lanes;
    let lane = |lane: usize| {
        let mut client = client.clone();
        async move {
            let host = added(&mut client, &format!("10.9.0.{lane}"), "busy.lan").await;
            let mut newest = 0;
            for turn in 0..each {
                let request = v1::UpdateHostRequest {
                    disabled: Some(turn % 2 == 0),
                    ..update(&host.id)
                };
                let answer = client.update_host(request).await.unwrap();
                newest = revision(answer.metadata());
            }
            newest
        }
    };
    let newest = stream::iter((0..lanes).map(lane)).buffer_unordered(lanes);
    newest
        .fold(0, |one, other| async move { one.max(other) })
        .await
}

async fn named(client: &mut Hosts, name: &str) -> usize {
    let hosts = listed(client).await;
    hosts.iter().filter(|host| host.hostname == name).count()
}

/// What the node behind `client` has applied.
async fn local(client: &mut Hosts) -> u64 {
    let request = v1::ListHostsRequest {
        limit: Some(1),
        consistency: v1::Consistency::Local.into(),
        ..Default::default()
    };
    let answer = client.list_hosts(request.clone()).await.unwrap();
    let index = applied(answer.metadata());
    list(client, request).await;
    index
}
