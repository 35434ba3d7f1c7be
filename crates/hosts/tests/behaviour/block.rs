//! The managed block: foreign bytes never change, and what is no block is refused.

use hosts::format::block::{BEGIN, Block, END, InvalidMarkers, Shadows, append, find, shadows};
use hosts::format::render::{render, verify};
use hosts::{ConflictMode, Projection, View};
use proptest::prelude::*;

use crate::world::{World, name};

const OURS: &[u8] = b"# a rendering\n10.0.0.7 nas.lan\n";

#[test]
fn a_file_without_markers_gets_a_block_behind_its_last_line() {
    for (file, expected) in [
        (
            "",
            "# BEGIN router-hosts\n# a rendering\n10.0.0.7 nas.lan\n# END router-hosts\n",
        ),
        (
            "127.0.0.1 localhost\r\n",
            "127.0.0.1 localhost\r\n# BEGIN router-hosts\n# a rendering\n10.0.0.7 nas.lan\n# END router-hosts\n",
        ),
        // musl loses a last line without an end; and no line of ours may continue one of theirs.
        (
            "127.0.0.1 localhost",
            "127.0.0.1 localhost\n# BEGIN router-hosts\n# a rendering\n10.0.0.7 nas.lan\n# END router-hosts\n",
        ),
    ] {
        assert_eq!(find(file.as_bytes()), Ok(None));
        let with_block = append(file.as_bytes(), OURS);
        assert_eq!(std::str::from_utf8(&with_block).unwrap(), expected);
        assert_eq!(find(&with_block).unwrap().unwrap().inside, OURS);
    }
}

#[test]
fn only_what_is_between_the_markers_changes() {
    for (before, inside, after) in [
        ("# BEGIN router-hosts\n", "", "# END router-hosts"),
        (
            "127.0.0.1 localhost\n# BEGIN router-hosts\n",
            "10.0.0.1 old\n",
            "# END router-hosts\n::1 localhost\n",
        ),
        // Saved by an editor that ends lines in CRLF and the last one not at all.
        (
            "127.0.0.1 localhost\r\n\t# BEGIN router-hosts \r\n",
            "10.0.0.1 old\r\n\r\n",
            "# END router-hosts\r\n10.9.9.9 theirs",
        ),
    ] {
        let file = [before, inside, after].concat();
        let block = find(file.as_bytes()).unwrap().unwrap();
        let parts = Block {
            before: before.as_bytes(),
            inside: inside.as_bytes(),
            after: after.as_bytes(),
        };
        assert_eq!(block, parts);
        let expected = [before.as_bytes(), OURS, after.as_bytes()].concat();
        assert_eq!(block.with(OURS), expected);
    }
}

#[test]
fn markers_that_make_no_block_are_refused_with_their_lines() {
    let (doubled, begin, end) = (
        |marker, first, second| InvalidMarkers::Doubled {
            marker,
            first,
            second,
        },
        "# BEGIN router-hosts\n",
        "# END router-hosts\n",
    );
    for (file, expected) in [
        (vec!["x\n", begin], InvalidMarkers::NoEnd { line: 2 }),
        (vec![end, "x\n"], InvalidMarkers::NoBegin { line: 1 }),
        (
            vec![end, begin],
            InvalidMarkers::Reversed { begin: 2, end: 1 },
        ),
        // Twice, nested, and one of them twice.
        (vec![begin, end, begin, end], doubled(BEGIN, 1, 3)),
        (vec![begin, begin, end, end], doubled(BEGIN, 1, 2)),
        (vec![begin, end, "x\n", end], doubled(END, 2, 4)),
    ] {
        let file = file.concat();
        assert_eq!(find(file.as_bytes()), Err(expected), "{file}");
    }
    let told = doubled(END, 2, 4).to_string();
    assert_eq!(
        told,
        "`# END router-hosts` is on line 2 and again on line 4"
    );
}

#[test]
fn what_only_resembles_a_marker_is_none() {
    for line in [
        "# BEGIN router-hosts 2",
        "#BEGIN router-hosts",
        "# begin router-hosts",
        "## BEGIN router-hosts",
        "10.0.0.1 a # BEGIN router-hosts",
        "# BEGIN router-hosts\r# END router-hosts",
    ] {
        assert_eq!(find(line.as_bytes()), Ok(None), "{line}");
    }
}

#[test]
fn names_that_also_stand_outside_the_block_are_told_with_their_lines() {
    let mut world = World::new();
    let lines = [
        "10.0.0.7 nas.lan files.lan",
        "10.0.0.8 bücher.lan",
        "!10.0.0.9 off.lan",
    ];
    world
        .import(&lines, ConflictMode::Strict)
        .expect("new hosts");
    let rendering = render(&world.hosts, &View::default());
    let foreign = "127.0.0.1 localhost\n10.0.0.70\tNAS.lan. # by hand\r\n# 10.0.0.1 files.lan\n\
                   nas.lan files.lan\n10.0.0.9 off.lan\nfe80::1%eth0 bücher.lan nas.lan";
    let file = append(foreign.as_bytes(), &rendering);
    let found = shadows(&file, find(&file).unwrap(), &world.hosts);
    let expected = Shadows {
        shown: vec![(2, name("nas.lan")), (6, name("bücher.lan"))],
        total: 2,
    };
    assert_eq!(found, expected);
    assert_eq!(
        shadows(&file, find(&file).unwrap(), &Projection::new()),
        Shadows::default()
    );
}

/// Lines as hosts files have them, and as they do not.
fn foreign() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(b"127.0.0.1 localhost\n".to_vec()),
        Just(b"::1 localhost ip6-localhost\r\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"# END router-hosts, or so\n".to_vec()),
        Just(vec![b'#'; 700]),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    let text = proptest::collection::vec(line, 0..8).prop_map(|lines| lines.concat());
    text.prop_filter("has no markers", |text| find(text) == Ok(None))
}

/// The same, with markers anywhere.
fn with_markers() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        foreign(),
        Just(format!("\n{BEGIN}\n").into_bytes()),
        Just(format!("\n  {END}\r\n").into_bytes()),
    ];
    proptest::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat())
}

/// A rendering of some hosts.
fn rendering() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::btree_set(0u8..=255, 0..20).prop_map(|numbers| {
        let mut world = World::new();
        let lines: Vec<_> = numbers
            .iter()
            .map(|n| format!("10.0.0.{n} h{n}.lan # BEGIN router-hosts"))
            .collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        if !lines.is_empty() {
            world
                .import(&lines, ConflictMode::Strict)
                .expect("new hosts");
        }
        let view = View {
            comments: true,
            ..View::default()
        };
        render(&world.hosts, &view)
    })
}

proptest! {
    #[test]
    fn foreign_bytes_never_change(
        file in foreign(),
        renderings in proptest::collection::vec(rendering(), 1..5),
    ) {
        let mut now = append(&file, &renderings[0]);
        for rendering in &renderings {
            now = find(&now).unwrap().unwrap().with(rendering);
            let block = find(&now).unwrap().unwrap();
            prop_assert_eq!(block.inside, rendering);
            prop_assert!(verify(block.inside));
            let line_end: &[u8] = if file.is_empty() || file.ends_with(b"\n") { b"" } else { b"\n" };
            prop_assert_eq!(
                block.before,
                [&file[..], line_end, BEGIN.as_bytes(), b"\n"].concat()
            );
            prop_assert_eq!(block.after, b"# END router-hosts\n");
        }
    }

    #[test]
    fn a_block_is_found_exactly_where_there_is_one(file in with_markers(), new in rendering()) {
        let lines: Vec<_> = file.split(|&b| b == b'\n').map(<[u8]>::trim_ascii).collect();
        let at = |marker: &str| -> Vec<_> {
            let marked = lines.iter().enumerate().filter(|(_, line)| **line == marker.as_bytes());
            marked.map(|(number, _)| number).collect()
        };
        let (begins, ends) = (at(BEGIN), at(END));
        match find(&file) {
            Ok(None) => prop_assert!(begins.is_empty() && ends.is_empty()),
            Ok(Some(block)) => {
                prop_assert!(begins.len() == 1 && ends.len() == 1 && begins < ends);
                prop_assert_eq!(block.with(block.inside), file.clone());
                let changed = block.with(&new);
                prop_assert!(changed.starts_with(block.before) && changed.ends_with(block.after));
                let again = find(&changed).unwrap().unwrap();
                prop_assert_eq!(again, Block { inside: &new, ..block });
            }
            Err(_) => prop_assert!(begins.len() != 1 || ends.len() != 1 || begins > ends),
        }
    }
}
