//! JSON and CSV: what is written is read again, and what cannot be read is told by its place.

use std::fmt::Write as _;

use hosts::format::{Export, FileFormat, ParseErrors, Parsed, Place, WarningKind, parse};
use hosts::{Command, Comment, ConflictMode, NewHost, Tag, Tags};
use proptest::prelude::*;

use crate::world::{World, address, aliases, name, row};

const BOTH: [FileFormat; 2] = [FileFormat::Json, FileFormat::Csv];

fn exported(world: &World, format: FileFormat) -> Vec<u8> {
    Export::new(world.hosts.clone(), format).flatten().collect()
}

fn hosts_of(parsed: Parsed) -> Vec<NewHost> {
    parsed.rows.into_iter().map(|row| row.host).collect()
}

fn read(format: FileFormat, text: &str) -> Vec<NewHost> {
    hosts_of(parse(format, text.as_bytes()).expect("a file that can be read"))
}

/// The faults of a file, each with its line and its record.
fn faults(format: FileFormat, bytes: &[u8]) -> Vec<(u32, u32, &'static str)> {
    let ParseErrors { shown, total } = parse(format, bytes).expect_err("errors");
    assert_eq!(shown.len(), total.min(100));
    let one = |error: hosts::format::ParseError| {
        let Place { line, record } = error.place;
        (line, record.unwrap_or(0), error.fault.reason())
    };
    shown.into_iter().map(one).collect()
}

fn full() -> NewHost {
    NewHost {
        aliases: aliases("files.lan media.lan"),
        tags: Tags::new(vec![Tag::parse("home").unwrap(), Tag::parse("-x").unwrap()]).unwrap(),
        comment: Some(Comment::parse("=1+1; the \"big\" one, in the attic").unwrap()),
        enabled: false,
        ..row("10.0.0.7 nas.lan")
    }
}

fn world(rows: Vec<NewHost>) -> World {
    let mut world = World::new();
    let mode = ConflictMode::Strict;
    world.run(&Command::ImportHosts { rows, mode }).unwrap();
    world
}

#[test]
fn an_export_has_every_field_of_every_host() {
    let world = world(vec![full(), row("fd00::1 b.lan")]);
    let id = |at: usize| world.hosts.hosts().nth(at).unwrap().id;
    let json = format!(
        "[\n{{\"id\":\"{}\",\"ip_address\":\"10.0.0.7\",\"hostname\":\"nas.lan\",\
         \"comment\":\"=1+1; the \\\"big\\\" one, in the attic\",\"tags\":[\"-x\",\"home\"],\
         \"aliases\":[\"files.lan\",\"media.lan\"],\"disabled\":true,\"version\":\"1\",\
         \"created_at\":\"2026-11-20T18:00:00.000Z\",\"updated_at\":\"2026-11-20T18:00:00.000Z\"}},\n\
         {{\"id\":\"{}\",\"ip_address\":\"fd00::1\",\"hostname\":\"b.lan\",\"comment\":null,\
         \"tags\":[],\"aliases\":[],\"disabled\":false,\"version\":\"1\",\
         \"created_at\":\"2026-11-20T18:00:00.000Z\",\"updated_at\":\"2026-11-20T18:00:00.000Z\"}}\n]\n",
        id(0),
        id(1)
    );
    assert_eq!(
        String::from_utf8(exported(&world, FileFormat::Json)).unwrap(),
        json
    );
    let csv = format!(
        "id,ip_address,hostname,comment,tags,aliases,disabled,version,created_at,updated_at\n\
         {},10.0.0.7,nas.lan,\"'=1+1; the \"\"big\"\" one, in the attic\",'-x;home,files.lan;media.lan,\
         true,1,2026-11-20T18:00:00.000Z,2026-11-20T18:00:00.000Z\n\
         {},fd00::1,b.lan,,,,false,1,2026-11-20T18:00:00.000Z,2026-11-20T18:00:00.000Z\n",
        id(0),
        id(1)
    );
    assert_eq!(
        String::from_utf8(exported(&world, FileFormat::Csv)).unwrap(),
        csv
    );
}

#[test]
fn an_export_of_nothing_is_a_file_of_its_format() {
    for (format, text) in [
        (FileFormat::Hosts, ""),
        (FileFormat::Json, "[]\n"),
        (
            FileFormat::Csv,
            "id,ip_address,hostname,comment,tags,aliases,disabled,version,created_at,updated_at\n",
        ),
    ] {
        let pieces: Vec<Vec<u8>> = Export::new(World::new().hosts, format).collect();
        assert_eq!(pieces, [text.as_bytes()], "{format}");
        assert_eq!(parse(format, text.as_bytes()), Ok(Parsed::default()));
    }
}

#[test]
fn an_export_comes_in_pieces_of_64_kib_of_the_same_bytes() {
    let rows = (0..3000).map(|n: u32| {
        let [_, _, c, d] = n.to_be_bytes();
        row(&format!("10.0.{c}.{d} host-{n}.lan # number {n}"))
    });
    let world = world(rows.collect());
    for format in FileFormat::ALL {
        let pieces: Vec<Vec<u8>> = Export::new(world.hosts.clone(), format).collect();
        let (last, others) = pieces.split_last().unwrap();
        assert!(!others.is_empty() && others.iter().all(|piece| piece.len() == 65_536));
        assert!((1..=65_536).contains(&last.len()));
        let whole = pieces.concat();
        let again = hosts_of(parse(format, &whole).unwrap());
        let hosts: Vec<NewHost> = world.hosts.hosts().map(|host| host.facts()).collect();
        assert_eq!(again, hosts, "{format}");
        if format == FileFormat::Hosts {
            let view = hosts::View {
                comments: true,
                ..hosts::View::default()
            };
            assert!(hosts::format::render::verify(&whole));
            assert_eq!(whole, hosts::format::render::render(&world.hosts, &view));
        }
    }
}

#[test]
fn an_export_shows_the_records_as_they_were_when_it_began() {
    let mut world = world(vec![row("10.0.0.1 a.lan"), row("10.0.0.2 b.lan")]);
    let before = exported(&world, FileFormat::Json);
    let export = Export::new(world.hosts.clone(), FileFormat::Json);
    world.add("10.0.0.3 c.lan");
    assert_eq!(export.flatten().collect::<Vec<u8>>(), before);
}

#[test]
fn json_of_earlier_clients_is_read() {
    // A list as the earlier server exports it, and the lines that older clients import.
    let list = r#"[
      {"id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "ip_address": "10.0.0.7", "hostname": "NAS.lan",
       "tags": null, "aliases": ["files.lan"]}
    ]"#;
    let lines = "\u{feff}{\"ip_address\": \"10.0.0.7\", \"hostname\": \"NAS.lan\", \"aliases\": [\"files.lan\"]}\r\n\r\n";
    for text in [list, lines] {
        assert_eq!(
            read(FileFormat::Json, text),
            [row("10.0.0.7 nas.lan files.lan")]
        );
    }
    for text in ["", " \r\n", "[]", "[ ]\n"] {
        assert_eq!(read(FileFormat::Json, text), []);
    }
}

#[test]
fn csv_of_earlier_clients_and_of_spreadsheets_is_read() {
    let whole = NewHost {
        tags: Tags::new(vec![
            Tag::parse("home").unwrap(),
            Tag::parse("nas").unwrap(),
        ])
        .unwrap(),
        ..row("10.0.0.7 nas.lan files.lan # the big, big one")
    };
    for text in [
        "id,ip_address,hostname,comment,tags,aliases\n01ARZ3NDEKTSV4RRFFQ69G5FAV,10.0.0.7,nas.lan,\"the big, big one\",home;nas,files.lan\n",
        "ip_address,hostname,aliases,comment,tags\r\n10.0.0.7,nas.lan,files.lan,\"the big, big one\",home;nas",
        "\u{feff}Hostname,IP_Address , Comment,TAGS,aliases,disabled\r\n\r\n nas.lan , 10.0.0.7,\"the big, big one\",\" nas, home\",\"files.lan nas.lan\",FALSE\r\n,,,,,\r\n",
        "hostname,ip_address,aliases,tags,comment\rnas.lan,10.0.0.7,\"files.lan\nfiles.lan\",\"home\r\nnas\",\"the big, big one\"\r",
    ] {
        assert_eq!(
            read(FileFormat::Csv, text),
            std::slice::from_ref(&whole),
            "{text}"
        );
    }
    for text in ["", "\r\n\n", "ip_address,hostname\n", ",,\n"] {
        assert_eq!(read(FileFormat::Csv, text), [], "{text}");
    }
}

#[test]
fn no_field_of_a_csv_export_is_a_formula() {
    for comment in ["=1+1", "+1", "-1", "@x", "'=1", "''=1", "'quoted' and not"] {
        let host = NewHost {
            comment: Some(Comment::parse(comment).unwrap()),
            tags: Tags::new(vec![Tag::parse("-a").unwrap(), Tag::parse("-b").unwrap()]).unwrap(),
            ..row("10.0.0.7 nas.lan")
        };
        let text = exported(&world(vec![host.clone()]), FileFormat::Csv);
        let text = String::from_utf8(text).unwrap();
        let record = text.lines().nth(1).unwrap();
        assert!(
            record
                .split(',')
                .all(|field| !field.starts_with(['=', '+', '-', '@'])),
            "{record}"
        );
        assert_eq!(read(FileFormat::Csv, &text), [host], "{comment}");
    }
    // Nobody's quote is taken away where no formula follows.
    let read = read(
        FileFormat::Csv,
        "ip_address,hostname,comment\n10.0.0.7,nas.lan,'tis\n",
    );
    assert_eq!(read[0].comment.as_ref().unwrap().as_str(), "'tis");
}

#[test]
fn every_bad_record_is_named() {
    let json = br#"[
{"ip_address": "10.0.0.1", "hostname": "a.lan"},
{"ip_address": "10.0.0.300", "hostname": "a.lan"},
{"hostname": "a.lan"}, {"ip_address": "10.0.0.1", "hostname": " "},
{"ip_address": "10.0.0.1", "hostname": "*.lan"},
{"ip_address": "10.0.0.1", "hostname": "a.lan", "aliases": ["b..lan"]},
{"ip_address": "10.0.0.1", "hostname": "a.lan", "tags": ["two words"]},
{"ip_address": "10.0.0.1", "hostname": "a.lan", "comment": "a\nb"},
{"ip_address": "10.0.0.1", "hostname": "a.lan", "alias": "b.lan"},
{"ip_address": "10.0.0.1", "hostname": "a.lan", "hostname": "b.lan"},
{"ip_address": "10.0.0.1", "hostname": "a.lan", "disabled": "yes"},
7, [[[]]], "x"
]"#;
    assert_eq!(
        faults(FileFormat::Json, json),
        [
            (3, 2, "INVALID_ADDRESS"),
            (4, 3, "MISSING"),
            (4, 4, "MISSING"),
            (5, 5, "INVALID_HOSTNAME"),
            (6, 6, "INVALID_HOSTNAME"),
            (7, 7, "INVALID_TEXT"),
            (8, 8, "INVALID_TEXT"),
            (9, 9, "INVALID_JSON"),
            (10, 10, "INVALID_JSON"),
            (11, 11, "INVALID_JSON"),
            (12, 12, "INVALID_JSON"),
            (12, 13, "INVALID_JSON"),
            (12, 14, "INVALID_JSON"),
        ]
    );
    let csv = "ip_address,hostname,aliases,tags,comment,disabled\r\n\
        10.0.0.1,a.lan,,,,\r\n\
        10.0.0.300,a.lan,,,,\r\n\
        \r\n\
        ,a.lan,,,,\r\n\
        10.0.0.1,*.lan,,,,\r\n\
        10.0.0.1,a.lan,b..lan,,,\r\n\
        10.0.0.1,a.lan,,\"a\nb:c\",,\r\n\
        10.0.0.1,a.lan,,,\"a\nb\",\r\n\
        10.0.0.1,a.lan,,,,maybe\r\n\
        10.0.0.1,a.lan\r\n\
        10.0.0.1,a.lan,,,,,,\r\n";
    assert_eq!(
        faults(FileFormat::Csv, csv.as_bytes()),
        [
            (3, 3, "INVALID_ADDRESS"),
            (5, 4, "MISSING"),
            (6, 5, "INVALID_HOSTNAME"),
            (7, 6, "INVALID_HOSTNAME"),
            (8, 7, "INVALID_TEXT"),
            (10, 8, "INVALID_TEXT"),
            (12, 9, "NOT_A_BOOL"),
            (13, 10, "FIELDS"),
            (14, 11, "FIELDS"),
        ]
    );
    let many = format!("ip_address,hostname\n{}", "x,y\n".repeat(101));
    let errors = parse(FileFormat::Csv, many.as_bytes()).unwrap_err();
    assert_eq!((errors.shown.len(), errors.total), (100, 101));
}

#[test]
fn a_file_without_a_header_is_refused_whole() {
    for (text, words) in [
        ("10.0.0.1,a.lan\n", "`10.0.0.1` is no column"),
        (
            "ip_address;hostname\n",
            "`ip_address;hostname` is no column",
        ),
        ("hostname,ip_address,hostname\n", "`hostname` comes twice"),
        ("hostname,comment\n", "`ip_address` is missing"),
        ("10.0.0.1 a.lan\n", "is no column"),
    ] {
        let errors = parse(FileFormat::Csv, text.as_bytes()).unwrap_err();
        assert_eq!(errors.total, 1);
        let error = &errors.shown[0];
        assert_eq!(error.fault.reason(), "INVALID_HEADER");
        assert!(error.fault.to_string().contains(words), "{}", error.fault);
    }
}

#[test]
fn a_file_that_breaks_off_is_refused() {
    let world = world(vec![full(), row("fd00::1 b.lan")]);
    let json = exported(&world, FileFormat::Json);
    // Without its end a list is no list, wherever it breaks off.
    for end in 1..json.len() - 2 {
        assert!(parse(FileFormat::Json, &json[..end]).is_err(), "{end}");
    }
    let csv = exported(&world, FileFormat::Csv);
    let quote = csv.iter().position(|&b| b == b'"').unwrap();
    for end in [quote + 1, quote + 9] {
        let found = faults(FileFormat::Csv, &csv[..end]);
        assert_eq!(found, [(2, 2, "OPEN_QUOTE")], "{end}");
    }
    assert_eq!(
        faults(FileFormat::Csv, b"ip_address,hostname,comment\n10.0.0.1,a"),
        [(2, 2, "FIELDS")]
    );
    // Quotes inside of a field open nothing.
    let read = read(
        FileFormat::Csv,
        "ip_address,hostname,comment\n10.0.0.1,a.lan,5\" disk",
    );
    assert_eq!(read[0].comment.as_ref().unwrap().as_str(), "5\" disk");
}

#[test]
fn what_is_no_text_is_told_by_its_line() {
    for format in BOTH {
        assert_eq!(faults(format, b"x\r\ny\0"), [(2, 0, "NUL")]);
        assert_eq!(faults(format, b"\xff\xfe{\0"), [(1, 0, "NUL")]);
        assert_eq!(faults(format, b"{}\n\n\xe9"), [(3, 0, "NOT_UTF8")]);
        assert_eq!(faults(format, b"\x7fELF\x02\x01\x01\0\0"), [(1, 0, "NUL")]);
    }
    assert_eq!(
        faults(FileFormat::Json, b"{} x\n{}")[1],
        (1, 0, "INVALID_JSON")
    );
    assert_eq!(
        faults(FileFormat::Json, b"[{}\n{}]")[1],
        (2, 0, "INVALID_JSON")
    );
    assert_eq!(
        faults(FileFormat::Json, b"[]\n[]"),
        [(2, 0, "INVALID_JSON")]
    );
}

#[test]
fn nothing_of_a_file_is_without_a_bound() {
    // Depth: neither the stack nor the memory follows it.
    let deep = "[".repeat(4 * 1024 * 1024);
    assert_eq!(faults(FileFormat::Json, deep.as_bytes()).len(), 1);
    let closed = format!("[{}1{}]", "[".repeat(1000), "]".repeat(1000));
    assert_eq!(
        faults(FileFormat::Json, closed.as_bytes()),
        [(1, 1, "INVALID_JSON")]
    );

    // Length: a record, and what an error repeats of it.
    let comment = "x".repeat(140_000);
    let json = format!("[{{\"comment\": \"{comment}\"}}]");
    assert_eq!(
        faults(FileFormat::Json, json.as_bytes()),
        [(1, 1, "TOO_LONG")]
    );
    let key = format!("{{\"{}\": 1}}", "k".repeat(100_000));
    let errors = parse(FileFormat::Json, key.as_bytes()).unwrap_err();
    assert!(errors.shown[0].fault.to_string().len() < 300);
    let head = "ip_address,hostname,comment\n";
    let csv = format!("{head}10.0.0.1,a.lan,{comment}\n10.0.0.300,a.lan,\n");
    assert_eq!(
        faults(FileFormat::Csv, csv.as_bytes()),
        [(2, 2, "TOO_LONG"), (3, 3, "INVALID_ADDRESS")]
    );
    let open = format!("{head}10.0.0.1,a.lan,\"{}", "x\n".repeat(1_000_000));
    assert_eq!(
        faults(FileFormat::Csv, open.as_bytes()),
        [(2, 2, "OPEN_QUOTE")]
    );

    // Count: fields and records.
    let wide = format!("{head}{}\n", ",".repeat(100));
    assert_eq!(faults(FileFormat::Csv, wide.as_bytes()), [(2, 2, "FIELDS")]);
    let row = "{\"ip_address\":\"10.0.0.1\",\"hostname\":\"a.lan\"}\n";
    let rows = row.repeat(200_001);
    assert_eq!(
        faults(FileFormat::Json, rows.as_bytes()),
        [(200_001, 200_001, "TOO_MANY_ROWS")]
    );
    let rows = format!(
        "ip_address,hostname\n{}",
        "10.0.0.1,a.lan\n".repeat(200_002)
    );
    assert_eq!(
        faults(FileFormat::Csv, rows.as_bytes()),
        [(200_002, 200_002, "TOO_MANY_ROWS")]
    );
    let large = vec![b' '; 32 * 1024 * 1024 + 1];
    for format in FileFormat::ALL {
        assert_eq!(faults(format, &large), [(1, 0, "FILE_TOO_LARGE")]);
    }
}

#[test]
fn names_that_some_resolvers_skip_are_a_warning_in_every_format() {
    for (format, text) in [
        (FileFormat::Hosts, "10.0.0.7 my_nas.lan\n"),
        (
            FileFormat::Json,
            "{\"ip_address\":\"10.0.0.7\",\"hostname\":\"my_nas.lan\"}",
        ),
        (
            FileFormat::Csv,
            "ip_address,hostname\n10.0.0.7,my_nas.lan\n",
        ),
    ] {
        let parsed = parse(format, text.as_bytes()).unwrap();
        let [warning] = parsed.warnings.try_into().unwrap();
        assert_eq!(warning.kind, WarningKind::Underscore(name("my_nas.lan")));
    }
}

#[test]
fn a_name_of_the_machine_itself_is_a_warning_and_a_blocked_name_is_none() {
    let text = "127.0.0.1 localhost localhost.localdomain\n127.0.1.1 attic\n::1 localhost\n\
                127.0.0.1 ads.example.net\n10.0.0.7 nas\n";
    let parsed = parse(FileFormat::Hosts, text.as_bytes()).unwrap();
    let own = |at: &str| WarningKind::Own(name(at));
    let kinds: Vec<_> = parsed
        .warnings
        .into_iter()
        .map(|warning| warning.kind)
        .collect();
    let expected = ["localhost", "localhost.localdomain", "attic", "localhost"].map(own);
    assert_eq!(kinds, expected);
}

fn label() -> impl Strategy<Value = String> {
    "[a-z]([a-z0-9_-]{0,6}[a-z0-9])?"
}

fn any_host() -> impl Strategy<Value = NewHost> {
    let names = prop::collection::vec((label(), label()), 1..6);
    // Whatever a person may type, with what formats are made of in front.
    let text = prop_oneof!["[=+@'-]{0,3}[ -~]{0,20}", "\\PC{0,30}"];
    let tags = prop::collection::vec("[-_./a-zäü0-9]{1,12}", 0..5);
    let ip = prop_oneof![
        any::<[u8; 4]>().prop_map(std::net::IpAddr::from),
        any::<[u8; 16]>().prop_map(std::net::IpAddr::from),
    ];
    (ip, names, text, tags, any::<bool>()).prop_map(|(ip, names, text, tags, enabled)| {
        let names: Vec<String> = names.iter().map(|(a, b)| format!("{a}.{b}")).collect();
        let (hostname, others) = names.split_first().expect("one at least");
        let tags = tags.iter().map(|tag| Tag::parse(tag).expect("a tag"));
        let others = others.join(" ");
        NewHost {
            aliases: aliases(&others),
            tags: Tags::new(tags.collect()).expect("few tags"),
            comment: Comment::parse_optional(&text).unwrap_or(None),
            enabled,
            ..NewHost::new(address(&ip.to_string()), name(hostname))
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_exported_is_read_again_without_loss(rows in prop::collection::vec(any_host(), 0..12)) {
        let mut world = World::new();
        let mode = ConflictMode::Skip;
        world.run(&Command::ImportHosts { rows, mode }).expect("nothing is refused");
        let hosts: Vec<NewHost> = world.hosts.hosts().map(|host| host.facts()).collect();
        for format in BOTH {
            let file = exported(&world, format);
            prop_assert_eq!(&hosts_of(parse(format, &file).expect("a file of ours")), &hosts);

            // Imported again it changes nothing; imported elsewhere it makes the same hosts.
            let rows = hosts.clone();
            let mut other = World::new();
            other.run(&Command::ImportHosts { rows, mode: ConflictMode::Strict }).expect("no conflict");
            prop_assert_eq!(other.lines(), world.lines());
        }
        let visible: Vec<&NewHost> = hosts.iter().filter(|host| host.enabled).collect();
        let file = exported(&world, FileFormat::Hosts);
        let read = hosts_of(parse(FileFormat::Hosts, &file).expect("a file of ours"));
        // Of many names there are several lines; their addresses and first names stay.
        let names = |hosts: &mut dyn Iterator<Item = &NewHost>| -> std::collections::BTreeSet<String> {
            hosts.flat_map(|host| host.names().map(|n| format!("{} {n}", host.address)).collect::<Vec<_>>()).collect()
        };
        prop_assert_eq!(names(&mut read.iter()), names(&mut visible.into_iter()));
    }

    #[test]
    fn bytes_of_any_kind_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "[\\[\\]{}\",;:\n\r a-z0-9.']{0,200}") {
        for format in FileFormat::ALL {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                if let Err(errors) = parse(format, bytes) {
                    prop_assert!(errors.total >= 1 && !errors.shown.is_empty());
                    let mut words = String::new();
                    write!(words, "{errors} {}", errors.shown[0].fault).expect("a String grows");
                    prop_assert!(words.len() < 1000);
                }
            }
        }
    }
}
