//! What is in an output's place now: nothing, lines of somebody else, a
//! rendering of this cluster with its revision, or several of them.

use std::{
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

use hosts::{
    Revision,
    format::{
        block::{self, InvalidMarkers},
        render,
    },
};
use sha2::{Digest as _, Sha256};

use super::{FileMark, Files, Mode, files::advice};
use crate::{identity::ClusterId, limits::OUTPUT_BYTES_MAX};

/// A file that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Present {
    /// As it was before it was read: whoever changes it later is noticed.
    pub(super) mark: FileMark,
    /// Of what stands where a rendering belongs: the whole file, or the inside
    /// of its block. `None` if nothing stands there.
    pub(super) sha256: Option<[u8; 32]>,
    /// The revision of the whole and intact rendering of this cluster in it.
    /// Both modes know both shapes: the other one may have been in use before.
    pub(super) ours: Option<Revision>,
    /// There is no rendering of this cluster where one belongs: what is there
    /// stays until there is a change to write.
    pub(super) foreign: bool,
    /// It has a block.
    pub(super) block: bool,
}

/// Why nobody can say, or may change, what is there.
#[derive(Debug, thiserror::Error)]
pub(super) enum PresentError {
    /// It cannot be read.
    #[error("cannot read {path}")]
    Read {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// Its markers make no block.
    #[error("{path} has no block that can be written")]
    Markers {
        path: PathBuf,
        #[source]
        cause: InvalidMarkers,
    },
    /// It had a block, and has none.
    #[error("{path} has lost the two marker lines of its block")]
    Vanished {
        path: PathBuf,
        /// How the file was before the block came, if it was kept.
        copy: Option<PathBuf>,
    },
    /// To write it whole would take the machine its own name.
    #[error(
        "{path} has lines of its own, `localhost` among them, and mode \"whole\" would remove them"
    )]
    Localhost { path: PathBuf },
}

impl PresentError {
    /// What is wrong, why, and what the operator can do: one line.
    pub(super) fn report(&self) -> String {
        let (begin, end) = (block::BEGIN, block::END);
        match self {
            Self::Read { cause, .. } => format!("{self}: {cause}; {}", advice(cause)),
            Self::Markers { cause, .. } => {
                format!("{self}: {cause}; leave one line `{begin}` and, below it, one line `{end}`")
            }
            Self::Vanished { copy: None, .. } => {
                format!("{self}; put back `{begin}` and, below it, `{end}`")
            }
            Self::Vanished {
                copy: Some(copy), ..
            } => format!(
                "{self}; put back `{begin}` and, below it, `{end}`, or, to have a block appended \
                 again, remove {} and restart the node",
                copy.display()
            ),
            Self::Localhost { .. } => {
                format!("{self}; set [hosts] mode = \"block\", or move the file away")
            }
        }
    }
}

/// Looks at the file at `path`, or says that there is none. `had_block`: this
/// process has seen a block in it.
pub(super) fn look(
    files: &dyn Files,
    path: &Path,
    cluster: ClusterId,
    mode: Mode,
    had_block: bool,
) -> Result<Option<Present>, PresentError> {
    let Some((mark, bytes)) = read(files, path)? else {
        return Ok(None);
    };
    let whole = rendering(&bytes, cluster);
    let found = match (block::find(&bytes), mode) {
        (Ok(found), _) => found,
        (Err(cause), Mode::Block) => {
            let path = path.to_owned();
            return Err(PresentError::Markers { path, cause });
        }
        (Err(_), Mode::Whole) => None,
    };
    let inside = found.and_then(|block| rendering(block.inside, cluster));
    let part = match mode {
        Mode::Whole => Some(&bytes[..]),
        Mode::Block => found.map(|block| block.inside),
    };
    match mode {
        Mode::Whole if names_localhost(&bytes) && render::header(&bytes).is_none() => {
            let path = path.to_owned();
            return Err(PresentError::Localhost { path });
        }
        Mode::Block if found.is_none() && whole.is_none() => {
            must_be_first(files, path, &bytes, had_block)?;
        }
        _ => {}
    }
    Ok(Some(Present {
        mark,
        sha256: part
            .filter(|part| !part.is_empty())
            .map(|part| Sha256::digest(part).into()),
        ours: whole.or(inside),
        foreign: match mode {
            Mode::Whole => whole.is_none(),
            Mode::Block => whole.or(inside).is_none(),
        },
        block: found.is_some(),
    }))
}

/// The file's mark and bytes, or `None` if there is none.
pub(super) fn read(
    files: &dyn Files,
    path: &Path,
) -> Result<Option<(FileMark, Vec<u8>)>, PresentError> {
    let bytes = || -> io::Result<_> {
        let (Some(mark), Some(file)) = (files.mark(path)?, files.open(path)?) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(OUTPUT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > OUTPUT_BYTES_MAX {
            let text = format!("it is larger than {OUTPUT_BYTES_MAX} bytes");
            return Err(io::Error::new(ErrorKind::FileTooLarge, text));
        }
        Ok(Some((mark, bytes)))
    };
    bytes().map_err(|cause| PresentError::Read {
        path: path.to_owned(),
        cause,
    })
}

/// A file without a block gets one once; then somebody has taken it away. The
/// copy from before is what tells a later process, unless the file is still as
/// it was then: a process may end between the copy and the block.
pub(super) fn must_be_first(
    files: &dyn Files,
    path: &Path,
    file: &[u8],
    had_block: bool,
) -> Result<(), PresentError> {
    let copy = files.copy_of(path).map_err(|cause| PresentError::Read {
        path: path.to_owned(),
        cause,
    })?;
    let first = match &copy {
        _ if had_block => false,
        None => true,
        Some(copy) => read(files, copy)?.is_none_or(|(_, kept)| kept == file),
    };
    if first {
        return Ok(());
    }
    Err(PresentError::Vanished {
        path: path.to_owned(),
        copy,
    })
}

/// The revision of these bytes, if they are a whole rendering of `cluster`.
pub(super) fn rendering(bytes: &[u8], cluster: ClusterId) -> Option<Revision> {
    render::header(bytes)
        .filter(|header| header.cluster == Some(cluster.as_u128()) && render::verify(bytes))
        .map(|header| header.revision)
}

fn names_localhost(bytes: &[u8]) -> bool {
    bytes.split(|&b| b == b'\n').any(|line| {
        let line = line.split(|&b| b == b'#').next().unwrap_or_default();
        let mut words = line.split(u8::is_ascii_whitespace);
        words.any(|word| word.eq_ignore_ascii_case(b"localhost"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::memory::MemoryFiles;
    use hosts::{Projection, View};

    const CLUSTER: ClusterId = ClusterId::from_u128(7);
    const PATH: &str = "/hosts";

    fn look_at(bytes: &[u8], mode: Mode) -> Result<Present, PresentError> {
        let files = MemoryFiles::new();
        files.put(Path::new(PATH), bytes);
        look(&files, Path::new(PATH), CLUSTER, mode, false).map(Option::unwrap)
    }

    fn empty(cluster: Option<u128>) -> Vec<u8> {
        let view = View {
            comments: false,
            cluster,
        };
        render::render(&Projection::new(), &view)
    }

    #[test]
    fn a_rendering_of_this_cluster_is_ours_in_either_shape() {
        let rendering = empty(Some(7));
        let sha256: [u8; 32] = Sha256::digest(&rendering).into();
        let block = block::append(b"127.0.0.1 router\r\n", &rendering);
        for (bytes, mode, expected, foreign) in [
            (&rendering, Mode::Whole, Some(sha256), false),
            (&rendering, Mode::Block, None, false),
            (&block, Mode::Block, Some(sha256), false),
        ] {
            let present = look_at(bytes, mode).unwrap();
            assert_eq!(present.ours, Some(Revision::new(0)));
            assert_eq!((present.sha256, present.foreign), (expected, foreign));
        }
        let present = look_at(&block, Mode::Whole).unwrap();
        assert_eq!(present.ours, Some(Revision::new(0)), "a floor all the same");
        assert!(present.foreign, "the first line is somebody else's");
    }

    #[test]
    fn another_cluster_a_damaged_body_or_foreign_text_is_not_ours() {
        let mut longer = empty(Some(7));
        longer.extend_from_slice(b"192.0.2.1 added.by.hand\n");
        for bytes in [
            empty(Some(8)),
            empty(None),
            longer,
            b"127.0.0.1 router\n".to_vec(),
        ] {
            for (mode, bytes) in [
                (Mode::Whole, bytes.clone()),
                (Mode::Block, block::append(b"", &bytes)),
            ] {
                let present = look_at(&bytes, mode).unwrap();
                assert_eq!(present.ours, None, "{}", String::from_utf8_lossy(&bytes));
                assert!(present.foreign);
            }
        }
    }

    #[test]
    fn no_file_is_no_error() {
        let files = MemoryFiles::new();
        for mode in [Mode::Whole, Mode::Block] {
            let found = look(&files, Path::new(PATH), CLUSTER, mode, true).unwrap();
            assert_eq!(found, None);
        }
    }

    #[test]
    fn a_file_that_must_not_be_written_says_why_and_what_to_do() {
        let nobody = look_at(b"::1 ip6 LocalHost # x\n", Mode::Whole).unwrap_err();
        assert!(nobody.report().contains("mode = \"block\""), "{nobody}");
        assert!(look_at(b"127.0.0.1 a # localhost\n", Mode::Whole).is_ok());
        let markers = look_at(b"# END router-hosts\n", Mode::Block).unwrap_err();
        assert!(markers.report().contains("line 1"), "{}", markers.report());
    }
}
