//! What a client asks next: few names and addresses, so that clients meet.
//!
//! Some names are never aliases, never in an import and never given to another host: what happens to one of them is a
//! history of its own, at which the oracle's second opinion can look.

use super::Client;
use hosts::{
    Address, Aliases, Comment, ConflictMode, HostPatch, HostRef, Hostname, NewHost, Tag, Tags,
};
use oracle::{Asked, Reading};

impl Client {
    /// The next thing to ask.
    pub(super) fn next(&mut self) -> Asked {
        match self.chance.next() % 100 {
            0..30 => self.addition(),
            30..50 => self.update(),
            50..62 => self.deletion(),
            62..66 => self.import(),
            _ => self.reading(),
        }
    }

    fn request(&mut self) -> String {
        self.requests += 1;
        format!("c{}-{}", self.number, self.requests)
    }

    fn addition(&mut self) -> Asked {
        Asked::Add {
            request: self.request(),
            host: self.host(),
        }
    }

    /// A host that nobody else asks for.
    pub(super) fn last(&mut self, node: u64) -> Asked {
        let name = parsed_name(&format!("last{node}.sim.lan"));
        let address = parsed_address(&format!("10.9.1.{}", node + 1));
        Asked::Add {
            request: self.request(),
            host: NewHost::new(address, name),
        }
    }

    fn update(&mut self) -> Asked {
        let (host, version, alone) = self.which();
        let mut patch = HostPatch::default();
        match self.chance.next() % 5 {
            0 => patch.address = Some(self.address()),
            1 if !alone => patch.hostname = Some(self.name()),
            2 => patch.enabled = Some(self.chance.percent(50)),
            3 => patch.tags = Some(self.tags()),
            _ => patch.comment = Some(Some(self.comment())),
        }
        Asked::Update {
            request: self.request(),
            host,
            patch,
            expected: version,
        }
    }

    fn deletion(&mut self) -> Asked {
        let (host, expected, _) = self.which();
        Asked::Delete {
            request: self.request(),
            host,
            expected,
        }
    }

    fn import(&mut self) -> Asked {
        // One import of some runs does not fit into one entry of the log.
        let large = self.large > 0;
        self.large = self.large.saturating_sub(1);
        let rows = match self.chance.next() % 8 {
            _ if large => 400,
            0 => 60,
            _ => self.chance.within(1, 12),
        };
        let rows = (0..rows).map(|row| {
            let mut host = NewHost::new(self.address(), self.name());
            if large {
                host.address = parsed_address(&format!("10.8.{}.{}", row / 250, row % 250 + 1));
                host.comment = Comment::parse("long ".repeat(160).trim()).ok();
            }
            host
        });
        let rows = rows.collect();
        Asked::Import {
            request: self.request(),
            rows,
            mode: self.chance.pick(&[
                ConflictMode::Skip,
                ConflictMode::Replace,
                ConflictMode::Strict,
            ]),
        }
    }

    pub(super) fn reading(&mut self) -> Asked {
        let what = if self.chance.percent(30) {
            Reading::All
        } else {
            Reading::One(self.which().0)
        };
        Asked::Read {
            what,
            linearizable: self.chance.percent(75),
        }
    }

    /// A host by its id or its name, now and then the version somebody has seen, and whether its name has a history of
    /// its own.
    fn which(&mut self) -> (HostRef, Option<u64>, bool) {
        match self.some_known() {
            Some((id, host)) if self.chance.percent(75) => {
                let version = self.chance.percent(40).then_some(host.version);
                (HostRef::Id(id), version, host.hostname.starts_with(ALONE))
            }
            _ if self.chance.percent(30) => (HostRef::Name(self.name_alone()), None, true),
            _ => (HostRef::Name(self.name()), None, false),
        }
    }

    fn host(&mut self) -> NewHost {
        let alone = self.chance.percent(30);
        let name = if alone {
            self.name_alone()
        } else {
            self.name()
        };
        let mut host = NewHost::new(self.address(), name);
        if !alone && self.chance.percent(20) {
            host.aliases = Aliases::new(vec![self.name()]).expect("one is not too many");
        }
        if self.chance.percent(20) {
            host.tags = self.tags();
        }
        if self.chance.percent(20) {
            host.comment = Some(self.comment());
        }
        host
    }

    fn name_alone(&mut self) -> Hostname {
        parsed_name(&format!("{ALONE}{}.sim.lan", self.chance.within(0, 5)))
    }

    fn name(&mut self) -> Hostname {
        parsed_name(&format!("h{}.sim.lan", self.chance.within(0, 14)))
    }

    fn address(&mut self) -> Address {
        parsed_address(&format!("10.9.0.{}", self.chance.within(1, 12)))
    }

    fn tags(&mut self) -> Tags {
        let tag = format!("t{}", self.chance.within(0, 5));
        let tag = Tag::parse(&tag).expect("a letter and a digit");
        Tags::new(vec![tag]).expect("one is not too many")
    }

    fn comment(&mut self) -> Comment {
        let text = format!("remark {}", self.chance.within(0, 1000));
        Comment::parse(&text).expect("letters and digits")
    }
}

/// How names begin that have a history of their own.
const ALONE: &str = "alone";

fn parsed_name(text: &str) -> Hostname {
    Hostname::parse(text).expect("letters, digits and dots")
}

fn parsed_address(text: &str) -> Address {
    Address::parse(text).expect("four numbers below 256")
}
