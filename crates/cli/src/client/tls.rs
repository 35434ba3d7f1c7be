//! TLS to a node, and what a refusal means.
//!
//! TLS 1.3 only, with ring, HTTP/2 inside. The name in the node's certificate
//! must be the host of the endpoint. In TLS 1.3 the handshake is over for the
//! client before the node has looked at the client's certificate, so a
//! refusal may come with the first bytes; [`Watched`] keeps it.

mod fit;
mod refusal;
mod watched;

pub(crate) use fit::Unfit;
pub(crate) use refusal::Refusal;
pub(crate) use watched::{Seen, Watched};

use super::endpoint::Endpoint;
use hosts::Timestamp;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Who we are and whom we trust, read once.
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    own: Option<Own>,
    roots: Arc<RootCertStore>,
}

/// What our own certificate says, for reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Own {
    /// Its file.
    pub(crate) path: PathBuf,
    /// Its identity: the first URI it is for, `router-hosts://…`.
    pub(crate) identity: Option<String>,
    /// It is valid from then on.
    pub(crate) not_before: Timestamp,
    /// And until then.
    pub(crate) not_after: Timestamp,
    /// The certificate, and those between it and the CA.
    chain: Vec<CertificateDer<'static>>,
}

/// Where certificate, key and CA are.
#[derive(Copy, Clone, Debug)]
pub(crate) struct TlsFiles<'a> {
    /// The certificate, followed by those that sign it, if any.
    pub(crate) cert: Option<&'a Path>,
    /// Its key.
    pub(crate) key: Option<&'a Path>,
    /// One or more CA certificates.
    pub(crate) ca: &'a Path,
}

/// Why the files cannot be used.
#[derive(Debug, Error)]
pub(crate) enum TlsFileError {
    #[error("cannot read the {what} {path}")]
    Read {
        what: &'static str,
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("the {what} {path} is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge { what: &'static str, path: PathBuf },
    #[error("the {what} {path} is not PEM")]
    Pem {
        what: &'static str,
        path: PathBuf,
        #[source]
        cause: pem::Error,
    },
    #[error("there is no {what} in {path}")]
    Empty { what: &'static str, path: PathBuf },
    #[error("the {what} {path} cannot be used")]
    Unusable {
        what: &'static str,
        path: PathBuf,
        #[source]
        cause: rustls::Error,
    },
    #[error("the client certificate {path} cannot be read as X.509")]
    X509 {
        path: PathBuf,
        #[source]
        cause: x509_parser::error::X509Error,
    },
    #[error("the key {key} is not that of the certificate {cert}")]
    Mismatch { cert: PathBuf, key: PathBuf },
    #[error("there is a client {present}, and no client {absent}")]
    Half {
        present: &'static str,
        absent: &'static str,
    },
}

/// Certificates and keys are a few kilobytes; a bundle of public CAs is 300.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

impl Tls {
    /// Reads the files. A missing pair of certificate and key is left for the
    /// node to refuse.
    pub(crate) fn load(files: TlsFiles<'_>) -> Result<Self, TlsFileError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates("CA", files.ca)? {
            roots
                .add(certificate)
                .map_err(|cause| TlsFileError::Unusable {
                    what: "CA",
                    path: files.ca.to_owned(),
                    cause,
                })?;
        }
        let roots = Arc::new(roots);
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("ring has the cipher suites of TLS 1.3")
            .with_root_certificates(Arc::clone(&roots));
        let (mut config, own) = match (files.cert, files.key) {
            (Some(cert), Some(key)) => {
                let chain = certificates("client certificate", cert)?;
                let own = Own::of(cert, &chain)?;
                let private = private_key(key)?;
                let config = builder
                    .with_client_auth_cert(chain, private)
                    .map_err(|cause| unusable_pair(cert, key, cause))?;
                (config, Some(own))
            }
            (None, None) => (builder.with_no_client_auth(), None),
            (Some(_), None) => return Err(half("certificate", "key")),
            (None, Some(_)) => return Err(half("key", "certificate")),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            own,
            roots,
        })
    }

    /// What our own certificate says, if there is one.
    pub(crate) fn own(&self) -> Option<&Own> {
        self.own.as_ref()
    }

    /// Whether a node of this CA would take our certificate, by our clock;
    /// nobody is asked. Nothing is wrong where there is none.
    pub(crate) fn fit(&self) -> Result<(), Unfit> {
        match &self.own {
            Some(own) => fit::check(own, &own.chain, &self.roots, now()),
            None => Ok(()),
        }
    }

    /// Connects and shakes hands.
    pub(crate) async fn connect(&self, endpoint: &Endpoint) -> Result<Watched, ConnectError> {
        let stream = TcpStream::connect(endpoint.target())
            .await
            .map_err(ConnectError::Unreachable)?;
        // Calls are small; a failure only makes them slower.
        stream.set_nodelay(true).ok();
        match TlsConnector::from(Arc::clone(&self.config))
            .connect(endpoint.name(), stream)
            .await
        {
            Ok(stream) if speaks_http2(&stream) => Ok(Watched::new(stream)),
            Ok(_) => Err(ConnectError::Refused(Refusal::NotANode)),
            Err(cause) => Err(match watched::of_tls(&cause) {
                Some(error) => ConnectError::Refused(self.refusal(error)),
                None => ConnectError::Unreachable(cause),
            }),
        }
    }

    /// What a TLS error means for the person who sees it.
    pub(crate) fn refusal(&self, error: &rustls::Error) -> Refusal {
        Refusal::of(error, self.own(), now())
    }
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub(crate) enum ConnectError {
    /// No answer at this address.
    #[error("cannot be reached")]
    Unreachable(#[source] io::Error),
    /// Somebody is there, and one side does not trust the other.
    #[error("TLS was refused")]
    Refused(#[source] Refusal),
}

fn speaks_http2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(b"h2")
}

impl Own {
    fn of(path: &Path, chain: &[CertificateDer<'static>]) -> Result<Self, TlsFileError> {
        use x509_parser::extensions::GeneralName;
        let first = chain.first().map_or(&[][..], |first| first.as_ref());
        let refused = |cause| TlsFileError::X509 {
            path: path.to_owned(),
            cause,
        };
        let (_, certificate) = x509_parser::parse_x509_certificate(first).map_err(|cause| {
            refused(match cause {
                x509_parser::nom::Err::Error(cause) | x509_parser::nom::Err::Failure(cause) => {
                    cause
                }
                x509_parser::nom::Err::Incomplete(_) => {
                    x509_parser::error::X509Error::InvalidCertificate
                }
            })
        })?;
        let names = certificate.subject_alternative_name().map_err(refused)?;
        let identity = names.and_then(|names| {
            names
                .value
                .general_names
                .iter()
                .find_map(|name| match name {
                    GeneralName::URI(uri) => Some((*uri).to_owned()),
                    _ => None,
                })
        });
        let time = |time: x509_parser::time::ASN1Time| {
            let seconds = u64::try_from(time.timestamp()).unwrap_or(0);
            Timestamp::from_millis(seconds.saturating_mul(1000))
        };
        let validity = certificate.validity();
        Ok(Self {
            path: path.to_owned(),
            identity,
            not_before: time(validity.not_before),
            not_after: time(validity.not_after),
            chain: chain.to_vec(),
        })
    }
}

/// This machine's clock, to tell a certificate that is over from a clock that
/// is wrong. No record is stamped with it.
fn now() -> Timestamp {
    let seconds = rustls_pki_types::UnixTime::now().as_secs();
    Timestamp::from_millis(seconds.saturating_mul(1000))
}

fn certificates(
    what: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let text = read(what, path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => Err(TlsFileError::Empty {
            what,
            path: path.to_owned(),
        }),
        Ok(found) => Ok(found),
        Err(cause) => Err(TlsFileError::Pem {
            what,
            path: path.to_owned(),
            cause,
        }),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFileError> {
    let what = "client key";
    let text = read(what, path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|cause| match cause {
        pem::Error::NoItemsFound => TlsFileError::Empty {
            what,
            path: path.to_owned(),
        },
        cause => TlsFileError::Pem {
            what,
            path: path.to_owned(),
            cause,
        },
    })
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsFileError> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|cause| TlsFileError::Read {
            what,
            path: path.to_owned(),
            cause,
        })?;
    if u64::try_from(bytes.len()).map_or(true, |bytes| bytes > FILE_BYTES_MAX) {
        return Err(TlsFileError::TooLarge {
            what,
            path: path.to_owned(),
        });
    }
    Ok(bytes)
}

fn unusable_pair(cert: &Path, key: &Path, cause: rustls::Error) -> TlsFileError {
    match cause {
        rustls::Error::InconsistentKeys(_) => TlsFileError::Mismatch {
            cert: cert.to_owned(),
            key: key.to_owned(),
        },
        cause => TlsFileError::Unusable {
            what: "client key",
            path: key.to_owned(),
            cause,
        },
    }
}

fn half(present: &'static str, absent: &'static str) -> TlsFileError {
    TlsFileError::Half { present, absent }
}
