//! What tells `dev` to end, and how that is passed on to the command it runs.

use std::io::{self, IsTerminal as _};

use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::tcgetpgrp;
use tokio::signal::unix::{self, SignalKind, signal};

/// The signals that end a program in good order.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    hangup: unix::Signal,
}

/// One of them.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    /// Ctrl-C.
    Interrupt,
    Terminate,
    /// The terminal is gone.
    Hangup,
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::Interrupt,
            _ = self.terminate.recv() => Told::Terminate,
            _ = self.hangup.recv() => Told::Hangup,
        }
    }
}

impl Told {
    pub(crate) const ALL: [Self; 3] = [Self::Interrupt, Self::Terminate, Self::Hangup];

    /// The exit status of a program that this signal ended, as shells have it.
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Hangup => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }

    /// Passes it on to a child that was not waited for yet, unless it has it already: a terminal sends Ctrl-C to all
    /// processes in front.
    pub(crate) fn pass_on(self, child: u32) {
        let signal = match self {
            Self::Interrupt if in_front() => return,
            Self::Interrupt => Signal::INT,
            Self::Terminate => Signal::TERM,
            Self::Hangup => Signal::HUP,
        };
        if let Some(child) = i32::try_from(child).ok().and_then(Pid::from_raw) {
            // It may have ended just now: that is seen where it is waited for.
            kill_process(child, signal).ok();
        }
    }
}

/// Whether this process is in front on a terminal.
fn in_front() -> bool {
    let stdin = io::stdin();
    stdin.is_terminal() && tcgetpgrp(&stdin).is_ok_and(|front| front == getpgrp())
}
