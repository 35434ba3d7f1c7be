//! One hook, run once by the real shell: the one place of these tests that
//! knows the calls.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use hosts::Revision;
use node::publish::{
    Published,
    hooks::{self, Event, Hook, HookOptions, HookReport, HookRun, Note, RealShell},
};
use raft_store::disk::{RealDisk, Work};
use tempfile::TempDir;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// A runner with one hook, in a directory of its own.
pub(crate) struct Lab {
    pub(crate) stop: CancellationToken,
    pub(crate) directory: TempDir,
    published: watch::Sender<Published>,
    reports: watch::Receiver<Vec<HookReport>>,
    running: JoinSet<()>,
}

impl Lab {
    /// `command` finds the directory in `$D`, and may take `limit`.
    pub(crate) fn of(command: &str, limit: Duration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("hosts");
        let stop = CancellationToken::new();
        let (published, seen) = watch::channel(Published::nothing(file.clone()));
        let (sender, reports) = watch::channel(Vec::new());
        let options = HookOptions {
            hooks: vec![Hook {
                name: "hook".into(),
                event: Event::Success,
                command: format!("D=${{ROUTER_HOSTS_FILE%/*}}\n{command}"),
                timeout: limit,
            }],
            node: "attic".into(),
            file,
            note: Note {
                disk: Arc::new(RealDisk),
                directory: directory.path().to_owned(),
                work: Work::Threads,
            },
        };
        let mut running = JoinSet::new();
        let shell = Arc::new(RealShell);
        running.spawn(hooks::run(stop.clone(), seen, sender, shell, options));
        Self {
            stop,
            directory,
            published,
            reports,
            running,
        }
    }

    /// The file is written.
    pub(crate) fn write(&self) {
        self.published.send_modify(|now| {
            now.writes += 1;
            now.revision = Revision::new(now.revision.get() + 1);
        });
    }

    /// The file is written once, and the hook run for it.
    pub(crate) async fn run(&mut self) -> HookRun {
        self.write();
        self.until_run(1).await
    }

    pub(crate) async fn until_run(&mut self, times: u64) -> HookRun {
        let run = self
            .reports
            .wait_for(|reports| reports.first().is_some_and(|report| report.runs >= times));
        let reports = timeout(PATIENCE, run).await.expect("the hook ends");
        reports.unwrap().first().unwrap().last.clone().unwrap()
    }

    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        let ended = timeout(PATIENCE, self.running.join_next()).await;
        ended.expect("it stops").unwrap().unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The process whose number a hook has written to this file.
    pub(crate) async fn process(&self, name: &str) -> Process {
        let path = self.path(name);
        let text = until(&format!("{name} is written"), || {
            fs::read_to_string(&path)
                .ok()
                .filter(|text| text.ends_with('\n'))
        })
        .await;
        Process(text.trim().parse().unwrap())
    }
}

/// Waits for a state of what is no task of ours.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            sleep(INTERVAL).await;
        }
    };
    let found = timeout(PATIENCE, found).await;
    found.unwrap_or_else(|_| panic!("waited {PATIENCE:?} until {what}"))
}

/// A process of a hook.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(i32);

impl Process {
    pub(crate) fn is_alive(self) -> bool {
        let stat = fs::read_to_string(Path::new("/proc").join(self.0.to_string()).join("stat"));
        // The state follows the name, which is in brackets.
        let state = stat
            .ok()
            .and_then(|stat| stat.rsplit(')').next()?.trim().chars().next());
        state.is_some_and(|state| !"ZX".contains(state))
    }

    pub(crate) async fn until_dead(self) {
        until(&format!("process {} is dead", self.0), || {
            (!self.is_alive()).then_some(())
        })
        .await;
    }

    pub(crate) fn kill(self) {
        let pid = rustix::process::Pid::from_raw(self.0).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
}

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(5);
