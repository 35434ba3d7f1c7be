//! How often which duration was measured, in a fixed number of bytes.
//!
//! Counts by magnitude: 128 steps between a power of two and the next, so a
//! value is known to less than 1 %. Microseconds, to 19 hours.

use std::time::Duration;

/// Durations by how often they came.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Box<[u64]>,
    total: u64,
    max: Duration,
}

/// Steps between a power of two and the next, as a power of two.
const STEP_BITS: u32 = 7;
const STEPS: usize = 1 << STEP_BITS;
/// Microseconds at and above this power of two are counted in the last step.
const BITS_MAX: u32 = 36;
const SLOTS: usize = ((BITS_MAX - STEP_BITS + 1) as usize) << STEP_BITS;

impl Histogram {
    pub(crate) fn new() -> Self {
        Self {
            counts: vec![0; SLOTS].into_boxed_slice(),
            total: 0,
            max: Duration::ZERO,
        }
    }

    pub(crate) fn note(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(slot(micros)) {
            *count += 1;
        }
        self.total += 1;
        self.max = self.max.max(took);
    }

    /// How many were noted.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The longest, exactly; zero when nothing was noted.
    pub(crate) fn max(&self) -> Duration {
        self.max
    }

    /// What `per_mille` of the durations do not exceed, rounded up to the step
    /// it is in; zero when nothing was noted.
    pub(crate) fn quantile(&self, per_mille: u64) -> Duration {
        let rank = (self.total * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (slot, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(top(slot)).min(self.max);
            }
        }
        self.max
    }
}

/// Where a value is counted. Below 256 µs each has its own slot.
fn slot(micros: u64) -> usize {
    let bits = (u64::BITS - micros.leading_zeros()).min(BITS_MAX);
    let micros = micros.min((1 << BITS_MAX) - 1);
    let shift = bits.saturating_sub(STEP_BITS + 1);
    let step = usize::try_from(micros >> shift).unwrap_or(usize::MAX);
    step + STEPS * shift as usize
}

/// The largest value that is counted there.
fn top(slot: usize) -> u64 {
    let shift = (slot / STEPS).saturating_sub(1);
    let step = (slot - STEPS * shift) as u64;
    ((step + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_within_one_percent_of_itself() {
        let mut last = 0;
        for micros in (0..2000).chain((11..36).map(|bits| (1 << bits) - 1)) {
            let (slot, top) = (slot(micros), top(slot(micros)));
            assert!(slot < SLOTS && slot >= last, "{micros}");
            assert!(
                top >= micros && top - micros <= micros / 100,
                "{micros} {top}"
            );
            last = slot;
        }
    }

    #[test]
    fn quantiles_are_those_of_a_sorted_list() {
        let mut histogram = Histogram::new();
        for micros in 1..=1000 {
            histogram.note(Duration::from_micros(micros));
        }
        assert_eq!(histogram.total(), 1000);
        assert_eq!(histogram.max(), Duration::from_micros(1000));
        for (per_mille, exact) in [(1, 1), (100, 100), (500, 500), (950, 950), (990, 990)] {
            let got = histogram.quantile(per_mille).as_micros();
            assert!(
                (exact..=exact + exact / 100).contains(&got),
                "{per_mille}: {got}"
            );
        }
        assert_eq!(histogram.quantile(1000), Duration::from_micros(1000));
    }

    #[test]
    fn nothing_and_the_endless_have_an_answer() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile(500), Duration::ZERO);
        histogram.note(Duration::MAX);
        assert_eq!(histogram.total(), 1);
        assert_eq!(histogram.max(), Duration::MAX);
        assert!(histogram.quantile(500) >= Duration::from_secs(19 * 3600));
    }
}
