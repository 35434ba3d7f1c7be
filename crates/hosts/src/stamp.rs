//! What the leader reads once and every node takes from the log: when, by whom, in answer to which request.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use crate::actor::Actor;
use crate::digest::Fingerprint;
use crate::limits::REQUEST_ID_CHARS_MAX;
use crate::text::shorten;
use crate::time::Timestamp;

/// When, by whom and in answer to what a change was decided. Read once, by the leader: no node asks its own clock
/// when a change happened, and no node draws an id of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The leader's clock. `decide` raises it to the last applied stamp, so that time never runs backwards.
    pub at: Timestamp,
    /// The caller, as its certificate says.
    pub by: Actor,
    /// The caller's id for this request; a retry carries the same one.
    pub request: RequestId,
    /// No change for this request was accepted at this revision or before: where the log stood when it was first
    /// sent. `None`, in entries of earlier versions, is not looked at.
    pub since: Option<Revision>,
    /// Of the command, so that the same id with other content is noticed.
    pub fingerprint: Fingerprint,
    /// Chance, drawn by the leader. The n-th new host has the id `HostId::nth(at, seed, n)`.
    pub seed: u128,
}

/// The log index of an accepted change. 0 stands before every change.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Revision(u64);

impl Revision {
    /// The revision of the log entry at `index`.
    #[must_use]
    pub const fn new(index: u64) -> Self {
        Self(index)
    }

    /// The log index.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A text that is not a [`Revision`].
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("`{input}` is not a revision (a whole number)")]
pub struct InvalidRevision {
    /// The text, shortened.
    pub input: String,
}

/// A caller's id for one request: 1–128 visible ASCII characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Reads an id as it is, without trimming: it is compared for equality only.
    ///
    /// # Errors
    /// [`InvalidRequestId`] when it is empty, too long or has other characters.
    pub fn parse(text: &str) -> Result<Self, InvalidRequestId> {
        let visible = text.bytes().all(|b| b.is_ascii_graphic());
        if visible && (1..=REQUEST_ID_CHARS_MAX).contains(&text.len()) {
            return Ok(Self(text.into()));
        }
        Err(InvalidRequestId {
            input: shorten(text),
        })
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is not a [`RequestId`].
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("`{input}` is not a request id: 1–{REQUEST_ID_CHARS_MAX} visible ASCII characters")]
pub struct InvalidRequestId {
    /// The text, shortened.
    pub input: String,
}

impl FromStr for Revision {
    type Err = InvalidRevision;

    fn from_str(text: &str) -> Result<Self, InvalidRevision> {
        let digits = text.bytes().all(|b| b.is_ascii_digit()); // `u64` alone would take a sign
        match text.parse() {
            Ok(index) if digits => Ok(Self(index)),
            _ => Err(InvalidRevision {
                input: shorten(text),
            }),
        }
    }
}

impl FromStr for RequestId {
    type Err = InvalidRequestId;

    fn from_str(text: &str) -> Result<Self, InvalidRequestId> {
        Self::parse(text)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_has_128_visible_characters_at_most() {
        for n in [1, 127, 128] {
            assert!(RequestId::parse(&"~".repeat(n)).is_ok());
        }
        for text in ["", "a b", "a\n", "ü", &"x".repeat(129)] {
            assert!(RequestId::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_revision_reads_what_it_displays() {
        for revision in [0, 41, u64::MAX].map(Revision::new) {
            assert_eq!(revision.to_string().parse::<Revision>().unwrap(), revision);
        }
        for text in ["", "-1", "+1", " 1", "18446744073709551616"] {
            assert!(text.parse::<Revision>().is_err(), "{text:?}");
        }
    }
}
