//! The versioned shape of everything on disk and between peers.
//!
//! Shapes are Protocol Buffers messages private to the files below; what
//! leaves this module is a domain type that has been parsed again, or an
//! error that says what could not be read and where. Bytes are bounded before
//! they are parsed. A record whose format is newer than this build knows is
//! refused by name, never guessed at. The bytes of each record are frozen in
//! `tests/frozen`.

mod answer;
mod change;
mod command;
mod entry;
mod forward;
mod host;
mod peer;
mod proposal;
mod row;
mod snapshot;
mod wire;

pub use self::answer::{decode_answer, decode_rejection, encode_answer, encode_rejection};
pub use self::command::{decode_command, encode_command};
pub use self::entry::{decode_payload, encode_payload};
pub use self::forward::{ForwardOutcome, decode_forward_outcome, encode_forward_outcome};
pub use self::peer::{
    SnapshotOffer, decode_append_entries_request, decode_append_entries_response,
    decode_snapshot_offer, decode_snapshot_response, decode_transfer_leader_request,
    decode_transfer_leader_response, decode_vote_request, decode_vote_response,
    encode_append_entries_request, encode_append_entries_response, encode_snapshot_offer,
    encode_snapshot_response, encode_transfer_leader_request, encode_transfer_leader_response,
    encode_vote_request, encode_vote_response,
};
pub use self::proposal::{
    ChangeTooLong, InvalidParts, Proposal, decode_proposal, encode_proposal, join_parts,
    split_change,
};
pub use self::row::{
    PositionRow, SnapshotHead, SnapshotTail, decode_host_row, decode_position_row,
    decode_request_row, decode_snapshot_head, decode_snapshot_tail, encode_host_row,
    encode_position_row, encode_request_row, encode_snapshot_head, encode_snapshot_tail,
};
pub use self::snapshot::{
    decode_old_row, decode_snapshot_row, encode_old_row, encode_snapshot_row,
};
pub use self::wire::DecodeError;

/// The newest format of records that this build reads. A record of a newer one
/// is refused. A record is written in the oldest format that can say it: what
/// an older build could read, it can still.
pub const FORMAT: u32 = 2;

/// Everything but named snapshots.
const FIRST: u32 = 1;

/// With named snapshots.
const SNAPSHOTS: u32 = 2;
