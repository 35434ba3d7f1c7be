//! One host as the projection keeps it, and its id.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::address::Address;
use crate::command::NewHost;
use crate::name::{Aliases, Hostname};
use crate::stamp::Revision;
use crate::text::{Comment, Tags, shorten};
use crate::time::Timestamp;
use crate::ulid::{self, DIGITS};

/// A live record. No two hosts, disabled ones included, share an address together with one of their names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Host {
    /// Given once, never reused.
    pub id: HostId,
    /// Where the names lead.
    pub address: Address,
    /// The first name of its line.
    pub hostname: Hostname,
    /// Further names; never the hostname again.
    pub aliases: Aliases,
    /// Words to group by; not rendered.
    pub tags: Tags,
    /// A remark; rendered only when the view asks for it.
    pub comment: Option<Comment>,
    /// Whether it is rendered at all.
    pub enabled: bool,
    /// The revision that last changed it.
    pub version: Revision,
    /// The stamp of the change that created it.
    pub created: Timestamp,
    /// The stamp of the change that last changed it.
    pub updated: Timestamp,
}

impl Host {
    /// All its names, the hostname first, then the aliases in their order.
    pub fn names(&self) -> impl Iterator<Item = &Hostname> {
        std::iter::once(&self.hostname).chain(&self.aliases)
    }

    /// What a person said about it, without id, version and times.
    #[must_use]
    pub fn facts(&self) -> NewHost {
        NewHost {
            address: self.address,
            hostname: self.hostname.clone(),
            aliases: self.aliases.clone(),
            tags: self.tags.clone(),
            comment: self.comment.clone(),
            enabled: self.enabled,
        }
    }
}

/// A ULID: 48 bits of milliseconds, 80 bits of chance. Displayed as 26 characters of Crockford's base 32; ordered by
/// time of creation, then by chance.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HostId(u128);

impl HostId {
    /// The id with these 128 bits.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// Its 128 bits.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// The n-th id of a change: its time, then the low 80 bits of its seed, counted up by `n` (wrapping within them).
    /// Of `at`, the low 48 bits are taken, which last until the year 10889.
    #[must_use]
    pub const fn nth(at: Timestamp, seed: u128, n: u32) -> Self {
        Self(ulid::nth(at, seed, n))
    }
}

/// A text that is not a [`HostId`].
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("`{input}` is not a host id (a ULID of {DIGITS} characters)")]
pub struct InvalidHostId {
    /// The text, shortened.
    pub input: String,
}

impl FromStr for HostId {
    type Err = InvalidHostId;

    /// Reads either case. Crockford's stand-ins (`O` for 0, `I` and `L` for 1) are not taken: one id, one text.
    fn from_str(text: &str) -> Result<Self, InvalidHostId> {
        let refused = || InvalidHostId {
            input: shorten(text),
        };
        ulid::read(text).map(Self).ok_or_else(refused)
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&ulid::text(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_what_it_displays() {
        for (bits, text) in [
            (0, "00000000000000000000000000"),
            (1, "00000000000000000000000001"),
            (u128::MAX, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
        ] {
            let id = HostId::from_u128(bits);
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse::<HostId>().unwrap(), id);
            assert_eq!(text.to_lowercase().parse::<HostId>().unwrap(), id);
        }
        // The example of the ULID specification.
        let id: HostId = "01ARYZ6S41TSV4RRFFQ69G5FAV".parse().unwrap();
        assert_eq!(id.as_u128() >> 80, 1_469_918_176_385);
        assert_eq!(id.to_string(), "01ARYZ6S41TSV4RRFFQ69G5FAV");
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "0000000000000000000000000",
            "000000000000000000000000000",
            "80000000000000000000000000",
            "ZZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "0000000000000000000000000U",
            "0000000000000000000000000O",
            "000000000000000000000000ü",
        ] {
            assert!(text.parse::<HostId>().is_err(), "{text}");
        }
    }

    #[test]
    fn ids_of_one_change_follow_each_other_and_keep_its_time() {
        let at = Timestamp::from_millis(0x0123_4567_89ab);
        let seed = u128::MAX;
        assert_eq!(
            HostId::nth(at, seed, 0).as_u128(),
            0x0123_4567_89ab_ffff_ffff_ffff_ffff_ffff
        );
        assert_eq!(
            HostId::nth(at, seed, 1).as_u128(),
            0x0123_4567_89ab_0000_0000_0000_0000_0000
        );
        assert_eq!(HostId::nth(at, 7, 3).as_u128() & 0xff, 10);
    }
}
