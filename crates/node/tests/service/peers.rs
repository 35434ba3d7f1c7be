//! What nodes say to each other: only to the right one, of the right cluster,
//! and only once that one belongs to it.

use crate::support::{Cluster, Hosts, added, address, crowd, crowded, listed, reason, until};
use bytes::Bytes;
use futures::TryStreamExt as _;
use hosts::{Address, Command, ConflictMode, Hostname, NewHost};
use proto::peer::{
    Envelope, ForwardHead, ForwardRequest, Reply, Route, WaitPublishedPeer,
    peer_service_client::PeerServiceClient,
};
use raft_store::{
    raft::{AppendEntriesRequest, AppendEntriesResponse, RaftVote},
    record::{
        ForwardOutcome, decode_append_entries_response, decode_forward_outcome,
        encode_append_entries_request, encode_command,
    },
};
use std::time::{Duration, Instant};
use tonic::{Code, Response, Status, transport::Channel};

type PeerClient = PeerServiceClient<Channel>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_went_astray_is_refused() {
    let cluster = Cluster::of(1).await;
    let mut client = cluster.peer(1, 2);
    let good = route(&cluster, 2, 1);
    let mut other = good.cluster.to_vec();
    other[0] ^= 1;
    for (wrong, words) in [
        (None, "without a route"),
        (
            Some(Route {
                cluster: other.into(),
                ..good.clone()
            }),
            "another cluster",
        ),
        (
            Some(Route {
                cluster: Bytes::new(),
                ..good.clone()
            }),
            "another cluster",
        ),
        (
            Some(Route {
                from: 3,
                ..good.clone()
            }),
            "node 2 speaks as node 3",
        ),
        (
            Some(Route {
                to: 3,
                ..good.clone()
            }),
            "this is node 1, not node 3",
        ),
    ] {
        for (method, answer) in call_all(&mut client, wrong.clone()).await {
            let status = answer.unwrap_err();
            assert_eq!(
                status.code(),
                Code::FailedPrecondition,
                "{method}: {status:?}"
            );
            assert_eq!(reason(&status), "WRONG_NODE", "{method}: {status:?}");
            assert!(
                status.message().contains(words),
                "{method} {words}: {status:?}"
            );
        }
    }
    for (method, answer) in call_all(&mut client, Some(good)).await {
        let lost = answer.is_err_and(|status| reason(&status) == "WRONG_NODE");
        assert!(!lost, "{method} has the right route");
    }
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_node_does_not_speak_raft() {
    let mut cluster = Cluster::planned(3);
    cluster.start(2);
    let mut client = cluster.peer(2, 1);
    let route = route(&cluster, 1, 2);
    let envelope = || Envelope {
        route: Some(route.clone()),
        body: Bytes::new(),
    };
    until(async || client.status(envelope()).await.is_ok()).await;
    for (method, answer) in call_all(&mut client, Some(route.clone())).await {
        let raft = ["append", "vote", "pre_vote", "transfer_leader", "snapshot"];
        let refused = answer.is_err_and(|status| status.message().contains("empty data directory"));
        // The last one asked is `prepare`, and from then on it would speak.
        assert_eq!(refused, raft.contains(&method), "{method}");
    }
    let status = client.status(envelope()).await.unwrap().into_inner();
    assert!(
        status.formed && !status.initialized,
        "it was prepared: {status:?}"
    );
    let answer = appended(&mut client, [envelope()]).await;
    assert_eq!(
        answer.unwrap_err().code(),
        Code::InvalidArgument,
        "it reads the message now"
    );
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_gone_is_called_with_rests_in_between() {
    let mut cluster = Cluster::of(3).await;
    let (leader, gone) = (cluster.leader().await, cluster.followers().await[0]);
    cluster.stop(gone).await.unwrap();
    let mut editor = cluster.editor(leader);
    let before = cluster.wire.refused(&address(gone));
    let began = Instant::now();
    for number in 0_u16.. {
        let [high, low] = number.to_be_bytes();
        added(&mut editor, &format!("10.0.{high}.{low}"), "nas.lan").await;
        if began.elapsed() > Duration::from_secs(1) {
            break;
        }
    }
    let calls = cluster.wire.refused(&address(gone)) - before;
    let seconds = began.elapsed().as_secs_f64();
    // Ten heartbeats a second from the leader, and some questions of both how it is.
    assert!(
        f64::from(calls) < 50.0 * seconds,
        "{calls} calls in {seconds} s"
    );
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_message_of_a_stream_is_judged_and_the_first_that_is_refused_ends_it() {
    let cluster = Cluster::of(3).await;
    let (leader, follower) = (cluster.leader().await, cluster.followers().await[0]);
    let mut client = cluster.peer(follower, leader);
    let good = Envelope {
        route: Some(route(&cluster, leader, follower)),
        body: encode_append_entries_request(&AppendEntriesRequest {
            vote: RaftVote::new(0, leader),
            prev_log_id: None,
            entries: vec![],
            leader_commit: None,
        }),
    };
    let astray = Envelope {
        route: Some(route(&cluster, leader, leader)),
        ..good.clone()
    };
    let garbled = Envelope {
        body: Bytes::from_static(b"?"),
        ..good.clone()
    };

    // Of a vote that is long over: the answer tells of the one that counts.
    let answers = appended(&mut client, [good.clone()]).await.unwrap();
    assert!(
        matches!(answers[..], [AppendEntriesResponse::HigherVote(_)]),
        "{answers:?}"
    );
    for (bad, code) in [
        (astray, Code::FailedPrecondition),
        (garbled, Code::InvalidArgument),
    ] {
        let status = appended(&mut client, [bad, good.clone()]).await;
        assert_eq!(status.unwrap_err().code(), code);
    }
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forwarded_command_is_judged_again_where_it_arrives() {
    let cluster = Cluster::of(3).await;
    let (leader, follower) = (cluster.leader().await, cluster.followers().await[0]);
    let host = NewHost::new(
        Address::parse("10.0.0.7").unwrap(),
        Hostname::parse("nas.lan").unwrap(),
    );
    let command = encode_command(&Command::AddHost(host));
    let ask = |from: u64, to: u64, actor: &str, promised: usize, id: &str| {
        let mut client = cluster.peer(to, from);
        let head = ForwardHead {
            route: Some(route(&cluster, from, to)),
            actor: actor.into(),
            request: id.into(),
            command_bytes: promised as u64,
            since: None,
            fingerprint: None,
        };
        let message = ForwardRequest {
            head: Some(head),
            command: command.clone(),
        };
        async move { client.forward(futures::stream::iter([message])).await }
    };
    let len = command.len();
    for (actor, promised, id, code) in [
        ("viewer:eve", len, "a", Code::PermissionDenied),
        ("node:2", len, "a", Code::PermissionDenied),
        ("nobody", len, "a", Code::InvalidArgument),
        ("editor:bob", len, "two words", Code::InvalidArgument),
        ("editor:bob", len + 1, "a", Code::InvalidArgument),
        ("editor:bob", len - 1, "a", Code::InvalidArgument),
        ("editor:bob", usize::MAX, "a", Code::ResourceExhausted),
    ] {
        let answer = ask(follower, leader, actor, promised, id).await;
        assert_eq!(answer.unwrap_err().code(), code, "{actor} {promised} {id}");
    }
    let answer = ask(leader, follower, "editor:bob", len, "a").await.unwrap();
    let outcome = decode_forward_outcome(&answer.into_inner().body).unwrap();
    assert_eq!(
        outcome,
        ForwardOutcome::NotLeader,
        "a command takes one hop at the most"
    );
    let client: &mut Hosts = &mut cluster.editor(follower);
    assert_eq!(listed(client).await, []);

    let answer = ask(follower, leader, "editor:bob", len, "a").await.unwrap();
    let outcome = decode_forward_outcome(&answer.into_inner().body).unwrap();
    assert!(
        matches!(outcome, ForwardOutcome::Answered(_)),
        "{outcome:?}"
    );
    assert_eq!(listed(client).await.len(), 1);
    cluster.end().await;
}

/// What is forwarded needs no thread for reading a file, only for deciding.
#[test]
fn a_long_import_is_decided_while_files_are_read_on_all_threads() {
    let runtime = crowded();
    runtime.block_on(async {
        let cluster = Cluster::of(1).await;
        let release = crowd().await;
        let host = |n: u8| {
            let address = Address::parse(&format!("10.0.{}.{n}", n / 2)).unwrap();
            NewHost::new(address, Hostname::parse(&format!("h{n}.lan")).unwrap())
        };
        let command = encode_command(&Command::ImportHosts {
            rows: (0..=u8::MAX).cycle().map(host).take(1000).collect(),
            mode: ConflictMode::Skip,
        });
        let head = ForwardHead {
            route: Some(route(&cluster, 2, 1)),
            actor: "editor:bob".into(),
            request: "a".into(),
            command_bytes: command.len() as u64,
            since: None,
            fingerprint: None,
        };
        let message = ForwardRequest {
            head: Some(head),
            command,
        };
        let mut peer = cluster.peer(1, 2);
        let answer = peer.forward(futures::stream::iter([message])).await;
        let outcome = decode_forward_outcome(&answer.unwrap().into_inner().body).unwrap();
        assert!(
            matches!(outcome, ForwardOutcome::Answered(_)),
            "{outcome:?}"
        );
        drop(release);
        cluster.end().await;
    });
}

fn route(cluster: &Cluster, from: u64, to: u64) -> Route {
    Route {
        cluster: cluster.id.as_u128().to_be_bytes().to_vec().into(),
        from,
        to,
    }
}

/// Every method with this route and nothing else; what changes the node last.
async fn call_all(
    client: &mut PeerClient,
    route: Option<Route>,
) -> Vec<(&'static str, Result<(), Status>)> {
    let envelope = || Envelope {
        route: route.clone(),
        body: Bytes::new(),
    };
    let head = ForwardHead {
        route: route.clone(),
        actor: "editor:bob".into(),
        request: "a".into(),
        command_bytes: 1,
        since: None,
        fingerprint: None,
    };
    let forward = ForwardRequest {
        head: Some(head),
        command: Bytes::new(),
    };
    let wait = WaitPublishedPeer {
        route: route.clone(),
        ..Default::default()
    };
    vec![
        ("append", appended(client, [envelope()]).await.map(drop)),
        ("vote", done(client.vote(envelope()).await)),
        ("pre_vote", done(client.pre_vote(envelope()).await)),
        (
            "transfer_leader",
            done(client.transfer_leader(envelope()).await),
        ),
        (
            "snapshot",
            done(client.snapshot(futures::stream::iter([envelope()])).await),
        ),
        (
            "forward",
            done(client.forward(futures::stream::iter([forward])).await),
        ),
        ("read_index", done(client.read_index(envelope()).await)),
        ("status", done(client.status(envelope()).await)),
        ("wait_published", done(client.wait_published(wait).await)),
        ("prepare", done(client.prepare(envelope()).await)),
    ]
}

/// The answers to these appends.
async fn appended<const N: usize>(
    client: &mut PeerClient,
    messages: [Envelope; N],
) -> Result<Vec<AppendEntriesResponse>, Status> {
    let answers = client.append(futures::stream::iter(messages)).await?;
    let answers: Vec<Reply> = answers.into_inner().try_collect().await?;
    let answers = answers.iter();
    let answers = answers.map(|reply| decode_append_entries_response(&reply.body).unwrap());
    Ok(answers.collect())
}

fn done<T>(result: Result<Response<T>, Status>) -> Result<(), Status> {
    result.map(drop)
}
