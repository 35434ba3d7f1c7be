//! From the applied projection to the hosts file on disk.
//!
//! An output file is always the complete rendering of some revision, and
//! revisions on a node never go back, across restarts too: a rendering of this
//! cluster that is found at the start is the floor. The latest projection wins;
//! ten quick changes are one write; equal bytes are none. A write that fails
//! leaves the last good file, is reported in [`Published`], and is tried again:
//! it never stops the node. In a file that others write, too, only the block
//! between two marker lines is the rendering ([`Mode::Block`]); what is said of
//! the file is then true of the block.
//!
//! ```text
//! projection ── render ──► bytes ── same as the file? ── replace ──► Published
//! ```

use std::{path::PathBuf, sync::Arc, time::Duration};

use hosts::Revision;
use raft_store::Applied;
use tokio::{
    sync::watch,
    task::JoinError,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::identity::ClusterId;
use output::Output;

mod files;
pub mod hooks;
mod make;
pub mod memory;
mod output;
mod pace;
mod place;
mod present;
mod real;
mod wait;

pub use files::{FileMark, Files, Over, ReplaceError, Replaced};
pub use raft_store::disk::Work;
pub use real::RealFiles;
pub use wait::{Waited, wait_published};

/// What is in the hosts file, and what is in the way of the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The file as configured; a symbolic link is not followed here.
    pub path: PathBuf,
    /// Every change up to this one is in the file. Never goes back. It passes
    /// the revision in the file's header where changes rendered the same.
    pub revision: Revision,
    /// The newest revision that was tried, with success or without.
    pub attempted: Revision,
    /// SHA-256 of the rendering in it, which is the whole file or the inside of
    /// its block; `None` until it was written, or was found to be of this
    /// cluster.
    pub sha256: Option<[u8; 32]>,
    /// How often this process has written the file.
    pub writes: u64,
    /// How often it had been changed by somebody else, and was repaired.
    pub repairs: u64,
    /// How many hosts the newest attempt rendered, disabled ones left out;
    /// `None` before the first.
    pub entries: Option<usize>,
    /// Why the last attempt failed and what to do, in one line; `None` once
    /// one has succeeded.
    pub error: Option<String>,
    /// What an operator should know although the file is written, a line each.
    pub warnings: Vec<String>,
}

/// How much of the file is ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// What lies between two marker lines; they are appended once to a file
    /// that has none. The default: it takes nobody's lines away.
    #[default]
    Block,
    /// All of it.
    Whole,
}

impl Published {
    /// Before anything is known of the file at `path`.
    #[must_use]
    pub fn nothing(path: PathBuf) -> Self {
        Self {
            path,
            revision: Revision::default(),
            attempted: Revision::default(),
            sha256: None,
            writes: 0,
            entries: None,
            repairs: 0,
            error: None,
            warnings: Vec::new(),
        }
    }
}

/// What to write, where, and how often.
#[derive(Clone, Debug)]
pub struct PublishOptions {
    /// The hosts file, or a symbolic link to it.
    pub path: PathBuf,
    /// How much of it is ours.
    pub mode: Mode,
    /// Whether it shows comments.
    pub comments: bool,
    /// Named in the header: the file of another cluster is no floor.
    pub cluster: ClusterId,
    /// The least time between two writes; the first change after a quiet time
    /// is written at once.
    pub debounce: Duration,
    /// How often the file is compared with what was written.
    pub check_every: Duration,
    /// Where rendering and writing run.
    pub work: Work,
}

impl PublishOptions {
    /// The hosts file of a node of `cluster` at `path`: whole, without comments,
    /// at most one write in 100 ms, compared every 30 s, written on a thread.
    #[must_use]
    pub fn new(path: PathBuf, cluster: ClusterId) -> Self {
        Self {
            path,
            mode: Mode::Whole,
            comments: false,
            cluster,
            debounce: Duration::from_millis(100),
            check_every: Duration::from_secs(30),
            work: Work::Threads,
        }
    }
}

/// Why publishing ended before it was told to. Disk trouble is none of these:
/// it is reported and tried again.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The thread that renders and writes broke off.
    #[error("rendering or writing the hosts file broke off")]
    Panicked(#[source] JoinError),
}

/// Keeps the hosts file at the newest applied projection until `stop`, and
/// says in `published` how far it is. On `stop` the write that has begun is
/// finished first. A `source` that ends keeps its last value.
///
/// # Errors
/// [`PublishError`] when the work itself breaks off.
pub async fn run(
    stop: CancellationToken,
    mut source: watch::Receiver<Arc<Applied>>,
    published: watch::Sender<Published>,
    files: Arc<dyn Files>,
    options: PublishOptions,
) -> Result<(), PublishError> {
    let mut output = Output::new(files, options, published);
    output.clean().await?;
    let mut fed = true;
    loop {
        let due = output.due(&source.borrow_and_update().projection);
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            () = reached(due) => {
                let newest = source.borrow_and_update().projection.clone();
                output.step(newest).await?;
            }
            () = sleep_until(output.next_check()) => output.check().await?,
            changed = source.changed(), if fed => fed = changed.is_ok(),
        }
    }
}

async fn reached(moment: Option<Instant>) {
    match moment {
        // A timer counts whole milliseconds; what is due is due now.
        Some(moment) if moment <= Instant::now() => {}
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
