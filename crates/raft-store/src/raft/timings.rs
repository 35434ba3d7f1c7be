//! openraft's options, from the few times and sizes an operator may set.
//!
//! Everything else is decided here, once, with its reason.

use std::time::Duration;

use openraft::{Config, ConfigError, SnapshotPolicy};

/// Times and sizes of Raft. All nodes of a cluster use equal ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaftTimings {
    /// The id of the cluster; openraft shows it in its own messages.
    pub cluster: u128,
    /// How often a leader shows that it lives. A follower has to answer within
    /// that time: at least twice the round trip.
    pub heartbeat: Duration,
    /// The shortest election timeout, which counts from the end of the lease:
    /// at least three heartbeats.
    pub election_min: Duration,
    /// The longest one, and how long a leader's lease lasts; see
    /// [`Self::longest`]. A follower stands after 2.5 to 3 times the shortest.
    pub election_max: Duration,
    /// Entries after which a snapshot is taken.
    pub snapshot_entries: u64,
    /// Entries kept in the log behind a snapshot, so that a follower a little
    /// late catches up from the log.
    pub snapshot_keep: u64,
    /// Entries a follower may be behind before it is sent a snapshot: more
    /// than `snapshot_entries`, or snapshots could chase each other.
    pub snapshot_lag: u64,
}

impl RaftTimings {
    /// For a local network: failover in less than a second.
    ///
    /// A follower waits for the lease, which is the longest timeout, and then
    /// for its own: 750 to 900 ms, with two followers 800 on average. On two
    /// cores at a load of 30, three nodes and 128 writers had no election in
    /// 40 s even with a quarter of these times; a flush of 270 ms, the longest
    /// seen, fits into the shortest silence twice.
    pub const fn for_cluster(cluster: u128) -> Self {
        Self {
            cluster,
            heartbeat: Duration::from_millis(100),
            election_min: ELECTION_MIN,
            election_max: Self::longest(ELECTION_MIN),
            snapshot_entries: 10_000,
            snapshot_keep: 2_000,
            snapshot_lag: 20_000,
        }
    }

    /// The longest election timeout beside `shortest`: half as long again.
    ///
    /// It counts twice, as the lease and as the end of the span that timeouts
    /// are drawn from, so twice the shortest would cost a fifth of a second.
    /// The span needs to be no more than some times the few milliseconds that
    /// a vote takes, or followers would too often stand at once.
    #[must_use]
    pub const fn longest(shortest: Duration) -> Duration {
        shortest.saturating_add(Duration::from_nanos_u128(shortest.as_nanos() / 2))
    }
}

/// The options openraft runs with.
pub fn openraft_config(timings: &RaftTimings) -> Result<Config, InvalidTimings> {
    let &RaftTimings {
        cluster,
        heartbeat,
        election_min,
        election_max,
        snapshot_entries,
        snapshot_keep,
        snapshot_lag,
    } = timings;
    if heartbeat.is_zero() || heartbeat.saturating_mul(HEARTBEATS_PER_ELECTION) > election_min {
        return Err(InvalidTimings::Heartbeat {
            heartbeat,
            election_min,
        });
    }
    if snapshot_entries == 0 || snapshot_keep == 0 || snapshot_lag <= snapshot_entries {
        return Err(InvalidTimings::Snapshots {
            entries: snapshot_entries,
            keep: snapshot_keep,
            lag: snapshot_lag,
        });
    }
    let config = Config {
        cluster_name: format!("{cluster:032x}"),
        heartbeat_interval: millis(heartbeat),
        election_timeout_min: millis(election_min),
        election_timeout_max: millis(election_max),
        // A node coming back from a partition asks first and does not unseat
        // the leader with its term.
        enable_pre_vote: Some(true),
        // A restarted leader stands for election like any other: it may have
        // been deposed while it was away.
        enable_leader_restore: Some(false),
        // A follower whose disk has lost the end of its log is sent it again.
        // Otherwise openraft leaves it behind for ever (and a debug build of the
        // leader panics). Until then it votes with less than it has answered for:
        // docs/reliability.md, Damage. A wiped disk never comes so far.
        allow_log_reversion: Some(true),
        // The default of 200 ms is shorter than one flush on a slow disk.
        install_snapshot_timeout: 30_000,
        max_payload_entries: 256,
        max_append_entries: Some(1024),
        // The default of 65,536 hides overload until it is memory.
        api_channel_size: Some(4096),
        state_machine_channel_size: Some(256),
        backoff: "200ms ...2s".to_owned(),
        snapshot_policy: SnapshotPolicy::LogsSinceLast(snapshot_entries),
        max_in_snapshot_log_to_keep: snapshot_keep,
        replication_lag_threshold: snapshot_lag,
        ..Config::default()
    };
    config.validate().map_err(InvalidTimings::Refused)
}

/// Why [`openraft_config`] refuses its times and sizes.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTimings {
    /// One late heartbeat would start an election.
    #[error(
        "the shortest election timeout ({election_min:?}) must be at least \
         {HEARTBEATS_PER_ELECTION} heartbeats, and a heartbeat ({heartbeat:?}) more than nothing"
    )]
    Heartbeat {
        /// The heartbeat asked for.
        heartbeat: Duration,
        /// The shortest election timeout asked for.
        election_min: Duration,
    },
    /// Snapshots would never be taken, or chase each other.
    #[error(
        "snapshots every {entries} entries, keeping {keep} and sent at a lag of {lag}: each must \
         be at least 1, and the lag more than the entries between snapshots"
    )]
    Snapshots {
        /// Entries between snapshots.
        entries: u64,
        /// Entries kept behind a snapshot.
        keep: u64,
        /// The lag at which a follower is sent a snapshot.
        lag: u64,
    },
    /// openraft itself refuses them.
    #[error("openraft refuses these timings")]
    Refused(#[source] ConfigError),
}

/// The shortest election timeout on a local network.
const ELECTION_MIN: Duration = Duration::from_millis(300);

/// Two heartbeats may be lost or late without an election.
const HEARTBEATS_PER_ELECTION: u32 = 3;

/// Whole milliseconds; a duration beyond their range is none anyone waits for.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_a_local_network_are_accepted_as_they_are() {
        let config = openraft_config(&RaftTimings::for_cluster(0x1f)).unwrap();

        assert_eq!(config.cluster_name, format!("{:032x}", 0x1f));
        assert_eq!(config.heartbeat_interval, 100);
        assert_eq!(
            (config.election_timeout_min, config.election_timeout_max),
            (300, 450)
        );
        assert_eq!(config.enable_pre_vote, Some(true));
        assert_eq!(config.enable_leader_restore, Some(false));
        assert_eq!(config.allow_log_reversion, Some(true));
        assert_eq!(config.install_snapshot_timeout, 30_000);
        assert_eq!(
            config.snapshot_policy,
            SnapshotPolicy::LogsSinceLast(10_000)
        );
        // Retries slow down from 200 ms and stay at 2 s.
        let waits: Vec<_> = config.build_backoff().take(8).collect();
        assert_eq!(waits.first(), Some(&Duration::from_millis(200)));
        assert_eq!(waits.last(), Some(&Duration::from_secs(2)));
    }

    #[test]
    fn an_election_timeout_within_three_heartbeats_is_refused() {
        let mut timings = RaftTimings::for_cluster(1);
        timings.heartbeat = Duration::from_millis(101);
        assert!(matches!(
            openraft_config(&timings),
            Err(InvalidTimings::Heartbeat { .. })
        ));
    }

    #[test]
    fn an_empty_span_of_election_timeouts_is_refused() {
        let mut timings = RaftTimings::for_cluster(1);
        timings.election_max = timings.election_min;
        assert!(matches!(
            openraft_config(&timings),
            Err(InvalidTimings::Refused(_))
        ));
    }

    #[test]
    fn snapshots_that_would_chase_each_other_are_refused() {
        let mut timings = RaftTimings::for_cluster(1);
        timings.snapshot_lag = timings.snapshot_entries;
        assert!(matches!(
            openraft_config(&timings),
            Err(InvalidTimings::Snapshots { .. })
        ));
    }
}
