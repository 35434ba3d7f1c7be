//! Hooks: the operator's own commands, run after a publication.
//!
//! A hook never holds a write up: the runner only looks at [`Published`]. One
//! batch runs at a time, and whatever came meanwhile is one further batch with
//! the latest. The first after a quiet time begins at once; between two lies a
//! second, for a resolver answers nothing while it reads. Equal bytes run
//! nothing, unless the node ended before it could tell of them. Whatever a hook does, the node goes on and says how it ended; what
//! it runs and prints stays on this node.
//!
//! ```text
//! Published ── written? failed? ──► a batch, hook by hook ──► HookReport
//!     ▲            └ the latest wins      └ ended with its process group
//! ```

use std::{ops::ControlFlow, path::PathBuf, sync::Arc, time::Duration};

use hosts::Revision;
use raft_store::failpoint;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{Published, reached};
use crate::limits;

mod note;
mod report;
mod shell;
#[cfg(test)]
mod tests;
mod told;

pub use note::Note;
pub use report::{HookReport, HookResult, HookRun};
pub use shell::{Ended, How, RealShell, Running, Shell};
use told::{Due, Told};

/// A command to run after a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Unique on the node; all that others see of it.
    pub name: String,
    /// When it runs.
    pub event: Event,
    /// A line for `/bin/sh -c`.
    pub command: String,
    /// How long it may take before its process group is killed.
    pub timeout: Duration,
}

/// What a publication came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A file with other bytes was written.
    Success,
    /// The file could not be written.
    Failure,
}

impl Event {
    /// As hooks get it in `ROUTER_HOSTS_EVENT`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

/// Which hooks a node has, and what they are told of it.
#[derive(Clone, Debug)]
pub struct HookOptions {
    /// In the order in which those of one event run.
    pub hooks: Vec<Hook>,
    /// The node's name.
    pub node: String,
    /// The hosts file, absolute.
    pub file: PathBuf,
    /// Where it is noted what they were told.
    pub note: Note,
}

/// Runs the hooks that are due until `stop`, when a running one is killed.
/// `reports` has a report for each hook from the beginning.
pub async fn run(
    stop: CancellationToken,
    mut published: watch::Receiver<Published>,
    reports: watch::Sender<Vec<HookReport>>,
    shell: Arc<dyn Shell>,
    options: HookOptions,
) {
    reports.send_replace(options.hooks.iter().map(HookReport::never_run).collect());
    let told = match options.hooks_for(Event::Success).next() {
        Some(_) => options.note.read().await,
        None => None,
    };
    let mut told = Told::since(told);
    let mut runner = Runner {
        stop,
        reports,
        shell,
        options,
    };
    let mut rest_ends = None;
    let mut fed = true;
    loop {
        let waiting = !told.due(&published.borrow_and_update()).is_empty();
        let begin = waiting.then(|| rest_ends.unwrap_or_else(Instant::now));
        tokio::select! {
            biased;
            () = runner.stop.cancelled() => return,
            () = reached(begin) => {
                let now = published.borrow_and_update().clone();
                let due = told.tell(&now);
                if runner.batch(&now, &due).await.is_break() {
                    return;
                }
                rest_ends = Some(Instant::now() + limits::HOOK_REST);
            }
            changed = published.changed(), if fed => fed = changed.is_ok(),
        }
    }
}

impl HookOptions {
    /// The hooks of one event, with their places in all of them.
    fn hooks_for(&self, event: Event) -> impl Iterator<Item = (usize, &Hook)> {
        let hooks = self.hooks.iter().enumerate();
        hooks.filter(move |(_, hook)| hook.event == event)
    }
}

struct Runner {
    stop: CancellationToken,
    reports: watch::Sender<Vec<HookReport>>,
    shell: Arc<dyn Shell>,
    options: HookOptions,
}

impl Runner {
    /// Runs the hooks for what is `due`, one after the other: one that fails
    /// keeps none of the others from its turn.
    async fn batch(&mut self, now: &Published, due: &[Due]) -> ControlFlow<()> {
        for what in due {
            failpoint::HOOKS.reach();
            let facts = self.facts(now, what);
            let (mut some, mut all) = (false, true);
            for (place, hook) in self.options.hooks_for(what.event) {
                let run = self.run(hook, &facts, what).await;
                let result = run.result.clone();
                self.reports.send_modify(|reports| {
                    if let Some(report) = reports.get_mut(place) {
                        report.note(run);
                    }
                });
                if result == HookResult::Stopped {
                    return ControlFlow::Break(());
                }
                some = true;
                all &= result == HookResult::Succeeded;
            }
            if let (Event::Success, true, Some(file)) = (what.event, some && all, now.sha256) {
                self.options.note.write(file).await;
            }
        }
        ControlFlow::Continue(())
    }

    async fn run(&self, hook: &Hook, facts: &Facts, what: &Due) -> HookRun {
        let began = Instant::now();
        let (result, ended) = match self.shell.start(&hook.command, facts) {
            Ok(running) => self.watch(running, hook.timeout).await,
            Err(cause) => (HookResult::NotRun(cause.to_string()), None),
        };
        let run = HookRun {
            revision: what.revision,
            result,
            left_behind: ended.as_ref().is_some_and(|ended| ended.left_behind),
            took: began.elapsed(),
            coalesced: what.coalesced,
        };
        tell(hook, &run, ended.map(|ended| ended.output).as_deref());
        run
    }

    /// Waits for the end of a hook, and brings it about when its time is over.
    async fn watch(
        &self,
        mut running: Box<dyn Running>,
        limit: Duration,
    ) -> (HookResult, Option<Ended>) {
        let result = tokio::select! {
            biased;
            ended = running.ended() => return match ended {
                Ok(ended) => (ended.how.into(), Some(ended)),
                Err(cause) => (HookResult::NotRun(cause.to_string()), None),
            },
            () = self.stop.cancelled() => HookResult::Stopped,
            () = sleep(limit) => HookResult::TimedOut(limit),
        };
        running.kill();
        // Nothing outlives this, except what the kernel itself cannot end.
        let ended = timeout(limits::HOOK_DEATH_TIME, running.ended()).await;
        (result, ended.ok().and_then(Result::ok))
    }

    fn facts(&self, now: &Published, what: &Due) -> Facts {
        let HookOptions { node, file, .. } = &self.options;
        // Unknown of a file that an earlier process has written.
        let entries = now.entries.map(|count| count.to_string());
        [
            ("ROUTER_HOSTS_EVENT", what.event.as_str().to_owned()),
            ("ROUTER_HOSTS_ENTRY_COUNT", entries.unwrap_or_default()),
            ("ROUTER_HOSTS_ERROR", what.error.clone()),
            ("ROUTER_HOSTS_REVISION", what.revision.to_string()),
            ("ROUTER_HOSTS_NODE", node.clone()),
            ("ROUTER_HOSTS_FILE", file.display().to_string()),
        ]
    }
}

/// What a hook is told, as names and values of its environment.
pub type Facts = [(&'static str, String); 6];

fn tell(hook: &Hook, run: &HookRun, output: Option<&str>) {
    let (name, event) = (&hook.name, hook.event.as_str());
    let HookRun {
        revision,
        took,
        coalesced,
        ..
    } = run;
    let (result, output) = (run.to_string(), output.unwrap_or_default());
    match run.result {
        HookResult::Succeeded | HookResult::Stopped => {
            info!(hook = name, event, %revision, ?took, coalesced, result, output, "hook ended");
        }
        _ => {
            error!(hook = name, event, %revision, ?took, coalesced, result, output, "hook failed");
        }
    }
}
