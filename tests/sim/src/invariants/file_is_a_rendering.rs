//! A hosts file that is there is always whole, and it is the rendering of the revision in its header (DESIGN,
//! invariant 7).

use super::{Invariant, Step, Whole};
use crate::net::Site;
use hosts::{
    View,
    format::render::{header, render, verify},
};
use std::{collections::BTreeMap, sync::Arc};

#[derive(Default)]
pub(crate) struct FileIsARendering {
    /// By the revision in the header.
    files: BTreeMap<u64, (Site, Arc<[u8]>)>,
    looked_at: BTreeMap<Site, u64>,
}

impl Invariant for FileIsARendering {
    fn name(&self) -> &'static str {
        "file is a rendering"
    }

    fn step(&mut self, step: &Step<'_>) -> Result<(), String> {
        let all = step.files.iter().flat_map(|file| {
            let contents = file.contents.iter();
            contents.map(|(number, bytes)| (file.node, *number, bytes))
        });
        for (node, number, bytes) in all {
            if self.looked_at.insert(node, number) == Some(number) {
                continue;
            }
            let Some(header) = header(bytes).filter(|_| verify(bytes)) else {
                return Err(format!("the file of n{node} is torn"));
            };
            let revision = header.revision.get();
            let (first, known) = self
                .files
                .entry(revision)
                .or_insert_with(|| (node, Arc::clone(bytes)));
            if known != bytes {
                return Err(format!(
                    "n{first} and n{node} have different files of revision {revision}"
                ));
            }
        }
        Ok(())
    }

    fn whole(&mut self, whole: &Whole<'_>) -> Result<(), String> {
        let view = View {
            comments: false,
            cluster: Some(whole.cluster),
        };
        for (&revision, (node, bytes)) in &self.files {
            if render(whole.replay.at(revision), &view) != **bytes {
                return Err(format!(
                    "the file of n{node} is not what revision {revision} renders"
                ));
            }
        }
        Ok(())
    }
}
