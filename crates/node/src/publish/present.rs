//! What is in an output's place now: nothing, a file of somebody else, or a
//! rendering of this cluster with its revision.

use std::{
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use hosts::{Revision, format::render};
use sha2::{Digest as _, Sha256};

use super::{FileMark, Files};
use crate::identity::ClusterId;

/// A file that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Present {
    /// As it was before it was read: whoever changes it later is noticed.
    pub(super) mark: FileMark,
    /// Of the whole file.
    pub(super) sha256: [u8; 32],
    /// The revision in its header, if it is a whole and intact rendering of
    /// this cluster.
    pub(super) ours: Option<Revision>,
}

/// Reads the file at `path`, or says that there is none. It is not kept: a
/// file of any size takes the memory of one buffer.
pub(super) fn look(
    files: &dyn Files,
    path: &Path,
    cluster: ClusterId,
) -> io::Result<Option<Present>> {
    let Some(mark) = files.mark(path)? else {
        return Ok(None);
    };
    let Some(file) = files.open(path)? else {
        return Ok(None);
    };
    let mut file = BufReader::with_capacity(BUFFER_BYTES, file.take(FILE_BYTES_MAX));

    let mut first = Vec::new();
    file.by_ref()
        .take(HEADER_BYTES_MAX)
        .read_until(b'\n', &mut first)?;
    let mut whole = Sha256::new_with_prefix(&first);
    let mut body = Sha256::new();
    loop {
        let bytes = file.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        whole.update(bytes);
        body.update(bytes);
        let length = bytes.len();
        file.consume(length);
    }

    let body: [u8; 32] = body.finalize().into();
    let ours = render::header(&first)
        .filter(|header| header.sha256 == body && header.cluster == Some(cluster.as_u128()))
        .map(|header| header.revision);
    Ok(Some(Present {
        mark,
        sha256: whole.finalize().into(),
        ours,
    }))
}

/// Large enough that the calls cost nothing, small beside the node itself.
const BUFFER_BYTES: usize = 64 * 1024;
/// A first line of ours is shorter.
const HEADER_BYTES_MAX: u64 = 512;
/// Where reading a file that is none of ours ends: 64 times what 1,000,000
/// hosts with three names take.
const FILE_BYTES_MAX: u64 = 4 << 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::memory::MemoryFiles;
    use hosts::{Projection, View};

    const CLUSTER: ClusterId = ClusterId::from_u128(7);

    fn look_at(bytes: &[u8]) -> Option<Revision> {
        let files = MemoryFiles::new();
        let path = Path::new("/hosts");
        files.put(path, bytes);
        let present = look(&files, path, CLUSTER).unwrap().unwrap();
        let whole: [u8; 32] = Sha256::digest(bytes).into();
        assert_eq!(present.sha256, whole);
        present.ours
    }

    fn rendering(cluster: Option<u128>) -> Vec<u8> {
        render::render(
            &Projection::new(),
            &View {
                comments: false,
                cluster,
            },
        )
    }

    #[test]
    fn a_rendering_of_this_cluster_is_ours() {
        assert_eq!(look_at(&rendering(Some(7))), Some(Revision::new(0)));
    }

    #[test]
    fn another_cluster_a_damaged_body_or_foreign_text_is_not_ours() {
        let mut longer = rendering(Some(7));
        longer.extend_from_slice(b"192.0.2.1 added.by.hand\n");
        for bytes in [
            rendering(Some(8)),
            rendering(None),
            longer,
            b"127.0.0.1 localhost".to_vec(),
        ] {
            assert_eq!(look_at(&bytes), None, "{}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn no_file_is_no_error() {
        let files = MemoryFiles::new();
        assert_eq!(look(&files, Path::new("/hosts"), CLUSTER).unwrap(), None);
    }
}
