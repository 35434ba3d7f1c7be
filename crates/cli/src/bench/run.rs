//! A run: from its start over its tasks to its report.

use super::acked::Journal;
use super::latency;
use super::names::{Names, Prefix};
use super::pool::{POOL_MAX, Pool};
use super::tally::{Counts, Kind, Tally};
use super::targets::{Targets, Via};
use super::{reader, writer};
use crate::client::interrupt::Ending;
use crate::client::{Client, Listing};
use crate::config::Settings;
use crate::exit::{Failure, reasons};
use crate::output::{BenchError, BenchReport, Ended, Output};
use futures::future::select_ok;
use hosts::HostId;
use indicatif::ProgressBar;
use proto::convert::Consistency;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) writers: usize,
    pub(crate) readers: usize,
    /// Bytes of comment in every host.
    pub(crate) payload: usize,
    pub(crate) time: Duration,
    pub(crate) via: Via,
    /// To every node.
    pub(crate) connections: usize,
    /// From so many hosts on, writers change them instead of adding more.
    pub(crate) hosts_max: u64,
    pub(crate) consistency: Consistency,
    pub(crate) acked: Option<PathBuf>,
    pub(crate) prefix: Prefix,
    /// How long one call may take with all its attempts.
    pub(crate) limit: Duration,
}

/// What the tasks of a run have in common.
pub(super) struct Shared {
    pub(super) targets: Targets,
    pub(super) tally: Tally,
    pub(super) pool: Pool,
    pub(super) names: Names,
    pub(super) journal: Option<Journal>,
    /// The number of the next write.
    pub(super) next: AtomicU64,
    pub(super) hosts_max: u64,
    pub(super) consistency: Consistency,
    pub(super) limit: Duration,
    over: AtomicBool,
}

impl Shared {
    /// Whether nothing more is to be begun.
    pub(super) fn over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// Calls that are open at the end may still be answered for so long.
const GRACE: Duration = Duration::from_secs(5);
/// How often the cluster is asked who leads.
const LOOK: Duration = Duration::from_secs(1);
/// How long its answer may take: a node waits a second for a peer that hangs.
const LOOK_MAX: Duration = Duration::from_secs(3);

/// Runs a load and says what came of it.
pub(crate) async fn run(
    load: &Load,
    settings: &Settings,
    output: &Output,
) -> Result<BenchReport, Failure> {
    let targets = Targets::find(settings, load).await?;
    let mut watchers = watchers(settings)?;
    let pool = Pool::of(to_read(load, settings).await?);
    let names = Names::draw(load.prefix.clone(), load.payload)?;
    let journal = load.acked.as_deref().map(Journal::open).transpose()?;
    let shared = Arc::new(Shared {
        targets,
        pool,
        names,
        journal,
        next: AtomicU64::new(0),
        hosts_max: load.hosts_max,
        consistency: load.consistency,
        limit: load.limit,
        over: AtomicBool::new(false),
        // Last: from now on time counts.
        tally: Tally::new(),
    });
    let mut tasks = JoinSet::new();
    for task in 0..load.writers {
        tasks.spawn(writer::write(Arc::clone(&shared), task));
    }
    for task in 0..load.readers {
        let reading = reader::read(Arc::clone(&shared), task);
        tasks.spawn(async {
            reading.await;
            Ok(())
        });
    }
    let progress = output.running(load.time);
    let (ended, leaders) =
        until_over(&shared, &mut tasks, load.time, &mut watchers, &progress).await?;
    let at_the_end = AtTheEnd::of(&shared.tally);
    shared.over.store(true, Ordering::Relaxed);
    let unfinished = finish(&mut tasks).await?;
    progress.finish_and_clear();
    let report = report(load, &shared, ended, &leaders, &at_the_end, unfinished);
    match report.latency.is_empty() {
        false => Ok(report),
        true => Err(nothing(&report, shared.tally.counts().refused)),
    }
}

/// A client for each node: one that hangs does not keep the others from saying
/// who leads.
fn watchers(settings: &Settings) -> Result<Vec<Client>, Failure> {
    let nodes = settings.server.value.iter();
    nodes
        .map(|node| {
            let mut alone = settings.clone();
            alone.server.value = vec![node.clone()];
            Client::new(&alone, Some(LOOK_MAX))
        })
        .collect()
}

/// Waits for the time to be over, for Ctrl-C, SIGTERM or a task that cannot go on.
async fn until_over(
    shared: &Shared,
    tasks: &mut JoinSet<Result<(), Failure>>,
    time: Duration,
    watchers: &mut [Client],
    progress: &ProgressBar,
) -> Result<(Ended, Leaders), Failure> {
    let mut leaders = Leaders::default();
    let mut ending = Ending::watch();
    let watching = watch(shared, watchers, progress, &mut leaders);
    let ended = tokio::select! {
        () = tokio::time::sleep(time) => Ended::Time,
        () = ending.comes() => Ended::Interrupted,
        failure = first_failure(tasks) => return Err(failure),
        () = watching => Ended::Time,
    };
    Ok((ended, leaders))
}

/// Looks at the cluster and shows how the run goes. Does not end.
async fn watch(
    shared: &Shared,
    watchers: &mut [Client],
    progress: &ProgressBar,
    leaders: &mut Leaders,
) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = (Instant::now(), (0, 0));
    loop {
        ticks.tick().await;
        // A cluster that does not answer now may do so later.
        let asked = watchers.iter_mut().map(|node| Box::pin(node.status()));
        if let Ok((status, _)) = select_ok(asked).await {
            leaders.note(shared.targets.heed(&status));
        }
        let (now, so_far) = (Instant::now(), shared.tally.so_far());
        progress.set_position(shared.tally.elapsed().as_secs());
        progress.set_message(pace(last, (now, so_far)));
        last = (now, so_far);
    }
}

fn pace(before: (Instant, (u64, u64)), now: (Instant, (u64, u64))) -> String {
    let millis = u64::try_from((now.0 - before.0).as_millis()).unwrap_or(u64::MAX);
    let rate = |before: u64, now: u64| now.saturating_sub(before) * 1000 / millis.max(1);
    format!(
        "{} writes/s  {} reads/s",
        rate(before.1.0, now.1.0),
        rate(before.1.1, now.1.1)
    )
}

async fn first_failure(tasks: &mut JoinSet<Result<(), Failure>>) -> Failure {
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => return failure,
            Err(cause) => return broken(&cause),
        }
    }
    // Tasks end when the run is over, which is not for this function to say.
    std::future::pending().await
}

/// Waits for open calls, not forever. How many tasks still had one.
async fn finish(tasks: &mut JoinSet<Result<(), Failure>>) -> Result<usize, Failure> {
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(result) => result?,
                Err(cause) => return Err(broken(&cause)),
            }
        }
        Ok(())
    };
    if let Ok(result) = timeout(GRACE, all).await {
        result?;
    }
    let unfinished = tasks.len();
    tasks.shutdown().await;
    Ok(unfinished)
}

/// Who led, as far as it was seen.
#[derive(Default)]
struct Leaders {
    last: Option<(u64, u64)>,
    changes: u64,
}

impl Leaders {
    /// A leader of an earlier term is one that does not know better yet.
    fn note(&mut self, leader: Option<(u64, u64)>) {
        let Some((id, term)) = leader else { return };
        match self.last {
            Some((_, last)) if term < last => return,
            Some(last) if last != (id, term) => self.changes += 1,
            _ => {}
        }
        self.last = leader;
    }
}

/// What was counted when the time was over.
struct AtTheEnd {
    time: Duration,
    counts: BTreeMap<Kind, u64>,
    gap: super::tally::Gap,
}

impl AtTheEnd {
    fn of(tally: &Tally) -> Self {
        let Counts { answered, .. } = tally.counts();
        let totals = answered.iter().map(|(kind, took)| (*kind, took.total()));
        Self {
            time: tally.elapsed(),
            counts: totals.collect(),
            gap: tally.gap(),
        }
    }
}

fn report(
    load: &Load,
    shared: &Shared,
    ended: Ended,
    leaders: &Leaders,
    at_the_end: &AtTheEnd,
    unfinished: usize,
) -> BenchReport {
    let counts = shared.tally.counts();
    let AtTheEnd {
        time,
        counts: in_time,
        gap,
    } = at_the_end;
    let rows = counts.answered.iter().map(|(kind, took)| {
        let count = in_time.get(kind).copied().unwrap_or(0);
        latency(kind.as_str(), took, count, *time)
    });
    let errors = counts
        .errors
        .iter()
        .map(|((kind, reason), count)| BenchError {
            kind: kind.as_str(),
            reason: reason.to_string(),
            count: *count,
        });
    let given_up = counts.given_up.iter().map(|(kind, count)| BenchError {
        kind: kind.as_str(),
        reason: "GIVEN_UP".to_owned(),
        count: *count,
    });
    let writing = load.writers > 0;
    BenchReport {
        ended,
        seconds: time.as_secs_f64(),
        writers: load.writers,
        readers: load.readers,
        via: load.via.to_string(),
        nodes: shared.targets.endpoints(),
        connections: load.connections,
        payload_bytes: load.payload,
        prefix: load.prefix.to_string(),
        run: shared.names.run(),
        latency: rows.collect(),
        longest_gap_ms: writing.then_some(gap.length.as_micros() as f64 / 1000.0),
        longest_gap_at_s: writing.then_some(gap.began.as_secs_f64()),
        errors: errors.chain(given_up).collect(),
        unfinished,
        leader_changes: leaders.changes,
        term: leaders.last.map(|(_, term)| term),
    }
}

/// Hosts that readers begin with. Where there are none, writers must come
/// first.
async fn to_read(load: &Load, settings: &Settings) -> Result<Vec<HostId>, Failure> {
    if load.readers == 0 {
        return Ok(Vec::new());
    }
    let listing = Listing {
        filter: None,
        limit: i32::try_from(POOL_MAX).ok(),
        offset: None,
        consistency: Consistency::Linearizable,
    };
    let found = Client::new(settings, None)?.list_hosts(&listing).await?;
    if found.value.is_empty() && load.writers == 0 {
        return Err(Failure::of(
            reasons::NOTHING_TO_READ,
            "the cluster has no hosts to read",
        ));
    }
    Ok(found.value.iter().map(|host| host.id).collect())
}

/// A load of which nothing was answered. Where a node refused it, that is why,
/// and that is the exit status.
fn nothing(report: &BenchReport, refused: Option<Failure>) -> Failure {
    let errors: Vec<String> = report
        .errors
        .iter()
        .map(|error| format!("{} {} {}", error.count, error.kind, error.reason))
        .collect();
    let message = match errors.as_slice() {
        [] => "nothing was answered".to_owned(),
        errors => format!("nothing was answered: {}", errors.join(", ")),
    };
    match refused {
        Some(refused) => Failure {
            message: format!("{message}; {}", refused.message),
            ..refused
        },
        None => Failure::of(reasons::NOTHING_ANSWERED, message),
    }
}

fn broken(cause: &tokio::task::JoinError) -> Failure {
    Failure::of(
        reasons::INTERNAL,
        format!("a task of the run broke off: {cause}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_new_leader_counts_and_an_old_one_does_not_come_back() {
        let mut leaders = Leaders::default();
        for (seen, changes) in [
            (None, 0),
            (Some((1, 1)), 0),
            (Some((1, 1)), 0),
            (None, 0),
            (Some((2, 2)), 1),
            // The first one was paused, and has not heard of it.
            (Some((1, 1)), 1),
            (Some((2, 2)), 1),
            (Some((2, 4)), 2),
        ] {
            leaders.note(seen);
            assert_eq!(leaders.changes, changes, "{seen:?}");
        }
        assert_eq!(leaders.last, Some((2, 4)));
    }
}
