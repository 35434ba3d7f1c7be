//! Work that blocks, away from async functions.

use std::{io, thread};

use futures::channel::oneshot;

use crate::disk::Work;

/// Runs `act` on a thread of its own and waits for it, or runs it here when
/// there are to be no threads.
pub(crate) async fn aside<T: Send + 'static>(
    work: Work,
    name: &str,
    act: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    if work == Work::Inline {
        return Ok(act());
    }
    let (done, wait) = oneshot::channel();
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            // Whoever waited may have been dropped; the work is done all the same.
            drop(done.send(act()));
        })?;
    wait.await
        .map_err(|_| io::Error::other(format!("the thread `{name}` panicked")))
}
