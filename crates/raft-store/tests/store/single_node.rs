//! openraft itself, alone, on the real store.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hosts::{Command, Outcome, Projection};
use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::RPCOption;
use openraft::{AnyError, OptionalSend, Raft, RaftNetworkFactory, RaftNetworkV2};
use raft_store::raft::{
    AppendEntriesRequest, AppendEntriesResponse, EncodedProposal, Member, RaftSnapshot,
    RaftTimings, RaftVote, Response, SnapshotResponse, TypeConfig, VoteRequest, VoteResponse,
    openraft_config,
};
use raft_store::record::Proposal;
use raft_store::snapshot::SnapshotFile;
use raft_store::{Applied, Keeper, Seams, StateMachine, Store, StoreOptions, StoreStats};
use tokio::sync::watch;

use crate::driver::IDENTITY;
use crate::history::{decided, host};

/// A cluster of one node.
pub(crate) struct Alone {
    raft: Raft<TypeConfig, StateMachine>,
    pub(crate) applied: watch::Receiver<Arc<Applied>>,
    stats: StoreStats,
    keeper: Keeper,
}

impl Alone {
    pub(crate) async fn start(dir: &Path) -> Self {
        let timings = RaftTimings {
            heartbeat: Duration::from_millis(20),
            election_min: Duration::from_millis(60),
            election_max: Duration::from_millis(120),
            snapshot_entries: 100,
            snapshot_keep: 10,
            snapshot_lag: 200,
            ..RaftTimings::for_cluster(IDENTITY.cluster)
        };
        let config = Arc::new(openraft_config(&timings).unwrap());
        let store = Store::open(Seams::real(), dir, IDENTITY, StoreOptions::default()).unwrap();
        let Store {
            log,
            machine,
            applied,
            stats,
            keeper,
            ..
        } = store;
        let raft = Raft::new(IDENTITY.node, config, NoPeers, log, machine)
            .await
            .unwrap();
        if !raft.is_initialized().await.unwrap() {
            let members = BTreeMap::from([(IDENTITY.node, Member::default())]);
            raft.initialize(members).await.unwrap();
        }
        let bound = Some(Duration::from_secs(20));
        raft.wait(bound)
            .current_leader(IDENTITY.node, "it leads itself")
            .await
            .unwrap();
        Self {
            raft,
            applied,
            stats,
            keeper,
        }
    }

    pub(crate) fn projection(&self) -> Arc<Projection> {
        Arc::clone(&self.applied.borrow().projection)
    }

    /// Adds host `number`; gives its revision.
    pub(crate) async fn add(&self, number: u32) -> u64 {
        let change = decided(&self.projection(), &Command::AddHost(host(number)), number);
        let term = self.raft.metrics().borrow_watched().current_term;
        let proposal = EncodedProposal::new(&Proposal::Change { term, change });
        let response = self.raft.client_write(proposal).await.unwrap();
        match response.data {
            Response::Answered(answer) => {
                assert!(matches!(answer.outcome, Outcome::Added(_)));
                answer.revision.get()
            }
            other => panic!("host {number}: {other:?}"),
        }
    }

    pub(crate) async fn stop(self) {
        self.raft.shutdown().await.unwrap();
        drop(self.raft);
        self.keeper.close().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_answers_takes_snapshots_purges_and_starts_again() {
    let dir = tempfile::tempdir().unwrap();
    let node = Alone::start(dir.path()).await;
    let mut revision = 0;
    for number in 0..250 {
        let next = node.add(number).await;
        assert!(next > revision);
        revision = next;
        // Whoever is answered finds it applied.
        assert!(node.applied.borrow().index() >= Some(revision));
        assert_eq!(node.projection().revision().get(), revision);
    }
    let bound = Some(Duration::from_secs(20));
    node.raft
        .wait(bound)
        .metrics(
            |metrics| metrics.purged.is_some_and(|id| id.index > 100),
            "it purges",
        )
        .await
        .unwrap();
    let sizes = node.stats.sizes();
    assert!(
        sizes.snapshot_last.is_some_and(|last| last.index >= 190),
        "{sizes:?}"
    );
    assert!(sizes.snapshot_bytes > 0 && sizes.log_bytes > 0 && sizes.log_segments > 0);
    assert_eq!(sizes.state_rows, 500);
    let before = node.projection();
    node.stop().await;

    let node = Alone::start(dir.path()).await;
    assert_eq!(node.projection(), before);
    assert!(node.add(1000).await > revision);
    assert_eq!(node.projection().len(), 251);
    node.stop().await;
}

/// There is nobody else.
struct NoPeers;

impl RaftNetworkFactory<TypeConfig> for NoPeers {
    type Network = Self;

    async fn new_client(&mut self, _target: u64, _node: &Member) -> Self {
        Self
    }
}

fn nobody() -> Unreachable<TypeConfig> {
    Unreachable::new(&AnyError::error("there are no peers"))
}

impl RaftNetworkV2<TypeConfig> for NoPeers {
    type SnapshotData = SnapshotFile;

    async fn append_entries(
        &mut self,
        _rpc: AppendEntriesRequest,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse, RPCError<TypeConfig>> {
        Err(nobody().into())
    }

    async fn vote(
        &mut self,
        _rpc: VoteRequest,
        _option: RPCOption,
    ) -> Result<VoteResponse, RPCError<TypeConfig>> {
        Err(nobody().into())
    }

    async fn full_snapshot(
        &mut self,
        _vote: RaftVote,
        _snapshot: RaftSnapshot,
        _cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse, StreamingError<TypeConfig>> {
        Err(nobody().into())
    }
}
