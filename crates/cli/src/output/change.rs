//! What became of a change: what there is now, at which revision, under which
//! request id, and, where it was waited for, on which nodes.

use super::host::HostView;
use super::table::header;
use super::{Page, Report};
use crate::client::{Publication, PublicationState};
use serde::Serialize;

/// What every change has in common.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct Done {
    pub(crate) revision: u64,
    pub(crate) request_id: String,
    /// Every node, where publication was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) published: Option<Vec<Publication>>,
}

impl Done {
    /// ` at revision 41`, and a line for every node.
    pub(super) fn tail(&self) -> String {
        let mut text = format!(" at revision {}\n", self.revision);
        for node in self.published.iter().flatten() {
            let Publication {
                id: _,
                name,
                result,
                revision,
                problem,
            } = node;
            let state = match result {
                PublicationState::Published => format!("published, file at revision {revision}"),
                PublicationState::Unreachable => "unreachable, not waited for".to_owned(),
                PublicationState::Failed => "cannot write its file".to_owned(),
                PublicationState::Pending => "not yet published".to_owned(),
                PublicationState::Unknown => "in a state unknown to this version".to_owned(),
            };
            text.push_str(&format!("  {name}: {state}"));
            if let Some(problem) = problem {
                text.push_str(&format!(" ({problem})"));
            }
            text.push('\n');
        }
        text
    }
}

impl Done {
    pub(super) const CSV_HEADER: [&'static str; 3] = ["revision", "request_id", "published"];

    /// Nodes are separated by blanks, each with what became of it:
    /// `attic=published shed=unreachable`.
    pub(super) fn csv_row(&self) -> [String; 3] {
        let nodes = self.published.iter().flatten();
        let nodes: Vec<String> = nodes
            .map(|node| format!("{}={}", node.name, node.result.as_str()))
            .collect();
        [
            self.revision.to_string(),
            self.request_id.clone(),
            nodes.join(" "),
        ]
    }
}

/// What was done to a host.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Added,
    Updated,
    /// It was so already.
    Unchanged,
}

/// A host that was added or updated. In JSON it is the host, with the
/// revision and the request id beside its own keys.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct Changed {
    #[serde(skip)]
    pub(crate) outcome: Outcome,
    #[serde(flatten)]
    pub(crate) host: HostView,
    /// Whether this command changed anything.
    pub(crate) changed: bool,
    #[serde(flatten)]
    pub(crate) done: Done,
}

impl Changed {
    pub(crate) fn new(outcome: Outcome, host: HostView, done: Done) -> Self {
        Self {
            outcome,
            host,
            changed: outcome != Outcome::Unchanged,
            done,
        }
    }
}

impl Report for Changed {
    fn table(&self, _: Page) -> String {
        let HostView {
            ip_address,
            hostname,
            id,
            ..
        } = &self.host;
        let (host, tail) = (format!("{hostname} {ip_address} ({id})"), self.done.tail());
        match self.outcome {
            Outcome::Added => format!("added {host}{tail}"),
            Outcome::Updated => format!("updated {host}{tail}"),
            Outcome::Unchanged => format!("nothing changed: {host} is so already{tail}"),
        }
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let mut names = header(&HostView::CSV_HEADER);
        names.push("changed".to_owned());
        names.extend(header(&Done::CSV_HEADER));
        let mut row = self.host.csv_row();
        row.push(self.changed.to_string());
        row.extend(self.done.csv_row());
        vec![names, row]
    }
}

/// A host that is gone, or was never there.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct Deleted {
    /// Its id; none where there was no such host.
    pub(crate) id: Option<String>,
    /// As it was named.
    #[serde(skip)]
    pub(crate) named: String,
    pub(crate) deleted: bool,
    #[serde(flatten)]
    pub(crate) done: Option<Done>,
}

impl Report for Deleted {
    fn table(&self, _: Page) -> String {
        match &self.done {
            Some(done) => format!("deleted {}{}", self.named, done.tail()),
            None => format!("there is no {}: nothing to delete\n", self.named),
        }
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let mut names = header(&["id", "deleted"]);
        names.extend(header(&Done::CSV_HEADER));
        let mut row = vec![
            self.id.clone().unwrap_or_default(),
            self.deleted.to_string(),
        ];
        row.extend(
            self.done
                .as_ref()
                .map_or_else(Default::default, Done::csv_row),
        );
        vec![names, row]
    }
}
