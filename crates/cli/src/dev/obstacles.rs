//! What `dev --chaos` puts in the way of a node beside its links: files in a directory of the node.
//!
//! ```text
//! DIR/n1/chaos/detours     where the node connects to, instead of to the others' own ports (node::chaos)
//! DIR/n1/chaos/disk-full   while it is there, the node finds its disk full
//! DIR/n1/chaos/hook-fail   while it is there, the hook `chaos` of the node fails
//! ```
//!
//! The last two grow by a byte whenever they had an effect. None of them survives a start of `dev`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::layout::make_directory;

/// The directory of one node.
#[derive(Clone, Debug)]
pub(crate) struct Obstacles {
    dir: PathBuf,
}

/// One of the files that are faults.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Flag {
    DiskFull,
    HookFail,
}

impl Flag {
    pub(crate) const ALL: [Self; 2] = [Self::DiskFull, Self::HookFail];

    fn file(self) -> &'static str {
        match self {
            Self::DiskFull => "disk-full",
            Self::HookFail => "hook-fail",
        }
    }
}

impl Obstacles {
    /// Makes the directory of the node that is kept in `node`: the detours, pairs of addresses, and nothing else.
    pub(crate) fn make(node: &Path, detours: &[(String, String)]) -> io::Result<Self> {
        let dir = node.join("chaos");
        make_directory(&dir)?;
        let made = Self { dir };
        for flag in Flag::ALL {
            made.lower(flag)?;
        }
        let lines = detours.iter().map(|(to, way)| format!("{to} {way}\n"));
        fs::write(made.dir.join("detours"), lines.collect::<String>())?;
        Ok(made)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Puts the file there; it counts anew.
    pub(crate) fn raise(&self, flag: Flag) -> io::Result<()> {
        File::create(self.path(flag)).map(drop)
    }

    /// Takes the file away, if it is there.
    pub(crate) fn lower(&self, flag: Flag) -> io::Result<()> {
        match fs::remove_file(self.path(flag)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
            _ => Ok(()),
        }
    }

    /// How often the file had an effect; none, if it is not there.
    pub(crate) fn met(&self, flag: Flag) -> Option<u64> {
        fs::metadata(self.path(flag)).ok().map(|file| file.len())
    }

    fn path(&self, flag: Flag) -> PathBuf {
        self.dir.join(flag.file())
    }
}

/// The hook that fails while the file is there: the end of a node's configuration. It counts in bytes, too.
pub(crate) const HOOK: &str = r#"
# Put here by `dev --chaos`, for `chaos hook-fail`; taken away by a `dev` without it.
[[hooks.on_success]]
name = "chaos"
command = 'F="${ROUTER_HOSTS_FILE%/*}/chaos/hook-fail"; [ ! -e "$F" ] || { printf . >> "$F"; echo "chaos: told to fail" >&2; exit 1; }'
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_up_or_down_and_counts_from_when_it_is_raised() {
        let dir = tempfile::tempdir().unwrap();
        let detours = [("127.0.0.1:1".to_owned(), "127.0.0.1:2".to_owned())];
        let obstacles = Obstacles::make(dir.path(), &detours).unwrap();
        let list = fs::read_to_string(obstacles.dir().join("detours")).unwrap();
        assert_eq!(list, "127.0.0.1:1 127.0.0.1:2\n");
        assert_eq!(obstacles.met(Flag::DiskFull), None);
        obstacles.raise(Flag::DiskFull).unwrap();
        fs::write(obstacles.path(Flag::DiskFull), "...").unwrap();
        assert_eq!(obstacles.met(Flag::DiskFull), Some(3));
        obstacles.raise(Flag::DiskFull).unwrap();
        assert_eq!(obstacles.met(Flag::DiskFull), Some(0));
        obstacles.raise(Flag::HookFail).unwrap();
        let again = Obstacles::make(dir.path(), &detours).unwrap();
        for flag in Flag::ALL {
            assert_eq!(again.met(flag), None, "a new `dev` begins without faults");
        }
    }
}
