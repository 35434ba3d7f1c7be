//! One attempt to bring an output to a projection: the work that blocks.
//!
//! The bytes live only as long as the call. Nothing is rendered for a file
//! that must not be written.

use std::{io, path::PathBuf, sync::Arc};

use hosts::{
    Projection, View,
    format::{
        block::{self, InvalidMarkers, Shadows},
        render,
    },
};
use raft_store::failpoint;
use sha2::{Digest as _, Sha256};

use super::{
    FileMark, Files, Mode, Over, ReplaceError, Replaced,
    present::{self, PresentError, must_be_first, read},
};
use crate::identity::ClusterId;

/// What is to be made true, and what is known of the file.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) files: Arc<dyn Files>,
    pub(super) path: PathBuf,
    pub(super) mode: Mode,
    pub(super) cluster: ClusterId,
    pub(super) view: View,
    pub(super) projection: Arc<Projection>,
    /// Of the rendering that the file had when it was last looked at.
    pub(super) sha256: Option<[u8; 32]>,
    /// As it looked then.
    pub(super) mark: Option<FileMark>,
    /// This process has seen a block in it.
    pub(super) had_block: bool,
}

/// How often a block is put into a file that somebody else writes at the same
/// moment, before that is told.
const ATTEMPTS_MAX: u32 = 5;

/// What an attempt led to.
pub(super) struct Made {
    /// Of the rendering, which is in the file now.
    pub(super) sha256: [u8; 32],
    pub(super) mark: Option<FileMark>,
    /// `None`: it was there already.
    pub(super) written: Option<Written>,
    /// Names that also stand outside the block.
    pub(super) shadows: Shadows,
}

/// A file that was written.
pub(super) struct Written {
    /// Why it was overwritten in place, if it was.
    pub(super) in_place: Option<io::Error>,
    /// Why its directory could not be flushed, if it could not.
    pub(super) not_flushed: Option<io::Error>,
    /// The length of the whole file.
    pub(super) bytes: usize,
    /// The block was not what this process had put there.
    pub(super) repaired: bool,
    /// A block came into a file of others, which was kept here as it was.
    pub(super) copy: Option<PathBuf>,
}

/// Why the file is not at the projection.
#[derive(Debug)]
pub(super) enum Refused {
    /// What is there must not be written, or cannot be read.
    Present(PresentError),
    /// It cannot be written.
    Replace(ReplaceError),
    /// The copy from before the first block cannot be kept.
    Copy(ReplaceError),
    /// A block has come that this process has not looked at: its revision may
    /// be above the projection's.
    LookAgain,
}

impl Refused {
    /// Whether another attempt wears the disk, and is not likely to succeed.
    pub(super) fn is_costly(&self) -> bool {
        matches!(self, Self::Replace(cause) | Self::Copy(cause) if cause.is_costly())
    }

    /// What is wrong, why, and what the operator can do: one line.
    pub(super) fn report(&self) -> String {
        match self {
            Self::Present(cause) => cause.report(),
            Self::Replace(cause) => cause.report(),
            Self::Copy(cause) => format!(
                "the file cannot be kept as it is before its first block: {}; or put `{}` and, \
                 below it, `{}` where the block shall be: then no copy is made",
                cause.report(),
                block::BEGIN,
                block::END
            ),
            Self::LookAgain => "the file has got a block just now".to_owned(),
        }
    }
}

impl From<PresentError> for Refused {
    fn from(cause: PresentError) -> Self {
        Self::Present(cause)
    }
}

impl From<ReplaceError> for Refused {
    fn from(cause: ReplaceError) -> Self {
        Self::Replace(cause)
    }
}

impl Attempt {
    /// How many hosts a rendering has.
    pub(super) fn entries(&self) -> usize {
        let hosts = self.projection.hosts();
        hosts.filter(|host| host.enabled).count()
    }

    /// Renders, and brings the file there unless it is the same.
    pub(super) fn run(self) -> Result<Made, Refused> {
        failpoint::PUBLISH.reach();
        match self.mode {
            Mode::Whole => self.whole(),
            Mode::Block => {
                for _ in 1..ATTEMPTS_MAX {
                    match self.block() {
                        Err(Refused::Replace(ReplaceError::Changed { .. })) => {}
                        done => return done,
                    }
                }
                self.block()
            }
        }
    }

    fn whole(&self) -> Result<Made, Refused> {
        let (rendering, sha256) = self.render();
        let untouched = || matches!(self.files.mark(&self.path), Ok(mark) if mark == self.mark);
        if self.sha256 == Some(sha256) && untouched() {
            return Ok(Made {
                sha256,
                mark: self.mark,
                written: None,
                shadows: Shadows::default(),
            });
        }
        let replaced = self.files.replace(&self.path, &rendering, Over::Anything)?;
        Ok(written(sha256, replaced, rendering.len()))
    }

    fn block(&self) -> Result<Made, Refused> {
        let (mark, file) = read(&*self.files, &self.path)?.unzip();
        let file = file.unwrap_or_default();
        let markers = |cause: InvalidMarkers| PresentError::Markers {
            path: self.path.clone(),
            cause,
        };
        let Some(found) = block::find(&file).map_err(markers)? else {
            return self.first_block(mark, &file);
        };
        if !self.had_block {
            return Err(Refused::LookAgain);
        }
        let (rendering, sha256) = self.render();
        let shadows = block::shadows(&file, Some(found), &self.projection);
        if found.inside == rendering {
            return Ok(Made {
                sha256,
                mark,
                written: None,
                shadows,
            });
        }
        let repaired = self
            .sha256
            .is_some_and(|known| known[..] != Sha256::digest(found.inside)[..]);
        let bytes = found.with(&rendering);
        let replaced = self.files.replace(&self.path, &bytes, Over::Only(mark))?;
        let mut made = written(sha256, replaced, bytes.len());
        made.shadows = shadows;
        made.written = made.written.map(|written| Written {
            repaired,
            ..written
        });
        Ok(made)
    }

    /// Brings a block into a file without one, or makes the file. Lines of
    /// others stay before it; a file that was a whole rendering has none.
    fn first_block(&self, mark: Option<FileMark>, file: &[u8]) -> Result<Made, Refused> {
        let was_whole = !self.had_block && present::rendering(file, self.cluster).is_some();
        let others = if was_whole || mark.is_none() {
            b""
        } else {
            must_be_first(&*self.files, &self.path, file, self.had_block)?;
            file
        };
        let (rendering, sha256) = self.render();
        let bytes = block::append(others, &rendering);
        let copy = if others.is_empty() {
            None
        } else {
            let kept = self.files.keep_copy(&self.path, others);
            Some(kept.map_err(Refused::Copy)?)
        };
        let replaced = self.files.replace(&self.path, &bytes, Over::Only(mark));
        if let Err(refused) = &replaced
            && copy.is_some()
            && refused.left_the_old()
        {
            // Without a block to go with it, the copy would say that one was taken away.
            let removed = self.files.remove_copy(&self.path);
            removed.map_err(|cause| PresentError::Read {
                path: self.path.clone(),
                cause,
            })?;
        }
        let mut made = written(sha256, replaced?, bytes.len());
        made.shadows = block::shadows(others, None, &self.projection);
        made.written = made.written.map(|written| Written {
            repaired: mark.is_none() && self.had_block,
            copy,
            ..written
        });
        Ok(made)
    }

    fn render(&self) -> (Vec<u8>, [u8; 32]) {
        let bytes = render::render(&self.projection, &self.view);
        let sha256 = Sha256::digest(&bytes).into();
        (bytes, sha256)
    }
}

fn written(sha256: [u8; 32], replaced: Replaced, bytes: usize) -> Made {
    let Replaced {
        mark,
        in_place,
        not_flushed,
    } = replaced;
    Made {
        sha256,
        mark: Some(mark),
        written: Some(Written {
            in_place,
            not_flushed,
            bytes,
            repaired: false,
            copy: None,
        }),
        shadows: Shadows::default(),
    }
}
