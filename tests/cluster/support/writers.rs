//! Writers that add one host after the other, and remember what they were told of each.
//!
//! Acknowledged is there for ever, refused is not there, and unknown may be either: nobody may take the third for one
//! of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::hand::{Ended, Hand};
use super::until::until;

/// Threads that write until they are told to stop.
pub(crate) struct Writers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    written: Mutex<Written>,
}

/// What became of the hosts.
#[derive(Clone, Default, Debug)]
pub(crate) struct Written {
    /// Names and addresses.
    pub(crate) acknowledged: BTreeMap<String, String>,
    /// With what was said of them.
    pub(crate) refused: BTreeMap<String, String>,
    pub(crate) unknown: BTreeMap<String, String>,
}

impl Writers {
    /// One writer for each of these hands. `series` tells the hosts of these writers from those of others.
    pub(crate) fn start(series: u16, hands: Vec<Hand>) -> Self {
        let shared = Arc::new(Shared::default());
        let threads = (0_u16..).zip(hands).map(|(writer, hand)| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                for count in 0_u16.. {
                    if shared.stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let name = format!("w{series}-{writer}-{count}.lan");
                    let [high, low] = count.to_be_bytes();
                    // The name tells the series apart; addresses may come again.
                    let ip = format!("10.{}.{high}.{low}", series % 16 * 16 + writer);
                    let ended = hand.try_add(&name, &ip, &[]);
                    shared.written.lock().unwrap().note(name, ip, ended);
                }
            })
        });
        Self {
            threads: threads.collect(),
            shared,
        }
    }

    /// Waits until `count` more hosts are acknowledged than now.
    #[track_caller]
    pub(crate) fn until_more(&self, count: usize) {
        let goal = self.written().acknowledged.len() + count;
        until(&format!("{goal} hosts are acknowledged"), || {
            // A writer that failed says why when it is joined.
            let working = self.threads.iter().all(|thread| !thread.is_finished());
            let written = self.written();
            if written.acknowledged.len() >= goal || !working {
                return Ok(());
            }
            Err(format!("{written:?}"))
        });
    }

    pub(crate) fn written(&self) -> Written {
        self.shared.written.lock().unwrap().clone()
    }

    /// Has them end what they are at, and tells what became of all.
    #[track_caller]
    pub(crate) fn stop(mut self) -> Written {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("a writer got an answer that it knows");
        }
        self.written()
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        // A test that failed leaves no writers behind.
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

impl Written {
    fn note(&mut self, name: String, ip: String, ended: Ended) {
        match ended.status {
            0 => self.acknowledged.insert(name, ip),
            // Nobody answers, or no quorum: nothing was changed.
            5 => self.refused.insert(name, ended.stderr),
            7 => self.unknown.insert(name, ended.stderr),
            _ => panic!("{name}: {ended:?}"),
        };
    }

    /// Compares what was said with what is there: `listed` is names and addresses.
    #[track_caller]
    pub(crate) fn assert_true_of(&self, listed: &[(String, String)]) {
        let names: BTreeSet<&String> = listed.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), listed.len(), "a host is there twice");
        for (name, ip) in &self.acknowledged {
            let there = listed.iter().any(|host| (&host.0, &host.1) == (name, ip));
            assert!(there, "{name} {ip} was acknowledged, and is not there");
        }
        for (name, said) in &self.refused {
            assert!(
                !names.contains(name),
                "{name} is there, and was refused: {said}"
            );
        }
    }
}
