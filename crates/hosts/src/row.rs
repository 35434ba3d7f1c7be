//! The rows a projection is stored as: every part of it, each with its key.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::host::{Host, HostId};
use crate::projection::{Applied, Projection};
use crate::requests::RequestRow;
use crate::snapshot::Snapshot;
use crate::stamp::Revision;

/// Which row. In this order they are stored: what a row needs comes before it.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RowKey {
    /// A live host.
    Host(HostId),
    /// The request that was answered with this revision.
    Request(Revision),
    /// The snapshot that was made at this revision.
    Snapshot(Revision),
    /// What the snapshot made at this revision keeps of a host.
    Old(Revision, HostId),
}

/// One row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Row {
    /// A live host.
    Host(Arc<Host>),
    /// An answered request.
    Request(Arc<RequestRow>),
    /// A named snapshot.
    Snapshot(Arc<Snapshot>),
    /// What a snapshot keeps of a host.
    Old(OldRow),
}

/// What a snapshot keeps of a host that was changed later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OldRow {
    /// The revision that made the snapshot.
    pub snapshot: Revision,
    /// The host.
    pub id: HostId,
    /// Its record at that time; `None` if it was not there.
    pub host: Option<Arc<Host>>,
}

impl Row {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> RowKey {
        match self {
            Self::Host(host) => RowKey::Host(host.id),
            Self::Request(row) => RowKey::Request(row.answer.revision),
            Self::Snapshot(snapshot) => RowKey::Snapshot(snapshot.revision),
            Self::Old(old) => RowKey::Old(old.snapshot, old.id),
        }
    }
}

impl Projection {
    /// The row with this key.
    #[must_use]
    pub fn row(&self, key: RowKey) -> Option<Row> {
        match key {
            RowKey::Host(id) => self.host(id).cloned().map(Row::Host),
            RowKey::Request(revision) => self.request_at(revision).cloned().map(Row::Request),
            RowKey::Snapshot(revision) => self
                .kept_snapshots()
                .at(revision)
                .cloned()
                .map(Row::Snapshot),
            RowKey::Old(snapshot, id) => {
                let host = self.kept_snapshots().old(snapshot)?.get(&id)?.clone();
                Some(Row::Old(OldRow { snapshot, id, host }))
            }
        }
    }

    /// All its rows: hosts in the order of lists, then the others in the order of their keys.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        let hosts = self.hosts().cloned().map(Row::Host);
        let requests = self.requests().cloned().map(Row::Request);
        let snapshots = self.snapshots().cloned().map(Row::Snapshot);
        let old = self.kept_snapshots().all_old().map(|(snapshot, id, host)| {
            let host = host.clone();
            Row::Old(OldRow { snapshot, id, host })
        });
        hosts.chain(requests).chain(snapshots).chain(old)
    }
}

impl Applied {
    /// The hosts it added, changed or deleted.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> {
        self.rows.iter().filter_map(|row| match row {
            RowKey::Host(id) => Some(*id),
            RowKey::Request(_) | RowKey::Snapshot(_) | RowKey::Old(..) => None,
        })
    }
}

/// Rows that have another value than before, or are gone.
pub(crate) type Changed = BTreeSet<RowKey>;
