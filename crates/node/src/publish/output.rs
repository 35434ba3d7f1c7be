//! One output file: what is known of it, what is due, and the steps that make
//! it true.
//!
//! Nothing here decides what a host is. A step looks at the file, or renders
//! and replaces it, away from the async threads; the rest is bookkeeping.

use std::{path::Path, sync::Arc};

use hosts::{Projection, Revision, View, format::render};
use sha2::{Digest as _, Sha256};
use tokio::{sync::watch, time::Instant};
use tracing::{debug, error, info, warn};

use crate::aside::aside;

use super::{
    FileMark, Files, PublishError, PublishOptions, Published, ReplaceError, Replaced, Work,
    files::advice,
    pace::Pace,
    present::{self, Present},
};

/// The hosts file of this node.
#[derive(Debug)]
pub(super) struct Output {
    files: Arc<dyn Files>,
    options: PublishOptions,
    view: View,
    published: watch::Sender<Published>,
    /// `None` until the file was looked at: what may be written depends on it.
    held: Option<Held>,
    pace: Pace,
    next_check: Instant,
    /// Said once: that the projection is behind the file; that it cannot be
    /// replaced by a rename.
    said_behind: bool,
    said_in_place: bool,
}

/// What is known of the file.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// `None`: there is no file, or its contents are in doubt.
    sha256: Option<[u8; 32]>,
    /// As it was when it was written or looked at.
    mark: Option<FileMark>,
    /// Which rendering it is; `None` makes a new one due.
    rendering: Option<Revision>,
    /// There is a file that is no rendering of this cluster.
    foreign: bool,
}

/// What a rendering led to.
enum Made {
    /// The file has these bytes already.
    Same { sha256: [u8; 32] },
    /// It has them now.
    Written {
        sha256: [u8; 32],
        replaced: Replaced,
        bytes: usize,
    },
}

impl Output {
    pub(super) fn new(
        files: Arc<dyn Files>,
        options: PublishOptions,
        published: watch::Sender<Published>,
    ) -> Self {
        let view = View {
            comments: options.comments,
            cluster: Some(options.cluster.as_u128()),
        };
        Self {
            files,
            view,
            published,
            held: None,
            pace: Pace::new(options.debounce),
            next_check: Instant::now() + options.check_every,
            said_behind: false,
            said_in_place: false,
            options,
        }
    }

    /// Removes what a killed process left behind.
    pub(super) async fn clean(&self) -> Result<(), PublishError> {
        let (files, path) = (self.files.clone(), self.options.path.clone());
        let path_shown = self.options.path.display();
        match blocking(self.options.work, move || files.clean(&path)).await? {
            Ok(0) => {}
            Ok(removed) => info!(path = %path_shown, removed, "unfinished hosts files removed"),
            Err(cause) => warn!(path = %path_shown, %cause, "unfinished hosts files not removed"),
        }
        Ok(())
    }

    /// When the next step towards `projection` is due: `None` when there is
    /// none to take. What is already true is published on the way.
    pub(super) fn due(&mut self, projection: &Projection) -> Option<Instant> {
        let revision = projection.revision();
        let next = self.pace.next(revision).unwrap_or_else(Instant::now);
        let Some(held) = self.held else {
            return Some(next);
        };
        let floor = self.published.borrow().revision;
        if revision < floor {
            self.say_behind(floor, revision);
            return None;
        }
        if held.rendering == Some(projection.rendered(&self.view)) {
            // Equal renderings are equal bytes: the change is in the file without a write.
            self.published.send_if_modified(|now| {
                let newer = revision > now.revision;
                now.revision = now.revision.max(revision);
                now.attempted = now.attempted.max(revision);
                newer
            });
            return None;
        }
        if revision == Revision::default() && held.foreign {
            // Before the first change there is nothing better to offer than what is there.
            return None;
        }
        Some(next)
    }

    /// Takes the step that is due.
    pub(super) async fn step(&mut self, projection: Arc<Projection>) -> Result<(), PublishError> {
        let began = Instant::now();
        let revision = projection.revision();
        let done = match self.held {
            None => self.look(revision).await?,
            Some(held) => self.make(held, projection).await?,
        };
        // A look alone is no reason to let the first write wait.
        if let Some(succeeded) = done {
            self.pace.ended(revision, began, succeeded);
        }
        Ok(())
    }

    pub(super) fn next_check(&self) -> Instant {
        self.next_check
    }

    /// Whether the file is still what was written; if not, a new one is due.
    pub(super) async fn check(&mut self) -> Result<(), PublishError> {
        self.next_check = Instant::now() + self.options.check_every;
        let Some(held) = self.held.filter(|held| held.rendering.is_some()) else {
            return Ok(()); // a step is due anyway
        };
        let (files, path) = (self.files.clone(), self.options.path.clone());
        let cluster = self.options.cluster;
        let found = blocking(self.options.work, move || match files.mark(&path) {
            Ok(mark) if mark.is_some() && mark == held.mark => None,
            _ => Some(present::look(&*files, &path, cluster)),
        })
        .await?;
        let path = self.options.path.display();
        let in_doubt = Held {
            sha256: None,
            mark: None,
            rendering: None,
            foreign: false,
        };
        self.held = Some(match found {
            None => held,
            Some(Ok(Some(present))) if Some(present.sha256) == held.sha256 => {
                debug!(%path, "the hosts file was touched, its contents are the same");
                Held {
                    mark: Some(present.mark),
                    ..held
                }
            }
            Some(Ok(Some(_))) => {
                warn!(%path, "the hosts file was changed by somebody else: it is written again");
                in_doubt
            }
            Some(Ok(None)) => {
                warn!(%path, "the hosts file was removed by somebody else: it is written again");
                in_doubt
            }
            Some(Err(cause)) => {
                warn!(%path, %cause, "the hosts file cannot be read: it is written again");
                in_doubt
            }
        });
        Ok(())
    }

    /// Learns what is there. The revision of a rendering of this cluster is
    /// the floor: nothing older will be written.
    async fn look(&mut self, revision: Revision) -> Result<Option<bool>, PublishError> {
        let (files, path) = (self.files.clone(), self.options.path.clone());
        let cluster = self.options.cluster;
        let found = blocking(self.options.work, move || {
            present::look(&*files, &path, cluster)
        })
        .await?;
        let present = match found {
            Ok(present) => present,
            Err(cause) => {
                let path = self.options.path.display();
                let text = format!("cannot read {path}: {cause}; {}", advice(&cause));
                self.failed(revision, text);
                return Ok(Some(false));
            }
        };
        self.held = Some(Held {
            sha256: present.map(|present| present.sha256),
            mark: present.map(|present| present.mark),
            rendering: None,
            foreign: present.is_some_and(|present| present.ours.is_none()),
        });
        self.published.send_modify(|now| {
            now.error = None;
            if let Some(Present {
                sha256,
                ours: Some(revision),
                ..
            }) = present
            {
                now.revision = revision;
                now.attempted = now.attempted.max(revision);
                now.sha256 = Some(sha256);
            }
        });
        Ok(None)
    }

    /// Renders `projection` and puts it in the file's place.
    async fn make(
        &mut self,
        held: Held,
        projection: Arc<Projection>,
    ) -> Result<Option<bool>, PublishError> {
        let revision = projection.revision();
        let rendering = projection.rendered(&self.view);
        let (files, path, view) = (self.files.clone(), self.options.path.clone(), self.view);
        let (entries, made) = blocking(self.options.work, move || {
            let entries = projection.hosts().filter(|host| host.enabled).count();
            (entries, make(&*files, &path, &projection, &view, held))
        })
        .await?;
        // Nobody is woken for it: what became of the attempt follows at once.
        self.published.send_if_modified(|now| {
            now.entries = entries;
            false
        });
        match made {
            Ok(made) => {
                self.made(held, revision, rendering, made);
                Ok(Some(true))
            }
            Err(refused) => {
                // After some errors nobody knows what is there.
                self.held = Some(Held {
                    sha256: None,
                    rendering: None,
                    ..held
                });
                self.failed(revision, refused.report());
                Ok(Some(false))
            }
        }
    }

    fn made(&mut self, held: Held, revision: Revision, rendering: Revision, made: Made) {
        let path = self.options.path.display();
        let (sha256, mark, writes) = match made {
            Made::Same { sha256 } => (sha256, held.mark, 0),
            Made::Written {
                sha256,
                replaced: Replaced { mark, in_place },
                bytes,
            } => {
                if held.foreign {
                    warn!(%path, "a hosts file that was not written by this cluster was replaced");
                } else if held.sha256.is_some() && rendering <= self.published.borrow().revision {
                    // Only at the start: damage that kept its hash, another view or another version.
                    warn!(%path, %rendering, "the hosts file was not what its revision renders: repaired");
                }
                match in_place {
                    Some(cause) if !self.said_in_place => {
                        self.said_in_place = true;
                        warn!(
                            %path, %cause,
                            "the hosts file is overwritten in place, and a reader may see a part of \
                             it: mount its directory instead of the file"
                        );
                    }
                    _ => {}
                }
                debug!(%path, %revision, %rendering, bytes, "hosts file written");
                (sha256, Some(mark), 1)
            }
        };
        self.held = Some(Held {
            sha256: Some(sha256),
            mark,
            rendering: Some(rendering),
            foreign: false,
        });
        self.published.send_modify(|now| {
            now.revision = now.revision.max(revision);
            now.attempted = now.attempted.max(revision);
            now.sha256 = Some(sha256);
            now.writes += writes;
            if now.error.take().is_some() {
                info!(%path, %revision, "the hosts file is written again");
            }
        });
    }

    fn failed(&self, revision: Revision, text: String) {
        self.published.send_modify(|now| {
            // The same trouble is told once, not at every attempt.
            if now.error.as_ref() != Some(&text) {
                error!(path = %now.path.display(), %revision, error = text, "hosts file not written");
            }
            now.attempted = now.attempted.max(revision);
            now.error = Some(text);
        });
    }

    fn say_behind(&mut self, floor: Revision, revision: Revision) {
        if !self.said_behind {
            self.said_behind = true;
            let path = self.options.path.display();
            info!(
                %path, file = %floor, node = %revision,
                "the hosts file is ahead of this node and stays until the node has caught up \
                 (to start over, remove it and restart the node)"
            );
        }
    }
}

/// Renders, and replaces the file unless it is the same. The bytes live only
/// as long as this call.
fn make(
    files: &dyn Files,
    path: &Path,
    projection: &Projection,
    view: &View,
    held: Held,
) -> Result<Made, ReplaceError> {
    let bytes = render::render(projection, view);
    let sha256: [u8; 32] = Sha256::digest(&bytes).into();
    let untouched = || matches!(files.mark(path), Ok(mark) if mark == held.mark);
    if held.sha256 == Some(sha256) && untouched() {
        return Ok(Made::Same { sha256 });
    }
    let replaced = files.replace(path, &bytes)?;
    Ok(Made::Written {
        sha256,
        replaced,
        bytes: bytes.len(),
    })
}

/// Runs a job that blocks: on tokio's threads for it, or here and now.
async fn blocking<T: Send + 'static>(
    work: Work,
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PublishError> {
    aside(work, job).await.map_err(PublishError::Panicked)
}
