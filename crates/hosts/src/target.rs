//! Which host a request is about, when it is called by a name.
//!
//! A name is looked up once for one request: its repeat is about the same host, although that may be renamed or gone.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::actor::Actor;
use crate::command::Answer;
use crate::digest::Fingerprint;
use crate::host::{Host, HostId};
use crate::name::Hostname;
use crate::projection::Projection;
use crate::rejection::Rejection;
use crate::stamp::{RequestId, Revision};

/// What a caller calls a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostRef {
    /// Its id.
    Id(HostId),
    /// Its hostname, or an alias; no other host has it.
    Name(Hostname),
}

/// What a name stands for in a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// This host.
    Host(HostId),
    /// The request was answered before, whatever the name stands for now: the first answer again.
    Answered(Answer),
}

/// Why a name stands for no host.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum NoTarget {
    /// No host has it.
    #[error("no host is named {name}")]
    Unknown {
        /// The name.
        name: Hostname,
    },
    /// Several hosts have it.
    #[error("{} hosts are named {name}{}", hosts.len(), Lines(hosts))]
    Ambiguous {
        /// The name.
        name: Hostname,
        /// Those that have it, by address.
        hosts: Vec<Arc<Host>>,
    },
    /// The request cannot be taken, whatever it is about.
    #[error(transparent)]
    Request(Rejection),
}

impl Projection {
    /// The host that `name` stands for in a request with this `fingerprint`, which is that of the request by name.
    /// `since` is as in [`Stamp`](crate::Stamp).
    ///
    /// # Errors
    /// [`NoTarget`]; nothing is to be changed then.
    pub fn target(
        &self,
        name: &Hostname,
        by: &Actor,
        request: &RequestId,
        fingerprint: &Fingerprint,
        since: Option<Revision>,
    ) -> Result<Target, NoTarget> {
        if let Some((answered, answer)) = self.answered(by, request) {
            if answered != fingerprint {
                let request = request.clone();
                return Err(NoTarget::Request(Rejection::RequestReused { request }));
            }
            return Ok(Target::Answered(answer.clone()));
        }
        self.check_remembered(by, request, since)
            .map_err(NoTarget::Request)?;
        match self.named(name).as_slice() {
            [] => Err(NoTarget::Unknown { name: name.clone() }),
            [host] => Ok(Target::Host(host.id)),
            hosts => Err(NoTarget::Ambiguous {
                name: name.clone(),
                hosts: hosts.iter().map(|host| Arc::clone(host)).collect(),
            }),
        }
    }
}

impl fmt::Display for HostRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(out, "host {id}"),
            Self::Name(name) => name.fmt(out),
        }
    }
}

/// The first hosts of a list and how many more there are, each on a line of its own.
struct Lines<'a>(&'a [Arc<Host>]);

/// As many as fit into the headers that a refusal travels in.
const LINES_MAX: usize = 10;

impl fmt::Display for Lines<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for host in self.0.iter().take(LINES_MAX) {
            write!(out, "\n  {}  {}  {}", host.id, host.address, host.hostname)?;
        }
        match self.0.len().checked_sub(LINES_MAX) {
            Some(more @ 1..) => write!(out, "\n  and {more} more"),
            _ => Ok(()),
        }
    }
}
