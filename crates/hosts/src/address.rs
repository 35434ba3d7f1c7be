//! Addresses of hosts: parsed once, always canonical.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

use crate::text::shorten;

/// An IP address in its canonical form: an IPv4-mapped IPv6 address (`::ffff:10.0.0.7`) is kept as the IPv4 address
/// it stands for, so one address has one key. Ordered IPv4 before IPv6, each as a number. Displayed as RFC 5952 says.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address(IpAddr);

impl Address {
    /// Reads an address as dotted decimal or RFC 4291 text.
    ///
    /// Refused are zone ids (`fe80::1%eth0`: an interface name means nothing on another node), leading zeros and the
    /// short and hexadecimal forms that some C libraries accept.
    ///
    /// # Errors
    /// [`InvalidAddress`] with the text, shortened.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        if text.contains('%') {
            return Err(InvalidAddress::Zone {
                input: shorten(text),
            });
        }
        match text.parse::<IpAddr>() {
            Ok(ip) => Ok(Self::new(ip)),
            Err(_) => Err(InvalidAddress::Syntax {
                input: shorten(text),
            }),
        }
    }

    /// The canonical form of an address.
    #[must_use]
    pub fn new(ip: IpAddr) -> Self {
        Self(ip.to_canonical())
    }

    /// Sorts before every other address, or is it: 0.0.0.0. A bound for ranges over an index.
    pub(crate) const fn before_all() -> Self {
        Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// Sorts after every other address, or is it: all bits of IPv6 set.
    pub(crate) const fn after_all() -> Self {
        Self(IpAddr::V6(Ipv6Addr::from_bits(u128::MAX)))
    }

    /// The address for the standard library.
    #[must_use]
    pub const fn ip(self) -> IpAddr {
        self.0
    }
}

/// Why a text is not an [`Address`].
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum InvalidAddress {
    /// It carries a zone id.
    #[error("`{input}` has a zone id, which names an interface of one machine only")]
    Zone {
        /// The text, shortened.
        input: String,
    },
    /// It is not an address at all.
    #[error("`{input}` is not an IP address")]
    Syntax {
        /// The text, shortened.
        input: String,
    },
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        Self::parse(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        Address::parse(text).unwrap().to_string()
    }

    #[test]
    fn equal_addresses_have_equal_text() {
        assert_eq!(canonical("10.0.0.7"), "10.0.0.7");
        assert_eq!(canonical("::ffff:10.0.0.7"), "10.0.0.7");
        assert_eq!(canonical("0:0:0:0:0:0:0:1"), "::1");
        assert_eq!(canonical("FD00::00A"), "fd00::a");
        assert_eq!(canonical("0.0.0.0"), "0.0.0.0");
    }

    #[test]
    fn forms_that_readers_disagree_on_are_refused() {
        for text in [
            "",
            " 10.0.0.1",
            "10.0.0.012",
            "127.1",
            "0x7f000001",
            "10.0.0.256",
            "10.0.0.1/8",
            "[::1]",
            "nas.lan",
        ] {
            let refused = Address::parse(text).unwrap_err();
            assert!(matches!(refused, InvalidAddress::Syntax { .. }), "{text}");
        }
    }

    #[test]
    fn a_zone_id_is_refused_by_name() {
        let refused = Address::parse("fe80::1%eth0").unwrap_err();
        assert!(matches!(refused, InvalidAddress::Zone { .. }));
        assert!(refused.to_string().contains("fe80::1%eth0"));
    }

    #[test]
    fn addresses_sort_as_numbers_and_v4_first() {
        let mut sorted: Vec<Address> = ["fd00::1", "10.0.0.10", "::1", "10.0.0.2", "9.255.0.1"]
            .iter()
            .map(|text| Address::parse(text).unwrap())
            .collect();
        sorted.sort();
        let texts: Vec<String> = sorted.iter().map(Address::to_string).collect();
        assert_eq!(
            texts,
            ["9.255.0.1", "10.0.0.2", "10.0.0.10", "::1", "fd00::1"]
        );
    }
}
