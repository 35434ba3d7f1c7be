//! The revision in a machine's hosts file never goes back, whatever ends the node (DESIGN, invariant 7). What a power
//! cut may take is only what the node was told is not flushed.

use super::{Invariant, Step};
use crate::net::Site;
use hosts::format::render::header;
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct FileNeverGoesBack {
    last: BTreeMap<Site, (u64, u64)>,
}

impl Invariant for FileNeverGoesBack {
    fn name(&self) -> &'static str {
        "file never goes back"
    }

    fn step(&mut self, step: &Step<'_>) -> Result<(), String> {
        for file in step.files {
            let node = file.node;
            if file.contents.is_empty() && self.last.remove(&node).is_some() && !file.taken_back {
                return Err(format!("the file of n{node} is gone"));
            }
            for (number, bytes) in &file.contents {
                let before = self.last.get(&node).copied();
                if before.is_some_and(|(known, _)| known == *number) {
                    continue;
                }
                let revision = header(bytes).map_or(0, |header| header.revision.get());
                if let Some((_, old)) = before
                    && revision < old
                    && !file.taken_back
                {
                    return Err(format!(
                        "the file of n{node} was of revision {old}, and is of {revision}"
                    ));
                }
                self.last.insert(node, (*number, revision));
            }
        }
        Ok(())
    }
}
