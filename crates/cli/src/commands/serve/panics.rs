//! A panic anywhere in a node that serves ends the whole node.
//!
//! Tasks of ours are awaited, but libraries have tasks and threads of their own, and one that is gone leaves a node
//! that looks alive: a follower without the task that applies entries takes every entry and shows none of them. Half
//! of a node is worse than none, and what was acknowledged is on the disk.

use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// The first panic since [`Panics::arm`].
#[derive(Clone, Debug)]
pub(super) struct Panics {
    armed: Arc<AtomicBool>,
    first: watch::Sender<Option<String>>,
}

impl Panics {
    /// Watches for panics in all threads of this process, for as long as it lives.
    pub(super) fn watch() -> Self {
        let panics = Self {
            armed: Arc::default(),
            first: watch::Sender::new(None),
        };
        let (noted, before) = (panics.clone(), take_hook());
        set_hook(Box::new(move |panic| {
            before(panic);
            noted.note(panic);
        }));
        panics
    }

    /// From now on they count. A store that panics while it is opened is damaged, which is found and mended there.
    pub(super) fn arm(&self) {
        self.armed.store(true, Ordering::Relaxed);
    }

    /// Waits for the first that counts.
    pub(super) async fn first(&self) {
        let mut first = self.first.subscribe();
        // The sender lives in `self`: it does not go before this.
        let _there = first.wait_for(Option::is_some).await;
    }

    /// What the first one said, and where.
    pub(super) fn said(&self) -> Option<String> {
        self.first.borrow().clone()
    }

    fn note(&self, panic: &PanicHookInfo<'_>) {
        if !self.armed.load(Ordering::Relaxed) {
            return;
        }
        let said = panic.payload_as_str().unwrap_or("no words");
        let at = panic
            .location()
            .map_or_else(String::new, |at| format!(" at {at}"));
        self.first.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert_with(|| format!("{said}{at}"));
            is_first
        });
    }
}
