//! Every bound of the core in one table, each with its reason.

use std::time::Duration;

/// Hosts in one projection, disabled ones included. A resolver already stalls for seconds when it reloads 300,000
/// lines; a million records still fit the memory of a small server.
pub const HOSTS_MAX: usize = 1_000_000;

/// Aliases of one host. Beyond this a list of names is a zone, and one host would spread over too many lines.
pub const ALIASES_MAX: usize = 64;

/// Tags of one host: enough to group by site, owner and purpose; few enough to show in a table.
pub const TAGS_MAX: usize = 32;

/// Characters of one tag. Tags are words, not sentences.
pub const TAG_CHARS_MAX: usize = 64;

/// Bytes of one comment: one paragraph. What is longer belongs in documentation.
pub const COMMENT_BYTES_MAX: usize = 1024;

/// Bytes of a host name in text form (RFC 1035, 2.3.4: 255 on the wire, so 253 written).
pub const HOSTNAME_BYTES_MAX: usize = 253;

/// Bytes of one label (RFC 1035, 2.3.4).
pub const LABEL_BYTES_MAX: usize = 63;

/// Bytes of a host name as typed, before it is mapped to its ASCII form: four bytes for each of 253 characters.
pub const HOSTNAME_INPUT_BYTES_MAX: usize = 4 * HOSTNAME_BYTES_MAX;

/// Characters of a request id: a UUID, a ULID or a path-like id of a pipeline fits.
pub const REQUEST_ID_CHARS_MAX: usize = 128;

/// Characters of the name of an actor, which comes from a certificate.
pub const ACTOR_NAME_CHARS_MAX: usize = 128;

/// Requests whose answers are kept for retries: at ten writes a second, those of 27 minutes. Under full load it is two
/// seconds, and a retry after that is told that nobody knows; one import is one request.
pub const REQUESTS_MAX: usize = 16_384;

/// Rows of one import: twice the largest block list in common use.
pub const IMPORT_ROWS_MAX: usize = 200_000;

/// Events of one change: an import that replaces a full set of rows, each in all of its five fields.
pub const CHANGE_EVENTS_MAX: usize = 5 * IMPORT_ROWS_MAX;

/// Conflicts, warnings or errors listed one by one in an answer; the rest is counted. A person reads a screenful.
pub const LISTED_MAX: usize = 100;

/// Bytes of a file that is read: the rows of one import at 160 bytes, five times what block lists have.
pub const FILE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes of one line of a hosts file that is read, without its end. Older `CoreDNS` stops at this length too.
pub const FILE_LINE_BYTES_MAX: usize = 64 * 1024;

/// Bytes of one record of a JSON or CSV file that is read: a host whose names and tags are all as long as they may
/// be, in any script, is three quarters of it.
pub const FILE_RECORD_BYTES_MAX: usize = 128 * 1024;

/// Columns of a CSV file that is read: three times what an export has.
pub const FILE_COLUMNS_MAX: usize = 32;

/// Characters of a JSON parser's words that are repeated in an error: they may quote the file.
pub const PARSER_WORDS_CHARS_MAX: usize = 160;

/// Bytes of one piece of an export: what clients of the wire expect in a message.
pub const EXPORT_PIECE_BYTES: usize = 64 * 1024;

/// Bytes of one line of a hosts file that is written, without its end. musl reads pieces of 511 bytes and takes the
/// rest of a longer line for a new one.
pub const RENDERED_LINE_BYTES_MAX: usize = 500;

/// Names on one line of a hosts file that is written. Windows ignores what follows the ninth.
pub const RENDERED_NAMES_MAX: usize = 9;

/// Bytes of a query: what one would type, and a long list of terms.
pub const QUERY_BYTES_MAX: usize = 1024;

/// Terms of a query. Every host is compared with every term.
pub const QUERY_TERMS_MAX: usize = 16;

/// Characters of the name of a snapshot, and of why it was made: a column of a table.
pub const LABEL_CHARS_MAX: usize = 64;

/// Named snapshots at a time, whatever the configuration says: three a day for a year. What is asked of them is looked
/// for from one to the next.
pub const SNAPSHOTS_MAX: usize = 1000;

/// Named snapshots that are kept when nothing is configured: the oldest goes when another one comes.
pub const SNAPSHOTS_KEPT: usize = 50;

/// How long a named snapshot is kept when nothing is configured: 30 days.
pub const SNAPSHOT_AGE_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Old records that all named snapshots keep together, each of some 300 bytes in memory: two replacements of a full
/// projection. Beyond it the leader lets the oldest snapshots go.
pub const SNAPSHOT_ROWS_MAX: usize = 2 * HOSTS_MAX;
