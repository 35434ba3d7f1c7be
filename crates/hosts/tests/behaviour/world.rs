//! A projection with a log in front of it: what a leader and a state machine do, without either.

use std::sync::Arc;

use hosts::{
    Address, Answer, Applied, Change, Command, ConflictMode, Decision, Host, HostId, HostPatch,
    Hostname, ImportCounts, NewHost, Outcome, Projection, Rejection, RequestId, Revision, Stamp,
    Timestamp, decide,
};

pub(crate) struct World {
    pub(crate) hosts: Projection,
    /// The leader's clock, in milliseconds.
    pub(crate) clock: u64,
    /// The index of the last log entry. Refused entries and blank ones count too.
    pub(crate) index: u64,
    requests: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            hosts: Projection::new(),
            clock: 1_795_197_600_000,
            index: 0,
            requests: 0,
        }
    }

    /// The stamp of a new request for `command`.
    pub(crate) fn stamp(&mut self, command: &Command) -> Stamp {
        self.requests += 1;
        Stamp {
            at: Timestamp::from_millis(self.clock),
            by: "editor:alice".parse().expect("an actor"),
            request: RequestId::parse(&format!("r{}", self.requests)).expect("a request id"),
            since: Some(Revision::new(self.index)),
            fingerprint: command.fingerprint(),
            seed: u128::from(self.requests) << 32,
        }
    }

    /// Decides a command as a new request.
    pub(crate) fn decide(&mut self, command: &Command) -> Result<Decision, Rejection> {
        let stamp = self.stamp(command);
        decide(&self.hosts, command, stamp)
    }

    /// Decides a command that must come to a change.
    pub(crate) fn change(&mut self, command: &Command) -> Change {
        match self.decide(command) {
            Ok(Decision::Commit(change)) => change,
            other => panic!("not a change: {other:?}"),
        }
    }

    /// Puts a change into the log, one second later. Whatever is refused must leave no trace.
    pub(crate) fn apply(&mut self, change: &Change) -> Result<Applied, Rejection> {
        self.index += 1;
        self.clock += 1000;
        let before = self.hosts.clone();
        let checked = self.hosts.check(change);
        let applied = self.hosts.apply(Revision::new(self.index), change);
        assert_eq!(checked.err(), applied.as_ref().err().cloned());
        if applied.is_err() {
            assert_eq!(self.hosts, before, "a refused change left a trace");
            assert_eq!(self.hosts.digest(), before.digest());
        }
        applied
    }

    /// Decides and applies.
    pub(crate) fn run(&mut self, command: &Command) -> Result<Answer, Rejection> {
        match self.decide(command)? {
            Decision::Commit(change) => self.apply(&change).map(|applied| applied.answer),
            Decision::Answered(answer) | Decision::Unchanged(answer) => Ok(answer),
        }
    }

    pub(crate) fn add(&mut self, line: &str) -> Arc<Host> {
        match self.run(&Command::AddHost(row(line))) {
            Ok(Answer {
                outcome: Outcome::Added(host),
                ..
            }) => host,
            other => panic!("not added: {other:?}"),
        }
    }

    pub(crate) fn update(&mut self, id: HostId, patch: HostPatch) -> Result<Arc<Host>, Rejection> {
        match self.run(&update(id, patch))?.outcome {
            Outcome::Updated(host) => Ok(host),
            other => panic!("not updated: {other:?}"),
        }
    }

    pub(crate) fn import(
        &mut self,
        lines: &[&str],
        mode: ConflictMode,
    ) -> Result<ImportCounts, Rejection> {
        let rows = lines.iter().map(|line| row(line)).collect();
        match self.run(&Command::ImportHosts { rows, mode })?.outcome {
            Outcome::Imported(counts) => Ok(counts),
            other => panic!("not imported: {other:?}"),
        }
    }

    /// The hosts in list order, as lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.hosts.hosts().map(|host| line(host)).collect()
    }
}

pub(crate) fn update(id: HostId, patch: HostPatch) -> Command {
    Command::UpdateHost {
        id,
        patch,
        expected: None,
    }
}

pub(crate) fn delete(id: HostId) -> Command {
    Command::DeleteHost { id, expected: None }
}

/// A host as a line of a hosts file says it; `!` in front disables it.
pub(crate) fn row(line: &str) -> NewHost {
    let enabled = !line.starts_with('!');
    let parsed = hosts::format::hosts_file::parse(line.trim_start_matches('!').as_bytes());
    let rows = parsed.expect("a line of a hosts file").rows;
    let row = rows.into_iter().next().expect("one host");
    NewHost {
        enabled,
        ..row.host
    }
}

/// A host as [`row`] reads it.
pub(crate) fn line(host: &Host) -> String {
    let mut line = if host.enabled { "" } else { "!" }.to_owned();
    line.push_str(&host.address.to_string());
    for name in host.names() {
        line.push(' ');
        line.push_str(name.as_str());
    }
    if let Some(comment) = &host.comment {
        line.push_str(" # ");
        line.push_str(comment.as_str());
    }
    line
}

pub(crate) fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

pub(crate) fn name(text: &str) -> Hostname {
    Hostname::parse(text).expect("a name")
}

pub(crate) fn aliases(text: &str) -> hosts::Aliases {
    let names = text.split_whitespace().map(name).collect();
    hosts::Aliases::new(names).expect("few enough aliases")
}

pub(crate) fn reason<T: std::fmt::Debug>(result: Result<T, Rejection>) -> &'static str {
    result.expect_err("a rejection").reason()
}
