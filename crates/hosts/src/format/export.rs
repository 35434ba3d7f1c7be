//! All hosts as a file, in pieces: one frozen view, whatever happens to the records meanwhile, and never more than
//! about one piece of text in memory.

use sha2::{Digest as _, Sha256};

use super::file_format::FileFormat;
use super::{csv, json, render};
use crate::host::Host;
use crate::limits::EXPORT_PIECE_BYTES;
use crate::projection::Projection;
use crate::view::View;

/// A file of all hosts in the order of lists, piece by piece.
///
/// JSON and CSV hold everything that is known about every host. A hosts file holds the enabled hosts and their
/// comments, under a header with the revision and the digest; without any hosts it is empty. Every piece but the last
/// has 64 KiB; of an empty file there is one empty piece.
#[derive(Debug)]
pub struct Export {
    hosts: Projection,
    format: FileFormat,
    state: State,
    /// Text that is not given out yet.
    text: Vec<u8>,
    pieces: usize,
}

#[derive(Debug)]
enum State {
    Begin,
    /// This host was the last one written.
    After(std::sync::Arc<Host>),
    End,
}

/// As people want it back: with comments.
const VIEW: View = View {
    comments: true,
    cluster: None,
};

impl Export {
    /// Of these hosts, which is a copy of a few pointers.
    #[must_use]
    pub const fn new(hosts: Projection, format: FileFormat) -> Self {
        Self {
            hosts,
            format,
            state: State::Begin,
            text: Vec::new(),
            pieces: 0,
        }
    }

    /// Adds text until there is a piece of it or no more. The first turn of a hosts file reads all hosts once: its
    /// header names the digest of what follows.
    fn fill(&mut self) {
        let Self {
            hosts,
            format,
            state,
            text,
            ..
        } = self;
        let mut last = match state {
            State::Begin => {
                write_head(text, *format, hosts);
                None
            }
            State::After(host) => Some(host.clone()),
            State::End => return,
        };
        let mut first = last.is_none();
        let mut rest = hosts.hosts_after(last.as_deref());
        let mut next = rest.next();
        while let Some(host) = next
            && text.len() < EXPORT_PIECE_BYTES
        {
            write_host(text, *format, host, first);
            first = false;
            last = Some(host.clone());
            next = rest.next();
        }
        let more = next.is_some();
        *state = match last {
            Some(host) if more => State::After(host),
            _ => {
                if *format == FileFormat::Json && !hosts.is_empty() {
                    text.extend_from_slice(json::TAIL);
                }
                State::End
            }
        };
    }
}

impl Iterator for Export {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        while self.text.len() < EXPORT_PIECE_BYTES && !matches!(self.state, State::End) {
            self.fill();
        }
        if self.text.is_empty() && self.pieces > 0 {
            return None;
        }
        self.pieces += 1;
        let rest = self.text.split_off(self.text.len().min(EXPORT_PIECE_BYTES));
        Some(std::mem::replace(&mut self.text, rest))
    }
}

fn write_head(text: &mut Vec<u8>, format: FileFormat, hosts: &Projection) {
    match format {
        FileFormat::Hosts if hosts.is_empty() => {}
        FileFormat::Hosts => {
            let mut digest = Sha256::new();
            let mut line = String::new();
            for host in hosts.hosts().filter(|host| host.enabled) {
                line.clear();
                render::write_host(&mut line, host, &VIEW);
                digest.update(&line);
            }
            let header = render::Header {
                revision: hosts.rendered(&VIEW),
                sha256: digest.finalize().into(),
                cluster: VIEW.cluster,
            };
            text.extend_from_slice(header.line().as_bytes());
        }
        FileFormat::Json if hosts.is_empty() => text.extend_from_slice(json::NOTHING),
        FileFormat::Json => text.extend_from_slice(json::HEAD),
        FileFormat::Csv => csv::write_header(text),
    }
}

fn write_host(text: &mut Vec<u8>, format: FileFormat, host: &Host, first: bool) {
    match format {
        FileFormat::Hosts => {
            if host.enabled {
                let mut line = String::new();
                render::write_host(&mut line, host, &VIEW);
                text.extend_from_slice(line.as_bytes());
            }
        }
        FileFormat::Json => {
            if !first {
                text.extend_from_slice(json::BETWEEN);
            }
            json::write(text, host);
        }
        FileFormat::Csv => csv::write(text, host),
    }
}
