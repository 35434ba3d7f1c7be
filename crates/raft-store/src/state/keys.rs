//! The one table of state keys.
//!
//! | key | row |
//! |---|---|
//! | `a` | the position: applied entry, membership, digest, counts |
//! | `b` | the index being applied, while a change takes several writes |
//! | `h/` + host id, 16 bytes | a host |
//! | `i/` + revision, 8 bytes | the request answered at that revision |
//!
//! Numbers are big-endian, so rows come in the order of ids and revisions,
//! and hosts before requests.

use hosts::{HostId, Revision};

/// The position.
pub(crate) const POSITION: &[u8] = b"a";
/// The index of a change that is written only in part.
pub(crate) const APPLYING: &[u8] = b"b";

const HOSTS: &[u8] = b"h/";
const REQUESTS: &[u8] = b"i/";

/// The key of a host.
pub(crate) fn host(id: HostId) -> Vec<u8> {
    [HOSTS, &id.as_u128().to_be_bytes()].concat()
}

/// The key of the request answered at a revision.
pub(crate) fn request(revision: Revision) -> Vec<u8> {
    [REQUESTS, &revision.get().to_be_bytes()].concat()
}

/// What a row is, by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowKind {
    Host,
    Request,
}

impl RowKind {
    /// The kind of the row at `key`; none for the other rows of the table and
    /// for a key that is in no table.
    pub(crate) fn of_key(key: &[u8]) -> Option<Self> {
        match key.len() {
            18 if key.starts_with(HOSTS) => Some(Self::Host),
            10 if key.starts_with(REQUESTS) => Some(Self::Request),
            _ => None,
        }
    }

    /// Its letter, which a snapshot writes before the row.
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Host => b'h',
            Self::Request => b'i',
        }
    }

    /// The kind with this letter.
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        [Self::Host, Self::Request]
            .into_iter()
            .find(|kind| kind.byte() == byte)
    }
}
