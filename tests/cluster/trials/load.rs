//! Clients that add, change, delete and read hosts through all nodes, and remember every call and what came of it.
//!
//! A client that gets no answer that stands sends the same request, with the same id, to the next node, as the
//! command line does. Each of these calls is in the history.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hosts::{HostId, HostRef, Hostname};
use oracle::{Answered, Asked, Effect, Operation, Reading, Reason, Seen};
use tokio::task::JoinHandle;

use crate::chance::Chance;
use crate::site::Site;
use crate::talk::{self, Lines};
use crate::until::until;

/// Clients at work.
pub(crate) struct Load {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

struct Shared {
    stop: AtomicBool,
    nodes: usize,
    operations: Mutex<Vec<Operation>>,
    /// When changes were acknowledged, on the clock of the history.
    acknowledged: Mutex<Vec<u64>>,
}

/// As etcd's robustness tests have them.
const CLIENTS: u32 = 8;
/// Of each client. All clients change and read all of them; the owner alone adds them.
const NAMES: usize = 3;
/// How many nodes a call is tried at before its outcome is left unknown.
const ATTEMPTS: usize = 10;
/// After a node that takes nothing now.
const PAUSE: Duration = Duration::from_millis(20);

struct Client {
    number: u32,
    lines: Lines,
    shared: Arc<Shared>,
    chance: Chance,
    /// Of this load; request ids are never used again.
    series: String,
    requests: u32,
    node: usize,
    /// What this client believes of its own hosts.
    own: BTreeMap<String, Vec<HostId>>,
}

impl Load {
    /// Starts them. `series` tells their requests from all others.
    #[track_caller]
    pub(crate) fn start(site: &Site, series: &str, seed: u64) -> Self {
        let there = until("the hosts are listed", || site.talk.list(1));
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            nodes: site.nodes.len(),
            operations: Mutex::default(),
            acknowledged: Mutex::default(),
        });
        let tasks = (0..CLIENTS).map(|number| {
            let client = Client {
                number,
                lines: site.talk.lines(),
                shared: Arc::clone(&shared),
                chance: Chance::from(seed ^ u64::from(number) << 32),
                series: series.to_owned(),
                requests: 0,
                node: 1 + usize::try_from(number).unwrap() % site.nodes.len(),
                own: (0..NAMES)
                    .map(|name| {
                        let name = name_of(number, name);
                        let ids = ids_of(&name, &there);
                        (name, ids)
                    })
                    .collect(),
            };
            site.talk.runtime.spawn(client.work())
        });
        Self {
            tasks: tasks.collect(),
            shared,
        }
    }

    /// When changes were acknowledged.
    pub(crate) fn acknowledged(&self) -> Vec<u64> {
        let mut times = self.shared.acknowledged.lock().unwrap().clone();
        times.sort_unstable();
        times
    }

    /// How many changes were acknowledged since `since`.
    pub(crate) fn acknowledged_since(&self, since: u64) -> usize {
        let times = self.shared.acknowledged.lock().unwrap();
        times.iter().filter(|at| **at > since).count()
    }

    /// Has the clients end what they are at, and tells all calls.
    #[track_caller]
    pub(crate) fn stop(mut self, site: &Site) -> Vec<Operation> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for task in self.tasks.drain(..) {
            site.talk
                .runtime
                .block_on(task)
                .expect("a client got an answer that it knows");
        }
        std::mem::take(&mut *self.shared.operations.lock().unwrap())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
        }
    }
}

impl Client {
    async fn work(mut self) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            self.step().await;
        }
    }

    async fn step(&mut self) {
        let name = name_of(self.number, self.chance.below(NAMES));
        match self.chance.below(100) {
            // The owner's business: the host comes and goes.
            0..30 => match self.own[&name].last() {
                None => self.add(name).await,
                Some(&id) => self.delete(name, id).await,
            },
            30..70 => {
                let other = u32::try_from(self.chance.below(CLIENTS as usize)).unwrap();
                let name = name_of(other, self.chance.below(NAMES));
                let asked = talk::update(self.request(), &name, &self.address(), None);
                self.do_once(asked).await;
            }
            70..75 => self.update_as_seen().await,
            75..83 => self.read(Reading::All, true).await,
            83..86 => self.read(Reading::All, false).await,
            _ => match self.own[&name].last() {
                Some(&id) => self.read(Reading::One(HostRef::Id(id)), true).await,
                None => self.read(Reading::All, true).await,
            },
        };
    }

    async fn add(&mut self, name: String) {
        let address = self.address();
        let asked = talk::add(self.request(), &address, &name);
        match self.do_once(asked).await {
            Answered::Acknowledged {
                effect: Effect::Host(host),
                ..
            } => {
                self.own.insert(name, vec![host.id.parse().unwrap()]);
            }
            // It may be there: what is there is deleted before it is added again.
            Answered::Unknown => self.settle(name).await,
            _ => {}
        }
    }

    async fn delete(&mut self, name: String, id: HostId) {
        let asked = Asked::Delete {
            request: self.request(),
            host: HostRef::Id(id),
            expected: None,
        };
        match self.do_once(asked).await {
            Answered::Acknowledged { .. } | Answered::Rejected(Reason::NotFound) => {
                self.own.entry(name).or_default().retain(|own| *own != id);
            }
            _ => {}
        }
    }

    /// Looks what there is of a name.
    async fn settle(&mut self, name: String) {
        let answered = self.read_all(true).await;
        if let Answered::Read { hosts, .. } = answered {
            let ids = ids_of(&name, &hosts);
            self.own.insert(name, ids);
        }
    }

    /// Compare and set: a change that relies on what was read.
    async fn update_as_seen(&mut self) {
        let Answered::Read { hosts, .. } = self.read_all(true).await else {
            return;
        };
        if hosts.is_empty() {
            return;
        }
        let host = &hosts[self.chance.below(hosts.len())];
        let (name, version) = (host.hostname.clone(), host.version);
        let asked = talk::update(self.request(), &name, &self.address(), Some(version));
        self.do_once(asked).await;
    }

    async fn read(&mut self, what: Reading, linearizable: bool) {
        self.do_once(Asked::Read { what, linearizable }).await;
    }

    async fn read_all(&mut self, linearizable: bool) -> Answered {
        let what = Reading::All;
        self.do_once(Asked::Read { what, linearizable }).await
    }

    /// Asks until there is an answer that stands, or it is left unknown.
    async fn do_once(&mut self, asked: Asked) -> Answered {
        let mut since = None;
        let mut last = Answered::Refused;
        for _ in 0..ATTEMPTS {
            let call = self.lines.ask(self.node, &asked, since).await;
            // Once an attempt was lost, nobody knows any more.
            since = since.or(call.told.since);
            last = call.told.answered.clone();
            if let Answered::Acknowledged { .. } = last {
                self.shared.acknowledged.lock().unwrap().push(call.returned);
            }
            let operation = call.operation(self.number, asked.clone());
            self.shared.operations.lock().unwrap().push(operation);
            let stands = matches!(
                last,
                Answered::Acknowledged { .. } | Answered::Rejected(_) | Answered::Read { .. }
            );
            if stands {
                break;
            }
            self.node = self.node % self.shared.nodes + 1;
            if self.shared.stop.load(Ordering::Relaxed) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        match (since, last) {
            (Some(_), Answered::Refused) => Answered::Unknown,
            (_, last) => last,
        }
    }

    fn request(&mut self) -> String {
        self.requests += 1;
        format!("{}-{}-{}", self.series, self.number, self.requests)
    }

    /// One that no other host has had.
    fn address(&mut self) -> String {
        let [_, high, middle, low] = u32::try_from(self.chance.below(1 << 24))
            .unwrap()
            .to_be_bytes();
        format!("{}.{high}.{middle}.{low}", 11 + self.number)
    }
}

fn ids_of(name: &str, hosts: &[Seen]) -> Vec<HostId> {
    let named = hosts.iter().filter(|host| host.hostname == name);
    named.map(|host| host.id.parse().unwrap()).collect()
}

fn name_of(client: u32, name: usize) -> String {
    Hostname::parse(&format!("c{client}-{name}.lan"))
        .unwrap()
        .to_string()
}
