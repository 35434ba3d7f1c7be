//! What callers ask for, and what they are told.

use std::sync::Arc;

use crate::address::Address;
use crate::digest::{Canon, Fingerprint};
use crate::event::{Change, Event};
use crate::host::{Host, HostId};
use crate::label::Label;
use crate::name::{Aliases, Hostname};
use crate::snapshot::SnapshotId;
use crate::stamp::Revision;
use crate::text::{Comment, Tags};
use crate::time::Timestamp;

/// One request to change hosts, parsed and bounded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Add one host.
    AddHost(NewHost),
    /// Change some fields of one host.
    UpdateHost {
        /// The host.
        id: HostId,
        /// The fields to change.
        patch: HostPatch,
        /// The version the caller has seen; `None` changes it whatever the version.
        expected: Option<Revision>,
    },
    /// Delete one host.
    DeleteHost {
        /// The host.
        id: HostId,
        /// The version the caller has seen; `None` deletes it whatever the version.
        expected: Option<Revision>,
    },
    /// Add many hosts as one change.
    ImportHosts {
        /// In the order of the file; errors count them from 1.
        rows: Vec<NewHost>,
        /// What to do with a row whose address and name are taken.
        mode: ConflictMode,
    },
    /// Keep the hosts as they are under an id. What the leader's retention no longer keeps goes with it.
    CreateSnapshot {
        /// What a person calls it.
        name: Option<Label>,
        /// Why; `manual` if nothing is said.
        trigger: Option<Label>,
    },
    /// Delete a snapshot.
    DeleteSnapshot {
        /// The snapshot.
        id: SnapshotId,
    },
    /// Make the hosts what a snapshot shows, and keep what they are in another one.
    RollBack {
        /// The snapshot.
        to: SnapshotId,
    },
}

/// The facts of a host, without id, version and times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewHost {
    /// Where the names lead.
    pub address: Address,
    /// The first name.
    pub hostname: Hostname,
    /// Further names. The hostname among them is dropped without a word.
    pub aliases: Aliases,
    /// Words to group by.
    pub tags: Tags,
    /// A remark.
    pub comment: Option<Comment>,
    /// Whether it is rendered.
    pub enabled: bool,
}

impl NewHost {
    /// An enabled host without aliases, tags and comment.
    #[must_use]
    pub fn new(address: Address, hostname: Hostname) -> Self {
        Self {
            address,
            hostname,
            aliases: Aliases::default(),
            tags: Tags::default(),
            comment: None,
            enabled: true,
        }
    }

    /// All its names, the hostname first.
    pub fn names(&self) -> impl Iterator<Item = &Hostname> {
        std::iter::once(&self.hostname).chain(&self.aliases)
    }

    /// The same facts with the hostname taken out of the aliases.
    pub(crate) fn normalised(&self) -> Self {
        Self {
            aliases: self.aliases.without(&self.hostname),
            ..self.clone()
        }
    }

    pub(crate) fn created_as(&self, id: HostId) -> Event {
        let Self {
            address,
            hostname,
            aliases,
            tags,
            comment,
            enabled,
        } = self.clone();
        Event::HostCreated {
            id,
            address,
            hostname,
            aliases,
            tags,
            comment,
            enabled,
        }
    }
}

/// Fields to change; `None` keeps a field as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HostPatch {
    /// A new address.
    pub address: Option<Address>,
    /// A new first name.
    pub hostname: Option<Hostname>,
    /// New further names, all of them.
    pub aliases: Option<Aliases>,
    /// New tags, all of them.
    pub tags: Option<Tags>,
    /// A new comment; `Some(None)` clears it.
    pub comment: Option<Option<Comment>>,
    /// Whether it is rendered.
    pub enabled: Option<bool>,
}

impl HostPatch {
    /// The facts of `host` with this patch, before the hostname is taken out of the aliases.
    #[must_use]
    pub fn applied_to(&self, host: &Host) -> NewHost {
        let Self {
            address,
            hostname,
            aliases,
            tags,
            comment,
            enabled,
        } = self.clone();
        let old = host.facts();
        NewHost {
            address: address.unwrap_or(old.address),
            hostname: hostname.unwrap_or(old.hostname),
            aliases: aliases.unwrap_or(old.aliases),
            tags: tags.unwrap_or(old.tags),
            comment: comment.unwrap_or(old.comment),
            enabled: enabled.unwrap_or(old.enabled),
        }
    }
}

/// What an import does with a row whose address and name are taken.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum ConflictMode {
    /// Leave the row out.
    #[default]
    Skip,
    /// Make the host that holds them what the row says.
    Replace,
    /// Refuse the whole import.
    Strict,
}

/// What [`decide`](fn@crate::decide) makes of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Propose this change.
    Commit(Change),
    /// This request was answered before: the first answer again.
    Answered(Answer),
    /// Nothing would change: the answer, without a log entry.
    Unchanged(Answer),
}

/// What the caller is told. Kept in the request table, so that a retry is told the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The revision at which the outcome holds.
    pub revision: Revision,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The new host.
    Added(Arc<Host>),
    /// The host after the update.
    Updated(Arc<Host>),
    /// The host that is gone.
    Deleted(HostId),
    /// What became of the rows.
    Imported(ImportCounts),
    /// The new snapshot.
    SnapshotCreated(SnapshotMade),
    /// The snapshot that is gone.
    SnapshotDeleted(SnapshotId),
    /// What it took to make the hosts those of a snapshot.
    RolledBack(RollbackCounts),
}

/// A snapshot that was made.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct SnapshotMade {
    /// Its id.
    pub id: SnapshotId,
    /// When it was made.
    pub created: Timestamp,
    /// How many hosts it shows.
    pub hosts: u32,
}

/// What it took to make the hosts those of a snapshot.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct RollbackCounts {
    /// The snapshot of what was there before; `None` if there was no difference.
    pub backup: Option<SnapshotId>,
    /// Hosts there are now, as many as the snapshot shows.
    pub hosts: u32,
    /// Hosts that are back.
    pub created: u32,
    /// Hosts that say again what they said.
    pub updated: u32,
    /// Hosts that are gone: they came after the snapshot.
    pub deleted: u32,
}

/// What became of the rows of an import: `processed` is the sum of the other counts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ImportCounts {
    /// Rows in the file.
    pub processed: u32,
    /// Rows that became new hosts.
    pub created: u32,
    /// Rows that changed an existing host.
    pub updated: u32,
    /// Rows that changed nothing: taken, repeated, or as they were.
    pub skipped: u32,
    /// Those of the skipped rows that say what no host says now.
    pub left_out: LeftOut,
}

/// Rows of an import that did not come in as they are: a name of theirs leads nowhere now, or the host that has their
/// names says something else about itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LeftOut {
    /// The first hundred, counted from 1, in the order of the file. Shared: a retry is told the same.
    pub rows: Arc<[u32]>,
    /// All of them.
    pub total: u32,
}

impl Command {
    /// The fingerprint of a command about the host that is called `name`, made for no host in particular: the same
    /// request has the same one whatever the name stands for.
    #[must_use]
    pub fn fingerprint_by_name(command: impl Fn(HostId) -> Self, name: &Hostname) -> Fingerprint {
        let mut canon = Canon::new(b"command by name");
        let about_nobody = command(HostId::from_u128(0)).fingerprint();
        canon.text(name.as_str()).bytes(about_nobody.as_bytes());
        canon.fingerprint()
    }

    /// The first half of the SHA-256 of its canonical encoding. Equal commands have equal fingerprints.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut canon = Canon::new(b"command");
        match self {
            Self::AddHost(host) => canon.byte(1).facts(host),
            Self::UpdateHost {
                id,
                patch,
                expected,
            } => canon
                .byte(2)
                .id(*id)
                .patch(patch)
                .option(expected.as_ref(), |canon, version| {
                    canon.number(version.get())
                }),
            Self::DeleteHost { id, expected } => canon
                .byte(3)
                .id(*id)
                .option(expected.as_ref(), |canon, version| {
                    canon.number(version.get())
                }),
            Self::ImportHosts { rows, mode } => {
                canon.byte(4).byte(match mode {
                    ConflictMode::Skip => 1,
                    ConflictMode::Replace => 2,
                    ConflictMode::Strict => 3,
                });
                canon.list(rows, Canon::facts)
            }
            Self::CreateSnapshot { name, trigger } => canon
                .byte(5)
                .option(name.as_ref(), |canon, name| canon.text(name.as_str()))
                .option(trigger.as_ref(), |canon, trigger| {
                    canon.text(trigger.as_str())
                }),
            Self::DeleteSnapshot { id } => canon.byte(6).bytes(&id.as_u128().to_le_bytes()),
            Self::RollBack { to } => canon.byte(7).bytes(&to.as_u128().to_le_bytes()),
        };
        canon.fingerprint()
    }
}
