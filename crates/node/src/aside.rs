//! Work that blocks or computes for long, away from the tasks that must answer
//! in time: one that stands still for a second loses a leader its followers.

use raft_store::disk::Work;
use tokio::task::{JoinError, spawn_blocking};

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
