//! Messages of Raft that can be read and cannot be true: terms and indexes at the end of their range, logs that do
//! not fit. A peer is trusted to follow the protocol; one that does not must not take the node down with it.

use super::{Bench, calls::drained, peers::route};
use crate::support::{add, until};
use bytes::Bytes;
use proto::peer::Envelope;
use raft_store::raft::{
    AppendEntriesRequest, RaftEntry, RaftLogId, RaftPayload, RaftVote, VoteRequest,
};
use raft_store::record::{
    decode_vote_response, encode_append_entries_request, encode_vote_request,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_followed_votes_for_nobody_at_the_end_of_terms() {
    let bench = Bench::new().await;
    let mut peer = bench.cluster.peer(1, 2);
    for (term, index) in [
        (u64::MAX, u64::MAX),
        (u64::MAX, 0),
        (u64::MAX - 1, 7),
        (0, u64::MAX),
    ] {
        let request = encode_vote_request(&VoteRequest {
            vote: RaftVote::new(term, 2),
            last_log_id: Some(RaftLogId::new_term_index(term, index)),
            leadership_transfer: false,
        });
        let answer = peer.pre_vote(envelope(&bench, request.clone())).await;
        let answer = decode_vote_response(&answer.unwrap().into_inner().body).unwrap();
        assert!(!answer.vote_granted, "before a vote in term {term}");
        let answer = peer.vote(envelope(&bench, request)).await;
        let answer = decode_vote_response(&answer.unwrap().into_inner().body).unwrap();
        assert!(!answer.vote_granted, "in term {term}");
    }
    bench.end().await;
}

/// A node that believes another leader steps down, waits, and leads again: it is the only voter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_goes_on_after_appends_that_do_not_fit_its_log() {
    let bench = Bench::new().await;
    let mut peer = bench.cluster.peer(1, 2);
    let at = |term, index| RaftLogId::new_term_index(term, index);
    let entry = |term, index| RaftEntry {
        log_id: at(term, index),
        payload: RaftPayload::Blank,
    };
    for (n, (previous, entries)) in [
        (Some(at(1, u64::MAX)), vec![]),
        (Some(at(u64::MAX, u64::MAX - 1)), vec![]),
        (Some(at(1, u64::MAX - 1)), vec![entry(1, u64::MAX)]),
        (Some(at(9, 1)), vec![entry(9, 2)]),
    ]
    .into_iter()
    .enumerate()
    {
        let term = 100 * (n as u64 + 1);
        let request = encode_append_entries_request(&AppendEntriesRequest {
            vote: RaftVote::new_committed(term, 2),
            prev_log_id: previous,
            entries,
            leader_commit: None,
        });
        // It tells that its log has no such entry, or refuses the message.
        let messages = futures::stream::iter([envelope(&bench, request)]);
        let _told = drained(peer.append(messages).await).await;
        let client = &mut bench.cluster.editor(1);
        let name = format!("after-{n}.lan");
        until(async || client.add_host(add("10.0.0.30", &name)).await.is_ok()).await;
    }
    bench.cluster.end().await;
}

fn envelope(bench: &Bench, body: Bytes) -> Envelope {
    Envelope {
        route: Some(route(bench)),
        body,
    }
}
