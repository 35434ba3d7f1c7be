//! A network of pipes: addresses are names, and what runs between nodes can
//! be held up as if a cable were pulled.

use futures::future::BoxFuture;
use node::network::{Io, Listener, Network};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, duplex},
    sync::{mpsc, watch},
    task::JoinSet,
};

/// All addresses there are.
pub(crate) struct Wire {
    doors: Mutex<BTreeMap<String, mpsc::Sender<Io>>>,
    /// How often nobody was at an address.
    refused: Mutex<BTreeMap<String, u32>>,
    cut_off: watch::Sender<BTreeSet<String>>,
    pumps: Mutex<JoinSet<()>>,
}

/// The network as one node sees it; clients have no address.
#[derive(Debug)]
pub(crate) struct Plug {
    wire: Arc<Wire>,
    own: Option<String>,
}

struct Door {
    address: String,
    wire: Arc<Wire>,
    arrivals: mpsc::Receiver<Io>,
}

impl Wire {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            doors: Mutex::default(),
            refused: Mutex::default(),
            cut_off: watch::Sender::default(),
            pumps: Mutex::default(),
        })
    }

    pub(crate) fn plug(self: &Arc<Self>, own: Option<String>) -> Plug {
        Plug {
            wire: Arc::clone(self),
            own,
        }
    }

    /// From now on nothing passes between the node at `address` and other
    /// nodes, and nothing is lost either. Clients still reach it.
    pub(crate) fn cut_off(&self, address: &str) {
        self.cut_off.send_modify(|all| {
            all.insert(address.to_owned());
        });
    }

    pub(crate) fn mend(&self, address: &str) {
        self.cut_off.send_modify(|all| {
            all.remove(address);
        });
    }

    /// How often nobody was at `address`.
    pub(crate) fn refused(&self, address: &str) -> u32 {
        let refused = self.refused.lock().unwrap();
        refused.get(address).copied().unwrap_or(0)
    }

    fn connect(&self, from: Option<&str>, to: &str) -> io::Result<Io> {
        let refused = || {
            *self
                .refused
                .lock()
                .unwrap()
                .entry(to.to_owned())
                .or_insert(0) += 1;
            io::Error::from(io::ErrorKind::ConnectionRefused)
        };
        let door = self.doors.lock().unwrap().get(to).cloned();
        let door = door.ok_or_else(refused)?;
        let ((near, near_pump), (far_pump, far)) = (duplex(PIPE_BYTES), duplex(PIPE_BYTES));
        door.try_send(Box::new(far)).map_err(|_| refused())?;
        let ends: Vec<String> = from.map_or_else(Vec::new, |from| vec![from.into(), to.into()]);
        let (near_read, near_write) = tokio::io::split(near_pump);
        let (far_read, far_write) = tokio::io::split(far_pump);
        let mut pumps = self.pumps.lock().unwrap();
        while pumps.try_join_next().is_some() {}
        let gate = Gate {
            ends,
            cut_off: self.cut_off.subscribe(),
        };
        pumps.spawn(gate.clone().pump(near_read, far_write));
        pumps.spawn(gate.pump(far_read, near_write));
        Ok(Box::new(near))
    }
}

/// What a pipe waits for before each piece.
#[derive(Clone)]
struct Gate {
    ends: Vec<String>,
    cut_off: watch::Receiver<BTreeSet<String>>,
}

impl Gate {
    async fn pump(mut self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut piece = vec![0; PIPE_BYTES];
        loop {
            let read = from.read(&mut piece).await.unwrap_or(0);
            let ends = &self.ends;
            let open = |cut: &BTreeSet<String>| !ends.iter().any(|end| cut.contains(end));
            if self.cut_off.wait_for(open).await.is_err() {
                return;
            }
            if read == 0 || to.write_all(&piece[..read]).await.is_err() {
                // Whoever reads at the other end may have gone already.
                let _gone = to.shutdown().await;
                return;
            }
        }
    }
}

impl Network for Plug {
    fn connect<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Io>> {
        Box::pin(async move { self.wire.connect(self.own.as_deref(), address) })
    }

    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        let (door, arrivals) = mpsc::channel(ARRIVALS_MAX);
        let mut doors = self.wire.doors.lock().unwrap();
        let listener = if doors.contains_key(address) {
            Err(io::ErrorKind::AddrInUse.into())
        } else {
            doors.insert(address.to_owned(), door);
            Ok(Box::new(Door {
                address: address.to_owned(),
                wire: Arc::clone(&self.wire),
                arrivals,
            }) as Box<dyn Listener>)
        };
        Box::pin(async move { listener })
    }
}

impl Listener for Door {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Io, SocketAddr)>> {
        Box::pin(async {
            match self.arrivals.recv().await {
                Some(io) => Ok((io, SOMEWHERE)),
                None => std::future::pending().await,
            }
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SOMEWHERE)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.wire.doors.lock().unwrap().remove(&self.address);
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Wire").finish_non_exhaustive()
    }
}

const PIPE_BYTES: usize = 64 * 1024;
const ARRIVALS_MAX: usize = 64;
const SOMEWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);
