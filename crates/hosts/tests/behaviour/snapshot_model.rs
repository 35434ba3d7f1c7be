//! Random changes, snapshots, deletions and rollbacks against a model that stores whole copies.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hosts::{
    Answer, Change, Command, ConflictMode, Decision, Host, HostId, HostPatch, NewHost, Outcome,
    Point, Projection, Rejection, Retention, Revision, SnapshotId, decide_within,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::{World, row};

/// What callers do. Hosts and snapshots are named by their place among all that ever were.
#[derive(Clone, Debug)]
enum Step {
    Add(u8),
    Rename(usize, u8),
    Toggle(usize),
    Delete(usize),
    Replace(Vec<u8>),
    Create,
    Drop(usize),
    RollBack(usize),
    /// Nobody asks for anything for so many hours.
    Wait(u64),
}

type Copy = BTreeMap<HostId, Host>;

struct Model {
    world: World,
    retention: Retention,
    hosts: Vec<HostId>,
    ever: Vec<SnapshotId>,
    /// The snapshots that should be there: whole copies, the oldest first, and when they were made.
    copies: Vec<(SnapshotId, u64, Copy)>,
}

const HOUR: u64 = 3_600_000;

fn copy(hosts: &Projection) -> Copy {
    let hosts = hosts.hosts().map(|host| (host.id, Host::clone(host)));
    hosts.collect()
}

fn facts(copy: &Copy) -> Vec<(HostId, NewHost, u64)> {
    let host = |host: &Host| (host.id, host.facts(), host.created.as_millis());
    copy.values().map(host).collect()
}

fn line(n: u8) -> NewHost {
    row(&format!("10.0.0.{} h{n}.lan", n % 4))
}

impl Model {
    fn new(retention: Retention) -> Self {
        Self {
            world: World::new(),
            retention,
            hosts: Vec::new(),
            ever: Vec::new(),
            copies: Vec::new(),
        }
    }

    fn host(&self, n: usize) -> HostId {
        match self.hosts.len() {
            0 => HostId::from_u128(0),
            many => self.hosts[n % many],
        }
    }

    fn snapshot(&self, n: usize) -> SnapshotId {
        match self.ever.len() {
            0 => SnapshotId::from_u128(0),
            many => self.ever[n % many],
        }
    }

    fn decide(&mut self, command: &Command) -> Result<Decision, Rejection> {
        let stamp = self.world.stamp(command);
        decide_within(&self.world.hosts, command, stamp, &self.retention)
    }

    fn run(&mut self, command: &Command) -> Option<Answer> {
        match self.decide(command) {
            Ok(Decision::Commit(change)) => {
                Some(self.world.apply(&change).expect("just decided").answer)
            }
            Ok(Decision::Unchanged(answer)) => Some(answer),
            Ok(Decision::Answered(_)) => panic!("a new request was answered"),
            Err(_) => None,
        }
    }

    fn update(&mut self, id: HostId, patch: HostPatch) {
        let expected = None;
        self.run(&Command::UpdateHost {
            id,
            patch,
            expected,
        });
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Add(n) => {
                if let Some(answer) = self.run(&Command::AddHost(line(*n)))
                    && let Outcome::Added(host) = answer.outcome
                {
                    self.hosts.push(host.id);
                }
            }
            Step::Rename(at, n) => {
                let (id, line) = (self.host(*at), line(*n));
                self.update(
                    id,
                    HostPatch {
                        address: Some(line.address),
                        hostname: Some(line.hostname),
                        ..HostPatch::default()
                    },
                );
            }
            Step::Toggle(at) => {
                let id = self.host(*at);
                let enabled = self.world.hosts.host(id).map(|host| !host.enabled);
                self.update(
                    id,
                    HostPatch {
                        enabled,
                        ..HostPatch::default()
                    },
                );
            }
            Step::Delete(at) => {
                let (id, expected) = (self.host(*at), None);
                self.run(&Command::DeleteHost { id, expected });
            }
            Step::Replace(lines) => {
                let rows = lines.iter().map(|n| line(*n)).collect();
                let mode = ConflictMode::Replace;
                self.run(&Command::ImportHosts { rows, mode });
                let known = copy(&self.world.hosts);
                self.hosts.extend(known.keys());
                self.hosts.sort();
                self.hosts.dedup();
            }
            Step::Create => self.create(),
            Step::Drop(at) => self.drop_snapshot(*at),
            Step::RollBack(at) => self.roll_back(*at),
            Step::Wait(hours) => self.world.clock += hours * HOUR,
        }
    }

    /// What the retention keeps beside a new copy.
    fn kept(&mut self, id: SnapshotId, content: Copy, needed: Option<SnapshotId>) {
        let now = self.world.hosts.last_stamp().as_millis();
        let age_max = u64::try_from(self.retention.snapshot_age_max.as_millis()).unwrap();
        let others = |copies: &[(SnapshotId, u64, Copy)]| {
            copies.iter().filter(|c| Some(c.0) != needed).count()
        };
        while others(&self.copies) >= self.retention.snapshots_max {
            let oldest = self.copies.iter().position(|c| Some(c.0) != needed);
            self.copies.remove(oldest.unwrap());
        }
        self.copies
            .retain(|(id, made, _)| Some(*id) == needed || now - made <= age_max);
        self.copies.push((id, now, content));
        self.ever.push(id);
    }

    fn create(&mut self) {
        let content = copy(&self.world.hosts);
        let command = Command::CreateSnapshot {
            name: None,
            trigger: None,
        };
        let answer = self.run(&command).expect("there is room");
        let Outcome::SnapshotCreated(made) = answer.outcome else {
            panic!("not made: {answer:?}");
        };
        assert_eq!(made.hosts as usize, content.len());
        self.kept(made.id, content, None);
    }

    fn drop_snapshot(&mut self, at: usize) {
        let id = self.snapshot(at);
        let there = self.copies.iter().position(|copy| copy.0 == id);
        match (self.run(&Command::DeleteSnapshot { id }), there) {
            (Some(answer), Some(place)) => {
                assert_eq!(answer.outcome, Outcome::SnapshotDeleted(id));
                self.copies.remove(place);
            }
            (None, None) => {}
            other => panic!("{other:?}"),
        }
    }

    fn roll_back(&mut self, at: usize) {
        let to = self.snapshot(at);
        let target = self.copies.iter().find(|copy| copy.0 == to);
        let target = target.map(|(_, _, content)| content.clone());
        let before = copy(&self.world.hosts);
        match (self.run(&Command::RollBack { to }), target) {
            (Some(answer), Some(target)) => {
                let Outcome::RolledBack(counts) = answer.outcome else {
                    panic!("not rolled back: {answer:?}");
                };
                let after = copy(&self.world.hosts);
                assert_eq!(
                    facts(&after),
                    facts(&target),
                    "ids and times of creation too"
                );
                assert_eq!(counts.hosts as usize, after.len());
                let same = facts(&before) == facts(&after);
                assert_eq!(counts.backup.is_none(), same);
                if let Some(backup) = counts.backup {
                    assert_eq!(answer.revision, self.world.hosts.revision());
                    self.kept(backup, before, Some(to));
                }
            }
            (None, None) => {}
            other => panic!("{other:?}"),
        }
    }

    fn compare(&self) {
        let hosts = &self.world.hosts;
        let there: Vec<SnapshotId> = hosts.snapshots().map(|s| s.id).collect();
        let expected: Vec<SnapshotId> = self.copies.iter().map(|copy| copy.0).collect();
        assert_eq!(there, expected);
        let live = copy(hosts);
        for (id, _, content) in &self.copies {
            let seen = hosts.as_of_snapshot(*id).expect("it is there");
            assert_eq!(copy(&seen), *content, "versions and times too");
            for host in content.values() {
                for name in host.names() {
                    assert_eq!(seen.owner(host.address, name), Some(host.id));
                }
            }
            self.compare_difference(Point::Snapshot(*id), content, Point::Now, &live);
            if let Some((other, _, newest)) = self.copies.last() {
                let other = Point::Snapshot(*other);
                self.compare_difference(other, newest, Point::Snapshot(*id), content);
            }
        }
        let again = Projection::restore(hosts.position(), hosts.rows()).expect("its own rows");
        assert_eq!(&again, hosts);
        assert_eq!(again.digest(), hosts.digest(), "from scratch");
        for row in hosts.rows() {
            assert_eq!(hosts.row(row.key()), Some(row));
        }
    }

    fn compare_difference(&self, from: Point, before: &Copy, to: Point, after: &Copy) {
        let mut expected: Vec<(Option<&Host>, Option<&Host>)> = before
            .keys()
            .chain(after.keys().filter(|id| !before.contains_key(id)))
            .map(|id| (before.get(id), after.get(id)))
            .filter(|(a, b)| a.map(Host::facts) != b.map(Host::facts))
            .collect();
        expected.sort_by_key(|(a, b)| {
            let host = b.or(*a).expect("one of them is there");
            (host.address, host.hostname.clone(), host.id)
        });
        let found = self.world.hosts.differences(from, to).expect("both there");
        let found: Vec<_> = found
            .iter()
            .map(|d| (d.before.as_deref(), d.after.as_deref()))
            .collect();
        assert_eq!(found, expected);
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => any::<u8>().prop_map(|n| Step::Add(n % 12)),
        4 => (any::<usize>(), any::<u8>()).prop_map(|(at, n)| Step::Rename(at, n % 12)),
        2 => any::<usize>().prop_map(Step::Toggle),
        3 => any::<usize>().prop_map(Step::Delete),
        2 => vec(0..12u8, 1..5).prop_map(Step::Replace),
        4 => Just(Step::Create),
        2 => any::<usize>().prop_map(Step::Drop),
        3 => any::<usize>().prop_map(Step::RollBack),
        1 => (1..30u64).prop_map(Step::Wait),
    ]
}

fn any_retention() -> impl Strategy<Value = Retention> {
    (1..6usize, 1..60u64).prop_map(|(snapshots_max, hours)| Retention {
        snapshots_max,
        snapshot_age_max: Duration::from_millis(hours * HOUR),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn snapshots_show_what_whole_copies_would(
        retention in any_retention(),
        steps in vec(any_step(), 1..50),
    ) {
        let mut model = Model::new(retention);
        for step in &steps {
            model.take(step);
            model.compare();
        }
    }

    /// Everything is decided on one projection and applied one after the other: what was overtaken leaves no trace,
    /// and a rollback that is taken has made the hosts those of its snapshot.
    #[test]
    fn what_is_overtaken_is_refused(
        first in vec(any_step(), 1..20),
        late in vec(any_step(), 2..8),
    ) {
        let mut model = Model::new(Retention::default());
        for step in &first {
            model.take(step);
        }
        let changes: Vec<Change> = late
            .iter()
            .filter_map(|step| {
                let command = match step {
                    Step::Create => Command::CreateSnapshot { name: None, trigger: None },
                    Step::Drop(at) => Command::DeleteSnapshot { id: model.snapshot(*at) },
                    Step::RollBack(at) => Command::RollBack { to: model.snapshot(*at) },
                    Step::Delete(at) => {
                        Command::DeleteHost { id: model.host(*at), expected: None }
                    }
                    Step::Add(n) => Command::AddHost(line(*n)),
                    _ => return None,
                };
                match model.decide(&command) {
                    Ok(Decision::Commit(change)) => Some(change),
                    _ => None,
                }
            })
            .collect();
        for change in &changes {
            let before = Arc::new(model.world.hosts.clone());
            let applied = model.world.apply(change);
            let hosts = &model.world.hosts;
            if let Ok(applied) = applied
                && let Outcome::RolledBack(counts) = applied.answer.outcome
            {
                let to = change.events.iter().find_map(|event| match event {
                    hosts::Event::RolledBack { to, .. } => Some(*to),
                    _ => None,
                });
                let shown = hosts.as_of_snapshot(to.unwrap()).unwrap();
                prop_assert_eq!(facts(&copy(hosts)), facts(&copy(&shown)));
                let backup = hosts.as_of_snapshot(counts.backup.unwrap()).unwrap();
                prop_assert_eq!(copy(&backup), copy(&before));
            }
            let again = Projection::restore(hosts.position(), hosts.rows());
            prop_assert_eq!(again.as_ref(), Ok(hosts));
            prop_assert_eq!(again.map(|p| p.digest()), Ok(hosts.digest()));
            prop_assert!(hosts.revision() <= Revision::new(model.world.index));
        }
    }
}
