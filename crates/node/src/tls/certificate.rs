//! The few things read out of an X.509 certificate: its dates and its URIs.
//!
//! What makes a certificate trustworthy is rustls' business, not this file's.

use hosts::Timestamp;
use rustls_pki_types::CertificateDer;
use thiserror::Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

/// What we read of a certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Certificate {
    /// The first moment it is valid, to the second.
    pub(crate) not_before: Timestamp,
    /// The last moment it is valid, to the second.
    pub(crate) not_after: Timestamp,
    /// The URIs among its alternative names, in order.
    pub(crate) uris: Vec<String>,
}

/// A certificate that is not X.509 as RFC 5280 has it.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum InvalidCertificate {
    /// The structure is broken.
    #[error("it is not an X.509 certificate: {fault}")]
    Structure {
        /// What the parser said.
        fault: String,
    },
    /// Bytes follow the certificate.
    #[error("{bytes} bytes follow the certificate")]
    Trailing {
        /// How many.
        bytes: usize,
    },
}

impl Certificate {
    pub(crate) fn parse(der: &CertificateDer<'_>) -> Result<Self, InvalidCertificate> {
        let structure = |fault: String| InvalidCertificate::Structure { fault };
        let (rest, parsed) =
            X509Certificate::from_der(der).map_err(|error| structure(error.to_string()))?;
        if !rest.is_empty() {
            return Err(InvalidCertificate::Trailing { bytes: rest.len() });
        }
        let names = parsed
            .subject_alternative_name()
            .map_err(|error| structure(error.to_string()))?;
        let uris = names
            .iter()
            .flat_map(|extension| &extension.value.general_names)
            .filter_map(|name| match name {
                GeneralName::URI(uri) => Some((*uri).to_owned()),
                _ => None,
            })
            .collect();
        let validity = parsed.validity();
        Ok(Self {
            not_before: timestamp(validity.not_before),
            not_after: timestamp(validity.not_after),
            uris,
        })
    }
}

/// Times before 1970 become 1970: such a certificate is as old as one can say.
fn timestamp(time: ASN1Time) -> Timestamp {
    Timestamp::from_millis(
        u64::try_from(time.timestamp())
            .unwrap_or(0)
            .saturating_mul(1000),
    )
}
