//! Many rows as one change, in the three modes.

use hosts::ConflictMode::{Replace, Skip, Strict};
use hosts::{
    Command, Decision, Holder, ImportCounts, LeftOut, NewHost, Outcome, Rejection, Revision, Tag,
    Tags,
};

use crate::world::{World, reason, row};

fn counts(created: u32, updated: u32, skipped: u32) -> ImportCounts {
    ImportCounts {
        processed: created + updated + skipped,
        created,
        updated,
        skipped,
        left_out: LeftOut::default(),
    }
}

/// The same, with these of the skipped rows left out.
fn lost(created: u32, updated: u32, skipped: u32, rows: &[u32]) -> ImportCounts {
    ImportCounts {
        left_out: LeftOut {
            rows: rows.into(),
            total: u32::try_from(rows.len()).unwrap(),
        },
        ..counts(created, updated, skipped)
    }
}

fn conflicts(result: Result<ImportCounts, Rejection>) -> Vec<(usize, Holder)> {
    match result {
        Err(Rejection::ImportConflicts { shown, total }) => {
            assert_eq!(shown.len(), total.min(100));
            shown.iter().map(|c| (c.row, c.held_by)).collect()
        }
        other => panic!("no conflicts: {other:?}"),
    }
}

#[test]
fn new_rows_become_hosts_at_one_revision() {
    for mode in [Skip, Replace, Strict] {
        let mut world = World::new();
        let lines = ["10.0.0.10 b.lan", "10.0.0.2 a.lan c.lan # x", "::1 a.lan"];
        assert_eq!(world.import(&lines, mode), Ok(counts(3, 0, 0)));
        assert_eq!(
            world.lines(),
            ["10.0.0.2 a.lan c.lan # x", "10.0.0.10 b.lan", "::1 a.lan"]
        );
        assert!(world.hosts.hosts().all(|h| h.version == Revision::new(1)));
    }
}

#[test]
fn a_repeated_row_is_skipped_in_every_mode() {
    for mode in [Skip, Replace, Strict] {
        let mut world = World::new();
        let lines = ["10.0.0.2 a.lan b.lan", "10.0.0.2 a.lan b.lan"];
        assert_eq!(world.import(&lines, mode), Ok(counts(1, 0, 1)));
    }
}

#[test]
fn of_rows_for_one_host_the_first_wins_or_the_last_or_none() {
    let lines = [
        "10.0.0.2 a.lan b.lan",
        "10.0.0.2 a.lan c.lan",
        "10.0.0.2 b.lan",
    ];
    let mut world = World::new();
    assert_eq!(world.import(&lines, Skip), Ok(lost(1, 0, 2, &[2])));
    assert_eq!(world.lines(), ["10.0.0.2 a.lan b.lan"]);

    let mut world = World::new();
    assert_eq!(world.import(&lines, Replace), Ok(counts(2, 0, 1)));
    assert_eq!(world.lines(), ["10.0.0.2 a.lan c.lan", "10.0.0.2 b.lan"]);

    let mut world = World::new();
    assert_eq!(
        conflicts(world.import(&lines, Strict)),
        [(2, Holder::Row(1)), (3, Holder::Row(1))]
    );
    assert!(world.hosts.is_empty());
}

#[test]
fn skip_leaves_what_is_taken() {
    let mut world = World::new();
    world.add("10.0.0.2 a.lan b.lan # mine");
    let lines = ["10.0.0.2 b.lan", "10.0.0.2 c.lan a.lan", "10.0.0.2 d.lan"];
    assert_eq!(world.import(&lines, Skip), Ok(lost(1, 0, 2, &[2])));
    assert_eq!(
        world.lines(),
        ["10.0.0.2 a.lan b.lan # mine", "10.0.0.2 d.lan"]
    );
}

#[test]
fn a_skipped_row_that_says_more_than_the_records_is_told() {
    let tagged = |line: &str, tag: &str| NewHost {
        tags: Tags::new(vec![Tag::parse(tag).unwrap()]).unwrap(),
        ..row(line)
    };
    let mut world = World::new();
    world
        .run(&Command::AddHost(tagged(
            "10.0.0.2 a.lan b.lan # mine",
            "home",
        )))
        .unwrap();
    world.add("10.0.0.2 c.lan");
    for (row, lost) in [
        (row("10.0.0.2 a.lan b.lan # mine"), false),
        (row("10.0.0.2 b.lan"), false),
        (row("10.0.0.2 b.lan c.lan"), false),
        (tagged("10.0.0.2 a.lan", "home"), false),
        (row("10.0.0.2 b.lan x.lan"), true),
        (row("10.0.0.2 a.lan # other"), true),
        (tagged("10.0.0.2 a.lan", "lab"), true),
        (row("!10.0.0.2 a.lan"), true),
    ] {
        let mode = Skip;
        let rows = vec![self::row("10.0.0.9 other.lan"), row.clone()];
        let decided = world.decide(&Command::ImportHosts { rows, mode }).unwrap();
        let Decision::Commit(change) = decided else {
            panic!("no change: {decided:?}");
        };
        let hosts::Reply::Imported(counts) = change.reply else {
            panic!("no import: {:?}", change.reply);
        };
        let expected: &[u32] = if lost { &[2] } else { &[] };
        assert_eq!(&*counts.left_out.rows, expected, "{row:?}");
        assert_eq!(counts.skipped, 1);
    }
}

#[test]
fn a_name_that_a_later_row_brings_is_not_lost() {
    let mut world = World::new();
    world.add("10.0.0.2 a.lan");
    let lines = ["10.0.0.2 a.lan b.lan", "10.0.0.2 b.lan"];
    assert_eq!(world.import(&lines, Skip), Ok(counts(1, 0, 1)));
    assert_eq!(world.lines(), ["10.0.0.2 a.lan", "10.0.0.2 b.lan"]);
}

#[test]
fn replace_tells_what_only_an_earlier_row_said() {
    let mut world = World::new();
    let lines = ["10.0.0.2 a.lan b.lan # x", "10.0.0.2 a.lan # y"];
    assert_eq!(world.import(&lines, Replace), Ok(lost(1, 0, 1, &[1])));
    assert_eq!(world.lines(), ["10.0.0.2 a.lan # y"]);
}

#[test]
fn a_hundred_left_out_rows_are_named_and_a_retry_is_told_the_same() {
    let mut world = World::new();
    world.add("10.0.0.2 a.lan # mine");
    let mut rows = vec![row("10.0.0.2 a.lan # other"); 101];
    rows.push(row("10.0.0.3 b.lan"));
    let import = Command::ImportHosts { rows, mode: Skip };
    let stamp = world.stamp(&import);
    let Ok(Decision::Commit(change)) = hosts::decide(&world.hosts, &import, stamp.clone()) else {
        panic!("no change");
    };
    let first = world.apply(&change).unwrap().answer;
    let Outcome::Imported(counts) = &first.outcome else {
        panic!("no import: {first:?}");
    };
    let named: Vec<u32> = (1..=100).collect();
    assert_eq!(*counts.left_out.rows, named);
    assert_eq!(counts.left_out.total, 101);
    let again = hosts::decide(&world.hosts, &import, stamp);
    assert_eq!(again, Ok(Decision::Answered(first)));
}

#[test]
fn strict_lists_what_is_taken() {
    let mut world = World::new();
    let a = world.add("10.0.0.2 a.lan b.lan");
    let lines = [
        "10.0.0.2 d.lan",
        "10.0.0.2 c.lan b.lan",
        "10.0.0.2 a.lan b.lan",
    ];
    let refused = world.import(&lines, Strict);
    assert!(
        refused
            .as_ref()
            .unwrap_err()
            .to_string()
            .contains("row 2: 10.0.0.2 b.lan")
    );
    assert_eq!(
        conflicts(refused),
        [(2, Holder::Host(a.id)), (3, Holder::Host(a.id))]
    );
    assert_eq!(world.lines(), ["10.0.0.2 a.lan b.lan"]);
}

#[test]
fn a_hundred_conflicts_are_listed_and_all_are_counted() {
    for rows in [99, 100, 101] {
        let mut world = World::new();
        world.add("10.0.0.2 a.lan");
        let refused = world.import(&vec!["10.0.0.2 a.lan"; rows], Strict);
        let Err(Rejection::ImportConflicts { shown, total }) = refused else {
            panic!("no conflicts");
        };
        assert_eq!((shown.len(), total), (rows.min(100), rows));
    }
}

#[test]
fn replace_makes_the_holder_what_the_row_says() {
    let mut world = World::new();
    let a = world.add("10.0.0.2 a.lan b.lan # old");
    let same = world.add("10.0.0.3 same.lan");
    let lines = [
        "10.0.0.2 b.lan c.lan # new",
        "10.0.0.3 same.lan",
        "10.0.0.4 n.lan",
    ];
    assert_eq!(world.import(&lines, Replace), Ok(counts(1, 1, 1)));
    assert_eq!(
        world.lines(),
        [
            "10.0.0.2 b.lan c.lan # new",
            "10.0.0.3 same.lan",
            "10.0.0.4 n.lan"
        ]
    );
    let host = world.hosts.host(a.id).unwrap();
    assert_eq!(host.created, a.created);
    assert_eq!(host.version, world.hosts.revision());
    assert_eq!(world.hosts.host(same.id), Some(&same));
}

#[test]
fn replace_frees_the_names_a_host_no_longer_has() {
    let mut world = World::new();
    let a = world.add("10.0.0.2 a.lan b.lan");
    let lines = ["10.0.0.2 a.lan", "10.0.0.2 b.lan"];
    assert_eq!(world.import(&lines, Replace), Ok(counts(1, 1, 0)));
    assert_eq!(world.lines(), lines);
    assert_eq!(world.hosts.owner(a.address, &a.hostname), Some(a.id));
}

#[test]
fn replace_refuses_a_row_that_touches_two_hosts() {
    let mut world = World::new();
    let a = world.add("10.0.0.2 a.lan");
    world.add("10.0.0.2 b.lan");
    assert_eq!(
        conflicts(world.import(&["10.0.0.2 a.lan b.lan"], Replace)),
        [(1, Holder::Host(a.id))]
    );
}

#[test]
fn replace_refuses_to_lose_a_name_of_the_file() {
    let mut world = World::new();
    let lines = ["10.0.0.2 a.lan b.lan", "10.0.0.2 b.lan c.lan"];
    assert_eq!(
        conflicts(world.import(&lines, Replace)),
        [(2, Holder::Row(1))]
    );
}

#[test]
fn an_import_of_nothing_new_makes_no_entry() {
    let mut world = World::new();
    world.add("10.0.0.2 a.lan");
    for (rows, mode, skipped) in [
        (vec![], Strict, 0),
        (vec![row("10.0.0.2 a.lan")], Replace, 1),
    ] {
        let decision = world.decide(&Command::ImportHosts { rows, mode }).unwrap();
        let Decision::Unchanged(answer) = decision else {
            panic!("an entry for nothing: {decision:?}");
        };
        assert_eq!(answer.outcome, Outcome::Imported(counts(0, 0, skipped)));
    }
}

#[test]
fn a_late_import_is_refused_whole() {
    let mut world = World::new();
    let rows = ["10.0.0.2 a.lan", "10.0.0.3 b.lan"].map(row).to_vec();
    let late = world.change(&Command::ImportHosts { rows, mode: Skip });
    world.add("10.0.0.3 b.lan");
    assert_eq!(reason(world.apply(&late)), "DUPLICATE");
    assert_eq!(world.lines(), ["10.0.0.3 b.lan"]);
}
