//! What an import comes to in a state: row by row, as its documentation says, and not by the code of the rules.

use std::collections::{BTreeMap, BTreeSet};

use hosts::{
    Address, Change, ConflictMode, HostId, Hostname, ImportCounts, LeftOut, NewHost, Projection,
};

/// The hosts that an import leaves behind, and what it counts.
pub(crate) struct Imported {
    entries: Vec<Entry>,
    processed: usize,
    created: usize,
    updated: usize,
}

/// A host as it is afterwards.
struct Entry {
    facts: NewHost,
    /// The host that it was before; `None` is a new one.
    replaces: Option<HostId>,
}

/// Who has an address and a name of a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    Entry(usize),
    Host(HostId),
}

/// What an import of `rows` comes to in this state; `None` when it is refused for rows that are taken.
pub(crate) fn imported(
    state: &Projection,
    rows: &[NewHost],
    mode: ConflictMode,
) -> Option<Imported> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut claims: BTreeMap<(Address, Hostname), usize> = BTreeMap::new();
    let mut replaced = BTreeSet::new();
    for row in rows.iter().map(normalised) {
        let keys = || row.names().map(|name| (row.address, name.clone()));
        let holders: BTreeSet<Holder> = keys()
            .filter_map(|key| match claims.get(&key) {
                Some(entry) => Some(Holder::Entry(*entry)),
                None => {
                    let owner = state.owner(key.0, &key.1)?;
                    (!replaced.contains(&owner)).then_some(Holder::Host(owner))
                }
            })
            .collect();
        let place = match (holders.len(), holders.first().copied()) {
            (_, None) => entries.len(),
            (1, Some(Holder::Entry(entry))) if entries.get(entry)?.facts == row => continue,
            _ if mode == ConflictMode::Skip => continue,
            (1, Some(Holder::Host(host))) if mode == ConflictMode::Replace => {
                replaced.insert(host);
                entries.len()
            }
            (1, Some(Holder::Entry(entry)))
                if mode == ConflictMode::Replace
                    && entries.get(entry)?.facts.hostname == row.hostname =>
            {
                claims.retain(|_, holder| *holder != entry);
                entry
            }
            _ => return None,
        };
        claims.extend(keys().map(|key| (key, place)));
        match entries.get_mut(place) {
            Some(earlier) => earlier.facts = row,
            None => entries.push(Entry {
                facts: row,
                replaces: match holders.first() {
                    Some(Holder::Host(host)) => Some(*host),
                    _ => None,
                },
            }),
        }
    }
    let created = |entry: &&Entry| entry.replaces.is_none();
    let updated = |entry: &&Entry| {
        let old = entry.replaces.and_then(|id| state.host(id));
        old.is_some_and(|old| old.facts() != entry.facts)
    };
    Some(Imported {
        processed: rows.len(),
        created: entries.iter().filter(created).count(),
        updated: entries.iter().filter(updated).count(),
        entries,
    })
}

impl Imported {
    /// Whether it needs no log entry.
    pub(crate) const fn changes_nothing(&self) -> bool {
        self.created + self.updated == 0
    }

    /// Whether these are its counts.
    pub(crate) fn counts(&self, told: &ImportCounts) -> bool {
        let ImportCounts {
            processed,
            created,
            updated,
            skipped,
            left_out: LeftOut { rows: _, total },
        } = told;
        let same = |told: &u32, found: usize| usize::try_from(*told) == Ok(found);
        same(processed, self.processed)
            && same(created, self.created)
            && same(updated, self.updated)
            && same(skipped, self.processed - self.created - self.updated)
            && total <= skipped
    }

    /// Whether `change` did all of it, and nothing else.
    pub(crate) fn is_done_by(
        &self,
        change: &Change,
        before: &Projection,
        after: &Projection,
    ) -> bool {
        let mut meant = BTreeSet::new();
        for Entry { facts, replaces } in &self.entries {
            let Some(id) = after.owner(facts.address, &facts.hostname) else {
                return false;
            };
            let new = before.host(id).is_none();
            let is_it = replaces.map_or(new, |old| old == id);
            let as_said = after.host(id).is_some_and(|host| host.facts() == *facts);
            if !is_it || !as_said || !meant.insert(id) {
                return false;
            }
        }
        change
            .events
            .iter()
            .all(|event| event.host().is_some_and(|id| meant.contains(&id)))
    }
}

/// Written a second time, the hostname is dropped.
fn normalised(row: &NewHost) -> NewHost {
    NewHost {
        aliases: row.aliases.without(&row.hostname),
        ..row.clone()
    }
}
