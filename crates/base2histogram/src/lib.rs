//! Histograms that keep no buckets, for openraft.
//!
//! openraft measures itself in histograms, which nothing here ever reads. The
//! crate it uses for them fills tables for every resolution it knows at the
//! first use: 26 MB, more than half of an idle node. This one has its name and
//! the part of its interface that openraft calls; `[patch.crates-io]` puts it
//! in its place. Should openraft need more, it does not compile. See ADR 13.

use std::fmt;
use std::marker::PhantomData;

/// How many values were recorded; which, is forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram<T = ()> {
    total: u64,
    of: PhantomData<T>,
}

/// Of values that were not kept: how many they were, and zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "fields of another crate's interface")]
pub struct PercentileStats {
    pub samples: u64,
    pub p0_1: u64,
    pub p1: u64,
    pub p5: u64,
    pub p10: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
}

impl<T> Histogram<T> {
    /// Nothing was recorded.
    #[must_use]
    pub fn new() -> Self {
        Self {
            total: 0,
            of: PhantomData,
        }
    }

    /// Counts a value.
    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// Counts a value `count` times.
    pub fn record_n(&mut self, _value: u64, count: u64) {
        self.total = self.total.saturating_add(count);
    }

    /// How many values were recorded.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many they were, and zeros.
    #[must_use]
    pub fn percentile_stats(&self) -> PercentileStats {
        PercentileStats {
            samples: self.total,
            ..PercentileStats::default()
        }
    }
}

impl<T> Default for Histogram<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for PercentileStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[samples: {}]", self.samples)
    }
}

/// A chart without a picture: labels and counts.
#[derive(Debug, Clone, Default)]
pub struct AsciiChart {
    rows: Vec<(String, u64)>,
}

impl AsciiChart {
    /// Without rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a row more.
    #[must_use]
    pub fn add(mut self, label: impl Into<String>, histogram: Histogram) -> Self {
        self.rows.push((label.into(), histogram.total()));
        self
    }
}

impl fmt::Display for AsciiChart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (label, total) in &self.rows {
            writeln!(f, "{label}: {total}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_and_forgotten() {
        let mut histogram: Histogram = Histogram::new();
        histogram.record(7);
        histogram.record_n(9, 2);
        assert_eq!(histogram.total(), 3);
        let stats = histogram.percentile_stats();
        assert_eq!((stats.samples, stats.p99), (3, 0));
    }
}
