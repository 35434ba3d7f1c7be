//! A host that a run of faults changes all the time: so that there are writes for faults to meet, and to see what becomes
//! of them.

use crate::bench::names::Names;
use crate::client::{Client, Once};
use crate::config::Settings;
use crate::exit::{Exit, Failure};
use futures::future::pending;
use hosts::{Address, HostId, HostPatch, HostRef, Hostname};
use proto::convert::Consistency;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The host, and what was said of its changes.
pub(crate) struct Probe {
    client: Client,
    names: Names,
    id: HostId,
    hostname: Hostname,
    next: u64,
    /// The last one that was acknowledged, and those of which nobody could tell.
    acknowledged: Address,
    unknown: BTreeSet<Address>,
    last: Instant,
    pub(crate) writes: Writes,
}

/// What became of the writes.
#[derive(serde::Serialize, Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Writes {
    pub(crate) acknowledged: u64,
    /// Certainly not done.
    pub(crate) refused: u64,
    /// Done or not.
    pub(crate) unknown: u64,
    /// The longest time between two acknowledgements, in milliseconds.
    pub(crate) longest_gap_ms: u64,
}

impl Probe {
    /// Adds the host.
    pub(crate) async fn begin(settings: &Settings) -> Result<Self, Failure> {
        let mut client = Client::new(settings, Some(CALL))?;
        let names = Names::draw("chaos".parse().map_err(Failure::usage)?, 0)?;
        let host = names.host(0)?;
        let added = client.add_host(&host, &once(&names, 0)?).await?;
        Ok(Self {
            client,
            names,
            id: added.value.id,
            hostname: host.hostname,
            next: 1,
            acknowledged: host.address,
            unknown: BTreeSet::new(),
            last: Instant::now(),
            writes: Writes {
                acknowledged: 1,
                ..Writes::default()
            },
        })
    }

    /// Changes it, again and again. Never returns but with what no fault of a cluster explains. Whoever drops this loses
    /// count of one write.
    pub(crate) async fn work(&mut self) -> Failure {
        loop {
            if let Err(failure) = self.write().await {
                return failure;
            }
            sleep(PAUSE).await;
        }
    }

    async fn write(&mut self) -> Result<(), Failure> {
        let number = self.next;
        self.next += 1;
        // Another address, so that the hosts file is another one, too.
        let address = self.names.host(number)?.address;
        let patch = HostPatch {
            address: Some(address),
            ..HostPatch::default()
        };
        // Until its answer is there, nobody can tell: the one who asks may be dropped.
        self.unknown.insert(address);
        let once = once(&self.names, number)?;
        let host = HostRef::Id(self.id);
        let answer = self.client.update_host(&host, &patch, None, &once).await;
        match answer {
            Ok(_) => {
                self.unknown.remove(&address);
                self.acknowledged = address;
                self.writes.acknowledged += 1;
                self.note_gap();
                Ok(())
            }
            Err(failure) if failure.exit == Exit::Unavailable => {
                self.unknown.remove(&address);
                self.writes.refused += 1;
                Ok(())
            }
            Err(failure) if failure.exit == Exit::OutcomeUnknown => {
                self.writes.unknown += 1;
                Ok(())
            }
            // Whoever runs this hears of the signal, too.
            Err(failure) if failure.exit == Exit::Interrupted => pending().await,
            Err(failure) => Err(failure),
        }
    }

    fn note_gap(&mut self) {
        let gap = u64::try_from(self.last.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.writes.longest_gap_ms = self.writes.longest_gap_ms.max(gap);
        self.last = Instant::now();
    }

    /// What the host is called.
    pub(crate) fn name(&self) -> &Hostname {
        &self.hostname
    }

    /// Reads the host, takes it away, and says what is wrong with what it was, if something is.
    pub(crate) async fn end(&mut self) -> Result<Option<String>, Failure> {
        let found = self.client.host(self.id, Consistency::Linearizable).await;
        let problem = match found {
            Ok(found) => {
                let address = found.value.address;
                let may_be = address == self.acknowledged || self.unknown.contains(&address);
                (!may_be).then(|| {
                    let acknowledged = self.acknowledged;
                    format!("an acknowledged write is lost: {acknowledged} was the last, and {address} is there")
                })
            }
            Err(failure) if failure.exit == Exit::NotFound => {
                Some("an acknowledged write is lost: the host of this run is gone".to_owned())
            }
            Err(failure) => return Err(failure),
        };
        let number = self.next;
        self.next += 1;
        let once = once(&self.names, number)?;
        match self
            .client
            .delete_host(&HostRef::Id(self.id), None, &once)
            .await
        {
            Ok(_) => {}
            Err(failure) if failure.exit == Exit::NotFound => {}
            Err(failure) => return Err(failure),
        }
        Ok(problem)
    }
}

fn once(names: &Names, number: u64) -> Result<Once, Failure> {
    Ok(Once {
        id: names.request(number)?,
        since: None,
    })
}

/// Often enough to see a gap of an election, and no load.
const PAUSE: Duration = Duration::from_millis(25);

/// A call that meets an election, and another one.
const CALL: Duration = Duration::from_secs(15);
