//! One direction between two ports: what becomes of a frame. Pure but for chance, which comes from a seed.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use crate::chance::Chance;

/// What is done to the frames of one direction. The default is nothing.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
pub(crate) struct Fate {
    /// None arrives.
    pub(crate) cut: bool,
    /// So many of a hundred do not arrive.
    pub(crate) loss: usize,
    /// All arrive so much later …
    pub(crate) delay: Duration,
    /// … more or less by at most so much, and still in order.
    pub(crate) jitter: Duration,
    /// So many of a hundred are overtaken by those behind them.
    pub(crate) reordered: usize,
    /// So many of a hundred arrive twice.
    pub(crate) doubled: usize,
    /// So many of a hundred arrive with one wrong bit.
    pub(crate) corrupted: usize,
    /// So many bytes a second at the most; what would wait longer than two seconds is lost.
    pub(crate) bytes_per_second: Option<u32>,
}

/// How many frames something was done to.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Harm {
    pub(crate) lost: u64,
    pub(crate) late: u64,
    pub(crate) reordered: u64,
    pub(crate) doubled: u64,
    pub(crate) corrupted: u64,
}

/// One direction.
pub(crate) struct Line {
    pub(crate) fate: Fate,
    pub(crate) harm: Harm,
    chance: Chance,
    /// When the last frame arrives.
    last: Option<Instant>,
    /// When the one before it is out of the way, where there is a limit.
    free: Option<Instant>,
}

/// When a frame arrives, and with which wrong bit.
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    pub(crate) wrong_bit: Option<usize>,
}

/// How much later a frame arrives that is overtaken.
const OVERTAKEN: Duration = Duration::from_millis(8);
/// The queue of a narrow line.
const QUEUE: Duration = Duration::from_secs(2);

impl Line {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            fate: Fate::default(),
            harm: Harm::default(),
            chance: Chance::from(seed),
            last: None,
            free: None,
        }
    }

    /// When a frame of this length arrives: never, once, or twice.
    pub(crate) fn arrivals(&mut self, bytes: usize, now: Instant) -> Vec<Arrival> {
        let fate = self.fate;
        if fate.cut || self.happens(fate.loss) {
            self.harm.lost += 1;
            return Vec::new();
        }
        let mut at = now + fate.delay;
        if !fate.jitter.is_zero() {
            let spread = usize::try_from(2 * fate.jitter.as_micros()).unwrap();
            let more = Duration::from_micros(u64::try_from(self.chance.below(spread)).unwrap());
            at = (at + more).checked_sub(fate.jitter).unwrap_or(now);
        }
        if let Some(rate) = fate.bytes_per_second {
            let free = self.free.unwrap_or(now).max(now);
            if free > now + QUEUE {
                self.harm.lost += 1;
                return Vec::new();
            }
            let length = f64::from(u32::try_from(bytes).unwrap());
            let free = free + Duration::from_secs_f64(length / f64::from(rate));
            self.free = Some(free);
            at = at.max(free);
        }
        if self.happens(fate.reordered) {
            self.harm.reordered += 1;
            at += OVERTAKEN;
        } else {
            at = at.max(self.last.unwrap_or(at));
            self.last = Some(at);
        }
        if at > now {
            self.harm.late += 1;
        }
        let mut arrivals = Vec::with_capacity(2);
        if self.happens(fate.doubled) {
            self.harm.doubled += 1;
            arrivals.push(Arrival {
                at,
                wrong_bit: None,
            });
        }
        let wrong_bit = self.happens(fate.corrupted).then(|| {
            self.harm.corrupted += 1;
            // Behind the addresses, which would only lose it.
            let first = 8 * HEADER.min(bytes - 1);
            first + self.chance.below(8 * bytes - first)
        });
        arrivals.push(Arrival { at, wrong_bit });
        arrivals
    }

    fn happens(&mut self, of_hundred: usize) -> bool {
        of_hundred > 0 && self.chance.below(100) < of_hundred
    }
}

/// Of an Ethernet frame.
const HEADER: usize = 14;

impl AddAssign for Harm {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.late += other.late;
        self.reordered += other.reordered;
        self.doubled += other.doubled;
        self.corrupted += other.corrupted;
    }
}
