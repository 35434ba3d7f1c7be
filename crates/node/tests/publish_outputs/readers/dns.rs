//! dnsmasq, asked over UDP: as fast as it answers, and no more of the
//! protocol than that needs (RFC 1035, RFC 6891).

use std::{
    fs::File,
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, UdpSocket},
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A running dnsmasq; dropping it ends it.
pub(super) struct Dnsmasq {
    child: Child,
    socket: UdpSocket,
    id: u16,
}

const A: u16 = 1;
const PTR: u16 = 12;
const AAAA: u16 = 28;

impl Dnsmasq {
    /// One that has read every file it takes from `directory`.
    pub(super) fn start(directory: &Path) -> Self {
        // Somebody may take the port between its choice and its use.
        for _ in 0..5 {
            if let Some(running) = Self::try_start(directory) {
                return running;
            }
        }
        panic!("dnsmasq does not start");
    }

    fn try_start(directory: &Path) -> Option<Self> {
        let free = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut command = Command::new("dnsmasq");
        command
            .args([
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--no-hosts",
            ])
            .args(["--no-resolv", "--log-facility=-", "--pid-file="])
            .args(["--listen-address=127.0.0.1", "--bind-interfaces"])
            .args(["--edns-packet-max=4096", &format!("--port={port}")])
            .arg(format!("--addn-hosts={}", directory.display()));
        if File::open("/proc/self").unwrap().metadata().unwrap().uid() == 0 {
            // It would become somebody who may not read the files of a test.
            command.args(["--user=root", "--group=root"]);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let mut running = Self {
            child,
            socket,
            id: 0,
        };
        let patience = Instant::now() + Duration::from_secs(30);
        while running.child.try_wait().unwrap().is_none() {
            if running.try_ask("nobody.test", A).is_ok() {
                let patient = Some(Duration::from_secs(10));
                running.socket.set_read_timeout(patient).unwrap();
                return Some(running);
            }
            assert!(Instant::now() < patience, "dnsmasq does not answer");
        }
        None
    }

    /// Every address it has for `name`.
    pub(super) fn addresses(&mut self, name: &str) -> Vec<IpAddr> {
        let both = [A, AAAA].map(|kind| self.ask(name, kind));
        let records = both.concat();
        let address = |data: &Vec<u8>| match data.len() {
            4 => IpAddr::from(<[u8; 4]>::try_from(&data[..]).unwrap()),
            _ => IpAddr::from(<[u8; 16]>::try_from(&data[..]).unwrap()),
        };
        records.iter().map(address).collect()
    }

    /// The name it has for an address, if its answer is not shortened: dnsmasq
    /// does not shorten names in these.
    pub(super) fn name_of(&mut self, address: Ipv4Addr) -> Option<String> {
        let [a, b, c, d] = address.octets();
        let found = self.ask(&format!("{d}.{c}.{b}.{a}.in-addr.arpa"), PTR);
        let mut data = &found.first()?[..];
        let mut labels = Vec::new();
        while let Some((&length, rest)) = data.split_first()
            && length > 0
        {
            let (label, rest) = rest.split_at(usize::from(length));
            labels.push(String::from_utf8(label.to_vec()).unwrap());
            data = rest;
        }
        Some(labels.join("."))
    }

    fn ask(&mut self, name: &str, kind: u16) -> Vec<Vec<u8>> {
        self.try_ask(name, kind)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The data of the records of this kind in the answer.
    fn try_ask(&mut self, name: &str, kind: u16) -> io::Result<Vec<Vec<u8>>> {
        self.id = self.id.wrapping_add(1);
        let mut query = Vec::new();
        // One question, recursion desired, one additional record.
        for word in [self.id, 0x0100, 1, 0, 0, 1] {
            query.extend_from_slice(&word.to_be_bytes());
        }
        for label in name.split('.') {
            query.push(u8::try_from(label.len()).unwrap());
            query.extend_from_slice(label.as_bytes());
        }
        query.push(0);
        for word in [kind, 1] {
            query.extend_from_slice(&word.to_be_bytes());
        }
        let question_end = query.len();
        // An OPT record: answers may have 4,096 bytes.
        query.extend_from_slice(&[0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0]);
        self.socket.send(&query)?;
        let mut buffer = [0; 4_096];
        let answer = loop {
            let length = self.socket.recv(&mut buffer)?;
            let answer = &buffer[..length];
            // A late answer to a question that was given up.
            if answer.starts_with(&self.id.to_be_bytes()) {
                break answer;
            }
        };
        let word = |at: usize| u16::from_be_bytes([answer[at], answer[at + 1]]);
        if word(2) & 0x0200 != 0 {
            return Err(io::Error::new(ErrorKind::InvalidData, "the answer is cut"));
        }
        let (mut at, mut records) = (question_end, Vec::new());
        for _ in 0..word(6) {
            while answer[at] != 0 && answer[at] < 0xc0 {
                at += 1 + usize::from(answer[at]);
            }
            at += if answer[at] == 0 { 1 } else { 2 };
            let (found, length) = (word(at), usize::from(word(at + 8)));
            let data = &answer[at + 10..at + 10 + length];
            if found == kind {
                records.push(data.to_vec());
            }
            at += 10 + length;
        }
        Ok(records)
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        // It may have ended already; there is nothing to save.
        self.child.kill().unwrap_or_default();
        self.child.wait().unwrap();
    }
}
