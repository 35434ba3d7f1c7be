//! Whether a node would take our own certificate, as far as it can be told without asking one.

use super::Own;
use crate::exit::reasons::{self, Row};
use hosts::{Role, Timestamp};
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Why no node would take it.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(crate) enum Unfit {
    #[error(
        "the client certificate {path} was valid until {not_after}; this machine's clock says {now}"
    )]
    Expired {
        path: PathBuf,
        not_after: Timestamp,
        now: Timestamp,
    },
    #[error("the client certificate {path} begins {not_before}; this machine's clock says {now}")]
    NotYetValid {
        path: PathBuf,
        not_before: Timestamp,
        now: Timestamp,
    },
    #[error("the client certificate {path} is not signed by the CA given here")]
    UnknownCa { path: PathBuf },
    #[error("the client certificate {path} may not be used by a client: {cause}")]
    Refused { path: PathBuf, cause: String },
    #[error(
        "the client certificate {path} does not say who this is: it has no URI name router-hosts://…"
    )]
    Nobody { path: PathBuf },
    #[error("the client certificate {path} is for {identity}, which is not a client")]
    NoClient { path: PathBuf, identity: String },
}

impl Unfit {
    /// Its row in the table of reasons.
    pub(crate) fn row(&self) -> Row {
        match self {
            Self::Expired { .. } => reasons::TLS_OWN_EXPIRED,
            Self::NotYetValid { .. } => reasons::TLS_OWN_NOT_YET_VALID,
            Self::UnknownCa { .. } => reasons::TLS_OWN_UNKNOWN_CA,
            Self::Refused { .. } => reasons::TLS_OWN_REFUSED,
            Self::Nobody { .. } | Self::NoClient { .. } => reasons::TLS_OWN_ROLE,
        }
    }
}

/// Checks dates, signatures up to one of `roots`, what the certificate may be used for, and whose it is.
pub(super) fn check(
    own: &Own,
    chain: &[CertificateDer<'_>],
    roots: &Arc<RootCertStore>,
    now: Timestamp,
) -> Result<(), Unfit> {
    let path = || own.path.clone();
    if now > own.not_after {
        return Err(Unfit::Expired {
            path: path(),
            not_after: own.not_after,
            now,
        });
    }
    if now < own.not_before {
        return Err(Unfit::NotYetValid {
            path: path(),
            not_before: own.not_before,
            now,
        });
    }
    verify(chain, roots, now).map_err(|cause| match cause {
        // A bad signature is what a CA of the same name and another key gives.
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => Unfit::UnknownCa { path: path() },
        cause => Unfit::Refused {
            path: path(),
            cause: cause.to_string(),
        },
    })?;
    let Some(identity) = &own.identity else {
        return Err(Unfit::Nobody { path: path() });
    };
    match role(identity) {
        Some(Role::Admin | Role::Editor | Role::Viewer) => Ok(()),
        Some(Role::Node) | None => Err(Unfit::NoClient {
            path: path(),
            identity: identity.clone(),
        }),
    }
}

fn verify(
    chain: &[CertificateDer<'_>],
    roots: &Arc<RootCertStore>,
    now: Timestamp,
) -> Result<(), rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider)
        .build()
        .map_err(|cause| rustls::Error::General(cause.to_string()))?;
    let (own, between) = chain
        .split_first()
        .ok_or(rustls::Error::NoCertificatesPresented)?;
    let now = UnixTime::since_unix_epoch(Duration::from_millis(now.as_millis()));
    verifier.verify_client_cert(own, between, now).map(drop)
}

/// The role in `router-hosts://CLUSTER/ROLE/NAME`.
fn role(identity: &str) -> Option<Role> {
    let mut parts = identity.strip_prefix("router-hosts://")?.split('/');
    let (cluster, role, name) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = !cluster.is_empty() && !name.is_empty() && parts.next().is_none();
    role.parse().ok().filter(|_| whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_out_of_an_identity() {
        let cluster = "router-hosts://01ARYZ6S41TSV4RRFFQ69G5FAV";
        assert_eq!(role(&format!("{cluster}/admin/alice")), Some(Role::Admin));
        assert_eq!(role(&format!("{cluster}/node/1")), Some(Role::Node));
        for other in ["/root/alice", "/admin/", "/admin", "/admin/a/b", ""] {
            assert_eq!(role(&format!("{cluster}{other}")), None, "{other}");
        }
        assert_eq!(role("https://example.com/admin/alice"), None);
    }
}
