//! Leadership moves before a leader stops leading, so that nobody has to wait
//! for an election.

use crate::{limits, peers::Peers, raft::Raft};
use openraft::{async_runtime::WatchReceiver as _, errors::Fatal};
use raft_store::raft::TypeConfig;
use std::collections::BTreeSet;

/// If this node leads, has the reachable voter that is furthest along take
/// over, and waits until it has, [`limits::HANDOVER_TIME`] at the most. Voters
/// whose clocks are `off` would only hand it on. Without a voter to take over
/// the others elect when this one is gone.
pub async fn hand_over(raft: &Raft, peers: &Peers, own: u64, off: &BTreeSet<u64>) {
    let mut metrics = raft.metrics();
    let successor = {
        let metrics = metrics.borrow_watched();
        let voters = metrics.membership_config.membership().voter_ids();
        let candidates =
            voters.filter(|voter| *voter != own && peers.answers(*voter) && !off.contains(voter));
        let matched = metrics.replication.as_ref();
        candidates
            .filter_map(|voter| Some((*matched?.get(&voter)?, voter)))
            .max()
            .filter(|_| metrics.current_leader == Some(own))
            .map(|(_, voter)| voter)
    };
    let Some(successor) = successor else { return };
    let moved = async {
        // Waits, too, where Raft is kept by the disk.
        raft.trigger().transfer_leader(successor).await?;
        while metrics
            .borrow_watched()
            .current_leader
            .is_none_or(|leader| leader == own)
        {
            if metrics.changed().await.is_err() {
                break;
            }
        }
        Ok::<(), Fatal<TypeConfig>>(())
    };
    // Where all nodes stop at once, the successor goes before it takes over.
    let gone = async {
        let mut ticks = tokio::time::interval(limits::HANDOVER_LOOK);
        while peers.answers(successor) {
            ticks.tick().await;
        }
    };
    tokio::select! {
        moved = moved => match moved {
            Ok(()) => tracing::info!(to = successor, "leadership handed over"),
            Err(error) => tracing::warn!(%error, "leadership cannot be handed over"),
        },
        () = gone => tracing::info!(to = successor, "the successor is gone; no handover"),
        () = tokio::time::sleep(limits::HANDOVER_TIME) => {
            tracing::warn!(to = successor, "leadership was not taken over in time");
        }
    }
}
