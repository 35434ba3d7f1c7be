//! The table of recent requests: what each was answered, so that a retry is answered the same.
//!
//! Bounded: the request of the oldest revision goes when a new one comes. It is part of the replicated state, so
//! every node keeps and forgets the same rows.

use std::sync::Arc;

use imbl::OrdMap;

use crate::actor::Actor;
use crate::command::{Answer, ImportCounts, LeftOut, Outcome, RollbackCounts, SnapshotMade};
use crate::digest::{Canon, Fingerprint, Sum};
use crate::limits::REQUESTS_MAX;
use crate::stamp::{RequestId, Revision};

/// One answered request. A revision answers one request, so rows are ordered by `answer.revision`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestRow {
    /// Who asked.
    pub by: Actor,
    /// Its id for the request.
    pub request: RequestId,
    /// Of the command it asked for.
    pub fingerprint: Fingerprint,
    /// What it was told.
    pub answer: Answer,
}

/// The last 16,384 answered requests, by caller and id and by revision.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Requests {
    by_caller: OrdMap<(Actor, RequestId), Arc<RequestRow>>,
    by_revision: OrdMap<Revision, Arc<RequestRow>>,
    sum: Sum,
}

impl Requests {
    pub(crate) fn get(&self, by: &Actor, request: &RequestId) -> Option<&RequestRow> {
        self.by_caller
            .get(&(by.clone(), request.clone()))
            .map(Arc::as_ref)
    }

    pub(crate) fn at(&self, revision: Revision) -> Option<&Arc<RequestRow>> {
        self.by_revision.get(&revision)
    }

    /// Adds the row of a request and a revision that have none, and returns the revision whose row had to go for it.
    pub(crate) fn record(&mut self, row: Arc<RequestRow>) -> Option<Revision> {
        self.sum.add(row_sum(&row));
        let caller = (row.by.clone(), row.request.clone());
        self.by_caller.insert(caller, Arc::clone(&row));
        self.by_revision.insert(row.answer.revision, row);
        if self.by_revision.len() <= REQUESTS_MAX {
            return None;
        }
        let (oldest, _) = self.by_revision.get_min().cloned()?;
        let row = self.by_revision.remove(&oldest)?;
        let caller = (row.by.clone(), row.request.clone());
        self.by_caller.remove(&caller);
        self.sum.remove(row_sum(&row));
        Some(oldest)
    }

    /// Whether a request that is not here was surely not accepted after `since`: none has left the table, or only
    /// older ones.
    pub(crate) fn reaches(&self, since: Revision) -> bool {
        let oldest = self.by_revision.get_min();
        self.by_revision.len() < REQUESTS_MAX
            || oldest.is_none_or(|(oldest, _)| oldest.get() <= since.get().saturating_add(1))
    }

    /// In the order of revisions, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<RequestRow>> {
        self.by_revision.values()
    }

    pub(crate) const fn sum(&self) -> Sum {
        self.sum
    }
}

fn row_sum(row: &RequestRow) -> Sum {
    let RequestRow {
        by,
        request,
        fingerprint,
        answer: Answer { revision, outcome },
    } = row;
    let mut canon = Canon::new(b"request");
    canon
        .text(by.role.as_str())
        .text(by.name.as_str())
        .text(request.as_str())
        .bytes(fingerprint.as_bytes())
        .number(revision.get());
    match outcome {
        Outcome::Added(host) => canon.byte(1).host(host),
        Outcome::Updated(host) => canon.byte(2).host(host),
        Outcome::Deleted(id) => canon.byte(3).id(*id),
        Outcome::Imported(ImportCounts {
            processed,
            created,
            updated,
            skipped,
            left_out: LeftOut { rows, total },
        }) => canon
            .byte(4)
            .number(u64::from(*processed))
            .number(u64::from(*created))
            .number(u64::from(*updated))
            .number(u64::from(*skipped))
            .number(u64::from(*total))
            .list(rows, |canon, row| canon.number(u64::from(*row))),
        Outcome::SnapshotCreated(SnapshotMade { id, created, hosts }) => canon
            .byte(5)
            .bytes(&id.as_u128().to_le_bytes())
            .number(created.as_millis())
            .number(u64::from(*hosts)),
        Outcome::SnapshotDeleted(id) => canon.byte(6).bytes(&id.as_u128().to_le_bytes()),
        Outcome::RolledBack(RollbackCounts {
            backup,
            hosts,
            created,
            updated,
            deleted,
        }) => canon
            .byte(7)
            .option(backup.as_ref(), |canon, id| {
                canon.bytes(&id.as_u128().to_le_bytes())
            })
            .number(u64::from(*hosts))
            .number(u64::from(*created))
            .number(u64::from(*updated))
            .number(u64::from(*deleted)),
    };
    canon.sum()
}
