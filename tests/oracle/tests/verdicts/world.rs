//! A log that is decided entry by entry, and the history of the clients that asked.

use hosts::{
    Answer, Command, Decision, Outcome, Projection, RequestId, Revision, Stamp, Timestamp,
};
use oracle::{
    Answered, Asked, CommittedLog, Effect, History, Operation, Reading, Replay, Seen, Summary,
    Violation, check,
};
use raft_store::log::Entry;
use raft_store::position::LogId;
use raft_store::record::{self, Proposal};

/// One leader that decides at once, and clients that call one after the other.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) state: Projection,
    pub(crate) entries: Vec<Entry>,
    pub(crate) history: History,
    index: u64,
    now: u64,
}

impl World {
    /// Decides and commits `command` as `request`; the answer it gets.
    pub(crate) fn commit(&mut self, request: &str, command: &Command) -> Answer {
        let stamp = Stamp {
            at: Timestamp::from_millis(1),
            by: "editor:alice".parse().unwrap(),
            request: RequestId::parse(request).unwrap(),
            since: None,
            fingerprint: command.fingerprint(),
            seed: u128::from(self.index) << 32,
        };
        let Decision::Commit(change) = hosts::decide(&self.state, command, stamp).unwrap() else {
            panic!("{request} changes nothing");
        };
        self.index += 1;
        let revision = Revision::new(self.index);
        let applied = self.state.apply(revision, &change).unwrap();
        let payload = record::encode_proposal(&Proposal::Change { term: 1, change });
        let id = LogId {
            term: 1,
            index: self.index,
        };
        self.entries.push(Entry { id, payload });
        applied.answer
    }

    /// A call of its own, after all others.
    pub(crate) fn told(&mut self, asked: Asked, answered: Answered) -> usize {
        self.now += 10;
        self.told_at(self.now, self.now + 5, asked, answered)
    }

    pub(crate) fn told_at(
        &mut self,
        called: u64,
        returned: u64,
        asked: Asked,
        answered: Answered,
    ) -> usize {
        self.history.operations.push(Operation {
            client: 0,
            called,
            returned,
            asked,
            answered,
        });
        self.history.operations.len() - 1
    }

    /// Adds a host, and its client is told so.
    pub(crate) fn add(&mut self, request: &str, name: &str, address: &str) -> Seen {
        let host = host(name, address);
        let answer = self.commit(request, &Command::AddHost(host.clone()));
        let asked = Asked::Add {
            request: request.to_owned(),
            host,
        };
        self.told(asked, acknowledged(&answer));
        seen(&answer)
    }

    /// A linearizable read of everything, as the world is.
    pub(crate) fn read(&mut self) -> usize {
        let hosts = self.state.hosts().map(|host| Seen::from(&**host)).collect();
        let answered = Answered::Read {
            applied: self.index,
            hosts,
        };
        self.told(read_all(), answered)
    }

    pub(crate) fn log(&self) -> CommittedLog {
        let mut log = CommittedLog::default();
        log.take(self.entries.clone()).unwrap();
        log
    }

    pub(crate) fn replay(&self) -> Replay {
        Replay::of(&self.log()).unwrap()
    }

    pub(crate) fn check(&self) -> Result<Summary, Vec<Violation>> {
        check(&self.history, &self.replay(), self.index)
    }

    /// The only violation there is.
    #[track_caller]
    pub(crate) fn violation(&self) -> Violation {
        let mut all = self.check().expect_err("something cannot have happened");
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }
}

pub(crate) fn host(name: &str, address: &str) -> hosts::NewHost {
    hosts::NewHost::new(address.parse().unwrap(), name.parse().unwrap())
}

pub(crate) const fn read_all() -> Asked {
    Asked::Read {
        what: Reading::All,
        linearizable: true,
    }
}

pub(crate) fn acknowledged(answer: &Answer) -> Answered {
    let effect = match &answer.outcome {
        Outcome::Added(host) | Outcome::Updated(host) => Effect::Host(Seen::from(&**host)),
        Outcome::Deleted(_) => Effect::Gone,
        Outcome::Imported(counts) => Effect::Imported(counts.clone()),
        other => panic!("no history has it: {other:?}"),
    };
    Answered::Acknowledged {
        revision: answer.revision.get(),
        effect,
    }
}

pub(crate) fn seen(answer: &Answer) -> Seen {
    match &answer.outcome {
        Outcome::Added(host) | Outcome::Updated(host) => Seen::from(&**host),
        other => panic!("{other:?} shows no host"),
    }
}
