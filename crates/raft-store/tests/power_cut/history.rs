//! The entries of the store's log: each follows from its index and its size.

use std::{collections::BTreeMap, net::Ipv4Addr};

use hosts::{
    Address, Change, Command, ConflictMode, Decision, Hostname, NewHost, Projection, RequestId,
    Revision, Stamp, Timestamp,
};
use openraft::EntryPayload;
use raft_store::{
    raft::{EncodedProposal, Member, RaftEntry, RaftLogId, RaftMembership},
    record::Proposal,
};

pub(crate) const TERM: u64 = 1;

/// The log, and the state after its last entry.
pub(crate) struct History {
    pub(crate) entries: Vec<RaftEntry>,
    pub(crate) model: Projection,
    /// An entry that takes much room and has no effect.
    bulk: Option<EncodedProposal>,
}

impl History {
    /// Entries of at most `bytes`, and about as much.
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            entries: Vec::new(),
            model: Projection::default(),
            bulk: (bytes > 1000).then(|| bulk(bytes)),
        }
    }

    /// Adds the next entry: first the membership, then a host, in turn with
    /// an entry that takes much room.
    pub(crate) fn grow(&mut self) {
        let index = self.entries.len() as u64;
        let payload = match &self.bulk {
            _ if index == 0 => EntryPayload::Membership(membership()),
            Some(bulk) if !index.is_multiple_of(4) => EntryPayload::Normal(bulk.clone()),
            _ => {
                let change = decided(&self.model, &Command::AddHost(host(index)), index);
                self.model.apply(Revision::new(index), &change).unwrap();
                EntryPayload::Normal(EncodedProposal::new(&Proposal::Change {
                    term: TERM,
                    change,
                }))
            }
        };
        self.entries.push(RaftEntry {
            log_id: RaftLogId::new_term_index(TERM, index),
            payload,
        });
    }

    /// Grows until `last` is the index of the last entry.
    pub(crate) fn grow_to(&mut self, last: u64) {
        while self.entries.len() as u64 <= last {
            self.grow();
        }
    }
}

fn membership() -> RaftMembership {
    let member = Member {
        name: "r1".to_owned(),
        address: "r1.lan:7443".to_owned(),
    };
    RaftMembership::new(vec![[1].into()], BTreeMap::from([(1, member)])).unwrap()
}

fn host(number: u64) -> NewHost {
    let number = u32::try_from(number).unwrap();
    NewHost::new(
        Address::new(Ipv4Addr::from(0x0a00_0000 + number).into()),
        Hostname::parse(&format!("host-with-a-name-{number}.lan")).unwrap(),
    )
}

/// A large change that was decided in an earlier term, so it is void.
fn bulk(bytes: usize) -> EncodedProposal {
    let of = |count: usize| {
        let command = Command::ImportHosts {
            rows: (0..count as u64).map(host).collect(),
            mode: ConflictMode::Strict,
        };
        EncodedProposal::new(&Proposal::Change {
            term: TERM - 1,
            change: decided(&Projection::default(), &command, 0),
        })
    };
    let len = |proposal: &EncodedProposal| {
        raft_store::record::encode_payload(&EntryPayload::Normal(proposal.clone())).len()
    };
    let sample = 200;
    let mut count = bytes * sample / len(&of(sample));
    let mut largest = of(count);
    while len(&largest) > bytes {
        count -= 1 + count / 50;
        largest = of(count);
    }
    assert!(len(&largest) > bytes * 9 / 10, "{}", len(&largest));
    largest
}

fn decided(model: &Projection, command: &Command, number: u64) -> Change {
    let stamp = Stamp {
        at: Timestamp::from_millis(1_700_000_000_000 + number),
        by: "editor:test".parse().unwrap(),
        request: RequestId::parse(&format!("request-{number}")).unwrap(),
        since: None,
        fingerprint: command.fingerprint(),
        seed: u128::from(number) << 32,
    };
    match hosts::decide(model, command, stamp).unwrap() {
        Decision::Commit(change) => change,
        other => panic!("nothing to commit: {other:?}"),
    }
}
