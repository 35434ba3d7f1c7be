//! The hosts file as it is written: equal projections and views give equal bytes, on every node and platform.
//!
//! The contract is with the parsers that will read it. Lines are at most 500 bytes (musl reads pieces of 511 and
//! takes what follows for a new line, inside a comment too) and nine names (Windows ignores the tenth), end in LF,
//! and are sorted by address as a number, IPv4 first, then by hostname. Further aliases go on further lines,
//! `IP canonical a1` then `IP a2 a3`, so that an address is not answered twice and the canonical line stays first.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::digest::hex;
use crate::host::{Host, HostId};
use crate::limits::{RENDERED_LINE_BYTES_MAX, RENDERED_NAMES_MAX};
use crate::projection::Projection;
use crate::stamp::Revision;
use crate::view::View;

/// Writes the enabled hosts under a header with the revision that last changed what `view` shows and the SHA-256 of
/// everything after the header. An empty projection renders the header only.
#[must_use]
pub fn render(hosts: &Projection, view: &View) -> Vec<u8> {
    let mut body = String::with_capacity(hosts.len().saturating_mul(48));
    for host in hosts.hosts().filter(|host| host.enabled) {
        write_host(&mut body, host, view);
    }
    let header = Header {
        revision: hosts.rendered(view),
        sha256: Sha256::digest(&body).into(),
        cluster: view.cluster,
    };
    let mut bytes = header.line().into_bytes();
    bytes.extend_from_slice(body.as_bytes());
    bytes
}

/// What the first line of a rendered file says.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The revision that last changed what the file shows.
    pub revision: Revision,
    /// Of everything after the first line.
    pub sha256: [u8; 32],
    /// The bits of the ULID of the cluster, as in [`View::cluster`].
    pub cluster: Option<u128>,
}

/// Reads the header back, if the first line is one.
#[must_use]
pub fn header(bytes: &[u8]) -> Option<Header> {
    split(bytes).map(|(header, _)| header)
}

/// Whether these bytes are a whole rendering: a header, and the body it names.
#[must_use]
pub fn verify(bytes: &[u8]) -> bool {
    split(bytes).is_some_and(|(header, body)| Sha256::digest(body)[..] == header.sha256)
}

const TITLE: &str = "# router-hosts revision ";
const HASH: &str = " sha256 ";
const CLUSTER: &str = " cluster ";

impl Header {
    pub(super) fn line(&self) -> String {
        let Self {
            revision,
            sha256,
            cluster,
        } = self;
        let cluster = cluster.map(|bits| format!("{CLUSTER}{}", HostId::from_u128(bits)));
        let cluster = cluster.unwrap_or_default();
        format!("{TITLE}{revision}{HASH}{}{cluster}\n", hex(sha256))
    }
}

/// The header and what follows its line.
fn split(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let end = bytes.iter().take(256).position(|&b| b == b'\n')?;
    let (line, body) = bytes.split_at_checked(end + 1)?;
    let text = std::str::from_utf8(line).ok()?;
    let rest = text.strip_suffix('\n')?.strip_prefix(TITLE)?;
    let (revision, rest) = rest.split_once(HASH)?;
    let (hash, cluster) = match rest.split_once(CLUSTER) {
        None => (rest, None),
        Some((hash, ulid)) => (hash, Some(ulid.parse::<HostId>().ok()?.as_u128())),
    };
    let header = Header {
        revision: revision.parse().ok()?,
        sha256: unhex(hash)?,
        cluster,
    };
    // Only what `line` writes is a header: no other case, no leading zeros.
    (header.line() == text).then_some((header, body))
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

/// Adds the lines of one host.
pub(super) fn write_host(body: &mut String, host: &Host, view: &View) {
    let mut names = host.names().peekable();
    let mut canonical = true;
    while names.peek().is_some() {
        let start = body.len();
        write!(body, "{}", host.address).expect("writing to a String does not fail");
        for place in 0..RENDERED_NAMES_MAX {
            let room = RENDERED_LINE_BYTES_MAX - (body.len() - start);
            // The first name always fits: an address has 39 bytes at most, a name 253.
            let Some(name) = names.next_if(|name| place == 0 || name.as_str().len() < room) else {
                break;
            };
            body.push(' ');
            body.push_str(name.as_str());
        }
        if canonical && view.comments {
            let room = RENDERED_LINE_BYTES_MAX - (body.len() - start);
            write_comment(body, host, room);
        }
        body.push('\n');
        canonical = false;
    }
}

/// Adds ` # comment`, cut at a character so that it takes `room` bytes at most; nothing if not one character fits.
fn write_comment(body: &mut String, host: &Host, room: usize) {
    const LEAD: &str = " # ";
    let Some(comment) = &host.comment else {
        return;
    };
    let text = comment.as_str();
    let end = text.floor_char_boundary(room.saturating_sub(LEAD.len()));
    let cut = text.get(..end).unwrap_or_default().trim_end();
    if !cut.is_empty() {
        body.push_str(LEAD);
        body.push_str(cut);
    }
}
