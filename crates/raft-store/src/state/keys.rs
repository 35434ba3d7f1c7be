//! The one table of state keys.
//!
//! | key | row |
//! |---|---|
//! | `a` | the position: applied entry, membership, digest, counts |
//! | `b` | the index being applied, while a change takes several writes |
//! | `h/` + host id, 16 bytes | a host |
//! | `i/` + revision, 8 bytes | the request answered at that revision |
//! | `s/` + revision, 8 bytes | the named snapshot made at that revision |
//! | `u/` + revision, 8 bytes + host id, 16 bytes | what that snapshot keeps of a host |
//!
//! Numbers are big-endian, so rows come in the order of ids and revisions,
//! and a snapshot before what it keeps.

use hosts::{Row, RowKey};

/// The position.
pub(crate) const POSITION: &[u8] = b"a";
/// The index of a change that is written only in part.
pub(crate) const APPLYING: &[u8] = b"b";

const HOSTS: &[u8] = b"h/";
const REQUESTS: &[u8] = b"i/";
const SNAPSHOTS: &[u8] = b"s/";
const OLD: &[u8] = b"u/";

/// The key of a row.
pub(crate) fn of(key: RowKey) -> Vec<u8> {
    match key {
        RowKey::Host(id) => [HOSTS, &id.as_u128().to_be_bytes()].concat(),
        RowKey::Request(revision) => [REQUESTS, &revision.get().to_be_bytes()].concat(),
        RowKey::Snapshot(revision) => [SNAPSHOTS, &revision.get().to_be_bytes()].concat(),
        RowKey::Old(revision, id) => [
            OLD,
            &revision.get().to_be_bytes(),
            &id.as_u128().to_be_bytes(),
        ]
        .concat(),
    }
}

/// What a row is, by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowKind {
    Host,
    Request,
    Snapshot,
    Old,
}

impl RowKind {
    /// The kind of a row.
    pub(crate) const fn of(row: &Row) -> Self {
        match row {
            Row::Host(_) => Self::Host,
            Row::Request(_) => Self::Request,
            Row::Snapshot(_) => Self::Snapshot,
            Row::Old(_) => Self::Old,
        }
    }

    /// The kind of the row at `key`; none for the other rows of the table and
    /// for a key that is in no table.
    pub(crate) fn of_key(key: &[u8]) -> Option<Self> {
        match key.len() {
            18 if key.starts_with(HOSTS) => Some(Self::Host),
            10 if key.starts_with(REQUESTS) => Some(Self::Request),
            10 if key.starts_with(SNAPSHOTS) => Some(Self::Snapshot),
            26 if key.starts_with(OLD) => Some(Self::Old),
            _ => None,
        }
    }

    /// Its letter, which a snapshot writes before the row.
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Host => b'h',
            Self::Request => b'i',
            Self::Snapshot => b's',
            Self::Old => b'u',
        }
    }

    /// The kind with this letter.
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        [Self::Host, Self::Request, Self::Snapshot, Self::Old]
            .into_iter()
            .find(|kind| kind.byte() == byte)
    }
}
