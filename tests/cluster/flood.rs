//! More than a node is made for, from those who are let in and from those who are not: its memory stays bounded, others
//! are served meanwhile, and afterwards its descriptors are free again.

mod wire;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hosts::Role;
use node::clock::{Clock as _, SystemClock};
use node::identity::ClusterId;
use node::pki::Authority;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ClientConfig;

use crate::support::{Cluster, until};
use wire::{
    CONTINUATION, DATA, END_HEADERS, HEADERS, PING, RST_STREAM, SETTINGS, Wire, head, literal,
};

/// What a flood may add to the memory of a node at its highest, a debug build: some times what `docs/reliability.md`
/// says that it takes.
const LITTLE: u64 = 12 << 20;
/// 128 connections, each with its buffers.
const OF_CONNECTIONS: u64 = 24 << 20;
/// 64 answers with all that goes ahead of their readers. Without shares it took 142 MiB in a few seconds.
const OF_ANSWERS: u64 = 112 << 20;

/// How many connections one client gets, and how long a handshake may take: `crates/node/src/accept.rs`.
const CLIENT_SHARE: usize = 128;
const HANDSHAKES: usize = 64;
const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
/// How much later than in time a node may be, on a machine that has much to do.
const SLACK: Duration = Duration::from_secs(20);

/// How long a write and a read may take meanwhile: two starts of a program on a machine that has much to do.
const SERVED_WITHIN: Duration = Duration::from_secs(20);

/// How many calls one connection may have under way: `crates/node/src/limits.rs`.
const CALLS: usize = 128;

const LIST: &str = "/router_hosts.v1.HostsService/ListHosts";
const EXPORT: &str = "/router_hosts.v1.HostsService/ExportHosts";
const IMPORT: &str = "/router_hosts.v1.HostsService/ImportHosts";
const ADD: &str = "/router_hosts.v1.HostsService/AddHost";

/// A node alone, and how it was before the flood.
struct Flooded {
    cluster: Cluster,
    resident: u64,
    descriptors: usize,
    served: u8,
}

impl Flooded {
    fn new() -> Self {
        let cluster = Cluster::of(1);
        let mut flooded = Self {
            cluster,
            resident: 0,
            descriptors: 0,
            served: 0,
        };
        flooded.serves();
        flooded.descriptors = flooded.open();
        flooded.begin();
        flooded
    }

    /// From here on memory is counted: what there is now, and the highest that follows.
    fn begin(&mut self) {
        // `man 5 proc_pid_clear_refs`: 5 begins the peak anew. Where the kernel does not, it counts on from the highest
        // so far.
        if let Err(error) = fs::write(self.proc().join("clear_refs"), "5") {
            eprintln!("the peak of memory cannot be begun anew: {error}");
        }
        self.resident = self.memory();
    }

    fn address(&self) -> String {
        self.cluster.address("n1")
    }

    /// The administrator's own certificate.
    fn admin(&self) -> Arc<ClientConfig> {
        let dir = self.cluster.dir();
        wire::client(&dir.join("client"), &dir.join("ca/ca.pem"))
    }

    /// Another client of the same CA.
    fn stranger(&self, name: &str) -> Arc<ClientConfig> {
        let dir = self.cluster.dir();
        let read = |name: &str| fs::read_to_string(dir.join("ca").join(name)).unwrap();
        let id: ClusterId = self.cluster.id().parse().unwrap();
        let ca = Authority::from_pem(id, &read("ca.pem"), &read("ca.key")).unwrap();
        let day = Duration::from_secs(24 * 60 * 60);
        let issued = ca
            .issue_client(Role::Editor, name, SystemClock.now(), day)
            .unwrap();
        let place = self.cluster.scratch(name);
        fs::create_dir(&place).unwrap();
        fs::write(place.join("cert.pem"), issued.cert_pem).unwrap();
        fs::write(place.join("key.pem"), issued.key_pem).unwrap();
        wire::client(&place, &dir.join("ca/ca.pem"))
    }

    /// Somebody else writes and reads, in time.
    fn serves(&mut self) {
        let began = Instant::now();
        self.served += 1;
        let name = format!("served-{}.lan", self.served);
        let hand = self.cluster.via_any();
        hand.add(&name, &format!("10.9.9.{}", self.served));
        assert_eq!(hand.get(&name).json()["hostname"], *name);
        let took = began.elapsed();
        assert!(took < SERVED_WITHIN, "a write and a read took {took:?}");
    }

    /// It holds: memory was never beyond its bound, up to now and while others are served, and no more than so many
    /// descriptors are taken.
    fn holds(&mut self, what: &str, growth_max: u64, taken_max: usize) {
        for _ in 0..2 {
            let growth = self.memory().saturating_sub(self.resident);
            let taken = self.open().saturating_sub(self.descriptors);
            eprintln!(
                "{what}: {} KiB more, {taken} descriptors more",
                growth >> 10
            );
            assert!(growth < growth_max, "{what} took {} MiB", growth >> 20);
            assert!(
                taken <= taken_max + OTHERS,
                "{what} took {taken} descriptors"
            );
            self.serves();
        }
    }

    /// What the flood has taken is given back, and the node is as it was.
    fn recovers(mut self) {
        let most = self.descriptors + OTHERS;
        until("the node has closed what it had opened", || {
            match self.open() {
                open if open <= most => Ok(()),
                open => Err(format!("{open} descriptors, {} before", self.descriptors)),
            }
        });
        self.serves();
        self.cluster.until_healthy();
        let log = self.cluster.log("n1");
        assert!(!log.contains("panicked"), "{log}");
    }

    fn proc(&self) -> PathBuf {
        let id = fs::read_to_string(self.cluster.node_dir("n1").join("pid")).unwrap();
        PathBuf::from("/proc").join(id.trim())
    }

    /// The highest resident memory since it was begun to be counted.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(self.proc().join("status")).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib << 10
    }

    fn open(&self) -> usize {
        fs::read_dir(self.proc().join("fd")).unwrap().count()
    }
}

/// Of whoever else is served, and of the node's own files.
const OTHERS: usize = 16;

/// Lets this process open so many files, or says that it may not.
fn may_open(files: u64) -> bool {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= files) {
        return true;
    }
    let more = Rlimit {
        current: Some(files),
        maximum: limit.maximum.map(|maximum| maximum.max(files)),
    };
    let may = setrlimit(Resource::Nofile, more).is_ok();
    if !may {
        let required = std::env::var_os("ROUTER_HOSTS_REQUIRE_ROOT_TESTS").is_some();
        assert!(!required, "this process may not open {files} files");
        eprintln!("not run: this process may not open {files} files");
    }
    may
}

#[test]
fn ten_thousand_who_say_nothing_and_noise_hold_up_nobody() {
    if !may_open(12_000) {
        return;
    }
    let mut flooded = Flooded::new();
    let address = flooded.address();
    // Of those who wait for a handshake the oldest give way; their ends here stay open.
    let silent: Vec<TcpStream> = (0..10_000)
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    flooded.holds("10,000 who say nothing", LITTLE, HANDSHAKES);
    drop(silent);

    let noise: Vec<u8> = (0..=255).cycle().take(64 * 1024).collect();
    let hello = b"GET / HTTP/1.1\r\nhost: router\r\n\r\n";
    let noisy: Vec<TcpStream> = (0..1000)
        .map(|n| {
            let mut socket = TcpStream::connect(&address).unwrap();
            // It may be closed before all of it is sent.
            socket
                .write_all(if n % 2 == 0 { &noise } else { hello })
                .ok();
            socket
        })
        .collect();
    flooded.holds("1,000 who send noise", LITTLE, HANDSHAKES);
    for mut socket in noisy {
        socket
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        // An alert perhaps, then the end.
        let mut rest = Vec::new();
        let ended = socket.read_to_end(&mut rest);
        assert!(
            ended.is_ok()
                || ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
        );
    }
    flooded.recovers();
}

#[test]
fn who_sends_a_byte_a_second_is_given_five_seconds() {
    let mut flooded = Flooded::new();
    let address = flooded.address();
    let began = Instant::now();
    // The beginning of a hello of 512 bytes: the rest is waited for.
    let mut slow: Vec<TcpStream> = (0..60)
        .map(|_| {
            let mut socket = TcpStream::connect(&address).unwrap();
            socket.write_all(&[0x16, 3, 1, 2, 0]).unwrap();
            socket
        })
        .collect();
    let connected = Instant::now();
    let mut seconds = 0;
    while let Some(first) = slow.first_mut() {
        // Until it is closed, or a second is over.
        waits(first, Duration::from_secs(1));
        slow.retain_mut(|socket| waits(socket, NOW) && socket.write_all(&[1]).is_ok());
        let (passed, open) = (began.elapsed(), slow.len());
        assert!(
            open == 60 || passed >= HANDSHAKE_TIME,
            "{open} are open after {passed:?}"
        );
        assert!(
            open == 0 || connected.elapsed() < HANDSHAKE_TIME + SLACK,
            "{open} are still open"
        );
        seconds += 1;
    }
    // What ended them was not what they sent.
    assert!(
        seconds < 200,
        "{seconds} bytes were sent in the time of a few"
    );
    flooded.holds("60 who begin a handshake", LITTLE, HANDSHAKES);
    flooded.recovers();
}

/// Whether the node neither says anything nor closes the connection for so long.
fn waits(socket: &mut TcpStream, long: Duration) -> bool {
    socket.set_read_timeout(Some(long)).unwrap();
    let said = socket.read(&mut [0; 64]);
    said.is_err_and(|error| {
        use std::io::ErrorKind::{TimedOut, WouldBlock};
        matches!(error.kind(), TimedOut | WouldBlock)
    })
}

/// The shortest there is.
const NOW: Duration = Duration::from_millis(1);

#[test]
fn one_client_that_leaks_connections_shuts_out_no_other() {
    if !may_open(2_000) {
        return;
    }
    let mut flooded = Flooded::new();
    let address = flooded.address();
    let leaky = flooded.stranger("leaky");
    let mut held = Vec::new();
    for n in 0..600 {
        // In the handshake, before the preface, in the preface, in a frame, in headers, in a message.
        let wire = match n % 5 {
            0 => Wire::silent(&address, &leaky),
            1 => Wire::silent(&address, &leaky)
                .and_then(|mut wire| wire.raw(b"PRI * HT").map(|()| wire)),
            2 => Wire::open(&address, &leaky, &[])
                .and_then(|mut wire| wire.raw(&[0, 64, 0]).map(|()| wire)),
            3 => Wire::open(&address, &leaky, &[])
                .and_then(|mut wire| wire.frame(HEADERS, 0, 1, &head(ADD)).map(|()| wire)),
            _ => Wire::open(&address, &leaky, &[]).and_then(|mut wire| {
                wire.call(1, ADD)?;
                wire.frame(DATA, 0, 1, &[0, 0, 0, 1, 0, 7]).map(|()| wire)
            }),
        };
        // Beyond its share it is closed at once.
        held.extend(wire);
    }
    let taken = flooded.open().saturating_sub(flooded.descriptors);
    assert!(
        taken >= CLIENT_SHARE - OTHERS,
        "{taken} connections are no flood"
    );
    flooded.holds(
        "a client with 600 connections",
        OF_CONNECTIONS,
        CLIENT_SHARE,
    );
    drop(held);
    flooded.recovers();
}

#[test]
fn a_client_that_opens_ten_thousand_streams_gets_its_share() {
    let mut flooded = Flooded::new();
    let (address, admin) = (flooded.address(), flooded.admin());
    let rows: String = (0..5000)
        .map(|n| {
            format!(
                "10.{}.{}.7 host-{n}.example.lan # in rack {n}\n",
                n / 250,
                n % 250
            )
        })
        .collect();
    let file = flooded.cluster.scratch("many.hosts");
    fs::write(&file, rows).unwrap();
    flooded
        .cluster
        .via_any()
        .run(&["host", "import", file.to_str().unwrap()])
        .json();
    flooded.begin();

    // Answers that nobody reads, with windows as large as there are.
    for (method, what) in [(LIST, "lists"), (EXPORT, "exports")] {
        let mut wire = Wire::open(&address, &admin, &[(4, (1 << 31) - 1)]).unwrap();
        wire.frame(8, 0, 0, &((1u32 << 31) - 1 - 65_535).to_be_bytes())
            .unwrap();
        let sent = (0..10_000u32).take_while(|&n| {
            let stream = 2 * n + 1;
            let sent = wire
                .call(stream, method)
                .and_then(|()| wire.message(stream, &[], true));
            sent.is_ok()
        });
        let sent = sent.count();
        assert!(sent > CALLS, "{sent} {what} are no flood");
        flooded.holds(&format!("{sent} {what} that nobody reads"), OF_ANSWERS, 1);
    }
    flooded.recovers();
}

#[test]
fn streams_that_never_end_are_not_gathered() {
    let mut flooded = Flooded::new();
    let (address, admin) = (flooded.address(), flooded.admin());
    // Imports that take their turn and then say no more, and others that wait for it with all that they may send.
    let mut imports = Wire::open(&address, &admin, &[]).unwrap();
    let chunk = [&[0x0a, 0x80, 0x40][..], &[b'#'; 8192]].concat();
    let sent = (0..1000u32).take_while(|&n| {
        let stream = 2 * n + 1;
        let sent = imports
            .call(stream, IMPORT)
            .and_then(|()| imports.message(stream, &chunk, false));
        sent.is_ok()
    });
    let sent = sent.count();
    assert!(sent > CALLS, "{sent} imports are no flood");
    flooded.holds(&format!("{sent} imports that do not end"), LITTLE, 1);

    // A message of 4 GiB, told by its length alone; and a small one, a few bytes of which come.
    let mut large = Wire::open(&address, &admin, &[]).unwrap();
    for n in 0..200 {
        let stream = 2 * n + 1;
        large.call(stream, ADD).unwrap();
        let length: u32 = if n % 2 == 0 { u32::MAX } else { 1 << 20 };
        let begun = [&[0][..], &length.to_be_bytes(), &[7; 64]].concat();
        large.frame(DATA, 0, stream, &begun).unwrap();
    }
    flooded.holds("200 messages that do not come", LITTLE, 2);
    drop((imports, large));
    flooded.recovers();
}

#[test]
fn frames_that_only_make_work_end_their_connection() {
    let mut flooded = Flooded::new();
    let (address, admin) = (flooded.address(), flooded.admin());
    let open = || Wire::open(&address, &admin, &[]).unwrap();

    // Headers without an end, and headers that are longer than any.
    let mut endless = open();
    endless.frame(HEADERS, 0, 1, &head(ADD)).unwrap();
    let mut more = Vec::new();
    literal(&mut more, "x", &[b'x'; 8000]);
    let went_on = (0..20_000).all(|_| endless.frame(CONTINUATION, 0, 1, &more).is_ok());
    assert!(
        !went_on || endless.is_closed(),
        "160 MB of headers were taken"
    );
    flooded.holds("headers without an end", LITTLE, 1);

    let mut bomb = open();
    let mut block = head(ADD);
    for n in 0..1000 {
        literal(&mut block, &format!("x-{n}"), &[b'x'; 10]);
    }
    let sent = (0..200u32).take_while(|&stream| {
        let sent = bomb.frame(HEADERS, END_HEADERS, 2 * stream + 1, &block);
        sent.is_ok()
    });
    let sent = sent.count();
    assert!(sent > 0, "nobody has taken headers");
    flooded.holds(&format!("{sent} calls of 1,000 headers"), LITTLE, 2);

    // Begun and taken back, 20,000 times.
    let mut rapid = open();
    let went_on = (0..20_000).all(|n| {
        let stream = 2 * n + 1;
        rapid.call(stream, LIST).is_ok()
            && rapid.frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]).is_ok()
    });
    assert!(
        !went_on || rapid.is_closed(),
        "20,000 calls were begun and taken back"
    );
    flooded.holds("20,000 calls that were taken back", LITTLE, 3);

    // Pings and settings whose answers nobody reads.
    let mut asking = open();
    let sent = (0..200_000u32).take_while(|&n| {
        let sent = match n % 2 {
            0 => asking.frame(PING, 0, 0, &[7; 8]),
            _ => asking.frame(SETTINGS, 0, 0, &[]),
        };
        sent.is_ok()
    });
    let sent = sent.count();
    assert!(sent > 1000, "{sent} questions are no flood");
    flooded.holds(&format!("{sent} questions of HTTP/2"), LITTLE, 4);

    // Garbage behind a good handshake.
    let mut garbage: Vec<Wire> = (0..50)
        .map(|_| {
            let mut wire = Wire::silent(&address, &admin).unwrap();
            let noise: Vec<u8> = (0..=255).cycle().take(16 * 1024).collect();
            // It may be closed before all of it is sent.
            wire.raw(&noise).ok();
            wire
        })
        .collect();
    assert!(garbage.iter_mut().all(Wire::is_closed));
    drop((endless, bomb, rapid, asking, garbage));
    flooded.recovers();
}
