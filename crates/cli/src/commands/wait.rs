//! `--wait`: from committed to published.

use super::request_id;
use crate::args::host::{Change, Wait};
use crate::client::{Client, Once, Publication, PublicationState, required};
use crate::exit::{Failure, reasons};
use crate::output::Done;
use hosts::Revision;

/// A change on its way: its request id, and how far it is waited for.
pub(super) struct Request {
    pub(super) once: Once,
    wait: Option<Wait>,
}

impl Request {
    pub(super) fn of(change: &Change) -> Result<Self, Failure> {
        Ok(Self {
            once: Once {
                id: request_id(change.request_id.as_ref())?,
                since: change.request_since,
            },
            wait: change.wait,
        })
    }

    /// Waits as the flags say. What was committed is reported whatever comes
    /// of the waiting, which is the second half of the answer.
    pub(super) async fn finish(
        self,
        client: &mut Client,
        revision: Option<Revision>,
    ) -> Result<(Done, Result<(), Failure>), Failure> {
        let revision = required(revision)?;
        let mut done = Done {
            revision: revision.get(),
            request_id: self.once.id.to_string(),
            published: None,
        };
        if self.wait != Some(Wait::Published) {
            return Ok((done, Ok(())));
        }
        let waited = match client.wait_published(revision).await {
            Ok(nodes) => {
                let verdict = verdict(revision, &nodes);
                done.published = Some(nodes);
                verdict
            }
            // The change is made: whatever stopped the waiting is no failure of it.
            Err(failure) => Err(Failure::of(
                reasons::NOT_PUBLISHED,
                format!(
                    "revision {revision} is committed; cannot tell whether it is published: {}",
                    failure.message
                ),
            )),
        };
        Ok((done, waited))
    }
}

/// Unreachable nodes catch up later and fail nothing; those that answer and
/// have not written their file do.
fn verdict(revision: Revision, nodes: &[Publication]) -> Result<(), Failure> {
    let behind: Vec<String> = nodes
        .iter()
        .filter_map(|node| {
            let what = match node.result {
                PublicationState::Published | PublicationState::Unreachable => return None,
                PublicationState::Failed => "cannot write its file",
                PublicationState::Pending => "has not yet written its file",
                PublicationState::Unknown => "is in a state unknown to this version",
            };
            Some(match &node.problem {
                Some(problem) => format!("{} {what}: {problem}", node.name),
                None => format!("{} {what}", node.name),
            })
        })
        .collect();
    if behind.is_empty() {
        return Ok(());
    }
    Err(Failure::of(
        reasons::NOT_PUBLISHED,
        format!(
            "revision {revision} is committed, and not published everywhere: {}",
            behind.join("; ")
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn node(name: &str, result: PublicationState) -> Publication {
        Publication {
            id: 1,
            name: name.to_owned(),
            result,
            revision: 41,
            problem: Some("disk full".to_owned()),
        }
    }

    #[test]
    fn an_unreachable_node_fails_nothing() {
        let nodes = [
            node("attic", PublicationState::Published),
            node("cellar", PublicationState::Unreachable),
        ];
        assert_eq!(verdict(Revision::new(41), &nodes), Ok(()));
    }

    #[test]
    fn a_node_that_answers_and_has_not_written_fails() {
        for state in [
            PublicationState::Failed,
            PublicationState::Pending,
            PublicationState::Unknown,
        ] {
            let failure = verdict(Revision::new(41), &[node("attic", state)]).unwrap_err();
            assert_eq!(failure.exit, Exit::Failed);
            assert!(failure.message.contains("attic"), "{}", failure.message);
            assert!(failure.message.contains("disk full"));
        }
    }
}
