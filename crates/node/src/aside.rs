//! Work that blocks or computes for long, away from the tasks that must answer
//! in time: one that stands still for a second loses a leader its followers.

use raft_store::disk::Work;
use std::{io, thread};
use tokio::{
    sync::oneshot,
    task::{JoinError, spawn_blocking},
};

/// Runs `job` on a thread for such work and waits for it, or runs it here when
/// there are to be no threads.
///
/// # Errors
/// The job panicked.
pub(crate) async fn aside<T: Send + 'static>(
    work: Work,
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    match work {
        Work::Inline => Ok(job()),
        Work::Threads => spawn_blocking(job).await,
    }
}

/// The same on a thread of its own, called `name`: it waits for no other job.
///
/// # Errors
/// No thread can be started, or the job panicked.
pub(crate) async fn alone<T: Send + 'static>(
    work: Work,
    name: &str,
    job: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    if work == Work::Inline {
        return Ok(job());
    }
    let (done, wait) = oneshot::channel();
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            // Whoever waited may have been dropped; the job is done all the same.
            drop(done.send(job()));
        })?;
    let panicked = |_| io::Error::other(format!("the thread `{name}` panicked"));
    wait.await.map_err(panicked)
}
