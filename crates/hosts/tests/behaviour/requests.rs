//! Exactly once: a retry gets the first answer again.

use hosts::limits::REQUESTS_MAX;
use hosts::{Command, Decision, HostPatch, Projection, RequestId, Revision, RowKey, decide};

use crate::world::{World, delete, reason, row, update};

#[test]
fn a_retry_gets_the_first_answer_again() {
    let mut world = World::new();
    let command = Command::AddHost(row("10.0.0.7 nas.lan"));
    let stamp = world.stamp(&command);
    let Ok(Decision::Commit(change)) = decide(&world.hosts, &command, stamp.clone()) else {
        panic!("not a change");
    };
    let first = world.apply(&change).unwrap().answer;
    // Both the command and what it would come to now are beside the point.
    let id = change.events[0].host().unwrap();
    world.run(&delete(id)).unwrap();
    let mut later = stamp.clone();
    later.seed = 99;
    assert_eq!(
        decide(&world.hosts, &command, later),
        Ok(Decision::Answered(first.clone()))
    );
    assert_eq!(reason(world.apply(&change)), "REQUEST_KNOWN");
    let (fingerprint, answer) = world.hosts.answered(&stamp.by, &stamp.request).unwrap();
    assert_eq!((fingerprint, answer), (&stamp.fingerprint, &first));
}

#[test]
fn the_same_id_with_other_content_is_refused() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    let other = Command::AddHost(row("10.0.0.8 nas.lan"));
    let mut stamp = world.stamp(&other);
    stamp.request = RequestId::parse("r1").unwrap(); // of the first
    assert_eq!(
        reason(decide(&world.hosts, &other, stamp.clone())),
        "REQUEST_REUSED"
    );
    // Another caller's ids are its own.
    stamp.by = "admin:alice".parse().unwrap();
    assert!(decide(&world.hosts, &other, stamp).is_ok());
    assert_eq!(world.hosts.len(), 1);
    assert_eq!(nas.version, Revision::new(1));
}

#[test]
fn only_what_was_accepted_is_kept() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    let late = world.change(&delete(nas.id));
    world.run(&delete(nas.id)).unwrap();
    assert_eq!(reason(world.apply(&late)), "NOT_FOUND");
    let kept: Vec<u64> = world
        .hosts
        .requests()
        .map(|row| row.answer.revision.get())
        .collect();
    assert_eq!(kept, [1, 2]);
}

#[test]
fn the_oldest_request_goes_when_the_table_is_full() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    let flip = |enabled| {
        let patch = HostPatch {
            enabled: Some(enabled),
            ..HostPatch::default()
        };
        update(nas.id, patch)
    };
    for n in 2..=REQUESTS_MAX {
        let change = world.change(&flip(n % 2 == 1));
        let applied = world.apply(&change).unwrap();
        let requests = |row: &&RowKey| matches!(row, RowKey::Request(_));
        assert_eq!(applied.rows.iter().filter(requests).count(), 1);
    }
    assert_eq!(world.hosts.requests().count(), REQUESTS_MAX);
    for oldest in ["r1", "r2"] {
        let on = world.hosts.host(nas.id).unwrap().enabled;
        let change = world.change(&flip(!on));
        let stamp = &change.stamp;
        let request = RequestId::parse(oldest).unwrap();
        let (_, answer) = world.hosts.answered(&stamp.by, &request).unwrap();
        let evicted = RowKey::Request(answer.revision);
        assert!(world.apply(&change).unwrap().rows.contains(&evicted));
        assert!(world.hosts.answered(&stamp.by, &request).is_none());
        assert_eq!(world.hosts.requests().count(), REQUESTS_MAX);
    }
    let again = Projection::restore(world.hosts.position(), world.hosts.rows()).unwrap();
    assert_eq!(
        again.digest(),
        world.hosts.digest(),
        "what left is not counted"
    );
}

#[test]
fn what_was_first_sent_before_the_oldest_request_is_neither_done_nor_refused() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    let tv = Command::AddHost(row("10.0.0.8 tv.lan"));
    let first = world.stamp(&tv);
    assert_eq!(first.since, Some(Revision::new(1)));
    // Two leaders decide the same request before either entry is applied.
    let [one, other] = [1, 2].map(|seed| {
        let stamp = hosts::Stamp {
            seed,
            ..first.clone()
        };
        match decide(&world.hosts, &tv, stamp) {
            Ok(Decision::Commit(change)) => change,
            other => panic!("not a change: {other:?}"),
        }
    });
    let done = world.apply(&one).unwrap().answer.revision;
    for enabled in [false, true].into_iter().cycle().take(REQUESTS_MAX) {
        let reached = decide(&world.hosts, &tv, first.clone());
        assert!(matches!(reached, Ok(Decision::Answered(_))), "{reached:?}");
        let patch = HostPatch {
            enabled: Some(enabled),
            ..HostPatch::default()
        };
        world.update(nas.id, patch).unwrap();
    }
    let hosts = world.lines();
    assert_eq!(reason(world.apply(&other)), "OUTCOME_UNKNOWN");
    // Not DUPLICATE either, which it would be because of itself.
    let again = decide(&world.hosts, &tv, first.clone());
    assert_eq!(reason(again), "OUTCOME_UNKNOWN");
    assert_eq!(world.lines(), hosts);

    // From the oldest one on, what is not there was never accepted.
    let oldest = world.hosts.requests().next().unwrap().answer.revision;
    assert_eq!(oldest.get(), done.get() + 1);
    let radio = Command::AddHost(row("10.0.0.9 radio.lan"));
    let sent = |since| hosts::Stamp {
        since,
        fingerprint: radio.fingerprint(),
        ..first.clone()
    };
    let too_old = decide(
        &world.hosts,
        &radio,
        sent(Some(Revision::new(done.get() - 1))),
    );
    assert_eq!(reason(too_old), "OUTCOME_UNKNOWN");
    for since in [
        Some(done),
        Some(oldest),
        Some(Revision::new(u64::MAX)),
        None,
    ] {
        let decided = decide(&world.hosts, &radio, sent(since));
        assert!(matches!(decided, Ok(Decision::Commit(_))), "{since:?}");
    }
}

#[test]
fn a_table_that_has_forgotten_nothing_takes_a_request_of_any_age() {
    let mut world = World::new();
    world.add("10.0.0.7 nas.lan");
    let tv = Command::AddHost(row("10.0.0.8 tv.lan"));
    let mut stamp = world.stamp(&tv);
    stamp.since = Some(Revision::default());
    let decided = decide(&world.hosts, &tv, stamp);
    assert!(matches!(decided, Ok(Decision::Commit(_))), "{decided:?}");
}

#[test]
fn equal_commands_have_equal_fingerprints_and_others_have_others() {
    let host = row("10.0.0.7 nas.lan a.lan # x");
    let id = hosts::HostId::from_u128(7);
    let patch = |enabled| HostPatch {
        enabled,
        ..HostPatch::default()
    };
    let imports = |mode| Command::ImportHosts {
        rows: vec![host.clone()],
        mode,
    };
    let commands = [
        Command::AddHost(host.clone()),
        Command::AddHost(row("10.0.0.7 nas.lan a.lan")),
        Command::AddHost(row("10.0.0.7 nas.lan # a.lan")),
        Command::AddHost(row("!10.0.0.7 nas.lan a.lan # x")),
        Command::AddHost(row("10.0.0.8 nas.lan a.lan # x")),
        imports(hosts::ConflictMode::Skip),
        imports(hosts::ConflictMode::Replace),
        imports(hosts::ConflictMode::Strict),
        update(id, patch(None)),
        update(id, patch(Some(true))),
        update(id, patch(Some(false))),
        delete(id),
        Command::DeleteHost {
            id,
            expected: Some(Revision::new(0)),
        },
    ];
    for (i, one) in commands.iter().enumerate() {
        for (j, other) in commands.iter().enumerate() {
            let equal = one.fingerprint() == other.fingerprint();
            assert_eq!(equal, i == j, "{one:?} and {other:?}");
        }
    }
    // Frozen: a retry may reach a node of another release.
    assert_eq!(
        delete(id).fingerprint().to_string(),
        "71bb09da5f9a8c52250643b4b871f36b"
    );
}
