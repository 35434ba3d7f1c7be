//! From what a caller asks to the change that would do it, decided on one projection.
//!
//! Asked by the leader only. Another change may be applied between this and the commit of the result, so `apply`
//! checks again; what is decided here is never refused by the projection it was decided on.

use std::sync::Arc;

use crate::command::{Answer, Command, Decision, HostPatch, NewHost, Outcome};
use crate::event::{Change, DeleteReason, DropReason, Event, Expected, Reply};
use crate::host::{Host, HostId};
use crate::import::import;
use crate::label::Label;
use crate::plan::check_version;
use crate::projection::Projection;
use crate::rejection::Rejection;
use crate::retention::{Retention, limit_old_rows};
use crate::rollback::roll_back;
use crate::snapshot::{MANUAL, SnapshotId};
use crate::stamp::{Revision, Stamp};

/// What `command` comes to on `hosts`.
///
/// `stamp.fingerprint` is the fingerprint of the whole request, normally [`Command::fingerprint`]. A request of this
/// caller and id that was answered before is answered the same again, without looking at the command. The change
/// carries the later of `stamp.at` and the last applied stamp.
///
/// # Errors
/// The [`Rejection`] that stands against it.
pub fn decide(hosts: &Projection, command: &Command, stamp: Stamp) -> Result<Decision, Rejection> {
    decide_within(hosts, command, stamp, &Retention::default())
}

/// As [`decide`], with the retention of this leader. What it lets go becomes events of the change: no node looks at a
/// retention of its own when it applies them.
///
/// # Errors
/// As [`decide`].
pub fn decide_within(
    hosts: &Projection,
    command: &Command,
    mut stamp: Stamp,
    retention: &Retention,
) -> Result<Decision, Rejection> {
    if let Some((fingerprint, answer)) = hosts.answered(&stamp.by, &stamp.request) {
        if *fingerprint != stamp.fingerprint {
            let request = stamp.request;
            return Err(Rejection::RequestReused { request });
        }
        return Ok(Decision::Answered(answer.clone()));
    }
    // Before the command is looked at: had it been applied, it would be refused for what it did itself.
    hosts.check_remembered(&stamp.by, &stamp.request, stamp.since)?;
    stamp.at = stamp.at.max(hosts.last_stamp());

    let draft = match command {
        Command::AddHost(host) => add(hosts, host, &stamp),
        Command::UpdateHost {
            id,
            patch,
            expected,
        } => update(hosts, *id, patch, *expected)?,
        Command::DeleteHost { id, expected } => delete(hosts, *id, *expected)?,
        Command::ImportHosts { rows, mode } => import(hosts, rows, *mode, &stamp)?,
        Command::CreateSnapshot { name, trigger } => {
            let id = new_snapshot_id(hosts, &stamp);
            let mut events = retention.make_room(hosts, stamp.at, None);
            events.push(Event::SnapshotCreated {
                id,
                name: name.clone(),
                trigger: trigger.clone().unwrap_or_else(|| Label::own(MANUAL)),
            });
            plain(events, Reply::SnapshotCreated(id))
        }
        Command::DeleteSnapshot { id } => {
            let id = *id;
            if hosts.snapshot(id).is_none() {
                return Err(Rejection::SnapshotNotFound { id });
            }
            let reason = DropReason::Requested;
            let events = vec![Event::SnapshotDeleted { id, reason }];
            plain(events, Reply::SnapshotDeleted(id))
        }
        Command::RollBack { to } => roll_back(hosts, *to, &stamp, retention)?,
    };
    let Draft {
        mut events,
        reply,
        expected,
    } = match draft {
        Drafted::Change(draft) => draft,
        Drafted::Nothing(outcome) => {
            return Ok(Decision::Unchanged(Answer {
                revision: hosts.revision(),
                outcome,
            }));
        }
    };
    limit_old_rows(hosts, &mut events);
    let change = Change {
        events,
        reply,
        expected,
        stamp,
    };
    hosts.check(&change)?;
    Ok(Decision::Commit(change))
}

/// What a command comes to, before it is stamped and checked.
pub(crate) enum Drafted {
    Change(Draft),
    Nothing(Outcome),
}

/// A change without its stamp.
pub(crate) struct Draft {
    pub(crate) events: Vec<Event>,
    pub(crate) reply: Reply,
    pub(crate) expected: Vec<Expected>,
}

/// A change without expectations.
pub(crate) const fn plain(events: Vec<Event>, reply: Reply) -> Drafted {
    Drafted::Change(Draft {
        events,
        reply,
        expected: Vec::new(),
    })
}

/// The first id of the change that no snapshot has.
pub(crate) fn new_snapshot_id(hosts: &Projection, stamp: &Stamp) -> SnapshotId {
    // There are a thousand snapshots at the most: one of the first is free.
    let mut ids = (0..).map(|n| SnapshotId::nth(stamp.at, stamp.seed, n));
    let free = ids.find(|id| hosts.snapshot(*id).is_none());
    free.expect("of 2^32 ids, no more than a thousand are taken")
}

fn add(hosts: &Projection, host: &NewHost, stamp: &Stamp) -> Drafted {
    let id = NewIds::new(hosts, stamp).next_id();
    Drafted::Change(Draft {
        events: vec![host.normalised().created_as(id)],
        reply: Reply::Added(id),
        expected: Vec::new(),
    })
}

fn update(
    hosts: &Projection,
    id: HostId,
    patch: &HostPatch,
    expected: Option<Revision>,
) -> Result<Drafted, Rejection> {
    let host = find(hosts, id, expected)?;
    let events = differences(host, &patch.applied_to(host).normalised());
    if events.is_empty() {
        return Ok(Drafted::Nothing(Outcome::Updated(Arc::clone(host))));
    }
    Ok(Drafted::Change(Draft {
        events,
        reply: Reply::Updated(id),
        // Fields that were right already make no event: only the version tells
        // that they still are when the change is applied.
        expected: vec![Expected {
            id,
            version: host.version,
        }],
    }))
}

fn delete(
    hosts: &Projection,
    id: HostId,
    expected: Option<Revision>,
) -> Result<Drafted, Rejection> {
    let host = find(hosts, id, expected)?;
    Ok(Drafted::Change(Draft {
        events: vec![Event::HostDeleted {
            id,
            reason: DeleteReason::Requested,
            old: Arc::clone(host),
        }],
        reply: Reply::Deleted(id),
        expected: expectation(id, expected),
    }))
}

fn find(
    hosts: &Projection,
    id: HostId,
    expected: Option<Revision>,
) -> Result<&Arc<Host>, Rejection> {
    let host = hosts.host(id).ok_or(Rejection::NotFound { id })?;
    if let Some(version) = expected {
        check_version(host, version)?;
    }
    Ok(host)
}

fn expectation(id: HostId, expected: Option<Revision>) -> Vec<Expected> {
    let expected = expected.map(|version| Expected { id, version });
    expected.into_iter().collect()
}

/// The events that make `host` what `wanted` says, in a fixed order.
pub(crate) fn differences(host: &Host, wanted: &NewHost) -> Vec<Event> {
    let id = host.id;
    let NewHost {
        address,
        hostname,
        aliases,
        tags,
        comment,
        enabled,
    } = wanted.clone();
    let mut events = Vec::new();
    if host.address != address {
        events.push(Event::IpAddressChanged {
            id,
            old: host.address,
            new: address,
        });
    }
    if host.hostname != hostname {
        events.push(Event::HostnameChanged {
            id,
            old: host.hostname.clone(),
            new: hostname,
        });
    }
    if host.aliases != aliases {
        events.push(Event::AliasesModified {
            id,
            old: host.aliases.clone(),
            new: aliases,
        });
    }
    if host.comment != comment {
        events.push(Event::CommentUpdated {
            id,
            old: host.comment.clone(),
            new: comment,
        });
    }
    if host.tags != tags {
        events.push(Event::TagsModified {
            id,
            old: host.tags.clone(),
            new: tags,
        });
    }
    match (host.enabled, enabled) {
        (false, true) => events.push(Event::HostEnabled { id }),
        (true, false) => events.push(Event::HostDisabled { id }),
        _ => {}
    }
    events
}

/// The ids of one change: counted up from its seed, leaving out what is taken.
pub(crate) struct NewIds<'a> {
    hosts: &'a Projection,
    stamp: &'a Stamp,
    next: u32,
}

impl<'a> NewIds<'a> {
    pub(crate) const fn new(hosts: &'a Projection, stamp: &'a Stamp) -> Self {
        Self {
            hosts,
            stamp,
            next: 0,
        }
    }

    pub(crate) fn next_id(&mut self) -> HostId {
        loop {
            let id = HostId::nth(self.stamp.at, self.stamp.seed, self.next);
            // Bounds on rows and hosts keep this far from wrapping.
            self.next = self.next.wrapping_add(1);
            if self.hosts.host(id).is_none() {
                return id;
            }
        }
    }
}
