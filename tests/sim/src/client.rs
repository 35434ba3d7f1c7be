//! Clients: each has one request at a time, through any node, and repeats it under its id when it does not know the
//! outcome. Everything that was asked and told goes into the history.

mod call;
mod requests;

use crate::{
    chance::Chance,
    clock,
    net::{Net, Site, address},
    pki::Pki,
    trace::note,
};
use call::Attempt;
use hosts::HostId;
use hyper_util::rt::TokioIo;
use node::network::Network as _;
use oracle::{Answered, Asked, Effect, History, Operation, Reading, Seen, Told};
use proto::v1::hosts_service_client::HostsServiceClient;
use std::{
    cell::{Cell, RefCell},
    error::Error,
    rc::Rc,
    time::Duration,
};
use tokio::time::sleep;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tower::service_fn;

/// What all clients share.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    /// Everything that was asked and told.
    pub(crate) history: Rc<RefCell<History>>,
    /// No new requests are begun.
    pub(crate) enough: Rc<Cell<bool>>,
    /// Hosts that somebody was told of.
    known: Rc<RefCell<Vec<Seen>>>,
}

/// One client.
pub(crate) struct Client {
    number: u32,
    chance: Chance,
    /// One for each node.
    nodes: Vec<HostsServiceClient<Channel>>,
    shared: Shared,
    requests: u64,
    /// Milliseconds between two requests, at most.
    rest: u64,
    /// Large imports to make yet.
    large: u64,
    /// What was acknowledged and has its entry; some of it is asked for once more.
    done: Vec<Asked>,
}

/// Where clients are on the network.
pub(crate) const fn site(number: u32) -> Site {
    100 + number as Site
}

impl Client {
    /// Client `number` of a cluster of `nodes`.
    ///
    /// # Errors
    /// It gets no certificate.
    pub(crate) fn new(
        seed: u64,
        number: u32,
        nodes: Site,
        net: &Net,
        pki: &Pki,
        shared: Shared,
    ) -> Result<Self, Box<dyn Error>> {
        let issued = pki.client(&format!("client-{number}"))?;
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(pki.ca_pem()))
            .identity(Identity::from_pem(&issued.cert_pem, &issued.key_pem));
        let nodes = (1..=nodes).map(|node| -> Result<_, Box<dyn Error>> {
            let plug = net.plug(site(number));
            let connector = service_fn(move |_| {
                let plug = plug.clone();
                async move { plug.connect(&address(node)).await.map(TokioIo::new) }
            });
            let channel = Endpoint::from_shared(format!("https://{}", address(node)))?
                .tls_config(tls.clone())?
                .connect_timeout(Duration::from_secs(1))
                .http2_keep_alive_interval(Duration::from_secs(2))
                .keep_alive_timeout(Duration::from_secs(1))
                .keep_alive_while_idle(true)
                .connect_with_connector_lazy(connector);
            Ok(HostsServiceClient::new(channel).max_decoding_message_size(16 * 1024 * 1024))
        });
        let nodes = nodes.collect::<Result<_, _>>()?;
        let mut chance = Chance::new(seed, &format!("client {number}"));
        let rest = chance.pick(&[5, 20, 60, 200]);
        Ok(Self {
            number,
            chance,
            nodes,
            shared,
            requests: 0,
            rest,
            large: if number == 0 && seed.is_multiple_of(4) {
                2
            } else {
                0
            },
            done: Vec::new(),
        })
    }

    /// Asks one thing after the other until it is enough.
    pub(crate) async fn run(mut self) {
        while !self.shared.enough.get() {
            sleep(Duration::from_millis(self.chance.within(1, self.rest))).await;
            let told = match self.earlier() {
                Some(asked) => self.through_any(asked, Some(0)).await,
                None => {
                    let asked = self.next();
                    self.through_any(asked, None).await
                }
            };
            if told && self.chance.percent(20) {
                // At once, through any node: has it come there, too?
                let asked = self.reading();
                self.through_any(asked, None).await;
            }
        }
    }

    /// Now and then a client that was told has forgotten it, or somebody on the way sends the request a second time:
    /// something that was done before, perhaps long ago.
    fn earlier(&mut self) -> Option<Asked> {
        if self.done.is_empty() || !self.chance.percent(8) {
            return None;
        }
        let which = self.chance.within(0, self.done.len() as u64);
        self.done.get(usize::try_from(which).ok()?).cloned()
    }

    /// Asks for one thing through one node after the other until its outcome is known, five times at the most. Says
    /// whether it is. If it may have been asked before, `perhaps` says since when.
    async fn through_any(&mut self, asked: Asked, mut perhaps: Option<u64>) -> bool {
        for _ in 0..5 {
            let node = self.chance.within(0, self.nodes.len() as u64);
            let patience = self.chance.pick(&[300, 1000, 2000, 5000]);
            let told = self.ask(&asked, node, patience, perhaps).await;
            match told.answered {
                Answered::Unknown if asked.request().is_some() => {
                    // What was known before the first attempt stays so: 0 says that nobody knows.
                    perhaps = perhaps.or(told.since);
                }
                Answered::Unknown | Answered::Refused => {}
                Answered::Rejected(_) if perhaps.is_some() => {}
                Answered::Acknowledged { .. } => {
                    self.remember(asked);
                    return true;
                }
                _ => return true,
            }
            sleep(Duration::from_millis(self.chance.within(1, 300))).await;
            if self.shared.enough.get() && asked.request().is_none() {
                break;
            }
        }
        false
    }

    /// Keeps some of what surely has an entry: an update or an import may have changed nothing.
    fn remember(&mut self, asked: Asked) {
        if !matches!(asked, Asked::Add { .. } | Asked::Delete { .. }) {
            return;
        }
        if self.done.len() >= 20 {
            let place = self.chance.within(0, self.done.len() as u64);
            self.done
                .swap_remove(usize::try_from(place).expect("few requests"));
        }
        self.done.push(asked);
    }

    /// One attempt, which is noted.
    async fn ask(&mut self, asked: &Asked, node: u64, millis: u64, since: Option<u64>) -> Told {
        let called = clock::now();
        let attempt = Attempt {
            asked,
            patience: Duration::from_millis(millis),
            since,
        };
        let client = self.nodes[usize::try_from(node).expect("few nodes")].clone();
        let told = attempt.make(client).await;
        let returned = clock::now();
        note!(
            "client {} {} n{} {called}: {} -> {}",
            self.number,
            returned - called,
            node + 1,
            shown(asked),
            shown_answer(&told.answered)
        );
        self.learn(&told.answered);
        self.shared.history.borrow_mut().operations.push(Operation {
            client: self.number,
            called: called * 1_000_000,
            returned: returned * 1_000_000,
            asked: asked.clone(),
            answered: told.answered.clone(),
        });
        told
    }

    /// When all is well again: a write through every node, and what every node then reads, within `patience`.
    ///
    /// # Errors
    /// Something did not work, or nodes read different hosts.
    pub(crate) async fn last_words(mut self, patience: Duration) -> Result<(), String> {
        let all = async {
            for node in 0..self.nodes.len() as u64 {
                let asked = self.last(node);
                loop {
                    let told = self.ask(&asked, node, 3000, Some(0)).await;
                    match told.answered {
                        Answered::Acknowledged { .. } => break,
                        Answered::Unknown | Answered::Refused => {}
                        told @ (Answered::Rejected(_) | Answered::Read { .. }) => {
                            return Err(format!("n{} answers a new host with {told:?}", node + 1));
                        }
                    }
                    sleep(Duration::from_millis(100)).await;
                }
            }
            let mut first: Option<Vec<Seen>> = None;
            for node in 0..self.nodes.len() as u64 {
                let asked = Asked::Read {
                    what: Reading::All,
                    linearizable: true,
                };
                let mut hosts = loop {
                    let told = self.ask(&asked, node, 3000, None).await;
                    if let Answered::Read { hosts, .. } = told.answered {
                        break hosts;
                    }
                    sleep(Duration::from_millis(100)).await;
                };
                hosts.sort();
                if first.get_or_insert_with(|| hosts.clone()) != &hosts {
                    return Err(format!("n{} reads other hosts than n1", node + 1));
                }
            }
            Ok(())
        };
        tokio::time::timeout(patience, all)
            .await
            .unwrap_or_else(|_| Err(format!("no write through every node within {patience:?}")))
    }

    fn learn(&self, answered: &Answered) {
        let mut known = self.shared.known.borrow_mut();
        match answered {
            Answered::Acknowledged {
                effect: Effect::Host(host),
                ..
            } => known.push(host.clone()),
            Answered::Read { hosts, .. } => known.extend(hosts.iter().take(3).cloned()),
            _ => {}
        }
        let many = known.len().saturating_sub(40);
        known.drain(..many);
    }

    /// A host that somebody was told of, often just now; it may be gone.
    fn some_known(&mut self) -> Option<(HostId, Seen)> {
        let known = self.shared.known.borrow();
        let len = known.len() as u64;
        let first = if self.chance.percent(40) {
            len.saturating_sub(3)
        } else {
            0
        };
        let index = usize::try_from(self.chance.within(first, len)).ok()?;
        let host = known.get(index)?.clone();
        Some((host.id.parse().ok()?, host))
    }
}

fn shown(asked: &Asked) -> String {
    match asked {
        Asked::Import { request, rows, .. } => format!("import {request} {} rows", rows.len()),
        other => format!("{other:?}"),
    }
}

fn shown_answer(answered: &Answered) -> String {
    match answered {
        Answered::Read { applied, hosts } => format!("{} hosts at {applied}", hosts.len()),
        Answered::Acknowledged { revision, .. } => format!("acknowledged {revision}"),
        other => format!("{other:?}"),
    }
}
