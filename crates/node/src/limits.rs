//! Every bound of the node, each with its reason.

use std::time::Duration;

/// Pieces of files and large commands on the wire, 64 KiB: what earlier
/// clients send and expect.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// A message between nodes, 4 MiB: gRPC's own default, four times the most
/// that one append carries.
pub const PEER_MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A message of a client, 1 MiB: sixteen chunks, and far above any record.
pub const CLIENT_MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// A whole imported file: what the parser takes.
pub const IMPORT_BYTES_MAX: usize = hosts::limits::FILE_BYTES_MAX;

/// A forwarded command: what the store's encoding takes. An import as records
/// is up to twice its text.
pub const COMMAND_BYTES_MAX: usize = raft_store::limits::COMMAND_BYTES_MAX;

/// Imports a node takes in at once; further ones wait before their files are
/// read. Each is in memory as text, as rows and as records.
pub const IMPORTS_AT_ONCE: usize = 4;

/// Long answers of which the next piece is being made at once; the others wait
/// for their turn. Making one is work for a processor, and small nodes have
/// two; an open answer holds no more than one piece.
pub const RENDERS_AT_ONCE: usize = 2;

/// Long answers one caller has open on a node; further ones wait. One that
/// nobody reads holds up to half a MiB in the buffers of its connection.
pub const LONG_ANSWERS_PER_CALLER: usize = 64;

/// Streams that watch a node. Each holds one view while it is sent a set: where
/// none is read, what changed since then, once for each.
pub const WATCHERS_MAX: usize = 1024;

/// Those of one certificate, which many sinks may share.
pub const WATCHERS_PER_CALLER: usize = 256;

/// How long a watcher rests after a set at the least: ten quick changes are one
/// set, and a resolver behind it reloads no more often.
pub const WATCH_REST: Duration = Duration::from_secs(1);

/// What one host costs to be sent to one watcher, 20 µs of a slow processor.
/// Watchers rest for all of them together, so that sets take no more of it than
/// the one that is being sent.
pub const WATCH_ENTRY_TIME: Duration = Duration::from_micros(20);

/// Sinks whose words are kept, some 400 bytes each: as many as can watch.
pub const SINKS_MAX: usize = WATCHERS_MAX;

/// Those that a status lists; it counts the rest. Nodes ask each other for it
/// every two seconds.
pub const SINKS_LISTED: usize = 50;

/// Characters of what a sink calls itself: a host name, a UUID.
pub const INSTANCE_CHARS_MAX: usize = 128;

/// Rows of one bulk call that are under way or whose answers nobody has read,
/// as in the earlier server: enough to share the flushes of a disk.
pub const BULK_ROWS_IN_FLIGHT: usize = 32;

/// Rows of an import that are decided on the task of the leader itself, in some
/// 5 ms; more are decided aside.
pub const ROWS_DECIDED_INLINE: usize = 500;

/// Hosts of a list that are looked up at once: some 100 KiB of messages.
pub const LIST_PAGE: usize = 512;

/// Pieces of a snapshot read ahead of the network: half a MiB.
pub const SNAPSHOT_PIECES_IN_FLIGHT: usize = 8;

/// The slowest link a snapshot is sent over, 1 Mbit/s: its deadline grows with
/// its length.
pub const SNAPSHOT_BYTES_PER_SECOND_MIN: u64 = 128 * 1024;

/// How long a peer may take to receive and flush the entries of one append: a
/// MiB at 2 Mbit/s, or a disk that stalls. A peer that is gone is noticed by
/// its connection in 2 s.
pub const APPEND_TIME: Duration = Duration::from_secs(5);

/// Messages of one stream of appends without an answer yet. Each commit is two,
/// its entries and then its index; with fewer than these, an entry waits for
/// the index of those before.
pub const APPENDS_UNANSWERED: usize = 8;

/// Bytes of those after which no other is sent: what one append carries at the
/// most, so that two are in memory.
pub const APPEND_BYTES_UNANSWERED: usize = 1024 * 1024;

/// Calls one connection may have open at once; further ones wait. Of each, 400 KB
/// of an answer that nobody reads may wait to be sent (the default of `h2`, which
/// cannot be changed here), so a connection holds 50 MB at the most.
pub const CALLS_PER_CONNECTION: u32 = 128;

/// How long a call waits when its caller names no deadline: three elections.
pub const CALL_TIME: Duration = Duration::from_secs(10);

/// The same for an import.
pub const IMPORT_TIME: Duration = Duration::from_secs(300);

/// The longest deadline a caller may name; what takes longer is asked again.
pub const CALL_TIME_MAX: Duration = Duration::from_secs(600);
/// How much earlier than a caller gives up a node answers, at the most, where
/// a tenth of its time is more: the answer has a busy machine to pass.
pub const ANSWER_MARGIN_MAX: Duration = Duration::from_millis(500);

/// How long calls and parts may take to stop: leadership moves, calls finish,
/// files are written. With Raft and the store after them a stop takes less
/// than 40 s; service managers kill after 90 s by default.
pub const STOP_TIME: Duration = Duration::from_secs(20);

/// How long Raft may take to stop. It takes milliseconds, unless the disk
/// keeps it.
pub const RAFT_STOP_TIME: Duration = Duration::from_secs(5);

/// How long the store may take to flush what is queued: some MiB, on flash
/// that is busy. A disk that hangs has no end of its own.
pub const STORE_CLOSE_TIME: Duration = Duration::from_secs(10);

/// How long open calls may take to end when a node stops. Writes take
/// milliseconds; a client that never finishes, or a peer that lost power, must
/// not use up the time of the parts that stop after the port.
pub const CALLS_END_TIME: Duration = Duration::from_secs(5);

/// How often a handover looks whether the successor still answers.
pub const HANDOVER_LOOK: Duration = Duration::from_millis(20);

/// How long leadership may take to move when a leader stops; it takes some
/// 5 ms, and without it the others elect anyway.
pub const HANDOVER_TIME: Duration = Duration::from_secs(2);

/// Hooks of one event; a batch of more is a script's work.
pub const HOOKS_MAX: usize = 16;

/// The line of one hook, 4 KiB; what is longer belongs into a script.
pub const HOOK_COMMAND_BYTES_MAX: usize = 4 * 1024;

/// The shortest a hook may be given: starting a shell takes a router some ms.
pub const HOOK_TIME_MIN: Duration = Duration::from_millis(100);

/// The longest. Until it is over, the next change is not told to anybody.
pub const HOOK_TIME_MAX: Duration = Duration::from_secs(600);

/// How long a hook may take when nothing is said.
pub const HOOK_TIME: Duration = Duration::from_secs(30);

/// The least time between the end of a batch of hooks and the next one:
/// dnsmasq answers nothing while it reads, 0.3 to 2 s for 100,000 lines.
pub const HOOK_REST: Duration = Duration::from_secs(1);

/// How long a killed hook may take to be gone, unless the kernel holds it.
pub const HOOK_DEATH_TIME: Duration = Duration::from_secs(2);

/// The last of what a hook prints that is kept for the log, 4 KiB: the error
/// is at the end.
pub const HOOK_OUTPUT_BYTES_MAX: usize = 4 * 1024;

/// What a hook may print at full speed, 1 MiB; beyond it is read in steps.
pub const HOOK_OUTPUT_FREE_BYTES: u64 = 1024 * 1024;

/// Between two such steps of at most 64 KiB: 6 MiB/s cost little.
pub const HOOK_OUTPUT_PAUSE: Duration = Duration::from_millis(10);

/// How long the end of a hook's output is waited for once its group is dead.
pub const HOOK_OUTPUT_TIME: Duration = Duration::from_millis(500);

/// A hosts file that is read back, 512 MiB: a million hosts at 500 bytes.
/// What is larger is no hosts file, and is not taken into memory.
pub const OUTPUT_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Names outside the block that a warning lists; it counts the rest.
pub const SHADOWS_SHOWN: usize = 5;

/// How long before its end a certificate is told of in every status, 14 days:
/// two weekends to renew it in.
pub const CERTIFICATE_ENDS_SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);
