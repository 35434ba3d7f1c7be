//! The hooks of all nodes, below the nodes.

use super::super::Page;
use super::super::table::{Columns, columns};
use crate::client::{Hook, HookState, NodeStatus};

/// A row for every hook, or nothing where there are none.
pub(super) fn table(nodes: &[NodeStatus], page: Page) -> String {
    let rows: Vec<_> = nodes
        .iter()
        .flat_map(|node| node.hooks.iter().map(|hook| row(&node.name, hook)))
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let layout = Columns {
        header: &COLUMNS,
        flowing: &["HOOK"],
        spare: &["COALESCED", "RUNS", "FAILURES"],
    };
    format!("\n{}", columns(page, layout, rows))
}

/// What is wrong with the hooks of a node.
pub(super) fn problems(node: &NodeStatus) -> impl Iterator<Item = String> + '_ {
    let bad = node.hooks.iter().filter(|hook| hook.result.is_bad());
    bad.map(|hook| format!("hook {}: {}", hook.name, hook.detail))
}

/// The names of those that failed, for a cell.
pub(super) fn failed(node: &NodeStatus) -> String {
    let bad = node.hooks.iter().filter(|hook| hook.result.is_bad());
    bad.map(|hook| hook.name.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

const COLUMNS: [&str; 9] = [
    "NODE",
    "HOOK",
    "ON",
    "RESULT",
    "REVISION",
    "TOOK",
    "COALESCED",
    "RUNS",
    "FAILURES",
];

fn row(node: &str, hook: &Hook) -> Vec<String> {
    let has_run = hook.result != HookState::NeverRun;
    let of_run = |text: String| if has_run { text } else { "-".to_owned() };
    vec![
        node.to_owned(),
        hook.name.clone(),
        hook.event.to_owned(),
        hook.result.as_str().to_owned(),
        of_run(hook.revision.to_string()),
        of_run(format!("{} ms", hook.duration_ms)),
        of_run(hook.coalesced.to_string()),
        hook.runs.to_string(),
        hook.failures.to_string(),
    ]
}
