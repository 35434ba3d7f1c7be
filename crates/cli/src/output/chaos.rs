//! What was done to the nodes of a cluster on this machine, and what is in force.

use super::table::{Columns, columns, header};
use super::{Page, Report};
use serde::{Deserialize, Serialize};

/// The nodes that something was done to, or that were asked for.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Acted {
    /// As typed: `kill`, `partition`, `status`.
    pub(crate) verb: &'static str,
    /// What people read: `killed`. None for `status`.
    #[serde(skip)]
    pub(crate) done: Option<&'static str>,
    pub(crate) nodes: Vec<NodeReport>,
    /// What is in force now, of all faults for `status` and else of this verb; for `heal`, what was until now.
    pub(crate) faults: Vec<FaultReport>,
}

/// A fault, and what shows that it happened.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct FaultReport {
    /// `kill`, `pause`, `partition`, `delay`, `drop`, `disk-full` or `hook-fail`.
    pub(crate) fault: String,
    /// The node, or the one that sends.
    pub(crate) node: String,
    /// The one that is sent to, for a fault of a link.
    pub(crate) to: Option<String>,
    /// How strong: `100ms ± 20ms`, `5 %`. None where there is no more or less.
    pub(crate) detail: Option<String>,
    /// How long it has been in force, in milliseconds.
    pub(crate) for_ms: u64,
    /// What it has met until now, in words; none when nothing shows yet that it happened.
    pub(crate) seen: Option<String>,
}

impl FaultReport {
    /// The node, or the link.
    pub(crate) fn place(&self) -> String {
        match &self.to {
            Some(to) => format!("{} -> {to}", self.node),
            None => self.node.clone(),
        }
    }

    /// With its detail.
    pub(crate) fn what(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{} {detail}", self.fault),
            None => self.fault.clone(),
        }
    }
}

/// A row for every fault.
fn faults(page: Page, faults: &[FaultReport]) -> String {
    let layout = Columns {
        header: &["FAULT", "AT", "FOR", "SEEN"],
        flowing: &["SEEN"],
        spare: &[],
    };
    let row = |fault: &FaultReport| {
        vec![
            fault.what(),
            fault.place(),
            seconds(fault.for_ms),
            fault
                .seen
                .clone()
                .unwrap_or_else(|| "nothing yet".to_owned()),
        ]
    };
    columns(page, layout, faults.iter().map(row))
}

/// Milliseconds as seconds with one digit.
pub(super) fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

/// One of them, also as a running `dev` tells it.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct NodeReport {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) address: String,
    /// `running`, `paused`, `killed`, `stopped`, `ended` or `new`.
    pub(crate) state: String,
    /// `leader`, `voter` or `learner`, before anything was done to it; none if nobody asked or nobody knows.
    pub(crate) role: Option<String>,
    /// The id of the process, while there is one.
    pub(crate) pid: Option<u32>,
}

impl Acted {
    fn rows(&self, absent: &str) -> Vec<Vec<String>> {
        let row = |node: &NodeReport| {
            vec![
                node.name.clone(),
                node.address.clone(),
                node.state.clone(),
                node.role.clone().unwrap_or_else(|| absent.to_owned()),
                node.pid
                    .map_or_else(|| absent.to_owned(), |pid| pid.to_string()),
            ]
        };
        self.nodes.iter().map(row).collect()
    }
}

impl Report for Acted {
    fn table(&self, page: Page) -> String {
        let Some(done) = self.done else {
            let layout = Columns {
                header: &["NODE", "ADDRESS", "STATE", "ROLE", "PROCESS"],
                flowing: &[],
                spare: &["ADDRESS"],
            };
            let nodes = columns(page, layout, self.rows("-"));
            return match self.faults.as_slice() {
                [] => format!("{nodes}\nno fault is in force\n"),
                found => format!("{nodes}\n{}", faults(page, found)),
            };
        };
        if self.verb == "heal" {
            return match self.faults.as_slice() {
                [] => "nothing was in force\n".to_owned(),
                healed => format!("healed:\n{}", faults(page, healed)),
            };
        }
        let line = |node: &NodeReport| {
            let role = node
                .role
                .as_ref()
                .map_or_else(String::new, |role| format!(" ({role})"));
            format!("{done} {}{role}\n", node.name)
        };
        self.nodes.iter().map(line).collect()
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let names = header(&["name", "address", "state", "role", "pid"]);
        std::iter::once(names).chain(self.rows("")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPE: Page = Page {
        width: None,
        color: false,
    };

    #[test]
    fn what_was_done_names_the_nodes() {
        let node = NodeReport {
            id: 2,
            name: "n2".to_owned(),
            address: "127.0.0.1:2".to_owned(),
            state: "killed".to_owned(),
            role: Some("leader".to_owned()),
            pid: None,
        };
        let mut acted = Acted {
            verb: "kill",
            done: Some("killed"),
            nodes: vec![node],
            faults: Vec::new(),
        };
        assert_eq!(acted.table(PIPE), "killed n2 (leader)\n");
        assert_eq!(
            acted.csv()[1],
            ["n2", "127.0.0.1:2", "killed", "leader", ""]
        );
        acted.done = None;
        let text = acted.table(PIPE);
        assert!(text.contains("NODE"), "{text}");
        assert!(text.ends_with("\n\nno fault is in force\n"), "{text}");
    }

    #[test]
    fn what_is_in_force_says_what_shows_it() {
        let cut = FaultReport {
            fault: "partition".to_owned(),
            node: "n1".to_owned(),
            to: Some("n2".to_owned()),
            detail: None,
            for_ms: 12_345,
            seen: Some("3 pieces held back".to_owned()),
        };
        let late = FaultReport {
            fault: "delay".to_owned(),
            detail: Some("100ms ± 20ms".to_owned()),
            seen: None,
            ..cut.clone()
        };
        let mut acted = Acted {
            verb: "status",
            done: None,
            nodes: Vec::new(),
            faults: vec![cut, late],
        };
        let text = acted.table(PIPE);
        assert!(
            text.contains("partition           n1 -> n2  12.3 s  3 pieces held back\n"),
            "{text}"
        );
        assert!(
            text.contains("delay 100ms ± 20ms  n1 -> n2  12.3 s  nothing yet\n"),
            "{text}"
        );
        (acted.verb, acted.done) = ("heal", Some("healed"));
        assert!(acted.table(PIPE).starts_with("healed:\nFAULT"));
        acted.faults.clear();
        assert_eq!(acted.table(PIPE), "nothing was in force\n");
    }
}
