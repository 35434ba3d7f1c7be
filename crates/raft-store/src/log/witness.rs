//! The newest vote once more, in a file of its own.
//!
//! The end of a log can be lost with nothing in it to tell: a file that ends
//! at a vote looks like one that was never given. A node that has forgotten a
//! vote can give it twice. So whoever is told that a vote is durable has it in
//! two files, and a log that ends before the witness's vote is refused.
//!
//! The file is the header of a segment with the number 0, replaced as a whole.

use std::io;
use std::path::{Path, PathBuf};

use super::Identity;
use super::format::{HEADER_BYTES, Header, Standing};
use crate::disk::Disk;
use crate::position::Vote;

const NAME: &str = "VOTE";
const NEW_NAME: &str = "VOTE.new";

/// Where it is: beside the log's directory `dir`, so that an older copy of the
/// log does not bring its own witness.
pub(super) fn path(dir: &Path) -> PathBuf {
    room(dir).join(NAME)
}

fn room(dir: &Path) -> &Path {
    dir.parent().unwrap_or(dir)
}

/// What a witness says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Testimony {
    /// Nothing: there is none, or it cannot be understood.
    None,
    /// This vote was durable.
    Vote(Vote),
    /// It is that of another node.
    Foreign(Identity),
}

impl Testimony {
    pub(super) const fn vote(&self) -> Option<Vote> {
        match self {
            Self::Vote(vote) => Some(*vote),
            Self::None | Self::Foreign(_) => None,
        }
    }
}

/// Whether a log that knows this vote has forgotten the witnessed one.
pub(super) fn forgets(known: Option<Vote>, witnessed: Vote) -> bool {
    known.is_none_or(|known| known != witnessed && !known.may_follow(&witnessed))
}

/// Makes `vote` durable here, too.
pub(super) fn write(disk: &dyn Disk, dir: &Path, identity: Identity, vote: Vote) -> io::Result<()> {
    let standing = Standing {
        vote: Some(vote),
        ..Standing::default()
    };
    let (bytes, _) = Header {
        identity,
        sequence: 0,
        standing,
    }
    .encode();
    let new = room(dir).join(NEW_NAME);
    if disk.len(&new)?.is_some() {
        disk.remove(&new)?; // left by a crash
    }
    let mut file = disk.create(&new)?;
    file.append(&bytes)?;
    file.sync()?;
    disk.rename(&new, &path(dir))?;
    disk.sync_dir(room(dir))
}

/// Reads the witness. One that is damaged, or cannot be read, is as good as
/// none: what it knew is in the log, unless both were lost.
pub(super) fn read(disk: &dyn Disk, dir: &Path, identity: Identity) -> Testimony {
    let path = path(dir);
    let header = || {
        if disk.len(&path)?.is_none() {
            return Ok(None);
        }
        let mut bytes = [0; HEADER_BYTES];
        disk.open(&path)?.read_at(&mut bytes, 0)?;
        let (header, _) = Header::decode(&bytes).map_err(|bad| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it is damaged ({bad:?})"),
            )
        })?;
        Ok::<_, io::Error>(Some(header))
    };
    match header() {
        Ok(None) => Testimony::None,
        Ok(Some(header)) if header.identity != identity => Testimony::Foreign(header.identity),
        Ok(Some(header)) => header
            .standing
            .vote
            .map_or(Testimony::None, Testimony::Vote),
        Err(error) => {
            let path = path.display();
            tracing::warn!(%path, %error, "the second copy of the vote is made anew from the log");
            Testimony::None
        }
    }
}
