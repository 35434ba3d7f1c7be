//! Taking a projection apart and putting it together again.

use std::sync::Arc;

use hosts::{
    Answer, Host, HostId, ImportCounts, Outcome, Position, Projection, RequestId, RequestRow,
    RestoreError, Revision, Row, Timestamp,
};

use crate::world::{World, aliases, delete, name};

type Parts = (Position, Vec<Host>, Vec<RequestRow>);

fn parts(projection: &Projection) -> Parts {
    (
        projection.position(),
        projection
            .hosts()
            .map(|host| host.as_ref().clone())
            .collect(),
        projection
            .requests()
            .map(|row| RequestRow::clone(row))
            .collect(),
    )
}

fn restored((position, hosts, requests): Parts) -> Result<Projection, RestoreError> {
    let hosts = hosts.into_iter().map(|host| Row::Host(Arc::new(host)));
    let requests = requests.into_iter().map(|row| Row::Request(Arc::new(row)));
    Projection::restore(position, hosts.chain(requests))
}

fn world() -> World {
    let mut world = World::new();
    world.add("10.0.0.7 nas.lan files.lan # x");
    world.add("!10.0.0.8 nas.lan");
    let gone = world.add("10.0.0.9 nas.lan");
    world.run(&delete(gone.id)).unwrap();
    world
}

/// What `restore` says to the parts of [`world`] after `harm` was done to them.
fn refused(harm: impl FnOnce(&mut Parts)) -> RestoreError {
    let mut harmed = parts(&world().hosts);
    harm(&mut harmed);
    restored(harmed).unwrap_err()
}

#[test]
fn the_parts_of_a_projection_make_it_again_in_any_order() {
    let world = world();
    let (position, mut hosts, mut requests) = parts(&world.hosts);
    hosts.reverse();
    requests.reverse();
    let again = restored((position, hosts, requests)).unwrap();
    assert_eq!(again, world.hosts);
    assert_eq!(again.digest(), world.hosts.digest());
}

#[test]
fn the_digest_sees_every_part() {
    let world = world();
    let mut digests = vec![world.hosts.digest(), Projection::new().digest()];
    let mut digest_of = |parts: Parts| digests.push(restored(parts).unwrap().digest());
    let change: [fn(&mut Parts); 9] = [
        |p| p.0.revision = Revision::new(9),
        |p| p.0.last_stamp = Timestamp::from_millis(u64::MAX),
        |p| p.0.rendered = Revision::new(0),
        |p| p.1[0].enabled = !p.1[0].enabled,
        |p| p.1[0].version = Revision::new(0),
        |p| p.1[0].aliases = aliases("other.lan"),
        |p| drop(p.1.pop()),
        |p| drop(p.2.pop()),
        |p| p.2[0].request = RequestId::parse("other").unwrap(),
    ];
    for change in change {
        let mut parts = parts(&world.hosts);
        change(&mut parts);
        digest_of(parts);
    }
    let all = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), all);
}

#[test]
fn positions_that_contradict_each_other_are_refused() {
    assert_eq!(
        refused(|parts| parts.0.rendered_with_comments = Revision::new(5)),
        RestoreError::Position
    );
    assert_eq!(
        refused(|parts| parts.0.rendered_with_comments = Revision::new(0)),
        RestoreError::Position
    );
}

#[test]
fn hosts_that_break_a_rule_are_refused() {
    let again = refused(|parts| parts.1.push(parts.1[0].clone()));
    assert!(matches!(again, RestoreError::HostTwice { .. }));

    let shared = refused(|parts| {
        let mut copy = parts.1[0].clone();
        copy.id = HostId::from_u128(1);
        copy.hostname = name("other.lan");
        parts.1.push(copy);
    });
    assert!(matches!(shared, RestoreError::Shared { name, .. } if name.as_str() == "files.lan"));

    let own = refused(|parts| parts.1[0].aliases = aliases("files.lan nas.lan"));
    assert!(matches!(own, RestoreError::Shared { first, second, .. } if first == second));

    for harm in [
        (|parts| parts.1[0].version = Revision::new(5)) as fn(&mut Parts),
        |parts| parts.1[0].updated = Timestamp::from_millis(u64::MAX),
        |parts| parts.1[0].created = Timestamp::from_millis(u64::MAX),
    ] {
        assert!(matches!(refused(harm), RestoreError::HostAhead { .. }));
    }
}

#[test]
fn requests_that_break_a_rule_are_refused() {
    let twice = refused(|parts| {
        let mut copy = parts.2[0].clone();
        copy.answer.revision = Revision::new(0);
        parts.2.push(copy);
    });
    assert!(matches!(twice, RestoreError::RequestTwice { .. }));

    let revision = refused(|parts| {
        let mut copy = parts.2[0].clone();
        copy.request = RequestId::parse("other").unwrap();
        parts.2.push(copy);
    });
    assert_eq!(
        revision,
        RestoreError::RevisionTwice {
            revision: Revision::new(1)
        }
    );

    let ahead = refused(|parts| parts.2[0].answer.revision = Revision::new(5));
    assert!(matches!(ahead, RestoreError::RequestAhead { .. }));
}

#[test]
fn a_table_holds_16384_requests_at_most() {
    let position = Position {
        revision: Revision::new(20_000),
        ..Position::default()
    };
    let rows = |n: u64| {
        let row = |revision| RequestRow {
            by: "editor:alice".parse().unwrap(),
            request: RequestId::parse(&format!("r{revision}")).unwrap(),
            fingerprint: hosts::Fingerprint::from_bytes([0; 16]),
            answer: Answer {
                revision: Revision::new(revision),
                outcome: Outcome::Imported(ImportCounts::default()),
            },
        };
        (position, Vec::new(), (1..=n).map(row).collect())
    };
    for n in [16_383, 16_384] {
        assert!(restored(rows(n)).is_ok());
    }
    assert_eq!(restored(rows(16_385)), Err(RestoreError::TooManyRequests));
}
