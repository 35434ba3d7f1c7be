//! Chance from a seed (splitmix64): equal seeds, equal numbers, on every machine.

/// A stream of numbers.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The stream of `seed` for one purpose; streams of other purposes do not move it.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        let salt = purpose
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Self(mixed(seed ^ mixed(salt)))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mixed(self.0)
    }

    /// One of `from..to`.
    pub(crate) fn within(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from).max(1)
    }

    /// True `percent` times of a hundred.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    /// One of `all`, which are not none.
    pub(crate) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        let len = all.len() as u64;
        all[usize::try_from(self.next() % len).expect("an index below the length")]
    }
}

/// The step of the Weyl sequence.
pub(crate) const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The mixer of splitmix64.
pub(crate) fn mixed(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
