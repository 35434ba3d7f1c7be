//! openraft as this node runs it, and the two questions everyone asks of it:
//! who leads, and up to where must a linearizable read have applied?

use openraft::{
    Instant as _, ReadPolicy,
    async_runtime::WatchReceiver as _,
    errors::{LinearizableReadError, RaftError},
};
use raft_store::{StateMachine, raft::TypeConfig};
use std::time::Duration;

/// openraft over this project's types and store.
pub type Raft = openraft::Raft<TypeConfig, StateMachine>;

/// Why there is no read index.
#[derive(Debug, thiserror::Error)]
pub enum ReadIndexError {
    /// This node does not lead.
    #[error("this node does not lead")]
    NotLeader,
    /// A majority did not confirm the leader.
    #[error("a majority of the voters did not answer")]
    NoQuorum,
    /// The node is stopping, or its log has failed.
    #[error("the node is stopping")]
    Stopped,
}

/// The log index a read must see to be linearizable, confirmed by a majority
/// after the call began. Only the leader can say it (Raft thesis, 6.4).
///
/// # Errors
/// [`ReadIndexError`]; nothing has changed.
pub async fn read_index(raft: &Raft) -> Result<u64, ReadIndexError> {
    match raft.get_read_log_id(ReadPolicy::ReadIndex).await {
        Ok((read, _applied)) => Ok(read.log_id().index),
        Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(_))) => {
            Err(ReadIndexError::NotLeader)
        }
        Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => {
            Err(ReadIndexError::NoQuorum)
        }
        Err(RaftError::Fatal(_)) => Err(ReadIndexError::Stopped),
    }
}

/// The leader as this node knows it; it may have died since.
#[must_use]
pub fn known_leader(raft: &Raft) -> Option<u64> {
    raft.metrics().borrow_watched().current_leader
}

/// The term this node leads in, if a majority has answered it within the
/// longest election timeout. After that the others may have elected another:
/// what is appended then could stay without an outcome, and is better refused.
#[must_use]
pub fn led_term(raft: &Raft) -> Option<u64> {
    let metrics = raft.metrics();
    let metrics = metrics.borrow_watched();
    if metrics.current_leader != Some(metrics.id) {
        return None;
    }
    let lease = Duration::from_millis(raft.config().election_timeout_max);
    let voters = metrics.membership_config.membership().voter_ids();
    let alone = voters.eq([metrics.id]);
    let acknowledged = metrics.last_quorum_acked.as_deref();
    let fresh = acknowledged.is_some_and(|at| at.elapsed() < lease);
    (alone || fresh).then_some(metrics.current_term)
}
