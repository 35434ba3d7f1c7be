//! The links between the nodes of `dev --chaos`, and what is in their way.
//!
//! Every node reaches every other one at a port of this process, which carries the bytes on to the node's own port
//! ([`route`]). So each direction between two nodes can be cut, delayed or made lossy by itself, without root, while
//! TLS goes through unchanged. Clients call the nodes at their own ports: a node that is cut off can still be asked.

mod hindrance;
mod route;

pub(crate) use hindrance::{Delay, Hindrance, Loss};

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use hindrance::Line;

/// One direction between two nodes, by their places.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Link {
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// All links of a cluster. Dropped, no node reaches another one.
pub(crate) struct Links {
    lines: Vec<(Link, Arc<Line>)>,
    /// Where the first node of each pair calls the second one.
    detours: Vec<(Link, SocketAddr)>,
    _routes: JoinSet<()>,
}

impl fmt::Debug for Links {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Links")
            .field("detours", &self.detours)
            .finish_non_exhaustive()
    }
}

impl Links {
    /// Links between the nodes at these addresses, with nothing in their way.
    ///
    /// # Errors
    /// No port can be had.
    pub(crate) async fn open(addresses: &[SocketAddr]) -> io::Result<Self> {
        let count = addresses.len();
        let pairs = (0..count).flat_map(|from| (0..count).map(move |to| Link { from, to }));
        let lines: Vec<_> = pairs
            .filter(|link| link.from != link.to)
            .map(|link| (link, Arc::new(Line::clear(number_of(link)))))
            .collect();
        let line = |wanted: Link| {
            let found = lines.iter().find(|(link, _)| *link == wanted);
            Arc::clone(&found.expect("every pair has both directions").1)
        };
        let (mut routes, mut detours) = (JoinSet::new(), Vec::new());
        for (link, there) in &lines {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            detours.push((*link, listener.local_addr()?));
            let back = line(Link {
                from: link.to,
                to: link.from,
            });
            let target = addresses.get(link.to).copied();
            let target = target.expect("links are between the addresses");
            routes.spawn(route::serve(listener, target, Arc::clone(there), back));
        }
        Ok(Self {
            lines,
            detours,
            _routes: routes,
        })
    }

    /// Where the node at this place calls the others: their places, and the ports here.
    pub(crate) fn detours(&self, from: usize) -> impl Iterator<Item = (usize, SocketAddr)> {
        let own = self
            .detours
            .iter()
            .filter(move |(link, _)| link.from == from);
        own.map(|(link, at)| (link.to, *at))
    }

    /// Both directions of every pair.
    pub(crate) fn all(&self) -> impl Iterator<Item = Link> {
        self.lines.iter().map(|(link, _)| *link)
    }

    /// What is in the way of a link now.
    pub(crate) fn hindrance(&self, link: Link) -> Hindrance {
        self.line(link)
            .map_or_else(Hindrance::default, |line| line.hindrance())
    }

    /// Changes what is in the way of a link.
    pub(crate) fn hinder(&self, link: Link, change: impl FnOnce(&mut Hindrance)) {
        if let Some(line) = self.line(link) {
            line.change(change);
        }
    }

    /// How often each kind of hindrance on a link had an effect since it was put there.
    pub(crate) fn met(&self, link: Link) -> Met {
        self.line(link).map_or_else(Met::default, |line| line.met())
    }

    fn line(&self, wanted: Link) -> Option<&Line> {
        let found = self.lines.iter().find(|(link, _)| *link == wanted);
        found.map(|(_, line)| line.as_ref())
    }
}

/// What ran into a hindrance.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Met {
    /// Pieces of established connections that a cut held back.
    pub(crate) held: u64,
    /// New connections that a cut kept from being served.
    pub(crate) unserved: u64,
    /// Pieces that came late.
    pub(crate) delayed: u64,
    /// Pieces and connections that counted as lost, and came later or never.
    pub(crate) lost: u64,
}

/// For the chance of a link: another one for each.
fn number_of(link: Link) -> u64 {
    (link.from as u64) << 32 | link.to as u64
}

#[cfg(test)]
mod tests;
