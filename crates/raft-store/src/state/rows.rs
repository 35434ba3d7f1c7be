//! Rows as they are stored: every value behind its CRC32C, four bytes, little
//! end first.

use bytes::{BufMut as _, Bytes, BytesMut};
use hosts::{Projection, Row, RowKey};

use super::{Write, keys};
use crate::applied::Applied;
use crate::assemble::encode;
use crate::record::encode_position_row;

/// A value with its checksum before it.
fn sealed(content: &[u8]) -> Bytes {
    let mut value = BytesMut::with_capacity(4 + content.len());
    value.put_u32_le(crc32c::crc32c(content));
    value.extend_from_slice(content);
    value.freeze()
}

/// The content of a value, or none if its checksum does not fit.
pub(super) fn unsealed(value: &Bytes) -> Option<Bytes> {
    let crc: [u8; 4] = value.get(..4)?.try_into().ok()?;
    let content = value.slice(4..);
    (crc32c::crc32c(&content) == u32::from_le_bytes(crc)).then_some(content)
}

/// The value of a row in a projection, or its absence.
pub(super) fn looked_up(projection: &Projection, key: RowKey) -> Write {
    Write {
        key: keys::of(key),
        value: projection.row(key).map(|row| sealed(&encode(&row))),
    }
}

/// A row.
pub(super) fn row(row: &Row) -> Write {
    Write {
        key: keys::of(row.key()),
        value: Some(sealed(&encode(row))),
    }
}

/// The row that says how far the others have come.
pub(super) fn position(state: &Applied) -> Write {
    Write {
        key: keys::POSITION.to_vec(),
        value: Some(sealed(&encode_position_row(&state.position_row()))),
    }
}

/// The mark of writes that take several batches, or its removal.
pub(super) fn applying(index: Option<u64>) -> Write {
    Write {
        key: keys::APPLYING.to_vec(),
        value: index.map(|index| sealed(&index.to_be_bytes())),
    }
}
