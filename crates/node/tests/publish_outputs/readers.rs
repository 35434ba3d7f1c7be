//! The published file as its real readers see it: every name leads to its
//! addresses and to no other, in dnsmasq, glibc, musl and our own parser.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::{self, Write as _},
    net::IpAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use crate::{
    mounts::with_machine,
    support::{History, Publisher, options},
};
use hosts::format::{block, hosts_file};
use node::publish::{Files as _, Mode, PublishOptions, RealFiles, Work};

mod dns;
mod libc;
mod records;

use dns::Dnsmasq;
use libc::Libc;

/// The addresses of each name.
type Answers = BTreeMap<String, BTreeSet<IpAddr>>;

/// Lines of others, as real files have them: CRLF, a comment longer than a
/// piece of musl's, and a last line without an end.
fn system() -> String {
    let comment = "# by hand ".repeat(70);
    format!("127.0.0.1\tlocalhost\r\n{comment}\n10.9.9.9 theirs.lan")
}

/// What a reader should find.
fn expected(history: &History) -> Answers {
    let mut answers = Answers::new();
    for host in history.projection.hosts().filter(|host| host.enabled) {
        for name in host.names() {
            let addresses = answers.entry(name.as_str().to_owned()).or_default();
            addresses.insert(host.address.ip());
        }
    }
    answers
}

/// Publishes `history` with comments, as a node does.
fn publish(path: &Path, mode: Mode, history: &History) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let options = PublishOptions {
            mode,
            comments: true,
            work: Work::Threads,
            ..options(path)
        };
        let files = Arc::new(RealFiles::new());
        let mut publisher = Publisher::start_with(files, options, history);
        publisher.until(|now| now.writes == 1).await;
        publisher.stop().await;
    });
}

/// The first names that are not answered as they should be.
fn differences(found: &Answers, expected: &Answers) -> Vec<String> {
    let wrong = expected
        .iter()
        .filter(|(name, addresses)| found.get(*name) != Some(addresses));
    wrong
        .take(5)
        .map(|(name, addresses)| format!("{name}: {addresses:?}, found {:?}", found.get(name)))
        .collect()
}

#[track_caller]
fn assert_finds(reader: &str, found: &Answers, expected: &Answers) {
    let different = differences(found, expected);
    assert!(different.is_empty(), "{reader}: {different:#?}");
}

fn sets() -> [(&'static str, String); 3] {
    let home = include_str!("../../../../examples/home.hosts").to_owned();
    [
        ("home", home),
        ("misleading", records::misleading()),
        ("large", records::large()),
    ]
}

#[test]
fn dnsmasq_answers_every_name_with_every_address() {
    if !has("dnsmasq", &["--version"]) {
        return;
    }
    for (set, text) in sets() {
        let history = History::of_lines(&text);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hosts");
        // A directory it reads whole, with what may stand beside the file.
        fs::write(&path, system()).unwrap();
        fs::write(dir.path().join(".hosts.rh-1-1"), "66.6.6.6 host-1.lan\n").unwrap();
        publish(&path, Mode::Block, &history);
        assert!(RealFiles::new().copy_of(&path).unwrap().is_some());
        let mut dnsmasq = Dnsmasq::start(dir.path());
        let mut expected = expected(&history);
        expected.insert(
            "theirs.lan".into(),
            BTreeSet::from(["10.9.9.9".parse().unwrap()]),
        );
        let mut found = Answers::new();
        for name in expected.keys() {
            let addresses = dnsmasq.addresses(name).into_iter().collect();
            found.insert(name.clone(), addresses);
        }
        assert_finds(set, &found, &expected);
        if set != "large" {
            // The canonical name of the first host of an address is its name.
            let mut seen = BTreeSet::new();
            for host in history.projection.hosts() {
                if let IpAddr::V4(address) = host.address.ip()
                    && seen.insert(address)
                {
                    let name = dnsmasq.name_of(address);
                    assert_eq!(name.as_deref(), Some(host.hostname.as_str()));
                }
            }
            assert!(seen.len() > 20);
        }
    }
}

#[test]
fn glibc_and_musl_find_every_name_with_every_address() {
    let name = "readers::glibc_and_musl_find_every_name_with_every_address";
    if !has("cc", &["--version"]) || !has("musl-gcc", &["--version"]) {
        return;
    }
    with_machine(name, |machine| {
        let etc = Etc::in_room(&machine.place("etc"));
        machine.sync();
        let libcs = Libc::both(&etc.dir);
        for (set, text) in sets() {
            let history = History::of_lines(&text);
            let path = etc.dir.join("published");
            let written: [(Mode, &str); 2] = [(Mode::Block, &system()), (Mode::Whole, "")];
            for (mode, before) in written {
                fs::write(&path, before).unwrap();
                publish(&path, mode, &history);
                let expected = expected(&history);
                etc.holds(&fs::read(&path).unwrap());
                // A lookup reads the whole file: of a large one some names, from all of it.
                let step = 1 + expected.len() / 50;
                let some: Answers = expected.clone().into_iter().step_by(step).collect();
                for libc in &libcs {
                    let found = libc.find(some.keys().map(String::as_str));
                    assert_finds(&format!("{} {set}", libc.name), &found, &some);
                }
                if RealFiles::new().copy_of(&path).unwrap().is_some() {
                    RealFiles::new().remove_copy(&path).unwrap();
                }
            }
            // And all names, in pieces of the file.
            let bytes = fs::read(&path).unwrap();
            let lines: Vec<_> = bytes.split_inclusive(|&b| b == b'\n').collect();
            let mut found = [Answers::new(), Answers::new()];
            for piece in lines.chunks(LINES_OF_A_PIECE) {
                etc.holds(&piece.concat());
                let names = names_of(piece);
                for (libc, all) in libcs.iter().zip(&mut found) {
                    for (name, addresses) in libc.find(names.iter().map(String::as_str)) {
                        all.entry(name).or_default().extend(addresses);
                    }
                }
            }
            for (libc, found) in libcs.iter().zip(&found) {
                let reader = format!("{} {set}, in pieces", libc.name);
                assert_finds(&reader, found, &expected(&history));
                assert_eq!(found.len(), expected(&history).len(), "{reader}");
            }
        }
    });
}

#[test]
fn musl_would_read_a_long_comment_as_a_line_and_forty_eight_addresses_a_name() {
    let name = "readers::musl_would_read_a_long_comment_as_a_line_and_forty_eight_addresses_a_name";
    if !has("cc", &["--version"]) || !has("musl-gcc", &["--version"]) {
        return;
    }
    with_machine(name, |machine| {
        let etc = Etc::in_room(&machine.place("etc"));
        let [glibc, musl] = Libc::both(&etc.dir);
        // Without the bounds of the rendering: this is what they are for.
        etc.holds(records::misleading().as_bytes());
        let names: Vec<_> = (0..64).map(|n| format!("host-{n}.lan")).collect();
        let injected: IpAddr = records::INJECTED.parse().unwrap();
        let found = musl.find(names.iter().map(String::as_str));
        assert!(
            found
                .values()
                .any(|addresses| addresses.contains(&injected))
        );

        // The bound is musl's own: the record is whole, and dnsmasq and glibc answer all of it.
        let many: String = (0..60).map(|n| format!("10.0.0.{n} many.lan\n")).collect();
        let path = etc.dir.join("published");
        publish(&path, Mode::Whole, &History::of_lines(&many));
        etc.holds(&fs::read(&path).unwrap());
        assert_eq!(glibc.find(["many.lan"])["many.lan"].len(), 60);
        assert_eq!(musl.find(["many.lan"])["many.lan"].len(), 48);
    });
}

#[test]
fn our_own_parser_reads_back_what_was_published() {
    for (set, text) in sets() {
        let history = History::of_lines(&text);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hosts");
        fs::write(&path, system()).unwrap();
        publish(&path, Mode::Block, &history);
        let file = fs::read(&path).unwrap();
        let inside = block::find(&file).unwrap().unwrap().inside;
        let mut found = Answers::new();
        for row in hosts_file::parse(inside).unwrap().rows {
            for name in row.host.names() {
                let addresses = found.entry(name.as_str().to_owned()).or_default();
                addresses.insert(row.host.address.ip());
            }
        }
        assert_eq!(found.len(), expected(&history).len());
        assert_finds(set, &found, &expected(&history));
    }
}

/// The `/etc/hosts` of a mount namespace.
struct Etc {
    dir: PathBuf,
    hosts: PathBuf,
}

impl Etc {
    fn in_room(dir: &Path) -> Self {
        fs::create_dir_all(dir).unwrap();
        let hosts = dir.join("hosts");
        // Nobody but the file is asked.
        let only_files = dir.join("nsswitch.conf");
        fs::write(&hosts, "").unwrap();
        fs::write(&only_files, "hosts: files\n").unwrap();
        for (file, over) in [(&hosts, "/etc/hosts"), (&only_files, "/etc/nsswitch.conf")] {
            let mut mount = Command::new("mount");
            let status = mount.arg("--bind").arg(file).arg(over).status().unwrap();
            assert!(status.success(), "{mount:?}: {status}");
        }
        Self {
            dir: dir.to_owned(),
            hosts,
        }
    }

    fn holds(&self, bytes: &[u8]) {
        fs::write(&self.hosts, bytes).unwrap();
        assert_eq!(fs::read("/etc/hosts").unwrap(), bytes);
    }
}

/// The names on these lines, each once.
fn names_of(lines: &[&[u8]]) -> BTreeSet<String> {
    let text = String::from_utf8(lines.concat()).unwrap();
    let words = text.lines().flat_map(|line| {
        let names = line.split('#').next().unwrap_or_default();
        names.split_whitespace().skip(1)
    });
    words.map(str::to_owned).collect()
}

/// A lookup in as many lines takes some 50 µs, as long as a process of them.
const LINES_OF_A_PIECE: usize = 64;

/// Whether a program is there; if not, that is said, or is a failure where
/// every test has to run.
fn has(program: &str, arguments: &[&str]) -> bool {
    const REQUIRED: &str = "ROUTER_HOSTS_REQUIRE_ROOT_TESTS";
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if command.status().is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(
        env::var_os(REQUIRED).is_none_or(|required| required != "1"),
        "{REQUIRED} is set, and {program} is missing"
    );
    let mut said = io::stderr();
    writeln!(said, "not run: needs {program}").unwrap();
    false
}
