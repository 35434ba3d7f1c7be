//! The network: connections between sites, every one a pair of ordered flows of segments that take their time.
//!
//! It behaves as TCP does to those who use it. A link that is cut loses no bytes: they arrive some time after it is
//! mended, or the connection is given up by who waited too long. A site that lost its power says nothing; a program
//! that ended closes its connections. Time is moved by [`Net::advance`] alone.

mod stream;

use crate::{
    chance::Chance,
    trace::{note, turn_of},
};
use futures::future::BoxFuture;
use node::network::{Io, Listener, Network};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    future::poll_fn,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};
use stream::Stream;

/// A place on the network: nodes are 1 to 9, clients have higher numbers.
pub(crate) type Site = u64;

/// The network; clones are the same one.
#[derive(Clone)]
pub(crate) struct Net {
    state: Arc<Mutex<State>>,
}

/// How a link is, in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    /// Nothing passes.
    pub(crate) cut: bool,
    /// Nothing passes, and all of it at once when it does again.
    pub(crate) held: bool,
    /// The least and the most milliseconds that are added to a segment's way.
    pub(crate) delay: (u64, u64),
    /// How many segments of a hundred have to be sent again.
    pub(crate) lossy: u64,
}

struct State {
    /// Milliseconds.
    now: u64,
    chance: Chance,
    links: BTreeMap<(Site, Site), Link>,
    /// When a mended link carries again.
    resumes: BTreeMap<(Site, Site), u64>,
    /// Sites without power.
    dark: BTreeSet<Site>,
    listeners: BTreeMap<Site, Waiting>,
    flows: BTreeMap<u64, Flow>,
    /// Those with segments under way.
    busy: BTreeSet<u64>,
    next: u64,
}

/// A listener's queue.
#[derive(Default)]
struct Waiting {
    streams: VecDeque<(Stream, Site)>,
    waker: Option<Waker>,
}

/// One direction of a connection. The other has the number `^ 1`.
struct Flow {
    from: Site,
    to: Site,
    /// In order; each with the millisecond it may arrive at.
    under_way: VecDeque<(u64, Segment)>,
    arrived: VecDeque<Vec<u8>>,
    /// Bytes written and not read.
    unread: usize,
    /// The greeting, or the answer to it, has arrived.
    open: bool,
    /// The writer has said that nothing follows.
    ended: bool,
    end_arrived: bool,
    /// The connection is broken, as both ends see it.
    reset: bool,
    reader_gone: bool,
    writer_gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

enum Segment {
    Greeting,
    Accepted,
    Bytes(Vec<u8>),
    End,
    Reset,
}

/// Bytes that may be written and not read: as a socket's buffers.
const CAPACITY: usize = 256 * 1024;

/// Milliseconds that a segment is on its way, at the most, when it need not be sent again.
const ON_THE_WIRE: u64 = 30;

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        let state = State {
            now: 0,
            chance: Chance::new(seed, "network"),
            links: BTreeMap::new(),
            resumes: BTreeMap::new(),
            dark: BTreeSet::new(),
            listeners: BTreeMap::new(),
            flows: BTreeMap::new(),
            busy: BTreeSet::new(),
            next: 0,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The network as `site` reaches it.
    pub(crate) fn plug(&self, site: Site) -> Plug {
        let net = self.clone();
        Plug { net, site }
    }

    /// It is `now`: whatever is due by now arrives.
    pub(crate) fn advance(&self, now: u64) {
        turn_of("net");
        let wakers = {
            let mut state = self.state();
            state.now = now;
            state.deliver()
        };
        for waker in wakers {
            waker.wake();
        }
    }

    /// The link from `from` to `to` is so from now on.
    pub(crate) fn set_link(&self, from: Site, to: Site, link: Link) {
        let mut state = self.state();
        let before = state.links.insert((from, to), link).unwrap_or_default();
        if before.cut && !link.cut {
            // TCP asks again less and less often.
            let resumes = state.now + state.chance.within(1, 400);
            state.resumes.insert((from, to), resumes);
        }
    }

    /// How the link is.
    pub(crate) fn link(&self, from: Site, to: Site) -> Link {
        let state = self.state();
        state.links.get(&(from, to)).copied().unwrap_or_default()
    }

    /// `site` has no power: it neither sends nor answers, and does not say that its connections are gone.
    pub(crate) fn darken(&self, site: Site) {
        let mut state = self.state();
        state.dark.insert(site);
        let State {
            now, links, flows, ..
        } = &mut *state;
        for flow in flows.values_mut().filter(|flow| flow.from == site) {
            // What is on the wire arrives; what would have to be sent again does not.
            let link = links.get(&(site, flow.to)).copied().unwrap_or_default();
            let stuck = link.cut || link.held;
            flow.under_way
                .retain(|(due, _)| !stuck && *due <= *now + ON_THE_WIRE);
            flow.writer_gone = true;
        }
    }

    /// It has power again.
    pub(crate) fn lighten(&self, site: Site) {
        self.state().dark.remove(&site);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn deliver(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        let busy: Vec<u64> = self.busy.iter().copied().collect();
        for id in busy {
            while let Some(segment) = self.due(id) {
                self.arrive(id, segment, &mut wakers);
            }
            let idle = self
                .flows
                .get(&id)
                .is_none_or(|flow| flow.under_way.is_empty());
            if idle {
                self.busy.remove(&id);
            }
        }
        wakers
    }

    /// The next segment of a flow, if it arrives now.
    fn due(&mut self, id: u64) -> Option<Segment> {
        let flow = self.flows.get_mut(&id)?;
        let way = (flow.from, flow.to);
        let link = self.links.get(&way).copied().unwrap_or_default();
        let resumes = self.resumes.get(&way).copied().unwrap_or(0);
        let (due, _) = flow.under_way.front()?;
        if link.cut || link.held || *due > self.now || resumes > self.now {
            return None;
        }
        flow.under_way.pop_front().map(|(_, segment)| segment)
    }

    fn arrive(&mut self, id: u64, segment: Segment, wakers: &mut Vec<Waker>) {
        let Some(flow) = self.flows.get_mut(&id) else {
            return;
        };
        let (from, to) = (flow.from, flow.to);
        if self.dark.contains(&to) {
            return; // nobody hears it, and nobody says so
        }
        match segment {
            Segment::Greeting => {
                note!("{from}>{to} #{id} greeting");
                self.greeted(id, from, to, wakers);
                return;
            }
            Segment::Accepted => {
                note!("{from}>{to} #{id} accepted");
                flow.open = true;
            }
            Segment::Bytes(bytes) => {
                note!("{from}>{to} #{id} {} bytes", bytes.len());
                if flow.reader_gone {
                    self.send(id ^ 1, Segment::Reset);
                    return;
                }
                flow.arrived.push_back(bytes);
            }
            Segment::End => {
                note!("{from}>{to} #{id} end");
                flow.end_arrived = true;
            }
            Segment::Reset => {
                note!("{from}>{to} #{id} reset");
                flow.reset = true;
                if let Some(other) = self.flows.get_mut(&(id ^ 1)) {
                    other.reset = true;
                    wakers.extend(other.writer.take());
                }
            }
        }
        if let Some(flow) = self.flows.get_mut(&id) {
            wakers.extend(flow.reader.take());
        }
        self.forget(id);
    }

    fn greeted(&mut self, id: u64, from: Site, to: Site, wakers: &mut Vec<Waker>) {
        if !self.listeners.contains_key(&to) {
            self.send(id ^ 1, Segment::Reset);
            return;
        }
        self.send(id ^ 1, Segment::Accepted);
        if let Some(flow) = self.flows.get_mut(&id) {
            (flow.open, flow.reader_gone) = (true, false);
        }
        if let Some(flow) = self.flows.get_mut(&(id ^ 1)) {
            flow.writer_gone = false;
        }
        // The stream gets its way to the network when it is accepted.
        if let Some(waiting) = self.listeners.get_mut(&to) {
            waiting
                .streams
                .push_back((Stream::detached(id, id ^ 1), from));
            wakers.extend(waiting.waker.take());
        }
    }

    /// Lets a segment go its way.
    fn send(&mut self, id: u64, segment: Segment) {
        let Some(flow) = self.flows.get_mut(&id) else {
            return;
        };
        if self.dark.contains(&flow.from) {
            return;
        }
        let way = (flow.from, flow.to);
        let link = self.links.get(&way).copied().unwrap_or_default();
        let mut takes = match self.chance.next() % 100 {
            0..90 => self.chance.within(1, 3),
            90..99 => self.chance.within(2, 8),
            _ => self.chance.within(5, 30),
        };
        takes += self.chance.within(link.delay.0, link.delay.1 + 1);
        let mut again = 200;
        while link.lossy > 0 && self.chance.percent(link.lossy) && again < 2000 {
            takes += again;
            again *= 2;
        }
        let before = flow.under_way.back().map_or(0, |(due, _)| *due);
        flow.under_way
            .push_back((before.max(self.now + takes), segment));
        self.busy.insert(id);
    }

    /// Two new flows; the even one leads from `from` to `to`.
    fn connection(&mut self, from: Site, to: Site) -> u64 {
        let id = self.next;
        self.next += 2;
        for (id, from, to) in [(id, from, to), (id + 1, to, from)] {
            let flow = Flow {
                from,
                to,
                under_way: VecDeque::new(),
                arrived: VecDeque::new(),
                unread: 0,
                open: false,
                ended: false,
                end_arrived: false,
                reset: false,
                // Nobody is at the other end until it has answered.
                reader_gone: id.is_multiple_of(2),
                writer_gone: id % 2 == 1,
                reader: None,
                writer: None,
            };
            self.flows.insert(id, flow);
        }
        id
    }

    /// Forgets a connection that nobody has an end of, once nothing of it is under way.
    fn forget(&mut self, id: u64) {
        let over = [id, id ^ 1].iter().all(|id| {
            self.flows.get(id).is_none_or(|flow| {
                flow.reader_gone && flow.writer_gone && flow.under_way.is_empty()
            })
        });
        if over {
            self.flows.remove(&id);
            self.flows.remove(&(id ^ 1));
        }
    }
}

/// The network as one site reaches it.
#[derive(Clone)]
pub(crate) struct Plug {
    net: Net,
    site: Site,
}

impl std::fmt::Debug for Plug {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Plug({})", self.site)
    }
}

/// Where a node listens.
pub(crate) fn address(site: Site) -> String {
    format!("n{site}.sim:50051")
}

fn site_of(address: &str) -> io::Result<Site> {
    address
        .strip_prefix('n')
        .and_then(|rest| rest.strip_suffix(".sim:50051"))
        .and_then(|site| site.parse().ok())
        .ok_or_else(|| io::Error::other(format!("no such name: {address}")))
}

fn socket_address(site: Site) -> SocketAddr {
    let last = u8::try_from(site).unwrap_or(u8::MAX);
    (Ipv4Addr::new(10, 0, 0, last), 50051).into()
}

impl Network for Plug {
    fn connect<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Io>> {
        Box::pin(async move {
            let to = site_of(address)?;
            let stream = {
                let mut state = self.net.state();
                let id = state.connection(self.site, to);
                state.send(id, Segment::Greeting);
                Stream::attached(id ^ 1, id, self.net.clone())
            };
            stream.connected().await?;
            Ok(Box::new(stream) as Io)
        })
    }

    fn listen<'a>(&'a self, _address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        let mut state = self.net.state();
        let taken = state.listeners.insert(self.site, Waiting::default());
        let plug = self.clone();
        Box::pin(async move {
            if taken.is_some() {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            Ok(Box::new(Port(plug)) as Box<dyn Listener>)
        })
    }
}

/// A bound port.
struct Port(Plug);

impl Listener for Port {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Io, SocketAddr)>> {
        Box::pin(poll_fn(|cx| {
            let Plug { net, site } = &self.0;
            let mut state = net.state();
            let Some(waiting) = state.listeners.get_mut(site) else {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            };
            match waiting.streams.pop_front() {
                Some((stream, from)) => {
                    let stream = stream.attach(net.clone());
                    Poll::Ready(Ok((Box::new(stream) as Io, socket_address(from))))
                }
                None => {
                    waiting.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        }))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(socket_address(self.0.site))
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let Plug { net, site } = &self.0;
        let waiting = net.state().listeners.remove(site);
        for (stream, _) in waiting.into_iter().flat_map(|waiting| waiting.streams) {
            drop(stream.attach(net.clone()));
        }
    }
}
