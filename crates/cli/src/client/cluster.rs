//! The calls of `ClusterService`, in types that a report can show.

use super::{Client, READ, request};
use crate::exit::Failure;
use hosts::{Revision, Timestamp};
use proto::cluster as pb;
use proto::cluster::cluster_service_client::ClusterServiceClient as Service;
use proto::convert::timestamp_from_wire;
use serde::{Serialize, Serializer};
use std::time::Duration;

mod hook;
mod sink;

pub(crate) use hook::{Hook, HookState};
pub(crate) use sink::{Sink, Sinks};

/// Every node as one of them sees it.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct Status {
    pub(crate) cluster_id: String,
    /// `healthy`, `degraded`, `no quorum` or `unknown`.
    pub(crate) verdict: &'static str,
    /// One line for a person; may be empty.
    pub(crate) explanation: String,
    /// The id of the node that answered.
    pub(crate) answered_by: u64,
    pub(crate) nodes: Vec<NodeStatus>,
}

/// One node.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct NodeStatus {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) address: String,
    /// `leader`, `voter`, `learner` or `unknown`.
    pub(crate) role: &'static str,
    pub(crate) reachable: bool,
    /// Why not, if it is not reachable.
    pub(crate) problem: Option<String>,
    pub(crate) term: u64,
    pub(crate) last_log_index: u64,
    pub(crate) applied: u64,
    pub(crate) revision: u64,
    pub(crate) digest: String,
    pub(crate) published: Option<Published>,
    #[serde(serialize_with = "shown")]
    pub(crate) certificate_expires_at: Option<Timestamp>,
    pub(crate) version: String,
    pub(crate) hosts: u64,
    pub(crate) store: Option<StoreSize>,
    /// In the order of the node's configuration.
    pub(crate) hooks: Vec<Hook>,
    pub(crate) sinks: Sinks,
}

/// What a node's hosts file holds.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct Published {
    pub(crate) path: String,
    pub(crate) revision: u64,
    pub(crate) sha256: String,
    pub(crate) writes: u64,
    pub(crate) repairs: u64,
    pub(crate) error: Option<String>,
    pub(crate) warnings: Vec<String>,
}

/// What a node's log and snapshot take.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct StoreSize {
    pub(crate) log_bytes: u64,
    pub(crate) log_segments: u64,
    pub(crate) snapshot_index: u64,
    pub(crate) snapshot_bytes: u64,
    pub(crate) purged_index: u64,
}

/// How far one node is with a revision.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct Publication {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) result: PublicationState,
    pub(crate) revision: u64,
    pub(crate) problem: Option<String>,
}

#[derive(Serialize, Copy, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PublicationState {
    /// The file has the revision.
    Published,
    /// The node did not answer.
    Unreachable,
    /// The node could not write its file.
    Failed,
    /// The time was over first.
    Pending,
    /// A state that this program does not know.
    Unknown,
}

impl PublicationState {
    /// As in JSON.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Unreachable => "unreachable",
            Self::Failed => "failed",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
        }
    }
}

/// The longest a node waits for its peers, as the protocol says.
const WAIT_MAX: Duration = Duration::from_secs(60);
const WAIT: Duration = Duration::from_secs(30);
/// Between the end of the wait on the node and that of our patience.
const GRACE: Duration = Duration::from_secs(5);

impl Client {
    /// How the cluster is.
    pub(crate) async fn status(&mut self) -> Result<Status, Failure> {
        let answer = self
            .read(
                "ask for the status of the cluster",
                self.limit(READ),
                async |channel, attempt| {
                    Service::new(channel)
                        .status(request(pb::StatusRequest {}, None, attempt)?)
                        .await
                },
            )
            .await?;
        let pb::StatusResponse {
            cluster_id,
            verdict,
            explanation,
            nodes,
            answered_by,
        } = answer.into_inner();
        let verdict = match pb::Verdict::try_from(verdict) {
            Ok(pb::Verdict::Healthy) => "healthy",
            Ok(pb::Verdict::Degraded) => "degraded",
            Ok(pb::Verdict::NoQuorum) => "no quorum",
            Ok(pb::Verdict::Unspecified) | Err(_) => "unknown",
        };
        Ok(Status {
            cluster_id,
            verdict,
            explanation,
            answered_by,
            nodes: nodes.into_iter().map(node).collect(),
        })
    }

    /// Waits until every reachable node has written its file at `revision`.
    pub(crate) async fn wait_published(
        &mut self,
        revision: Revision,
    ) -> Result<Vec<Publication>, Failure> {
        let wait = self.limit(WAIT).min(WAIT_MAX);
        let what = format!("wait until revision {revision} is published");
        let answer = self
            .read(&what, wait + GRACE, async |channel, attempt| {
                let message = pb::WaitPublishedRequest {
                    revision: revision.get(),
                    timeout_ms: u32::try_from(wait.as_millis()).unwrap_or(u32::MAX),
                };
                Service::new(channel)
                    .wait_published(request(message, None, attempt)?)
                    .await
            })
            .await?;
        let pb::WaitPublishedResponse { nodes } = answer.into_inner();
        Ok(nodes.into_iter().map(publication).collect())
    }
}

fn node(message: pb::NodeStatus) -> NodeStatus {
    let pb::NodeStatus {
        id,
        name,
        address,
        role,
        reachable,
        problem,
        term,
        last_log_index,
        applied,
        revision,
        digest,
        published,
        certificate_expires_at,
        version,
        hosts,
        store,
        hooks,
        watchers,
        sinks,
        sinks_total,
        sinks_failing,
    } = message;
    NodeStatus {
        id,
        name,
        address,
        role: match pb::Role::try_from(role) {
            Ok(pb::Role::Leader) => "leader",
            Ok(pb::Role::Voter) => "voter",
            Ok(pb::Role::Learner) => "learner",
            Ok(pb::Role::Unspecified) | Err(_) => "unknown",
        },
        reachable,
        problem: some(problem),
        term,
        last_log_index,
        applied,
        revision,
        digest,
        published: published.map(
            |pb::Published {
                 path,
                 revision,
                 sha256,
                 writes,
                 error,
                 repairs,
                 warnings,
             }| Published {
                path,
                revision,
                sha256,
                writes,
                repairs,
                error: some(error),
                warnings,
            },
        ),
        // A date that cannot be read is shown as unknown, not as an error.
        certificate_expires_at: timestamp_from_wire(
            "certificate_expires_at",
            certificate_expires_at,
        )
        .ok(),
        version,
        hosts,
        store: store.map(
            |pb::StoreSize {
                 log_bytes,
                 log_segments,
                 snapshot_index,
                 snapshot_bytes,
                 purged_index,
             }| StoreSize {
                log_bytes,
                log_segments,
                snapshot_index,
                snapshot_bytes,
                purged_index,
            },
        ),
        hooks: hooks.into_iter().map(Hook::from).collect(),
        sinks: Sinks {
            watchers,
            known: sinks_total,
            failing: sinks_failing,
            listed: sinks.into_iter().map(Sink::from).collect(),
        },
    }
}

fn publication(message: pb::PublishOutcome) -> Publication {
    use pb::publish_outcome::Result as Outcome;
    let pb::PublishOutcome {
        id,
        name,
        result,
        revision,
        problem,
    } = message;
    Publication {
        id,
        name,
        result: match Outcome::try_from(result) {
            Ok(Outcome::Published) => PublicationState::Published,
            Ok(Outcome::Unreachable) => PublicationState::Unreachable,
            Ok(Outcome::Failed) => PublicationState::Failed,
            Ok(Outcome::Pending) => PublicationState::Pending,
            Ok(Outcome::Unspecified) | Err(_) => PublicationState::Unknown,
        },
        revision,
        problem: some(problem),
    }
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn shown<S: Serializer>(time: &Option<Timestamp>, into: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => into.collect_str(time),
        None => into.serialize_none(),
    }
}
