//! Who is let through a handshake, on either side: first the chain, as rustls does it, then the identity.
//!
//! The identity is judged inside the handshake, so a refused caller gets an alert instead of a closed stream, and a
//! wrong peer never sees our certificate.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError,
    PeerIncompatible, RootCertStore, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use thiserror::Error as ThisError;

use crate::identity::{Caller, ClusterId, Peer};

/// The certificate of a caller is of another cluster.
#[derive(Clone, PartialEq, Eq, Debug, ThisError)]
#[error("its certificate is of another cluster: it is {caller}, and this is cluster {cluster}")]
pub struct ForeignCluster {
    /// Who called.
    pub caller: Caller,
    /// Our cluster.
    pub cluster: ClusterId,
}

/// Somebody else answered than who was called.
#[derive(Clone, PartialEq, Eq, Debug, ThisError)]
#[error("{answered} answered instead of {expected}: its address leads to another node")]
pub struct WrongPeer {
    /// Who was called.
    pub expected: Peer,
    /// Who answered.
    pub answered: Caller,
}

/// Lets in callers that a CA of ours signed and that are of our cluster.
#[derive(Debug)]
pub(super) struct CallerVerifier {
    chain: Arc<dyn ClientCertVerifier>,
    cluster: ClusterId,
}

impl CallerVerifier {
    pub(super) fn new(chain: Arc<dyn ClientCertVerifier>, cluster: ClusterId) -> Self {
        Self { chain, cluster }
    }
}

impl ClientCertVerifier for CallerVerifier {
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self
            .chain
            .verify_client_cert(end_entity, intermediates, now)?;
        let caller = Caller::from_certificate(end_entity).map_err(refuse)?;
        if caller.cluster == self.cluster {
            Ok(verified)
        } else {
            Err(refuse(ForeignCluster {
                caller,
                cluster: self.cluster,
            }))
        }
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[] // what our CAs are called is nobody's business before they show who they are
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Lets one node answer: a CA of ours signed it, and it is the one that was called.
#[derive(Debug)]
pub(super) struct PeerVerifier {
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
    expected: Peer,
}

impl PeerVerifier {
    pub(super) fn new(
        roots: Arc<RootCertStore>,
        provider: &CryptoProvider,
        expected: Peer,
    ) -> Self {
        Self {
            roots,
            algorithms: provider.signature_verification_algorithms,
            expected,
        }
    }
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _host_name: &ServerName<'_>, // the identity is compared instead
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(end_entity)?,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        let answered = Caller::from_certificate(end_entity).map_err(refuse)?;
        if answered == Caller::from(self.expected) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(refuse(WrongPeer {
                expected: self.expected,
                answered,
            }))
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// A reason of ours, in the shape that rustls carries to the caller of the handshake. The other side gets the alert
/// `certificate_unknown`.
fn refuse(reason: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(reason))))
}

/// TLS 1.2 is switched off, so nobody asks.
fn tls12() -> Error {
    Error::PeerIncompatible(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig)
}
