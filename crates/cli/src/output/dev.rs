//! A cluster on this machine: its processes and its files.

use super::table::{Columns, Tint, columns, header, tinted};
use super::{Page, Report};
use serde::Serialize;
use std::path::PathBuf;

/// The hosts files of all nodes, compared.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Copies {
    /// All of them exist and have the same bytes.
    pub(crate) equal: bool,
    pub(crate) files: Vec<Copy>,
}

/// One of them.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Copy {
    pub(crate) node: String,
    /// Every change up to it is in the file.
    pub(crate) revision: u64,
    /// Of the bytes on the disk, hex; none if there is no file.
    pub(crate) sha256: Option<String>,
    pub(crate) path: PathBuf,
}

impl Copies {
    pub(crate) fn of(files: Vec<Copy>) -> Self {
        let first = files.first().and_then(|copy| copy.sha256.as_ref());
        let equal = first.is_some() && files.iter().all(|copy| copy.sha256.as_ref() == first);
        Self { equal, files }
    }

    /// One line: how many are equal.
    pub(crate) fn verdict(&self) -> String {
        match self.files.len() {
            1 if self.equal => "1 file".to_owned(),
            count if self.equal => format!("{count} equal files"),
            _ if self.files.iter().any(|copy| copy.sha256.is_none()) => {
                "not every node has a file".to_owned()
            }
            count => format!("the {count} files are not equal"),
        }
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |copy: &Copy| {
            vec![
                copy.node.clone(),
                copy.revision.to_string(),
                copy.sha256.clone().unwrap_or_else(|| "no file".to_owned()),
                copy.path.display().to_string(),
            ]
        };
        self.files.iter().map(row).collect()
    }
}

impl Report for Copies {
    fn table(&self, page: Page) -> String {
        // A hash and a path that are cut help nobody: the lines may be long.
        let page = Page {
            width: None,
            ..page
        };
        let layout = Columns {
            header: &["NODE", "REVISION", "SHA-256", "FILE"],
            flowing: &[],
            spare: &[],
        };
        let table = columns(page, layout, self.rows());
        let tint = if self.equal { Tint::Good } else { Tint::Bad };
        format!("{table}\n{}\n", tinted(tint, &self.verdict(), page))
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let names = header(&["node", "revision", "sha256", "path"]);
        std::iter::once(names).chain(self.rows()).collect()
    }
}

/// All nodes, as `dev` shows them while they run.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Overview {
    /// `healthy`, `degraded`, `no quorum` or `unknown`.
    pub(crate) verdict: &'static str,
    /// One line for a person; may be empty.
    pub(crate) explanation: String,
    pub(crate) nodes: Vec<Seen>,
}

/// One node: the process, and what the cluster knows of it.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) pid: Option<u32>,
    /// `running`, `paused`, `killed`, `stopped` or `ended`.
    pub(crate) state: &'static str,
    /// None while the cluster does not reach it.
    pub(crate) known: Option<Known>,
}

/// What the cluster knows of a node that it reaches.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Known {
    pub(crate) role: &'static str,
    pub(crate) term: u64,
    pub(crate) applied: u64,
    pub(crate) published: u64,
    pub(crate) sha256: String,
    pub(crate) error: Option<String>,
}

impl Overview {
    /// What is another than in `before`, a line each.
    pub(crate) fn since(&self, before: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (now, then) in self.nodes.iter().zip(&before.nodes) {
            let name = &now.name;
            if (now.state, now.pid) != (then.state, then.pid) {
                lines.push(match now.pid {
                    Some(pid) => format!("{name}: {}, process {pid}", now.state),
                    None => format!("{name}: {}", now.state),
                });
            }
            let Some(known) = &now.known else {
                continue;
            };
            let then = then.known.as_ref();
            let leads = |known: &Known| (known.role == "leader").then_some(known.term);
            if let Some(term) = leads(known)
                && then.and_then(leads) != Some(term)
            {
                lines.push(format!("{name}: leader, term {term}"));
            }
            let file = |known: &Known| (known.published, known.sha256.clone());
            if then.is_none_or(|then| file(then) != file(known)) {
                let (revision, sha256) = file(known);
                lines.push(format!(
                    "{name}: file of revision {revision}, sha256 {sha256}"
                ));
            }
            if let Some(error) = &known.error
                && then.is_none_or(|then| then.error.as_ref() != Some(error))
            {
                lines.push(format!("{name}: {error}"));
            }
        }
        if self.verdict_line() != before.verdict_line() {
            lines.push(self.verdict_line());
        }
        lines
    }

    /// What the cluster knew of a node before, where it knows nothing now: a node that comes back as it was is no news.
    pub(crate) fn remember(&mut self, before: Self) {
        for (now, then) in self.nodes.iter_mut().zip(before.nodes) {
            now.known = now.known.take().or(then.known);
        }
    }

    fn verdict_line(&self) -> String {
        match self.explanation.as_str() {
            "" => self.verdict.to_owned(),
            explanation => format!("{}: {explanation}", self.verdict),
        }
    }
}

impl Report for Overview {
    fn table(&self, page: Page) -> String {
        let rows = self.nodes.iter().map(|seen| {
            let known = |text: fn(&Known) -> String| {
                seen.known.as_ref().map_or_else(|| "-".to_owned(), text)
            };
            vec![
                seen.name.clone(),
                seen.address.clone(),
                seen.pid
                    .map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
                seen.state.to_owned(),
                known(|known| known.role.to_owned()),
                known(|known| known.term.to_string()),
                known(|known| known.applied.to_string()),
                known(|known| known.published.to_string()),
                // Enough to compare by eye.
                known(|known| known.sha256.chars().take(12).collect()),
            ]
        });
        let layout = Columns {
            header: &[
                "NODE",
                "ADDRESS",
                "PROCESS",
                "STATE",
                "ROLE",
                "TERM",
                "APPLIED",
                "PUBLISHED",
                "FILE SHA-256",
            ],
            flowing: &[],
            spare: &["ADDRESS", "PROCESS", "APPLIED"],
        };
        let table = columns(page, layout, rows);
        let line = self.verdict_line();
        let explanation = line.strip_prefix(self.verdict).unwrap_or_default();
        let verdict = tinted(Tint::of_verdict(self.verdict), self.verdict, page);
        format!("{table}\n{verdict}{explanation}\n")
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let names = header(&[
            "name",
            "address",
            "pid",
            "state",
            "role",
            "published",
            "sha256",
        ]);
        let rows = self.nodes.iter().map(|seen| {
            let known = seen.known.as_ref();
            vec![
                seen.name.clone(),
                seen.address.clone(),
                seen.pid.map_or_else(String::new, |pid| pid.to_string()),
                seen.state.to_owned(),
                known.map_or_else(String::new, |known| known.role.to_owned()),
                known.map_or_else(String::new, |known| known.published.to_string()),
                known.map_or_else(String::new, |known| known.sha256.clone()),
            ]
        });
        std::iter::once(names).chain(rows).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPE: Page = Page {
        width: None,
        color: false,
    };

    fn copy(node: &str, sha256: Option<&str>) -> Copy {
        Copy {
            node: node.to_owned(),
            revision: 7,
            sha256: sha256.map(str::to_owned),
            path: PathBuf::from(format!("/d/{node}/hosts")),
        }
    }

    #[test]
    fn equal_files_are_counted() {
        let copies = Copies::of(
            ["n1", "n2", "n3"]
                .map(|node| copy(node, Some("ab")))
                .to_vec(),
        );
        assert!(copies.equal);
        let text = copies.table(PIPE);
        assert!(
            text.contains("n2    7         ab       /d/n2/hosts\n"),
            "{text}"
        );
        assert!(text.ends_with("\n\n3 equal files\n"), "{text}");
    }

    #[test]
    fn files_that_differ_or_miss_are_not_equal() {
        let differ = Copies::of(vec![copy("n1", Some("ab")), copy("n2", Some("cd"))]);
        assert_eq!(
            (differ.equal, differ.verdict().as_str()),
            (false, "the 2 files are not equal")
        );
        for missing in [
            vec![copy("n1", None)],
            vec![copy("n1", Some("ab")), copy("n2", None)],
        ] {
            let missing = Copies::of(missing);
            assert_eq!(missing.verdict(), "not every node has a file");
            assert!(!missing.equal);
        }
        assert!(!Copies::of(Vec::new()).equal);
    }

    fn overview(state: &'static str, known: Option<Known>) -> Overview {
        Overview {
            verdict: if known.is_some() {
                "healthy"
            } else {
                "degraded"
            },
            explanation: String::new(),
            nodes: vec![Seen {
                name: "n1".to_owned(),
                address: "127.0.0.1:1".to_owned(),
                pid: known.is_some().then_some(9),
                state,
                known,
            }],
        }
    }

    #[test]
    fn every_change_is_a_line() {
        let known = Known {
            role: "voter",
            term: 1,
            applied: 3,
            published: 3,
            sha256: "ab".to_owned(),
            error: None,
        };
        let first = overview("running", Some(known.clone()));
        assert_eq!(first.since(&first), [""; 0]);
        let applied = overview(
            "running",
            Some(Known {
                applied: 4,
                ..known.clone()
            }),
        );
        assert_eq!(
            applied.since(&first),
            [""; 0],
            "not every entry changes a file"
        );
        let second = Known {
            role: "leader",
            term: 2,
            applied: 5,
            published: 5,
            sha256: "cd".to_owned(),
            error: Some("disk full".to_owned()),
        };
        assert_eq!(
            overview("running", Some(second)).since(&first),
            [
                "n1: leader, term 2",
                "n1: file of revision 5, sha256 cd",
                "n1: disk full"
            ]
        );
        let mut killed = overview("killed", None);
        assert_eq!(killed.since(&first), ["n1: killed", "degraded"]);
        killed.remember(first.clone());
        assert_eq!(first.since(&killed), ["n1: running, process 9", "healthy"]);
    }
}
