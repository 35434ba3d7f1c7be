//! What goes wrong in a run, when, and for how long: chance decides, from the seed.
//!
//! Faults overlap. Each is undone after a while, and all of them when it is time to heal.

use crate::{
    chance::Chance,
    files::FileFault,
    machine::{End, Machine},
    net::{Link, Net, Site},
    trace::{note, turn_of},
};
use raft_store::{
    disk::memory::{Operation, Trouble},
    position::Vote,
};
use std::{collections::BTreeMap, io};

/// Makes faults.
pub(crate) struct Faults {
    chance: Chance,
    net: Net,
    nodes: Site,
    clients: Vec<Site>,
    /// When the next one begins, in milliseconds.
    next: u64,
    undo: Vec<(u64, Undo)>,
    /// The next node that votes loses its power at once: these are the votes until then.
    at_vote: Option<BTreeMap<Site, Option<Vote>>>,
    /// The next node whose snapshot is another one loses its power at once: these are the snapshots until then.
    at_snapshot: Option<BTreeMap<Site, Option<u64>>>,
    /// How often each kind was made.
    pub(crate) made: BTreeMap<&'static str, u64>,
}

enum Undo {
    /// These links are as they were.
    Links(Vec<(Site, Site)>),
    Start(Site),
    /// The power goes now, if it has not gone in the middle of something.
    Cut(Site),
    Resume(Site),
    Awake(Site),
    End(Site, End),
    Clock(Site),
    Files(Site),
}

impl Faults {
    pub(crate) fn new(seed: u64, net: Net, nodes: Site, clients: Vec<Site>) -> Self {
        Self {
            chance: Chance::new(seed, "faults"),
            net,
            nodes,
            clients,
            next: 2500,
            undo: Vec::new(),
            at_vote: None,
            at_snapshot: None,
            made: BTreeMap::new(),
        }
    }

    /// Begins and ends what is due at `now`.
    ///
    /// # Errors
    /// A node cannot be started.
    pub(crate) fn act(&mut self, now: u64, machines: &mut [Machine]) -> io::Result<()> {
        turn_of("faults");
        for machine in machines.iter_mut() {
            if !machine.is_sound() && machine.is_up() && machine.has_no_power() {
                self.cut(now, machine);
            }
        }
        if let Some(votes) = &self.at_vote {
            let voted = machines.iter_mut().find(|machine| {
                let now = machine.vote();
                now.is_some() && votes.get(&machine.id).is_some_and(|before| *before != now)
            });
            if let Some(machine) = voted {
                self.at_vote = None;
                self.cut(now, machine);
            }
        }
        if let Some(snapshots) = &self.at_snapshot {
            let reached = machines.iter_mut().find(|machine| {
                let now = machine.snapshot();
                let before = snapshots.get(&machine.id);
                machine.is_up() && before.is_some_and(|before| *before < now)
            });
            if let Some(machine) = reached {
                self.at_snapshot = None;
                self.cut(now, machine);
            }
        }
        let (due, later) = std::mem::take(&mut self.undo)
            .into_iter()
            .partition(|(when, _)| *when <= now);
        self.undo = later;
        let due: Vec<(u64, Undo)> = due;
        for (_, undo) in due {
            self.undo(now, undo, machines)?;
        }
        if now >= self.next {
            self.next = now + self.chance.within(300, 5000);
            self.make(now, machines);
        }
        Ok(())
    }

    /// Undoes everything. Nodes that are down are started.
    ///
    /// # Errors
    /// A node cannot be started.
    pub(crate) fn heal(&mut self, now: u64, machines: &mut [Machine]) -> io::Result<()> {
        turn_of("faults");
        note!("heal");
        (self.at_vote, self.at_snapshot) = (None, None);
        for (_, undo) in std::mem::take(&mut self.undo) {
            if !matches!(undo, Undo::End(..)) {
                self.undo(now, undo, machines)?;
            }
        }
        // Power that went while healing comes back, too.
        for (_, undo) in std::mem::take(&mut self.undo) {
            self.undo(now, undo, machines)?;
        }
        let sites: Vec<Site> = (1..=self.nodes).chain(self.clients.clone()).collect();
        for from in &sites {
            for to in sites.iter().filter(|to| *to != from) {
                if self.net.link(*from, *to) != Link::default() {
                    self.net.set_link(*from, *to, Link::default());
                }
            }
        }
        Ok(())
    }

    /// A node has ended by itself: whoever looks after it starts it again.
    pub(crate) fn start_again(&mut self, now: u64, node: Site) {
        let when = now + self.chance.within(200, 2500);
        self.undo.push((when, Undo::Start(node)));
    }

    /// Starts the nodes that are due again.
    ///
    /// # Errors
    /// A node cannot be started.
    pub(crate) fn restart(&mut self, now: u64, machines: &mut [Machine]) -> io::Result<()> {
        let (due, later) = std::mem::take(&mut self.undo)
            .into_iter()
            .partition(|(when, undo)| *when <= now && matches!(undo, Undo::Start(_)));
        self.undo = later;
        let due: Vec<(u64, Undo)> = due;
        for (_, undo) in due {
            self.undo(now, undo, machines)?;
        }
        Ok(())
    }

    fn undo(&mut self, now: u64, undo: Undo, machines: &mut [Machine]) -> io::Result<()> {
        match undo {
            Undo::Links(links) => {
                turn_of("faults");
                note!("links {links:?} are well again");
                for (from, to) in links {
                    self.net.set_link(from, to, Link::default());
                }
            }
            Undo::Start(node) => {
                let machine = on(machines, node);
                if !machine.is_up() {
                    machine.start()?;
                }
            }
            Undo::Cut(node) => {
                let machine = on(machines, node);
                if machine.is_up() && !machine.is_sound() {
                    self.cut(now, machine);
                }
            }
            Undo::Resume(node) => {
                note!("n{node} goes on");
                on(machines, node).pause(false);
            }
            Undo::Awake(node) => {
                note!("n{node} is awake");
                on(machines, node).suspend(false);
            }
            Undo::End(node, how) => self.end(now, machines, &[node], how),
            Undo::Clock(node) => on(machines, node).clock.set_off(0),
            Undo::Files(node) => on(machines, node).files.heal(),
        }
        Ok(())
    }

    fn cut(&mut self, now: u64, machine: &mut Machine) {
        machine.end(End::PowerCut);
        self.start_again(now, machine.id);
    }

    fn lasting(&mut self, now: u64, undo: Undo) {
        let short = self.chance.percent(50);
        let most = if short { 1500 } else { 9000 };
        let until = now + self.chance.within(50, most);
        self.undo.push((until, undo));
    }

    fn make(&mut self, now: u64, machines: &mut [Machine]) {
        let Some(node) = self.victim(machines) else {
            self.next = now + 100; // they are all down already
            return;
        };
        let kind = KINDS[usize::try_from(self.chance.within(0, KINDS.len() as u64)).unwrap_or(0)];
        turn_of("faults");
        note!("{kind:?} n{node}");
        *self.made.entry(kind.name()).or_default() += 1;
        match kind {
            Kind::Kill => self.end(now, machines, &[node], End::Killed),
            Kind::PowerCut => self.end(now, machines, &[node], End::PowerCut),
            Kind::PowerCutOfSome => {
                let some = self.some();
                self.end(now, machines, &some, End::PowerCut);
            }
            Kind::PowerCutOfAll => {
                let all: Vec<Site> = (1..=self.nodes).collect();
                self.end(now, machines, &all, End::PowerCut);
            }
            Kind::PowerCutAtWork => {
                let changes = self.chance.within(0, 25);
                on(machines, node).cut_after(changes);
                self.undo.push((now + 3000, Undo::Cut(node)));
            }
            Kind::PowerCutAtVote => {
                // Without a leader there is an election soon.
                self.end(now, machines, &[node], End::Killed);
                let others = machines.iter().filter(|machine| machine.is_up());
                let votes = others.map(|machine| (machine.id, machine.vote()));
                self.at_vote = Some(votes.collect());
            }
            Kind::PowerCutAtSnapshot => {
                // A node that was away for long may need one.
                self.end(now, machines, &[node], End::Killed);
                let all = machines.iter();
                let snapshots = all.map(|machine| (machine.id, machine.snapshot()));
                self.at_snapshot = Some(snapshots.collect());
            }
            Kind::DiskFails => {
                let operation = self.chance.pick(&[
                    Operation::Append,
                    Operation::Append,
                    Operation::Sync,
                    Operation::Sync,
                    Operation::Create,
                    Operation::Rename,
                    Operation::SyncDir,
                    Operation::Truncate,
                    Operation::Remove,
                ]);
                let trouble = self
                    .chance
                    .pick(&[Trouble::Io, Trouble::NoSpace, Trouble::Short]);
                let nth = self.chance.within(0, 20);
                note!("{operation:?} +{nth} {trouble:?}");
                on(machines, node).spoil(operation, nth, trouble);
            }
            Kind::FileFails => {
                for _ in 0..self.chance.within(1, 4) {
                    let fault = self.chance.pick(&[
                        FileFault::Write,
                        FileFault::Rename,
                        FileFault::NotFlushed,
                    ]);
                    on(machines, node).files.fail(fault);
                }
                self.lasting(now, Undo::Files(node));
            }
            Kind::Stop => {
                on(machines, node).stop();
            }
            Kind::Pause => {
                on(machines, node).pause(true);
                self.lasting(now, Undo::Resume(node));
            }
            Kind::PauseOfSome => {
                for node in self.some() {
                    on(machines, node).pause(true);
                    self.lasting(now, Undo::Resume(node));
                }
            }
            Kind::Suspend => {
                on(machines, node).suspend(true);
                self.lasting(now, Undo::Awake(node));
            }
            Kind::Moved => {
                // Its clients find it at once, its peers later: it may think that it leads.
                let node = leader(machines).unwrap_or(node);
                on(machines, node).suspend(true);
                let awake = now + self.chance.within(900, 4000);
                self.undo.push((awake, Undo::Awake(node)));
                let links = both(&self.links_of(node, false));
                let back = awake + self.chance.within(50, 3000);
                self.cut_until(back, links);
            }
            Kind::Deposed => {
                // Long enough for another leader. It may end while it is alone, or when it finds another one.
                let node = leader(machines).unwrap_or(node);
                let links = both(&self.links_of(node, false));
                let back = now + self.chance.within(900, 5000);
                self.cut_until(back, links);
                if self.chance.percent(60) {
                    let how = self.chance.pick(&[End::Killed, End::PowerCut]);
                    let when = self.chance.within(now + 200, back + 1500);
                    self.undo.push((when, Undo::End(node, how)));
                }
            }
            Kind::Clock => {
                let off =
                    self.chance
                        .pick(&[1_000, 30_000, 600_000, 86_400_000, 315_360_000_000_i64]);
                let off = if self.chance.percent(50) { off } else { -off };
                note!("{off} ms");
                on(machines, node).clock.set_off(off);
                self.lasting(now, Undo::Clock(node));
            }
            Kind::Isolated => {
                let links = self.links_of(node, true);
                self.set(now, both(&links), CUT);
            }
            Kind::CannotSend => {
                let links = self.links_of(node, false);
                self.set(now, links, CUT);
            }
            Kind::CannotHear => {
                let links = turned(&self.links_of(node, false));
                self.set(now, links, CUT);
            }
            Kind::TwoCut => {
                let other = self.other(node);
                self.set(now, vec![(node, other), (other, node)], CUT);
            }
            Kind::Split => {
                let some = self.some();
                let rest = (1..=self.nodes).filter(|node| !some.contains(node));
                let links: Vec<_> = rest
                    .flat_map(|one| some.iter().map(move |other| (one, *other)))
                    .collect();
                self.set(now, both(&links), CUT);
            }
            Kind::Slow => {
                let links = both(&self.links_of(node, true));
                let delay = self.chance.pick(&[(5, 20), (20, 120), (200, 900)]);
                self.set(now, links, Link { delay, ..WELL });
            }
            Kind::Lossy => {
                let links = both(&self.links_of(node, true));
                let lossy = self.chance.pick(&[2, 10, 40]);
                self.set(now, links, Link { lossy, ..WELL });
            }
            Kind::Held => {
                let links = both(&self.links_of(node, false));
                self.set(now, links, Link { held: true, ..WELL });
            }
            Kind::ClientCut => {
                let client = self.chance.pick(&self.clients.clone());
                self.set(now, vec![(client, node), (node, client)], CUT);
            }
        }
    }

    fn end(&mut self, now: u64, machines: &mut [Machine], nodes: &[Site], how: End) {
        for &node in nodes {
            let machine = on(machines, node);
            if machine.is_up() {
                machine.end(how);
                self.start_again(now, node);
            }
        }
    }

    fn set(&mut self, now: u64, links: Vec<(Site, Site)>, link: Link) {
        turn_of("faults");
        note!("{links:?} {link:?}");
        for &(from, to) in &links {
            self.net.set_link(from, to, link);
        }
        self.lasting(now, Undo::Links(links));
    }

    fn cut_until(&mut self, until: u64, links: Vec<(Site, Site)>) {
        turn_of("faults");
        note!("{links:?} cut until {until}");
        for &(from, to) in &links {
            self.net.set_link(from, to, CUT);
        }
        self.undo.push((until, Undo::Links(links)));
    }

    /// A node that runs; the leader half of the time.
    fn victim(&mut self, machines: &[Machine]) -> Option<Site> {
        let up = machines.iter().filter(|machine| machine.is_up());
        let up: Vec<Site> = up.map(|machine| machine.id).collect();
        match leader(machines) {
            Some(leader) if self.chance.percent(50) => Some(leader),
            _ if up.is_empty() => None,
            _ => Some(self.chance.pick(&up)),
        }
    }

    fn other(&mut self, node: Site) -> Site {
        (node - 1 + self.chance.within(1, self.nodes)) % self.nodes + 1
    }

    /// Some nodes, not all and not none.
    fn some(&mut self) -> Vec<Site> {
        let first = self.chance.within(1, self.nodes + 1);
        let many = self.chance.within(1, self.nodes);
        (0..many)
            .map(|next| (first - 1 + next) % self.nodes + 1)
            .collect()
    }

    /// The ways from `node` to the others, clients included or not.
    fn links_of(&mut self, node: Site, may_cut_clients: bool) -> Vec<(Site, Site)> {
        let clients = may_cut_clients && self.chance.percent(50);
        let others = (1..=self.nodes).filter(|other| *other != node);
        let mut links: Vec<_> = others.map(|other| (node, other)).collect();
        if clients {
            links.extend(self.clients.iter().map(|client| (node, *client)));
        }
        links
    }
}

const WELL: Link = Link {
    cut: false,
    held: false,
    delay: (0, 0),
    lossy: 0,
};

const CUT: Link = Link { cut: true, ..WELL };

fn both(links: &[(Site, Site)]) -> Vec<(Site, Site)> {
    let mut all = links.to_vec();
    all.extend(turned(links));
    all
}

fn turned(links: &[(Site, Site)]) -> Vec<(Site, Site)> {
    links.iter().map(|&(from, to)| (to, from)).collect()
}

/// A node that says that it leads.
fn leader(machines: &[Machine]) -> Option<Site> {
    let leader = machines.iter().find(|machine| machine.leads());
    leader.map(|machine| machine.id)
}

fn on(machines: &mut [Machine], node: Site) -> &mut Machine {
    let index = usize::try_from(node - 1).expect("nodes are counted from 1");
    &mut machines[index]
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Kill,
    PowerCut,
    PowerCutOfSome,
    PowerCutOfAll,
    PowerCutAtWork,
    PowerCutAtVote,
    PowerCutAtSnapshot,
    DiskFails,
    FileFails,
    Stop,
    Pause,
    PauseOfSome,
    Suspend,
    Moved,
    Deposed,
    Clock,
    Isolated,
    CannotSend,
    CannotHear,
    TwoCut,
    Split,
    Slow,
    Lossy,
    Held,
    ClientCut,
}

const KINDS: [Kind; 25] = [
    Kind::Kill,
    Kind::PowerCut,
    Kind::PowerCutOfSome,
    Kind::PowerCutOfAll,
    Kind::PowerCutAtWork,
    Kind::PowerCutAtVote,
    Kind::PowerCutAtSnapshot,
    Kind::DiskFails,
    Kind::FileFails,
    Kind::Stop,
    Kind::Pause,
    Kind::PauseOfSome,
    Kind::Suspend,
    Kind::Moved,
    Kind::Deposed,
    Kind::Clock,
    Kind::Isolated,
    Kind::CannotSend,
    Kind::CannotHear,
    Kind::TwoCut,
    Kind::Split,
    Kind::Slow,
    Kind::Lossy,
    Kind::Held,
    Kind::ClientCut,
];

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::PowerCut => "power_cut",
            Self::PowerCutOfSome => "power_cut_of_some",
            Self::PowerCutOfAll => "power_cut_of_all",
            Self::PowerCutAtWork => "power_cut_at_work",
            Self::PowerCutAtVote => "power_cut_at_vote",
            Self::PowerCutAtSnapshot => "power_cut_at_snapshot",
            Self::DiskFails => "disk_fails",
            Self::FileFails => "hosts_file_fails",
            Self::Stop => "stop",
            Self::Pause => "pause",
            Self::PauseOfSome => "pause_of_some",
            Self::Suspend => "suspend",
            Self::Moved => "moved",
            Self::Deposed => "deposed",
            Self::Clock => "clock",
            Self::Isolated => "isolated",
            Self::CannotSend => "cannot_send",
            Self::CannotHear => "cannot_hear",
            Self::TwoCut => "two_cut",
            Self::Split => "split",
            Self::Slow => "slow",
            Self::Lossy => "lossy",
            Self::Held => "held",
            Self::ClientCut => "client_cut",
        }
    }
}
