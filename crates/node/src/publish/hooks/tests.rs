//! The runner over a shell of the tests' own, on a clock that stands still
//! unless somebody waits.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::BoxFuture;
use raft_store::disk::{Disk as _, Work, memory::MemoryDisk};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::*;

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn the_first_write_after_a_quiet_time_is_told_at_once_and_with_all_facts() {
    let mut lab = Lab::of(&[success("reload", "reload 0ms 0")]);
    for quiet in [0, 1_000, 5_000] {
        pass(quiet * MS).await;
        let (revision, now) = (lab.write(), Instant::now());
        let run = lab.until_told(revision).await;
        assert_eq!(run.at, now, "after {quiet} ms");
    }
    let revision = lab.write();
    let facts = lab.until_told(revision).await.facts;
    assert_eq!(
        facts,
        [
            ("ROUTER_HOSTS_EVENT", "success".into()),
            ("ROUTER_HOSTS_ENTRY_COUNT", "40".into()),
            ("ROUTER_HOSTS_ERROR", String::new()),
            ("ROUTER_HOSTS_REVISION", "4".into()),
            ("ROUTER_HOSTS_NODE", "attic".into()),
            ("ROUTER_HOSTS_FILE", "/hosts".into()),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_a_reload_at_its_beginning_one_a_second_and_one_after_its_end() {
    let mut lab = Lab::of(&[success("reload", "reload 5ms 0")]);
    let began = Instant::now();
    for _ in 0..300 {
        lab.write();
        pass(10 * MS).await;
    }
    let last = lab.until_told(Revision::new(300)).await;
    assert!(last.at <= began + 4 * limits::HOOK_REST, "{last:?}");
    let runs = lab.shell.runs();
    assert_eq!(runs[0].at, began);
    assert_eq!(runs.len(), 4, "{runs:?}");
    for pair in runs.windows(2) {
        assert!(pair[1].at - pair[0].at >= limits::HOOK_REST, "{pair:?}");
    }
    // Every write was told of, by its own run or by a later one.
    let report = lab.until(|report| report.runs == 4).await;
    assert!(report.last.unwrap().coalesced > 50);
}

#[tokio::test(start_paused = true)]
async fn while_a_batch_runs_one_waits_and_the_latest_wins() {
    let mut lab = Lab::of(&[success("slow", "slow 8000ms 0")]);
    lab.write();
    for _ in 0..50 {
        pass(100 * MS).await;
        lab.write();
    }
    let report = lab.until(|report| report.runs == 2).await;
    let last = report.last.unwrap();
    assert_eq!((last.revision, last.coalesced), (Revision::new(51), 49));
    let runs = lab.shell.runs();
    assert_eq!(runs.len(), 2);
    assert_eq!(
        runs[1].at - runs[0].at,
        8_000 * MS + limits::HOOK_REST,
        "never two at a time"
    );
}

#[tokio::test(start_paused = true)]
async fn equal_bytes_are_told_to_nobody() {
    let mut lab = Lab::of(&[success("reload", "reload 0ms 0")]);
    let revision = lab.write();
    lab.until_told(revision).await;
    // Published further without a write, as after a change that renders the same.
    lab.publish(|now| now.revision = Revision::new(9));
    pass(60 * limits::HOOK_REST).await;
    assert_eq!(lab.shell.runs().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_once_and_does_not_hide_the_write_before_it() {
    let hooks = [
        success("reload", "reload 3000ms 0"),
        failure("alarm", "alarm 0ms 0"),
    ];
    let mut lab = Lab::of(&hooks);
    lab.write();
    pass(MS).await;
    lab.write();
    for attempt in 3..6 {
        lab.publish(|now| {
            now.attempted = Revision::new(attempt);
            now.error = Some("disk full".into());
        });
        pass(MS).await;
    }
    let alarm = lab.until_run("alarm").await;
    let fact = |name| alarm.fact(name);
    assert_eq!(fact("ROUTER_HOSTS_EVENT"), "failure");
    assert_eq!(fact("ROUTER_HOSTS_ERROR"), "disk full");
    assert_eq!(fact("ROUTER_HOSTS_REVISION"), "5");
    pass(60 * limits::HOOK_REST).await;
    let told: Vec<_> = lab.shell.runs().iter().map(Run::told).collect();
    assert_eq!(told, ["reload 1", "reload 2", "alarm 5"]);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_hangs_is_killed_at_its_timeout_and_the_next_has_its_turn() {
    let hooks = [
        success("hangs", "hangs for ever"),
        success("missing", "missing cannot start"),
        success("fails", "fails 7ms 3"),
        success("reload", "reload 0ms 0"),
    ];
    let mut lab = Lab::of(&hooks);
    let began = Instant::now();
    lab.write();
    let reload = lab.until_run("reload").await;
    assert_eq!(reload.at, began + HANG_LIMIT + 7 * MS);
    lab.until(|report| report.name == "reload" && report.runs == 1)
        .await;
    let results: Vec<_> = lab.reports.borrow().iter().map(told_result).collect();
    assert_eq!(
        results,
        [
            "hangs: not done within 4s and killed with its group (1 of 1 failed)",
            "missing: not run: no such shell (1 of 1 failed)",
            "fails: exit status 3 (1 of 1 failed)",
            "reload: succeeded (0 of 1 failed)",
        ]
    );
    assert_eq!(lab.shell.killed(), ["hangs"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stops_kills_what_runs_and_begins_nothing() {
    let hooks = [
        success("hangs", "hangs for ever"),
        success("reload", "reload 0ms 0"),
    ];
    let mut lab = Lab::of(&hooks);
    lab.write();
    lab.until_run("hangs").await;
    lab.write();
    let now = Instant::now();
    lab.stop().await;
    assert_eq!(Instant::now(), now);
    assert_eq!(lab.shell.killed(), ["hangs"]);
    assert_eq!(lab.shell.runs().len(), 1);
    let results: Vec<_> = lab.reports.borrow().iter().map(told_result).collect();
    assert_eq!(
        results,
        [
            "hangs: killed because the node stopped (0 of 1 failed)",
            "reload: never run (0 of 0 failed)"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_published_last_is_told_though_the_publisher_is_gone() {
    let mut lab = Lab::of(&[success("reload", "reload 0ms 0")]);
    let revision = lab.write();
    lab.published = None;
    lab.until_told(revision).await;
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_did_not_tell_is_told_at_the_start() {
    let good = [success("reload", "reload 0ms 0")];
    let bad = [success("reload", "reload 0ms 1"), good[0].clone()];
    let hangs = [success("hangs", "hangs for ever")];
    for (hooks, again) in [(&good[..], false), (&bad[..], true), (&hangs[..], true)] {
        let mut first = Lab::of(hooks);
        first.write();
        if hooks == hangs {
            first.until_run("hangs").await;
        } else {
            first.until_all_ran().await;
        }
        first.stop().await;

        let mut second = Lab::on(first.disk.clone(), &good);
        second.find([1; 32]);
        pass(60 * limits::HOOK_REST).await;
        let runs = second.shell.runs();
        assert_eq!(runs.len(), usize::from(again), "{hooks:?}");
        if again {
            assert_eq!(runs[0].told(), "reload 41");
        }
        second.stop().await;

        // It is told now.
        let third = Lab::on(first.disk.clone(), &good);
        third.find([1; 32]);
        pass(60 * limits::HOOK_REST).await;
        assert_eq!(third.shell.runs().len(), 0, "{hooks:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_note_that_is_lost_or_cannot_be_written_costs_a_reload_and_nothing_else() {
    let hooks = [success("reload", "reload 0ms 0")];
    let mut first = Lab::of(&hooks);
    first.write();
    first.until_all_ran().await;
    first.stop().await;
    first.disk.remove(&Path::new(DATA).join("TOLD")).unwrap();
    let mut empty = first.disk.create(&Path::new(DATA).join("TOLD")).unwrap();
    empty.append(b"half of").unwrap();
    let mut second = Lab::on(first.disk.clone(), &hooks);
    second.find([1; 32]);
    second.until_told(Revision::new(41)).await;

    let nowhere = Lab::on(MemoryDisk::new(), &hooks);
    nowhere.find([1; 32]);
    nowhere.shell.until(|_| true).await;
    pass(2 * limits::HOOK_REST).await;
    let revision = nowhere.write();
    assert_eq!(revision, Revision::new(42));
    let mut nowhere = nowhere;
    nowhere.until_told(revision).await;
    nowhere.stop().await;
}

/// Lets time go by on the clock of these tests, which does not wait.
async fn pass(time: Duration) {
    sleep(time).await;
}

/// Of the hooks of these tests.
const HANG_LIMIT: Duration = Duration::from_secs(4);
const DATA: &str = "/data";
const PATIENCE: Duration = Duration::from_secs(600);

fn success(name: &str, command: &str) -> Hook {
    Hook {
        name: name.into(),
        event: Event::Success,
        command: command.into(),
        timeout: if command.ends_with("ever") {
            HANG_LIMIT
        } else {
            limits::HOOK_TIME
        },
    }
}

fn failure(name: &str, command: &str) -> Hook {
    Hook {
        event: Event::Failure,
        ..success(name, command)
    }
}

fn told_result(report: &HookReport) -> String {
    let HookReport {
        name,
        last,
        runs,
        failures,
        ..
    } = report;
    let last = last
        .as_ref()
        .map_or("never run".into(), ToString::to_string);
    format!("{name}: {last} ({failures} of {runs} failed)")
}

/// A runner, what it is shown, and what it did.
struct Lab {
    stop: CancellationToken,
    published: Option<watch::Sender<Published>>,
    reports: watch::Receiver<Vec<HookReport>>,
    shell: Arc<Scripted>,
    running: JoinSet<()>,
    disk: MemoryDisk,
}

impl Lab {
    fn of(hooks: &[Hook]) -> Self {
        let disk = MemoryDisk::new();
        disk.create_dir_all(Path::new(DATA)).unwrap();
        Self::on(disk, hooks)
    }

    /// A later process of the same node, if there was one.
    fn on(disk: MemoryDisk, hooks: &[Hook]) -> Self {
        let (stop, shell) = (CancellationToken::new(), Arc::new(Scripted::default()));
        let (published, seen) = watch::channel(Published::nothing("/hosts".into()));
        let (sender, reports) = watch::channel(Vec::new());
        let options = HookOptions {
            hooks: hooks.to_vec(),
            node: "attic".into(),
            file: Path::new("/hosts").into(),
            note: Note {
                disk: Arc::new(disk.clone()),
                directory: DATA.into(),
                work: Work::Inline,
            },
        };
        let mut running = JoinSet::new();
        let shown: Arc<dyn Shell> = shell.clone();
        running.spawn(run(stop.clone(), seen, sender, shown, options));
        Self {
            stop,
            published: Some(published),
            reports,
            shell,
            running,
            disk,
        }
    }

    /// The file that an earlier process has written is found.
    fn find(&self, sha256: [u8; 32]) {
        self.publish(|now| {
            now.revision = Revision::new(41);
            now.sha256 = Some(sha256);
        });
    }

    fn publish(&self, change: impl FnOnce(&mut Published)) {
        let published = self.published.as_ref().expect("it was not ended");
        published.send_modify(change);
    }

    /// Publishes the next revision, ten hosts a revision.
    fn write(&self) -> Revision {
        self.publish(|now| {
            now.writes += 1;
            now.revision = Revision::new(now.revision.get() + 1);
            now.attempted = now.revision;
            now.entries = Some(10 * usize::try_from(now.writes).unwrap());
            now.sha256 = Some([u8::try_from(now.writes % 256).unwrap(); 32]);
        });
        let published = self.published.as_ref().expect("it was not ended");
        published.borrow().revision
    }

    async fn until(&mut self, wanted: impl Fn(&HookReport) -> bool) -> HookReport {
        let found = self.reports.wait_for(|reports| reports.iter().any(&wanted));
        let found = timeout(PATIENCE, found).await.expect("within the patience");
        let reports = found.expect("the runner runs").clone();
        reports.into_iter().find(wanted).expect("it was there")
    }

    /// The run that was told of `revision`.
    async fn until_told(&mut self, revision: Revision) -> Run {
        let told = |run: &Run| run.fact("ROUTER_HOSTS_REVISION") == revision.to_string();
        self.shell.until(told).await
    }

    async fn until_run(&mut self, name: &str) -> Run {
        self.shell.until(|run| run.name == name).await
    }

    async fn until_all_ran(&mut self) {
        let ran = self.reports.wait_for(|reports| {
            reports.iter().all(|report| report.runs > 0) && !reports.is_empty()
        });
        let ran = timeout(PATIENCE, ran).await.expect("within the patience");
        drop(ran.expect("the runner runs"));
    }

    async fn stop(&mut self) {
        self.stop.cancel();
        let ended = timeout(PATIENCE, self.running.join_next()).await;
        ended.unwrap().unwrap().unwrap();
    }
}

/// Commands are `NAME TIME STATUS`, `NAME for ever` and `NAME cannot start`.
#[derive(Debug, Default)]
struct Scripted {
    runs: watch::Sender<Vec<Run>>,
    killed: Arc<Mutex<BTreeMap<String, Instant>>>,
}

#[derive(Clone, Debug)]
struct Run {
    name: String,
    at: Instant,
    facts: Facts,
}

impl Run {
    fn fact(&self, wanted: &str) -> &str {
        let mut facts = self.facts.iter();
        let found = facts.find(|(name, _)| *name == wanted);
        &found.expect("it is told").1
    }

    fn told(&self) -> String {
        format!("{} {}", self.name, self.fact("ROUTER_HOSTS_REVISION"))
    }
}

impl Scripted {
    fn runs(&self) -> Vec<Run> {
        self.runs.borrow().clone()
    }

    fn killed(&self) -> Vec<String> {
        self.killed.lock().unwrap().keys().cloned().collect()
    }

    async fn until(&self, wanted: impl Fn(&Run) -> bool) -> Run {
        let mut runs = self.runs.subscribe();
        let found = runs.wait_for(|runs| runs.iter().any(&wanted));
        let found = timeout(PATIENCE, found).await.expect("within the patience");
        let runs = found.expect("the shell is here").clone();
        runs.into_iter().find(wanted).expect("it was there")
    }
}

impl Shell for Scripted {
    fn start(&self, command: &str, facts: &Facts) -> io::Result<Box<dyn Running>> {
        let (name, rest) = command.split_once(' ').unwrap();
        if rest == "cannot start" {
            return Err(io::Error::other("no such shell"));
        }
        let ends = rest.split_once("ms ").map(|(time, status)| {
            let time: u64 = time.parse().unwrap();
            let how = How::Exited(status.parse().unwrap());
            (Instant::now() + Duration::from_millis(time), how)
        });
        self.runs.send_modify(|runs| {
            runs.push(Run {
                name: name.into(),
                at: Instant::now(),
                facts: facts.clone(),
            });
        });
        Ok(Box::new(Script {
            name: name.into(),
            ends,
            killed: self.killed.clone(),
        }))
    }
}

#[derive(Debug)]
struct Script {
    name: String,
    ends: Option<(Instant, How)>,
    killed: Arc<Mutex<BTreeMap<String, Instant>>>,
}

impl Running for Script {
    fn ended(&mut self) -> BoxFuture<'_, io::Result<Ended>> {
        Box::pin(async {
            let Some((at, how)) = self.ends else {
                return std::future::pending().await;
            };
            sleep_until(at).await;
            Ok(Ended {
                how,
                output: String::new(),
                left_behind: false,
            })
        })
    }

    fn kill(&mut self) {
        let now = Instant::now();
        self.killed.lock().unwrap().insert(self.name.clone(), now);
        self.ends = Some((now, How::Killed(9)));
    }
}
