//! Who watches this node, and what the file sinks among them last said of
//! themselves.
//!
//! A sink is known by the name in its certificate and its instance: what it
//! calls itself, else the address it comes from. Two that have both in common
//! are told apart while both watch. Everything is in memory and bounded: what
//! was heard is gone when the process ends, and the sinks that left first are
//! forgotten for those that come.

use crate::limits;
use hosts::{Actor, Timestamp};
use proto::convert::SinkState;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The streams that watch a node, and the sinks.
#[derive(Clone, Debug, Default)]
pub struct Sinks(Arc<Mutex<Table>>);

/// A stream that watches. It counts until it is dropped.
#[derive(Debug)]
pub struct Watching {
    sinks: Sinks,
    by: Actor,
    instance: String,
    /// Its row, from the first time it says something.
    row: Option<Key>,
}

/// What a sink has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkReport {
    /// Whose certificate it has.
    pub by: Actor,
    /// Which of those that have it.
    pub instance: String,
    /// Whether it watches now.
    pub connected: bool,
    /// When it last said something.
    pub heard: Timestamp,
    /// What.
    pub state: SinkState,
}

/// Why nobody else may watch.
#[derive(Debug, thiserror::Error)]
pub enum TooManyWatchers {
    /// The node has as many as it can.
    #[error(
        "this node is watched by {} streams, and takes no more: watch another one",
        limits::WATCHERS_MAX
    )]
    Node,
    /// The caller has his share.
    #[error(
        "{by} watches this node with {} streams, and may with no more: watch another one, or end some",
        limits::WATCHERS_PER_CALLER
    )]
    Caller {
        /// Who.
        by: Actor,
    },
}

#[derive(Debug, Default)]
struct Table {
    /// Open streams; whoever has none is not in it.
    open: BTreeMap<Actor, usize>,
    rows: BTreeMap<Key, Row>,
}

/// The instance's second part tells apart those that watch at one time.
type Key = (Actor, String, usize);

#[derive(Debug)]
struct Row {
    connected: bool,
    heard: Timestamp,
    state: SinkState,
}

impl Sinks {
    /// Takes in a stream of `by`, whose sink is `instance`.
    ///
    /// # Errors
    /// There are too many.
    pub fn enter(&self, by: Actor, instance: String) -> Result<Watching, TooManyWatchers> {
        let mut table = self.table();
        if table.watchers() >= limits::WATCHERS_MAX {
            return Err(TooManyWatchers::Node);
        }
        let own = table.open.entry(by.clone()).or_default();
        if *own >= limits::WATCHERS_PER_CALLER {
            return Err(TooManyWatchers::Caller { by });
        }
        *own += 1;
        drop(table);
        Ok(Watching {
            sinks: self.clone(),
            by,
            instance,
            row: None,
        })
    }

    /// How many streams watch.
    #[must_use]
    pub fn watchers(&self) -> usize {
        self.table().watchers()
    }

    /// All sinks that are known, those in trouble first.
    #[must_use]
    pub fn reports(&self) -> Vec<SinkReport> {
        let table = self.table();
        let reports = table
            .rows
            .iter()
            .map(|((by, instance, turn), row)| SinkReport {
                by: by.clone(),
                instance: match turn {
                    0 => instance.clone(),
                    more => format!("{instance}#{}", more + 1),
                },
                connected: row.connected,
                heard: row.heard,
                state: row.state.clone(),
            });
        let mut reports: Vec<_> = reports.collect();
        reports.sort_by_key(|report| (!report.state.is_failing(), !report.connected));
        reports
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watching {
    /// Notes what the sink says of itself.
    pub fn note(&mut self, heard: Timestamp, state: SinkState) {
        let mut table = self.sinks.table();
        let key = self.row.get_or_insert_with(|| {
            table.make_room();
            let mut key = (self.by.clone(), self.instance.clone(), 0);
            while table.rows.get(&key).is_some_and(|row| row.connected) {
                key.2 += 1;
            }
            key
        });
        let row = Row {
            connected: true,
            heard,
            state,
        };
        table.rows.insert(key.clone(), row);
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut table = self.sinks.table();
        if let Some(open) = table.open.get_mut(&self.by) {
            *open -= 1;
            if *open == 0 {
                table.open.remove(&self.by);
            }
        }
        let Some(key) = &self.row else { return };
        if table.is_there_again(key) {
            table.rows.remove(key);
        } else if let Some(row) = table.rows.get_mut(key) {
            row.connected = false;
        }
    }
}

impl Table {
    fn watchers(&self) -> usize {
        self.open.values().sum()
    }

    /// Whether the same sink watches with another stream: it came back before
    /// this node noticed that the earlier one had broken off.
    fn is_there_again(&self, (by, instance, turn): &Key) -> bool {
        let first = (by.clone(), instance.clone(), 0);
        let same = self.rows.range(first..);
        same.take_while(|((other, name, _), _)| other == by && name == instance)
            .any(|((_, _, other), row)| other != turn && row.connected)
    }

    /// Forgets whoever left first, where there is no room for one more.
    fn make_room(&mut self) {
        if self.rows.len() < limits::SINKS_MAX {
            return;
        }
        let gone = self.rows.iter().filter(|(_, row)| !row.connected);
        let oldest = gone
            .min_by_key(|(_, row)| row.heard)
            .map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            self.rows.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
