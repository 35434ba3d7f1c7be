//! Whether log, snapshot and state tell one story.

use std::io;

use crate::REMEDY;
use crate::log::Log;
use crate::log_store::{log_id_of, raft_log_id};
use crate::position::LogId;
use crate::raft::RaftLogId;
use crate::snapshot::{Current, Origin};

/// Checks the stories of the log, of the snapshot that counts, and of the
/// state, of which `has_state` says whether there is one.
pub(super) fn check(
    log: &Log,
    snapshot: Option<&Current>,
    applied: Option<RaftLogId>,
    has_state: bool,
) -> Result<(), Contradiction> {
    let standing = log.state();
    let reached = snapshot.and_then(|current| current.meta.last_log_id);
    let last = standing.last.map(raft_log_id);

    // A received snapshot may be ahead of the log until the log is purged,
    // and the state with it.
    let received = snapshot
        .filter(|current| current.origin == Origin::Received)
        .and_then(|current| current.meta.last_log_id);
    for (what, seen) in [
        ("snapshot", reached),
        ("state", applied),
        ("commit mark", standing.committed.map(raft_log_id)),
    ] {
        let Some(seen) = seen else { continue };
        if received.is_some_and(|received| received.index >= seen.index) {
            continue;
        }
        if last.is_none_or(|last| last.index < seen.index) {
            return Err(Contradiction::LogBehind {
                what,
                seen: log_id_of(seen),
                last: standing.last,
            });
        }
        let in_log = entry_at(log, seen.index).map_err(Contradiction::Read)?;
        if let Some(in_log) = in_log
            && in_log != log_id_of(seen)
        {
            return Err(Contradiction::OtherEntry {
                what,
                seen: log_id_of(seen),
                in_log,
            });
        }
    }

    let base = reached.max(applied);
    if let Some(purged) = standing.purged
        && base.is_none_or(|base| base.index < purged.index)
    {
        return Err(Contradiction::Gap {
            purged,
            snapshot: reached.map(log_id_of),
            state: has_state.then_some(applied.map(log_id_of)),
        });
    }
    Ok(())
}

/// The id of the entry at `index`, if the log still has it or purged it last.
fn entry_at(log: &Log, index: u64) -> io::Result<Option<LogId>> {
    let purged = log.state().purged;
    if let Some(purged) = purged
        && purged.index >= index
    {
        return Ok((purged.index == index).then_some(purged));
    }
    let entries = log.read(index..index + 1, None)?;
    Ok(entries.first().map(|entry| entry.id))
}

/// What contradicts what.
#[derive(Debug, thiserror::Error)]
pub enum Contradiction {
    /// The log has lost its end, and with it perhaps a vote.
    #[error(
        "the {what} has seen entry {seen}, and the log ends {}: the log was lost or replaced by \
         an older copy, and this node could vote twice. {REMEDY}",
        last.map_or_else(|| "before its first entry".to_owned(), |last| format!("at entry {last}"))
    )]
    LogBehind {
        /// Who has seen more.
        what: &'static str,
        /// What it has seen.
        seen: LogId,
        /// Where the log ends.
        last: Option<LogId>,
    },
    /// The log is of another history.
    #[error(
        "the {what} has seen entry {seen}, and the log has entry {in_log} there: they are not of \
         one history. {REMEDY}"
    )]
    OtherEntry {
        /// Who has seen another entry.
        what: &'static str,
        /// What it has seen.
        seen: LogId,
        /// What the log has there.
        in_log: LogId,
    },
    /// Entries are gone that nothing else holds.
    #[error(
        "the log begins after entry {purged}, and {} reaches it: what lies before is lost here. \
         {REMEDY}",
        base(snapshot.as_ref(), state.as_ref())
    )]
    Gap {
        /// The last entry the log let go.
        purged: LogId,
        /// Up to where the snapshot reaches, if there is one.
        snapshot: Option<LogId>,
        /// Up to where the state reaches, if there is one.
        state: Option<Option<LogId>>,
    },
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Read(#[source] io::Error),
}

fn base(snapshot: Option<&LogId>, state: Option<&Option<LogId>>) -> String {
    let snapshot = match snapshot {
        Some(last) => format!("neither the snapshot (entry {last})"),
        None => "neither a snapshot (there is none)".to_owned(),
    };
    let state = match state {
        Some(Some(last)) => format!("nor the state (entry {last})"),
        Some(None) => "nor the state (which is empty)".to_owned(),
        None => "nor a state (there is none that can be used)".to_owned(),
    };
    format!("{snapshot} {state}")
}
