//! Holds what clients were told against the log.

use std::collections::BTreeMap;

use hosts::{Answer, Change, HostRef, Outcome, Projection};
use thiserror::Error;

use crate::history::{Answered, Asked, Effect, History, Operation, Reading, Reason, Seen};
use crate::import::imported;
use crate::order::{Floor, Order, Placed};
use crate::rejected;
use crate::replay::Replay;

/// What was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// All operations.
    pub operations: usize,
    /// Changes that were acknowledged, repeats included.
    pub acknowledged: usize,
    /// Those of them that changed nothing, and needed no entry.
    pub unchanged: usize,
    /// Reads that got an answer.
    pub reads: usize,
    /// Operations that were rejected for a reason that is checked.
    pub rejected: usize,
    /// Operations that were rejected for one of the few reasons that are not.
    pub unchecked: usize,
    /// Operations that were not tried.
    pub refused: usize,
    /// Operations of unknown outcome.
    pub unknown: usize,
    /// Those of them that are in the log.
    pub unknown_done: usize,
}

/// Something that cannot have happened.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Violation {
    /// An acknowledged change is not in the log, and was no change that changes nothing.
    #[error("{request} was acknowledged at revision {revision}, and is not in the log")]
    Lost {
        /// The request.
        request: String,
        /// What was told.
        revision: u64,
    },
    /// Accepted more than once.
    #[error("{request} was accepted at revisions {revisions:?}")]
    Twice {
        /// The request.
        request: String,
        /// All of them.
        revisions: Vec<u64>,
    },
    /// It is in the log at another revision than was told.
    #[error("{request} was acknowledged at revision {told}, and is at {found}")]
    WrongRevision {
        /// The request.
        request: String,
        /// What was told.
        told: u64,
        /// Where it is.
        found: u64,
    },
    /// What never was to happen is in the log.
    #[error("{request} was told not to be done, and is in the log at {revision}")]
    DoneAllTheSame {
        /// The request.
        request: String,
        /// Where it is.
        revision: u64,
    },
    /// The log holds another change than the one that was asked for.
    #[error("{request} asked for {asked}, and the change at {revision} does something else")]
    NotAsked {
        /// The request.
        request: String,
        /// Where it is.
        revision: u64,
        /// What was asked.
        asked: String,
    },
    /// The log holds a change that nobody asked for.
    #[error("nobody has asked for {request}, which is in the log at {revision}")]
    Foreign {
        /// The request.
        request: String,
        /// Where it is.
        revision: u64,
    },
    /// It was rejected for a reason that clients who ask for what may be asked for are never told.
    #[error("operation {operation} was rejected: {reason}")]
    NoReason {
        /// Its place in the history.
        operation: usize,
        /// What was told.
        reason: String,
    },
    /// The client was told another outcome than the one that the log has.
    #[error("operation {operation} was told {told}, and at revision {revision} it is {found}")]
    WrongAnswer {
        /// Its place in the history.
        operation: usize,
        /// Where.
        revision: u64,
        /// What was told.
        told: String,
        /// What is true.
        found: String,
    },
    /// An answer names an index that nothing was committed at.
    #[error("operation {operation} was told of index {index}, and the log ends at {last}")]
    BeyondTheLog {
        /// Its place in the history.
        operation: usize,
        /// What was told.
        index: u64,
        /// The last index of the log.
        last: u64,
    },
    /// It began after another had ended, and is about an older state.
    #[error(
        "operation {operation} is about revision {revision}, and began after operation {earlier} was done, which is \
         about {seen}"
    )]
    OutOfOrder {
        /// Its place in the history.
        operation: usize,
        /// What it is about.
        revision: u64,
        /// The one that was done before.
        earlier: usize,
        /// What that is about.
        seen: u64,
    },
    /// A rejection was true at no time while the call was under way.
    #[error(
        "operation {operation} was rejected ({reason}), which was not so at any revision from {from} to {to}"
    )]
    NeverTrue {
        /// Its place in the history.
        operation: usize,
        /// What was told.
        reason: String,
        /// The first revision it may have seen.
        from: u64,
        /// The last.
        to: u64,
    },
}

/// Holds the history against the log, whose last committed index is `last`. Request ids are of one operation and its
/// repeats only, whoever calls.
///
/// # Errors
/// Everything that cannot have happened.
pub fn check(history: &History, replay: &Replay, last: u64) -> Result<Summary, Vec<Violation>> {
    let mut check = Check::of(replay, last);
    check.summary.operations = history.operations.len();
    check.once();
    let requests = Request::all(history);
    check.foreign(&requests);
    let mut placed = Vec::new();
    for (name, request) in &requests {
        placed.extend(check.request(history, name, request));
    }
    for (operation, asked) in history.operations.iter().enumerate() {
        placed.extend(check.read(operation, asked));
    }
    let order = Order::of(&placed);
    check.order(&placed, &order);
    check.rejections(history, &order);
    if check.violations.is_empty() {
        Ok(check.summary)
    } else {
        Err(check.violations)
    }
}

/// The operations of one request: the first attempt and its repeats.
#[derive(Default)]
struct Request {
    attempts: Vec<usize>,
}

impl Request {
    fn all(history: &History) -> BTreeMap<&str, Self> {
        let mut requests: BTreeMap<&str, Self> = BTreeMap::new();
        for (number, operation) in history.operations.iter().enumerate() {
            if let Some(request) = operation.asked.request() {
                requests.entry(request).or_default().attempts.push(number);
            }
        }
        requests
    }
}

type Accepted<'a> = &'a (u64, Change, Answer);

struct Check<'a> {
    replay: &'a Replay,
    last: u64,
    accepted: BTreeMap<&'a str, Vec<Accepted<'a>>>,
    summary: Summary,
    violations: Vec<Violation>,
}

impl<'a> Check<'a> {
    fn of(replay: &'a Replay, last: u64) -> Self {
        let mut accepted: BTreeMap<&str, Vec<Accepted<'_>>> = BTreeMap::new();
        for entry in replay.accepted() {
            let request = entry.1.stamp.request.as_str();
            accepted.entry(request).or_default().push(entry);
        }
        Self {
            replay,
            last,
            accepted,
            summary: Summary::default(),
            violations: Vec::new(),
        }
    }

    /// No request was accepted twice.
    fn once(&mut self) {
        for (request, entries) in &self.accepted {
            if entries.len() > 1 {
                self.violations.push(Violation::Twice {
                    request: (*request).to_owned(),
                    revisions: entries.iter().map(|(revision, _, _)| *revision).collect(),
                });
            }
        }
    }

    /// Every accepted change has an operation.
    fn foreign(&mut self, requests: &BTreeMap<&str, Request>) {
        for (name, entries) in &self.accepted {
            let foreign = entries.iter().filter(|_| !requests.contains_key(name));
            let foreign = foreign.map(|(revision, _, _)| Violation::Foreign {
                request: (*name).to_owned(),
                revision: *revision,
            });
            self.violations.extend(foreign);
        }
    }

    /// What was told of one request agrees with its entry, if there is one. Where the request has its effect.
    fn request(&mut self, history: &History, name: &str, request: &Request) -> Option<Placed> {
        let entry = self.accepted.get(name).and_then(|all| all.first().copied());
        let attempts = || {
            request
                .attempts
                .iter()
                .filter_map(|number| Some((*number, history.operations.get(*number)?)))
        };
        let mut place: Option<Placed> = None;
        let mut may_be_done = false;
        for (number, attempt) in attempts() {
            match &attempt.answered {
                Answered::Acknowledged { revision, effect } => {
                    may_be_done = true;
                    self.summary.acknowledged += 1;
                    match entry {
                        Some(entry) => self.told(number, name, entry, *revision, effect),
                        None => self.unchanged(number, attempt, *revision, effect),
                    }
                    let now = Placed {
                        operation: number,
                        called: attempt.called,
                        returned: attempt.returned,
                        revision: entry
                            .map_or_else(|| self.replay.revision_at(*revision), |entry| entry.0),
                        made: entry.is_some(),
                    };
                    place = Some(place.map_or(now, |before| Placed {
                        called: before.called.min(now.called),
                        returned: before.returned.min(now.returned),
                        ..now
                    }));
                }
                Answered::Unknown => {
                    may_be_done = true;
                    self.summary.unknown += 1;
                    self.summary.unknown_done += usize::from(entry.is_some());
                    if let Some(entry) = entry {
                        let now = Placed {
                            operation: number,
                            called: attempt.called,
                            returned: u64::MAX,
                            revision: entry.0,
                            made: true,
                        };
                        place = Some(place.map_or(now, |before| Placed {
                            called: before.called.min(now.called),
                            ..before
                        }));
                    }
                }
                Answered::Refused => self.summary.refused += 1,
                Answered::Rejected(_) | Answered::Read { .. } => {}
            }
        }
        let (_, first) = attempts().next()?;
        match entry {
            Some((revision, _, _)) if !may_be_done => {
                self.violations.push(Violation::DoneAllTheSame {
                    request: name.to_owned(),
                    revision: *revision,
                });
            }
            Some(entry) if !self.may_be_asked(history, first, entry) => {
                self.violations.push(Violation::NotAsked {
                    request: name.to_owned(),
                    revision: entry.0,
                    asked: format!("{:?}", first.asked),
                });
            }
            _ => {}
        }
        place
    }

    /// An acknowledged change is where it was said to be, and its answer is the one of the log.
    fn told(&mut self, number: usize, name: &str, entry: Accepted<'_>, told: u64, effect: &Effect) {
        let (revision, _, answer) = entry;
        if told != *revision {
            self.violations.push(Violation::WrongRevision {
                request: name.to_owned(),
                told,
                found: *revision,
            });
        }
        let found = match &answer.outcome {
            Outcome::Added(host) | Outcome::Updated(host) => Effect::Host(Seen::from(&**host)),
            Outcome::Deleted(_) => Effect::Gone,
            Outcome::Imported(counts) => Effect::Imported(counts.clone()),
            Outcome::SnapshotCreated(_) | Outcome::SnapshotDeleted(_) | Outcome::RolledBack(_) => {
                Effect::OfSnapshots
            }
        };
        if *effect != found {
            self.wrong(number, *revision, effect, &found);
        }
    }

    /// An acknowledged change without an entry: it changed nothing, and the state that was told was there.
    fn unchanged(&mut self, number: usize, attempt: &Operation, revision: u64, effect: &Effect) {
        self.summary.unchanged += 1;
        self.not_beyond(number, revision);
        let state = self.replay.at(revision);
        let same = match (&attempt.asked, effect) {
            (
                Asked::Update {
                    patch, expected, ..
                },
                Effect::Host(told),
            ) => rejected::ids(state, &attempt.asked).iter().any(|id| {
                // Another host may have got the name between the look-up and the change's turn.
                let looked_up = (revision.saturating_sub(LOOKED_UP_WITHIN)..=revision)
                    .any(|at| rejected::ids(self.replay.at(at), &attempt.asked) == [*id]);
                looked_up
                    && state.host(*id).is_some_and(|host| {
                        let facts = Seen::of_facts(&patch.applied_to(host));
                        let found = Seen::from(&**host);
                        facts == found.facts()
                            && *told == found
                            && expected.is_none_or(|expected| host.version.get() == expected)
                    })
            }),
            (Asked::Import { rows, mode, .. }, Effect::Imported(counts)) => {
                imported(state, rows, *mode)
                    .is_some_and(|all| all.changes_nothing() && all.counts(counts))
            }
            _ => false,
        };
        if !same {
            self.violations.push(Violation::Lost {
                request: attempt.asked.request().unwrap_or_default().to_owned(),
                revision,
            });
        }
    }

    /// Whether the accepted change does what was asked. A name is looked up by the node that gets the request: between
    /// that and the change's turn another host may have got the name, and the request is still about the first one.
    fn may_be_asked(&self, history: &History, first: &Operation, entry: Accepted<'_>) -> bool {
        let before = self.replay.at(entry.0 - 1);
        if self.is_asked(&first.asked, entry, before) {
            return true;
        }
        let known = history
            .operations
            .iter()
            .filter_map(|earlier| match earlier.answered {
                Answered::Acknowledged { revision, .. } if earlier.returned < first.called => {
                    Some(revision)
                }
                _ => None,
            });
        let mut looked_up = known.max().unwrap_or(0)..entry.0;
        looked_up.any(|at| self.is_asked(&first.asked, entry, self.replay.at(at)))
    }

    /// Whether the accepted change does what was asked, and nothing that was not; names stand for what they stood for in
    /// `named`.
    fn is_asked(
        &self,
        asked: &Asked,
        (revision, change, answer): Accepted<'_>,
        named: &Projection,
    ) -> bool {
        let before = self.replay.at(revision - 1);
        let after = self.replay.at(*revision);
        let one = |id| change.events.iter().all(|event| event.host() == Some(id));
        match (asked, &answer.outcome) {
            (Asked::Add { host, .. }, Outcome::Added(added)) => {
                one(added.id)
                    && before.host(added.id).is_none()
                    && Seen::of_facts(host) == Seen::from(&**added).facts()
            }
            (
                Asked::Update {
                    patch, expected, ..
                },
                Outcome::Updated(updated),
            ) => before.host(updated.id).is_some_and(|old| {
                one(old.id)
                    && is_meant(asked, named, old.id)
                    && expected.is_none_or(|expected| old.version.get() == expected)
                    && Seen::of_facts(&patch.applied_to(old)) == Seen::from(&**updated).facts()
            }),
            (Asked::Delete { expected, .. }, Outcome::Deleted(id)) => {
                before.host(*id).is_some_and(|old| {
                    one(*id)
                        && is_meant(asked, named, *id)
                        && expected.is_none_or(|expected| old.version.get() == expected)
                }) && after.host(*id).is_none()
            }
            (Asked::Import { rows, mode, .. }, Outcome::Imported(counts)) => {
                imported(before, rows, *mode)
                    .is_some_and(|all| all.counts(counts) && all.is_done_by(change, before, after))
            }
            _ => false,
        }
    }

    /// A read shows the state at the index that came with it.
    fn read(&mut self, number: usize, operation: &Operation) -> Option<Placed> {
        let Asked::Read { what, linearizable } = &operation.asked else {
            return None;
        };
        let (applied, told) = match &operation.answered {
            Answered::Read { applied, hosts } => (*applied, hosts),
            Answered::Refused => {
                self.summary.refused += 1;
                return None;
            }
            Answered::Unknown => {
                self.summary.unknown += 1;
                return None;
            }
            Answered::Rejected(_) | Answered::Acknowledged { .. } => return None,
        };
        self.summary.reads += 1;
        self.not_beyond(number, applied);
        let state = self.replay.at(applied);
        let mut found: Vec<Seen> = match what {
            Reading::All => state.hosts().map(|host| Seen::from(&**host)).collect(),
            Reading::One(_) => rejected::ids(state, &operation.asked)
                .into_iter()
                .filter_map(|id| state.host(id))
                .map(|host| Seen::from(&**host))
                .collect(),
        };
        let mut told = told.clone();
        told.sort();
        found.sort();
        if told != found {
            self.wrong(number, state.revision().get(), &told, &found);
        }
        linearizable.then(|| Placed {
            operation: number,
            called: operation.called,
            returned: operation.returned,
            revision: state.revision().get(),
            made: false,
        })
    }

    /// What began after another was done is not about an older state; what made a revision made a newer one.
    fn order(&mut self, placed: &[Placed], order: &Order) {
        for now in placed {
            let Some(before) = order.before(now.called) else {
                continue;
            };
            if now.revision < before.revision + u64::from(now.made) {
                self.violations.push(Violation::OutOfOrder {
                    operation: now.operation,
                    revision: now.revision,
                    earlier: before.operation,
                    seen: before.revision,
                });
            }
        }
    }

    /// Each rejection was true at some time while its call was under way, and not before one that had ended was.
    fn rejections(&mut self, history: &History, order: &Order) {
        let mut rejected: Vec<_> = history
            .operations
            .iter()
            .enumerate()
            .filter_map(|(number, operation)| match &operation.answered {
                Answered::Rejected(reason) => Some((number, operation, reason)),
                _ => None,
            })
            .collect();
        rejected.sort_by_key(|(_, operation, _)| operation.returned);
        let mut floor = Floor::default();
        for (number, operation, reason) in rejected {
            if let Reason::Other(reason) = reason {
                match UNCHECKED.contains(&reason.as_str()) {
                    true => self.summary.unchecked += 1,
                    false => self.violations.push(Violation::NoReason {
                        operation: number,
                        reason: reason.clone(),
                    }),
                }
                continue;
            }
            let (from, to) = self.span(operation, order, &floor);
            let asked = &operation.asked;
            let mut states = self.replay.states(from, to);
            // A name is looked up first: at the turn of its change it may be another host's, or nobody's.
            let was_so = states.find(|(at, state)| {
                let mut named = self.replay.states(from, *at);
                rejected::holds(state, state, asked, reason)
                    || is_by_name(asked)
                        && named.any(|(_, named)| rejected::holds(state, named, asked, reason))
            });
            match was_so {
                Some((earliest, _)) => {
                    self.summary.rejected += 1;
                    if !is_local(&operation.asked) {
                        floor.rise(operation.returned, earliest);
                    }
                }
                None => self.violations.push(Violation::NeverTrue {
                    operation: number,
                    reason: format!("{reason:?}"),
                    from,
                    to,
                }),
            }
        }
    }

    /// The first and the last revision that a rejection may be about.
    fn span(&self, operation: &Operation, order: &Order, floor: &Floor) -> (u64, u64) {
        let done = order
            .before(operation.called)
            .map_or(0, |before| before.revision)
            .max(floor.before(operation.called));
        // A local read may be about any state that its node once had.
        let from = if is_local(&operation.asked) { 0 } else { done };
        let mut to = order.after(operation.returned).min(self.last);
        // Whoever looks at a request looks first whether it was accepted: from then on it is answered, and what it did
        // itself is no reason against it.
        let own = operation.asked.request();
        if let Some((accepted, _, _)) = own.and_then(|own| self.accepted.get(own)?.first()) {
            to = to.min(accepted - 1);
        }
        (from, to)
    }

    fn not_beyond(&mut self, operation: usize, index: u64) {
        if index > self.last {
            self.violations.push(Violation::BeyondTheLog {
                operation,
                index,
                last: self.last,
            });
        }
    }

    fn wrong(
        &mut self,
        operation: usize,
        revision: u64,
        told: &impl std::fmt::Debug,
        found: &impl std::fmt::Debug,
    ) {
        self.violations.push(Violation::WrongAnswer {
            operation,
            revision,
            told: format!("{told:?}"),
            found: format!("{found:?}"),
        });
    }
}

/// Reasons, after their codes, that no state can be held against. An import whose rows do not arrive in time changes
/// nothing.
const UNCHECKED: [&str; 1] = ["InvalidArgument TRUNCATED"];

/// Whether it changes a host that it names.
const fn is_by_name(asked: &Asked) -> bool {
    matches!(
        asked,
        Asked::Update {
            host: HostRef::Name(_),
            ..
        } | Asked::Delete {
            host: HostRef::Name(_),
            ..
        }
    )
}

const fn is_local(asked: &Asked) -> bool {
    matches!(
        asked,
        Asked::Read {
            linearizable: false,
            ..
        }
    )
}

/// Whether `asked` may mean the host `id` in this state.
fn is_meant(asked: &Asked, state: &Projection, id: hosts::HostId) -> bool {
    rejected::ids(state, asked) == [id]
}

/// Changes between the look-up of a name and the turn of the change that is about it.
const LOOKED_UP_WITHIN: u64 = 100;
