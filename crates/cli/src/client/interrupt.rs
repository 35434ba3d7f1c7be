//! Ctrl-C and SIGTERM: whatever waits for a node hears of it, and a program
//! that waits for none ends at once.
//!
//! Whoever takes a signal over must answer it: from [`listen`] on, a thread of
//! its own does, so that neither a pipe that nobody reads nor a long
//! computation holds the end up.

use crate::exit::Exit;
use std::sync::OnceLock;
use std::thread;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// One receiver for each wait that a signal ends.
static TOLD: OnceLock<watch::Sender<u64>> = OnceLock::new();

/// Takes the signals over, for a program that has nothing else to put in order
/// when it ends. Where the system does not let it, they end the program as
/// they do by default.
pub(crate) fn listen() {
    let told = TOLD.get_or_init(|| watch::Sender::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else { return };
    let signals = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        )
    };
    let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
        return;
    };
    thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if told.receiver_count() == 0 {
                    std::process::exit(i32::from(Exit::Interrupted as u8));
                }
                told.send_modify(|times| *times += 1);
            }
        });
    });
}

/// Somebody who answers signals, as long as it is there.
pub(crate) struct Ending(Option<watch::Receiver<u64>>);

impl Ending {
    /// From now on; of no effect before [`listen`].
    pub(crate) fn watch() -> Self {
        Self(TOLD.get().map(watch::Sender::subscribe))
    }

    /// Returns when a signal comes, or has come since the last one.
    pub(crate) async fn comes(&mut self) {
        if let Some(told) = &mut self.0 {
            // The sender is static: it cannot be gone.
            if told.changed().await.is_ok() {
                return;
            }
        }
        std::future::pending().await
    }
}
