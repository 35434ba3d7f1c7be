//! Named snapshots, one rule after the other.

use std::sync::Arc;
use std::time::Duration;

use hosts::{
    Command, Decision, Event, Host, HostPatch, Label, OldRow, Outcome, Point, Projection,
    RestoreError, Retention, Revision, RollbackCounts, Row, RowKey, Snapshot, SnapshotId,
    SnapshotMade, Timestamp, decide_within,
};

use crate::world::{World, address, delete, name, reason};

impl World {
    pub(crate) fn snapshot(&mut self, name: &str) -> SnapshotMade {
        let command = Command::CreateSnapshot {
            name: Label::parse_optional("name", name).unwrap(),
            trigger: None,
        };
        match self.run(&command).unwrap().outcome {
            Outcome::SnapshotCreated(made) => made,
            other => panic!("not made: {other:?}"),
        }
    }

    fn roll_back(&mut self, to: SnapshotId) -> RollbackCounts {
        match self.run(&Command::RollBack { to }).unwrap().outcome {
            Outcome::RolledBack(counts) => counts,
            other => panic!("not rolled back: {other:?}"),
        }
    }
}

fn rename(to: &str) -> HostPatch {
    HostPatch {
        hostname: Some(name(to)),
        ..HostPatch::default()
    }
}

#[test]
fn a_rollback_keeps_ids_and_times_of_creation_and_what_it_replaces() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    let gone = world.add("10.0.0.8 gone.lan # back soon");
    let same = world.add("10.0.0.9 same.lan");
    let made = world.snapshot("before the move");
    assert_eq!(made.hosts, 3);
    world.update(nas.id, rename("attic.lan")).unwrap();
    world.run(&delete(gone.id)).unwrap();
    let new = world.add("10.0.0.8 gone.lan");
    let before = world.lines();

    let counts = world.roll_back(made.id);
    let at = Revision::new(world.index);
    assert_eq!(world.hosts.revision(), at, "one change");
    assert_eq!((counts.created, counts.updated, counts.deleted), (1, 1, 1));
    assert_eq!(counts.hosts, 3);
    let host = |id| Host::clone(world.hosts.host(id).unwrap());
    for old in [&nas, &gone] {
        let back = host(old.id);
        assert_eq!(back.facts(), old.facts());
        assert_eq!((back.created, back.version), (old.created, at));
        assert!(back.updated > old.updated);
    }
    assert_eq!(host(same.id), *same, "what was the same is not touched");
    assert_eq!(world.hosts.host(new.id), None);

    let backup = world.hosts.snapshot(counts.backup.unwrap()).unwrap();
    assert_eq!(backup.trigger.as_str(), "pre-rollback");
    assert_eq!(backup.revision, at);
    let undo = world.roll_back(counts.backup.unwrap());
    assert_eq!(world.lines(), before);
    assert_eq!((undo.created, undo.updated, undo.deleted), (1, 1, 1));
}

#[test]
fn a_rollback_without_a_difference_writes_nothing() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    let made = world.snapshot("");
    // There and back: another version, and nothing else.
    world.update(nas.id, rename("attic.lan")).unwrap();
    world.update(nas.id, rename("nas.lan")).unwrap();
    assert_eq!(
        world
            .hosts
            .differences(Point::Snapshot(made.id), Point::Now),
        Some(Vec::new())
    );
    let index = world.index;
    let counts = world.roll_back(made.id);
    assert_eq!(counts.backup, None);
    assert_eq!(world.index, index);
}

#[test]
fn a_name_may_have_moved_to_another_host_since() {
    let mut world = World::new();
    let one = world.add("10.0.0.7 a.lan");
    let other = world.add("10.0.0.7 b.lan");
    let made = world.snapshot("");
    world.update(one.id, rename("c.lan")).unwrap();
    world.update(other.id, rename("a.lan")).unwrap();
    world.update(one.id, rename("b.lan")).unwrap();
    let shown = world.hosts.as_of_snapshot(made.id).unwrap();
    assert_eq!(
        shown.owner(address("10.0.0.7"), &name("a.lan")),
        Some(one.id)
    );
    world.roll_back(made.id);
    assert_eq!(world.lines(), ["10.0.0.7 a.lan", "10.0.0.7 b.lan"]);
    assert_eq!(
        world.hosts.owner(address("10.0.0.7"), &name("a.lan")),
        Some(one.id)
    );
}

#[test]
fn what_is_not_there_is_refused() {
    let mut world = World::new();
    let id = SnapshotId::from_u128(7);
    for command in [Command::DeleteSnapshot { id }, Command::RollBack { to: id }] {
        assert_eq!(reason(world.decide(&command)), "SNAPSHOT_NOT_FOUND");
    }
    assert_eq!(world.hosts.as_of_snapshot(id), None);
    assert_eq!(
        world.hosts.differences(Point::Snapshot(id), Point::Now),
        None
    );
    let made = world.snapshot("x");
    world.run(&Command::DeleteSnapshot { id: made.id }).unwrap();
    let again = Command::DeleteSnapshot { id: made.id };
    assert_eq!(reason(world.decide(&again)), "SNAPSHOT_NOT_FOUND");
}

#[test]
fn a_rollback_that_another_change_overtook_is_decided_again() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    let made = world.snapshot("");
    world.update(nas.id, rename("attic.lan")).unwrap();
    let late = world.change(&Command::RollBack { to: made.id });
    world.add("10.0.0.8 new.lan");
    assert_eq!(reason(world.apply(&late)), "OVERTAKEN");
    let counts = world.roll_back(made.id);
    assert_eq!((counts.updated, counts.deleted), (1, 1));
}

#[test]
fn one_change_makes_one_snapshot_and_none_twice() {
    let mut world = World::new();
    let command = Command::CreateSnapshot {
        name: None,
        trigger: None,
    };
    let mut twice = world.change(&command);
    twice.events.push(twice.events[0].clone());
    assert_eq!(reason(world.apply(&twice)), "SNAPSHOT_TAKEN");

    let made = world.snapshot("");
    let mut dropped = world.change(&Command::DeleteSnapshot { id: made.id });
    dropped.events.push(dropped.events[0].clone());
    assert_eq!(reason(world.apply(&dropped)), "SNAPSHOT_NOT_FOUND");
}

#[test]
fn the_leader_lets_go_what_is_too_old_or_too_many_and_says_so() {
    let mut world = World::new();
    let made: Vec<_> = (0..3).map(|_| world.snapshot("").id).collect();
    let create = Command::CreateSnapshot {
        name: None,
        trigger: None,
    };
    let mut gone = |snapshots_max, age| {
        let retention = Retention {
            snapshots_max,
            snapshot_age_max: Duration::from_millis(age),
        };
        let stamp = world.stamp(&create);
        let change = match decide_within(&world.hosts, &create, stamp, &retention) {
            Ok(Decision::Commit(change)) => change,
            other => panic!("{other:?}"),
        };
        let gone = change.events.iter().filter_map(|event| match event {
            Event::SnapshotDeleted { id, .. } => Some(*id),
            _ => None,
        });
        gone.collect::<Vec<_>>()
    };
    // They were made 3, 2 and 1 seconds ago.
    assert_eq!(gone(4, 3000), []);
    assert_eq!(gone(3, 3000), made[..1]);
    assert_eq!(gone(1, 3000), made[..3]);
    assert_eq!(gone(4, 2999), made[..1]);
    assert_eq!(gone(4, 0), made[..3]);
}

#[test]
fn a_rollback_never_lets_its_target_go() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    let made = world.snapshot("");
    world.clock += 1_000_000;
    world.update(nas.id, rename("attic.lan")).unwrap();
    let retention = Retention {
        snapshots_max: 1,
        snapshot_age_max: Duration::ZERO,
    };
    let command = Command::RollBack { to: made.id };
    let stamp = world.stamp(&command);
    let Ok(Decision::Commit(change)) = decide_within(&world.hosts, &command, stamp, &retention)
    else {
        panic!("not decided");
    };
    world.apply(&change).unwrap();
    assert!(world.hosts.snapshot(made.id).is_some());
    assert_eq!(world.hosts.snapshots().count(), 2);
}

#[test]
fn there_is_room_for_the_backup_of_a_rollback_among_a_thousand_snapshots() {
    let mut world = World::new();
    world.add("10.0.0.7 nas.lan");
    let create = Command::CreateSnapshot {
        name: None,
        trigger: None,
    };
    let retention = Retention {
        snapshots_max: 1000,
        ..Retention::default()
    };
    let run = |world: &mut World, command: &Command| {
        let stamp = world.stamp(command);
        match decide_within(&world.hosts, command, stamp, &retention) {
            Ok(Decision::Commit(change)) => world.apply(&change).unwrap().answer.outcome,
            other => panic!("{other:?}"),
        }
    };
    for _ in 0..1000 {
        run(&mut world, &create);
    }
    world.add("10.0.0.8 tv.lan");
    let target = world.hosts.snapshots().next().unwrap().id;
    let back = run(&mut world, &Command::RollBack { to: target });
    assert!(matches!(back, Outcome::RolledBack(counts) if counts.deleted == 1));
    assert_eq!(world.hosts.snapshots().count(), 1000);
    assert!(world.hosts.snapshot(target).is_some());
}

#[test]
fn many_changes_of_one_host_keep_one_old_record() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    let made = world.snapshot("");
    for n in 0..1000 {
        world.update(nas.id, rename(&format!("n{n}.lan"))).unwrap();
    }
    assert_eq!(world.hosts.snapshot_rows(), 1);
    let newer = world.snapshot("");
    world.update(nas.id, rename("again.lan")).unwrap();
    assert_eq!(world.hosts.snapshot_rows(), 2);
    let change = world.change(&Command::DeleteSnapshot { id: newer.id });
    let applied = world.apply(&change).unwrap();
    assert_eq!(world.hosts.snapshot_rows(), 1, "the older one knows better");
    assert!(
        applied
            .rows
            .iter()
            .any(|row| matches!(row, RowKey::Old(_, id) if *id == nas.id))
    );
    world.run(&Command::DeleteSnapshot { id: made.id }).unwrap();
    assert_eq!(world.hosts.snapshot_rows(), 0);
}

/// The rows of a projection with one snapshot that keeps two old records, after `harm` was done to them.
fn refused(harm: impl FnOnce(&mut Vec<Row>)) -> RestoreError {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    world.snapshot("");
    world.update(nas.id, rename("attic.lan")).unwrap();
    world.add("10.0.0.8 new.lan");
    let mut rows: Vec<Row> = world.hosts.rows().collect();
    harm(&mut rows);
    Projection::restore(world.hosts.position(), rows).unwrap_err()
}

#[test]
fn rows_of_snapshots_that_break_a_rule_are_refused() {
    fn snapshots(rows: &mut [Row]) -> &mut Snapshot {
        let found = rows.iter_mut().find_map(|row| match row {
            Row::Snapshot(snapshot) => Some(Arc::make_mut(snapshot)),
            _ => None,
        });
        found.unwrap()
    }
    fn old(rows: &mut [Row]) -> &mut OldRow {
        let found = rows.iter_mut().find_map(|row| match row {
            Row::Old(old) if old.host.is_some() => Some(old),
            _ => None,
        });
        found.unwrap()
    }
    let twice = refused(|rows| {
        let mut other = snapshots(rows).clone();
        other.revision = Revision::new(1);
        rows.push(Row::Snapshot(Arc::new(other)));
    });
    assert!(matches!(twice, RestoreError::SnapshotTwice { .. }));
    for ahead in [
        (|rows| snapshots(rows).revision = Revision::new(9)) as fn(&mut Vec<Row>),
        |rows| snapshots(rows).created = Timestamp::from_millis(u64::MAX),
    ] {
        assert!(matches!(refused(ahead), RestoreError::SnapshotAhead { .. }));
    }
    for orphan in [
        (|rows| rows.push(rows.last().unwrap().clone())) as fn(&mut Vec<Row>),
        |rows| rows.retain(|row| !matches!(row, Row::Snapshot(_))),
        |rows| old(rows).snapshot = Revision::new(1),
        |rows| Arc::make_mut(old(rows).host.as_mut().unwrap()).version = Revision::new(2),
        |rows| old(rows).id = hosts::HostId::from_u128(1),
    ] {
        assert!(matches!(refused(orphan), RestoreError::Old { .. }));
    }
}

#[test]
fn a_thousand_snapshots_can_be_read_again_and_one_more_cannot() {
    let mut world = World::new();
    world.snapshot("");
    let first = Snapshot::clone(world.hosts.snapshots().next().unwrap());
    let mut position = world.hosts.position();
    position.revision = Revision::new(5000);
    let rows = |n: u64| {
        (1..=n).map(|n| {
            Row::Snapshot(Arc::new(Snapshot {
                id: SnapshotId::from_u128(u128::from(n)),
                revision: Revision::new(n),
                ..first.clone()
            }))
        })
    };
    for n in [999, 1000] {
        assert!(Projection::restore(position, rows(n)).is_ok());
    }
    assert_eq!(
        Projection::restore(position, rows(1001)),
        Err(RestoreError::TooManySnapshots)
    );
}

#[test]
fn the_digest_sees_snapshots_and_what_they_keep() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    world.snapshot("x");
    world.update(nas.id, rename("attic.lan")).unwrap();
    let digest = |harm: &dyn Fn(&mut Row)| {
        let rows = world.hosts.rows().map(|mut row| {
            harm(&mut row);
            row
        });
        Projection::restore(world.hosts.position(), rows)
            .unwrap()
            .digest()
    };
    let mut digests = vec![
        world.hosts.digest(),
        digest(&|row| {
            if let Row::Snapshot(snapshot) = row {
                Arc::make_mut(snapshot).name = None;
            }
        }),
        digest(&|row| {
            if let Row::Snapshot(snapshot) = row {
                Arc::make_mut(snapshot).hosts = 9;
            }
        }),
        digest(&|row| {
            if let Row::Old(old) = row {
                old.host = None;
            }
        }),
    ];
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), 4);
}
