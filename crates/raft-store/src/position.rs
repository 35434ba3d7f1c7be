//! Where a log stands: the id of an entry, and a vote.
//!
//! Our own types, because no type of the consensus library reaches the disk.

use std::fmt;

/// The id of one log entry. A leader writes an index once in its term, so two
/// entries with the same id are the same entry. Ordered by term, then index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// The term of the leader that made the entry.
    pub term: u64,
    /// The place in the log, counted from 0.
    pub index: u64,
}

/// What this node has promised: to whom its voice went in which term.
///
/// It must never go back, not even over a power cut: a node that votes twice
/// in a term can elect two leaders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Vote {
    /// The newest term this node knows of.
    pub term: u64,
    /// The candidate voted for in that term, if any yet.
    pub node: Option<u64>,
    /// Whether a quorum is known to have accepted `node` as its leader.
    pub committed: bool,
}

impl Vote {
    /// Whether a node that promised `before` may promise this now: the term
    /// never goes back; within a term the voice is given once, only a leader
    /// that a quorum accepted may take its place, and acceptance stays.
    pub fn may_follow(&self, before: &Self) -> bool {
        if self.term != before.term {
            return self.term > before.term;
        }
        let same_node = self.node == before.node;
        if before.committed {
            return self.committed && same_node;
        }
        same_node || self.committed || before.node.is_none()
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of term {}", self.index, self.term)
    }
}

impl fmt::Display for Vote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node {
            Some(node) => write!(f, "node {node} in term {}", self.term)?,
            None => write!(f, "nobody in term {}", self.term)?,
        }
        if self.committed {
            f.write_str(", accepted by a quorum")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(term: u64, node: Option<u64>, committed: bool) -> Vote {
        Vote {
            term,
            node,
            committed,
        }
    }

    #[test]
    fn a_vote_never_goes_back() {
        let given = vote(4, Some(1), false);
        assert!(given.may_follow(&given));
        assert!(given.may_follow(&vote(4, None, false)));
        assert!(vote(5, None, false).may_follow(&given));
        assert!(
            vote(4, Some(2), true).may_follow(&given),
            "a quorum chose the other"
        );
        assert!(!vote(4, Some(2), false).may_follow(&given));
        assert!(!vote(4, None, false).may_follow(&given));
        assert!(!vote(3, Some(1), true).may_follow(&given));
        assert!(!vote(4, Some(1), false).may_follow(&vote(4, Some(1), true)));
        assert!(!vote(4, Some(2), true).may_follow(&vote(4, Some(1), true)));
    }
}
