//! The state on disk: one row per host and request, and the position they
//! belong to.
//!
//! Everything here can be rebuilt from the snapshot and the log. Rows are
//! written behind the acknowledgement, and flushed only with a snapshot, with
//! every few megabytes and at the end; so the state may lag behind what was
//! applied, and openraft applies the entries in between again at the next
//! start. A state that cannot be opened or does not verify is set aside and
//! rebuilt.

pub(crate) mod keys;
