//! Chance that can be repeated.

use std::time::{SystemTime, UNIX_EPOCH};

/// Numbers from a seed (SplitMix64).
pub(crate) struct Chance {
    pub(crate) seed: u64,
    state: u64,
}

impl Chance {
    /// From `CLUSTER_SEED`, else another one every time.
    pub(crate) fn new() -> Self {
        let given = std::env::var("CLUSTER_SEED").ok();
        let seed = given.map_or_else(fresh, |seed| {
            seed.parse().expect("CLUSTER_SEED is a number")
        });
        Self::from(seed)
    }

    /// From this seed.
    pub(crate) fn from(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// One of `0..count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % u64::try_from(count).unwrap()).unwrap()
    }
}

fn fresh() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::from(since.subsec_nanos()) ^ since.as_secs().rotate_left(32)
}
