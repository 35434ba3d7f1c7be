//! Every bound of the store in one table, each with its reason.

use std::time::Duration;

/// Bytes of one encoded proposal. One entry then takes a few milliseconds to
/// flush and send, so a heartbeat never waits behind it; a larger change is
/// split into parts.
pub const PROPOSAL_BYTES_MAX: usize = 256 * 1024;

/// Bytes of one log entry's payload: a proposal and its envelope. Foreign
/// entries beyond it are refused before they are parsed.
pub const ENTRY_BYTES_MAX: usize = PROPOSAL_BYTES_MAX + 1024;

/// Bytes of one change that is split into parts, and so of the parts a node
/// keeps in memory until they are committed: an import of 200,000 rows with
/// long names.
pub const CHANGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Entries from the first part of a change to its commit. Snapshots wait for
/// the commit; a proposer that gave up must not hold them up for ever.
pub const PARTS_SPAN_MAX: u64 = 4096;

/// Bytes of a command or an answer between peers: as much as the change it
/// can become.
pub const COMMAND_BYTES_MAX: usize = CHANGE_BYTES_MAX;

/// Bytes of a message between peers about Raft: what gRPC receives by
/// default. A request to append carries at most [`READ_BYTES_MAX`] and one
/// entry more.
pub const PEER_MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of entries read from the log at once, to send or to apply.
pub const READ_BYTES_MAX: usize = 1024 * 1024;

/// Nodes of one cluster, learners included. Raft's costs grow with each.
pub const MEMBERS_MAX: usize = 64;

/// Bytes of one row of the state: a host with every field full has 26 KiB,
/// and the answer of a request may hold one.
pub const ROW_BYTES_MAX: usize = 60 * 1024;

/// Bytes of the content of one frame of a snapshot, which holds whole rows.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a snapshot taken from a peer: a million hosts of 1 KiB.
pub const SNAPSHOT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Rows written to the state at once: sled keeps small batches in its pages,
/// and spills larger ones into files it never flushes.
pub const BATCH_ROWS_MAX: usize = 64;

/// Bytes written to the state at once, for the same reason.
pub const BATCH_BYTES_MAX: usize = 100 * 1024;

/// Bytes written to the state before it is flushed in between: what sled has
/// not written out stays in its memory, several times over.
pub const UNFLUSHED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Rows that wait to be written to the state. Beyond it `apply` waits for the
/// disk, so memory stays bounded when the disk is slower than the changes.
pub const PENDING_ROWS_MAX: usize = 65_536;

/// How long changed rows gather before they are written to the state: many
/// changes become few writes, which wear flash and meet the log's flush. What
/// a kill loses of them is applied again from the log, in a fraction of the
/// time.
pub const GATHER_TIME: Duration = Duration::from_secs(5);

/// Entries applied before they are published and answered together.
pub const APPLY_ENTRIES_MAX: usize = 256;

/// Bytes of the file that says whose directory this is.
pub const IDENTITY_BYTES_MAX: usize = 4096;
