//! The file sinks that watch the nodes, below the hooks.

use super::super::Page;
use super::super::table::{Columns, columns};
use crate::client::{NodeStatus, Sink};

/// A row for every sink, or nothing where there are none.
pub(super) fn table(nodes: &[NodeStatus], page: Page) -> String {
    let rows: Vec<_> = nodes
        .iter()
        .flat_map(|node| node.sinks.listed.iter().map(|sink| row(&node.name, sink)))
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let layout = Columns {
        header: &COLUMNS,
        flowing: &["SINK", "INSTANCE"],
        spare: &["CONTRACT", "LAST SUCCESS"],
    };
    let mut text = format!("\n{}", columns(page, layout, rows));
    for node in nodes {
        let left_out = (node.sinks.known as usize).saturating_sub(node.sinks.listed.len());
        if left_out > 0 {
            text.push_str(&format!("{}: {left_out} more of its sinks\n", node.name));
        }
    }
    text
}

/// What is wrong with the sinks of a node.
pub(super) fn problems(node: &NodeStatus) -> impl Iterator<Item = String> + '_ {
    let said = |sink: &Sink| {
        let trouble = sink.trouble()?;
        Some(format!(
            "sink {} at {}: {trouble}",
            sink.client, sink.instance
        ))
    };
    node.sinks.listed.iter().filter_map(said)
}

const COLUMNS: [&str; 7] = [
    "NODE",
    "SINK",
    "INSTANCE",
    "FILE",
    "FAILURES",
    "CONTRACT",
    "LAST SUCCESS",
];

fn row(node: &str, sink: &Sink) -> Vec<String> {
    let file = match (sink.connected, sink.current) {
        (false, _) => "gone",
        (true, true) => "current",
        (true, false) => "behind",
    };
    vec![
        node.to_owned(),
        sink.client.clone(),
        sink.instance.clone(),
        file.to_owned(),
        sink.consecutive_failures.to_string(),
        sink.contract_version.clone(),
        sink.last_success
            .map_or_else(|| "never".to_owned(), |time| time.to_string()),
    ]
}
