//! Named snapshots: the hosts as they were, kept as what has changed since.
//!
//! A snapshot holds the old record of every host that was changed while it was the newest one. What it shows is the
//! live hosts, overlaid by the old records of all snapshots from the newest down to it. So making one costs nothing, an
//! accepted change adds one old record for a host at the most, and what all of them take up is what changed since.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use imbl::OrdMap;
use thiserror::Error;

use crate::actor::Actor;
use crate::digest::{Canon, Sum};
use crate::host::{Host, HostId};
use crate::label::Label;
use crate::projection::Projection;
use crate::row::RowKey;
use crate::stamp::Revision;
use crate::text::shorten;
use crate::time::Timestamp;
use crate::ulid::{self, DIGITS};

/// The trigger of a snapshot that says none.
pub(crate) const MANUAL: &str = "manual";
/// The trigger of the snapshot that a rollback makes.
pub(crate) const BEFORE_ROLLBACK: &str = "pre-rollback";

/// A named snapshot, without the hosts it shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// Given once, never reused.
    pub id: SnapshotId,
    /// What a person calls it; others may have the same name.
    pub name: Option<Label>,
    /// Why it was made: `manual`, `pre-rollback`, or what its maker says.
    pub trigger: Label,
    /// The stamp of the change that made it.
    pub created: Timestamp,
    /// Who made it.
    pub by: Actor,
    /// That of the change that made it. It shows the hosts as they were before this change: a rollback keeps what it
    /// replaces.
    pub revision: Revision,
    /// How many hosts it shows, disabled ones included.
    pub hosts: u32,
}

/// A ULID, as [`HostId`] is.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SnapshotId(u128);

impl SnapshotId {
    /// The id with these 128 bits.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// Its 128 bits.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// The n-th id of a change, as [`HostId::nth`] counts them.
    #[must_use]
    pub const fn nth(at: Timestamp, seed: u128, n: u32) -> Self {
        Self(ulid::nth(at, seed, n))
    }
}

/// A text that is not a [`SnapshotId`].
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("`{input}` is not a snapshot id (a ULID of {DIGITS} characters)")]
pub struct InvalidSnapshotId {
    /// The text, shortened.
    pub input: String,
}

impl FromStr for SnapshotId {
    type Err = InvalidSnapshotId;

    /// Reads either case.
    fn from_str(text: &str) -> Result<Self, InvalidSnapshotId> {
        let refused = || InvalidSnapshotId {
            input: shorten(text),
        };
        ulid::read(text).map(Self).ok_or_else(refused)
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&ulid::text(self.0))
    }
}

/// The records that hosts had once, by their ids; `None` where there was no such host.
pub(crate) type OldHosts = OrdMap<HostId, Option<Arc<Host>>>;

/// All named snapshots of a projection, each at the revision that made it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Snapshots {
    kept: OrdMap<Revision, Kept>,
    sum: Sum,
    /// Old records of all of them.
    rows: usize,
}

/// One snapshot with the old records of hosts that were changed while it was the newest.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Kept {
    snapshot: Arc<Snapshot>,
    old: OldHosts,
    /// Of the snapshot and its old records.
    sum: Sum,
}

impl Snapshots {
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Old records of all snapshots.
    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) const fn sum(&self) -> Sum {
        self.sum
    }

    pub(crate) fn get(&self, id: SnapshotId) -> Option<&Arc<Snapshot>> {
        self.iter().find(|snapshot| snapshot.id == id)
    }

    pub(crate) fn at(&self, revision: Revision) -> Option<&Arc<Snapshot>> {
        self.kept.get(&revision).map(|kept| &kept.snapshot)
    }

    /// From the oldest to the newest.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Snapshot>> {
        self.kept.values().map(|kept| &kept.snapshot)
    }

    /// The same, each with how many old records it keeps.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = (&Arc<Snapshot>, usize)> {
        self.kept
            .values()
            .map(|kept| (&kept.snapshot, kept.old.len()))
    }

    /// The old records of the snapshot made at `revision`.
    pub(crate) fn old(&self, revision: Revision) -> Option<&OldHosts> {
        self.kept.get(&revision).map(|kept| &kept.old)
    }

    /// Every old record with the revision of its snapshot.
    pub(crate) fn all_old(
        &self,
    ) -> impl Iterator<Item = (Revision, HostId, &Option<Arc<Host>>)> + '_ {
        self.kept.iter().flat_map(|(revision, kept)| {
            let old = kept.old.iter();
            old.map(|(id, host)| (*revision, *id, host))
        })
    }

    /// Takes in a snapshot, newer than all others or being restored.
    pub(crate) fn insert(&mut self, snapshot: Arc<Snapshot>) {
        let sum = snapshot_sum(&snapshot);
        self.sum.add(sum);
        self.kept.insert(
            snapshot.revision,
            Kept {
                snapshot,
                old: OldHosts::new(),
                sum,
            },
        );
    }

    /// Lets a snapshot go. What it alone remembers goes to the next older one, which shows it, too. Gives the rows that
    /// are others now.
    pub(crate) fn remove(&mut self, id: SnapshotId) -> Vec<RowKey> {
        let Some(revision) = self.get(id).map(|snapshot| snapshot.revision) else {
            return Vec::new();
        };
        let Some(gone) = self.kept.remove(&revision) else {
            return Vec::new();
        };
        self.sum.remove(gone.sum);
        self.rows -= gone.old.len();
        let mut rows = vec![RowKey::Snapshot(revision)];
        let older = self.kept.get_prev(&revision).map(|(older, _)| *older);
        for (id, host) in gone.old {
            rows.push(RowKey::Old(revision, id));
            if let Some(older) = older {
                rows.extend(self.remember(older, id, host));
            }
        }
        rows
    }

    /// Notes what a host was before the change that is being applied.
    pub(crate) fn note(&mut self, id: HostId, before: Option<Arc<Host>>) -> Option<RowKey> {
        let newest = self.kept.get_max().map(|(revision, _)| *revision)?;
        self.remember(newest, id, before)
    }

    /// Keeps an old record in the snapshot at `revision`, unless it has one of this host.
    pub(crate) fn remember(
        &mut self,
        revision: Revision,
        id: HostId,
        host: Option<Arc<Host>>,
    ) -> Option<RowKey> {
        let known = self.old(revision).is_none_or(|old| old.contains_key(&id));
        let kept = self.kept.get_mut(&revision).filter(|_| !known)?;
        let sum = old_sum(revision, id, host.as_deref());
        kept.sum.add(sum);
        self.sum.add(sum);
        self.rows += 1;
        kept.old.insert(id, host);
        Some(RowKey::Old(revision, id))
    }

    /// What a snapshot shows in the place of live hosts.
    pub(crate) fn overlay(&self, id: SnapshotId) -> Option<OldHosts> {
        let from = self.get(id)?.revision;
        let mut newer = self.kept.range(from..).map(|(_, kept)| &kept.old);
        let mut overlay = newer.next()?.clone();
        for old in newer {
            for (id, host) in old {
                if !overlay.contains_key(id) {
                    overlay.insert(*id, host.clone());
                }
            }
        }
        Some(overlay)
    }
}

impl Projection {
    /// The named snapshots, from the oldest to the newest.
    pub fn snapshots(&self) -> impl DoubleEndedIterator<Item = &Arc<Snapshot>> {
        self.kept_snapshots().iter()
    }

    /// The snapshot with this id.
    #[must_use]
    pub fn snapshot(&self, id: SnapshotId) -> Option<&Arc<Snapshot>> {
        self.kept_snapshots().get(id)
    }

    /// How many old records the named snapshots keep together.
    #[must_use]
    pub fn snapshot_rows(&self) -> usize {
        self.kept_snapshots().rows()
    }

    /// A projection with the hosts that a snapshot shows, to be listed, searched and exported. Time and work grow with
    /// what has changed since. Its positions, requests and snapshots are still those of now.
    #[must_use]
    pub fn as_of_snapshot(&self, id: SnapshotId) -> Option<Self> {
        Some(self.overlaid(&self.kept_snapshots().overlay(id)?))
    }

    /// What is different from one state to another, in the order of lists; `None` if there is no such snapshot. Hosts
    /// that only have another version or other times are no difference.
    #[must_use]
    pub fn differences(&self, from: Point, to: Point) -> Option<Vec<Difference>> {
        let [from, to] = [self.overlay_of(from)?, self.overlay_of(to)?];
        let mut all = BTreeMap::new();
        for id in from.keys().chain(to.keys()) {
            let record = |overlay: &OldHosts| match overlay.get(id) {
                Some(old) => old.clone(),
                None => self.host(*id).cloned(),
            };
            let difference = Difference {
                before: record(&from),
                after: record(&to),
            };
            if let Some(place) = difference.place() {
                all.insert(place, difference);
            }
        }
        Some(all.into_values().collect())
    }

    fn overlay_of(&self, point: Point) -> Option<OldHosts> {
        match point {
            Point::Now => Some(OldHosts::new()),
            Point::Snapshot(id) => self.kept_snapshots().overlay(id),
        }
    }
}

/// A state that hosts were in.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Point {
    /// That of the projection.
    Now,
    /// That which a snapshot shows.
    Snapshot(SnapshotId),
}

/// A host that is not the same in two states; at least one of them has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// In the first state.
    pub before: Option<Arc<Host>>,
    /// In the second one.
    pub after: Option<Arc<Host>>,
}

impl Difference {
    /// Where it stands in a list; `None` if there is no difference.
    fn place(&self) -> Option<impl Ord + use<>> {
        let facts = |host: &Option<Arc<Host>>| host.as_ref().map(|host| host.facts());
        if facts(&self.before) == facts(&self.after) {
            return None;
        }
        let host = self.after.as_ref().or(self.before.as_ref())?;
        Some((host.address, host.hostname.clone(), host.id))
    }
}

fn snapshot_sum(snapshot: &Snapshot) -> Sum {
    let Snapshot {
        id,
        name,
        trigger,
        created,
        by,
        revision,
        hosts,
    } = snapshot;
    let mut canon = Canon::new(b"snapshot");
    canon
        .bytes(&id.as_u128().to_le_bytes())
        .option(name.as_ref(), |canon, name| canon.text(name.as_str()))
        .text(trigger.as_str())
        .number(created.as_millis())
        .text(by.role.as_str())
        .text(by.name.as_str())
        .number(revision.get())
        .number(u64::from(*hosts));
    canon.sum()
}

fn old_sum(revision: Revision, id: HostId, host: Option<&Host>) -> Sum {
    let mut canon = Canon::new(b"old host");
    canon
        .number(revision.get())
        .id(id)
        .option(host, |canon, host| canon.host(host));
    canon.sum()
}
