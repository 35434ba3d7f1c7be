//! Hashes that are equal exactly where the values are: of commands, of rows, of whole projections.
//!
//! Everything hashed is first written in one canonical encoding: fixed-width numbers, little end first, and a length
//! before every text and list, so no two values share an encoding.

use std::fmt;
use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use crate::address::Address;
use crate::command::{HostPatch, NewHost};
use crate::host::{Host, HostId};
use crate::name::Aliases;
use crate::text::{Comment, Tags};

/// The first 16 bytes of the SHA-256 of a command: the same request id with another fingerprint is another request.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The fingerprint with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The hash of a whole projection: live hosts, request table and positions. Nodes that applied the same changes have
/// the same digest, however they got there; a difference at one revision is divergence.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The sum of the hashes of a set of rows, whatever their order: rows come and go in O(1).
///
/// Sums are taken in four lanes of 64 bits, wrapping. This finds mistakes, not forgers: whoever can choose rows
/// freely could make two sets collide.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sum([u64; 4]);

impl Sum {
    pub(crate) fn add(&mut self, row: Self) {
        for (lane, other) in self.0.iter_mut().zip(row.0) {
            *lane = lane.wrapping_add(other);
        }
    }

    pub(crate) fn remove(&mut self, row: Self) {
        for (lane, other) in self.0.iter_mut().zip(row.0) {
            *lane = lane.wrapping_sub(other);
        }
    }

    pub(crate) fn digest(self) -> Digest {
        let mut bytes = [0; 32];
        for (place, lane) in bytes.chunks_exact_mut(8).zip(self.0) {
            place.copy_from_slice(&lane.to_le_bytes());
        }
        Digest(bytes)
    }
}

/// A value being written in the canonical encoding.
pub(crate) struct Canon(Vec<u8>);

impl Canon {
    /// `kind` keeps values of different kinds apart.
    pub(crate) fn new(kind: &[u8]) -> Self {
        let mut canon = Self(Vec::with_capacity(256));
        canon.bytes(kind);
        canon
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let mut first = [0; 16];
        for (place, byte) in first.iter_mut().zip(Sha256::digest(&self.0)) {
            *place = byte;
        }
        Fingerprint(first)
    }

    pub(crate) fn sum(&self) -> Sum {
        let hash = Sha256::digest(&self.0);
        let mut lanes = [0; 4];
        for (lane, bytes) in lanes.iter_mut().zip(hash.chunks_exact(8)) {
            let mut wide = [0; 8];
            wide.copy_from_slice(bytes);
            *lane = u64::from_le_bytes(wide);
        }
        Sum(lanes)
    }

    pub(crate) fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn option<T>(
        &mut self,
        value: Option<&T>,
        write: impl for<'c> FnOnce(&'c mut Self, &T) -> &'c mut Self,
    ) -> &mut Self {
        match value {
            None => self.byte(0),
            Some(value) => write(self.byte(1), value),
        }
    }

    pub(crate) fn list<T>(
        &mut self,
        items: &[T],
        mut write: impl for<'c> FnMut(&'c mut Self, &T) -> &'c mut Self,
    ) -> &mut Self {
        self.number(items.len() as u64);
        for item in items {
            write(self, item);
        }
        self
    }

    pub(crate) fn id(&mut self, id: HostId) -> &mut Self {
        self.0.extend_from_slice(&id.as_u128().to_le_bytes());
        self
    }

    pub(crate) fn address(&mut self, address: Address) -> &mut Self {
        match address.ip() {
            IpAddr::V4(ip) => self.bytes(&ip.octets()),
            IpAddr::V6(ip) => self.bytes(&ip.octets()),
        }
    }

    fn aliases(&mut self, aliases: &Aliases) -> &mut Self {
        self.list(aliases.as_slice(), |canon, name| canon.text(name.as_str()))
    }

    fn tags(&mut self, tags: &Tags) -> &mut Self {
        self.list(tags.as_slice(), |canon, tag| canon.text(tag.as_str()))
    }

    fn comment(&mut self, comment: &Option<Comment>) -> &mut Self {
        self.option(comment.as_ref(), |canon, comment| {
            canon.text(comment.as_str())
        })
    }

    pub(crate) fn facts(&mut self, facts: &NewHost) -> &mut Self {
        let NewHost {
            address,
            hostname,
            aliases,
            tags,
            comment,
            enabled,
        } = facts;
        self.address(*address)
            .text(hostname.as_str())
            .aliases(aliases)
            .tags(tags)
            .comment(comment)
            .byte(u8::from(*enabled))
    }

    pub(crate) fn patch(&mut self, patch: &HostPatch) -> &mut Self {
        let HostPatch {
            address,
            hostname,
            aliases,
            tags,
            comment,
            enabled,
        } = patch;
        self.option(address.as_ref(), |canon, address| canon.address(*address))
            .option(hostname.as_ref(), |canon, name| canon.text(name.as_str()))
            .option(aliases.as_ref(), Self::aliases)
            .option(tags.as_ref(), Self::tags)
            .option(comment.as_ref(), Self::comment)
            .option(enabled.as_ref(), |canon, on| canon.byte(u8::from(*on)))
    }

    pub(crate) fn host(&mut self, host: &Host) -> &mut Self {
        let Host {
            id,
            address,
            hostname,
            aliases,
            tags,
            comment,
            enabled,
            version,
            created,
            updated,
        } = host;
        self.id(*id)
            .address(*address)
            .text(hostname.as_str())
            .aliases(aliases)
            .tags(tags)
            .comment(comment)
            .byte(u8::from(*enabled))
            .number(version.get())
            .number(created.as_millis())
            .number(updated.as_millis())
    }
}

/// Bytes as lower case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex(&self.0))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex(&self.0))
    }
}
