//! The node's own certificate and what it demands of others: TLS 1.3, mutual, one cluster.
//!
//! [`Tls::load`] reads and checks everything before a port is bound, so whatever is wrong with the files is said by
//! file, and not by a peer that cannot tell why it was refused. Host names are not compared: who is at the other end
//! is the identity in its certificate ([`crate::identity`]), signed by a CA of the CA file. Times come from the
//! node's [`Clock`]. Sessions are not resumed, so every connection is judged by the certificates of its own day.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hosts::Timestamp;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, ClientConfig, RootCertStore, ServerConfig, version};
use rustls_pki_types::{CertificateDer, UnixTime};
use thiserror::Error;

pub(crate) mod certificate;
mod check;
mod explain;
mod files;
mod names;
mod verify;

pub use certificate::InvalidCertificate;
pub(crate) use explain::chain;
pub use explain::explain;
pub use files::TlsFiles;
pub use verify::{ForeignCluster, WrongPeer};

use crate::clock::Clock;
use crate::identity::{Caller, InvalidIdentity, Peer};
use check::{Own, Roots};
use verify::{CallerVerifier, PeerVerifier};

/// A certificate with its key and the CAs that others must be signed by, checked.
pub struct Tls {
    own: Arc<Caller>,
    certificate: CertificateDer<'static>,
    not_after: Timestamp,
    server: Arc<ServerConfig>,
    key: Arc<SingleCertAndKey>,
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
    time: Arc<Time>,
}

impl Tls {
    /// Reads the files and checks them: readable and PEM, the key kept from other users, a certificate of the key,
    /// with one identity, valid at the clock's time, signed by a CA that is valid too, and permitted for what its
    /// identity does. Blocks on the disk.
    ///
    /// # Errors
    /// [`TlsError`] names the file, what is wrong with it and what to do.
    pub fn load(files: &TlsFiles, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        let now = clock.now();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let time = Arc::new(Time(clock));
        let key = files::read_key(&files.key)?;
        let chain = files::read_certificates(&files.cert)?;
        let cas = files::read_certificates(&files.ca)?;

        let Own { caller, not_after } = check::identity_and_dates(files, &chain, now)?;
        let Roots { valid, out_of_date } = check::valid_roots(files, &cas, now)?;
        let roots = Arc::new(valid);
        let key = check::pair(files, chain, key, &provider)?;
        let callers = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
            .build()
            .map_err(TlsError::Verifier)?;
        check::trust(files, &caller, &key, &*callers, &roots, &provider, now).map_err(|error| {
            match (error, out_of_date) {
                // Its CA may be the one that was left out.
                (TlsError::Untrusted { .. }, Some(of_time)) => of_time,
                (error, _) => error,
            }
        })?;

        let certificate = key
            .end_entity_cert()
            .expect("a file without certificates is refused when it is read")
            .clone()
            .into_owned();
        let key = Arc::new(SingleCertAndKey::from(key));
        let mut server = ServerConfig::builder_with_details(provider.clone(), time.clone())
            .with_protocol_versions(&[&version::TLS13])
            .map_err(TlsError::Setup)?
            .with_client_cert_verifier(Arc::new(CallerVerifier::new(callers, caller.cluster)))
            .with_cert_resolver(key.clone());
        server.alpn_protocols = vec![HTTP2.to_vec()];
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;

        Ok(Self {
            own: Arc::new(caller),
            certificate,
            not_after,
            server: Arc::new(server),
            key,
            roots,
            provider,
            time,
        })
    }

    /// Who this certificate says we are.
    #[must_use]
    pub fn own(&self) -> &Arc<Caller> {
        &self.own
    }

    /// When our certificate, or one between it and the CA, ceases to be valid.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Checks that the certificate is of the node that the configuration says this is.
    ///
    /// # Errors
    /// [`TlsError::OtherIdentity`] when it is not.
    pub fn must_be(&self, files: &TlsFiles, expected: Peer) -> Result<(), TlsError> {
        if self.own.peer() == Some(expected) {
            return Ok(());
        }
        Err(TlsError::OtherIdentity {
            path: files.cert.clone(),
            own: self.own.clone(),
            expected,
        })
    }

    /// Checks that clients that call this node at `address`, `host:port`, will find its host in the certificate. Nodes
    /// do not ask for that, so a cluster works without it, and no client can use it.
    ///
    /// # Errors
    /// [`TlsError::OtherNames`] when they will not.
    pub fn must_be_called(&self, files: &TlsFiles, address: &str) -> Result<(), TlsError> {
        names::check(&files.cert, &self.certificate, address)
    }

    /// How we answer: only callers with a certificate of our cluster get through the handshake.
    #[must_use]
    pub fn server(&self) -> Arc<ServerConfig> {
        self.server.clone()
    }

    /// How we call `peer`: any other that answers fails the handshake, before our certificate is shown to it.
    #[must_use]
    pub fn client(&self, peer: Peer) -> Arc<ClientConfig> {
        let verifier = PeerVerifier::new(self.roots.clone(), &self.provider, peer);
        let mut config =
            ClientConfig::builder_with_details(self.provider.clone(), self.time.clone())
                .with_protocol_versions(&[&version::TLS13])
                .expect("the server's configuration was built with the same provider and version")
                .dangerous() // rustls' word for a verifier of one's own
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_client_cert_resolver(self.key.clone());
        config.alpn_protocols = vec![HTTP2.to_vec()];
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        Arc::new(config)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Tls")
            .field("own", &self.own.to_string())
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// The certificate files cannot be used. Displays which, why, and what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        cause: std::io::Error,
    },
    /// A file is too long to be what it should be.
    #[error(
        "{path} is longer than {max} bytes: it holds something else than certificates or a key"
    )]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The limit.
        max: u64,
    },
    /// Others may read the private key.
    #[error(
        "other users can read the private key {path} (mode {mode:04o}): run `chmod 600 {path}`"
    )]
    KeyExposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not PEM.
    #[error("{path} is not PEM: {fault}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        fault: String,
    },
    /// PEM, but nothing of what is needed.
    #[error("{path} holds no {needed} in PEM")]
    Nothing {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        needed: &'static str,
    },
    /// A certificate in a file is malformed.
    #[error("certificate {position} in {path} cannot be read")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Which one, from 1.
        position: usize,
        /// What is wrong with it.
        #[source]
        cause: InvalidCertificate,
    },
    /// The certificate carries no identity, or a broken one.
    #[error("{path} does not say who this is: have it issued again with an identity")]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        cause: InvalidIdentity,
    },
    /// The certificate is of someone else.
    #[error(
        "{path} is the certificate of {own}, but this is {expected}: use the certificate of this node"
    )]
    OtherIdentity {
        /// The file.
        path: PathBuf,
        /// Who the certificate is of.
        own: Arc<Caller>,
        /// Who this is by the configuration.
        expected: Peer,
    },
    /// Clients compare the name they call a node by, and it is not in the certificate.
    #[error(
        "{path} is not for the address that clients call: have it issued again with the alternative name {wanted} (DNS names and addresses in it: {names})"
    )]
    OtherNames {
        /// The file.
        path: PathBuf,
        /// What is missing, as `DNS:name` or `IP:address`.
        wanted: String,
        /// What is there, joined by `, `, or `none`.
        names: String,
    },
    /// Past its last day.
    #[error("{path} expired at {not_after}, and it is {now} now: renew it, or correct the clock")]
    Expired {
        /// The file.
        path: PathBuf,
        /// The end of its validity.
        not_after: Timestamp,
        /// The time by the clock.
        now: Timestamp,
    },
    /// Before its first day.
    #[error(
        "{path} is not valid before {not_before}, and it is {now} now: correct the clock, or have it issued again"
    )]
    NotYetValid {
        /// The file.
        path: PathBuf,
        /// The start of its validity.
        not_before: Timestamp,
        /// The time by the clock.
        now: Timestamp,
    },
    /// A CA that the TLS library does not take.
    #[error("{path} cannot be used as a CA")]
    Ca {
        /// The file.
        path: PathBuf,
        /// What the library said.
        #[source]
        cause: rustls::Error,
    },
    /// The key belongs to another certificate.
    #[error("{key} is not the key of {cert}: use the pair that was issued together")]
    KeyOfAnother {
        /// The key's file.
        key: PathBuf,
        /// The certificate's file.
        cert: PathBuf,
    },
    /// The key is of a kind that is not supported.
    #[error(
        "{path} cannot be used: a key must be ECDSA (P-256, P-384), Ed25519 or RSA of 2048 bits or more"
    )]
    Key {
        /// The file.
        path: PathBuf,
        /// What the library said.
        #[source]
        cause: rustls::Error,
    },
    /// Signed by someone else.
    #[error(
        "{cert} is not signed by a CA of {ca}: use the CA that issued it, and add the certificates between them to {cert}"
    )]
    Untrusted {
        /// The certificate's file.
        cert: PathBuf,
        /// The CA's file.
        ca: PathBuf,
    },
    /// The extended key usage forbids what the identity does.
    #[error("{cert} may not be used as {usage}: have it issued again with that extended key usage")]
    Purpose {
        /// The certificate's file.
        cert: PathBuf,
        /// `serverAuth` or `clientAuth`.
        usage: &'static str,
    },
    /// The certificate does not hold for another reason.
    #[error("{cert} does not verify against {ca}")]
    Chain {
        /// The certificate's file.
        cert: PathBuf,
        /// The CA's file.
        ca: PathBuf,
        /// What the library said.
        #[source]
        cause: rustls::Error,
    },
    /// The verifier of callers cannot be made.
    #[error("cannot set up the verification of callers")]
    Verifier(#[source] VerifierBuilderError),
    /// TLS 1.3 cannot be set up.
    #[error("cannot set up TLS 1.3")]
    Setup(#[source] rustls::Error),
}

impl TlsError {
    /// Whether only the time is wrong: of the certificates or of the clock. It may pass without anybody touching a
    /// file, as soon as a clock is set; everything else stays until somebody mends the files.
    #[must_use]
    pub fn is_of_time(&self) -> bool {
        match self {
            Self::Expired { .. } | Self::NotYetValid { .. } => true,
            Self::Chain { cause, .. } => matches!(
                cause,
                rustls::Error::InvalidCertificate(
                    CertificateError::Expired
                        | CertificateError::ExpiredContext { .. }
                        | CertificateError::NotValidYet
                        | CertificateError::NotValidYetContext { .. }
                )
            ),
            Self::Read { .. }
            | Self::TooLong { .. }
            | Self::KeyExposed { .. }
            | Self::Pem { .. }
            | Self::Nothing { .. }
            | Self::Certificate { .. }
            | Self::Identity { .. }
            | Self::OtherIdentity { .. }
            | Self::OtherNames { .. }
            | Self::Ca { .. }
            | Self::KeyOfAnother { .. }
            | Self::Key { .. }
            | Self::Untrusted { .. }
            | Self::Purpose { .. }
            | Self::Verifier(_)
            | Self::Setup(_) => false,
        }
    }
}

/// The only protocol spoken inside TLS (RFC 7301's name of HTTP/2): gRPC needs it.
const HTTP2: &[u8] = b"h2";

/// The node's clock, as rustls asks for it.
#[derive(Debug)]
struct Time(Arc<dyn Clock>);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(self.0.now()))
    }
}

fn unix_time(at: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_millis(at.as_millis()))
}
