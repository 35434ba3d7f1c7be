//! What clients asked, when, and what they were told.

use hosts::{ConflictMode, Host, HostPatch, HostRef, ImportCounts, NewHost};

/// Operations of all clients, in any order.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The operations.
    pub operations: Vec<Operation>,
}

/// One call of one client. A repeat of a request is an operation of its own, with the same request id.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Who called; one client has one call under way.
    pub client: u32,
    /// When the call began, in nanoseconds of a clock that all clients share and that never goes back.
    pub called: u64,
    /// When the answer was there, or the client gave up waiting.
    pub returned: u64,
    /// What was asked.
    pub asked: Asked,
    /// What was told.
    pub answered: Answered,
}

/// What a client asked for. `request` is the request id.
#[derive(Clone, Debug)]
pub enum Asked {
    /// To add a host.
    Add {
        /// The request id.
        request: String,
        /// The host.
        host: NewHost,
    },
    /// To change some fields of a host.
    Update {
        /// The request id.
        request: String,
        /// Which host.
        host: HostRef,
        /// The fields.
        patch: HostPatch,
        /// The version the caller relied on.
        expected: Option<u64>,
    },
    /// To delete a host.
    Delete {
        /// The request id.
        request: String,
        /// Which host.
        host: HostRef,
        /// The version the caller relied on.
        expected: Option<u64>,
    },
    /// To add many hosts as one change.
    Import {
        /// The request id.
        request: String,
        /// The rows.
        rows: Vec<NewHost>,
        /// What to do with rows that are taken.
        mode: ConflictMode,
    },
    /// To be told hosts.
    Read {
        /// Which of them.
        what: Reading,
        /// Whether the answer has to be up to date. A local read only has to be true of some revision.
        linearizable: bool,
    },
}

impl Asked {
    /// The request id of a change.
    #[must_use]
    pub fn request(&self) -> Option<&str> {
        match self {
            Self::Add { request, .. }
            | Self::Update { request, .. }
            | Self::Delete { request, .. }
            | Self::Import { request, .. } => Some(request),
            Self::Read { .. } => None,
        }
    }
}

/// What a read was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// All hosts, disabled ones included.
    All,
    /// One host, by its id or by a name that no other host has.
    One(HostRef),
}

/// What a client was told.
#[derive(Clone, Debug)]
pub enum Answered {
    /// It is done.
    Acknowledged {
        /// The revision that came with the answer.
        revision: u64,
        /// What was told of the outcome.
        effect: Effect,
    },
    /// It cannot be done as things are; nothing was changed.
    Rejected(Reason),
    /// It was not tried: nobody answered, no leader, too busy. Nothing was changed.
    Refused,
    /// Nothing is known of it.
    Unknown,
    /// The hosts that were asked for.
    Read {
        /// The log index that the answering node had applied.
        applied: u64,
        /// The hosts, in any order.
        hosts: Vec<Seen>,
    },
}

/// What a client was told of the outcome of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The host as it is now.
    Host(Seen),
    /// The host is gone.
    Gone,
    /// What became of the rows of an import.
    Imported(ImportCounts),
    /// Something about named snapshots, which no operation here asks for.
    OfSnapshots,
}

/// Why a change, or a read of one host, was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Another host has the address together with a name.
    Duplicate,
    /// There is no such host.
    NotFound,
    /// Several hosts have this name.
    Ambiguous,
    /// The host is not at the version the caller relied on.
    VersionMismatch,
    /// Rows of an import are taken.
    ImportConflicts,
    /// Something else: the code and the reason. Few are believed.
    Other(String),
}

/// A host as a client sees it: canonical texts, so that it can be made of any answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seen {
    /// 26 characters.
    pub id: String,
    /// The address.
    pub address: String,
    /// The first name.
    pub hostname: String,
    /// Further names, in their order.
    pub aliases: Vec<String>,
    /// Tags, in their order.
    pub tags: Vec<String>,
    /// The comment; none is empty.
    pub comment: String,
    /// Whether it is rendered.
    pub enabled: bool,
    /// The revision that last changed it.
    pub version: u64,
}

impl From<&Host> for Seen {
    fn from(host: &Host) -> Self {
        Self {
            id: host.id.to_string(),
            version: host.version.get(),
            ..Self::of_facts(&host.facts())
        }
    }
}

impl Seen {
    /// These facts, without id and version.
    pub(crate) fn of_facts(facts: &NewHost) -> Self {
        let NewHost {
            address,
            hostname,
            aliases,
            tags,
            comment,
            enabled,
        } = facts;
        Self {
            id: String::new(),
            address: address.to_string(),
            hostname: hostname.to_string(),
            // Written a second time, the hostname is dropped.
            aliases: texts(aliases.without(hostname).iter()),
            tags: texts(tags.iter()),
            comment: comment
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            enabled: *enabled,
            version: 0,
        }
    }

    /// The same without what a client cannot foresee.
    pub(crate) fn facts(&self) -> Self {
        Self {
            id: String::new(),
            version: 0,
            ..self.clone()
        }
    }
}

fn texts<T: ToString>(items: impl Iterator<Item = T>) -> Vec<String> {
    items.map(|item| item.to_string()).collect()
}
