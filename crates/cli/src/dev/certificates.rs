//! The certificates of a `dev` cluster, from a CA of its own.
//!
//! What is there and good for a while is kept, so a second start changes nothing. What is missing, damaged, of another
//! cluster or about to expire is issued again; a new CA takes everything with it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hosts::{Role, Timestamp};
use node::clock::Clock;
use node::identity::{Caller, Who};
use node::pki::{Authority, Issued, PkiError, WriteError, write_private};
use node::tls::{Tls, TlsFiles};

use super::layout::{Layout, Member};

/// The certificates cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error(transparent)]
    Issue(#[from] PkiError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("cannot read {path}")]
    Read {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
}

/// Makes sure that all nodes and the client have valid certificates. Returns whose were issued; none on most starts.
pub(crate) fn ensure(
    layout: &Layout,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<String>, CertificateError> {
    let now = clock.now();
    let authority = authority(layout, now)?;
    let mut issued = Vec::new();
    for member in layout.members() {
        let who = Who::Node(member.id);
        let dir = layout.node(member);
        if !is_good(layout, &dir, &who, clock) {
            let Member { id, name, .. } = member;
            let addresses = ["127.0.0.1", "::1", "localhost"].map(str::to_owned);
            write(
                &dir,
                &authority.issue_node(*id, name, &addresses, now, VALID)?,
            )?;
            issued.push(name.clone());
        }
    }
    let Caller { who, .. } = administrator(layout);
    let dir = layout.client();
    if !is_good(layout, &dir, &who, clock) {
        write(
            &dir,
            &authority.issue_client(Role::Admin, CLIENT, now, VALID)?,
        )?;
        issued.push(format!("the {who}"));
    }
    Ok(issued)
}

/// The CA of the directory, or a new one.
fn authority(layout: &Layout, now: Timestamp) -> Result<Authority, CertificateError> {
    let dir = layout.authority();
    let (certificate, key) = (dir.join("ca.pem"), dir.join("ca.key"));
    if let (Some(ca), Some(key)) = (read(&certificate)?, read(&key)?) {
        // Unreadable or another's key: as if there were none.
        if let Ok(authority) = Authority::from_pem(layout.cluster(), &ca, &key) {
            return Ok(authority);
        }
    }
    let authority = Authority::new(layout.cluster(), now)?;
    write_private(&key, &authority.key_pem())?;
    write_private(&certificate, authority.ca_pem())?;
    Ok(authority)
}

/// Whether the certificate in `dir` is of `who`, fits its key and the CA, and lasts.
fn is_good(layout: &Layout, dir: &Path, who: &Who, clock: &Arc<dyn Clock>) -> bool {
    let files = TlsFiles {
        cert: dir.join("cert.pem"),
        key: dir.join("key.pem"),
        ca: layout.authority().join("ca.pem"),
    };
    let Ok(tls) = Tls::load(&files, clock.clone()) else {
        return false;
    };
    let Caller { cluster, who: own } = tls.own().as_ref();
    let left = tls
        .not_after()
        .as_millis()
        .saturating_sub(clock.now().as_millis());
    *cluster == layout.cluster() && own == who && Duration::from_millis(left) >= LEFT_MIN
}

fn administrator(layout: &Layout) -> Caller {
    Caller::client(layout.cluster(), Role::Admin, CLIENT).expect("a plain name is one of a client")
}

fn write(dir: &Path, Issued { cert_pem, key_pem }: &Issued) -> Result<(), WriteError> {
    write_private(&dir.join("key.pem"), key_pem)?;
    write_private(&dir.join("cert.pem"), cert_pem)
}

fn read(path: &Path) -> Result<Option<String>, CertificateError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) if cause.kind() == io::ErrorKind::InvalidData => Ok(None),
        Err(cause) => Err(CertificateError::Read {
            path: path.to_owned(),
            cause,
        }),
    }
}

/// The name in the client's certificate: whom the log shows as the one who changed something.
const CLIENT: &str = "dev";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Longer than anybody leaves such a cluster running: nothing renews certificates while it does.
const VALID: Duration = Duration::from_secs(397 * DAY.as_secs());

/// With less than this left at a start, a new one is issued.
const LEFT_MIN: Duration = Duration::from_secs(30 * DAY.as_secs());

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::layout::{Opened, Wishes};
    use node::clock::SystemClock;

    /// A clock that can be set.
    #[derive(Debug)]
    struct At(Timestamp);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            self.0
        }

        fn seed(&self) -> u128 {
            SystemClock.seed()
        }
    }

    fn now() -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

    fn in_days(days: u32) -> Arc<dyn Clock> {
        let millis = (DAY * days).as_millis();
        let at = SystemClock.now().as_millis() + u64::try_from(millis).unwrap();
        Arc::new(At(Timestamp::from_millis(at)))
    }

    fn layout(root: &Path) -> Layout {
        let wishes = Wishes {
            nodes: Some(2),
            base_port: None,
        };
        match Layout::open(root, wishes, &SystemClock).unwrap() {
            Opened::New(layout) | Opened::Again(layout) => layout,
        }
    }

    const EVERYONE: [&str; 3] = ["n1", "n2", "the admin dev"];

    #[test]
    fn a_second_start_keeps_what_the_first_issued() {
        let dir = tempfile::tempdir().unwrap();
        let layout = layout(dir.path());
        assert_eq!(ensure(&layout, &now()).unwrap(), EVERYONE);
        assert_eq!(ensure(&layout, &now()).unwrap(), [""; 0]);
        assert_eq!(ensure(&layout, &in_days(300)).unwrap(), [""; 0]);
    }

    #[test]
    fn what_expires_soon_is_issued_again() {
        let dir = tempfile::tempdir().unwrap();
        let layout = layout(dir.path());
        ensure(&layout, &now()).unwrap();
        assert_eq!(ensure(&layout, &in_days(390)).unwrap(), EVERYONE);
        assert_eq!(ensure(&layout, &in_days(500)).unwrap(), [""; 0]);
    }

    #[test]
    fn what_is_damaged_is_issued_again() {
        let dir = tempfile::tempdir().unwrap();
        let layout = layout(dir.path());
        ensure(&layout, &now()).unwrap();
        fs::write(dir.path().join("n2/key.pem"), "no key").unwrap();
        assert_eq!(ensure(&layout, &now()).unwrap(), ["n2"]);
        fs::copy(
            dir.path().join("n2/cert.pem"),
            dir.path().join("n1/cert.pem"),
        )
        .unwrap();
        fs::copy(dir.path().join("n2/key.pem"), dir.path().join("n1/key.pem")).unwrap();
        assert_eq!(ensure(&layout, &now()).unwrap(), ["n1"]);
    }

    #[test]
    fn a_lost_ca_takes_every_certificate_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let layout = layout(dir.path());
        ensure(&layout, &now()).unwrap();
        fs::remove_file(dir.path().join("ca/ca.key")).unwrap();
        assert_eq!(ensure(&layout, &now()).unwrap(), EVERYONE);
    }
}
