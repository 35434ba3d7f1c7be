//! Places at which a build with the feature `failpoints` can be made to fail.
//!
//! Such a build reads what is to happen from a file (`armed::watch`), also while
//! it runs: `log.flush=100*off->panic` panics at the hundred-and-first flush of
//! the log. Every other build has nothing here: each site is a call of an empty
//! function.

#[cfg(feature = "failpoints")]
mod armed;

use std::io;

#[cfg(feature = "failpoints")]
pub use armed::watch;

/// A place where something can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its name, as the file has it.
    pub name: &'static str,
    /// Whether it can fail with an error; the others can panic and be held up.
    pub fails: bool,
}

/// Where an error is an answer.
const fn fails(name: &'static str) -> Site {
    Site { name, fails: true }
}

/// Where there is nobody to give an error to.
const fn only_stops(name: &'static str) -> Site {
    Site { name, fails: false }
}

/// Before bytes go to the log's file.
pub const LOG_WRITE: Site = fails("log.write");
/// Between a write of the log and its flush.
pub const LOG_FLUSH: Site = fails("log.flush");
/// After a flush of the log, before anybody is told.
pub const LOG_FLUSHED: Site = fails("log.flushed");
/// Before a vote is put in the log.
pub const LOG_VOTE: Site = fails("log.vote");
/// After a vote was flushed, before it is written a second time.
pub const LOG_WITNESS: Site = fails("log.witness");
/// Before entries are declared void.
pub const LOG_TRUNCATE: Site = fails("log.truncate");
/// Before a purge is put in the log.
pub const LOG_PURGE: Site = fails("log.purge");
/// Before the commit index is put in the log.
pub const LOG_COMMITTED: Site = fails("log.committed");
/// After the next segment was created, before the full one is sealed.
pub const LOG_CREATED: Site = fails("log.created");
/// After the full segment was sealed, before the next one is written to.
pub const LOG_SEALED: Site = fails("log.sealed");
/// Before a segment that was purged is removed.
pub const LOG_REMOVE: Site = fails("log.remove");
/// Before a committed entry is applied.
pub const APPLY: Site = fails("apply");
/// After applying, before the rows are handed to the state's writer.
pub const APPLY_STORE: Site = fails("apply.store");
/// After that, before the projection is published and proposers are answered.
pub const APPLY_PUBLISH: Site = fails("apply.publish");
/// Before rows are written to the state.
pub const STATE_WRITE: Site = fails("state.write");
/// After rows were written to the state, perhaps before they are flushed.
pub const STATE_WRITTEN: Site = fails("state.written");
/// Before a snapshot is written.
pub const SNAPSHOT_BUILD: Site = fails("snapshot.build");
/// After a snapshot was written under its temporary name.
pub const SNAPSHOT_BUILT: Site = fails("snapshot.built");
/// After a snapshot got its name, before its directory is flushed.
pub const SNAPSHOT_NAMED: Site = fails("snapshot.named");
/// Before the state is brought up to a snapshot that was made.
pub const SNAPSHOT_SYNC: Site = fails("snapshot.sync");
/// At each piece of a snapshot from a peer.
pub const SNAPSHOT_RECEIVE: Site = fails("snapshot.receive");
/// Before a snapshot of a peer is made to count.
pub const SNAPSHOT_INSTALL: Site = fails("snapshot.install");
/// After that, before it replaces the state.
pub const SNAPSHOT_INSTALLED: Site = fails("snapshot.installed");
/// Before the leader decides a command.
pub const LEADER_DECIDE: Site = only_stops("leader.decide");
/// Before the leader hands an entry to Raft; with an import also between its parts.
pub const LEADER_PROPOSE: Site = only_stops("leader.propose");
/// After a change was applied, before its caller is told.
pub const LEADER_ANSWER: Site = only_stops("leader.answer");
/// Before a follower hands a command to the leader.
pub const FORWARD: Site = only_stops("forward");
/// After the leader has answered a follower, before the caller is told.
pub const FORWARDED: Site = only_stops("forward.answered");
/// Before a read index is asked for.
pub const READ_INDEX: Site = only_stops("read.index");
/// Before the hosts file is rendered.
pub const PUBLISH: Site = only_stops("publish");
/// After the new hosts file was flushed under its temporary name.
pub const PUBLISH_RENAME: Site = fails("publish.rename");
/// After the hosts file got its name, before its directory is flushed.
pub const PUBLISH_RENAMED: Site = fails("publish.renamed");
/// Before hooks are run.
pub const HOOKS: Site = only_stops("hooks");
/// After hooks were run, before it is noted what they were told.
pub const HOOKS_NOTE: Site = fails("hooks.note");

/// All of them.
pub const SITES: [Site; 34] = [
    LOG_WRITE,
    LOG_FLUSH,
    LOG_FLUSHED,
    LOG_VOTE,
    LOG_WITNESS,
    LOG_TRUNCATE,
    LOG_PURGE,
    LOG_COMMITTED,
    LOG_CREATED,
    LOG_SEALED,
    LOG_REMOVE,
    APPLY,
    APPLY_STORE,
    APPLY_PUBLISH,
    STATE_WRITE,
    STATE_WRITTEN,
    SNAPSHOT_BUILD,
    SNAPSHOT_BUILT,
    SNAPSHOT_NAMED,
    SNAPSHOT_SYNC,
    SNAPSHOT_RECEIVE,
    SNAPSHOT_INSTALL,
    SNAPSHOT_INSTALLED,
    LEADER_DECIDE,
    LEADER_PROPOSE,
    LEADER_ANSWER,
    FORWARD,
    FORWARDED,
    READ_INDEX,
    PUBLISH,
    PUBLISH_RENAME,
    PUBLISH_RENAMED,
    HOOKS,
    HOOKS_NOTE,
];

impl Site {
    /// Goes on, unless this site was told to do something else.
    ///
    /// # Errors
    /// What the site was told to fail with; only in a build with `failpoints`.
    #[inline]
    pub fn pass(self) -> io::Result<()> {
        #[cfg(feature = "failpoints")]
        armed::pass(self)?;
        Ok(())
    }

    /// The same where an error has nowhere to go: it is told to nobody.
    #[inline]
    pub fn reach(self) {
        #[cfg(feature = "failpoints")]
        armed::reach(self);
    }
}
