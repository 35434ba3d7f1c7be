//! The hosts of a run: no two alike, and none that could be mistaken for a
//! host that somebody needs.
//!
//! Names are under `.test`, which RFC 6761 keeps free of meaning; addresses
//! are of 198.18.0.0/15, which RFC 2544 keeps for benchmarks.

use crate::exit::{Failure, reasons, shown};
use hosts::limits::COMMENT_BYTES_MAX;
use hosts::{Address, Comment, Host, HostPatch, Hostname, NewHost, RequestId};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use thiserror::Error;

/// The first part of every name: what `bench clean` goes by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Prefix(String);

/// A text that cannot begin the names of a run.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("`{0}` is not a prefix: 1–{PREFIX_CHARS_MAX} of a–z, 0–9 and `-`, not at its ends")]
pub(crate) struct InvalidPrefix(String);

/// Leaves room in a label for the run and the number.
const PREFIX_CHARS_MAX: usize = 24;

impl FromStr for Prefix {
    type Err = InvalidPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidPrefix> {
        let fit = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let ends = text.starts_with('-') || text.ends_with('-');
        if (1..=PREFIX_CHARS_MAX).contains(&text.len()) && text.bytes().all(fit) && !ends {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidPrefix(shown(text)))
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self("bench".to_owned())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Prefix {
    /// A query that finds at least the hosts of this prefix.
    pub(crate) fn query(&self) -> String {
        format!("name:{self}- {NETWORK}/{NETWORK_BITS}")
    }

    /// Whether a run with this prefix added the host.
    pub(crate) fn has(&self, host: &Host) -> bool {
        let name = host.hostname.as_str();
        let parts = name
            .strip_prefix(&self.0)
            .and_then(|rest| rest.strip_prefix('-'))
            .and_then(|rest| rest.strip_suffix(DOMAIN))
            .and_then(|rest| rest.split_once('-'));
        // A longer prefix, such as `bench-two` beside `bench`, is another one.
        parts.is_some_and(|(run, number)| {
            run.len() == RUN_CHARS
                && run.bytes().all(|b| b.is_ascii_hexdigit())
                && number.bytes().all(|b| b.is_ascii_digit())
        }) && within_network(host.address)
    }
}

/// The names of one run.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    prefix: Prefix,
    /// Drawn for every run, so that two of them never meet.
    run: u32,
    payload: usize,
}

/// Bytes of comment that a host of a run may have.
pub(crate) const PAYLOAD_MAX: usize = COMMENT_BYTES_MAX;

const DOMAIN: &str = ".test";
const RUN_CHARS: usize = 8;
const NETWORK: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);
const NETWORK_BITS: u32 = 15;
/// As many as the network has.
const ADDRESSES: u64 = 1 << (u32::BITS - NETWORK_BITS);

impl Names {
    /// Draws the names of a new run.
    pub(crate) fn draw(prefix: Prefix, payload: usize) -> Result<Self, Failure> {
        let mut bits = [0; 4];
        getrandom::fill(&mut bits).map_err(|cause| {
            Failure::of(
                reasons::RANDOM,
                format!("cannot draw the name of a run: {cause}"),
            )
        })?;
        Ok(Self {
            prefix,
            run: u32::from_be_bytes(bits),
            payload,
        })
    }

    /// The run, as it stands in every name.
    pub(crate) fn run(&self) -> String {
        format!("{:08x}", self.run)
    }

    /// The host of this number. Addresses begin again after 131,072 hosts;
    /// names never do.
    pub(crate) fn host(&self, number: u64) -> Result<NewHost, Failure> {
        let name = format!("{}-{}-{number}{DOMAIN}", self.prefix, self.run());
        let offset = u32::try_from(number % ADDRESSES).unwrap_or(0);
        let address = Ipv4Addr::from_bits(NETWORK.to_bits() | offset);
        Ok(NewHost {
            comment: self.comment("")?,
            ..NewHost::new(
                Address::new(address.into()),
                Hostname::parse(&name).map_err(Failure::usage)?,
            )
        })
    }

    /// A change of such a host that is none of those before it.
    pub(crate) fn patch(&self, round: u64) -> Result<HostPatch, Failure> {
        Ok(HostPatch {
            comment: Some(self.comment(&format!("{round} "))?),
            ..HostPatch::default()
        })
    }

    /// The request id of this number.
    pub(crate) fn request(&self, number: u64) -> Result<RequestId, Failure> {
        RequestId::parse(&format!("{}-{}-{number}", self.prefix, self.run()))
            .map_err(Failure::usage)
    }

    fn comment(&self, start: &str) -> Result<Option<Comment>, Failure> {
        let filling = b"0123456789abcdef".iter().cycle().copied().map(char::from);
        let text: String = start
            .chars()
            .chain(filling)
            .take(self.payload.max(start.len()))
            .collect();
        Comment::parse_optional(text.trim_end()).map_err(Failure::usage)
    }
}

fn within_network(address: Address) -> bool {
    match address.ip() {
        IpAddr::V4(ip) => u64::from(ip.to_bits() ^ NETWORK.to_bits()) < ADDRESSES,
        IpAddr::V6(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hosts::{HostId, Query, Revision, Timestamp};

    fn names(prefix: &str, run: u32, payload: usize) -> Names {
        Names {
            prefix: prefix.parse().unwrap(),
            run,
            payload,
        }
    }

    fn recorded(host: NewHost) -> Host {
        Host {
            id: HostId::from_u128(1),
            address: host.address,
            hostname: host.hostname,
            aliases: host.aliases,
            tags: host.tags,
            comment: host.comment,
            enabled: host.enabled,
            version: Revision::new(1),
            created: Timestamp::from_millis(0),
            updated: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn a_prefix_finds_its_own_hosts_and_no_others() {
        let prefix: Prefix = "bench".parse().unwrap();
        let query = Query::parse(&prefix.query()).unwrap();
        for number in [0, 1, ADDRESSES - 1, ADDRESSES, u64::MAX] {
            let host = recorded(names("bench", u32::MAX, 0).host(number).unwrap());
            assert!(prefix.has(&host) && query.matches(&host), "{number}");
        }
        let own = recorded(names("bench", 7, 0).host(3).unwrap());
        for (name, address) in [
            ("bench-two-00000007-3.test", "198.18.0.3"),
            ("bench-00000007-3.lan", "198.18.0.3"),
            ("bench-3.test", "198.18.0.3"),
            ("bench-00000007-3.test", "10.0.0.7"),
            ("bench-00000007-3.test", "198.20.0.0"),
            ("bench-00000007-3.test", "fd00::7"),
        ] {
            let other = Host {
                hostname: Hostname::parse(name).unwrap(),
                address: Address::parse(address).unwrap(),
                ..own.clone()
            };
            assert!(!prefix.has(&other), "{name} {address}");
        }
    }

    #[test]
    fn a_comment_has_as_many_bytes_as_asked_for_and_every_round_another() {
        for payload in [0, 1, 40, PAYLOAD_MAX] {
            let names = names("a", 1, payload);
            let comment = names.host(1).unwrap().comment;
            assert_eq!(comment.map_or(0, |text| text.as_str().len()), payload);
            let (one, two) = (names.patch(1).unwrap(), names.patch(2).unwrap());
            assert_ne!(one, two, "{payload}");
        }
    }

    #[test]
    fn what_is_no_label_is_no_prefix() {
        let long = "a".repeat(PREFIX_CHARS_MAX + 1);
        for text in ["", "-a", "a-", "A", "a.b", "ä", &long] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
        assert!("a".repeat(PREFIX_CHARS_MAX).parse::<Prefix>().is_ok());
    }
}
