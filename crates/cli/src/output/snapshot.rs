//! Named snapshots as they are shown, and differences between states.

use super::change::Done;
use super::host::HostView;
use super::table::{Columns, columns, header, pairs};
use super::{Hosts, Page, Report};
use hosts::{Difference, RollbackCounts, Snapshot, SnapshotId, SnapshotMade};
use serde::Serialize;

/// A snapshot in the words of the API.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct SnapshotView {
    pub(crate) snapshot_id: String,
    pub(crate) name: Option<String>,
    pub(crate) trigger: String,
    pub(crate) created_at: String,
    pub(crate) created_by: String,
    pub(crate) revision: u64,
    pub(crate) entry_count: u32,
}

impl From<&Snapshot> for SnapshotView {
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
            name: name.as_ref().map(ToString::to_string),
            trigger: trigger.to_string(),
            created_at: created.to_string(),
            created_by: by.to_string(),
            revision: revision.get(),
            entry_count: *hosts,
        }
    }
}

impl SnapshotView {
    const CSV_HEADER: [&'static str; 7] = [
        "snapshot_id",
        "name",
        "trigger",
        "created_at",
        "created_by",
        "revision",
        "entry_count",
    ];

    fn cells(&self) -> [String; 7] {
        let Self {
            snapshot_id,
            name,
            trigger,
            created_at,
            created_by,
            revision,
            entry_count,
        } = self.clone();
        [
            snapshot_id,
            name.unwrap_or_default(),
            trigger,
            created_at,
            created_by,
            revision.to_string(),
            entry_count.to_string(),
        ]
    }
}

/// Snapshots, one a row.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
#[serde(transparent)]
pub(crate) struct Snapshots(pub(crate) Vec<SnapshotView>);

impl Report for Snapshots {
    fn table(&self, page: Page) -> String {
        if self.0.is_empty() {
            return "no snapshots\n".to_owned();
        }
        columns(
            page,
            Columns {
                header: &[
                    "ID", "NAME", "TRIGGER", "CREATED", "BY", "REVISION", "HOSTS",
                ],
                flowing: &["NAME", "TRIGGER", "BY"],
                spare: &["REVISION"],
            },
            self.0.iter().map(|snapshot| snapshot.cells().into()),
        )
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let rows = self.0.iter().map(|snapshot| snapshot.cells().into());
        std::iter::once(header(&SnapshotView::CSV_HEADER))
            .chain(rows)
            .collect()
    }
}

/// A snapshot and the hosts in it. In CSV it is the hosts.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct ShownSnapshot {
    #[serde(flatten)]
    pub(crate) snapshot: SnapshotView,
    pub(crate) hosts: Vec<HostView>,
}

impl Report for ShownSnapshot {
    fn table(&self, page: Page) -> String {
        let names = [
            "id", "name", "trigger", "created", "by", "revision", "hosts",
        ];
        let rows = names.into_iter().zip(self.snapshot.cells()).collect();
        let hosts = Hosts(self.hosts.clone()).table(page);
        format!("{}\n{hosts}", pairs(page, rows))
    }

    fn csv(&self) -> Vec<Vec<String>> {
        Hosts(self.hosts.clone()).csv()
    }
}

/// A snapshot that was made.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct SnapshotCreated {
    pub(crate) snapshot_id: String,
    pub(crate) created_at: String,
    pub(crate) entry_count: u32,
    #[serde(flatten)]
    pub(crate) done: Done,
}

impl SnapshotCreated {
    pub(crate) fn new(SnapshotMade { id, created, hosts }: &SnapshotMade, done: Done) -> Self {
        Self {
            snapshot_id: id.to_string(),
            created_at: created.to_string(),
            entry_count: *hosts,
            done,
        }
    }
}

impl Report for SnapshotCreated {
    fn table(&self, _: Page) -> String {
        let Self {
            snapshot_id,
            entry_count,
            done,
            ..
        } = self;
        let tail = done.tail();
        format!("created snapshot {snapshot_id} of {entry_count} hosts{tail}")
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let mut names = header(&["snapshot_id", "created_at", "entry_count"]);
        names.extend(header(&Done::CSV_HEADER));
        let mut row = vec![
            self.snapshot_id.clone(),
            self.created_at.clone(),
            self.entry_count.to_string(),
        ];
        row.extend(self.done.csv_row());
        vec![names, row]
    }
}

/// A snapshot that is gone.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct SnapshotDeleted {
    pub(crate) snapshot_id: String,
    pub(crate) deleted: bool,
    #[serde(flatten)]
    pub(crate) done: Done,
}

impl SnapshotDeleted {
    pub(crate) fn new(id: SnapshotId, done: Done) -> Self {
        Self {
            snapshot_id: id.to_string(),
            deleted: true,
            done,
        }
    }
}

impl Report for SnapshotDeleted {
    fn table(&self, _: Page) -> String {
        format!("deleted snapshot {}{}", self.snapshot_id, self.done.tail())
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let mut names = header(&["snapshot_id", "deleted"]);
        names.extend(header(&Done::CSV_HEADER));
        let mut row = vec![self.snapshot_id.clone(), self.deleted.to_string()];
        row.extend(self.done.csv_row());
        vec![names, row]
    }
}

/// What became of the hosts in a rollback, or would.
#[derive(Serialize, Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Counts {
    pub(crate) restored_entry_count: u32,
    pub(crate) created: u32,
    pub(crate) updated: u32,
    pub(crate) deleted: u32,
}

impl From<&RollbackCounts> for Counts {
    fn from(counts: &RollbackCounts) -> Self {
        let RollbackCounts {
            backup: _,
            hosts,
            created,
            updated,
            deleted,
        } = counts;
        Self {
            restored_entry_count: *hosts,
            created: *created,
            updated: *updated,
            deleted: *deleted,
        }
    }
}

impl Counts {
    const CSV_HEADER: [&'static str; 4] = ["restored_entry_count", "created", "updated", "deleted"];

    fn cells(&self) -> [String; 4] {
        let Self {
            restored_entry_count,
            created,
            updated,
            deleted,
        } = self;
        [restored_entry_count, created, updated, deleted].map(ToString::to_string)
    }

    fn text(&self) -> String {
        let Self {
            restored_entry_count,
            created,
            updated,
            deleted,
        } = self;
        format!(
            "{created} restored, {updated} changed back, {deleted} removed; {restored_entry_count} hosts"
        )
    }
}

/// A rollback that was made.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct RolledBack {
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// None where there was no difference.
    pub(crate) new_snapshot_id: Option<String>,
    /// Whether this command changed anything.
    pub(crate) changed: bool,
    #[serde(flatten)]
    pub(crate) done: Done,
}

impl RolledBack {
    pub(crate) fn new(counts: &RollbackCounts, done: Done) -> Self {
        Self {
            counts: counts.into(),
            new_snapshot_id: counts.backup.map(|id| id.to_string()),
            changed: counts.backup.is_some(),
            done,
        }
    }
}

impl Report for RolledBack {
    fn table(&self, _: Page) -> String {
        let tail = self.done.tail();
        match &self.new_snapshot_id {
            Some(id) => format!(
                "rolled back: {}{tail}what was there before is snapshot {id}\n",
                self.counts.text()
            ),
            None => format!("nothing changed: the hosts are so already{tail}"),
        }
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let mut names = header(&Counts::CSV_HEADER);
        names.extend(header(&["new_snapshot_id", "changed"]));
        names.extend(header(&Done::CSV_HEADER));
        let mut row = Vec::from(self.counts.cells());
        row.push(self.new_snapshot_id.clone().unwrap_or_default());
        row.push(self.changed.to_string());
        row.extend(self.done.csv_row());
        vec![names, row]
    }
}

/// What a rollback would do, host by host.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct TriedRollback {
    pub(crate) dry_run: bool,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    pub(crate) differences: Differences,
}

impl TriedRollback {
    pub(crate) fn new(counts: &RollbackCounts, differences: Differences) -> Self {
        Self {
            dry_run: true,
            counts: counts.into(),
            differences,
        }
    }
}

impl Report for TriedRollback {
    fn table(&self, page: Page) -> String {
        let counts = self.counts.text();
        let differences = self.differences.table(page);
        format!("{differences}nothing was changed; a rollback would make it: {counts}\n")
    }

    fn csv(&self) -> Vec<Vec<String>> {
        self.differences.csv()
    }
}

/// Hosts that are not the same in two states, in the order of lists.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
#[serde(transparent)]
pub(crate) struct Differences(pub(crate) Vec<DifferenceView>);

/// A host that is not the same in two states.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct DifferenceView {
    pub(crate) change: Kind,
    pub(crate) before: Option<HostView>,
    pub(crate) after: Option<HostView>,
}

/// What became of a host.
#[derive(Serialize, Copy, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Added,
    Changed,
    Deleted,
}

impl DifferenceView {
    fn new(before: Option<HostView>, after: Option<HostView>) -> Self {
        let change = match (&before, &after) {
            (None, _) => Kind::Added,
            (Some(_), Some(_)) => Kind::Changed,
            (Some(_), None) => Kind::Deleted,
        };
        Self {
            change,
            before,
            after,
        }
    }
}

impl Differences {
    pub(crate) fn of(found: &[Difference]) -> Self {
        let view = |Difference { before, after }: &Difference| {
            let [before, after] = [before, after].map(|side| side.as_deref().map(HostView::from));
            DifferenceView::new(before, after)
        };
        Self(found.iter().map(view).collect())
    }

    /// The way back.
    pub(crate) fn reversed(self) -> Self {
        let turned = |DifferenceView { before, after, .. }| DifferenceView::new(after, before);
        Self(self.0.into_iter().map(turned).collect())
    }

    /// Each side of each host, with its sign.
    fn sides(&self) -> impl Iterator<Item = (&'static str, &HostView)> {
        self.0.iter().flat_map(|difference| {
            let before = difference.before.iter().map(|host| ("-", host));
            before.chain(difference.after.iter().map(|host| ("+", host)))
        })
    }
}

impl Report for Differences {
    fn table(&self, page: Page) -> String {
        if self.0.is_empty() {
            return "no difference\n".to_owned();
        }
        let rows = self.sides().map(|(sign, host)| {
            vec![
                sign.to_owned(),
                host.ip_address.clone(),
                host.hostname.clone(),
                host.aliases.join(" "),
                host.tags.join(" "),
                host.comment.clone().unwrap_or_default(),
                host.state().to_owned(),
                host.id.clone(),
            ]
        });
        columns(
            page,
            Columns {
                header: &[
                    "", "ADDRESS", "HOSTNAME", "ALIASES", "TAGS", "COMMENT", "STATE", "ID",
                ],
                flowing: &["ALIASES", "TAGS", "COMMENT"],
                spare: &["ID"],
            },
            rows,
        )
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let mut names = header(&["side"]);
        names.extend(header(&HostView::CSV_HEADER));
        let rows = self.sides().map(|(sign, host)| {
            let side = if sign == "-" { "before" } else { "after" };
            let mut row = vec![side.to_owned()];
            row.extend(host.csv_row());
            row
        });
        std::iter::once(names).chain(rows).collect()
    }
}
