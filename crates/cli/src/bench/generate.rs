//! A hosts file of any length, the same for the same seed.

use crate::chance::Chance;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Writes `lines` hosts, one a line: every name once, some IPv6, some with
/// aliases, some with a comment, as files that people keep.
pub(crate) fn write(lines: u32, seed: u64, out: &mut impl Write) -> io::Result<()> {
    let mut chance = Chance::new(seed);
    for line in 0..lines {
        let bits = chance.next();
        match bits % 16 {
            0 => write!(
                out,
                "{}",
                Ipv6Addr::from_bits(0xfd00 << 112 | u128::from(bits >> 8))
            )?,
            _ => write!(out, "{}", Ipv4Addr::from_bits(10 << 24 | low(bits >> 8)))?,
        }
        let site = SITES
            .get(low(bits >> 32) as usize % SITES.len())
            .unwrap_or(&"lan");
        write!(out, " host-{line:06}.{site}")?;
        if bits >> 40 & 7 == 0 {
            write!(out, " www-{line:06}.{site} h{line}")?;
        }
        if bits >> 44 & 15 == 0 {
            write!(out, " # rack {}", bits >> 48 & 63)?;
        }
        writeln!(out)?;
    }
    out.flush()
}

const SITES: &[&str] = &["lan", "home.arpa", "lab.test", "office.example.com"];

/// The low 24 bits.
fn low(bits: u64) -> u32 {
    u32::try_from(bits & 0xff_ffff).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hosts::format::hosts_file;
    use std::collections::HashSet;

    fn file(lines: u32, seed: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(lines, seed, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_same_seed_is_the_same_file() {
        assert_eq!(file(500, 7), file(500, 7));
        assert_ne!(file(500, 7), file(500, 8));
        assert!(file(500, 7).starts_with(&file(50, 7)));
        // These bytes are used by name in measurements: they stay.
        let first = String::from_utf8(file(3, 0)).unwrap();
        assert_eq!(first, include_str!("generate.golden"));
    }

    #[test]
    fn every_line_is_a_host_that_an_import_takes() {
        let parsed = hosts_file::parse(&file(20_000, 3)).unwrap();
        assert_eq!((parsed.rows.len(), parsed.warnings_total), (20_000, 0));
        let hosts: Vec<_> = parsed.rows.iter().map(|row| &row.host).collect();
        let names: Vec<_> = hosts.iter().flat_map(|host| host.names()).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        assert!(hosts.iter().any(|host| host.address.ip().is_ipv6()));
        assert!(hosts.iter().any(|host| host.comment.is_some()));
        assert!(names.len() > hosts.len());
    }

    #[test]
    fn no_lines_are_no_bytes() {
        assert_eq!(file(0, 1), b"");
    }
}
