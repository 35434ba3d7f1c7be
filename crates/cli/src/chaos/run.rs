//! A run of faults by a plan: each is put in force, seen to happen, and healed in time.

use super::plan::{self, Fault, Step};
use super::probe::Probe;
use super::told;
use crate::assertion::{self, Assertion};
use crate::client::interrupt::Ending;
use crate::config::Settings;
use crate::dev::choose::Verb;
use crate::dev::control::{Request, Told};
use crate::exit::{Failure, reasons};
use crate::output::{ChaosFault, ChaosRun, FaultReport, Output};
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// Runs the plan of `seed` on the `dev` in `dir`. Whatever happens, everything is healed at the end.
///
/// # Errors
/// It cannot be run, or was interrupted. A run that went through is no error, whatever it has found.
pub(crate) async fn run(
    dir: &Path,
    settings: &Settings,
    seed: u64,
    length: Duration,
    output: &Output,
) -> Result<ChaosRun, Failure> {
    ready(dir).await?;
    let mut ending = Ending::watch();
    let mut probe = Probe::begin(settings).await?;
    let ran = {
        let steps = async {
            let began = Instant::now();
            let mut faults = Vec::new();
            for step in plan::draw(seed, length) {
                sleep_until(began + step.at).await;
                faults.push(perform(dir, &step, began, output).await?);
            }
            sleep_until(began + length).await;
            Ok(faults)
        };
        tokio::select! {
            ran = steps => ran,
            failure = probe.work() => Err(failure),
            () = ending.comes() => Err(Failure::of(
                reasons::INTERRUPTED,
                "the run was interrupted",
            ).hint("everything is healed; run the command again with the same --seed")),
        }
    };
    let healed = told(dir, &Request::of(Verb::Heal, Vec::new())).await;
    let faults = match ran.and_then(|faults| healed.map(|_| faults)) {
        Ok(faults) => faults,
        Err(failure) => {
            if let Err(left) = probe.end().await {
                let (name, why) = (probe.name(), left.message);
                output.note(&format!(
                    "chaos: the host {name} of this run is still there: {why}"
                ));
            }
            return Err(failure);
        }
    };
    let level = || assertion::check(&Assertion::Converged, CONVERGED, Some(dir), settings, None);
    let mut converged = level().await?;
    let took = converged.holds.then_some(converged.took_ms);
    let lost = probe.end().await?;
    if converged.holds {
        // The probe is gone from every file, too, before anybody compares them.
        converged = level().await?;
    }
    let mut problems: Vec<_> = faults.iter().filter_map(unseen).collect();
    problems.extend(converged.problems.iter().map(|problem| {
        let seconds = CONVERGED.as_secs();
        format!("not converged {seconds} s after the last fault: {problem}")
    }));
    problems.extend(lost);
    Ok(ChaosRun {
        seed,
        for_ms: millis(length),
        passed: problems.is_empty(),
        faults,
        writes: probe.writes,
        converged_ms: took,
        problems,
    })
}

/// Whether a run can begin: on a cluster with followers, whose links can be reached, and in which nothing is wrong.
async fn ready(dir: &Path) -> Result<(), Failure> {
    let Told {
        nodes,
        faults,
        chaos,
    } = told(dir, &Request::of(Verb::Status, Vec::new())).await?;
    if !chaos {
        let message = "this `dev` was started without --chaos";
        return Err(Failure::of(reasons::NO_CHAOS, message));
    }
    if nodes.len() < NODES_MIN {
        let count = nodes.len();
        let message = format!("a run needs {NODES_MIN} nodes, and there is a cluster of {count}");
        return Err(Failure::usage(message));
    }
    let down = nodes.iter().find(|node| node.state != "running");
    match (faults.first(), down) {
        (Some(fault), _) => {
            let (what, place) = (fault.what(), fault.place());
            Err(Failure::of(
                reasons::CHAOS_IN_FORCE,
                format!("{what} at {place} is in force"),
            ))
        }
        (None, Some(node)) => {
            let (name, state) = (&node.name, &node.state);
            Err(Failure::of(
                reasons::CHAOS_IN_FORCE,
                format!("{name} does not run: it is {state}"),
            ))
        }
        (None, None) => Ok(()),
    }
}

/// One fault, from its beginning until it is healed.
async fn perform(
    dir: &Path,
    step: &Step,
    began: Instant,
    output: &Output,
) -> Result<ChaosFault, Failure> {
    let before = told(dir, &Request::of(Verb::Status, Vec::new())).await?;
    let at = began.elapsed();
    let done = told(dir, &step.request()).await?;
    let since = Instant::now();
    let names: Vec<String> = done.nodes.iter().map(|node| node.name.clone()).collect();
    let (word, detail) = (step.fault.word(), step.fault.detail());
    output.note(&format!(
        "chaos: {:.1} s: {word}{} on {} ({})",
        at.as_secs_f64(),
        detail
            .as_ref()
            .map_or_else(String::new, |detail| format!(" {detail}")),
        names.join(", "),
        step.on,
    ));
    let seen = match step.fault {
        Fault::Restart => restarted(&before, &done),
        fault => {
            sleep_until(since + step.lasts).await;
            seen_within(dir, fault).await?
        }
    };
    let lasted = since.elapsed();
    told(dir, &Request::of(Verb::Heal, Vec::new())).await?;
    Ok(ChaosFault {
        at_ms: millis(at),
        lasted_ms: millis(lasted),
        fault: word.to_owned(),
        detail,
        on: step.on.to_owned(),
        nodes: names,
        seen,
    })
}

/// What shows that a fault in force has happened. It may be a moment late, as on a machine that has much to do.
async fn seen_within(dir: &Path, fault: Fault) -> Result<Option<String>, Failure> {
    let look = async {
        loop {
            let now = told(dir, &Request::of(Verb::Status, Vec::new())).await?;
            if let Some(seen) = evidence(fault, &now.faults) {
                return Ok(seen);
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    match timeout(SEEN, look).await {
        Ok(seen) => seen.map(Some),
        Err(_) => Ok(None),
    }
}

/// A cut has to show on every link; of the rest, one is enough: chance may spare some.
fn evidence(fault: Fault, reports: &[FaultReport]) -> Option<String> {
    let told = reports.iter().filter_map(|report| {
        let seen = report.seen.as_ref()?;
        Some(match report.to {
            Some(_) => format!("{}: {seen}", report.place()),
            None => seen.clone(),
        })
    });
    let told: Vec<_> = told.collect();
    let needed = match fault {
        Fault::Partition(_) => reports.len().max(1),
        _ => 1,
    };
    (told.len() >= needed).then(|| told.join("; "))
}

/// Whether every node that was restarted has another process than before.
fn restarted(before: &Told, after: &Told) -> Option<String> {
    let pairs = after.nodes.iter().map(|node| {
        let old = before.nodes.iter().find(|old| old.id == node.id)?.pid?;
        let new = node.pid?;
        (old != new).then(|| format!("process {old} is gone, process {new} serves"))
    });
    let pairs: Option<Vec<_>> = pairs.collect();
    pairs
        .filter(|pairs| !pairs.is_empty())
        .map(|pairs| pairs.join("; "))
}

fn unseen(fault: &ChaosFault) -> Option<String> {
    let ChaosFault {
        at_ms,
        fault: word,
        nodes,
        seen,
        ..
    } = fault;
    seen.is_none().then(|| {
        let nodes = nodes.join(", ");
        format!("the {word} of {nodes} at {at_ms} ms left no trace: it proves nothing")
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A leader, and followers enough for a majority without it.
const NODES_MIN: usize = 3;

/// After the time of a fault, for it to be seen.
const SEEN: Duration = Duration::from_secs(5);
const INTERVAL: Duration = Duration::from_millis(200);

/// After the last fault, for all nodes to be one cluster with the same files again.
const CONVERGED: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::control::Way;
    use crate::output::NodeReport;

    fn report(seen: Option<&str>) -> FaultReport {
        FaultReport {
            fault: "partition".to_owned(),
            node: "n1".to_owned(),
            to: Some("n2".to_owned()),
            detail: None,
            for_ms: 1,
            seen: seen.map(str::to_owned),
        }
    }

    #[test]
    fn a_cut_has_to_show_on_every_link_and_a_loss_on_one() {
        let reports = [report(Some("1 piece held back")), report(None)];
        assert_eq!(evidence(Fault::Partition(Way::Both), &reports), None);
        assert_eq!(evidence(Fault::Partition(Way::Both), &[]), None);
        let lossy = Fault::Drop { thousandths: 50 };
        let said = "n1 -> n2: 1 piece held back";
        assert_eq!(evidence(lossy, &reports).as_deref(), Some(said));
        assert_eq!(evidence(lossy, &[report(None)]), None);
    }

    #[test]
    fn a_restart_shows_in_the_process() {
        let told = |pid| Told {
            nodes: vec![NodeReport {
                id: 1,
                name: "n1".to_owned(),
                address: String::new(),
                state: "running".to_owned(),
                role: None,
                pid,
            }],
            ..Told::default()
        };
        let said = "process 4 is gone, process 5 serves";
        assert_eq!(
            restarted(&told(Some(4)), &told(Some(5))).as_deref(),
            Some(said)
        );
        assert_eq!(restarted(&told(Some(4)), &told(Some(4))), None);
        assert_eq!(restarted(&told(None), &told(Some(4))), None);
    }
}
