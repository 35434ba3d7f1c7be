//! Named snapshots: what is asked of them, and how they are shown.

use super::{Consistency, InvalidMessage, timestamp_from_wire, timestamp_to_wire};
use crate::{history, v1};
use hosts::{
    Command, Difference, Host, Label, Point, Revision, RollbackCounts, Snapshot, SnapshotId,
    SnapshotMade,
};
use std::sync::Arc;

/// A new snapshot, as it is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateSnapshot {
    /// What a person calls it.
    pub name: Option<Label>,
    /// Why.
    pub trigger: Option<Label>,
}

impl TryFrom<v1::CreateSnapshotRequest> for CreateSnapshot {
    type Error = InvalidMessage;

    fn try_from(
        v1::CreateSnapshotRequest { name, trigger }: v1::CreateSnapshotRequest,
    ) -> Result<Self, InvalidMessage> {
        Ok(Self {
            name: label("name", &name)?,
            trigger: label("trigger", &trigger)?,
        })
    }
}

impl From<CreateSnapshot> for Command {
    fn from(CreateSnapshot { name, trigger }: CreateSnapshot) -> Self {
        Self::CreateSnapshot { name, trigger }
    }
}

impl From<&CreateSnapshot> for v1::CreateSnapshotRequest {
    fn from(CreateSnapshot { name, trigger }: &CreateSnapshot) -> Self {
        let text = |label: &Option<Label>| label.as_ref().map(Label::to_string);
        Self {
            name: text(name).unwrap_or_default(),
            trigger: text(trigger).unwrap_or_default(),
        }
    }
}

impl From<&SnapshotMade> for v1::CreateSnapshotResponse {
    fn from(SnapshotMade { id, created, hosts }: &SnapshotMade) -> Self {
        Self {
            snapshot_id: id.to_string(),
            created_at: Some(timestamp_to_wire(*created)),
            entry_count: count(*hosts),
        }
    }
}

impl TryFrom<v1::CreateSnapshotResponse> for SnapshotMade {
    type Error = InvalidMessage;

    fn try_from(
        v1::CreateSnapshotResponse {
            snapshot_id: id,
            created_at,
            entry_count,
        }: v1::CreateSnapshotResponse,
    ) -> Result<Self, InvalidMessage> {
        Ok(Self {
            id: snapshot_id("snapshot_id", &id)?,
            created: timestamp_from_wire("created_at", created_at)?,
            hosts: number("entry_count", entry_count)?,
        })
    }
}

/// A page of the list of snapshots.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct ListSnapshots {
    /// At most so many; `None` for all that follow `offset`.
    pub limit: Option<usize>,
    /// So many of the newest are passed over first.
    pub offset: usize,
    /// How fresh.
    pub consistency: Consistency,
}

impl TryFrom<v1::ListSnapshotsRequest> for ListSnapshots {
    type Error = InvalidMessage;

    fn try_from(
        v1::ListSnapshotsRequest {
            limit,
            offset,
            consistency,
        }: v1::ListSnapshotsRequest,
    ) -> Result<Self, InvalidMessage> {
        let wide = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Ok(Self {
            limit: (limit > 0).then(|| wide(limit)),
            offset: wide(offset),
            consistency: Consistency::from_wire(consistency)?,
        })
    }
}

impl From<&Snapshot> for v1::Snapshot {
    fn from(snapshot: &Snapshot) -> Self {
        let Snapshot {
            id,
            name,
            trigger,
            created,
            by,
            revision,
            hosts,
        } = snapshot;
        Self {
            snapshot_id: id.to_string(),
            created_at: Some(timestamp_to_wire(*created)),
            entry_count: count(*hosts),
            trigger: trigger.to_string(),
            name: name.as_ref().map(Label::to_string).unwrap_or_default(),
            created_by: by.to_string(),
            revision: revision.get(),
        }
    }
}

impl TryFrom<v1::Snapshot> for Snapshot {
    type Error = InvalidMessage;

    fn try_from(
        v1::Snapshot {
            snapshot_id: id,
            created_at,
            entry_count,
            trigger,
            name,
            created_by,
            revision,
        }: v1::Snapshot,
    ) -> Result<Self, InvalidMessage> {
        Ok(Self {
            id: snapshot_id("snapshot_id", &id)?,
            name: label("name", &name)?,
            trigger: label("trigger", &trigger)?
                .ok_or(InvalidMessage::Missing { field: "trigger" })?,
            created: timestamp_from_wire("created_at", created_at)?,
            by: created_by.parse().map_err(InvalidMessage::Actor)?,
            revision: Revision::new(revision),
            hosts: number("entry_count", entry_count)?,
        })
    }
}

/// A rollback, as it is asked for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct RollBack {
    /// The snapshot.
    pub to: SnapshotId,
    /// Whether only to say what would become of the hosts.
    pub dry_run: bool,
}

impl TryFrom<v1::RollbackToSnapshotRequest> for RollBack {
    type Error = InvalidMessage;

    fn try_from(
        v1::RollbackToSnapshotRequest {
            snapshot_id: to,
            dry_run,
        }: v1::RollbackToSnapshotRequest,
    ) -> Result<Self, InvalidMessage> {
        Ok(Self {
            to: snapshot_id("snapshot_id", &to)?,
            dry_run: dry_run.unwrap_or(false),
        })
    }
}

impl From<RollBack> for v1::RollbackToSnapshotRequest {
    fn from(RollBack { to, dry_run }: RollBack) -> Self {
        Self {
            snapshot_id: to.to_string(),
            dry_run: Some(dry_run),
        }
    }
}

impl v1::RollbackToSnapshotResponse {
    /// What became of the hosts, or would.
    #[must_use]
    pub fn of(counts: &RollbackCounts, dry_run: bool) -> Self {
        let RollbackCounts {
            backup,
            hosts,
            created,
            updated,
            deleted,
        } = counts;
        let backup = backup.filter(|_| !dry_run);
        Self {
            success: true,
            new_snapshot_id: backup.map(|id| id.to_string()).unwrap_or_default(),
            restored_entry_count: count(*hosts),
            created: count(*created),
            updated: count(*updated),
            deleted: count(*deleted),
            dry_run,
        }
    }
}

impl TryFrom<v1::RollbackToSnapshotResponse> for RollbackCounts {
    type Error = InvalidMessage;

    fn try_from(
        v1::RollbackToSnapshotResponse {
            success: _,
            new_snapshot_id,
            restored_entry_count,
            created,
            updated,
            deleted,
            dry_run: _,
        }: v1::RollbackToSnapshotResponse,
    ) -> Result<Self, InvalidMessage> {
        let backup = Some(new_snapshot_id).filter(|id| !id.is_empty());
        let backup = backup.map(|id| snapshot_id("new_snapshot_id", &id));
        Ok(Self {
            backup: backup.transpose()?,
            hosts: number("restored_entry_count", restored_entry_count)?,
            created: number("created", created)?,
            updated: number("updated", updated)?,
            deleted: number("deleted", deleted)?,
        })
    }
}

impl TryFrom<v1::DeleteSnapshotRequest> for SnapshotId {
    type Error = InvalidMessage;

    fn try_from(
        v1::DeleteSnapshotRequest { snapshot_id: id }: v1::DeleteSnapshotRequest,
    ) -> Result<Self, InvalidMessage> {
        snapshot_id("snapshot_id", &id)
    }
}

/// A snapshot that is to be shown.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct ShowSnapshot {
    /// Which.
    pub id: SnapshotId,
    /// How fresh.
    pub consistency: Consistency,
}

impl TryFrom<history::ShowSnapshotRequest> for ShowSnapshot {
    type Error = InvalidMessage;

    fn try_from(
        history::ShowSnapshotRequest {
            snapshot_id: id,
            consistency,
        }: history::ShowSnapshotRequest,
    ) -> Result<Self, InvalidMessage> {
        Ok(Self {
            id: snapshot_id("snapshot_id", &id)?,
            consistency: Consistency::from_wire(consistency)?,
        })
    }
}

/// A difference that is to be shown.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct DiffSnapshot {
    /// Where it begins.
    pub from: SnapshotId,
    /// Where it leads.
    pub to: Point,
    /// How fresh.
    pub consistency: Consistency,
}

impl TryFrom<history::DiffSnapshotRequest> for DiffSnapshot {
    type Error = InvalidMessage;

    fn try_from(
        history::DiffSnapshotRequest {
            from,
            to,
            consistency,
        }: history::DiffSnapshotRequest,
    ) -> Result<Self, InvalidMessage> {
        let to = to.map(|to| snapshot_id("to", &to).map(Point::Snapshot));
        Ok(Self {
            from: snapshot_id("from", &from)?,
            to: to.transpose()?.unwrap_or(Point::Now),
            consistency: Consistency::from_wire(consistency)?,
        })
    }
}

impl From<&Difference> for history::DiffSnapshotResponse {
    fn from(Difference { before, after }: &Difference) -> Self {
        Self {
            before: before.as_deref().map(v1::HostEntry::from),
            after: after.as_deref().map(v1::HostEntry::from),
        }
    }
}

/// A difference from the wire.
///
/// # Errors
/// [`InvalidMessage`] when a side of it is no host, or neither is there.
pub fn difference_from_wire(
    history::DiffSnapshotResponse { before, after }: history::DiffSnapshotResponse,
) -> Result<Difference, InvalidMessage> {
    let host = |entry: Option<v1::HostEntry>| {
        let host = entry.map(Host::try_from).transpose()?;
        Ok::<_, InvalidMessage>(host.map(Arc::new))
    };
    let difference = Difference {
        before: host(before)?,
        after: host(after)?,
    };
    match &difference {
        Difference {
            before: None,
            after: None,
        } => Err(InvalidMessage::Missing { field: "after" }),
        _ => Ok(difference),
    }
}

fn snapshot_id(field: &'static str, text: &str) -> Result<SnapshotId, InvalidMessage> {
    text.parse()
        .map_err(|cause| InvalidMessage::SnapshotId { field, cause })
}

fn label(field: &'static str, text: &str) -> Result<Option<Label>, InvalidMessage> {
    Label::parse_optional(field, text).map_err(|cause| InvalidMessage::Label { field, cause })
}

/// Hosts are a million at the most.
fn count(hosts: u32) -> i32 {
    i32::try_from(hosts).unwrap_or(i32::MAX)
}

fn number(field: &'static str, value: i32) -> Result<u32, InvalidMessage> {
    u32::try_from(value).map_err(|_| InvalidMessage::Negative { field, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        Snapshot {
            id: SnapshotId::from_u128(7),
            name: Label::parse_optional("name", "before the move").unwrap(),
            trigger: Label::parse("trigger", "manual").unwrap(),
            created: hosts::Timestamp::from_millis(1_795_197_600_000),
            by: "editor:bob".parse().unwrap(),
            revision: Revision::new(42),
            hosts: 10,
        }
    }

    #[test]
    fn a_snapshot_survives_the_wire() {
        let unnamed = Snapshot {
            name: None,
            ..snapshot()
        };
        for snapshot in [snapshot(), unnamed] {
            let back = Snapshot::try_from(v1::Snapshot::from(&snapshot));
            assert_eq!(back, Ok(snapshot));
        }
    }

    #[test]
    fn what_became_of_a_rollback_survives_the_wire_and_a_dry_run_made_no_snapshot() {
        let counts = RollbackCounts {
            backup: Some(SnapshotId::from_u128(8)),
            hosts: 10,
            created: 3,
            updated: 2,
            deleted: 1,
        };
        let back = v1::RollbackToSnapshotResponse::of(&counts, false).try_into();
        assert_eq!(back, Ok(counts));
        let tried = v1::RollbackToSnapshotResponse::of(&counts, true);
        assert!(tried.dry_run);
        let none = RollbackCounts {
            backup: None,
            ..counts
        };
        assert_eq!(tried.try_into(), Ok(none));
    }

    #[test]
    fn names_and_ids_that_cannot_be_taken_are_refused_by_name() {
        let create = |name: &str, trigger: &str| {
            CreateSnapshot::try_from(v1::CreateSnapshotRequest {
                name: name.to_owned(),
                trigger: trigger.to_owned(),
            })
        };
        assert!(create("", " ").unwrap().name.is_none());
        let refused = |field| {
            move |result| match result {
                Err(InvalidMessage::Label { field: found, .. }) => assert_eq!(found, field),
                other => panic!("{other:?}"),
            }
        };
        refused("name")(create("a\nb", ""));
        refused("name")(create(&"x".repeat(65), ""));
        refused("trigger")(create("", "\u{1b}[2J"));
        let id = RollBack::try_from(v1::RollbackToSnapshotRequest {
            snapshot_id: "nas.lan".to_owned(),
            dry_run: None,
        });
        let field = "snapshot_id";
        assert!(matches!(id, Err(InvalidMessage::SnapshotId { field: f, .. }) if f == field));
        let to = DiffSnapshot::try_from(history::DiffSnapshotRequest {
            from: SnapshotId::from_u128(7).to_string(),
            to: Some(String::new()),
            consistency: 0,
        });
        assert!(matches!(
            to,
            Err(InvalidMessage::SnapshotId { field: "to", .. })
        ));
    }

    #[test]
    fn a_limit_of_0_is_none() {
        let list = |limit| {
            ListSnapshots::try_from(v1::ListSnapshotsRequest {
                limit,
                offset: 2,
                consistency: 0,
            })
        };
        assert_eq!(list(0).unwrap().limit, None);
        assert_eq!(list(3).unwrap().limit, Some(3));
        assert_eq!(list(3).unwrap().offset, 2);
    }
}
