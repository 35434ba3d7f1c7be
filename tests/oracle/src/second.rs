//! A second opinion: a search for an order that explains the history, which knows nothing of indexes and revisions.
//!
//! Linearizability is a property of each object (Herlihy and Wing 1990, theorem 1): each name is looked at alone. Names
//! that share an operation with others – aliases, new hostnames, imports – are left out. Of an operation of unknown
//! outcome the log says whether it was done; when it was done is left open.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hosts::{Answer, Change, HostPatch, HostRef, Outcome};
use porcupine_rs::{CheckResult, Model, Operation as Call};

use crate::history::{Answered, Asked, Effect, History, Operation, Reading, Reason, Seen};
use crate::replay::Replay;

/// What the search came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opinion {
    /// Names that were looked at.
    pub names: usize,
    /// Operations on them; a read of all hosts counts for every name.
    pub operations: usize,
    /// Names whose history has no explanation.
    pub illegal: Vec<String>,
    /// Names for which the search took too long: nothing is known of them.
    pub undecided: Vec<String>,
}

/// Looks for an order for each name, for `patience` at most. Every host of the history's names has to come from the
/// history.
#[must_use]
pub fn second_opinion(history: &History, replay: &Replay, patience: Duration) -> Opinion {
    let mut opinion = Opinion::default();
    for (name, calls) in by_name(history, replay) {
        opinion.names += 1;
        opinion.operations += calls.len();
        match porcupine_rs::check_operations_timeout(&calls, patience) {
            CheckResult::Ok => {}
            CheckResult::Illegal => opinion.illegal.push(name),
            CheckResult::Unknown => opinion.undecided.push(name),
        }
    }
    opinion
}

/// The hosts of one name.
#[derive(Clone, Copy, Debug)]
struct OneName;

#[derive(Clone, Debug)]
enum Step {
    Add(Seen),
    Update(String, HostPatch, Option<Seen>),
    Delete(String),
    /// Exactly these hosts are there.
    Read(Vec<Seen>),
    /// A host of this address is there, which is not the one that this request has added itself.
    Taken(String, Option<String>),
}

impl Model for OneName {
    /// From id to host, without versions.
    type State = BTreeMap<String, Seen>;
    type Op = Step;
    type Metadata = ();

    fn init() -> Self::State {
        BTreeMap::new()
    }

    fn step(state: &Self::State, step: &Step) -> (bool, Self::State) {
        let mut next = state.clone();
        let held = |address: &str, own: Option<&String>| {
            let mut others = state.values().filter(|host| Some(&host.id) != own);
            others.any(|host| host.address == address)
        };
        let fits = match step {
            Step::Add(host) => {
                !held(&host.address, None) && next.insert(host.id.clone(), host.clone()).is_none()
            }
            Step::Update(id, patch, told) => next.get_mut(id).is_some_and(|host| {
                *host = patched(host, patch);
                told.as_ref().is_none_or(|told| told == host)
            }),
            Step::Delete(id) => next.remove(id).is_some(),
            Step::Read(hosts) => state.values().eq(hosts),
            Step::Taken(address, own) => held(address, own.as_ref()),
        };
        (fits, next)
    }
}

/// The calls on each name that shares none of them with another.
fn by_name(history: &History, replay: &Replay) -> BTreeMap<String, Vec<Call<OneName>>> {
    let done: BTreeMap<&str, &(u64, Change, Answer)> = replay
        .accepted()
        .map(|entry| (entry.1.stamp.request.as_str(), entry))
        .collect();
    let names_of = names_of_ids(history, replay);
    let shared = shared_names(history, &names_of);
    let own: BTreeSet<&str> = names_of
        .values()
        .flatten()
        .map(String::as_str)
        .filter(|name| !shared.contains(*name))
        .collect();
    let mut calls: BTreeMap<String, Vec<Call<OneName>>> = BTreeMap::new();
    let mut answered: BTreeSet<&str> = BTreeSet::new();
    let mut sorted: Vec<&Operation> = history.operations.iter().collect();
    // Of the attempts of one request, the first that was told counts; the others are its shadow.
    sorted.sort_by_key(|operation| {
        (
            matches!(operation.answered, Answered::Unknown),
            operation.returned,
        )
    });
    let begun = first_calls(history);
    for operation in sorted {
        let request = operation.asked.request();
        let outcome = request.and_then(|request| done.get(request).copied());
        let effect = matches!(
            operation.answered,
            Answered::Acknowledged { .. } | Answered::Unknown
        );
        if effect && request.is_some_and(|request| !answered.insert(request)) {
            continue;
        }
        for (name, step) in steps(operation, outcome, &own, &names_of) {
            let returned = match operation.answered {
                Answered::Unknown => i64::MAX,
                _ => time(operation.returned),
            };
            let called = match request.filter(|_| effect) {
                Some(request) => begun.get(request).copied().unwrap_or(operation.called),
                None => operation.called,
            };
            calls.entry(name).or_default().push(Call {
                client_id: None,
                call_time: time(called),
                return_time: returned,
                op: step,
                metadata: None,
            });
        }
    }
    calls
}

/// When each request was first sent.
fn first_calls(history: &History) -> BTreeMap<&str, u64> {
    let mut first: BTreeMap<&str, u64> = BTreeMap::new();
    for operation in &history.operations {
        if let Some(request) = operation.asked.request() {
            let called = first.entry(request).or_insert(operation.called);
            *called = operation.called.min(*called);
        }
    }
    first
}

/// What an operation does to each of the names.
fn steps(
    operation: &Operation,
    done: Option<&(u64, Change, Answer)>,
    own: &BTreeSet<&str>,
    names_of: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<(String, Step)> {
    let one = |name: &str, step| {
        own.contains(name)
            .then(|| (name.to_owned(), step))
            .into_iter()
            .collect()
    };
    let name_of = |id: &String| names_of.get(id).and_then(|names| names.first().cloned());
    match (&operation.asked, &operation.answered, done) {
        (Asked::Read { linearizable, .. }, Answered::Read { .. }, _) if !linearizable => Vec::new(),
        (
            Asked::Read {
                what: Reading::All, ..
            },
            Answered::Read { hosts, .. },
            _,
        ) => own
            .iter()
            .map(|name| ((*name).to_owned(), Step::Read(of_name(hosts, name))))
            .collect(),
        (
            Asked::Read {
                what: Reading::One(HostRef::Name(name)),
                ..
            },
            Answered::Read { hosts, .. },
            _,
        ) => one(name.as_str(), Step::Read(of_name(hosts, name.as_str()))),
        (
            Asked::Read {
                what: Reading::One(HostRef::Name(name)),
                linearizable: true,
            },
            Answered::Rejected(Reason::NotFound),
            _,
        ) => one(name.as_str(), Step::Read(Vec::new())),
        (Asked::Add { host, .. }, Answered::Rejected(Reason::Duplicate), done) => {
            let own = done.and_then(|(_, _, answer)| match &answer.outcome {
                Outcome::Added(own) => Some(own.id.to_string()),
                _ => None,
            });
            let taken = Step::Taken(host.address.to_string(), own);
            one(host.hostname.as_str(), taken)
        }
        (
            _,
            Answered::Acknowledged { .. } | Answered::Unknown,
            Some((_, _, Answer { outcome, .. })),
        ) => {
            let told = match &operation.answered {
                Answered::Acknowledged {
                    effect: Effect::Host(host),
                    ..
                } => Some(unversioned(host)),
                _ => None,
            };
            match (outcome, &operation.asked) {
                (Outcome::Added(host), _) => one(
                    host.hostname.as_str(),
                    Step::Add(told.unwrap_or_else(|| unversioned(&Seen::from(&**host)))),
                ),
                (Outcome::Updated(host), Asked::Update { patch, .. }) => one(
                    host.hostname.as_str(),
                    Step::Update(host.id.to_string(), patch.clone(), told),
                ),
                (Outcome::Deleted(id), _) => {
                    let id = id.to_string();
                    name_of(&id)
                        .map(|name| one(&name, Step::Delete(id)))
                        .unwrap_or_default()
                }
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

/// Every hostname that each host ever had.
fn names_of_ids(history: &History, replay: &Replay) -> BTreeMap<String, BTreeSet<String>> {
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut note = |host: &Seen| {
        names
            .entry(host.id.clone())
            .or_default()
            .insert(host.hostname.clone());
    };
    for operation in &history.operations {
        match &operation.answered {
            Answered::Acknowledged {
                effect: Effect::Host(host),
                ..
            } => note(host),
            Answered::Read { hosts, .. } => hosts.iter().for_each(&mut note),
            _ => {}
        }
    }
    for (_, _, answer) in replay.accepted() {
        if let Outcome::Added(host) | Outcome::Updated(host) = &answer.outcome {
            note(&Seen::from(&**host));
        }
    }
    names
}

/// Names that an operation touches together with others.
fn shared_names(
    history: &History,
    names_of: &BTreeMap<String, BTreeSet<String>>,
) -> BTreeSet<String> {
    let mut shared = BTreeSet::new();
    for names in names_of.values().filter(|names| names.len() > 1) {
        shared.extend(names.iter().cloned());
    }
    for operation in &history.operations {
        let with_aliases = |host: &Seen| {
            let names = (!host.aliases.is_empty()).then(|| {
                let first = std::iter::once(&host.hostname);
                first.chain(&host.aliases).cloned().collect::<Vec<_>>()
            });
            names.unwrap_or_default()
        };
        match &operation.answered {
            Answered::Acknowledged {
                effect: Effect::Host(host),
                ..
            } => shared.extend(with_aliases(host)),
            Answered::Read { hosts, .. } => shared.extend(hosts.iter().flat_map(with_aliases)),
            _ => {}
        }
        match &operation.asked {
            Asked::Add { host, .. } => shared.extend(with_aliases(&Seen::of_facts(host))),
            Asked::Import { rows, .. } => shared.extend(
                rows.iter()
                    .flat_map(hosts::NewHost::names)
                    .map(ToString::to_string),
            ),
            Asked::Update { .. } | Asked::Delete { .. } | Asked::Read { .. } => {}
        }
    }
    shared
}

fn of_name(hosts: &[Seen], name: &str) -> Vec<Seen> {
    let mut hosts: Vec<Seen> = hosts
        .iter()
        .filter(|host| host.hostname == name)
        .map(unversioned)
        .collect();
    hosts.sort();
    hosts
}

fn unversioned(host: &Seen) -> Seen {
    Seen {
        version: 0,
        ..host.clone()
    }
}

fn patched(host: &Seen, patch: &HostPatch) -> Seen {
    let mut host = host.clone();
    let HostPatch {
        address,
        hostname: _,
        aliases: _,
        tags,
        comment,
        enabled,
    } = patch;
    if let Some(address) = address {
        host.address = address.to_string();
    }
    if let Some(tags) = tags {
        host.tags = tags.iter().map(ToString::to_string).collect();
    }
    if let Some(comment) = comment {
        host.comment = comment
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
    }
    if let Some(enabled) = enabled {
        host.enabled = *enabled;
    }
    host
}

/// The model's clock.
fn time(nanoseconds: u64) -> i64 {
    i64::try_from(nanoseconds).unwrap_or(i64::MAX - 1)
}
