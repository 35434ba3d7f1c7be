//! Reads every hosts file a thousand times a second, as resolvers may: it is a whole file, and no older than before.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hosts::format::render;

use crate::site::Site;

/// Looks until it is dropped.
pub(crate) struct Watch {
    files: Vec<Arc<Mutex<Seen>>>,
    threads: Vec<JoinHandle<()>>,
}

/// One file as it was seen.
struct Seen {
    path: PathBuf,
    stop: bool,
    /// While the file system goes, and comes back.
    away: bool,
    revision: Option<u64>,
    last: Vec<u8>,
    versions: u64,
    looks: u64,
    wrong: Vec<String>,
}

/// What was seen of all files.
#[derive(Default, Debug)]
pub(crate) struct Sight {
    pub(crate) looks: u64,
    pub(crate) versions: u64,
    pub(crate) wrong: Vec<String>,
}

impl Watch {
    pub(crate) fn start(site: &Site) -> Self {
        let files: Vec<_> = site
            .nodes
            .iter()
            .map(|node| {
                Arc::new(Mutex::new(Seen {
                    path: node.hosts(),
                    stop: false,
                    away: false,
                    revision: None,
                    last: Vec::new(),
                    versions: 0,
                    looks: 0,
                    wrong: Vec::new(),
                }))
            })
            .collect();
        let threads = files.iter().map(|file| {
            let file = Arc::clone(file);
            thread::spawn(move || {
                loop {
                    let mut file = file.lock().unwrap();
                    if file.stop {
                        return;
                    }
                    file.look();
                    drop(file);
                    thread::sleep(EVERY);
                }
            })
        });
        Self {
            threads: threads.collect(),
            files,
        }
    }

    /// Leaves the file of a node alone while its file system is away. When it is looked at again, it may have lost
    /// what was never flushed: a reader could see that before it was.
    pub(crate) fn leave(&self, node: usize) {
        self.files[node - 1].lock().unwrap().away = true;
    }

    /// Looks at the file again. `floor` is the revision that the node had said to have written.
    pub(crate) fn come_back(&self, node: usize, floor: u64) {
        let mut file = self.files[node - 1].lock().unwrap();
        file.away = false;
        file.revision = Some(floor);
    }

    /// What was seen since the last time.
    pub(crate) fn sight(&self) -> Sight {
        let mut all = Sight::default();
        for file in &self.files {
            let mut file = file.lock().unwrap();
            all.looks += std::mem::take(&mut file.looks);
            all.versions += std::mem::take(&mut file.versions);
            all.wrong.append(&mut file.wrong);
        }
        all
    }
}

const EVERY: Duration = Duration::from_millis(1);

impl Seen {
    fn look(&mut self) {
        if self.away {
            return;
        }
        self.looks += 1;
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            // Its file system fails, and says so.
            Err(error) if error.raw_os_error() == Some(EIO) => return,
            Err(error) => return self.wrong.push(format!("{}: {error}", self.path.display())),
        };
        if bytes == self.last {
            return;
        }
        self.versions += 1;
        let revision = render::header(&bytes).map(|header| header.revision.get());
        if !render::verify(&bytes) {
            let text = String::from_utf8_lossy(&bytes);
            self.wrong
                .push(format!("{} is torn:\n{text}", self.path.display()));
        } else if revision < self.revision {
            self.wrong.push(format!(
                "{} went from revision {:?} back to {revision:?}",
                self.path.display(),
                self.revision
            ));
        }
        self.revision = revision;
        self.last = bytes;
    }
}

/// Of Linux.
const EIO: i32 = 5;

impl Drop for Watch {
    fn drop(&mut self) {
        for file in &self.files {
            // A thread that panicked has stopped.
            if let Ok(mut file) = file.lock() {
                file.stop = true;
            }
        }
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}
