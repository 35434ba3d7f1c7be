//! Random requests against a model so plain that it can be believed: a `Vec` of hosts, searched from end to end.

use std::sync::Arc;

use hosts::format::hosts_file::parse;
use hosts::format::render::{render, verify};
use hosts::{
    Address, Aliases, Answer, Command, Comment, ConflictMode, Decision, Host, HostId, HostPatch,
    Hostname, ImportCounts, LeftOut, NewHost, Outcome, Projection, Query, Revision, Stamp, Tag,
    Tags, View, decide,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::{World, address, name};

/// What a caller does. Hosts are named by their place among all that ever were.
#[derive(Clone, Debug)]
enum Step {
    Add(NewHost),
    Update(usize, HostPatch, Seen),
    Delete(usize, Seen),
    Import(Vec<NewHost>, ConflictMode),
    /// The last command again, under the same request id.
    Retry,
}

/// Which version a caller believes in.
#[derive(Copy, Clone, Debug)]
enum Seen {
    Nothing,
    Current,
    Stale,
}

#[derive(Clone, Default)]
struct Model {
    hosts: Vec<Host>,
}

impl Model {
    /// What the command comes to, or why not.
    fn run(
        &mut self,
        command: &Command,
        stamp: &Stamp,
        at: Revision,
    ) -> Result<Told, &'static str> {
        let before = self.hosts.clone();
        let told = self.try_run(command, stamp);
        let told = told.and_then(|told| self.unique().then_some(told).ok_or("DUPLICATE"));
        match &told {
            Err(_) => self.hosts = before,
            Ok(_) => self.stamp_changed(&before, stamp, at),
        }
        told
    }

    fn try_run(&mut self, command: &Command, stamp: &Stamp) -> Result<Told, &'static str> {
        match command {
            Command::AddHost(new) => {
                let id = HostId::nth(stamp.at, stamp.seed, 0);
                self.hosts.push(record(id, new));
                Ok(Told::Host(id))
            }
            Command::UpdateHost {
                id,
                patch,
                expected,
            } => {
                let host = self.find(*id, *expected)?;
                let place = self.hosts.iter().position(|h| h.id == *id).expect("found");
                let new = record(*id, &patch.applied_to(&host));
                self.hosts[place] = Host {
                    version: host.version,
                    created: host.created,
                    updated: host.updated,
                    ..new
                };
                Ok(Told::Host(*id))
            }
            Command::DeleteHost { id, expected } => {
                self.find(*id, *expected)?;
                self.hosts.retain(|host| host.id != *id);
                Ok(Told::Gone(*id))
            }
            Command::ImportHosts { rows, mode } => self.import(rows, *mode, stamp),
            Command::CreateSnapshot { .. }
            | Command::DeleteSnapshot { .. }
            | Command::RollBack { .. } => unreachable!("they have a model of their own"),
        }
    }

    fn find(&self, id: HostId, expected: Option<Revision>) -> Result<Host, &'static str> {
        let host = self.hosts.iter().find(|host| host.id == id);
        let host = host.ok_or("NOT_FOUND")?;
        if expected.is_some_and(|version| version != host.version) {
            return Err("VERSION_MISMATCH");
        }
        Ok(host.clone())
    }

    fn import(
        &mut self,
        rows: &[NewHost],
        mode: ConflictMode,
        stamp: &Stamp,
    ) -> Result<Told, &'static str> {
        let old = self.hosts.clone();
        // Which hosts this file has written so far, and new ones among them; those get their ids at the end.
        let mut written: Vec<HostId> = Vec::new();
        let mut fresh = 0;
        let mut conflict = false;
        // Which row a host of this file is from, and which rows gave way to which host.
        let mut writers: Vec<(HostId, usize)> = Vec::new();
        let mut passed: Vec<(usize, HostId)> = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let place = u128::try_from(written.len()).expect("small");
            let new = record(HostId::from_u128(place), row);
            let mut holders: Vec<usize> = (0..self.hosts.len())
                .filter(|&i| shares(&self.hosts[i], &new))
                .collect();
            let Some(holder) = holders.pop() else {
                written.push(new.id);
                writers.push((new.id, index));
                fresh += 1;
                self.hosts.push(new);
                continue;
            };
            let held = &self.hosts[holder];
            let ours = written.contains(&held.id);
            let repeated = holders.is_empty() && ours && held.facts() == new.facts();
            if repeated {
                continue;
            }
            if mode == ConflictMode::Skip {
                let taken = new.names().find_map(|name| self.holder(new.address, name));
                passed.push((index, taken.expect("it has a holder").id));
                continue;
            }
            let other_line = ours && held.hostname != new.hostname;
            if mode == ConflictMode::Strict || !holders.is_empty() || other_line {
                conflict = true;
                continue;
            }
            if !ours {
                written.push(held.id);
            }
            let writer = writers.iter().rposition(|(id, _)| *id == held.id);
            if let Some(writer) = writer {
                passed.push((writers[writer].1, held.id));
            }
            writers.push((held.id, index));
            self.hosts[holder] = Host {
                id: held.id,
                version: held.version,
                created: held.created,
                updated: held.updated,
                ..new
            };
        }
        if conflict {
            return Err("IMPORT_CONFLICTS");
        }
        let is_lost = |&&(index, held): &&(usize, HostId)| {
            let row = record(held, &rows[index]);
            let host = self.hosts.iter().find(|host| host.id == held);
            let host = host.expect("a holder stays");
            let mut names = row.names();
            names.any(|name| self.holder(row.address, name).is_none())
                || (row.comment.is_some() && row.comment != host.comment)
                || row
                    .tags
                    .iter()
                    .any(|tag| host.tags.iter().all(|other| other != tag))
                || row.enabled != host.enabled
        };
        let lost = passed.iter().filter(is_lost).map(|(index, _)| index + 1);
        let lost: std::collections::BTreeSet<usize> = lost.collect();
        let mut n = 0;
        for host in &mut self.hosts {
            if old.iter().all(|o| o.id != host.id) {
                host.id = HostId::nth(stamp.at, stamp.seed, n);
                n += 1;
            }
        }
        let updated = old.iter().filter(|o| !self.hosts.contains(o)).count();
        let count = |n: usize| u32::try_from(n).expect("small");
        Ok(Told::Rows(ImportCounts {
            processed: count(rows.len()),
            created: fresh,
            updated: count(updated),
            skipped: count(rows.len()) - fresh - count(updated),
            left_out: LeftOut {
                rows: lost.iter().map(|row| count(*row)).collect(),
                total: count(lost.len()),
            },
        }))
    }

    fn holder(&self, address: Address, name: &Hostname) -> Option<&Host> {
        let holds = |host: &&Host| host.address == address && host.names().any(|n| n == name);
        self.hosts.iter().find(holds)
    }

    fn unique(&self) -> bool {
        let others = |i: usize| self.hosts[..i].iter();
        (0..self.hosts.len()).all(|i| others(i).all(|other| !shares(other, &self.hosts[i])))
    }

    fn stamp_changed(&mut self, before: &[Host], stamp: &Stamp, at: Revision) {
        for host in &mut self.hosts {
            let old = before.iter().find(|old| old.id == host.id);
            if old.is_none() {
                host.created = stamp.at;
            }
            if old.is_none_or(|old| old.facts() != host.facts()) {
                host.version = at;
                host.updated = stamp.at;
            }
        }
    }

    fn sorted(&self) -> Vec<Host> {
        let mut hosts = self.hosts.clone();
        hosts.sort_by_key(|host| (host.address, host.hostname.clone()));
        hosts
    }

    /// What a file shows, in no form in particular.
    fn shown(&self, comments: bool) -> Vec<NewHost> {
        let enabled = self.sorted().into_iter().filter(|host| host.enabled);
        enabled
            .map(|host| NewHost {
                tags: Tags::default(),
                comment: host.comment.clone().filter(|_| comments),
                ..host.facts()
            })
            .collect()
    }
}

#[derive(Clone, PartialEq, Debug)]
enum Told {
    Host(HostId),
    Gone(HostId),
    Rows(ImportCounts),
}

fn told(outcome: &Outcome) -> Told {
    match outcome {
        Outcome::Added(host) | Outcome::Updated(host) => Told::Host(host.id),
        Outcome::Deleted(id) => Told::Gone(*id),
        Outcome::Imported(counts) => Told::Rows(counts.clone()),
        Outcome::SnapshotCreated(_) | Outcome::SnapshotDeleted(_) | Outcome::RolledBack(_) => {
            unreachable!("they have a model of their own")
        }
    }
}

fn record(id: HostId, new: &NewHost) -> Host {
    let aliases: Vec<_> = new
        .aliases
        .iter()
        .filter(|a| **a != new.hostname)
        .cloned()
        .collect();
    Host {
        id,
        address: new.address,
        hostname: new.hostname.clone(),
        aliases: Aliases::new(aliases).expect("not more than before"),
        tags: new.tags.clone(),
        comment: new.comment.clone(),
        enabled: new.enabled,
        version: Revision::default(),
        created: hosts::Timestamp::default(),
        updated: hosts::Timestamp::default(),
    }
}

fn shares(one: &Host, other: &Host) -> bool {
    one.address == other.address && one.names().any(|name| other.names().any(|n| n == name))
}

/// A world and its model, side by side.
struct Pair {
    world: World,
    model: Model,
    ids: Vec<HostId>,
    last: Option<(Command, Stamp, Result<Answer, &'static str>)>,
}

impl Pair {
    fn command(&self, step: &Step) -> Option<Command> {
        let id = |n: usize| match self.ids.len() {
            0 => HostId::from_u128(0),
            many => self.ids[n % many],
        };
        let expected = |id, seen| {
            let current = self.world.hosts.host(id).map(|host| host.version);
            match seen {
                Seen::Nothing => None,
                Seen::Current => current,
                Seen::Stale => current.map(|version| Revision::new(version.get() + 1)),
            }
        };
        Some(match step {
            Step::Add(new) => Command::AddHost(new.clone()),
            Step::Update(n, patch, seen) => Command::UpdateHost {
                id: id(*n),
                patch: patch.clone(),
                expected: expected(id(*n), *seen),
            },
            Step::Delete(n, seen) => Command::DeleteHost {
                id: id(*n),
                expected: expected(id(*n), *seen),
            },
            Step::Import(rows, mode) => Command::ImportHosts {
                rows: rows.clone(),
                mode: *mode,
            },
            Step::Retry => return None,
        })
    }

    fn take(&mut self, step: &Step) {
        let Some(command) = self.command(step) else {
            return self.retry();
        };
        let stamp = self.world.stamp(&command);
        let at = Revision::new(self.world.index + 1);
        let before = self.model.clone();
        let position = self.world.hosts.position();
        let expected = self.model.run(&command, &stamp, at);

        let decision = decide(&self.world.hosts, &command, stamp.clone());
        let nothing = self.model.hosts == before.hosts;
        let answer = match decision {
            Ok(Decision::Commit(change)) => {
                assert!(!nothing, "an entry for nothing: {change:?}");
                Ok(self.world.apply(&change).expect("just decided").answer)
            }
            Ok(Decision::Unchanged(answer)) => {
                assert!(nothing, "no entry for a change");
                assert_eq!(answer.revision, position.revision);
                Ok(answer)
            }
            Ok(Decision::Answered(answer)) => panic!("a new request was answered: {answer:?}"),
            Err(rejection) => Err(rejection.reason()),
        };
        assert_eq!(
            answer.as_ref().map(|a| told(&a.outcome)).map_err(|e| *e),
            expected
        );
        if let Ok(Outcome::Added(host)) = answer.as_ref().map(|a| &a.outcome) {
            self.ids.push(host.id);
        }
        let now = self.world.hosts.position();
        for (comments, was, is) in [
            (false, position.rendered, now.rendered),
            (
                true,
                position.rendered_with_comments,
                now.rendered_with_comments,
            ),
        ] {
            let moved = before.shown(comments) != self.model.shown(comments);
            assert_eq!(is, if moved { at } else { was }, "comments: {comments}");
        }
        self.last = Some((command, stamp, answer));
    }

    /// An accepted request is answered as before; any other is decided anew, to the same end.
    fn retry(&mut self) {
        let Some((command, stamp, first)) = self.last.clone() else {
            return;
        };
        let again = decide(&self.world.hosts, &command, stamp);
        match (again, first) {
            (Ok(Decision::Answered(again) | Decision::Unchanged(again)), Ok(first)) => {
                assert_eq!(again, first);
            }
            (Err(again), Err(first)) => assert_eq!(again.reason(), first),
            (again, first) => panic!("first {first:?}, then {again:?}"),
        }
    }

    fn compare(&self) {
        let hosts = &self.world.hosts;
        let sorted = self.model.sorted();
        let listed: Vec<Host> = hosts.hosts().map(|host| host.as_ref().clone()).collect();
        assert_eq!(listed, sorted);
        assert_eq!(hosts.len(), sorted.len());
        for host in &sorted {
            assert_eq!(hosts.host(host.id).map(Arc::as_ref), Some(host));
            for name in host.names() {
                assert_eq!(hosts.owner(host.address, name), Some(host.id));
                let named: Vec<&Host> = hosts.named(name).into_iter().map(Arc::as_ref).collect();
                let all = sorted.iter().filter(|h| h.names().any(|n| n == name));
                assert_eq!(named, all.collect::<Vec<_>>());
            }
        }
        for text in ["10.0.0.0/31", "b0", "tag:t1 is:enabled", "ip:fd00::1"] {
            let query = Query::parse(text).expect("a query");
            let found: Vec<&Host> = hosts.search(&query).map(Arc::as_ref).collect();
            let all = sorted.iter().filter(|host| query.matches(host));
            assert_eq!(found, all.collect::<Vec<_>>(), "{text}");
        }

        let again = Projection::restore(hosts.position(), hosts.rows());
        let again = again.expect("rows of a projection");
        assert_eq!(&again, hosts);
        assert_eq!(again.digest(), hosts.digest(), "from scratch");
        assert_eq!(again.enabled_digest(), hosts.enabled_digest());
        let enabled = sorted.iter().filter(|host| host.enabled);
        assert_eq!(hosts.enabled_len(), enabled.count());

        for comments in [false, true] {
            let bytes = render(
                hosts,
                &View {
                    comments,
                    cluster: None,
                },
            );
            assert!(verify(&bytes));
            assert_eq!(
                bytes,
                render(
                    &again,
                    &View {
                        comments,
                        cluster: None,
                    }
                )
            );
            let rows = parse(&bytes).expect("our own file").rows;
            let read: Vec<NewHost> = rows.into_iter().map(|row| row.host).collect();
            assert_eq!(
                read,
                self.model.shown(comments),
                "few aliases: one line each"
            );
        }
    }
}

fn any_host() -> impl Strategy<Value = NewHost> {
    let parts = (
        any_address(),
        any_name(),
        any_aliases(),
        any_tags(),
        any_comment(),
        any_enabled(),
    );
    parts.prop_map(
        |(address, hostname, aliases, tags, comment, enabled)| NewHost {
            address,
            hostname,
            aliases,
            tags,
            comment,
            enabled,
        },
    )
}

fn any_patch() -> impl Strategy<Value = HostPatch> {
    (
        prop::option::weighted(0.3, any_address()),
        prop::option::weighted(0.3, any_name()),
        prop::option::weighted(0.3, any_aliases()),
        prop::option::weighted(0.2, any_tags()),
        prop::option::weighted(0.2, any_comment()),
        prop::option::weighted(0.3, any_enabled()),
    )
        .prop_map(
            |(address, hostname, aliases, tags, comment, enabled)| HostPatch {
                address,
                hostname,
                aliases,
                tags,
                comment,
                enabled,
            },
        )
}

fn any_address() -> impl Strategy<Value = Address> {
    prop::sample::select(vec!["10.0.0.1", "10.0.0.2", "fd00::1"]).prop_map(address)
}

fn any_name() -> impl Strategy<Value = Hostname> {
    (0..7u8).prop_map(|n| name(&format!("{}{n}.lan", if n % 2 == 0 { 'b' } else { 'a' })))
}

fn any_aliases() -> impl Strategy<Value = Aliases> {
    vec(any_name(), 0..3).prop_map(|names| Aliases::new(names).expect("few"))
}

fn any_tags() -> impl Strategy<Value = Tags> {
    vec(0..3u8, 0..3).prop_map(|tags| {
        let tags = tags
            .iter()
            .map(|n| Tag::parse(&format!("t{n}")).expect("a tag"));
        Tags::new(tags.collect()).expect("few")
    })
}

fn any_comment() -> impl Strategy<Value = Option<Comment>> {
    prop::option::of("[a-z0-9 #ü]{0,12}").prop_map(|text| {
        let text = text.unwrap_or_default();
        Comment::parse_optional(&text).expect("a comment")
    })
}

fn any_enabled() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.8)
}

fn any_seen() -> impl Strategy<Value = Seen> {
    prop::sample::select(vec![Seen::Nothing, Seen::Current, Seen::Stale])
}

fn any_step() -> impl Strategy<Value = Step> {
    let mode = prop::sample::select(vec![
        ConflictMode::Skip,
        ConflictMode::Replace,
        ConflictMode::Strict,
    ]);
    prop_oneof![
        4 => any_host().prop_map(Step::Add),
        4 => (0..50usize, any_patch(), any_seen()).prop_map(|(n, p, s)| Step::Update(n, p, s)),
        2 => (0..50usize, any_seen()).prop_map(|(n, s)| Step::Delete(n, s)),
        3 => (vec(any_host(), 0..6), mode).prop_map(|(rows, mode)| Step::Import(rows, mode)),
        2 => Just(Step::Retry),
    ]
}

fn pair() -> Pair {
    Pair {
        world: World::new(),
        model: Model::default(),
        ids: Vec::new(),
        last: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_requests_come_to_what_the_model_says(steps in vec(any_step(), 1..40)) {
        let mut pair = pair();
        for step in &steps {
            pair.take(step);
            pair.compare();
        }
    }

    /// Two leaders' worth of trouble: everything decided on one projection, applied one after the other.
    #[test]
    fn changes_decided_on_an_old_projection_apply_whole_or_not_at_all(
        first in vec(any_step(), 1..12),
        late in vec(any_step(), 2..8),
    ) {
        let mut pair = pair();
        for step in &first {
            pair.take(step);
        }
        let commands: Vec<_> = late.iter().filter_map(|step| pair.command(step)).collect();
        let changes: Vec<_> = commands
            .into_iter()
            .filter_map(|command| match pair.world.decide(&command) {
                Ok(Decision::Commit(change)) => Some(change),
                _ => None,
            })
            .collect();
        for change in &changes {
            // `World::apply` asserts that a refused change leaves no trace.
            let accepted = pair.world.apply(change).is_ok();
            let (position, rows) = (pair.world.hosts.position(), pair.world.hosts.rows());
            let again = Projection::restore(position, rows);
            prop_assert_eq!(again.as_ref(), Ok(&pair.world.hosts));
            prop_assert_eq!(again.map(|p| p.digest()), Ok(pair.world.hosts.digest()));
            prop_assert_eq!(accepted, position.revision.get() == pair.world.index);
        }
    }
}
