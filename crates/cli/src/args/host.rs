//! The words of `router-hosts host …`.

use super::Consistency;
use crate::exit::shown;
use clap::{Args, Subcommand, ValueEnum};
use hosts::format::FileFormat;
use hosts::{
    Address, Comment, ConflictMode, HostId, Hostname, InvalidHostname, InvalidText, RequestId,
    Revision, Tag,
};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use thiserror::Error;

#[derive(Subcommand, Debug)]
pub(crate) enum Host {
    /// Add a host
    #[command(after_help = "Example:
  router-hosts host add --ip 10.0.0.7 --hostname nas.lan --alias files.lan --tag home --wait")]
    Add(Add),
    /// Show one host
    #[command(after_help = "Example:\n  router-hosts host get nas.lan")]
    Get {
        /// The host; a name that several hosts have is refused
        #[arg(value_name = "ID|NAME")]
        host: HostRef,
        #[command(flatten)]
        read: Read,
    },
    /// Change parts of a host; what is not named stays
    #[command(after_help = "Examples:
  router-hosts host update nas.lan --ip 10.0.0.8
  router-hosts host update nas.lan --comment '' --clear-tags --if-version 41")]
    Update(Update),
    /// Delete a host
    #[command(after_help = "Example:\n  router-hosts host delete nas.lan --missing-ok")]
    Delete {
        /// The host; a name that several hosts have is refused
        #[arg(value_name = "ID|NAME")]
        host: HostRef,
        /// Only if it still is at this version, as `host get` shows it
        #[arg(long, value_name = "VERSION")]
        if_version: Option<Revision>,
        /// Exit with 0 when there is no such host
        #[arg(long)]
        missing_ok: bool,
        #[command(flatten)]
        change: Change,
    },
    /// List hosts, by address and then by name
    #[command(
        after_help = "Example:\n  router-hosts host list --filter 'tag:lab 10.0.0.0/8' --limit 50"
    )]
    List(List),
    /// Search for hosts
    #[command(after_help = "\
Terms, all of which must match:
  nas            part of a hostname, alias or comment
  10.0.0.7       the address; 10.0.0.0/8 all of a network
  name:nas       part of a hostname or alias
  tag:lab        a tag
  comment:attic  part of a comment
  is:disabled    hosts that no node serves; is:enabled the others

Example:
  router-hosts host search tag:lab is:disabled")]
    Search {
        /// What to look for
        #[arg(required = true)]
        query: Vec<String>,
        #[command(flatten)]
        read: Read,
    },
    /// Add all hosts of a file as one change
    #[command(after_help = IMPORT_HELP)]
    Import(Import),
    /// Write all hosts as a file
    #[command(after_help = EXPORT_HELP)]
    Export {
        /// What to write [default: as the suffix of FILE says; hosts for .hosts, .txt and none]
        #[arg(long, value_enum, value_name = "FORMAT")]
        to: Option<FileKind>,
        /// Replace this file at once, instead of writing to standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        read: Read,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Add {
    /// Its address, IPv4 or IPv6
    #[arg(long)]
    pub(crate) ip: Address,
    /// Its first name
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Hostname,
    /// A further name; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) alias: Vec<Hostname>,
    /// A word to group by; may be repeated
    #[arg(long, value_parser = Tag::parse)]
    pub(crate) tag: Vec<Tag>,
    /// A remark
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) comment: Option<Remark>,
    #[command(flatten)]
    pub(crate) change: Change,
}

#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The file; `-` for standard input
    pub(crate) file: PathBuf,
    /// What it is [default: as its suffix says, else hosts]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) from: Option<FileKind>,
    /// What to do with a line whose address and name are taken
    #[arg(long, value_enum, default_value_t)]
    pub(crate) conflict: Conflict,
    /// Say what would become of the file, and change nothing
    #[arg(long, conflicts_with_all = ["wait", "request_id"])]
    pub(crate) dry_run: bool,
    /// Refuse a file that is a symbolic link
    #[arg(long)]
    pub(crate) no_follow_symlinks: bool,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// A format of files.
#[derive(ValueEnum, Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum FileKind {
    /// Lines of `ADDRESS NAME…`, as in /etc/hosts
    Hosts,
    /// A list of objects, or one object a line
    Json,
    /// A header that names the columns, and records
    Csv,
}

impl FileKind {
    /// As it is named, or else as the suffix of the file says.
    pub(crate) fn of(named: Option<Self>, file: Option<&Path>) -> FileFormat {
        match named {
            Some(Self::Hosts) => FileFormat::Hosts,
            Some(Self::Json) => FileFormat::Json,
            Some(Self::Csv) => FileFormat::Csv,
            None => {
                let suffix = file.and_then(Path::extension);
                FileFormat::of_suffix(suffix.and_then(|suffix| suffix.to_str()))
            }
        }
    }
}

/// A suffix from which nobody can tell what is to be written.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error(
    "cannot tell the format of {file}: .hosts, .txt and no suffix are hosts files, \
     .json (.jsonl, .ndjson) is JSON, .csv is CSV"
)]
pub(crate) struct UnknownSuffix {
    file: String,
}

impl FileKind {
    /// What to write to a file. An unknown suffix is no hosts file by chance:
    /// that would lose what a hosts file cannot hold.
    pub(crate) fn to_write(
        named: Option<Self>,
        file: Option<&Path>,
    ) -> Result<FileFormat, UnknownSuffix> {
        let format = Self::of(named, file);
        let suffix = file.and_then(Path::extension).map(OsStr::to_string_lossy);
        let known = suffix.as_ref().is_none_or(|suffix| {
            let plain = ["hosts", "txt"];
            plain.iter().any(|known| suffix.eq_ignore_ascii_case(known))
        });
        match file {
            Some(file) if named.is_none() && format == FileFormat::Hosts && !known => {
                let file = shown(&file.display().to_string());
                Err(UnknownSuffix { file })
            }
            _ => Ok(format),
        }
    }
}

const IMPORT_HELP: &str = "\
JSON and CSV have the keys ip_address and hostname, and may have aliases, tags,
comment and disabled; lists in CSV are separated by `;`. What else an export
has (id, version, created_at, updated_at) is read over: the cluster gives its
own. Lines that are left out because their name is taken are listed.

Examples:
  router-hosts host import home.hosts
  router-hosts host import hosts.csv --dry-run --conflict strict
  curl -s https://example.com/hosts | router-hosts host import - --conflict replace";

const EXPORT_HELP: &str = "\
A hosts file has the enabled hosts and their comments; it cannot hold disabled
hosts, tags, ids, versions and times; what is left out of these is counted on standard
error. JSON and CSV hold all of it. A FILE of another suffix needs --to.

Examples:
  router-hosts host export -o backup.json
  router-hosts host export --to csv | sort";

#[derive(Args, Debug)]
pub(crate) struct Update {
    /// The host; a name that several hosts have is refused
    #[arg(value_name = "ID|NAME")]
    pub(crate) host: HostRef,
    #[command(flatten)]
    pub(crate) fields: Fields,
    /// Only if it still is at this version, as `host get` shows it
    #[arg(long, value_name = "VERSION")]
    pub(crate) if_version: Option<Revision>,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// What an update changes: at least one of these.
#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
pub(crate) struct Fields {
    /// A new address
    #[arg(long)]
    pub(crate) ip: Option<Address>,
    /// A new first name
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Option<Hostname>,
    /// New further names, in place of all it has; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) alias: Vec<Hostname>,
    /// No further names
    #[arg(long, conflicts_with = "alias")]
    pub(crate) clear_aliases: bool,
    /// New tags, in place of all it has; may be repeated
    #[arg(long, value_parser = Tag::parse)]
    pub(crate) tag: Vec<Tag>,
    /// No tags
    #[arg(long, conflicts_with = "tag")]
    pub(crate) clear_tags: bool,
    /// A new remark; '' clears it
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) comment: Option<Remark>,
    /// Serve it
    #[arg(long, conflicts_with = "disable")]
    pub(crate) enable: bool,
    /// Keep it, and serve it nowhere
    #[arg(long)]
    pub(crate) disable: bool,
}

#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only hosts that match, as in `host search`
    #[arg(long, value_name = "QUERY")]
    pub(crate) filter: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) limit: Option<i32>,
    /// Pass over so many first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) offset: Option<i32>,
    #[command(flatten)]
    pub(crate) read: Read,
}

/// Flags of every read.
#[derive(Args, Clone, Debug)]
pub(crate) struct Read {
    /// How fresh the answer must be
    #[arg(long, value_enum, default_value_t)]
    pub(crate) consistency: Consistency,
}

/// Flags of every change.
#[derive(Args, Clone, Debug)]
pub(crate) struct Change {
    /// Name of this request: sent again under the same name it is done once [default: made up]
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<RequestId>,
    /// It may have been sent before, but not before the log was at INDEX; 0 when nobody knows
    #[arg(long, value_name = "INDEX", requires = "request_id")]
    pub(crate) request_since: Option<Revision>,
    /// Return when it is committed (as without this flag) or when every reachable node has written it
    #[arg(
        long,
        value_enum,
        value_name = "STATE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "published"
    )]
    pub(crate) wait: Option<Wait>,
}

#[derive(ValueEnum, Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    /// A majority has it on disk
    Committed,
    /// Every reachable node has written its hosts file; hooks run after that, see `cluster status`
    Published,
}

#[derive(ValueEnum, Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Conflict {
    /// Leave the line out
    #[default]
    Skip,
    /// Make the host what the line says
    Replace,
    /// Refuse the whole file
    Strict,
}

impl From<Conflict> for ConflictMode {
    fn from(typed: Conflict) -> Self {
        match typed {
            Conflict::Skip => Self::Skip,
            Conflict::Replace => Self::Replace,
            Conflict::Strict => Self::Strict,
        }
    }
}

/// A host as it is named on the command line. A text of 26 letters and digits
/// may be both an id and a name: the id is looked for first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum HostRef {
    Id(HostId),
    Name(Hostname),
    Either(HostId, Hostname),
}

impl FromStr for HostRef {
    type Err = InvalidHostname;

    fn from_str(text: &str) -> Result<Self, InvalidHostname> {
        match (text.parse(), Hostname::parse(text)) {
            (Ok(id), Ok(name)) => Ok(Self::Either(id, name)),
            (Ok(id), Err(_)) => Ok(Self::Id(id)),
            (Err(_), Ok(name)) => Ok(Self::Name(name)),
            (Err(_), Err(fault)) => Err(fault),
        }
    }
}

/// A comment as it is typed; an empty one is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Remark(pub(crate) Option<Comment>);

impl FromStr for Remark {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        Comment::parse_optional(text).map(Self)
    }
}
