//! Many rows as one change: which become hosts, which change hosts, which are left out.
//!
//! Rows are taken in the order of the file, each against the existing hosts and the rows before it. Every address
//! and name is looked up a fixed number of times in ordered maps: O(n log n).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::address::Address;
use crate::command::{ConflictMode, ImportCounts, LeftOut, NewHost, Outcome};
use crate::decide::{Draft, Drafted, NewIds, differences};
use crate::event::{Expected, Reply};
use crate::host::{Host, HostId};
use crate::limits::{IMPORT_ROWS_MAX, LISTED_MAX};
use crate::name::Hostname;
use crate::projection::Projection;
use crate::rejection::{Holder, ImportConflict, Rejection};
use crate::stamp::Stamp;
use crate::text::{Comment, Tags};

/// What an import of `rows` comes to.
///
/// A row conflicts when its address together with any of its names is taken, by a host or by an earlier row. A row
/// that repeats an earlier one word for word is skipped in every mode.
/// - `Skip` leaves conflicting rows out: the first one wins. Those that say what no host says afterwards are told.
/// - `Strict` refuses the import and lists them.
/// - `Replace` makes the one host that holds its names what the row says, all fields of it; of rows with the same
///   address and hostname the last wins, and what only an earlier one said is told as left out. A row that touches more than one holder, or takes a name from an earlier
///   row with another hostname, conflicts and refuses the import: no name of the file may get lost silently.
pub(crate) fn import(
    hosts: &Projection,
    rows: &[NewHost],
    mode: ConflictMode,
    stamp: &Stamp,
) -> Result<Drafted, Rejection> {
    within_rows(rows.len())?;
    let rows: Vec<NewHost> = rows.iter().map(NewHost::normalised).collect();
    let mut import = Import {
        hosts,
        rows: &rows,
        entries: Vec::with_capacity(rows.len()),
        claims: BTreeMap::new(),
        replaced: BTreeSet::new(),
        leaned_on: BTreeSet::new(),
        passed_over: Vec::new(),
        conflicts: Conflicts::default(),
    };
    for (index, row) in rows.iter().enumerate() {
        import.take(index, row, mode);
    }
    import.finish(stamp)
}

struct Import<'a> {
    hosts: &'a Projection,
    rows: &'a [NewHost],
    /// What the rows taken so far come to.
    entries: Vec<Entry<'a>>,
    /// Who among the entries holds an address and a name.
    claims: BTreeMap<(Address, &'a Hostname), usize>,
    /// Existing hosts that an entry replaces: their names are free unless the entry claims them.
    replaced: BTreeSet<HostId>,
    /// Existing hosts that a row was skipped for, or compared with: when the change is applied they must be as they
    /// were here.
    leaned_on: BTreeSet<HostId>,
    /// Rows that did not come in, and whose place it was.
    passed_over: Vec<(usize, Held)>,
    conflicts: Conflicts,
}

/// A host as it will be after the import.
struct Entry<'a> {
    /// The row it comes from, counted from 0.
    row: usize,
    facts: &'a NewHost,
    /// The existing host it replaces; `None` makes a new one.
    replaces: Option<&'a Arc<Host>>,
}

/// Who holds an address and a name of a row.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Held {
    Entry(usize),
    Host(HostId),
}

impl<'a> Import<'a> {
    fn take(&mut self, index: usize, row: &'a NewHost, mode: ConflictMode) {
        let mut holders = row.names().filter_map(|name| {
            let held = self.holder(row.address, name)?;
            Some((name, held))
        });
        let Some((name, held)) = holders.next() else {
            return self.enter(index, row, None);
        };
        let alone = holders.all(|(_, other)| other == held);
        if let Held::Host(id) = held {
            self.leaned_on.insert(id);
        }
        let repeats = matches!(held, Held::Entry(entry) if self.facts(entry) == Some(row));
        if repeats {
            return;
        }
        if mode == ConflictMode::Skip {
            return self.passed_over.push((index, held));
        }
        if mode == ConflictMode::Replace && alone && self.replace(held, index, row) {
            return;
        }
        let held_by = match held {
            Held::Host(id) => Holder::Host(id),
            Held::Entry(entry) => Holder::Row(self.entries.get(entry).map_or(0, |e| e.row + 1)),
        };
        self.conflicts.note(ImportConflict {
            row: index + 1,
            address: row.address,
            name: name.clone(),
            held_by,
        });
    }

    /// Puts a row in the place of the one that holds its names; false if that is another row of the file.
    fn replace(&mut self, held: Held, index: usize, row: &'a NewHost) -> bool {
        match held {
            Held::Host(id) => self.enter(index, row, self.hosts.host(id)),
            Held::Entry(entry) => {
                if self.facts(entry).map(|facts| &facts.hostname) != Some(&row.hostname) {
                    return false;
                }
                self.overwrite(entry, index, row);
            }
        }
        true
    }

    fn holder(&self, address: Address, name: &Hostname) -> Option<Held> {
        if let Some(&entry) = self.claims.get(&(address, name)) {
            return Some(Held::Entry(entry));
        }
        let id = self.hosts.owner(address, name)?;
        (!self.replaced.contains(&id)).then_some(Held::Host(id))
    }

    fn facts(&self, entry: usize) -> Option<&'a NewHost> {
        self.entries.get(entry).map(|entry| entry.facts)
    }

    fn enter(&mut self, row: usize, facts: &'a NewHost, replaces: Option<&'a Arc<Host>>) {
        self.claim(self.entries.len(), facts);
        self.replaced.extend(replaces.map(|host| host.id));
        self.entries.push(Entry {
            row,
            facts,
            replaces,
        });
    }

    /// Lets a later row with the same address and hostname win.
    fn overwrite(&mut self, entry: usize, row: usize, facts: &'a NewHost) {
        if let Some(old) = self.entries.get_mut(entry) {
            self.passed_over.push((old.row, Held::Entry(entry)));
            for name in old.facts.names() {
                self.claims.remove(&(old.facts.address, name));
            }
            old.row = row;
            old.facts = facts;
            self.claim(entry, facts);
        }
    }

    fn claim(&mut self, entry: usize, facts: &'a NewHost) {
        for name in facts.names() {
            self.claims.insert((facts.address, name), entry);
        }
    }

    /// What of the rows that did not come in is not said by anything that did.
    fn left_out(&self) -> LeftOut {
        let mut rows: Vec<u32> = Vec::new();
        for &(index, held) in &self.passed_over {
            if let Some(row) = self.rows.get(index)
                && self.is_lost(row, held)
            {
                rows.extend(u32::try_from(index + 1));
            }
        }
        rows.sort_unstable();
        let total =
            u32::try_from(rows.len()).expect("the number of rows was checked against its bound");
        rows.truncate(LISTED_MAX);
        LeftOut {
            rows: rows.into(),
            total,
        }
    }

    /// Whether a name of the row leads nowhere, or `held` has not what the row says beside its names.
    fn is_lost(&self, row: &NewHost, held: Held) -> bool {
        let differs = |comment: &Option<Comment>, tags: &Tags, enabled: bool| {
            (row.comment.is_some() && row.comment != *comment)
                || row.tags.iter().any(|tag| !tags.as_slice().contains(tag))
                || row.enabled != enabled
        };
        let other = match held {
            Held::Entry(entry) => self
                .facts(entry)
                .is_some_and(|facts| differs(&facts.comment, &facts.tags, facts.enabled)),
            Held::Host(id) => self
                .hosts
                .host(id)
                .is_some_and(|host| differs(&host.comment, &host.tags, host.enabled)),
        };
        let gone = |name| self.holder(row.address, name).is_none();
        other || row.names().any(gone)
    }

    fn finish(mut self, stamp: &Stamp) -> Result<Drafted, Rejection> {
        std::mem::take(&mut self.conflicts).refuse()?;
        let mut ids = NewIds::new(self.hosts, stamp);
        let mut events = Vec::with_capacity(self.entries.len());
        let (mut created, mut updated) = (0, 0);
        for entry in &self.entries {
            match entry.replaces {
                None => {
                    created += 1;
                    events.push(entry.facts.created_as(ids.next_id()));
                }
                Some(host) => {
                    let changes = differences(host, entry.facts);
                    updated += u32::from(!changes.is_empty());
                    events.extend(changes);
                }
            }
        }
        let processed = u32::try_from(self.rows.len())
            .expect("the number of rows was checked against its bound");
        let counts = ImportCounts {
            processed,
            created,
            updated,
            skipped: processed - created - updated,
            left_out: self.left_out(),
        };
        if events.is_empty() {
            return Ok(Drafted::Nothing(Outcome::Imported(counts)));
        }
        let leaned_on = self.leaned_on.iter().filter_map(|id| self.hosts.host(*id));
        let expected = leaned_on
            .map(|host| Expected {
                id: host.id,
                version: host.version,
            })
            .collect();
        Ok(Drafted::Change(Draft {
            events,
            reply: Reply::Imported(counts),
            expected,
        }))
    }
}

/// The first conflicts, and how many there are.
#[derive(Default)]
struct Conflicts {
    shown: Vec<ImportConflict>,
    total: usize,
}

impl Conflicts {
    fn note(&mut self, conflict: ImportConflict) {
        self.total += 1;
        if self.shown.len() < LISTED_MAX {
            self.shown.push(conflict);
        }
    }

    fn refuse(self) -> Result<(), Rejection> {
        let Self { shown, total } = self;
        if total > 0 {
            return Err(Rejection::ImportConflicts { shown, total });
        }
        Ok(())
    }
}

fn within_rows(rows: usize) -> Result<(), Rejection> {
    if rows > IMPORT_ROWS_MAX {
        let limit = IMPORT_ROWS_MAX;
        return Err(Rejection::ImportTooLarge { rows, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_has_200_000_rows_at_most() {
        assert!(within_rows(199_999).is_ok());
        assert!(within_rows(200_000).is_ok());
        assert_eq!(
            within_rows(200_001).unwrap_err().reason(),
            "IMPORT_TOO_LARGE"
        );
    }
}
