//! What a peer cannot mean: bodies that are no message, snapshots that are none, commands that are cut.

use super::{Bench, Refusal, calls::drained, differs};
use bytes::Bytes;
use futures::stream;
use hosts::{Address, Command, Hostname, NewHost};
use proto::peer::{
    Envelope, ForwardHead, ForwardRequest, Route, WaitPublishedPeer,
    peer_service_client::PeerServiceClient,
};
use raft_store::record::encode_command;
use tonic::{Code, Status, transport::Channel};

type Peer = PeerServiceClient<Channel>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_no_message_are_refused_by_each_method() {
    let mut bench = Bench::new().await;
    let route = route(&bench);
    let mut peer = bench.cluster.peer(1, 2);
    let noise: Vec<u8> = (0..=255).collect();
    let mut wrong = Vec::new();
    for (row, body) in [
        ("nothing", Vec::new()),
        ("a tag without a value", vec![0x0a]),
        ("a length beyond the end", vec![0x0a, 0x7f, 1]),
        ("noise", noise),
        ("a wire type that there is not", vec![0x0e, 0]),
        ("a vote without anything", vec![0x0a, 0]),
        ("groups without an end", vec![0x7b; 10_000]),
    ] {
        let envelope = || Envelope {
            route: Some(route.clone()),
            body: body.clone().into(),
        };
        let pieces = || stream::iter([envelope()]);
        let answers = [
            ("append", drained(peer.append(pieces()).await).await),
            ("vote", peer.vote(envelope()).await.map(drop)),
            ("pre_vote", peer.pre_vote(envelope()).await.map(drop)),
            (
                "transfer_leader",
                peer.transfer_leader(envelope()).await.map(drop),
            ),
            ("snapshot", peer.snapshot(pieces()).await.map(drop)),
        ];
        for (method, answer) in answers {
            // A vote of term 0 for node 0 is one that was never given; only a request around it is missing.
            if answer.is_ok() && row == "a vote without anything" {
                continue;
            }
            let row = format!("{method}: {row}");
            wrong.extend(differs(&row, answer, super::invalid("")));
        }
    }
    bench.wrong = wrong;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_is_none_is_not_installed() {
    let mut bench = Bench::new().await;
    let route = route(&bench);
    let mut peer = bench.cluster.peer(1, 2);
    let envelope = |body: Vec<u8>| Envelope {
        route: Some(route.clone()),
        body: body.into(),
    };
    // A vote of term 9 for node 2, no log id, no membership, and the length.
    let offer = |len: u64| {
        raft_store::record::encode_snapshot_offer(&raft_store::record::SnapshotOffer {
            vote: raft_store::raft::RaftVote::new_committed(9, 2),
            meta: raft_store::raft::SnapshotMeta::default(),
            len,
        })
        .to_vec()
    };
    let other = |mut piece: Envelope| {
        piece.route = Some(Route {
            from: 3,
            ..route.clone()
        });
        piece
    };
    let broken: Refusal = (Code::Internal, "INTERNAL", "");
    let rows: Vec<(&str, Vec<Envelope>, Refusal)> = vec![
        (
            "no offer",
            Vec::new(),
            (Code::InvalidArgument, "TRUNCATED", ""),
        ),
        ("an offer and nothing", vec![envelope(offer(100))], broken),
        ("an offer of nothing", vec![envelope(offer(0))], broken),
        (
            "fewer bytes than offered",
            vec![envelope(offer(100)), envelope(vec![0; 99])],
            broken,
        ),
        (
            "more bytes than offered",
            vec![envelope(offer(100)), envelope(vec![0; 101])],
            broken,
        ),
        (
            "zeros",
            vec![envelope(offer(4096)), envelope(vec![0; 4096])],
            broken,
        ),
        (
            "a head and no frame",
            vec![envelope(offer(8)), envelope(b"RHSNAP1\n".to_vec())],
            broken,
        ),
        (
            "a frame of 4 GiB",
            vec![
                envelope(offer(17)),
                envelope([&b"RHSNAP1\n"[..], &[0xff; 9]].concat()),
            ],
            broken,
        ),
        ("2^64 bytes", vec![envelope(offer(u64::MAX))], broken),
        (
            "1 GiB and a byte",
            vec![envelope(offer((1 << 30) + 1))],
            broken,
        ),
        (
            "a piece of another node",
            vec![envelope(offer(100)), other(envelope(vec![0; 100]))],
            (
                Code::FailedPrecondition,
                "WRONG_NODE",
                "node 2 speaks as node 3",
            ),
        ),
    ];
    let mut wrong = Vec::new();
    for (row, pieces, expected) in rows {
        let answer = peer.snapshot(stream::iter(pieces)).await.map(drop);
        wrong.extend(differs(row, answer, expected));
    }
    let left = std::fs::read_dir(bench.cluster.data(1).join("raft/snapshots")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    let unfinished = |name: &std::ffi::OsString| name.to_str().unwrap().starts_with("incoming");
    assert!(!left.iter().any(unfinished), "{left:?}");
    bench.wrong = wrong;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_cut_or_is_none_is_not_carried_out() {
    let mut bench = Bench::new().await;
    let mut peer = bench.cluster.peer(1, 2);
    let host = NewHost::new(
        Address::parse("10.0.0.20").unwrap(),
        Hostname::parse("new.lan").unwrap(),
    );
    let command = encode_command(&Command::AddHost(host));
    let len = command.len() as u64;
    let head = |actor: &str, bytes: u64| ForwardHead {
        route: Some(route(&bench)),
        actor: actor.into(),
        request: "r1".into(),
        command_bytes: bytes,
        since: None,
        fingerprint: None,
    };
    let one = |head: ForwardHead, command: Bytes| {
        vec![ForwardRequest {
            head: Some(head),
            command,
        }]
    };
    let alice = "editor:alice";
    let cut = (Code::InvalidArgument, "TRUNCATED", "broke off");
    let wrong_command = super::invalid("");
    let rows: Vec<(&str, Vec<ForwardRequest>, Refusal)> = vec![
        ("nothing", Vec::new(), cut),
        (
            "no head",
            vec![ForwardRequest {
                head: None,
                command: command.clone(),
            }],
            cut,
        ),
        (
            "less than promised",
            one(head(alice, len + 1), command.clone()),
            cut,
        ),
        (
            "more than promised",
            one(head(alice, len - 1), command.clone()),
            cut,
        ),
        (
            "nothing of what was promised",
            one(head(alice, len), Bytes::new()),
            cut,
        ),
        (
            "nothing, as promised",
            one(head(alice, 0), Bytes::new()),
            wrong_command,
        ),
        (
            "zeros",
            one(head(alice, 64), vec![0; 64].into()),
            wrong_command,
        ),
        (
            "noise",
            one(head(alice, 256), (0..=255).collect()),
            wrong_command,
        ),
        (
            "2^64 bytes",
            one(head(alice, u64::MAX), command.clone()),
            (Code::ResourceExhausted, "TOO_LARGE", ""),
        ),
        (
            "64 MiB and a byte",
            one(head(alice, (64 << 20) + 1), command.clone()),
            (Code::ResourceExhausted, "TOO_LARGE", ""),
        ),
        (
            "no actor",
            one(head("", len), command.clone()),
            super::invalid(""),
        ),
        (
            "an actor without a name",
            one(head("editor:", len), command.clone()),
            super::invalid(""),
        ),
        (
            "a role that there is not",
            one(head("root:alice", len), command.clone()),
            super::invalid(""),
        ),
        (
            "a viewer",
            one(head("viewer:eve", len), command.clone()),
            (Code::PermissionDenied, "PERMISSION_DENIED", "viewer"),
        ),
        (
            "a node",
            one(head("node:2", len), command.clone()),
            (Code::PermissionDenied, "PERMISSION_DENIED", "node"),
        ),
        (
            "no request id",
            one(
                ForwardHead {
                    request: String::new(),
                    ..head(alice, len)
                },
                command.clone(),
            ),
            super::invalid("request id"),
        ),
        (
            "a fingerprint of 15 bytes",
            one(
                ForwardHead {
                    fingerprint: Some(vec![7; 15].into()),
                    ..head(alice, len)
                },
                command.clone(),
            ),
            cut,
        ),
        (
            "a fingerprint of 17 bytes",
            one(
                ForwardHead {
                    fingerprint: Some(vec![7; 17].into()),
                    ..head(alice, len)
                },
                command.clone(),
            ),
            cut,
        ),
        (
            "no route",
            one(
                ForwardHead {
                    route: None,
                    ..head(alice, len)
                },
                command.clone(),
            ),
            (Code::FailedPrecondition, "WRONG_NODE", "without a route"),
        ),
    ];
    let mut wrong = Vec::new();
    for (row, messages, expected) in rows {
        let answer = peer.forward(stream::iter(messages)).await.map(drop);
        wrong.extend(differs(row, answer, expected));
    }
    bench.wrong = wrong;
    bench.end().await;
}

/// Nothing waits longer than it may, whatever a peer asks for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_that_never_comes_is_waited_for_as_long_as_was_said() {
    let bench = Bench::new().await;
    let mut peer: Peer = bench.cluster.peer(1, 2);
    for revision in [u64::MAX, 1 << 40] {
        let wait = WaitPublishedPeer {
            route: Some(route(&bench)),
            revision,
            timeout_ms: 10,
        };
        let outcome: Result<_, Status> = peer.wait_published(wait).await;
        let outcome = outcome.unwrap().into_inner();
        assert_eq!(
            outcome.result(),
            proto::cluster::publish_outcome::Result::Pending
        );
    }
    bench.end().await;
}

pub(super) fn route(bench: &Bench) -> Route {
    Route {
        cluster: bench.cluster.id.as_u128().to_be_bytes().to_vec().into(),
        from: 2,
        to: 1,
    }
}
