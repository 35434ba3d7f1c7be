//! What can be in the way of a link, and what becomes of bytes because of it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use humantime::format_duration;
use tokio::sync::watch;

use super::Met;
use crate::chance::Chance;

/// Everything that is in the way of one direction; nothing by default.
#[derive(Copy, Clone, PartialEq, Debug, Default)]
pub(crate) struct Hindrance {
    pub(crate) cut: bool,
    pub(crate) delay: Option<Delay>,
    pub(crate) loss: Option<Loss>,
    /// What chance is drawn from.
    pub(crate) seed: u64,
}

/// Every piece comes so much later, in its order.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Delay {
    pub(crate) by: Duration,
    /// At most so much more or less, by chance.
    pub(crate) jitter: Duration,
}

/// How likely a piece is lost, in thousandths, 1 to 999.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Loss(pub(crate) u16);

/// One direction, as those who carry bytes along it see it.
#[derive(Debug)]
pub(super) struct Line {
    now: watch::Sender<Hindrance>,
    number: u64,
    /// How many connections have drawn their chance from it.
    connections: AtomicU64,
    held: AtomicU64,
    unserved: AtomicU64,
    delayed: AtomicU64,
    lost: AtomicU64,
}

/// What is to happen to a piece.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// It arrives so much later.
    Late(Duration),
    /// It was lost so often that TCP gives up.
    Reset,
}

impl Line {
    /// With nothing in the way. `number` is another one for every line of a cluster.
    pub(super) fn clear(number: u64) -> Self {
        Self {
            now: watch::Sender::new(Hindrance::default()),
            number,
            connections: AtomicU64::new(0),
            held: AtomicU64::new(0),
            unserved: AtomicU64::new(0),
            delayed: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    pub(super) fn hindrance(&self) -> Hindrance {
        *self.now.borrow()
    }

    /// What was met by a hindrance that is new counts from now on.
    pub(super) fn change(&self, change: impl FnOnce(&mut Hindrance)) {
        let before = self.hindrance();
        let mut after = before;
        change(&mut after);
        if after.cut && !before.cut {
            self.held.store(0, Ordering::Relaxed);
            self.unserved.store(0, Ordering::Relaxed);
        }
        if after.delay != before.delay {
            self.delayed.store(0, Ordering::Relaxed);
        }
        if after.loss != before.loss {
            self.lost.store(0, Ordering::Relaxed);
        }
        self.now.send_replace(after);
    }

    pub(super) fn met(&self) -> Met {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Met {
            held: read(&self.held),
            unserved: read(&self.unserved),
            delayed: read(&self.delayed),
            lost: read(&self.lost),
        }
    }

    /// Returns when nothing is cut.
    pub(super) async fn whole(&self) {
        let mut now = self.now.subscribe();
        // The sender is this very line: it cannot be gone.
        now.wait_for(|hindrance| !hindrance.cut).await.ok();
    }

    /// The chance of one more connection.
    pub(super) fn dice(&self) -> Dice {
        let connection = self.connections.fetch_add(1, Ordering::Relaxed);
        let number = self.number.rotate_left(8) ^ connection.rotate_left(32);
        Dice {
            number,
            seed: 0,
            chance: Chance::new(number),
        }
    }

    pub(super) fn note_held(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_unserved(&self) {
        self.unserved.fetch_add(1, Ordering::Relaxed);
    }

    /// What happens to the next piece of a connection. A lost one comes later, as TCP sends it again.
    pub(super) fn fate(&self, dice: &mut Dice) -> Fate {
        let Hindrance {
            delay, loss, seed, ..
        } = self.hindrance();
        let chance = dice.of(seed);
        let mut late = Duration::ZERO;
        if let Some(delay) = delay {
            self.delayed.fetch_add(1, Ordering::Relaxed);
            late += delay.draw(chance);
        }
        match loss.map(|loss| loss.draw(chance, RESEND)) {
            None | Some(Fate::Late(Duration::ZERO)) => Fate::Late(late),
            Some(fate) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                match fate {
                    Fate::Late(more) => Fate::Late(late + more),
                    Fate::Reset => Fate::Reset,
                }
            }
        }
    }

    /// What happens to the first packet of a new connection, by loss alone.
    pub(super) fn fate_of_connection(&self, dice: &mut Dice) -> Fate {
        let Hindrance { loss, seed, .. } = self.hindrance();
        let Some(loss) = loss else {
            return Fate::Late(Duration::ZERO);
        };
        let fate = loss.draw(dice.of(seed), RESEND_FIRST);
        if fate != Fate::Late(Duration::ZERO) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        fate
    }
}

/// The chance of one connection along a line.
#[derive(Debug)]
pub(super) struct Dice {
    number: u64,
    seed: u64,
    chance: Chance,
}

impl Dice {
    /// From this seed on, if it is another one than before.
    fn of(&mut self, seed: u64) -> &mut Chance {
        if self.seed != seed {
            self.seed = seed;
            self.chance = Chance::new(Chance::new(seed).next() ^ self.number);
        }
        &mut self.chance
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, jitter } = self;
        write!(out, "{}", format_duration(*by))?;
        match jitter.is_zero() {
            true => Ok(()),
            false => write!(out, " ± {}", format_duration(*jitter)),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (percent, 0) => write!(out, "{percent} %"),
            (percent, tenth) => write!(out, "{percent}.{tenth} %"),
        }
    }
}

impl Delay {
    fn draw(self, chance: &mut Chance) -> Duration {
        let Self { by, jitter } = self;
        let spread = u64::try_from(jitter.as_micros()).unwrap_or(u64::MAX / 4) * 2;
        let drawn = Duration::from_micros(chance.below(spread + 1));
        (by + drawn).saturating_sub(jitter)
    }
}

impl Loss {
    /// Sent again after `resend`, then after twice that, and so on.
    fn draw(self, chance: &mut Chance, resend: Duration) -> Fate {
        let (mut late, mut wait) = (Duration::ZERO, resend);
        for _ in 0..RESENDS_MAX {
            if chance.below(1000) >= u64::from(self.0) {
                return Fate::Late(late);
            }
            late += wait;
            wait *= 2;
        }
        Fate::Reset
    }
}

/// The least time after which Linux sends a packet again (`TCP_RTO_MIN`).
const RESEND: Duration = Duration::from_millis(200);

/// The same for the first packet of a connection (RFC 6298, 2.1).
const RESEND_FIRST: Duration = Duration::from_secs(1);

/// Lost so often in a row, 12.6 s in all, a connection is given up: long after its user has.
const RESENDS_MAX: u32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(hindrance: Hindrance) -> Line {
        let line = Line::clear(7);
        line.change(|now| *now = hindrance);
        line
    }

    #[test]
    fn a_delay_stays_within_its_jitter_and_is_the_same_for_a_seed() {
        let delay = Delay {
            by: Duration::from_millis(75),
            jitter: Duration::from_millis(50),
        };
        let draw = |seed| {
            let mut chance = Chance::new(seed);
            (0..200)
                .map(|_| delay.draw(&mut chance))
                .collect::<Vec<_>>()
        };
        let drawn = draw(1);
        let (least, most) = (drawn.iter().min().unwrap(), drawn.iter().max().unwrap());
        assert!(*least >= Duration::from_millis(25) && *least < Duration::from_millis(35));
        assert!(*most <= Duration::from_millis(125) && *most > Duration::from_millis(115));
        assert_eq!(draw(1), drawn);
        assert_ne!(draw(2), drawn);
    }

    #[test]
    fn what_is_lost_comes_later_and_a_line_that_loses_nearly_all_is_reset() {
        let half = line(Hindrance {
            loss: Some(Loss(500)),
            ..Hindrance::default()
        });
        let mut dice = half.dice();
        let fates: Vec<_> = (0..1000).map(|_| half.fate(&mut dice)).collect();
        let on_time = fates
            .iter()
            .filter(|&&fate| fate == Fate::Late(Duration::ZERO));
        let on_time = on_time.count();
        assert!((400..600).contains(&on_time), "{on_time}");
        assert_eq!(half.met().lost, 1000 - on_time as u64);
        assert!(
            fates.contains(&Fate::Late(Duration::from_millis(600))),
            "lost twice"
        );
        let awful = line(Hindrance {
            loss: Some(Loss(999)),
            ..Hindrance::default()
        });
        assert_eq!(awful.fate(&mut awful.dice()), Fate::Reset);
    }

    #[tokio::test]
    async fn a_cut_is_waited_for_and_counts_anew() {
        let line = line(Hindrance {
            cut: true,
            ..Hindrance::default()
        });
        line.note_held();
        tokio::join!(line.whole(), async {
            assert!(line.hindrance().cut);
            line.change(|now| now.cut = false);
        });
        assert_eq!(line.met().held, 1);
        line.change(|now| now.cut = true);
        assert_eq!(line.met().held, 0);
    }
}
