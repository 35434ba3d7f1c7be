//! Reading a whole state back, and trusting nothing in it.

use std::sync::Arc;

use bytes::Bytes;
use hosts::Row;

use super::{RowIter, StateError, StateStore, keys, rows};
use crate::applied::Applied;
use crate::assemble::{AssembleError, assemble, decode};
use crate::record::{DecodeError, decode_position_row};
use crate::state::keys::RowKind;

/// The state in `store`; none if nothing was ever written to it.
pub(super) fn load(store: &dyn StateStore) -> Result<Option<Applied>, LoadStateError> {
    let mut all = store.rows();
    let Some(first) = next(&mut all)? else {
        return Ok(None);
    };
    let (key, content) = first;
    if key != keys::POSITION {
        return Err(LoadStateError::Position);
    }
    let position = decode_position_row(&content).map_err(|cause| LoadStateError::Decode {
        key: name(&key),
        cause,
    })?;
    let mut failed = None;
    let assembled = assemble(
        &position,
        std::iter::from_fn(|| match next_row(&mut all) {
            Ok(row) => row,
            Err(error) => {
                failed = Some(error);
                None
            }
        }),
    );
    // Rows that end early for a reason of their own are judged by it.
    if let Some(error) = failed {
        return Err(error);
    }
    Ok(Some(Applied {
        projection: Arc::new(assembled.map_err(LoadStateError::Rows)?),
        applied: position.applied,
        membership: position.membership,
    }))
}

fn next_row(all: &mut RowIter<'_>) -> Result<Option<Row>, LoadStateError> {
    let Some((key, content)) = next(all)? else {
        return Ok(None);
    };
    let row = match RowKind::of_key(&key) {
        Some(kind) => decode(kind, &content),
        None if key == keys::APPLYING => return Err(LoadStateError::HalfApplied),
        None => return Err(LoadStateError::Key { key: name(&key) }),
    };
    let row = row.map_err(|cause| LoadStateError::Decode {
        key: name(&key),
        cause,
    })?;
    if key != keys::of(row.key()) {
        return Err(LoadStateError::Key { key: name(&key) });
    }
    Ok(Some(row))
}

fn next(all: &mut RowIter<'_>) -> Result<Option<(Bytes, Bytes)>, LoadStateError> {
    let Some(row) = all.next() else {
        return Ok(None);
    };
    let (key, value) = row.map_err(LoadStateError::Read)?;
    match rows::unsealed(&value) {
        Some(content) => Ok(Some((key, content))),
        None => Err(LoadStateError::Checksum { key: name(&key) }),
    }
}

/// A key as an error may show it.
fn name(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

/// Why a state does not verify. It is rebuilt from the snapshot and the log.
#[derive(Debug, thiserror::Error)]
pub enum LoadStateError {
    /// The database gives no rows.
    #[error("the rows cannot be read")]
    Read(#[source] StateError),
    /// There are rows, and no position before them.
    #[error("rows without a position")]
    Position,
    /// A change was written in part when the node stopped.
    #[error("a change was stored only in part when the node stopped")]
    HalfApplied,
    /// A value is not the one that was written.
    #[error("the checksum of row {key} does not fit")]
    Checksum {
        /// The key, escaped.
        key: String,
    },
    /// A row that is in no table, or stands where another belongs.
    #[error("row {key} does not belong there")]
    Key {
        /// The key, escaped.
        key: String,
    },
    /// A row that cannot be understood.
    #[error("row {key} cannot be understood")]
    Decode {
        /// The key, escaped.
        key: String,
        /// What cannot be read.
        #[source]
        cause: DecodeError,
    },
    /// The rows are not those of one state.
    #[error("the rows do not make a state")]
    Rows(#[source] AssembleError),
}
