//! The certificates of a run, in real files: a node reads them itself.

use crate::{
    clock::SimClock,
    net::{Site, address},
};
use hosts::Role;
use node::{
    clock::Clock as _,
    identity::ClusterId,
    pki::{self, Authority, Issued},
};
use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

/// Longer than any clock is set ahead.
const VALID: Duration = Duration::from_secs(20 * 365 * 24 * 3600);

/// One cluster's certificates. The files go with it.
pub(crate) struct Pki {
    pub(crate) cluster: ClusterId,
    authority: Authority,
    directory: TempDir,
    clock: SimClock,
}

impl Pki {
    /// A CA, and the certificates of nodes 1 to `nodes`, in `directory`.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn new(seed: u64, nodes: Site, directory: TempDir) -> Result<Self, Box<dyn Error>> {
        let clock = SimClock::new(seed, "pki");
        let cluster = ClusterId::new(clock.now(), clock.seed());
        let pki = Self {
            cluster,
            authority: Authority::new(cluster, clock.now())?,
            directory,
            clock,
        };
        for id in 1..=nodes {
            let home = pki.home(id);
            fs::create_dir(&home)?;
            let names = [format!("n{id}.sim")];
            let now = pki.clock.now();
            let issued = pki
                .authority
                .issue_node(id, &format!("n{id}"), &names, now, VALID)?;
            pki::write_private(&home.join("cert.pem"), &issued.cert_pem)?;
            pki::write_private(&home.join("key.pem"), &issued.key_pem)?;
            pki::write_private(&home.join("ca.pem"), pki.authority.ca_pem())?;
        }
        Ok(pki)
    }

    /// Where the files of a node are.
    pub(crate) fn home(&self, id: Site) -> PathBuf {
        self.directory.path().join(format!("n{id}"))
    }

    /// Anything in the home of a node, as its configuration names it.
    pub(crate) fn inside(&self, id: Site, name: &str) -> PathBuf {
        Path::new(&self.home(id)).join(name)
    }

    /// The CA, for clients.
    pub(crate) fn ca_pem(&self) -> &str {
        self.authority.ca_pem()
    }

    /// A certificate for a client that may edit.
    ///
    /// # Errors
    /// There is no such name.
    pub(crate) fn client(&self, name: &str) -> Result<Issued, Box<dyn Error>> {
        let now = self.clock.now();
        Ok(self
            .authority
            .issue_client(Role::Editor, name, now, VALID)?)
    }

    /// The configuration of node `id` of `nodes`, as an operator writes it.
    pub(crate) fn config(&self, id: Site, nodes: Site) -> String {
        let initial: Vec<_> = (1..=nodes)
            .map(|id| {
                let address = address(id);
                format!("{{ id = {id}, name = \"n{id}\", address = \"{address}\" }}")
            })
            .collect();
        format!(
            "[node]\nname = \"n{id}\"\ndata_dir = \"/data\"\nlisten = \"{}\"\n\
             [hosts]\npath = \"/out/hosts\"\nmode = \"whole\"\n\
             [cluster]\nid = \"{}\"\ninitial = [{}]\n\
             [tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\nca = \"ca.pem\"\n",
            address(id),
            self.cluster,
            initial.join(", "),
        )
    }
}
