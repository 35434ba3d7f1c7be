//! The hash of what is shown: of the enabled hosts, and of nothing else.

use hosts::{Comment, HostPatch, Projection, Query};

use crate::world::{World, delete};

#[test]
fn the_hash_of_the_enabled_hosts_changes_with_them_only() {
    let mut world = World::new();
    let nothing = world.hosts.enabled_digest();
    assert_eq!(nothing, Projection::new().enabled_digest());
    let mut seen = vec![nothing];
    let nas = world.add("10.0.0.1 nas.lan").id;
    seen.push(world.hosts.enabled_digest());
    let tv = world.add("10.0.0.2 tv.lan").id;
    seen.push(world.hosts.enabled_digest());
    let comment = |text: &str| HostPatch {
        comment: Some(Comment::parse_optional(text).unwrap()),
        ..HostPatch::default()
    };
    world.update(nas, comment("attic")).unwrap();
    seen.push(world.hosts.enabled_digest());
    let off = HostPatch {
        enabled: Some(false),
        ..HostPatch::default()
    };
    world.update(tv, off).unwrap();
    seen.push(world.hosts.enabled_digest());
    assert_eq!((world.hosts.len(), world.hosts.enabled_len()), (2, 1));
    let shown: Vec<_> = world
        .hosts
        .search(&Query::enabled())
        .map(|host| host.id)
        .collect();
    assert_eq!(shown, [nas]);

    // What nobody is shown may change.
    let hidden = world.hosts.digest();
    world.update(tv, comment("cellar")).unwrap();
    world.run(&delete(tv)).unwrap();
    assert_ne!(world.hosts.digest(), hidden);
    assert_eq!(Some(&world.hosts.enabled_digest()), seen.last());
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all, "each set has its own");
    world.run(&delete(nas)).unwrap();
    assert_eq!(
        (world.hosts.enabled_digest(), world.hosts.enabled_len()),
        (nothing, 0)
    );
}
