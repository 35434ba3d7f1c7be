//! Changes: the events of one log entry, with their stamp and reply.

use std::sync::Arc;

use bytes::Bytes;
use hosts::{
    Actor, Change, DeleteReason, Event, Expected, Fingerprint, ImportCounts, LeftOut, NewHost,
    Reply, RequestId, Revision, Stamp, Timestamp,
};

use super::host::{
    FactsShape, HostShape, address_bytes, address_from, alias_texts, aliases_from, comment_from,
    comment_text, facts_from, facts_shape, host_from, host_id_bytes, host_id_from, host_shape,
    hostname_from, tag_texts, tags_from,
};
use super::snapshot::{
    DropShape, NamedShape, RollbackShape, RolledBackShape, drop_from, drop_shape, named_from,
    named_shape, rollback_from, rollback_shape, rolled_back_from, rolled_back_shape,
    snapshot_id_bytes, snapshot_id_from,
};
use super::wire::{Flaw, array, id, id_bytes, required};
use super::{FIRST, SNAPSHOTS};

/// Facts that take effect together.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ChangeShape {
    #[prost(message, optional, tag = "1")]
    stamp: Option<StampShape>,
    #[prost(message, optional, tag = "2")]
    reply: Option<ReplyShape>,
    #[prost(message, repeated, tag = "3")]
    expected: Vec<ExpectedShape>,
    #[prost(message, repeated, tag = "4")]
    events: Vec<EventShape>,
}

/// The oldest format that can say a change.
pub(crate) fn change_format(change: &Change) -> u32 {
    let told = match change.reply {
        Reply::Added(_) | Reply::Updated(_) | Reply::Deleted(_) | Reply::Imported(_) => FIRST,
        Reply::SnapshotCreated(_) | Reply::SnapshotDeleted(_) | Reply::RolledBack(_) => SNAPSHOTS,
    };
    let of_event = |event: &Event| match event {
        Event::HostRestored { .. }
        | Event::SnapshotCreated { .. }
        | Event::SnapshotDeleted { .. }
        | Event::RolledBack { .. } => SNAPSHOTS,
        _ => FIRST,
    };
    change.events.iter().map(of_event).fold(told, u32::max)
}

pub(crate) fn change_shape(change: &Change) -> ChangeShape {
    let Change {
        events,
        reply,
        expected,
        stamp,
    } = change;
    ChangeShape {
        stamp: Some(stamp_shape(stamp)),
        reply: Some(reply_shape(reply)),
        expected: expected
            .iter()
            .map(|Expected { id, version }| ExpectedShape {
                id: host_id_bytes(*id),
                version: version.get(),
            })
            .collect(),
        events: events.iter().map(event_shape).collect(),
    }
}

pub(crate) fn change_from(
    ChangeShape {
        stamp,
        reply,
        expected,
        events,
    }: ChangeShape,
) -> Result<Change, Flaw> {
    Ok(Change {
        stamp: required("stamp", stamp)
            .and_then(stamp_from)
            .map_err(|flaw| flaw.within("stamp"))?,
        reply: required("reply", reply)
            .and_then(reply_from)
            .map_err(|flaw| flaw.within("reply"))?,
        expected: expected
            .into_iter()
            .enumerate()
            .map(|(at, shape)| expected_from(&shape).map_err(|flaw| flaw.at("expected", at)))
            .collect::<Result<_, _>>()?,
        events: events
            .into_iter()
            .enumerate()
            .map(|(at, shape)| event_from(shape).map_err(|flaw| flaw.at("events", at)))
            .collect::<Result<_, _>>()?,
    })
}

#[derive(Clone, PartialEq, prost::Message)]
struct StampShape {
    #[prost(uint64, tag = "1")]
    at: u64,
    #[prost(string, tag = "2")]
    by: String,
    #[prost(string, tag = "3")]
    request: String,
    #[prost(bytes = "bytes", tag = "4")]
    fingerprint: Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    seed: Bytes,
    #[prost(uint64, optional, tag = "6")]
    since: Option<u64>,
}

fn stamp_shape(stamp: &Stamp) -> StampShape {
    let Stamp {
        at,
        by,
        request,
        since,
        fingerprint,
        seed,
    } = stamp;
    StampShape {
        at: at.as_millis(),
        by: by.to_string(),
        request: request.as_str().to_owned(),
        fingerprint: fingerprint_bytes(fingerprint),
        seed: id_bytes(*seed),
        since: since.map(Revision::get),
    }
}

fn stamp_from(
    StampShape {
        at,
        by,
        request,
        fingerprint,
        seed,
        since,
    }: StampShape,
) -> Result<Stamp, Flaw> {
    Ok(Stamp {
        at: Timestamp::from_millis(at),
        by: actor_from("by", &by)?,
        request: request_from("request", &request)?,
        since: since.map(Revision::new),
        fingerprint: fingerprint_from("fingerprint", &fingerprint)?,
        seed: id("seed", &seed)?,
    })
}

pub(crate) fn actor_from(field: &str, text: &str) -> Result<Actor, Flaw> {
    text.parse::<Actor>()
        .map_err(|cause| Flaw::new(field, cause))
}

pub(crate) fn request_from(field: &str, text: &str) -> Result<RequestId, Flaw> {
    RequestId::parse(text).map_err(|cause| Flaw::new(field, cause))
}

pub(crate) fn fingerprint_bytes(fingerprint: &Fingerprint) -> Bytes {
    Bytes::copy_from_slice(fingerprint.as_bytes())
}

pub(crate) fn fingerprint_from(field: &str, bytes: &[u8]) -> Result<Fingerprint, Flaw> {
    array(field, bytes).map(Fingerprint::from_bytes)
}

#[derive(Clone, PartialEq, prost::Message)]
struct ReplyShape {
    #[prost(oneof = "ReplyKind", tags = "1, 2, 3, 4, 16, 17, 18")]
    kind: Option<ReplyKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum ReplyKind {
    #[prost(bytes = "bytes", tag = "1")]
    Added(Bytes),
    #[prost(bytes = "bytes", tag = "2")]
    Updated(Bytes),
    #[prost(bytes = "bytes", tag = "3")]
    Deleted(Bytes),
    #[prost(message, tag = "4")]
    Imported(CountsShape),
    #[prost(bytes = "bytes", tag = "16")]
    SnapshotCreated(Bytes),
    #[prost(bytes = "bytes", tag = "17")]
    SnapshotDeleted(Bytes),
    #[prost(message, tag = "18")]
    RolledBack(RolledBackShape),
}

fn reply_shape(reply: &Reply) -> ReplyShape {
    let kind = match reply {
        Reply::Added(id) => ReplyKind::Added(host_id_bytes(*id)),
        Reply::Updated(id) => ReplyKind::Updated(host_id_bytes(*id)),
        Reply::Deleted(id) => ReplyKind::Deleted(host_id_bytes(*id)),
        Reply::Imported(counts) => ReplyKind::Imported(counts_shape(counts)),
        Reply::SnapshotCreated(id) => ReplyKind::SnapshotCreated(snapshot_id_bytes(*id)),
        Reply::SnapshotDeleted(id) => ReplyKind::SnapshotDeleted(snapshot_id_bytes(*id)),
        Reply::RolledBack(counts) => ReplyKind::RolledBack(rolled_back_shape(counts)),
    };
    ReplyShape { kind: Some(kind) }
}

fn reply_from(ReplyShape { kind }: ReplyShape) -> Result<Reply, Flaw> {
    Ok(match required("kind", kind)? {
        ReplyKind::Added(id) => Reply::Added(host_id_from("added", &id)?),
        ReplyKind::Updated(id) => Reply::Updated(host_id_from("updated", &id)?),
        ReplyKind::Deleted(id) => Reply::Deleted(host_id_from("deleted", &id)?),
        ReplyKind::Imported(counts) => Reply::Imported(counts_from(counts)),
        ReplyKind::SnapshotCreated(id) => {
            Reply::SnapshotCreated(snapshot_id_from("snapshot_created", &id)?)
        }
        ReplyKind::SnapshotDeleted(id) => {
            Reply::SnapshotDeleted(snapshot_id_from("snapshot_deleted", &id)?)
        }
        ReplyKind::RolledBack(counts) => {
            Reply::RolledBack(rolled_back_from(&counts).map_err(|flaw| flaw.within("rolled_back"))?)
        }
    })
}

/// What became of the rows of an import.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CountsShape {
    #[prost(uint32, tag = "1")]
    processed: u32,
    #[prost(uint32, tag = "2")]
    created: u32,
    #[prost(uint32, tag = "3")]
    updated: u32,
    #[prost(uint32, tag = "4")]
    skipped: u32,
    /// The first of the rows that are left out, counted from 1.
    #[prost(uint32, repeated, tag = "5")]
    left_out: Vec<u32>,
    /// All of them.
    #[prost(uint32, tag = "6")]
    left_out_total: u32,
}

pub(crate) fn counts_shape(
    ImportCounts {
        processed,
        created,
        updated,
        skipped,
        left_out: LeftOut { rows, total },
    }: &ImportCounts,
) -> CountsShape {
    CountsShape {
        processed: *processed,
        created: *created,
        updated: *updated,
        skipped: *skipped,
        left_out: rows.to_vec(),
        left_out_total: *total,
    }
}

pub(crate) fn counts_from(
    CountsShape {
        processed,
        created,
        updated,
        skipped,
        left_out,
        left_out_total: total,
    }: CountsShape,
) -> ImportCounts {
    let rows = left_out.into();
    ImportCounts {
        processed,
        created,
        updated,
        skipped,
        left_out: LeftOut { rows, total },
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct ExpectedShape {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(uint64, tag = "2")]
    version: u64,
}

fn expected_from(ExpectedShape { id, version }: &ExpectedShape) -> Result<Expected, Flaw> {
    Ok(Expected {
        id: host_id_from("id", id)?,
        version: Revision::new(*version),
    })
}

#[derive(Clone, PartialEq, prost::Message)]
struct EventShape {
    /// The host; empty in an event that is about none.
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(
        oneof = "EventKind",
        tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 17, 18, 19"
    )]
    kind: Option<EventKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum EventKind {
    #[prost(message, tag = "2")]
    Created(FactsShape),
    #[prost(message, tag = "3")]
    Address(AddressMove),
    #[prost(message, tag = "4")]
    Hostname(TextMove),
    #[prost(message, tag = "5")]
    Aliases(TextsMove),
    #[prost(message, tag = "6")]
    Comment(TextMove),
    #[prost(message, tag = "7")]
    Tags(TextsMove),
    #[prost(message, tag = "8")]
    Enabled(Nothing),
    #[prost(message, tag = "9")]
    Disabled(Nothing),
    #[prost(message, tag = "10")]
    Deleted(Deletion),
    #[prost(message, tag = "16")]
    Restored(HostShape),
    #[prost(message, tag = "17")]
    SnapshotCreated(NamedShape),
    #[prost(message, tag = "18")]
    SnapshotDeleted(DropShape),
    #[prost(message, tag = "19")]
    RolledBack(RollbackShape),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Nothing {}

#[derive(Clone, PartialEq, prost::Message)]
struct AddressMove {
    #[prost(bytes = "bytes", tag = "1")]
    old: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    new: Bytes,
}

/// A name, or a comment that may have been or be none.
#[derive(Clone, PartialEq, prost::Message)]
struct TextMove {
    #[prost(string, optional, tag = "1")]
    old: Option<String>,
    #[prost(string, optional, tag = "2")]
    new: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TextsMove {
    #[prost(string, repeated, tag = "1")]
    old: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    new: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Deletion {
    #[prost(uint32, tag = "1")]
    reason: u32,
    #[prost(message, optional, tag = "2")]
    old: Option<HostShape>,
}

/// The number of [`DeleteReason::Requested`].
const REQUESTED: u32 = 1;

fn event_shape(event: &Event) -> EventShape {
    let kind = match event {
        Event::HostCreated {
            id: _,
            address,
            hostname,
            aliases,
            tags,
            comment,
            enabled,
        } => EventKind::Created(facts_shape(&NewHost {
            address: *address,
            hostname: hostname.clone(),
            aliases: aliases.clone(),
            tags: tags.clone(),
            comment: comment.clone(),
            enabled: *enabled,
        })),
        Event::IpAddressChanged { id: _, old, new } => EventKind::Address(AddressMove {
            old: address_bytes(*old),
            new: address_bytes(*new),
        }),
        Event::HostnameChanged { id: _, old, new } => EventKind::Hostname(TextMove {
            old: Some(old.as_str().to_owned()),
            new: Some(new.as_str().to_owned()),
        }),
        Event::AliasesModified { id: _, old, new } => EventKind::Aliases(TextsMove {
            old: alias_texts(old),
            new: alias_texts(new),
        }),
        Event::CommentUpdated { id: _, old, new } => EventKind::Comment(TextMove {
            old: comment_text(old.as_ref()),
            new: comment_text(new.as_ref()),
        }),
        Event::TagsModified { id: _, old, new } => EventKind::Tags(TextsMove {
            old: tag_texts(old),
            new: tag_texts(new),
        }),
        Event::HostEnabled { id: _ } => EventKind::Enabled(Nothing {}),
        Event::HostDisabled { id: _ } => EventKind::Disabled(Nothing {}),
        Event::HostDeleted { id: _, reason, old } => EventKind::Deleted(Deletion {
            reason: match reason {
                DeleteReason::Requested => REQUESTED,
            },
            old: Some(host_shape(old)),
        }),
        Event::HostRestored { host } => EventKind::Restored(host_shape(host)),
        Event::SnapshotCreated { id, name, trigger } => {
            EventKind::SnapshotCreated(named_shape(*id, name.as_ref(), trigger))
        }
        Event::SnapshotDeleted { id, reason } => {
            EventKind::SnapshotDeleted(drop_shape(*id, *reason))
        }
        Event::RolledBack { to, base } => EventKind::RolledBack(rollback_shape(*to, *base)),
    };
    EventShape {
        id: event.host().map(host_id_bytes).unwrap_or_default(),
        kind: Some(kind),
    }
}

fn event_from(EventShape { id, kind }: EventShape) -> Result<Event, Flaw> {
    let kind = match required("kind", kind)? {
        EventKind::SnapshotCreated(shape) => {
            let named = named_from(&shape).map_err(|flaw| flaw.within("snapshot_created"));
            let (id, name, trigger) = named?;
            return Ok(Event::SnapshotCreated { id, name, trigger });
        }
        EventKind::SnapshotDeleted(shape) => {
            let dropped = drop_from(&shape).map_err(|flaw| flaw.within("snapshot_deleted"));
            let (id, reason) = dropped?;
            return Ok(Event::SnapshotDeleted { id, reason });
        }
        EventKind::RolledBack(shape) => {
            let back = rollback_from(&shape).map_err(|flaw| flaw.within("rolled_back"));
            let (to, base) = back?;
            return Ok(Event::RolledBack { to, base });
        }
        EventKind::Restored(shape) => {
            let host = host_from(shape).map_err(|flaw| flaw.within("restored"))?;
            let host = Arc::new(host);
            return Ok(Event::HostRestored { host });
        }
        about_a_host => about_a_host,
    };
    let id = host_id_from("id", &id)?;
    Ok(match kind {
        EventKind::SnapshotCreated(_)
        | EventKind::SnapshotDeleted(_)
        | EventKind::RolledBack(_)
        | EventKind::Restored(_) => return Err(Flaw::missing("kind")), // read above
        EventKind::Created(facts) => {
            let NewHost {
                address,
                hostname,
                aliases,
                tags,
                comment,
                enabled,
            } = facts_from(facts).map_err(|flaw| flaw.within("created"))?;
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
        EventKind::Address(AddressMove { old, new }) => Event::IpAddressChanged {
            id,
            old: address_from("address.old", &old)?,
            new: address_from("address.new", &new)?,
        },
        EventKind::Hostname(TextMove { old, new }) => Event::HostnameChanged {
            id,
            old: hostname_from("hostname.old", &required("hostname.old", old)?)?,
            new: hostname_from("hostname.new", &required("hostname.new", new)?)?,
        },
        EventKind::Aliases(TextsMove { old, new }) => Event::AliasesModified {
            id,
            old: aliases_from("aliases.old", &old)?,
            new: aliases_from("aliases.new", &new)?,
        },
        EventKind::Comment(TextMove { old, new }) => Event::CommentUpdated {
            id,
            old: comment_from("comment.old", old.as_deref())?,
            new: comment_from("comment.new", new.as_deref())?,
        },
        EventKind::Tags(TextsMove { old, new }) => Event::TagsModified {
            id,
            old: tags_from("tags.old", &old)?,
            new: tags_from("tags.new", &new)?,
        },
        EventKind::Enabled(Nothing {}) => Event::HostEnabled { id },
        EventKind::Disabled(Nothing {}) => Event::HostDisabled { id },
        EventKind::Deleted(Deletion { reason, old }) => Event::HostDeleted {
            id,
            reason: match reason {
                REQUESTED => DeleteReason::Requested,
                other => {
                    let text = format!("{other} is none of the known reasons");
                    return Err(Flaw::new("deleted.reason", text));
                }
            },
            old: required("deleted.old", old)
                .and_then(host_from)
                .map(Arc::new)
                .map_err(|flaw| flaw.within("deleted.old"))?,
        },
    })
}
