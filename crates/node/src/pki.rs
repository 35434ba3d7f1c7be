//! The certificates of one cluster: a CA of its own, and what it issues to nodes and clients.
//!
//! Everything is ECDSA on P-256. What a certificate is for is its identity ([`crate::identity`]) and its extended key
//! usage: nodes answer and call, clients only call. Nothing here touches a disk but [`write_private`].

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use hosts::{Role, Timestamp};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, DnsName};
use thiserror::Error;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

mod private_file;

pub use private_file::{WriteError, write_private};

use crate::identity::{Caller, ClusterId, InvalidIdentity, Who};

/// The CA of a cluster, with its private key.
pub struct Authority {
    cluster: ClusterId,
    ca_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its private key, both PEM.
#[derive(Clone)]
pub struct Issued {
    /// The certificate.
    pub cert_pem: String,
    /// Its key, PKCS#8. For its owner's eyes: see [`write_private`].
    pub key_pem: String,
}

impl Authority {
    /// A new CA for `cluster`, valid for ten years from `now`. It can sign certificates, not further CAs.
    ///
    /// # Errors
    /// When there is no randomness for its key, or `now` is beyond the year 9999.
    pub fn new(cluster: ClusterId, now: Timestamp) -> Result<Self, PkiError> {
        let subject = format!("router-hosts {cluster}");
        let mut params = params(&subject, now, AUTHORITY_VALID)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let failed = |cause| PkiError::Issue {
            subject: subject.clone(),
            cause,
        };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(&failed)?;
        let ca_pem = params.self_signed(&key).map_err(&failed)?.pem();
        Ok(Self {
            cluster,
            ca_pem,
            issuer: Issuer::new(params, key),
        })
    }

    /// The CA of `cluster` from its certificate and key, as [`Authority::ca_pem`] and [`Authority::key_pem`] gave them.
    ///
    /// # Errors
    /// When one cannot be read, or they do not belong together.
    pub fn from_pem(cluster: ClusterId, ca_pem: &str, key_pem: &str) -> Result<Self, PkiError> {
        let unreadable = |what| move |cause| PkiError::Unreadable { what, cause };
        let key = KeyPair::from_pem(key_pem).map_err(unreadable("key"))?;
        let certificate = CertificateDer::from_pem_slice(ca_pem.as_bytes())
            .map_err(|_| unreadable("certificate")(rcgen::Error::CouldNotParseCertificate))?;
        if public_key(&certificate) != Some(key.subject_public_key_info()) {
            return Err(PkiError::KeyOfAnother);
        }
        let issuer =
            Issuer::from_ca_cert_der(&certificate, key).map_err(unreadable("certificate"))?;
        Ok(Self {
            cluster,
            ca_pem: ca_pem.to_owned(),
            issuer,
        })
    }

    /// The cluster it signs for.
    #[must_use]
    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// Its certificate: what everyone in the cluster has as CA file.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Its private key, PKCS#8. Whoever has it can be anyone in the cluster: see [`write_private`].
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A certificate for node `id`, called `name`, that is reached at `addresses`: IP addresses and DNS names, without
    /// ports. Nodes compare the identity only; clients compare the address that they call.
    ///
    /// It is valid from an hour before `now`, for clocks that differ, until `valid` after it.
    ///
    /// # Errors
    /// When an address is neither, or the end is beyond the year 9999.
    pub fn issue_node(
        &self,
        id: u64,
        name: &str,
        addresses: &[String],
        now: Timestamp,
        valid: Duration,
    ) -> Result<Issued, PkiError> {
        let who = Caller {
            cluster: self.cluster,
            who: Who::Node(id),
        };
        let mut names = Vec::with_capacity(addresses.len());
        for address in addresses {
            names.push(alternative_name(address)?);
        }
        let usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        self.issue(&who, name, names, usages, now, valid)
    }

    /// A certificate for a client in `role` called `name`: 1–128 letters, digits or any of `-._~!$&'()*+,;=@`. Valid as
    /// [`Authority::issue_node`] says.
    ///
    /// # Errors
    /// When the role is [`Role::Node`], the name has other characters, or the end is beyond the year 9999.
    pub fn issue_client(
        &self,
        role: Role,
        name: &str,
        now: Timestamp,
        valid: Duration,
    ) -> Result<Issued, PkiError> {
        let who = Caller::client(self.cluster, role, name).map_err(|cause| PkiError::Identity {
            role,
            name: name.chars().take(COMMON_NAME_CHARS_MAX).collect(),
            cause,
        })?;
        let usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(&who, name, Vec::new(), usages, now, valid)
    }

    fn issue(
        &self,
        who: &Caller,
        name: &str,
        mut names: Vec<SanType>,
        usages: Vec<ExtendedKeyUsagePurpose>,
        now: Timestamp,
        valid: Duration,
    ) -> Result<Issued, PkiError> {
        let failed = |cause| PkiError::Issue {
            subject: who.to_string(),
            cause,
        };
        let uri = Ia5String::try_from(who.to_string()).map_err(&failed)?;
        names.insert(0, SanType::URI(uri));
        let mut params = params(name, now, valid)?;
        params.subject_alt_names = names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages;
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(&failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(&failed)?;
        Ok(Issued {
            cert_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Authority")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Issued")
            .field("cert_pem", &self.cert_pem)
            .finish_non_exhaustive()
    }
}

/// A certificate cannot be issued.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PkiError {
    /// An address is neither an IP address nor a name.
    #[error("`{address}` is neither an IP address nor a DNS name: give it without a port")]
    Address {
        /// The address.
        address: String,
    },
    /// A client's role and name do not make an identity.
    #[error("cannot issue a certificate to the {role} `{name}`")]
    Identity {
        /// The role.
        role: Role,
        /// The name.
        name: String,
        /// What is wrong with it.
        #[source]
        cause: InvalidIdentity,
    },
    /// A date beyond what certificates can carry.
    #[error("{at} cannot be written into a certificate")]
    Date {
        /// The date.
        at: Timestamp,
    },
    /// The CA's certificate or key cannot be read.
    #[error("the CA's {what} cannot be read")]
    Unreadable {
        /// `certificate` or `key`.
        what: &'static str,
        /// What the library said.
        #[source]
        cause: rcgen::Error,
    },
    /// The key is not the one of the CA's certificate.
    #[error("the key is not the key of the CA's certificate")]
    KeyOfAnother,
    /// Making the key or the signature failed.
    #[error("cannot make the certificate of {subject}")]
    Issue {
        /// Whose it would have been.
        subject: String,
        /// What the library said.
        #[source]
        cause: rcgen::Error,
    },
}

/// How long a CA lasts: longer than a router, and no reason to plan its renewal on the first day.
const AUTHORITY_VALID: Duration = Duration::from_secs(3653 * 24 * 60 * 60);

/// How far validity reaches back, for the clocks of those who verify: routers start without one.
const BACKDATED: Duration = Duration::from_secs(60 * 60);

/// RFC 5280's upper bound of a common name. Ours is for people to read; nothing depends on it.
const COMMON_NAME_CHARS_MAX: usize = 64;

/// What all certificates have in common.
fn params(
    common_name: &str,
    now: Timestamp,
    valid: Duration,
) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::default();
    let common_name: String = common_name.chars().take(COMMON_NAME_CHARS_MAX).collect();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    params.not_before = date(now.as_millis().saturating_sub(millis(BACKDATED)))?;
    params.not_after = date(now.as_millis().saturating_add(millis(valid)))?;
    Ok(params)
}

fn date(millis: u64) -> Result<OffsetDateTime, PkiError> {
    i64::try_from(millis / 1000)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .ok_or(PkiError::Date {
            at: Timestamp::from_millis(millis),
        })
}

fn alternative_name(address: &str) -> Result<SanType, PkiError> {
    if let Ok(ip) = address.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(ip));
    }
    let invalid = || PkiError::Address {
        address: address.chars().take(COMMON_NAME_CHARS_MAX).collect(),
    };
    let name = DnsName::try_from(address).map_err(|_| invalid())?;
    let name = Ia5String::try_from(name.as_ref()).map_err(|_| invalid())?;
    Ok(SanType::DnsName(name))
}

/// The subject public key info of a certificate, DER.
fn public_key(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(parsed.public_key().raw.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::certificate::Certificate;

    const NOW: Timestamp = Timestamp::from_millis(1_795_197_600_000);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn authority() -> Authority {
        Authority::new(ClusterId::from_u128(7), NOW).unwrap()
    }

    fn read(pem: &str) -> Certificate {
        Certificate::parse(&CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_certificate_carries_identity_and_dates() {
        let issued = authority()
            .issue_node(3, "attic", &["attic.lan".into(), "::1".into()], NOW, DAY)
            .unwrap();
        let certificate = read(&issued.cert_pem);
        assert_eq!(
            certificate.uris,
            ["router-hosts://00000000000000000000000007/node/3"]
        );
        assert_eq!(
            certificate.not_before.to_string(),
            "2026-11-20T17:00:00.000Z"
        );
        assert_eq!(
            certificate.not_after.to_string(),
            "2026-11-21T18:00:00.000Z"
        );
    }

    #[test]
    fn a_ca_lasts_ten_years() {
        assert_eq!(
            read(authority().ca_pem()).not_after.to_string(),
            "2036-11-20T18:00:00.000Z"
        );
    }

    #[test]
    fn a_ca_read_back_is_the_same_ca() {
        let first = authority();
        let again = Authority::from_pem(first.cluster(), first.ca_pem(), &first.key_pem()).unwrap();
        assert_eq!(again.ca_pem(), first.ca_pem());
        assert_eq!(again.key_pem(), first.key_pem());
    }

    #[test]
    fn a_ca_with_the_key_of_another_is_refused() {
        let (one, other) = (authority(), authority());
        assert!(matches!(
            Authority::from_pem(one.cluster(), one.ca_pem(), &other.key_pem()),
            Err(PkiError::KeyOfAnother)
        ));
        assert!(matches!(
            Authority::from_pem(one.cluster(), "", &one.key_pem()),
            Err(PkiError::Unreadable {
                what: "certificate",
                ..
            })
        ));
        assert!(matches!(
            Authority::from_pem(one.cluster(), one.ca_pem(), "no key"),
            Err(PkiError::Unreadable { what: "key", .. })
        ));
    }

    #[test]
    fn what_cannot_be_in_a_certificate_is_refused() {
        let authority = authority();
        for address in ["attic.lan:50051", "", "a b", "ä.lan", "[::1]"] {
            let refused = authority.issue_node(1, "n", &[address.into()], NOW, DAY);
            assert!(
                matches!(refused, Err(PkiError::Address { .. })),
                "{address}"
            );
        }
        for (role, name) in [(Role::Node, "1"), (Role::Admin, "a b"), (Role::Viewer, "")] {
            let refused = authority.issue_client(role, name, NOW, DAY);
            assert!(
                matches!(refused, Err(PkiError::Identity { .. })),
                "{role} {name}"
            );
        }
        let refused = authority.issue_client(Role::Admin, "a", NOW, Duration::MAX);
        assert!(matches!(refused, Err(PkiError::Date { .. })));
    }

    #[test]
    fn no_private_key_is_shown_by_debug() {
        let authority = authority();
        let issued = authority.issue_client(Role::Admin, "a", NOW, DAY).unwrap();
        assert!(!format!("{authority:?} {issued:?}").contains("PRIVATE"));
    }
}
