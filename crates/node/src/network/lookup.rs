//! The names of peers, looked up on threads of their own.
//!
//! The system's lookup cannot be cancelled and takes ten seconds and more
//! where the nameserver is silent. On the threads that files are written and
//! lists made with, a few of those would hold up everything; here they hold
//! up nothing. One lookup per address runs at a time, whoever asks. While it
//! hangs, or when it fails, the last good answer is used: who answers there
//! is told by the certificate.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::{SocketAddr, ToSocketAddrs as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// Finds the addresses of a `HOST:PORT`. Blocks.
type Resolve = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// What is known of names. Clones share it.
#[derive(Clone)]
pub(super) struct Lookups {
    resolve: Arc<Resolve>,
    names: Arc<Mutex<BTreeMap<String, Name>>>,
}

/// One `HOST:PORT`.
#[derive(Default)]
struct Name {
    /// What the last lookup that found something found.
    good: Option<Vec<SocketAddr>>,
    /// The lookup that runs.
    running: Option<Lookup>,
}

#[derive(Clone)]
struct Lookup {
    began: Instant,
    outcome: watch::Receiver<Option<Outcome>>,
}

/// An [`io::Error`] cannot be shared.
type Outcome = Result<Vec<SocketAddr>, Arc<io::Error>>;

/// How long a lookup may take before the last good answer stands in for it: a
/// nameserver that answers does so sooner, and half of a connection's second
/// is left.
const PATIENCE: Duration = Duration::from_millis(300);

/// Names that are kept, and lookups that may run: more than a cluster has
/// nodes. Beyond it the names that are at rest are forgotten.
const NAMES_MAX: usize = 64;

impl Lookups {
    /// Asks as the system is configured to: hosts file, DNS, and so on.
    pub(super) fn of_the_system() -> Self {
        Self::with(|address| Ok(address.to_socket_addrs()?.collect()))
    }

    fn with(resolve: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static) -> Self {
        Self {
            resolve: Arc::new(resolve),
            names: Arc::default(),
        }
    }

    /// Where `address`, `HOST:PORT`, is. Waits for as long as the lookup
    /// takes if there never was a good answer.
    ///
    /// # Errors
    /// The name is unknown and was never known, or no thread can be started.
    pub(super) async fn find(&self, address: &str) -> io::Result<Vec<SocketAddr>> {
        if let Ok(literal) = address.parse() {
            return Ok(vec![literal]);
        }
        let (good, lookup) = self.ask(address)?;
        let Lookup { began, mut outcome } = lookup;
        let answered = outcome.wait_for(Option::is_some);
        let answer = match &good {
            Some(_) => timeout_at(began + PATIENCE, answered).await.ok(),
            None => Some(answered.await),
        };
        let failure = match answer {
            Some(Ok(outcome)) => match outcome.as_ref() {
                Some(Ok(found)) => return Ok(found.clone()),
                Some(Err(cause)) => io::Error::new(cause.kind(), Arc::clone(cause)),
                None => gone(address),
            },
            Some(Err(_)) => gone(address),
            None => io::ErrorKind::TimedOut.into(),
        };
        let Some(good) = good else {
            return Err(failure);
        };
        tracing::debug!(address, error = %failure, "not found; the last good answer is used");
        Ok(good)
    }

    /// The last good answer, and the lookup that runs or begins now.
    fn ask(&self, address: &str) -> io::Result<(Option<Vec<SocketAddr>>, Lookup)> {
        let mut names = self.names();
        if names.len() >= NAMES_MAX && !names.contains_key(address) {
            names.retain(|_, name| name.running().is_some());
            if names.len() >= NAMES_MAX {
                return Err(io::Error::other(format!(
                    "{NAMES_MAX} names are being looked up already"
                )));
            }
        }
        let name = names.entry(address.to_owned()).or_default();
        let lookup = match name.running() {
            Some(lookup) => lookup.clone(),
            None => name.running.insert(self.begin(address)?).clone(),
        };
        Ok((name.good.clone(), lookup))
    }

    /// Starts a lookup. Nobody waits for its thread: it may hang for as long
    /// as the nameserver does, and must not keep a node from stopping.
    fn begin(&self, address: &str) -> io::Result<Lookup> {
        let (sender, outcome) = watch::channel(None);
        let (lookups, address) = (self.clone(), address.to_owned());
        thread::Builder::new()
            .name("lookup".to_owned())
            .spawn(move || {
                let found = (lookups.resolve)(&address);
                let found = found.and_then(|found| match found.is_empty() {
                    true => Err(io::Error::other(format!("{address} has no address"))),
                    false => Ok(found),
                });
                if let Some(name) = lookups.names().get_mut(&address) {
                    name.running = None;
                    if let Ok(found) = &found {
                        name.good = Some(found.clone());
                    }
                }
                // Who asked may have given up.
                sender.send_replace(Some(found.map_err(Arc::new)));
            })?;
        Ok(Lookup {
            began: Instant::now(),
            outcome,
        })
    }

    /// What a panic elsewhere left behind is whole: it is changed by single
    /// assignments.
    fn names(&self) -> MutexGuard<'_, BTreeMap<String, Name>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Name {
    /// The lookup that runs, if its thread has not died under it.
    fn running(&self) -> Option<&Lookup> {
        let running = self.running.as_ref();
        running.filter(|lookup| lookup.outcome.has_changed().is_ok())
    }
}

fn gone(address: &str) -> io::Error {
    io::Error::other(format!("the lookup of {address} ended without an answer"))
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookups").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
