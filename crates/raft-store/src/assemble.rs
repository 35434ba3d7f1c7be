//! A projection from stored rows, checked against what they should add up to.

use bytes::Bytes;
use hosts::{Digest, Projection, RestoreError, Row};

use crate::record::{
    DecodeError, PositionRow, decode_host_row, decode_old_row, decode_request_row,
    decode_snapshot_row, encode_host_row, encode_old_row, encode_request_row, encode_snapshot_row,
};
use crate::state::keys::RowKind;

/// The bytes of a row.
pub(crate) fn encode(row: &Row) -> Bytes {
    match row {
        Row::Host(host) => encode_host_row(host),
        Row::Request(request) => encode_request_row(request),
        Row::Snapshot(snapshot) => encode_snapshot_row(snapshot),
        Row::Old(old) => encode_old_row(old),
    }
}

/// Reads a row of this kind.
pub(crate) fn decode(kind: RowKind, bytes: &Bytes) -> Result<Row, DecodeError> {
    Ok(match kind {
        RowKind::Host => Row::Host(decode_host_row(bytes)?.into()),
        RowKind::Request => Row::Request(decode_request_row(bytes)?.into()),
        RowKind::Snapshot => Row::Snapshot(decode_snapshot_row(bytes)?.into()),
        RowKind::Old => Row::Old(decode_old_row(bytes)?),
    })
}

/// The projection with these rows, a snapshot before what it keeps.
pub(crate) fn assemble(
    expected: &PositionRow,
    rows: impl Iterator<Item = Row>,
) -> Result<Projection, AssembleError> {
    let projection = Projection::restore(expected.position, rows).map_err(AssembleError::Rows)?;
    let hosts = projection.len() as u64;
    if hosts != expected.hosts {
        return Err(AssembleError::Count {
            hosts,
            expected: expected.hosts,
        });
    }
    let digest = projection.digest();
    if digest != expected.digest {
        return Err(AssembleError::Digest {
            found: digest,
            expected: expected.digest,
        });
    }
    Ok(projection)
}

/// Why rows are not a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// They contradict each other.
    #[error("the rows contradict each other")]
    Rows(#[source] RestoreError),
    /// Rows are missing or too many.
    #[error("there are {hosts} hosts, and there should be {expected}")]
    Count {
        /// Hosts found.
        hosts: u64,
        /// Hosts that should be there.
        expected: u64,
    },
    /// They are not the rows that were stored.
    #[error("the rows add up to {found}, and should to {expected}")]
    Digest {
        /// What they add up to.
        found: Digest,
        /// What was stored beside them.
        expected: Digest,
    },
}
