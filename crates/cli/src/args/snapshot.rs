//! The words of `router-hosts snapshot …`.

use super::host::{Change, Read};
use clap::{Args, Subcommand};
use hosts::{InvalidText, Label, SnapshotId};

#[derive(Subcommand, Debug)]
pub(crate) enum Snapshot {
    /// Keep the hosts as they are, to see and restore them later
    #[command(after_help = CREATE_HELP)]
    Create(Create),
    /// List snapshots, the newest first
    #[command(after_help = "Example:\n  router-hosts snapshot list --limit 5")]
    List {
        /// At most so many
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        limit: Option<u32>,
        /// Pass over so many first
        #[arg(long, value_name = "N")]
        offset: Option<u32>,
        #[command(flatten)]
        read: Read,
    },
    /// Show a snapshot and the hosts in it
    #[command(after_help = "Example:\n  router-hosts snapshot show 01JD8Q3Z5V7N0W6T4R2M9K1XAE")]
    Show {
        /// The snapshot
        #[arg(value_name = "ID")]
        id: SnapshotId,
        #[command(flatten)]
        read: Read,
    },
    /// What has changed since a snapshot, or between two
    #[command(after_help = DIFF_HELP)]
    Diff {
        /// The snapshot to compare from
        #[arg(value_name = "ID")]
        from: SnapshotId,
        /// The snapshot to compare with [default: the hosts as they are now]
        #[arg(value_name = "ID")]
        to: Option<SnapshotId>,
        #[command(flatten)]
        read: Read,
    },
    /// Make the hosts what a snapshot shows, as one change
    #[command(after_help = ROLLBACK_HELP)]
    Rollback {
        /// The snapshot
        #[arg(value_name = "ID")]
        id: SnapshotId,
        /// Show what would become of the hosts, and change nothing
        #[arg(long, conflicts_with_all = ["wait", "request_id"])]
        dry_run: bool,
        #[command(flatten)]
        change: Change,
    },
    /// Delete a snapshot; the others stay what they are
    #[command(after_help = "Example:\n  router-hosts snapshot delete 01JD8Q3Z5V7N0W6T4R2M9K1XAE")]
    Delete {
        /// The snapshot
        #[arg(value_name = "ID")]
        id: SnapshotId,
        #[command(flatten)]
        change: Change,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Create {
    /// What to call it, at most 64 characters; others may be called the same
    #[arg(long, value_parser = name)]
    pub(crate) name: Option<Label>,
    /// Why it is made, at most 64 characters [default: manual]
    #[arg(long, value_name = "TEXT", value_parser = trigger)]
    pub(crate) trigger: Option<Label>,
    #[command(flatten)]
    pub(crate) change: Change,
}

fn name(text: &str) -> Result<Label, InvalidText> {
    Label::parse("name", text)
}

fn trigger(text: &str) -> Result<Label, InvalidText> {
    Label::parse("trigger", text)
}

const CREATE_HELP: &str = "\
A snapshot takes up what has changed since, and no more. The leading node lets
the oldest go beyond its [snapshots] max_count (50) and max_age (30 days).

Example:
  router-hosts snapshot create --name 'before the move'";

const DIFF_HELP: &str = "\
`-` is how a host was, `+` how it is; hosts that only have another version are
not listed.

Examples:
  router-hosts snapshot diff 01JD8Q3Z5V7N0W6T4R2M9K1XAE
  router-hosts snapshot diff 01JD8Q3Z5V7N0W6T4R2M9K1XAE 01JD8R00000000000000000000";

const ROLLBACK_HELP: &str = "\
Hosts keep their ids and the times they were created. What is there before is
kept in another snapshot, which is named in the answer: roll back to that one
to undo it.

Examples:
  router-hosts snapshot rollback 01JD8Q3Z5V7N0W6T4R2M9K1XAE --dry-run
  router-hosts snapshot rollback 01JD8Q3Z5V7N0W6T4R2M9K1XAE --wait";
