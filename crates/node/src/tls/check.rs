//! What is checked of our own files before anybody is called or answered.

use std::path::Path;

use hosts::Timestamp;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::CryptoProvider;
use rustls::server::ParsedCertificate;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::certificate::Certificate;
use super::{TlsError, TlsFiles, unix_time};
use crate::identity::{Caller, Who};

/// What our certificate says.
pub(super) struct Own {
    pub(super) caller: Caller,
    /// The first end of a validity in the chain.
    pub(super) not_after: Timestamp,
}

/// Who we are by the first certificate, and that it and those after it are valid now.
pub(super) fn identity_and_dates(
    files: &TlsFiles,
    chain: &[CertificateDer<'_>],
    now: Timestamp,
) -> Result<Own, TlsError> {
    let certificates = parse(&files.cert, chain)?;
    let own = certificates
        .first()
        .expect("a file without certificates is refused when it is read");
    let caller = Caller::of(own).map_err(|cause| TlsError::Identity {
        path: files.cert.clone(),
        cause,
    })?;
    let mut not_after = own.not_after;
    for certificate in &certificates {
        in_date(&files.cert, certificate, now)?;
        not_after = not_after.min(certificate.not_after);
    }
    Ok(Own { caller, not_after })
}

/// The CAs of the file.
pub(super) struct Roots {
    /// Those that are valid now; one at least.
    pub(super) valid: RootCertStore,
    /// What is wrong with the first of those that are not, if any.
    pub(super) out_of_date: Option<TlsError>,
}

/// The CAs that are valid now. rustls takes a trust anchor at any date, so it is up to us: one that is out of date is
/// left out, and it is an error when none is left.
pub(super) fn valid_roots(
    files: &TlsFiles,
    cas: &[CertificateDer<'static>],
    now: Timestamp,
) -> Result<Roots, TlsError> {
    let mut valid = RootCertStore::empty();
    let mut out_of_date = None;
    for (certificate, der) in parse(&files.ca, cas)?.iter().zip(cas) {
        match in_date(&files.ca, certificate, now) {
            Ok(()) => valid.add(der.clone()).map_err(|cause| TlsError::Ca {
                path: files.ca.clone(),
                cause,
            })?,
            Err(error) => out_of_date = out_of_date.or(Some(error)),
        }
    }
    match out_of_date {
        Some(error) if valid.is_empty() => Err(error),
        out_of_date => Ok(Roots { valid, out_of_date }),
    }
}

/// The chain with the key of its first certificate.
pub(super) fn pair(
    files: &TlsFiles,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    CertifiedKey::from_der(chain, key, provider).map_err(|cause| match cause {
        rustls::Error::InconsistentKeys(_) => TlsError::KeyOfAnother {
            key: files.key.clone(),
            cert: files.cert.clone(),
        },
        cause => TlsError::Key {
            path: files.key.clone(),
            cause,
        },
    })
}

/// That others with the same CA file will believe us: as a caller, and a node as one who answers too.
pub(super) fn trust(
    files: &TlsFiles,
    caller: &Caller,
    key: &CertifiedKey,
    callers: &dyn ClientCertVerifier,
    roots: &RootCertStore,
    provider: &CryptoProvider,
    now: Timestamp,
) -> Result<(), TlsError> {
    let (own, between) = key
        .cert
        .split_first()
        .expect("a file without certificates is refused when it is read");
    let now = unix_time(now);
    callers
        .verify_client_cert(own, between, now)
        .map_err(|cause| untrusted(files, cause, "clientAuth"))?;
    match caller.who {
        Who::Client(_) => Ok(()),
        Who::Node(_) => ParsedCertificate::try_from(own)
            .and_then(|own| {
                let algorithms = provider.signature_verification_algorithms.all;
                verify_server_cert_signed_by_trust_anchor(&own, roots, between, now, algorithms)
            })
            .map_err(|cause| untrusted(files, cause, "serverAuth")),
    }
}

fn parse(path: &Path, certificates: &[CertificateDer<'_>]) -> Result<Vec<Certificate>, TlsError> {
    let one = |(n, der)| {
        Certificate::parse(der).map_err(|cause| TlsError::Certificate {
            path: path.to_owned(),
            position: n + 1,
            cause,
        })
    };
    certificates.iter().enumerate().map(one).collect()
}

/// To the second, both ends included, as rustls has it.
fn in_date(path: &Path, certificate: &Certificate, now: Timestamp) -> Result<(), TlsError> {
    let second = |at: Timestamp| at.as_millis() / 1000;
    let Certificate {
        not_before,
        not_after,
        ..
    } = *certificate;
    if second(now) > second(not_after) {
        return Err(TlsError::Expired {
            path: path.to_owned(),
            not_after,
            now,
        });
    }
    if second(now) < second(not_before) {
        return Err(TlsError::NotYetValid {
            path: path.to_owned(),
            not_before,
            now,
        });
    }
    Ok(())
}

fn untrusted(files: &TlsFiles, cause: rustls::Error, usage: &'static str) -> TlsError {
    let (cert, ca) = (files.cert.clone(), files.ca.clone());
    match cause {
        // A bad signature is a CA of the same name with another key: the cluster was made anew.
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => TlsError::Untrusted { cert, ca },
        rustls::Error::InvalidCertificate(
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. },
        ) => TlsError::Purpose { cert, usage },
        cause => TlsError::Chain { cert, ca, cause },
    }
}
