//! What a change would do to a projection: worked out in full before anything is touched.
//!
//! `check` stops here; `apply` carries the plan out, which cannot fail. Events take effect in their order on copies
//! of the hosts they touch; only the joint result has to keep the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::address::Address;
use crate::event::{Change, Event, Reply};
use crate::host::{Host, HostId};
use crate::limits::{CHANGE_EVENTS_MAX, HOSTS_MAX, SNAPSHOTS_MAX};
use crate::name::Hostname;
use crate::projection::Projection;
use crate::rejection::Rejection;
use crate::snapshot::{Snapshot, SnapshotId};
use crate::stamp::{Revision, Stamp};
use crate::time::Timestamp;

/// An accepted change, ready to be carried out.
pub(crate) struct Plan {
    /// The stamp's time, or the last one if that is later.
    pub(crate) now: Timestamp,
    /// The hosts it touches, before and after, by id.
    pub(crate) touched: BTreeMap<HostId, Touched>,
    /// The snapshot it makes, of what is before it.
    pub(crate) snapshot: Option<Snapshot>,
    /// The snapshots it deletes; they go before the new one comes.
    pub(crate) dropped: BTreeSet<SnapshotId>,
}

/// One host before and after a change; `None` where it does not exist.
pub(crate) struct Touched {
    pub(crate) before: Option<Arc<Host>>,
    pub(crate) after: Option<Host>,
}

/// Works out `change` as the log entry at `at`.
pub(crate) fn plan(hosts: &Projection, at: Revision, change: &Change) -> Result<Plan, Rejection> {
    let current = hosts.revision();
    if at <= current {
        return Err(Rejection::RevisionBehind { at, current });
    }
    within_events(change.events.len())?;
    let stamp = &change.stamp;
    if hosts.answered(&stamp.by, &stamp.request).is_some() {
        let request = stamp.request.clone();
        return Err(Rejection::RequestKnown { request });
    }
    hosts.check_remembered(&stamp.by, &stamp.request, stamp.since)?;
    check_expected(hosts, change)?;

    let mut plan = Plan {
        now: stamp.at.max(hosts.last_stamp()),
        touched: BTreeMap::new(),
        snapshot: None,
        dropped: BTreeSet::new(),
    };
    for event in &change.events {
        match event.host() {
            Some(id) => plan.take_effect(hosts, at, id, event)?,
            None => plan.note(hosts, at, event, &change.stamp)?,
        }
    }
    plan.check_count(hosts)?;
    plan.check_claims(hosts)?;
    plan.check_reply(&change.reply)?;
    Ok(plan)
}

fn check_expected(hosts: &Projection, change: &Change) -> Result<(), Rejection> {
    for expected in &change.expected {
        let id = expected.id;
        let host = hosts.host(id).ok_or(Rejection::NotFound { id })?;
        check_version(host, expected.version)?;
    }
    Ok(())
}

pub(crate) fn check_version(host: &Host, expected: Revision) -> Result<(), Rejection> {
    if host.version == expected {
        return Ok(());
    }
    Err(Rejection::VersionMismatch {
        id: host.id,
        expected,
        actual: host.version,
    })
}

impl Plan {
    /// Lets one event take effect on what is no host.
    fn note(
        &mut self,
        hosts: &Projection,
        at: Revision,
        event: &Event,
        stamp: &Stamp,
    ) -> Result<(), Rejection> {
        match event {
            Event::SnapshotCreated { id, name, trigger } => {
                if self.snapshot.is_some() || hosts.snapshot(*id).is_some() {
                    return Err(Rejection::SnapshotTaken { id: *id });
                }
                self.snapshot = Some(Snapshot {
                    id: *id,
                    name: name.clone(),
                    trigger: trigger.clone(),
                    created: self.now,
                    by: stamp.by.clone(),
                    revision: at,
                    hosts: count(hosts.len()),
                });
            }
            Event::SnapshotDeleted { id, reason: _ } => {
                let twice = !self.dropped.insert(*id);
                if twice || hosts.snapshot(*id).is_none() {
                    return Err(Rejection::SnapshotNotFound { id: *id });
                }
            }
            Event::RolledBack { to, base } => {
                if hosts.snapshot(*to).is_none() {
                    return Err(Rejection::SnapshotNotFound { id: *to });
                }
                let current = hosts.revision();
                if *base != current {
                    let base = *base;
                    return Err(Rejection::Overtaken { base, current });
                }
            }
            // The others are about a host.
            _ => {}
        }
        Ok(())
    }

    /// Lets one event take effect on the copy of its host.
    fn take_effect(
        &mut self,
        hosts: &Projection,
        at: Revision,
        id: HostId,
        event: &Event,
    ) -> Result<(), Rejection> {
        let now = self.now;
        let touched = self.touched.entry(id).or_insert_with(|| {
            let before = hosts.host(id).cloned();
            let after = before.as_deref().cloned();
            Touched { before, after }
        });
        if let Event::HostCreated { .. } | Event::HostRestored { .. } = event {
            if touched.after.is_some() {
                return Err(Rejection::IdTaken { id });
            }
            touched.after = match event {
                Event::HostRestored { host } => Some(restored(host, at, now)),
                _ => created(event, at, now),
            };
            return Ok(());
        }
        let host = touched.after.as_mut().ok_or(Rejection::NotFound { id })?;
        let fits = match event {
            // Handled above, or about no host.
            Event::HostCreated { .. }
            | Event::HostRestored { .. }
            | Event::SnapshotCreated { .. }
            | Event::SnapshotDeleted { .. }
            | Event::RolledBack { .. } => false,
            Event::IpAddressChanged { old, new, .. } => replace(&mut host.address, old, new),
            Event::HostnameChanged { old, new, .. } => replace(&mut host.hostname, old, new),
            Event::AliasesModified { old, new, .. } => replace(&mut host.aliases, old, new),
            Event::CommentUpdated { old, new, .. } => replace(&mut host.comment, old, new),
            Event::TagsModified { old, new, .. } => replace(&mut host.tags, old, new),
            Event::HostEnabled { .. } => replace(&mut host.enabled, &false, &true),
            Event::HostDisabled { .. } => replace(&mut host.enabled, &true, &false),
            Event::HostDeleted { old, .. } => was(host, old, at),
        };
        if !fits {
            return Err(Rejection::Moved { id });
        }
        if let Event::HostDeleted { .. } = event {
            touched.after = None;
        } else {
            host.version = at;
            host.updated = now;
        }
        Ok(())
    }

    fn check_count(&self, hosts: &Projection) -> Result<(), Rejection> {
        let before = self.touched.values().filter(|t| t.before.is_some()).count();
        let after = self.touched.values().filter(|t| t.after.is_some()).count();
        within_hosts(hosts.len() - before + after)?;
        let snapshots = hosts.snapshots().count() - self.dropped.len();
        within_snapshots(snapshots + usize::from(self.snapshot.is_some()))
    }

    /// No address and name may have two owners in the result, whether among the touched hosts or beside them.
    fn check_claims(&self, hosts: &Projection) -> Result<(), Rejection> {
        let mut claims: Vec<(Address, &Hostname, HostId)> = self
            .touched
            .values()
            .filter_map(|touched| touched.after.as_ref())
            .flat_map(|host| host.names().map(|name| (host.address, name, host.id)))
            .collect();
        claims.sort_unstable();
        let mut previous: Option<(Address, &Hostname, HostId)> = None;
        for (address, name, id) in claims {
            let twice = previous
                .filter(|(a, n, _)| (*a, *n) == (address, name))
                .map(|(_, _, id)| id);
            let beside = hosts
                .owner(address, name)
                .filter(|owner| !self.touched.contains_key(owner));
            if let Some(existing) = beside.or(twice) {
                let name = name.clone();
                return Err(Rejection::Duplicate {
                    address,
                    name,
                    existing,
                });
            }
            previous = Some((address, name, id));
        }
        Ok(())
    }

    fn check_reply(&self, reply: &Reply) -> Result<(), Rejection> {
        let after = |id| self.touched.get(&id).and_then(|t| t.after.as_ref());
        match reply {
            Reply::Added(id) | Reply::Updated(id) if after(*id).is_none() => {
                Err(Rejection::NotFound { id: *id })
            }
            Reply::Deleted(id) if after(*id).is_some() => Err(Rejection::IdTaken { id: *id }),
            Reply::SnapshotCreated(id) if self.snapshot.as_ref().is_none_or(|s| s.id != *id) => {
                Err(Rejection::SnapshotNotFound { id: *id })
            }
            _ => Ok(()),
        }
    }
}

/// The host of a `HostCreated`.
fn created(event: &Event, at: Revision, now: Timestamp) -> Option<Host> {
    let Event::HostCreated {
        id,
        address,
        hostname,
        aliases,
        tags,
        comment,
        enabled,
    } = event
    else {
        return None;
    };
    Some(Host {
        id: *id,
        address: *address,
        hostname: hostname.clone(),
        aliases: aliases.clone(),
        tags: tags.clone(),
        comment: comment.clone(),
        enabled: *enabled,
        version: at,
        created: now,
        updated: now,
    })
}

/// A host that is back. A time that is not yet would be refused when it is read again.
fn restored(host: &Host, at: Revision, now: Timestamp) -> Host {
    Host {
        version: at,
        created: host.created.min(now),
        updated: now,
        ..host.clone()
    }
}

/// Puts `new` where `old` is; false if something else is there.
fn replace<T: PartialEq + Clone>(field: &mut T, old: &T, new: &T) -> bool {
    let fits = field == old;
    if fits {
        field.clone_from(new);
    }
    fits
}

/// Whether `old` is this host. One that this change touched before cannot carry the version the event was made on.
fn was(host: &Host, old: &Host, at: Revision) -> bool {
    if host.version == at {
        return host.id == old.id && host.facts() == old.facts();
    }
    host == old
}

fn within_events(events: usize) -> Result<(), Rejection> {
    if events > CHANGE_EVENTS_MAX {
        let limit = CHANGE_EVENTS_MAX;
        return Err(Rejection::ChangeTooLarge { events, limit });
    }
    Ok(())
}

pub(crate) fn within_hosts(hosts: usize) -> Result<(), Rejection> {
    if hosts > HOSTS_MAX {
        return Err(Rejection::TooManyHosts { limit: HOSTS_MAX });
    }
    Ok(())
}

fn within_snapshots(snapshots: usize) -> Result<(), Rejection> {
    if snapshots > SNAPSHOTS_MAX {
        let limit = SNAPSHOTS_MAX;
        return Err(Rejection::TooManySnapshots { limit });
    }
    Ok(())
}

/// A number of hosts, of which there are a million at the most.
pub(crate) fn count(hosts: usize) -> u32 {
    u32::try_from(hosts).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projection_holds_a_million_hosts_at_most() {
        assert!(within_hosts(999_999).is_ok());
        assert!(within_hosts(1_000_000).is_ok());
        assert_eq!(
            within_hosts(1_000_001),
            Err(Rejection::TooManyHosts { limit: 1_000_000 })
        );
    }

    #[test]
    fn a_projection_holds_a_thousand_snapshots_at_most() {
        assert!(within_snapshots(999).is_ok());
        assert!(within_snapshots(1000).is_ok());
        assert_eq!(
            within_snapshots(1001).unwrap_err().reason(),
            "TOO_MANY_SNAPSHOTS"
        );
    }

    #[test]
    fn a_change_holds_a_million_events_at_most() {
        assert!(within_events(999_999).is_ok());
        assert!(within_events(1_000_000).is_ok());
        assert_eq!(
            within_events(1_000_001).unwrap_err().reason(),
            "CHANGE_TOO_LARGE"
        );
    }
}
