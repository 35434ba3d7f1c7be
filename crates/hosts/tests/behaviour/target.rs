//! Hosts called by a name: one host, once looked up for a request, and an honest answer where there is none.

use hosts::{
    Command, Decision, Fingerprint, HostId, HostPatch, Hostname, NoTarget, Projection, RequestId,
    Revision, Stamp, Target, decide,
};

use crate::world::{World, name};

fn rename(to: &str) -> impl Fn(HostId) -> Command {
    let patch = HostPatch {
        hostname: Some(name(to)),
        ..HostPatch::default()
    };
    move |id| Command::UpdateHost {
        id,
        patch: patch.clone(),
        expected: None,
    }
}

fn delete(id: HostId) -> Command {
    Command::DeleteHost { id, expected: None }
}

fn target(
    hosts: &Projection,
    name: &Hostname,
    stamp: &Stamp,
    fingerprint: &Fingerprint,
) -> Result<Target, NoTarget> {
    hosts.target(name, &stamp.by, &stamp.request, fingerprint, stamp.since)
}

#[test]
fn a_repeat_by_name_gets_the_first_answer_whoever_has_the_name_by_then() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    let (called, command) = (name("nas.lan"), rename("tv.lan"));
    let mut stamp = world.stamp(&command(nas.id));
    stamp.fingerprint = Command::fingerprint_by_name(&command, &called);
    let fingerprint = stamp.fingerprint;
    let found = target(&world.hosts, &called, &stamp, &fingerprint);
    assert_eq!(found, Ok(Target::Host(nas.id)));
    let Ok(Decision::Commit(change)) = decide(&world.hosts, &command(nas.id), stamp.clone()) else {
        panic!("not a change");
    };
    let first = world.apply(&change).unwrap().answer;

    let again = |world: &World| target(&world.hosts, &called, &stamp, &fingerprint);
    assert_eq!(again(&world), Ok(Target::Answered(first.clone())));
    world.add("10.0.0.8 nas.lan");
    assert_eq!(again(&world), Ok(Target::Answered(first.clone())));
    world.run(&delete(nas.id)).unwrap();
    assert_eq!(again(&world), Ok(Target::Answered(first)));

    // The same words about another name, or other words, are another request.
    for other in [
        Command::fingerprint_by_name(&command, &name("tv.lan")),
        Command::fingerprint_by_name(delete, &called),
        command(nas.id).fingerprint(),
    ] {
        let reused = target(&world.hosts, &called, &stamp, &other).unwrap_err();
        assert!(
            reused.to_string().contains("was used for another"),
            "{reused}"
        );
    }
}

#[test]
fn a_name_of_none_or_of_several_hosts_is_no_target_and_says_why() {
    let mut world = World::new();
    let fingerprint = Command::fingerprint_by_name(delete, &name("nas.lan"));
    let asked = |world: &World, called: &str| {
        let request = RequestId::parse("new").unwrap();
        let by = "editor:alice".parse().unwrap();
        let since = Some(Revision::new(0));
        world
            .hosts
            .target(&name(called), &by, &request, &fingerprint, since)
            .map_err(|error| error.to_string())
    };
    assert_eq!(
        asked(&world, "nas.lan").unwrap_err(),
        "no host is named nas.lan"
    );
    let nas = world.add("10.0.0.7 nas.lan files.lan");
    assert_eq!(asked(&world, "files.lan"), Ok(Target::Host(nas.id)));
    let other = world.add("10.0.0.8 backup.lan nas.lan");
    assert_eq!(
        asked(&world, "nas.lan").unwrap_err(),
        format!(
            "2 hosts are named nas.lan\n  {}  10.0.0.7  nas.lan\n  {}  10.0.0.8  backup.lan",
            nas.id, other.id
        )
    );
    for n in 9..=18 {
        world.add(&format!("10.0.0.{n} nas.lan"));
    }
    let many = asked(&world, "nas.lan").unwrap_err();
    assert!(many.ends_with("10.0.0.16  nas.lan\n  and 2 more"), "{many}");
}
