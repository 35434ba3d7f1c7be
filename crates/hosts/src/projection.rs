//! The state all accepted changes add up to: live hosts, answered requests, named snapshots, positions.
//!
//! Kept in persistent ordered maps, so a consistent view is a clone of a few pointers. `apply` is whole or nothing
//! and deterministic: equal changes at equal revisions give equal projections on every node.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

use crate::actor::Actor;
use crate::address::Address;
use crate::command::{Answer, Outcome, SnapshotMade};
use crate::digest::{Canon, Digest, Fingerprint, Sum};
use crate::event::{Change, Reply};
use crate::host::{Host, HostId};
use crate::name::Hostname;
use crate::plan::{Plan, Touched, plan};
use crate::rejection::Rejection;
use crate::requests::{RequestRow, Requests};
use crate::row::{Changed, RowKey};
use crate::snapshot::{OldHosts, Snapshot, Snapshots};
use crate::stamp::{RequestId, Revision};
use crate::time::Timestamp;
use crate::view::View;

/// The replicated state. The default is the empty one, before any change.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Projection {
    hosts: OrdMap<HostId, Arc<Host>>,
    /// Every address with every name that leads to it, and whose they are. Being a map, it keeps them unique; its
    /// order is the order of lists and of the hosts file.
    by_address: OrdMap<(Address, Hostname), Arc<Host>>,
    /// The same, to be asked by name.
    by_name: OrdMap<(Hostname, Address), Arc<Host>>,
    requests: Requests,
    snapshots: Snapshots,
    position: Position,
    hosts_sum: Sum,
    /// Of the enabled ones. What follows from the hosts is not part of the digest.
    enabled_sum: Sum,
    enabled: usize,
}

/// How far a projection has come.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// Of the last accepted change.
    pub revision: Revision,
    /// Of the last change that changed what a rendering without comments shows.
    pub rendered: Revision,
    /// Of the last change that changed what a rendering with comments shows; never before `rendered`.
    pub rendered_with_comments: Revision,
    /// Of the last accepted change. Never goes backwards.
    pub last_stamp: Timestamp,
}

/// What an accepted change did, for whoever stores rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Applied {
    /// What the caller is told; now in the request table.
    pub answer: Answer,
    /// The rows that are others now. One that is not in the projection is gone.
    pub rows: BTreeSet<RowKey>,
}

impl Projection {
    /// The empty projection, before any change.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether [`Projection::apply`] would accept `change` as the next log entry.
    ///
    /// # Errors
    /// The [`Rejection`] that `apply` would give.
    pub fn check(&self, change: &Change) -> Result<(), Rejection> {
        let next = Revision::new(self.position.revision.get().saturating_add(1));
        plan(self, next, change).map(drop)
    }

    /// Applies `change` as the log entry at `at`, whole or not at all, and keeps its answer for retries.
    ///
    /// # Errors
    /// A [`Rejection`]; the projection is then as it was.
    pub fn apply(&mut self, at: Revision, change: &Change) -> Result<Applied, Rejection> {
        let plan = plan(self, at, change)?;
        let mut rows = self.carry_out(at, plan);
        let answer = Answer {
            revision: at,
            outcome: self.outcome(&change.reply),
        };
        let evicted = self.requests.record(Arc::new(RequestRow {
            by: change.stamp.by.clone(),
            request: change.stamp.request.clone(),
            fingerprint: change.stamp.fingerprint,
            answer: answer.clone(),
        }));
        rows.insert(RowKey::Request(at));
        rows.extend(evicted.map(RowKey::Request));
        Ok(Applied { answer, rows })
    }

    /// The revision of the last accepted change.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.position.revision
    }

    /// The last revision that changed what a rendering with `view` shows.
    #[must_use]
    pub const fn rendered(&self, view: &View) -> Revision {
        if view.comments {
            self.position.rendered_with_comments
        } else {
            self.position.rendered
        }
    }

    /// The time of the last accepted change; a new one is not stamped earlier.
    #[must_use]
    pub const fn last_stamp(&self) -> Timestamp {
        self.position.last_stamp
    }

    /// How far it has come, to be stored beside the rows.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// How many hosts there are, disabled ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether there are no hosts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// How many of them are enabled.
    #[must_use]
    pub const fn enabled_len(&self) -> usize {
        self.enabled
    }

    /// The host with this id.
    #[must_use]
    pub fn host(&self, id: HostId) -> Option<&Arc<Host>> {
        self.hosts.get(&id)
    }

    /// All hosts, by address, then by hostname: the order of lists.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<Host>> {
        own_lines(self.by_address.iter())
    }

    /// The hosts that follow `after` in the order of lists, whether or not it is there itself; all after none.
    pub(crate) fn hosts_after<'a>(
        &'a self,
        after: Option<&Host>,
    ) -> impl Iterator<Item = &'a Arc<Host>> + use<'a> {
        self.hosts_between(Address::before_all(), Address::after_all(), after)
    }

    /// The same of the hosts whose address lies in `first..=last`.
    pub(crate) fn hosts_between<'a>(
        &'a self,
        first: Address,
        last: Address,
        after: Option<&Host>,
    ) -> impl Iterator<Item = &'a Arc<Host>> + use<'a> {
        let first = (first, Hostname::before_all());
        let after = after.map(|host| (host.address, host.hostname.clone()));
        let from = match after.filter(|after| *after >= first) {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(first),
        };
        own_lines(
            self.by_address
                .range((from, Bound::Unbounded))
                .take_while(move |((address, _), _)| *address <= last),
        )
    }

    /// The hosts with this hostname or alias, by address.
    #[must_use]
    pub fn named(&self, name: &Hostname) -> Vec<&Arc<Host>> {
        let from = (name.clone(), Address::before_all());
        self.by_name
            .range((Bound::Included(from), Bound::Unbounded))
            .take_while(|((other, _), _)| other == name)
            .map(|(_, host)| host)
            .collect()
    }

    /// The host that holds this address together with this name.
    #[must_use]
    pub fn owner(&self, address: Address, name: &Hostname) -> Option<HostId> {
        self.by_address
            .get(&(address, name.clone()))
            .map(|host| host.id)
    }

    /// What a request of this caller was answered, while the table remembers it.
    #[must_use]
    pub fn answered(&self, by: &Actor, request: &RequestId) -> Option<(&Fingerprint, &Answer)> {
        self.requests
            .get(by, request)
            .map(|row| (&row.fingerprint, &row.answer))
    }

    /// Refuses the request if the table does not know it and cannot say that it was never accepted: what was
    /// accepted since it was first sent has begun to leave the table.
    pub(crate) fn check_remembered(
        &self,
        by: &Actor,
        request: &RequestId,
        since: Option<Revision>,
    ) -> Result<(), Rejection> {
        let reached = since.is_none_or(|since| self.requests.reaches(since));
        if reached || self.answered(by, request).is_some() {
            return Ok(());
        }
        let request = request.clone();
        Err(Rejection::RequestForgotten { request })
    }

    /// The rows of the request table, in the order of revisions.
    pub fn requests(&self) -> impl Iterator<Item = &Arc<RequestRow>> {
        self.requests.iter()
    }

    /// The row of the request that made this revision, while the table remembers it.
    #[must_use]
    pub fn request_at(&self, revision: Revision) -> Option<&Arc<RequestRow>> {
        self.requests.at(revision)
    }

    /// The hash of hosts, requests, snapshots and positions; O(1), kept up to date by `apply`.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut sum = self.hosts_sum;
        sum.add(self.requests.sum());
        sum.add(self.snapshots.sum());
        sum.add(self.position.sum());
        sum.digest()
    }

    /// The hash of the enabled hosts and of all that is known about each; O(1). Whoever is shown the same of them has
    /// the same one, on every node.
    #[must_use]
    pub fn enabled_digest(&self) -> Digest {
        self.enabled_sum.digest()
    }

    fn carry_out(&mut self, at: Revision, plan: Plan) -> Changed {
        let mut rows = Changed::new();
        for id in plan.dropped {
            rows.extend(self.snapshots.remove(id));
        }
        if let Some(snapshot) = plan.snapshot {
            rows.insert(RowKey::Snapshot(snapshot.revision));
            self.snapshots.insert(Arc::new(snapshot));
        }
        // All old names go before any new one comes: a name may move between touched hosts.
        for Touched { before, after } in plan.touched.values() {
            self.note_rendered(at, before.as_deref(), after.as_ref());
            if let Some(before) = before {
                self.remove(before);
            }
        }
        self.position.revision = at;
        self.position.last_stamp = plan.now;
        for (id, Touched { before, after }) in plan.touched {
            if before.is_some() || after.is_some() {
                rows.insert(RowKey::Host(id));
                rows.extend(self.snapshots.note(id, before));
            }
            if let Some(host) = after {
                self.insert(Arc::new(host));
            }
        }
        rows
    }

    /// A clone with other hosts: each of `old` in the place of the live one.
    pub(crate) fn overlaid(&self, old: &OldHosts) -> Self {
        let mut projection = self.clone();
        for id in old.keys() {
            if let Some(live) = self.host(*id) {
                projection.remove(live);
            }
        }
        for host in old.values().flatten() {
            projection.insert(Arc::clone(host));
        }
        projection
    }

    pub(crate) const fn kept_snapshots(&self) -> &Snapshots {
        &self.snapshots
    }

    pub(crate) const fn kept_snapshots_mut(&mut self) -> &mut Snapshots {
        &mut self.snapshots
    }

    fn note_rendered(&mut self, at: Revision, before: Option<&Host>, after: Option<&Host>) {
        let [before, after] = [before, after].map(|host| host.filter(|host| host.enabled));
        let lines =
            |host: Option<&Host>| host.map(|h| (h.address, h.hostname.clone(), h.aliases.clone()));
        let comment = |host: Option<&Host>| host.and_then(|h| h.comment.clone());
        if lines(before) != lines(after) {
            self.position.rendered = at;
            self.position.rendered_with_comments = at;
        } else if comment(before) != comment(after) {
            self.position.rendered_with_comments = at;
        }
    }

    /// What `reply` promised, after its change was carried out.
    fn outcome(&self, reply: &Reply) -> Outcome {
        let host = |id| {
            let host = self.host(id).cloned();
            host.expect("the plan checked that the host of the reply is in the result")
        };
        match reply {
            Reply::Added(id) => Outcome::Added(host(*id)),
            Reply::Updated(id) => Outcome::Updated(host(*id)),
            Reply::Deleted(id) => Outcome::Deleted(*id),
            Reply::Imported(counts) => Outcome::Imported(counts.clone()),
            Reply::SnapshotCreated(id) => {
                let snapshot = self.snapshot(*id);
                let Snapshot {
                    id, created, hosts, ..
                } = **snapshot.expect("the plan checked that it makes the snapshot of the reply");
                Outcome::SnapshotCreated(SnapshotMade { id, created, hosts })
            }
            Reply::SnapshotDeleted(id) => Outcome::SnapshotDeleted(*id),
            Reply::RolledBack(counts) => Outcome::RolledBack(*counts),
        }
    }

    /// An empty projection at `position`, to be filled by `restore`.
    pub(crate) fn at(position: Position) -> Self {
        Self {
            position,
            ..Self::default()
        }
    }

    /// Takes a host and its names in. Its id is free, and its names have no other owner.
    pub(crate) fn insert(&mut self, host: Arc<Host>) {
        let sum = host_sum(&host);
        self.hosts_sum.add(sum);
        if host.enabled {
            self.enabled_sum.add(sum);
            self.enabled += 1;
        }
        for name in host.names() {
            self.by_address
                .insert((host.address, name.clone()), Arc::clone(&host));
            self.by_name
                .insert((name.clone(), host.address), Arc::clone(&host));
        }
        self.hosts.insert(host.id, host);
    }

    /// Takes a request in. Neither its caller and id nor its revision are in the table.
    pub(crate) fn record(&mut self, row: Arc<RequestRow>) -> Option<Revision> {
        self.requests.record(row)
    }

    fn remove(&mut self, host: &Host) {
        let sum = host_sum(host);
        self.hosts_sum.remove(sum);
        if host.enabled {
            self.enabled_sum.remove(sum);
            self.enabled -= 1;
        }
        for name in host.names() {
            self.by_address.remove(&(host.address, name.clone()));
            self.by_name.remove(&(name.clone(), host.address));
        }
        self.hosts.remove(&host.id);
    }
}

impl Position {
    fn sum(&self) -> Sum {
        let Self {
            revision,
            rendered,
            rendered_with_comments,
            last_stamp,
        } = self;
        let mut canon = Canon::new(b"position");
        canon
            .number(revision.get())
            .number(rendered.get())
            .number(rendered_with_comments.get())
            .number(last_stamp.as_millis());
        canon.sum()
    }
}

fn host_sum(host: &Host) -> Sum {
    let mut canon = Canon::new(b"host");
    canon.host(host);
    canon.sum()
}

/// Each host once, at its hostname, out of an index that has it at every name.
fn own_lines<'a>(
    names: impl Iterator<Item = (&'a (Address, Hostname), &'a Arc<Host>)>,
) -> impl Iterator<Item = &'a Arc<Host>> {
    names
        .filter(|((_, name), host)| *name == host.hostname)
        .map(|(_, host)| host)
}
