//! A closed loop: so many tasks, each making its next call when the last is answered.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::ours::Latency;
use crate::percentile;

/// Calls `one(task, number)` from `tasks` tasks for `time`.
pub(crate) async fn closed<F>(
    tasks: usize,
    time: Duration,
    one: impl Fn(usize, usize) -> F + Clone + Send + 'static,
) -> Latency
where
    F: Future<Output = ()> + Send,
{
    let begin = Instant::now();
    let mut running = JoinSet::new();
    for task in 0..tasks {
        let one = one.clone();
        running.spawn(async move {
            let mut took = Vec::new();
            while begin.elapsed() < time {
                let at = Instant::now();
                one(task, took.len()).await;
                took.push(at.elapsed().as_secs_f64() * 1e3);
            }
            took
        });
    }
    let mut all = running.join_all().await.concat();
    let seconds = begin.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
    let per_second = all.len() as f64 / seconds;
    Latency {
        per_second,
        p50: percentile(&mut all, 0.5),
        p95: percentile(&mut all, 0.95),
        p99: percentile(&mut all, 0.99),
        max: percentile(&mut all, 1.0),
    }
}
