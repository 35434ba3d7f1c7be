//! One output file: what is known of it, what is due, and the steps that make
//! it true.
//!
//! Nothing here decides what a host is. A step looks at the file, or renders
//! and replaces it, away from the async threads; the rest is bookkeeping.

use std::sync::Arc;

use hosts::{Projection, Revision, View, format::block::Shadows};
use sha2::{Digest as _, Sha256};
use tokio::{sync::watch, time::Instant};
use tracing::{debug, error, info, warn};

use crate::{aside::aside, limits::SHADOWS_SHOWN};

use super::{
    FileMark, Files, Mode, PublishError, PublishOptions, Published, Work,
    make::{Attempt, Made, Refused, Written},
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
    /// This process has seen a block in the file.
    had_block: bool,
    /// Why the last write was made in place, if it was.
    in_place: Option<String>,
    /// Why it might not outlive a power cut, if so.
    not_flushed: Option<String>,
    /// Said once: that the projection is behind the file.
    said_behind: bool,
}

/// What is known of the file.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// Of the rendering in it; `None`: there is none, or it is in doubt.
    sha256: Option<[u8; 32]>,
    /// As it was when it was written or looked at.
    mark: Option<FileMark>,
    /// Which rendering it is; `None` makes a new one due.
    rendering: Option<Revision>,
    /// There is no rendering of this cluster, and something else instead.
    foreign: bool,
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
            had_block: false,
            in_place: None,
            not_flushed: None,
            said_behind: false,
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
        let (files, path, mode) = (
            self.files.clone(),
            self.options.path.clone(),
            self.options.mode,
        );
        let found = blocking(self.options.work, move || match files.mark(&path) {
            Ok(mark) if mark.is_some() && mark == held.mark => Found::Untouched,
            // The others may write their lines: the next step looks at ours.
            _ if mode == Mode::Block => Found::Touched,
            _ => match present::read(&*files, &path) {
                Ok(None) => Found::Changed("the hosts file was removed by somebody else"),
                Ok(Some((mark, bytes))) if held.sha256 == Some(Sha256::digest(&bytes).into()) => {
                    Found::Same(mark)
                }
                Ok(Some(_)) => Found::Changed("the hosts file was changed by somebody else"),
                Err(_) => Found::Changed("the hosts file cannot be read"),
            },
        })
        .await?;
        let path = self.options.path.display();
        self.held = Some(match found {
            Found::Untouched => held,
            Found::Touched => Held {
                rendering: None,
                ..held
            },
            Found::Same(mark) => {
                debug!(%path, "the hosts file was touched, its contents are the same");
                Held {
                    mark: Some(mark),
                    ..held
                }
            }
            Found::Changed(what) => {
                warn!(%path, "{what}: it is written again");
                self.published.send_modify(|now| now.repairs += 1);
                Held {
                    sha256: None,
                    mark: None,
                    rendering: None,
                    foreign: false,
                }
            }
        });
        Ok(())
    }

    /// Learns what is there. The revision of a rendering of this cluster is
    /// the floor: nothing older will be written.
    async fn look(&mut self, revision: Revision) -> Result<Option<bool>, PublishError> {
        let (files, path) = (self.files.clone(), self.options.path.clone());
        let (cluster, mode) = (self.options.cluster, self.options.mode);
        let had_block = self.had_block;
        let found = blocking(self.options.work, move || {
            present::look(&*files, &path, cluster, mode, had_block)
        })
        .await?;
        let present = match found {
            Ok(present) => present,
            Err(refused) => {
                self.failed(revision, refused.report());
                return Ok(Some(false));
            }
        };
        self.had_block |= present.is_some_and(|present| present.block);
        self.held = Some(Held {
            sha256: present.and_then(|present| present.sha256),
            mark: present.map(|present| present.mark),
            rendering: None,
            foreign: present.is_some_and(|present| present.foreign),
        });
        self.published.send_modify(|now| {
            now.error = None;
            if let Some(Present {
                sha256,
                ours: Some(revision),
                ..
            }) = present
            {
                now.revision = now.revision.max(revision);
                now.attempted = now.attempted.max(revision);
                now.sha256 = sha256;
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
        let attempt = Attempt {
            files: self.files.clone(),
            path: self.options.path.clone(),
            mode: self.options.mode,
            cluster: self.options.cluster,
            view: self.view,
            projection,
            sha256: held.sha256,
            mark: held.mark,
            had_block: self.had_block,
        };
        let job = move || (attempt.entries(), attempt.run());
        let (entries, made) = blocking(self.options.work, job).await?;
        // Nobody is woken for it: what became of the attempt follows at once.
        self.published.send_if_modified(|now| {
            now.entries = Some(entries);
            false
        });
        match made {
            Ok(made) => {
                self.made(held, revision, rendering, made);
                Ok(Some(true))
            }
            Err(Refused::LookAgain) => {
                self.held = None;
                Ok(None)
            }
            Err(refused) => {
                // After some errors nobody knows what is there. Where a block may yet turn up,
                // its revision has to be known before anything is written.
                let known = self.had_block || self.options.mode == Mode::Whole;
                self.held = known.then_some(Held {
                    rendering: None,
                    sha256: held.sha256.filter(|_| self.options.mode == Mode::Block),
                    ..held
                });
                self.pace.costly(refused.is_costly());
                self.failed(revision, refused.report());
                Ok(Some(false))
            }
        }
    }

    fn made(&mut self, held: Held, revision: Revision, rendering: Revision, made: Made) {
        let path = self.options.path.display();
        let Made {
            sha256,
            mark,
            written,
            shadows,
        } = made;
        self.had_block |= self.options.mode == Mode::Block;
        self.held = Some(Held {
            sha256: Some(sha256),
            mark,
            rendering: Some(rendering),
            foreign: false,
        });
        let known = self.published.borrow().revision;
        let (mut writes, mut repairs) = (0, 0);
        if let Some(written) = written {
            writes = 1;
            debug!(%path, %revision, %rendering, bytes = written.bytes, "hosts file written");
            repairs = u64::from(written.repaired);
            self.say_replaced(held, known, rendering, &written);
            self.in_place = written.in_place.map(|cause| {
                format!(
                    "the file is overwritten in place ({cause}), and a reader may see a part of \
                     it: mount its directory instead of the file"
                )
            });
            self.not_flushed = written.not_flushed.map(|cause| {
                format!(
                    "the file is written, but its directory cannot be flushed ({cause}): after a \
                     power cut the old one may be there until the node has started; look at the \
                     disk and the kernel's log"
                )
            });
        }
        let warnings = self.in_place.clone().into_iter();
        let warnings = warnings.chain(self.not_flushed.clone());
        let warnings: Vec<_> = warnings.chain(shadowed(&shadows)).collect();
        self.published.send_modify(|now| {
            now.revision = now.revision.max(revision);
            now.attempted = now.attempted.max(revision);
            now.sha256 = Some(sha256);
            now.writes += writes;
            now.repairs += repairs;
            for new in warnings.iter().filter(|text| !now.warnings.contains(text)) {
                warn!(%path, "{new}");
            }
            now.warnings = warnings;
            if now.error.take().is_some() {
                info!(%path, %revision, "the hosts file is right again");
            }
        });
    }

    fn say_replaced(&self, held: Held, known: Revision, rendering: Revision, written: &Written) {
        let path = self.options.path.display();
        if let Some(copy) = &written.copy {
            info!(%path, copy = %copy.display(), "a block was added; the file as it was is kept");
        } else if held.foreign && held.sha256.is_some() {
            warn!(%path, "lines that were not written by this cluster were replaced");
        } else if written.repaired {
            warn!(%path, "the block was changed by somebody else: it is written again");
        } else if held.sha256.is_some() && rendering <= known {
            // Only at the start: damage that kept its hash, another view or another version.
            warn!(%path, %rendering, "the hosts file was not what its revision renders: repaired");
        }
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

/// What a check saw.
enum Found {
    /// Nobody was there.
    Untouched,
    /// Somebody was there, perhaps for lines of their own.
    Touched,
    /// The same bytes under another mark.
    Same(FileMark),
    /// It is no longer what was written; the words say how.
    Changed(&'static str),
}

/// The warning about names outside the block.
fn shadowed(shadows: &Shadows) -> Option<String> {
    let shown = shadows.shown.iter().take(SHADOWS_SHOWN);
    let shown: Vec<_> = shown
        .map(|(line, name)| format!("{} (line {line})", name.as_str()))
        .collect();
    let rest = match shadows.total.checked_sub(shown.len())? {
        0 if shown.is_empty() => return None,
        0 => String::new(),
        rest => format!(" and {rest} more"),
    };
    Some(format!(
        "names of the block also stand outside it, where readers find them, too: {}{rest}",
        shown.join(", ")
    ))
}

/// Runs a job that blocks: on tokio's threads for it, or here and now.
async fn blocking<T: Send + 'static>(
    work: Work,
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PublishError> {
    aside(work, job).await.map_err(PublishError::Panicked)
}
