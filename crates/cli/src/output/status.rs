//! The state of a cluster: a row for every node and one line of verdict.

use super::table::{Columns, Tint, columns, fits, header, pairs, tinted};
use super::{Page, Report};
use crate::client::{NodeStatus, Status};

mod hooks;
mod sinks;

impl Report for Status {
    /// A row for every node, or, on a narrow terminal, a few lines.
    fn table(&self, page: Page) -> String {
        let rows: Vec<_> = self.nodes.iter().map(|node| row(node, page)).collect();
        let unbound = Page {
            width: None,
            ..page
        };
        let layout = Columns {
            header: &COLUMNS,
            flowing: &[],
            spare: &[],
        };
        let mut text = columns(unbound, layout, rows.clone());
        if !fits(&text, page) {
            let blocks = rows
                .into_iter()
                .map(|row| pairs(page, COLUMNS.into_iter().zip(row).collect()));
            text = blocks.collect::<Vec<_>>().join("\n");
        }
        text.push_str(&hooks::table(&self.nodes, page));
        text.push_str(&sinks::table(&self.nodes, page));
        let problems: String = self
            .nodes
            .iter()
            .flat_map(problems)
            .map(|(name, problem)| format!("{name}: {problem}\n"))
            .collect();
        if !problems.is_empty() {
            text.push('\n');
            text.push_str(&problems);
        }
        text.push_str(&self.verdict_line(page));
        text
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let names = header(&[
            "id",
            "name",
            "address",
            "role",
            "reachable",
            "problem",
            "term",
            "last_log_index",
            "applied",
            "revision",
            "digest",
            "published_revision",
            "published_sha256",
            "published_error",
            "certificate_expires_at",
            "version",
            "hosts",
            "failed_hooks",
            "failing_sinks",
        ]);
        std::iter::once(names)
            .chain(self.nodes.iter().map(csv_row))
            .collect()
    }
}

const COLUMNS: [&str; 11] = [
    "NODE",
    "ADDRESS",
    "ROLE",
    "REACHABLE",
    "TERM",
    "LOG",
    "APPLIED",
    "PUBLISHED",
    "FILE SHA-256",
    "CERT UNTIL",
    "VERSION",
];

impl Status {
    fn verdict_line(&self, page: Page) -> String {
        let word = match self.is_leaderless() {
            true => "no leader yet",
            false => self.verdict,
        };
        let word = tinted(Tint::of_verdict(self.verdict), word, page);
        match self.explanation.as_str() {
            "" => format!("\n{word}\n"),
            explanation => format!("\n{word}: {explanation}\n"),
        }
    }

    /// Whether all nodes answer, and only a leader is missing: an election
    /// mends that by itself.
    fn is_leaderless(&self) -> bool {
        self.verdict == "no quorum" && self.nodes.iter().all(|node| node.reachable)
    }
}

fn row(node: &NodeStatus, page: Page) -> Vec<String> {
    // What an unreachable node last said is not known: a blank is honest.
    let known = |text: String| if node.reachable { text } else { "-".to_owned() };
    let published = node.published.as_ref();
    vec![
        node.name.clone(),
        node.address.clone(),
        known(node.role.to_owned()),
        if node.reachable { "yes" } else { "no" }.to_owned(),
        known(node.term.to_string()),
        known(node.last_log_index.to_string()),
        known(node.applied.to_string()),
        known(published.map_or_else(
            || "-".to_owned(),
            |file| match file.error {
                None => file.revision.to_string(),
                Some(_) => format!("{} (failed)", file.revision),
            },
        )),
        known(published.map_or_else(|| "-".to_owned(), |file| hash(&file.sha256, page))),
        known(
            node.certificate_expires_at
                .map_or_else(|| "-".to_owned(), |time| day(&time.to_string())),
        ),
        known(node.version.clone()),
    ]
}

/// What is wrong with a node, in its own words. They are too long for a cell.
fn problems(node: &NodeStatus) -> impl Iterator<Item = (&str, String)> {
    let file = node.published.iter();
    let file = file.flat_map(|file| file.error.iter().chain(&file.warnings));
    let what = node.problem.iter().chain(file).cloned();
    what.chain(hooks::problems(node))
        .chain(sinks::problems(node))
        .map(|problem| (node.name.as_str(), problem))
}

/// Enough of a hash to compare by eye; all of it in a pipe.
fn hash(hex: &str, page: Page) -> String {
    match page.width {
        Some(_) => hex.chars().take(12).collect(),
        None => hex.to_owned(),
    }
}

/// The date of an RFC 3339 time.
fn day(time: &str) -> String {
    time.split('T').next().unwrap_or(time).to_owned()
}

fn csv_row(node: &NodeStatus) -> Vec<String> {
    let published = node.published.as_ref();
    vec![
        node.id.to_string(),
        node.name.clone(),
        node.address.clone(),
        node.role.to_owned(),
        node.reachable.to_string(),
        node.problem.clone().unwrap_or_default(),
        node.term.to_string(),
        node.last_log_index.to_string(),
        node.applied.to_string(),
        node.revision.to_string(),
        node.digest.clone(),
        published.map_or_else(String::new, |file| file.revision.to_string()),
        published.map_or_else(String::new, |file| file.sha256.clone()),
        published
            .and_then(|file| file.error.clone())
            .unwrap_or_default(),
        node.certificate_expires_at
            .map_or_else(String::new, |time| time.to_string()),
        node.version.clone(),
        node.hosts.to_string(),
        hooks::failed(node),
        node.sinks.failing.to_string(),
    ]
}
