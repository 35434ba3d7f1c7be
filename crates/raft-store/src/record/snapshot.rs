//! Named snapshots: events about them, and their rows.

use std::sync::Arc;

use bytes::Bytes;
use hosts::{
    DropReason, Label, OldRow, Revision, RollbackCounts, Snapshot, SnapshotId, SnapshotMade,
    Timestamp,
};

use super::change::actor_from;
use super::host::{HostShape, host_from, host_id_bytes, host_id_from, host_shape};
use super::wire::{DecodeError, Flaw, encoded, id, id_bytes, message};
use crate::limits::ROW_BYTES_MAX;

/// The bytes of the row of a snapshot.
pub fn encode_snapshot_row(snapshot: &Snapshot) -> Bytes {
    let Snapshot {
        id,
        name,
        trigger,
        created,
        by,
        revision,
        hosts,
    } = snapshot;
    encoded(&SnapshotShape {
        id: snapshot_id_bytes(*id),
        name: label_text(name.as_ref()),
        trigger: trigger.as_str().to_owned(),
        created: created.as_millis(),
        by: by.to_string(),
        revision: revision.get(),
        hosts: *hosts,
    })
}

/// Reads the row of a snapshot.
pub fn decode_snapshot_row(bytes: &Bytes) -> Result<Snapshot, DecodeError> {
    const WHAT: &str = "the row of a snapshot";
    let SnapshotShape {
        id,
        name,
        trigger,
        created,
        by,
        revision,
        hosts,
    } = message(WHAT, bytes, ROW_BYTES_MAX)?;
    let read = || {
        Ok(Snapshot {
            id: snapshot_id_from("id", &id)?,
            name: label_from("name", name.as_deref())?,
            trigger: required_label("trigger", &trigger)?,
            created: Timestamp::from_millis(created),
            by: actor_from("by", &by)?,
            revision: Revision::new(revision),
            hosts,
        })
    };
    read().map_err(|flaw: Flaw| flaw.in_record(WHAT))
}

/// The bytes of the row of what a snapshot keeps of a host.
pub fn encode_old_row(row: &OldRow) -> Bytes {
    let OldRow { snapshot, id, host } = row;
    encoded(&OldShape {
        snapshot: snapshot.get(),
        id: host_id_bytes(*id),
        host: host.as_deref().map(host_shape),
    })
}

/// Reads the row of what a snapshot keeps of a host.
pub fn decode_old_row(bytes: &Bytes) -> Result<OldRow, DecodeError> {
    const WHAT: &str = "the row of an old host";
    let OldShape { snapshot, id, host } = message(WHAT, bytes, ROW_BYTES_MAX)?;
    let read = || {
        let host = host.map(host_from).transpose();
        Ok(OldRow {
            snapshot: Revision::new(snapshot),
            id: host_id_from("id", &id)?,
            host: host.map_err(|flaw| flaw.within("host"))?.map(Arc::new),
        })
    };
    read().map_err(|flaw: Flaw| flaw.in_record(WHAT))
}

#[derive(Clone, PartialEq, prost::Message)]
struct SnapshotShape {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(string, optional, tag = "2")]
    name: Option<String>,
    #[prost(string, tag = "3")]
    trigger: String,
    #[prost(uint64, tag = "4")]
    created: u64,
    #[prost(string, tag = "5")]
    by: String,
    #[prost(uint64, tag = "6")]
    revision: u64,
    #[prost(uint32, tag = "7")]
    hosts: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct OldShape {
    #[prost(uint64, tag = "1")]
    snapshot: u64,
    #[prost(bytes = "bytes", tag = "2")]
    id: Bytes,
    /// Absent where there was no such host.
    #[prost(message, optional, tag = "3")]
    host: Option<HostShape>,
}

/// What a new snapshot is called.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct NamedShape {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(string, optional, tag = "2")]
    name: Option<String>,
    #[prost(string, tag = "3")]
    trigger: String,
}

pub(crate) fn named_shape(id: SnapshotId, name: Option<&Label>, trigger: &Label) -> NamedShape {
    NamedShape {
        id: snapshot_id_bytes(id),
        name: label_text(name),
        trigger: trigger.as_str().to_owned(),
    }
}

pub(crate) fn named_from(
    NamedShape { id, name, trigger }: &NamedShape,
) -> Result<(SnapshotId, Option<Label>, Label), Flaw> {
    Ok((
        snapshot_id_from("id", id)?,
        label_from("name", name.as_deref())?,
        required_label("trigger", trigger)?,
    ))
}

/// A snapshot that is let go.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DropShape {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(uint32, tag = "2")]
    reason: u32,
}

/// The numbers of [`DropReason`].
const REQUESTED: u32 = 1;
const RETIRED: u32 = 2;

pub(crate) fn drop_shape(id: SnapshotId, reason: DropReason) -> DropShape {
    DropShape {
        id: snapshot_id_bytes(id),
        reason: match reason {
            DropReason::Requested => REQUESTED,
            DropReason::Retired => RETIRED,
        },
    }
}

pub(crate) fn drop_from(
    DropShape { id, reason }: &DropShape,
) -> Result<(SnapshotId, DropReason), Flaw> {
    let reason = match *reason {
        REQUESTED => DropReason::Requested,
        RETIRED => DropReason::Retired,
        other => {
            let text = format!("{other} is none of the known reasons");
            return Err(Flaw::new("reason", text));
        }
    };
    Ok((snapshot_id_from("id", id)?, reason))
}

/// The snapshot that a change makes the hosts those of.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RollbackShape {
    #[prost(bytes = "bytes", tag = "1")]
    to: Bytes,
    #[prost(uint64, tag = "2")]
    base: u64,
}

pub(crate) fn rollback_shape(to: SnapshotId, base: Revision) -> RollbackShape {
    RollbackShape {
        to: snapshot_id_bytes(to),
        base: base.get(),
    }
}

pub(crate) fn rollback_from(
    RollbackShape { to, base }: &RollbackShape,
) -> Result<(SnapshotId, Revision), Flaw> {
    Ok((snapshot_id_from("to", to)?, Revision::new(*base)))
}

/// A snapshot that was made.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MadeShape {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(uint64, tag = "2")]
    created: u64,
    #[prost(uint32, tag = "3")]
    hosts: u32,
}

pub(crate) fn made_shape(SnapshotMade { id, created, hosts }: &SnapshotMade) -> MadeShape {
    MadeShape {
        id: snapshot_id_bytes(*id),
        created: created.as_millis(),
        hosts: *hosts,
    }
}

pub(crate) fn made_from(
    MadeShape { id, created, hosts }: &MadeShape,
) -> Result<SnapshotMade, Flaw> {
    Ok(SnapshotMade {
        id: snapshot_id_from("id", id)?,
        created: Timestamp::from_millis(*created),
        hosts: *hosts,
    })
}

/// What a rollback took.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RolledBackShape {
    /// Absent where there was no difference.
    #[prost(bytes = "bytes", optional, tag = "1")]
    backup: Option<Bytes>,
    #[prost(uint32, tag = "2")]
    hosts: u32,
    #[prost(uint32, tag = "3")]
    created: u32,
    #[prost(uint32, tag = "4")]
    updated: u32,
    #[prost(uint32, tag = "5")]
    deleted: u32,
}

pub(crate) fn rolled_back_shape(
    RollbackCounts {
        backup,
        hosts,
        created,
        updated,
        deleted,
    }: &RollbackCounts,
) -> RolledBackShape {
    RolledBackShape {
        backup: backup.map(snapshot_id_bytes),
        hosts: *hosts,
        created: *created,
        updated: *updated,
        deleted: *deleted,
    }
}

pub(crate) fn rolled_back_from(
    RolledBackShape {
        backup,
        hosts,
        created,
        updated,
        deleted,
    }: &RolledBackShape,
) -> Result<RollbackCounts, Flaw> {
    let backup = backup.as_ref().map(|id| snapshot_id_from("backup", id));
    Ok(RollbackCounts {
        backup: backup.transpose()?,
        hosts: *hosts,
        created: *created,
        updated: *updated,
        deleted: *deleted,
    })
}

pub(crate) fn snapshot_id_bytes(id: SnapshotId) -> Bytes {
    id_bytes(id.as_u128())
}

pub(crate) fn snapshot_id_from(field: &str, bytes: &[u8]) -> Result<SnapshotId, Flaw> {
    id(field, bytes).map(SnapshotId::from_u128)
}

pub(crate) fn label_text(label: Option<&Label>) -> Option<String> {
    label.map(|label| label.as_str().to_owned())
}

pub(crate) fn label_from(field: &'static str, text: Option<&str>) -> Result<Option<Label>, Flaw> {
    text.map(|text| required_label(field, text)).transpose()
}

fn required_label(field: &'static str, text: &str) -> Result<Label, Flaw> {
    Label::parse(field, text).map_err(|cause| Flaw::new(field, cause))
}
