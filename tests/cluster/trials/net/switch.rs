//! Carries frames between taps: a thread for each tap, and one for the frames that arrive later.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use super::line::{Fate, Harm, Line};
use super::tap::Tap;

/// Its threads run until the process ends.
pub(crate) struct Switch(Arc<Shared>);

struct Shared {
    taps: Vec<Tap>,
    /// By the port a frame comes from, then the one it goes to.
    lines: Vec<Vec<Mutex<Line>>>,
    late: Mutex<Late>,
    sooner: Condvar,
}

/// The frames on their way.
#[derive(Default)]
struct Late {
    frames: BinaryHeap<Reverse<Frame>>,
    count: u64,
}

/// When it arrives, its number among all late ones, the port it is for, and what it is.
type Frame = (Instant, u64, usize, Vec<u8>);

/// An Ethernet frame without a tag is 1514 bytes.
const FRAME_BYTES_MAX: usize = 2048;

impl Switch {
    /// The port of a tap is its place in the list.
    pub(crate) fn start(taps: Vec<Tap>, seed: u64) -> Self {
        let ports = taps.len();
        let line = |from: usize, to: usize| {
            let number = u64::try_from(from * ports + to).unwrap();
            Mutex::new(Line::new(seed ^ number << 48))
        };
        let lines = (0..ports).map(|from| (0..ports).map(|to| line(from, to)).collect());
        let shared = Arc::new(Shared {
            lines: lines.collect(),
            taps,
            late: Mutex::default(),
            sooner: Condvar::new(),
        });
        for port in 0..ports {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.forward(port));
        }
        let delayed = Arc::clone(&shared);
        thread::spawn(move || delayed.deliver_late());
        Self(shared)
    }

    pub(crate) fn set(&self, from: usize, to: usize, fate: Fate) {
        self.0.lines[from][to].lock().unwrap().fate = fate;
    }

    /// What was done to frames since this was asked last.
    pub(crate) fn harm(&self) -> Harm {
        let mut all = Harm::default();
        for line in self.0.lines.iter().flatten() {
            all += std::mem::take(&mut line.lock().unwrap().harm);
        }
        all
    }
}

impl Shared {
    fn forward(&self, from: usize) {
        let mut frame = [0; FRAME_BYTES_MAX];
        loop {
            let Ok(length) = self.taps[from].read(&mut frame) else {
                // The device is down for now.
                thread::yield_now();
                continue;
            };
            let frame = &frame[..length];
            match port_of(frame) {
                Some(to) if to < self.taps.len() => self.send(from, to, frame),
                Some(_) => {}
                // To all: somebody asks for a hardware address.
                None => {
                    for to in (0..self.taps.len()).filter(|to| *to != from) {
                        self.send(from, to, frame);
                    }
                }
            }
        }
    }

    fn send(&self, from: usize, to: usize, frame: &[u8]) {
        let now = Instant::now();
        // Held until it is delivered, so that none overtakes another.
        let mut line = self.lines[from][to].lock().unwrap();
        for arrival in line.arrivals(frame.len(), now) {
            let mut frame = frame.to_vec();
            if let Some(bit) = arrival.wrong_bit {
                frame[bit / 8] ^= 1 << (bit % 8);
            }
            if arrival.at <= now {
                self.deliver(to, &frame);
                continue;
            }
            let mut late = self.late.lock().unwrap();
            let number = late.count;
            late.count += 1;
            late.frames.push(Reverse((arrival.at, number, to, frame)));
            self.sooner.notify_one();
        }
    }

    fn deliver_late(&self) {
        let mut late = self.late.lock().unwrap();
        loop {
            let now = Instant::now();
            let next = late.frames.peek().map(|Reverse((at, ..))| *at);
            late = match next {
                None => self.sooner.wait(late).unwrap(),
                Some(at) if at > now => self.sooner.wait_timeout(late, at - now).unwrap().0,
                Some(_) => {
                    let Some(Reverse((_, _, to, frame))) = late.frames.pop() else {
                        continue;
                    };
                    drop(late);
                    self.deliver(to, &frame);
                    self.late.lock().unwrap()
                }
            };
        }
    }

    fn deliver(&self, to: usize, frame: &[u8]) {
        // A device that is down takes nothing, as a cable that is unplugged.
        self.taps[to].write(frame).ok();
    }
}

/// The hardware address of a port, as `ip` takes it.
pub(crate) fn hardware_text(port: usize) -> String {
    format!("02:00:00:00:07:{port:02x}")
}

/// The port a frame is for; `None` if it is for all.
fn port_of(frame: &[u8]) -> Option<usize> {
    match frame {
        [0x02, 0, 0, 0, 7, port, ..] => Some(usize::from(*port)),
        _ => None,
    }
}
