//! Records of the log, the state and between peers: what can be read is written and read again as the same.

use std::fmt::Debug;

use bytes::Bytes;
use raft_store::raft::RaftPayload;
use raft_store::record::{
    DecodeError, decode_answer, decode_command, decode_forward_outcome, decode_host_row,
    decode_old_row, decode_payload, decode_position_row, decode_proposal, decode_rejection,
    decode_request_row, decode_snapshot_head, decode_snapshot_row, decode_snapshot_tail,
    encode_answer, encode_command, encode_forward_outcome, encode_host_row, encode_old_row,
    encode_payload, encode_position_row, encode_proposal, encode_rejection, encode_request_row,
    encode_snapshot_head, encode_snapshot_row, encode_snapshot_tail,
};

use crate::same::can_be_shown;

/// The first byte says which record the others are.
pub fn run(bytes: &[u8]) {
    let Some((which, record)) = bytes.split_first() else {
        return;
    };
    let record = Bytes::copy_from_slice(record);
    match which {
        0 => {
            again(&record, decode_payload, encode_payload);
            // Its Debug shows how long a proposal is, and not what it says: that goes through as it is.
            if let Ok(payload @ RaftPayload::Normal(_)) = decode_payload(&record) {
                assert_eq!(encode_payload(&payload), record);
            }
        }
        1 => again(&record, decode_proposal, encode_proposal),
        2 => again(&record, decode_command, encode_command),
        3 => again(&record, decode_answer, encode_answer),
        4 => again(&record, decode_rejection, encode_rejection),
        5 => again(&record, decode_forward_outcome, encode_forward_outcome),
        6 => again(&record, decode_host_row, encode_host_row),
        7 => again(&record, decode_request_row, encode_request_row),
        8 => again(&record, decode_position_row, encode_position_row),
        9 => again(&record, decode_snapshot_head, encode_snapshot_head),
        10 => again(&record, decode_snapshot_tail, |tail| {
            encode_snapshot_tail(*tail)
        }),
        11 => again(&record, decode_snapshot_row, encode_snapshot_row),
        12 => again(&record, decode_old_row, encode_old_row),
        _ => {}
    }
}

/// What was read is written, and reads as the same.
pub(crate) fn again<T: Debug>(
    bytes: &Bytes,
    decode: impl Fn(&Bytes) -> Result<T, DecodeError>,
    encode: impl Fn(&T) -> Bytes,
) {
    match decode(bytes) {
        Ok(value) => {
            let written = encode(&value);
            let again = decode(&written).unwrap();
            assert_eq!(format!("{again:?}"), format!("{value:?}"));
            assert_eq!(encode(&again), written);
        }
        Err(error) => can_be_shown(&error),
    }
}
