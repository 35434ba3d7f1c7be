//! Entries for a log, and what the state must be after each of them.

use std::collections::BTreeMap;

use bytes::Bytes;
use hosts::{
    Address, Change, Command, Decision, Digest, Hostname, Label, NewHost, Projection, RequestId,
    Revision, Stamp, Timestamp,
};
use openraft::EntryPayload;
use raft_store::raft::{EncodedProposal, Member, RaftEntry, RaftLogId, RaftMembership};
use raft_store::record::{Proposal, split_change};

/// A log as it grows, with a model of the state beside it.
#[derive(Default)]
pub(crate) struct History {
    pub(crate) term: u64,
    pub(crate) entries: Vec<RaftEntry>,
    pub(crate) model: Projection,
    /// The digest after each entry.
    pub(crate) digests: BTreeMap<u64, Digest>,
}

impl History {
    /// Begins with the membership of a cluster of one.
    pub(crate) fn new() -> Self {
        let mut history = Self {
            term: 1,
            ..Self::default()
        };
        history.push(EntryPayload::Membership(membership()));
        history
    }

    pub(crate) fn next(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(crate) fn last(&self) -> RaftLogId {
        self.entries.last().unwrap().log_id
    }

    /// The entries after `index`; all of them after none.
    pub(crate) fn after(&self, index: Option<u64>) -> &[RaftEntry] {
        let next = index.map_or(0, |index| index + 1);
        &self.entries[usize::try_from(next).unwrap()..]
    }

    pub(crate) fn push(
        &mut self,
        payload: EntryPayload<EncodedProposal, u64, Member>,
    ) -> RaftLogId {
        let log_id = RaftLogId::new_term_index(self.term, self.next());
        self.entries.push(RaftEntry { log_id, payload });
        self.digests.insert(log_id.index, self.model.digest());
        log_id
    }

    pub(crate) fn blank(&mut self) -> RaftLogId {
        self.push(EntryPayload::Blank)
    }

    pub(crate) fn propose(&mut self, proposal: &Proposal) -> RaftLogId {
        self.push(EntryPayload::Normal(EncodedProposal::new(proposal)))
    }

    /// A change that adds host `number` to the model as it is.
    pub(crate) fn adding(&self, number: u32) -> Change {
        decided(&self.model, &Command::AddHost(host(number)), number)
    }

    /// An entry that adds host `number`.
    pub(crate) fn add(&mut self, number: u32) -> RaftLogId {
        let change = self.adding(number);
        self.change(change)
    }

    /// An entry with a change; the model applies it if it can.
    pub(crate) fn change(&mut self, change: Change) -> RaftLogId {
        let revision = Revision::new(self.next());
        drop(self.model.apply(revision, &change));
        self.propose(&Proposal::Change {
            term: self.term,
            change,
        })
    }

    /// An entry with what `command` comes to, asked for by request `number`.
    pub(crate) fn command(&mut self, command: &Command, number: u32) -> RaftLogId {
        let change = decided(&self.model, command, number);
        self.change(change)
    }

    /// Snapshots of all kinds: with old records and without, deleted ones, and
    /// one that the hosts are rolled back to in parts. Takes seven request
    /// numbers from `number` on; there are hosts.
    pub(crate) fn snapshots(&mut self, number: u32) {
        let create = Command::CreateSnapshot {
            name: Label::parse_optional("name", "x").unwrap(),
            trigger: None,
        };
        let newest = |model: &Projection| model.snapshots().last().unwrap().id;
        let delete = |model: &Projection| Command::DeleteHost {
            id: model.hosts().next().unwrap().id,
            expected: None,
        };
        self.command(&create, number);
        let target = newest(&self.model);
        self.command(&delete(&self.model), number + 1);
        self.command(&create, number + 2);
        self.command(&delete(&self.model), number + 3);
        self.command(&Command::AddHost(host(number)), number + 4);
        let back = decided(&self.model, &Command::RollBack { to: target }, number + 5);
        self.change_in_parts(number.into(), &back, 200);
        let middle = self.model.snapshots().nth_back(1).unwrap().id;
        self.command(&Command::DeleteSnapshot { id: middle }, number + 6);
        assert!(self.model.snapshot_rows() > 0);
    }

    /// The entries of a change in parts of at most `max` bytes; the model
    /// applies it at the last one.
    pub(crate) fn change_in_parts(&mut self, id: u128, change: &Change, max: usize) -> RaftLogId {
        let mut proposals = split_change(self.term, id, change, max).unwrap();
        let commit = proposals.pop().unwrap();
        assert!(proposals.len() > 1, "it is to have parts");
        for part in &proposals {
            self.propose(part);
        }
        let revision = Revision::new(self.next());
        self.model.apply(revision, change).unwrap();
        self.propose(&commit)
    }
}

pub(crate) fn membership() -> RaftMembership {
    let member = Member {
        name: "r1".to_owned(),
        address: "r1.lan:7443".to_owned(),
    };
    RaftMembership::new(vec![[1].into()], BTreeMap::from([(1, member)])).unwrap()
}

pub(crate) fn host(number: u32) -> NewHost {
    NewHost::new(
        Address::new(std::net::Ipv4Addr::from(0x0a00_0000 + number).into()),
        Hostname::parse(&format!("h{number}.lan")).unwrap(),
    )
}

/// The change that `command` comes to, asked for by request `number`.
pub(crate) fn decided(model: &Projection, command: &Command, number: u32) -> Change {
    let stamp = Stamp {
        at: Timestamp::from_millis(1_700_000_000_000 + u64::from(number)),
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

/// A change that imports hosts `from..from + count`.
pub(crate) fn import(model: &Projection, from: u32, count: u32) -> Change {
    let command = Command::ImportHosts {
        rows: (from..from + count).map(host).collect(),
        mode: hosts::ConflictMode::Strict,
    };
    decided(model, &command, from)
}

/// Bytes that are a proposal by their kind, and nothing by their content.
pub(crate) fn unreadable() -> EntryPayload<EncodedProposal, u64, Member> {
    let bytes = Bytes::from_static(&[1, 0xFF, 0xFF]);
    raft_store::record::decode_payload(&bytes).unwrap()
}
