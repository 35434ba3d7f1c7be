//! The world as a node of `dev --chaos` has it: the real one, with obstacles.
//!
//! The node itself is the same in every line: only its [`Seams`] differ. Both obstacles are files in one directory,
//! which whoever started the node owns:
//!
//! ```text
//! DIR/detours      one a line, `ADDRESS DETOUR`: who is called at the first is connected to at the second
//! DIR/disk-full    while it is there, the disk is full; it grows by a byte with every call that was refused
//! ```
//!
//! A detour changes the way and not the end: certificates are verified as ever. The port of the node has no detour.

mod detours;
mod full;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{Seams, network::Tcp, publish::RealFiles};
use detours::Detours;
use full::{Flag, FullDisk, FullFiles};

/// The obstacles cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ObstacleError {
    /// There is no list of detours, or it cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The list.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A line of the list is not one.
    #[error("{path}, line {line}: a detour is two addresses")]
    Line {
        /// The list.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
}

/// The real world with the obstacles of `dir`. The list of detours is read once, here.
///
/// # Errors
/// [`ObstacleError`]: a node that took the direct way after all would make a test of faults a lie.
pub fn seams(dir: &Path) -> Result<Seams, ObstacleError> {
    let path = dir.join("detours");
    let list = fs::read_to_string(&path).map_err(|cause| ObstacleError::Read {
        path: path.clone(),
        cause,
    })?;
    let detours =
        Detours::parse(Tcp::new(), &list).map_err(|line| ObstacleError::Line { path, line })?;
    let flag = Flag::new(dir.join("disk-full"));
    let real = Seams::real();
    Ok(Seams {
        network: Arc::new(detours),
        files: Arc::new(FullFiles::new(RealFiles::new(), flag.clone())),
        store: raft_store::Seams {
            disk: Arc::new(FullDisk::new(Arc::clone(&real.store.disk), flag)),
            ..real.store
        },
        ..real
    })
}
