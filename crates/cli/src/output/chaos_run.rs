//! A plan of faults, and a run of it.

use super::chaos::seconds;
use super::table::{Columns, Tint, columns, header, tinted};
use super::{Page, Report};
use crate::chaos::{Step, Writes};
use serde::Serialize;
use std::time::Duration;

/// The faults that a seed stands for.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct ChaosPlan {
    pub(crate) seed: u64,
    pub(crate) for_ms: u64,
    pub(crate) faults: Vec<Planned>,
}

/// One of them.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Planned {
    pub(crate) at_ms: u64,
    /// Zero for one that is over when it is done.
    pub(crate) lasts_ms: u64,
    pub(crate) fault: String,
    pub(crate) detail: Option<String>,
    /// `leader` or `follower`, as they are then.
    pub(crate) on: String,
}

/// What a run has done and found.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct ChaosRun {
    pub(crate) seed: u64,
    pub(crate) for_ms: u64,
    pub(crate) passed: bool,
    pub(crate) faults: Vec<ChaosFault>,
    pub(crate) writes: Writes,
    /// How long after the end all nodes were one healthy cluster; none, if they were not in time.
    pub(crate) converged_ms: Option<u64>,
    /// Why it has not passed, a line each.
    pub(crate) problems: Vec<String>,
}

/// A fault that was in force.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct ChaosFault {
    pub(crate) at_ms: u64,
    pub(crate) lasted_ms: u64,
    pub(crate) fault: String,
    pub(crate) detail: Option<String>,
    pub(crate) on: String,
    /// Which nodes that were.
    pub(crate) nodes: Vec<String>,
    /// What shows that it happened; none makes the run inconclusive.
    pub(crate) seen: Option<String>,
}

impl ChaosPlan {
    pub(crate) fn of(seed: u64, length: Duration, steps: &[Step]) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let planned = |step: &Step| Planned {
            at_ms: millis(step.at),
            lasts_ms: millis(step.lasts),
            fault: step.fault.word().to_owned(),
            detail: step.fault.detail(),
            on: step.on.to_owned(),
        };
        Self {
            seed,
            for_ms: millis(length),
            faults: steps.iter().map(planned).collect(),
        }
    }
}

impl Report for ChaosPlan {
    fn table(&self, page: Page) -> String {
        let layout = Columns {
            header: &["AT", "LASTS", "FAULT", "ON"],
            flowing: &[],
            spare: &[],
        };
        let row = |fault: &Planned| {
            vec![
                seconds(fault.at_ms),
                seconds(fault.lasts_ms),
                what(&fault.fault, fault.detail.as_deref()),
                fault.on.clone(),
            ]
        };
        let table = columns(page, layout, self.faults.iter().map(row));
        let (seed, time) = (self.seed, seconds(self.for_ms));
        format!("seed {seed}, {time}\n\n{table}")
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let names = header(&["at_ms", "lasts_ms", "fault", "detail", "on"]);
        let rows = self.faults.iter().map(|fault| {
            vec![
                fault.at_ms.to_string(),
                fault.lasts_ms.to_string(),
                fault.fault.clone(),
                fault.detail.clone().unwrap_or_default(),
                fault.on.clone(),
            ]
        });
        std::iter::once(names).chain(rows).collect()
    }
}

impl Report for ChaosRun {
    fn table(&self, page: Page) -> String {
        let layout = Columns {
            header: &["AT", "LASTED", "FAULT", "ON", "SEEN"],
            flowing: &["SEEN"],
            spare: &[],
        };
        let row = |fault: &ChaosFault| {
            vec![
                seconds(fault.at_ms),
                seconds(fault.lasted_ms),
                what(&fault.fault, fault.detail.as_deref()),
                format!("{} ({})", fault.nodes.join(", "), fault.on),
                fault.seen.clone().unwrap_or_else(|| "nothing".to_owned()),
            ]
        };
        let table = columns(page, layout, self.faults.iter().map(row));
        let Writes {
            acknowledged,
            refused,
            unknown,
            longest_gap_ms,
        } = self.writes;
        let gap = seconds(longest_gap_ms);
        let mut text = format!(
            "{table}\nwrites: {acknowledged} acknowledged, {refused} refused, {unknown} of unknown outcome; \
             longest gap {gap}\n"
        );
        if let Some(converged) = self.converged_ms {
            let time = seconds(converged);
            text.push_str(&format!("healed, and converged within {time}\n"));
        }
        for problem in &self.problems {
            text.push_str(&format!("{problem}\n"));
        }
        let verdict = match self.passed {
            true => tinted(Tint::Good, "passed", page),
            false => tinted(Tint::Bad, "not passed", page),
        };
        let seed = self.seed;
        let faults = match self.faults.len() {
            1 => "1 fault".to_owned(),
            count => format!("{count} faults"),
        };
        format!("{text}\nseed {seed}, {faults}: {verdict}\n")
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let names = header(&[
            "at_ms",
            "lasted_ms",
            "fault",
            "detail",
            "on",
            "nodes",
            "seen",
        ]);
        let rows = self.faults.iter().map(|fault| {
            vec![
                fault.at_ms.to_string(),
                fault.lasted_ms.to_string(),
                fault.fault.clone(),
                fault.detail.clone().unwrap_or_default(),
                fault.on.clone(),
                fault.nodes.join(" "),
                fault.seen.clone().unwrap_or_default(),
            ]
        });
        std::iter::once(names).chain(rows).collect()
    }
}

fn what(fault: &str, detail: Option<&str>) -> String {
    match detail {
        Some(detail) => format!("{fault} {detail}"),
        None => fault.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_says_what_it_did_and_why_it_has_not_passed() {
        let page = Page {
            width: None,
            color: false,
        };
        let run = ChaosRun {
            seed: 7,
            for_ms: 60_000,
            passed: false,
            faults: vec![ChaosFault {
                at_ms: 1500,
                lasted_ms: 4000,
                fault: "kill".to_owned(),
                detail: None,
                on: "leader".to_owned(),
                nodes: vec!["n2".to_owned()],
                seen: None,
            }],
            writes: Writes {
                acknowledged: 900,
                refused: 2,
                unknown: 1,
                longest_gap_ms: 1234,
            },
            converged_ms: Some(200),
            problems: vec!["the kill of n2 left no trace".to_owned()],
        };
        let said = "\
AT     LASTED  FAULT  ON           SEEN
1.5 s  4.0 s   kill   n2 (leader)  nothing

writes: 900 acknowledged, 2 refused, 1 of unknown outcome; longest gap 1.2 s
healed, and converged within 0.2 s
the kill of n2 left no trace

seed 7, 1 fault: not passed
";
        assert_eq!(run.table(page), said);
        assert_eq!(
            run.csv()[1],
            ["1500", "4000", "kill", "", "leader", "n2", ""]
        );
    }
}
