//! Whether what was asserted holds, and what is different if it does not.

use super::table::{Tint, header, tinted};
use super::{Page, Report};
use serde::Serialize;

/// An assertion that was looked into.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Asserted {
    /// `converged`, `equal` or `no-lost-writes`.
    pub(crate) assertion: String,
    pub(crate) holds: bool,
    pub(crate) took_ms: u64,
    /// What was found, in one line.
    pub(crate) detail: String,
    /// What is different, a line each; empty if it holds.
    pub(crate) problems: Vec<String>,
}

impl Report for Asserted {
    fn table(&self, page: Page) -> String {
        let Self {
            assertion,
            holds,
            detail,
            problems,
            ..
        } = self;
        let verdict = match holds {
            true => tinted(Tint::Good, "holds", page),
            false => tinted(Tint::Bad, "does not hold", page),
        };
        let mut text = format!("{assertion} {verdict}: {detail}\n");
        for problem in problems {
            text.push_str(&format!("  {problem}\n"));
        }
        text
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let names = header(&["assertion", "holds", "took_ms", "detail", "problem"]);
        let row = |problem: &str| {
            vec![
                self.assertion.clone(),
                self.holds.to_string(),
                self.took_ms.to_string(),
                self.detail.clone(),
                problem.to_owned(),
            ]
        };
        let rows = match self.problems.as_slice() {
            [] => vec![row("")],
            problems => problems.iter().map(|problem| row(problem)).collect(),
        };
        std::iter::once(names).chain(rows).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_different_stands_below_the_verdict() {
        let page = Page {
            width: None,
            color: false,
        };
        let mut asserted = Asserted {
            assertion: "equal".to_owned(),
            holds: false,
            took_ms: 12,
            detail: "3 of 3 nodes answer".to_owned(),
            problems: vec!["n2 is behind".to_owned(), "n3 is behind".to_owned()],
        };
        let text = asserted.table(page);
        let said = "equal does not hold: 3 of 3 nodes answer\n  n2 is behind\n  n3 is behind\n";
        assert_eq!(text, said);
        assert_eq!(asserted.csv().len(), 3);
        (asserted.holds, asserted.problems) = (true, Vec::new());
        assert_eq!(asserted.table(page), "equal holds: 3 of 3 nodes answer\n");
        assert_eq!(
            asserted.csv()[1],
            ["equal", "true", "12", "3 of 3 nodes answer", ""]
        );
    }
}
