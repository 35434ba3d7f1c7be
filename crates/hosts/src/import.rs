//! Many rows as one change: which become hosts, which change hosts, which are left out.
//!
//! Rows are taken in the order of the file, each against the existing hosts and the rows before it. Every address
//! and name is looked up a fixed number of times in ordered maps: O(n log n).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::address::Address;
use crate::command::{ConflictMode, ImportCounts, NewHost, Outcome};
use crate::decide::{Draft, Drafted, NewIds, differences};
use crate::event::{Expected, Reply};
use crate::host::{Host, HostId};
use crate::limits::{IMPORT_ROWS_MAX, LISTED_MAX};
use crate::name::Hostname;
use crate::projection::Projection;
use crate::rejection::{Holder, ImportConflict, Rejection};
use crate::stamp::Stamp;

/// What an import of `rows` comes to.
///
/// A row conflicts when its address together with any of its names is taken, by a host or by an earlier row. A row
/// that repeats an earlier one word for word is skipped in every mode.
/// - `Skip` leaves conflicting rows out: the first one wins.
/// - `Strict` refuses the import and lists them.
/// - `Replace` makes the one host that holds its names what the row says, all fields of it; of rows with the same
///   address and hostname the last wins. A row that touches more than one holder, or takes a name from an earlier
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
        if repeats || mode == ConflictMode::Skip {
            return;
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

    fn finish(self, stamp: &Stamp) -> Result<Drafted, Rejection> {
        self.conflicts.refuse()?;
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
