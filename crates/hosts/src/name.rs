//! Host names: parsed once, always lower case ASCII without a trailing dot.
//!
//! Every reader of a hosts file must take the text for the same name, so what readers disagree on (wildcards, names
//! that a C library reads as an address, raw UTF-8) never gets in.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use thiserror::Error;

use crate::limits::{ALIASES_MAX, HOSTNAME_BYTES_MAX, HOSTNAME_INPUT_BYTES_MAX, LABEL_BYTES_MAX};
use crate::text::{TooMany, shorten};

/// A host name in canonical form: 1–253 bytes of lower case letters, digits, `-` and `_` in labels of 1–63, other
/// scripts as punycode (UTS #46). Ordered by its text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Hostname(Arc<str>);

impl Hostname {
    /// Reads a name: one trailing dot is dropped, letters become lower case, other scripts punycode.
    ///
    /// `_` is allowed, because real lists have it (see [`Hostname::has_underscore`]). Refused are wildcards, and
    /// names that could be taken for an address: a last label of digits only, or anything `inet_aton` would read.
    ///
    /// # Errors
    /// [`InvalidHostname`] with the text, shortened, and the fault.
    pub fn parse(text: &str) -> Result<Self, InvalidHostname> {
        canonical(text).map_err(|why| InvalidHostname {
            input: shorten(text),
            why,
        })
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a label has a `_`: allowed here, but some readers (systemd-resolved) skip such a name.
    #[must_use]
    pub fn has_underscore(&self) -> bool {
        self.0.contains('_')
    }

    /// Sorts before every name. A bound for ranges over an index; never stored.
    pub(crate) fn before_all() -> Self {
        Self(Arc::default())
    }
}

fn canonical(text: &str) -> Result<Hostname, HostnameFault> {
    if text.len() > HOSTNAME_INPUT_BYTES_MAX {
        return Err(HostnameFault::TooLong);
    }
    if text.is_ascii() && !has_punycode(text) {
        let name = without_root(text);
        check(name)?;
        return Ok(Hostname(if name.bytes().any(|b| b.is_ascii_uppercase()) {
            name.to_ascii_lowercase().into()
        } else {
            name.into()
        }));
    }
    // Lengths and characters are checked below, so that every road ends at the same rule.
    let mapped = Uts46::new()
        .to_ascii(
            text.as_bytes(),
            AsciiDenyList::EMPTY,
            Hyphens::Allow,
            DnsLength::Ignore,
        )
        .map_err(|_| HostnameFault::Idna)?;
    let name = without_root(&mapped);
    check(name)?;
    Ok(Hostname(name.into()))
}

fn has_punycode(text: &str) -> bool {
    text.as_bytes()
        .windows(4)
        .any(|w| w.eq_ignore_ascii_case(b"xn--"))
}

fn without_root(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// Whether an ASCII text, in either case, is a name.
fn check(name: &str) -> Result<(), HostnameFault> {
    if name.is_empty() {
        return Err(HostnameFault::Empty);
    }
    if name.len() > HOSTNAME_BYTES_MAX {
        return Err(HostnameFault::TooLong);
    }
    let mut last = name;
    for label in name.split('.') {
        check_label(label)?;
        last = label;
    }
    if last.bytes().all(|b| b.is_ascii_digit()) || read_as_address_in_c(name) {
        return Err(HostnameFault::Numeric);
    }
    Ok(())
}

fn check_label(label: &str) -> Result<(), HostnameFault> {
    if label.is_empty() {
        return Err(HostnameFault::EmptyLabel);
    }
    if label.len() > LABEL_BYTES_MAX {
        return Err(HostnameFault::LabelTooLong);
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err(HostnameFault::Hyphen);
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if label.bytes().all(plain) {
        return Ok(());
    }
    match label.chars().find(|&c| !u8::try_from(c).is_ok_and(plain)) {
        Some('*') | None => Err(HostnameFault::Wildcard),
        Some(found) => Err(HostnameFault::Character { found }),
    }
}

/// Whether `inet_aton` takes the text: one to four numbers, decimal, octal or hexadecimal. Ranges are not checked;
/// what is nearly an address is no better a name.
fn read_as_address_in_c(name: &str) -> bool {
    let number = |part: &str| match part.get(..2) {
        Some("0x" | "0X") => part.bytes().skip(2).all(|b| b.is_ascii_hexdigit()),
        _ => part.bytes().all(|b| b.is_ascii_digit()),
    };
    name.split('.').count() <= 4 && name.split('.').all(number)
}

/// A text that is not a host name.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("`{input}` is not a host name: {why}")]
pub struct InvalidHostname {
    /// The text, shortened.
    pub input: String,
    /// What is wrong with it.
    pub why: HostnameFault,
}

/// What is wrong with a host name.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Error)]
pub enum HostnameFault {
    /// Nothing, or only a dot.
    #[error("it is empty")]
    Empty,
    /// More than 253 bytes in ASCII form.
    #[error("it is longer than {HOSTNAME_BYTES_MAX} bytes")]
    TooLong,
    /// Two dots in a row, or one at the front.
    #[error("it has an empty label")]
    EmptyLabel,
    /// A label of more than 63 bytes.
    #[error("it has a label longer than {LABEL_BYTES_MAX} bytes")]
    LabelTooLong,
    /// A label that begins or ends with `-`.
    #[error("a label begins or ends with `-`")]
    Hyphen,
    /// A `*`: hosts files have no wildcards, and readers disagree on what it would mean.
    #[error("hosts files have no wildcards")]
    Wildcard,
    /// A character that names do not have.
    #[error("it may not contain {found:?}")]
    Character {
        /// The first such character.
        found: char,
    },
    /// It ends in digits only, or a C library would read it as an address.
    #[error("it is numeric, and could be taken for an address")]
    Numeric,
    /// UTS #46 has no ASCII form for it.
    #[error("it has no valid ASCII form (UTS #46)")]
    Idna,
}

/// Further names of one host: in the order given, each once, at most 64.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Aliases(Arc<[Hostname]>);

impl Aliases {
    /// Keeps the first of equal names.
    ///
    /// # Errors
    /// [`TooMany`] when more than 64 different ones are left.
    pub fn new(names: Vec<Hostname>) -> Result<Self, TooMany> {
        let mut seen = std::collections::BTreeSet::new();
        let mut kept = names;
        if kept.len() > 1 {
            kept.retain(|name| seen.insert(name.clone()));
        }
        TooMany::check("aliases", kept.len(), ALIASES_MAX)?;
        Ok(Self::from_distinct(kept))
    }

    /// The same list without `hostname`, which needs no alias for itself.
    #[must_use]
    pub fn without(&self, hostname: &Hostname) -> Self {
        if !self.0.contains(hostname) {
            return self.clone();
        }
        let kept = self.0.iter().filter(|&alias| alias != hostname).cloned();
        Self::from_distinct(kept.collect())
    }

    fn from_distinct(names: Vec<Hostname>) -> Self {
        if names.is_empty() {
            return Self::default(); // shared, so a host without aliases costs nothing
        }
        Self(names.into())
    }

    /// The aliases in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[Hostname] {
        &self.0
    }

    /// The aliases in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Hostname> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Aliases {
    type Item = &'a Hostname;
    type IntoIter = std::slice::Iter<'a, Hostname>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromStr for Hostname {
    type Err = InvalidHostname;

    fn from_str(text: &str) -> Result<Self, InvalidHostname> {
        Self::parse(text)
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        Hostname::parse(text).unwrap().as_str().to_owned()
    }

    fn fault(text: &str) -> HostnameFault {
        Hostname::parse(text).unwrap_err().why
    }

    #[test]
    fn equal_names_have_equal_text() {
        assert_eq!(canonical("NAS.Lan."), "nas.lan");
        assert_eq!(canonical("nas"), "nas");
        assert_eq!(canonical("_dmarc.a_b.example"), "_dmarc.a_b.example");
        assert_eq!(canonical("r3---sn-ab.example"), "r3---sn-ab.example");
        assert_eq!(canonical("4.example"), "4.example");
        assert_eq!(canonical("1.2.3.4.example"), "1.2.3.4.example");
        assert_eq!(canonical("0x7f.lan"), "0x7f.lan");
    }

    #[test]
    fn other_scripts_become_punycode() {
        assert_eq!(canonical("Bücher.example"), "xn--bcher-kva.example");
        assert_eq!(canonical("XN--BCHER-KVA.example"), "xn--bcher-kva.example");
        assert_eq!(canonical("bücher。example。"), "xn--bcher-kva.example");
        assert_eq!(canonical("ＮＡＳ.lan"), "nas.lan");
        assert_eq!(fault("xn--a.example"), HostnameFault::Idna);
        assert_eq!(fault("a\u{202e}b.example"), HostnameFault::Idna);
    }

    #[test]
    fn a_canonical_name_parses_to_itself() {
        for text in ["nas.lan", "xn--bcher-kva.example", "a_b.c"] {
            let name = Hostname::parse(text).unwrap();
            assert_eq!(Hostname::parse(name.as_str()).unwrap(), name);
        }
    }

    #[test]
    fn what_could_be_taken_for_an_address_is_refused() {
        for text in [
            "10.0.0.7",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.0x1",
            "nas.1",
            "１０.０.０.７",
            "0x",
        ] {
            assert_eq!(fault(text), HostnameFault::Numeric, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for (text, why) in [
            ("", HostnameFault::Empty),
            (".", HostnameFault::Empty),
            ("a..b", HostnameFault::EmptyLabel),
            (".a", HostnameFault::EmptyLabel),
            ("a..", HostnameFault::EmptyLabel),
            ("-a.lan", HostnameFault::Hyphen),
            ("a-.lan", HostnameFault::Hyphen),
            ("*.lan", HostnameFault::Wildcard),
            ("a b", HostnameFault::Character { found: ' ' }),
            ("a\0b", HostnameFault::Character { found: '\0' }),
            ("a/b", HostnameFault::Character { found: '/' }),
            ("fe80::1", HostnameFault::Character { found: ':' }),
        ] {
            assert_eq!(fault(text), why, "{text:?}");
        }
    }

    #[test]
    fn a_label_has_63_bytes_at_most() {
        for n in [62, 63] {
            assert!(Hostname::parse(&"a".repeat(n)).is_ok());
        }
        assert_eq!(fault(&"a".repeat(64)), HostnameFault::LabelTooLong);
    }

    #[test]
    fn a_name_has_253_bytes_at_most() {
        let long = |last: usize| format!("{}{}", "a23456789.".repeat(25), "b".repeat(last));
        for (last, bytes) in [(2, 252), (3, 253)] {
            assert_eq!(canonical(&long(last)).len(), bytes);
        }
        assert_eq!(canonical(&format!("{}.", long(3))).len(), 253);
        assert_eq!(fault(&long(4)), HostnameFault::TooLong);
        assert_eq!(fault(&"ü".repeat(507)), HostnameFault::TooLong);
    }

    #[test]
    fn aliases_keep_their_order_and_are_64_at_most() {
        let numbered = |n: usize| -> Vec<Hostname> {
            (0..n)
                .rev()
                .chain(0..n)
                .map(|i| Hostname::parse(&format!("h{i}")).unwrap())
                .collect()
        };
        for n in [0, 1, 63, 64] {
            let aliases = Aliases::new(numbered(n)).unwrap();
            assert_eq!(aliases.as_slice(), &numbered(n)[..n]);
        }
        let refused = Aliases::new(numbered(65)).unwrap_err();
        assert_eq!((refused.count, refused.max), (65, 64));
    }
}
