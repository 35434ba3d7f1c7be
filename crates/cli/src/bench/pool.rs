//! Hosts to read: some of those that are known to be there.

use hosts::HostId;
use std::sync::{PoisonError, RwLock};

/// A bounded set of ids. A host comes in once its write is acknowledged, so a
/// linearizable read that does not find it has found a fault.
pub(crate) struct Pool {
    ids: RwLock<Vec<HostId>>,
}

/// Enough that reads are spread, and few enough to be nothing: 64 KiB.
pub(crate) const POOL_MAX: usize = 4096;

impl Pool {
    /// With the first of these.
    pub(crate) fn of(ids: impl IntoIterator<Item = HostId>) -> Self {
        Self {
            ids: RwLock::new(ids.into_iter().take(POOL_MAX).collect()),
        }
    }

    /// Takes an id in; in a full pool it has the place of another.
    pub(crate) fn offer(&self, id: HostId, turn: u64) {
        let mut ids = self.ids.write().unwrap_or_else(PoisonError::into_inner);
        if ids.len() < POOL_MAX {
            ids.push(id);
            return;
        }
        let place = usize::try_from(turn).unwrap_or(0) % POOL_MAX;
        if let Some(old) = ids.get_mut(place) {
            *old = id;
        }
    }

    /// One of them, in turn; none while it is empty.
    pub(crate) fn pick(&self, turn: usize) -> Option<HostId> {
        let ids = self.ids.read().unwrap_or_else(PoisonError::into_inner);
        ids.get(turn.checked_rem(ids.len())?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pool_takes_new_ids_for_old_ones() {
        let pool = Pool::of([]);
        assert_eq!(pool.pick(7), None);
        let ids = (0..).map(HostId::from_u128);
        for (turn, id) in (0..).zip(ids.take(POOL_MAX + 2)) {
            pool.offer(id, turn);
        }
        let newest = HostId::from_u128(POOL_MAX as u128);
        assert_eq!(pool.pick(0), Some(newest));
        assert_eq!(pool.pick(2 + POOL_MAX), Some(HostId::from_u128(2)));
    }
}
