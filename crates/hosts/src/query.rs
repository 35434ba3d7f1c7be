//! Searching: terms that a host must match, all of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use thiserror::Error;

use crate::address::Address;
use crate::host::Host;
use crate::limits::{QUERY_BYTES_MAX, QUERY_TERMS_MAX};
use crate::name::Hostname;
use crate::projection::Projection;
use crate::text::{Tag, shorten};

/// Terms separated by blanks; a host matches when it matches every one. Without terms every host matches.
///
/// | Term | Matches |
/// |---|---|
/// | `tag:NAME` | hosts with exactly this tag |
/// | `name:TEXT` | a hostname or alias that contains the text |
/// | `comment:TEXT` | a comment that contains the text |
/// | `ip:ADDRESS`, `ip:10.0.0.0/8`, or either without `ip:` | the address, or all of its network |
/// | `is:enabled`, `is:disabled` | that state |
/// | any other word | a hostname, an alias or a comment that contains it |
///
/// Case does not matter, except in tags.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Query {
    terms: Vec<Term>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Term {
    Tag(Tag),
    Name(Needle),
    Comment(Needle),
    Address(Network),
    Enabled(bool),
    Anywhere(Needle),
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// [`InvalidQuery`] when it is too long, or a term has an unknown key or a value that its key does not take.
    pub fn parse(text: &str) -> Result<Self, InvalidQuery> {
        if text.len() > QUERY_BYTES_MAX {
            return Err(InvalidQuery::TooLong { bytes: text.len() });
        }
        let terms: Vec<Term> = text
            .split_whitespace()
            .map(Term::parse)
            .collect::<Result<_, _>>()?;
        if terms.len() > QUERY_TERMS_MAX {
            return Err(InvalidQuery::TooManyTerms { terms: terms.len() });
        }
        Ok(Self { terms })
    }

    /// `is:enabled`.
    #[must_use]
    pub fn enabled() -> Self {
        let terms = vec![Term::Enabled(true)];
        Self { terms }
    }

    /// Whether a host matches every term.
    #[must_use]
    pub fn matches(&self, host: &Host) -> bool {
        self.terms.iter().all(|term| term.matches(host))
    }

    /// The addresses that can match: what all its networks have in common.
    fn span(&self) -> Network {
        self.terms
            .iter()
            .fold(Network::ALL, |span, term| match term {
                Term::Address(network) => span.intersection(*network),
                _ => span,
            })
    }
}

impl Projection {
    /// The hosts that match, in the order of lists. A term with an address looks at that part of the index only.
    pub fn search<'a>(&'a self, query: &'a Query) -> impl Iterator<Item = &'a Arc<Host>> {
        self.search_after(query, None)
    }

    /// The same, from the first that follows `after` in the order of lists.
    pub fn search_after<'a>(
        &'a self,
        query: &'a Query,
        after: Option<&Host>,
    ) -> impl Iterator<Item = &'a Arc<Host>> + use<'a> {
        let Network { first, last } = query.span();
        self.hosts_between(first, last, after)
            .filter(|host| query.matches(host))
    }
}

/// Why a text is not a [`Query`].
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum InvalidQuery {
    /// More text than a query may have.
    #[error("a query of {bytes} bytes is longer than {QUERY_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// More terms than a query may have.
    #[error("{terms} terms are more than the {QUERY_TERMS_MAX} of a query")]
    TooManyTerms {
        /// How many there are.
        terms: usize,
    },
    /// A `key:` that means nothing here.
    #[error("`{term}` has an unknown key (tag, name, comment, ip or is)")]
    UnknownKey {
        /// The term, shortened.
        term: String,
    },
    /// A value that its key does not take.
    #[error("`{term}` is not {wanted}")]
    Value {
        /// The term, shortened.
        term: String,
        /// What it should have been.
        wanted: &'static str,
    },
}

impl Term {
    fn parse(term: &str) -> Result<Self, InvalidQuery> {
        if let Some(network) = Network::parse(term) {
            return Ok(Self::Address(network));
        }
        let value_error = |wanted| InvalidQuery::Value {
            term: shorten(term),
            wanted,
        };
        if looks_like_a_network(term) {
            return Err(value_error("a network such as 10.0.0.0/8"));
        }
        let Some((key, value)) = term.split_once(':') else {
            return Ok(Self::Anywhere(Needle::new(term)));
        };
        if value.is_empty() {
            return Err(value_error("a key with a value"));
        }
        match key {
            "tag" => Tag::parse(value)
                .map(Self::Tag)
                .map_err(|_| value_error("a tag")),
            "name" => Ok(Self::Name(Needle::new(value))),
            "comment" => Ok(Self::Comment(Needle::new(value))),
            "ip" => Network::parse(value)
                .map(Self::Address)
                .ok_or_else(|| value_error("an address or a network such as 10.0.0.0/8")),
            "is" => match value {
                "enabled" => Ok(Self::Enabled(true)),
                "disabled" => Ok(Self::Enabled(false)),
                _ => Err(value_error("is:enabled or is:disabled")),
            },
            _ => Err(InvalidQuery::UnknownKey {
                term: shorten(term),
            }),
        }
    }

    fn matches(&self, host: &Host) -> bool {
        match self {
            Self::Tag(tag) => host.tags.as_slice().binary_search(tag).is_ok(),
            Self::Name(needle) => needle.in_names(host),
            Self::Comment(needle) => needle.in_comment(host),
            Self::Address(network) => network.contains(host.address),
            Self::Enabled(enabled) => host.enabled == *enabled,
            Self::Anywhere(needle) => needle.in_names(host) || needle.in_comment(host),
        }
    }
}

/// Whether someone who typed `term` meant a network: numbers before a slash.
fn looks_like_a_network(term: &str) -> bool {
    let Some((ip, _)) = term.split_once('/') else {
        return false;
    };
    let v4 = |b: u8| b.is_ascii_digit() || b == b'.';
    let v6 = |b: u8| b.is_ascii_hexdigit() || b == b':' || b == b'.';
    !ip.is_empty() && (ip.bytes().all(v4) || (ip.contains(':') && ip.bytes().all(v6)))
}

/// A text to be found in others, whatever the case.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Needle {
    lower: String,
    /// The same as it stands in names, when it is of another script: names are kept as punycode.
    punycode: Option<Hostname>,
}

impl Needle {
    fn new(text: &str) -> Self {
        let foreign = (!text.is_ascii()).then(|| Hostname::parse(text).ok());
        Self {
            lower: text.to_lowercase(),
            punycode: foreign.flatten(),
        }
    }

    fn in_names(&self, host: &Host) -> bool {
        let wanted = self
            .punycode
            .as_ref()
            .map_or(&*self.lower, Hostname::as_str);
        host.names().any(|name| name.as_str().contains(wanted))
    }

    fn in_comment(&self, host: &Host) -> bool {
        let comment = host.comment.as_ref();
        comment.is_some_and(|comment| comment.as_str().to_lowercase().contains(&self.lower))
    }
}

/// All addresses from `first` to `last`; none if `last` comes before.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
struct Network {
    first: Address,
    last: Address,
}

impl Network {
    const ALL: Self = Self {
        first: Address::before_all(),
        last: Address::after_all(),
    };

    /// Reads an address or a network in CIDR form; bits after the prefix are ignored.
    fn parse(text: &str) -> Option<Self> {
        let Some((ip, prefix)) = text.split_once('/') else {
            let address = Address::parse(text).ok()?;
            return Some(Self {
                first: address,
                last: address,
            });
        };
        let digits = prefix.bytes().all(|b| b.is_ascii_digit());
        let prefix: u32 = prefix.parse().ok().filter(|_| digits)?;
        let (first, last) = match ip.parse().ok()? {
            IpAddr::V4(ip) if prefix <= 32 => {
                let host_bits = u32::MAX.checked_shr(prefix).unwrap_or(0);
                let first = ip.to_bits() & !host_bits;
                let [first, last] = [first, first | host_bits].map(Ipv4Addr::from_bits);
                (IpAddr::V4(first), IpAddr::V4(last))
            }
            IpAddr::V6(ip) if prefix <= 128 => {
                let host_bits = u128::MAX.checked_shr(prefix).unwrap_or(0);
                let first = ip.to_bits() & !host_bits;
                let [first, last] = [first, first | host_bits].map(Ipv6Addr::from_bits);
                (IpAddr::V6(first), IpAddr::V6(last))
            }
            _ => return None,
        };
        Some(Self {
            first: Address::new(first),
            last: Address::new(last),
        })
    }

    fn contains(self, address: Address) -> bool {
        (self.first..=self.last).contains(&address)
    }

    fn intersection(self, other: Self) -> Self {
        Self {
            first: self.first.max(other.first),
            last: self.last.min(other.last),
        }
    }
}
