//! Adding, changing and deleting single hosts.

use hosts::{
    Aliases, Change, Command, Comment, Decision, DeleteReason, Event, HostId, HostPatch, Rejection,
    Reply, Revision, Tag, Tags, Timestamp, View,
};

use crate::world::{World, address, aliases, delete, name, reason, row, update};

#[test]
fn a_host_is_added_with_id_version_and_times() {
    let mut world = World::new();
    world.index = 40;
    let clock = Timestamp::from_millis(world.clock);
    let host = world.add("10.0.0.7 nas.lan files.lan # the big one");
    assert_eq!(host.version, Revision::new(41));
    assert_eq!((host.created, host.updated), (clock, clock));
    assert_eq!(host.id, HostId::nth(clock, 1 << 32, 0));
    assert_eq!(world.lines(), ["10.0.0.7 nas.lan files.lan # the big one"]);
    assert_eq!(world.hosts.host(host.id), Some(&host));
}

#[test]
fn an_alias_that_repeats_the_hostname_is_dropped() {
    let mut world = World::new();
    let mut new = row("10.0.0.7 nas.lan");
    new.aliases = aliases("files.lan nas.lan");
    assert!(world.run(&Command::AddHost(new)).is_ok());
    assert_eq!(world.lines(), ["10.0.0.7 nas.lan files.lan"]);
}

#[test]
fn an_address_and_a_name_have_one_owner() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan files.lan");
    for line in [
        "10.0.0.7 nas.lan",
        "10.0.0.7 files.lan",
        "10.0.0.7 other.lan nas.lan",
        "!10.0.0.7 other.lan files.lan",
        "::ffff:10.0.0.7 NAS.lan.",
    ] {
        let refused = world.run(&Command::AddHost(row(line)));
        let Err(Rejection::Duplicate { existing, .. }) = refused else {
            panic!("{line} was not refused: {refused:?}");
        };
        assert_eq!(existing, nas.id);
    }
    world.add("10.0.0.8 nas.lan files.lan");
    world.add("10.0.0.7 other.lan");
    assert_eq!(world.hosts.named(&name("nas.lan")).len(), 2);
    assert_eq!(
        world.hosts.owner(address("10.0.0.7"), &name("files.lan")),
        Some(nas.id)
    );
}

#[test]
fn a_disabled_host_keeps_its_names() {
    let mut world = World::new();
    world.add("!10.0.0.7 nas.lan");
    assert_eq!(
        reason(world.run(&Command::AddHost(row("10.0.0.7 nas.lan")))),
        "DUPLICATE"
    );
}

#[test]
fn an_update_changes_the_fields_it_names() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan files.lan # old");
    let tags = Tags::new(vec![Tag::parse("site/a").unwrap()]).unwrap();
    let patch = HostPatch {
        address: Some(address("10.0.0.9")),
        tags: Some(tags.clone()),
        comment: Some(None),
        ..HostPatch::default()
    };
    let host = world.update(nas.id, patch).unwrap();
    assert_eq!(world.lines(), ["10.0.0.9 nas.lan files.lan"]);
    assert_eq!(host.tags, tags);
    assert_eq!(host.version, Revision::new(2));
    assert_eq!(host.created, nas.created);
    assert!(host.updated > nas.updated);
    assert_eq!(world.hosts.owner(nas.address, &name("nas.lan")), None);
    assert!(world.hosts.named(&name("files.lan")) == [&host]);
}

#[test]
fn a_new_hostname_leaves_the_aliases() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan a.lan b.lan");
    let patch = HostPatch {
        hostname: Some(name("a.lan")),
        ..HostPatch::default()
    };
    let host = world.update(nas.id, patch).unwrap();
    assert_eq!(host.aliases, aliases("b.lan"));
    assert_eq!(world.lines(), ["10.0.0.7 a.lan b.lan"]);
}

#[test]
fn an_update_to_what_is_taken_is_refused() {
    let mut world = World::new();
    world.add("10.0.0.7 nas.lan");
    let other = world.add("10.0.0.8 nas.lan files.lan");
    for patch in [
        HostPatch {
            address: Some(address("10.0.0.7")),
            ..HostPatch::default()
        },
        HostPatch {
            address: Some(address("10.0.0.7")),
            hostname: Some(name("x.lan")),
            aliases: Some(aliases("nas.lan")),
            ..HostPatch::default()
        },
    ] {
        assert_eq!(reason(world.update(other.id, patch)), "DUPLICATE");
    }
}

#[test]
fn an_update_of_nothing_makes_no_entry() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan # x");
    let patch = HostPatch {
        comment: Some(Some(Comment::parse("x").unwrap())),
        enabled: Some(true),
        aliases: Some(Aliases::default()),
        ..HostPatch::default()
    };
    let decision = world.decide(&update(nas.id, patch)).unwrap();
    let Decision::Unchanged(answer) = decision else {
        panic!("an entry for nothing: {decision:?}");
    };
    assert_eq!(answer.revision, world.hosts.revision());
    assert_eq!(answer.outcome, hosts::Outcome::Updated(nas));
}

#[test]
fn what_is_not_there_is_not_found() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    assert!(world.run(&delete(nas.id)).is_ok());
    assert!(world.hosts.is_empty());
    assert_eq!(reason(world.run(&delete(nas.id))), "NOT_FOUND");
    assert_eq!(
        reason(world.update(nas.id, HostPatch::default())),
        "NOT_FOUND"
    );
    world.add("10.0.0.7 nas.lan");
}

#[test]
fn an_expected_version_is_compared_and_a_missing_one_is_not() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    let off = |expected| Command::UpdateHost {
        id: nas.id,
        patch: HostPatch {
            enabled: Some(false),
            ..HostPatch::default()
        },
        expected,
    };
    let gone = |expected| Command::DeleteHost {
        id: nas.id,
        expected,
    };
    for refused in [
        off(Some(Revision::new(0))),
        off(Some(Revision::new(2))),
        gone(Some(Revision::new(2))),
    ] {
        assert_eq!(reason(world.run(&refused)), "VERSION_MISMATCH");
    }
    assert!(world.run(&off(Some(nas.version))).is_ok());
    assert_eq!(
        reason(world.run(&gone(Some(nas.version)))),
        "VERSION_MISMATCH"
    );
    assert!(world.run(&gone(None)).is_ok());
}

#[test]
fn an_expected_version_holds_until_the_change_is_applied() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    let patch = HostPatch {
        address: Some(address("10.0.0.8")),
        ..HostPatch::default()
    };
    let late = world.change(&Command::UpdateHost {
        id: nas.id,
        patch: patch.clone(),
        expected: Some(nas.version),
    });
    let careless = world.change(&update(nas.id, patch.clone()));
    // Another field changes in between: the old values of both changes still fit.
    let comment = HostPatch {
        comment: Some(Comment::parse_optional("x").unwrap()),
        ..HostPatch::default()
    };
    world.update(nas.id, comment).unwrap();
    assert_eq!(reason(world.apply(&late)), "VERSION_MISMATCH");
    // Without a version from its caller it is decided again, on what is there now.
    assert_eq!(reason(world.apply(&careless)), "VERSION_MISMATCH");
    assert!(world.run(&update(nas.id, patch)).is_ok());
    assert_eq!(world.lines(), ["10.0.0.8 nas.lan # x"]);
}

#[test]
fn a_field_that_was_right_already_is_right_when_the_change_is_applied() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    let moved = HostPatch {
        address: Some(address("10.0.0.8")),
        ..HostPatch::default()
    };
    // The address is right already, so only the comment makes an event.
    let stays = HostPatch {
        address: Some(address("10.0.0.7")),
        comment: Some(Comment::parse_optional("x").unwrap()),
        ..HostPatch::default()
    };
    let late = world.change(&update(nas.id, stays.clone()));
    world.update(nas.id, moved).unwrap();
    assert_eq!(reason(world.apply(&late)), "VERSION_MISMATCH");
    assert!(world.run(&update(nas.id, stays)).is_ok());
    assert_eq!(world.lines(), ["10.0.0.7 nas.lan # x"]);
}

#[test]
fn a_row_is_skipped_only_for_a_host_that_is_there() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    let rows = vec![row("10.0.0.7 nas.lan"), row("10.0.0.9 tv.lan")];
    for mode in [hosts::ConflictMode::Skip, hosts::ConflictMode::Replace] {
        let import = Command::ImportHosts {
            rows: rows.clone(),
            mode,
        };
        let late = world.change(&import);
        let mut other = world.change(&delete(nas.id));
        other.stamp.request = hosts::RequestId::parse(&format!("{mode:?}")).unwrap();
        let mut meanwhile = world.hosts.clone();
        meanwhile.apply(Revision::new(100), &other).unwrap();
        let refused = meanwhile.apply(Revision::new(101), &late).unwrap_err();
        assert_eq!(refused.reason(), "NOT_FOUND", "{mode:?}");
    }
}

#[test]
fn a_change_is_refused_when_another_came_between() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    let to = |text| HostPatch {
        hostname: Some(name(text)),
        ..HostPatch::default()
    };
    let late_rename = world.change(&update(nas.id, to("late.lan")));
    let late_delete = world.change(&delete(nas.id));
    let late_add = world.change(&Command::AddHost(row("10.0.0.7 new.lan")));
    world.update(nas.id, to("new.lan")).unwrap();
    assert_eq!(reason(world.apply(&late_rename)), "VERSION_MISMATCH");
    assert_eq!(reason(world.apply(&late_delete)), "MOVED");
    assert_eq!(reason(world.apply(&late_add)), "DUPLICATE");
    assert!(world.run(&delete(nas.id)).is_ok());
    assert_eq!(reason(world.apply(&late_rename)), "NOT_FOUND");
    assert_eq!(world.hosts.revision(), Revision::new(6));
}

#[test]
fn a_change_may_swap_the_names_of_two_hosts() {
    let mut world = World::new();
    let [a, b] = ["10.0.0.7 a.lan", "10.0.0.7 b.lan"].map(|line| world.add(line));
    let rename = |id, old: &str, new: &str| Event::HostnameChanged {
        id,
        old: name(old),
        new: name(new),
    };
    let mut change = world.change(&delete(a.id));
    change.reply = Reply::Updated(a.id);
    change.events = vec![
        rename(a.id, "a.lan", "b.lan"),
        rename(b.id, "b.lan", "a.lan"),
    ];
    world.apply(&change).unwrap();
    let owner = |text| world.hosts.owner(a.address, &name(text));
    assert_eq!(owner("a.lan"), Some(b.id));
    assert_eq!(owner("b.lan"), Some(a.id));

    let mut half = world.change(&delete(a.id));
    half.reply = Reply::Updated(a.id);
    half.events = vec![rename(a.id, "b.lan", "a.lan")];
    assert_eq!(reason(world.apply(&half)), "DUPLICATE");
}

#[test]
fn a_change_may_create_change_and_delete_one_host() {
    let mut world = World::new();
    let mut change = world.change(&Command::AddHost(row("10.0.0.7 a.lan")));
    let Reply::Added(id) = change.reply else {
        panic!("no host was added");
    };
    change.events.push(Event::HostDisabled { id });
    let twice = Change {
        events: [change.events.clone(), change.events.clone()].concat(),
        ..change.clone()
    };
    assert_eq!(reason(world.apply(&twice)), "ID_TAKEN");
    world.apply(&change).unwrap();
    assert_eq!(world.lines(), ["!10.0.0.7 a.lan"]);

    // What a change made or changed itself, it may delete: the record it names is compared by its facts.
    let mut host = world.hosts.host(id).unwrap().as_ref().clone();
    host.enabled = true;
    let mut change = world.change(&delete(id));
    change.events = vec![
        Event::HostEnabled { id },
        Event::HostDeleted {
            id,
            reason: DeleteReason::Requested,
            old: host.into(),
        },
    ];
    world.apply(&change).unwrap();
    assert!(world.hosts.is_empty());
}

#[test]
fn a_reply_names_a_host_of_its_change() {
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    let other = world.add("10.0.0.8 nas.lan");
    let mut change = world.change(&delete(nas.id));
    for reply in [Reply::Added(nas.id), Reply::Updated(other.id)] {
        change.reply = reply;
        assert_eq!(reason(world.apply(&change)), "NOT_FOUND");
    }
}

#[test]
fn revisions_only_go_forward() {
    let mut world = World::new();
    world.index = 6;
    world.add("10.0.0.7 nas.lan");
    let change = world.change(&Command::AddHost(row("10.0.0.8 nas.lan")));
    for index in [6, 7] {
        assert_eq!(
            world.hosts.apply(Revision::new(index), &change),
            Err(Rejection::RevisionBehind {
                at: Revision::new(index),
                current: Revision::new(7)
            })
        );
    }
}

#[test]
fn time_does_not_run_backwards() {
    let mut world = World::new();
    let first = world.add("10.0.0.7 nas.lan");
    let early = world.change(&Command::AddHost(row("10.0.0.8 nas.lan")));
    world.clock -= 3_600_000;
    let second = world.add("10.0.0.9 nas.lan");
    assert_eq!(second.created, first.created);
    assert_eq!(world.hosts.last_stamp(), first.created);
    // A change that waited while time went on takes effect at the later time.
    world.clock += 7_200_000;
    let third = world.add("10.0.0.10 nas.lan");
    let fourth = world.apply(&early).unwrap();
    assert_eq!(world.hosts.last_stamp(), third.created);
    let host = world.hosts.host(fourth.hosts().next().unwrap()).unwrap();
    assert_eq!(host.updated, third.created);
}

#[test]
fn the_rendered_revision_moves_only_with_what_is_shown() {
    let (plain, with_comments) = (
        View::default(),
        View {
            comments: true,
            cluster: None,
        },
    );
    let mut world = World::new();
    let nas = world.add("10.0.0.7 nas.lan");
    let rendered =
        |world: &World| [plain, with_comments].map(|view| world.hosts.rendered(&view).get());
    assert_eq!(rendered(&world), [1, 1]);
    let set = |comment: &str| HostPatch {
        comment: Some(Comment::parse_optional(comment).unwrap()),
        ..HostPatch::default()
    };
    let enable = |enabled| HostPatch {
        enabled: Some(enabled),
        ..HostPatch::default()
    };
    let tag = HostPatch {
        tags: Some(Tags::new(vec![Tag::parse("t").unwrap()]).unwrap()),
        ..HostPatch::default()
    };
    for (patch, expected) in [
        (set("x"), [1, 2]),
        (tag, [1, 2]),
        (enable(false), [4, 4]),
        (set("y"), [4, 4]),
        (enable(true), [6, 6]),
    ] {
        world.update(nas.id, patch).unwrap();
        assert_eq!(rendered(&world), expected);
    }
    let off = world.add("!10.0.0.8 nas.lan");
    assert_eq!(rendered(&world), [6, 6]);
    world.run(&delete(off.id)).unwrap();
    assert_eq!(rendered(&world), [6, 6]);
    world.run(&delete(nas.id)).unwrap();
    assert_eq!(rendered(&world), [9, 9]);
}

#[test]
fn a_taken_id_is_left_out() {
    let mut world = World::new();
    let first = world.add("10.0.0.7 nas.lan");
    let command = Command::AddHost(row("10.0.0.8 nas.lan"));
    let mut stamp = world.stamp(&command);
    stamp.at = first.created;
    stamp.seed = 1 << 32; // the seed of the first
    let decision = hosts::decide(&world.hosts, &command, stamp).unwrap();
    let Decision::Commit(Change { reply, .. }) = decision else {
        panic!("not a change: {decision:?}");
    };
    let next = HostId::from_u128(first.id.as_u128() + 1);
    assert_eq!(reply, Reply::Added(next));
}
