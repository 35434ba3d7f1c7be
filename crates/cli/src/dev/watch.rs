//! The nodes as they are now: a table that follows them on a terminal; in a pipe one block, and a line for each change.

use std::io::{self, IsTerminal as _};

use super::nodes::Nodes;
use super::process::State;
use crate::client::Status;
use crate::exit::Failure;
use crate::output::{self, Format, Known, Output, Overview, Seen};

/// What was shown, and how the next is shown.
pub(crate) struct Watch<'a> {
    output: &'a Output,
    shape: Shape,
    last: Option<Overview>,
}

#[derive(Copy, Clone, Debug)]
enum Shape {
    /// Drawn over the one before, which has so many lines.
    Redrawn { lines: usize },
    /// One block, then lines.
    Lines,
    /// Whole, whenever something is different.
    Whole,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(output: &'a Output) -> Self {
        let shape = match output.format() {
            Format::Table if io::stdout().is_terminal() => Shape::Redrawn { lines: 0 },
            Format::Table => Shape::Lines,
            Format::Json | Format::Csv => Shape::Whole,
        };
        Self {
            output,
            shape,
            last: None,
        }
    }

    /// Shows `now`.
    pub(crate) fn show(&mut self, now: Overview) -> Result<(), Failure> {
        let mut last = now.clone();
        match (&mut self.shape, &self.last) {
            (Shape::Redrawn { lines }, _) => {
                let text = self.output.text(&now);
                let drawn = format!("{}{text}", erased(*lines));
                *lines = height(&text);
                output::bytes(drawn.as_bytes())?;
            }
            (Shape::Lines, Some(before)) => {
                for line in now.since(before) {
                    output::bytes(format!("{line}\n").as_bytes())?;
                }
            }
            (Shape::Whole, Some(before)) if now.since(before).is_empty() => {}
            (Shape::Lines | Shape::Whole, _) => self.output.report(&now)?,
        }
        if let Some(before) = self.last.take() {
            last.remember(before);
        }
        self.last = Some(last);
        Ok(())
    }

    /// Makes room for something that is said beside: the table is drawn again below it.
    pub(crate) fn step_aside(&mut self) -> Result<(), Failure> {
        if let Shape::Redrawn { lines } = &mut self.shape {
            let erased = erased(*lines);
            *lines = 0;
            output::bytes(erased.as_bytes())?;
        }
        Ok(())
    }
}

/// How many lines of the terminal a text takes: long ones take several.
fn height(text: &str) -> usize {
    let width = terminal_size::terminal_size().map_or(usize::MAX, |(width, _)| width.0.into());
    let lines = text.lines().map(|line| line.chars().count().max(1));
    lines.map(|length| length.div_ceil(width.max(1))).sum()
}

/// Back to the first of `lines` lines, and everything below is gone (ECMA-48: CPL, ED).
fn erased(lines: usize) -> String {
    match lines {
        0 => String::new(),
        lines => format!("\x1b[{lines}F\x1b[J"),
    }
}

/// The processes, and what the cluster says of them if it says anything.
pub(crate) fn overview(nodes: &Nodes, status: Option<&Status>) -> Overview {
    let seen = nodes.iter().map(|node| Seen {
        name: node.member().name.clone(),
        address: node.member().address.clone(),
        pid: node.process(),
        state: node.state().word(),
        known: status
            .filter(|_| node.state() == State::Running)
            .and_then(|status| known(status, node.member().id)),
    });
    Overview {
        verdict: status.map_or("unknown", |status| status.verdict),
        explanation: match status {
            Some(status) => status.explanation.clone(),
            None => "no node answers".to_owned(),
        },
        nodes: seen.collect(),
    }
}

fn known(status: &Status, id: u64) -> Option<Known> {
    let node = status
        .nodes
        .iter()
        .find(|node| node.id == id && node.reachable)?;
    let published = node.published.as_ref();
    Some(Known {
        role: node.role,
        term: node.term,
        applied: node.applied,
        published: published.map_or(0, |file| file.revision),
        sha256: published.map_or_else(String::new, |file| file.sha256.clone()),
        error: published.and_then(|file| file.error.clone()),
    })
}
