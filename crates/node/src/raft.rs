//! openraft as this node runs it, and the two questions everyone asks of it:
//! who leads, and up to where must a linearizable read have applied?

use openraft::{
    ReadPolicy,
    async_runtime::WatchReceiver as _,
    errors::{LinearizableReadError, RaftError},
};
use raft_store::{StateMachine, raft::TypeConfig};

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
