//! Whether clients will know a node by its certificate: they compare the name they call it by, nodes do not.

use std::net::IpAddr;
use std::path::Path;

use rustls::client::verify_server_name;
use rustls::server::ParsedCertificate;
use rustls_pki_types::{CertificateDer, ServerName};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::TlsError;

/// Whether `own`, the certificate of `path`, is good for the host of `address`, which is `host:port`.
pub(super) fn check(path: &Path, own: &CertificateDer<'_>, address: &str) -> Result<(), TlsError> {
    let host = host(address);
    let is_good = ServerName::try_from(host).is_ok_and(|name| {
        ParsedCertificate::try_from(own).is_ok_and(|own| verify_server_name(&own, &name).is_ok())
    });
    if is_good {
        return Ok(());
    }
    let kind = match host.parse::<IpAddr>() {
        Ok(_) => "IP",
        Err(_) => "DNS",
    };
    Err(TlsError::OtherNames {
        path: path.to_owned(),
        wanted: format!("{kind}:{host}"),
        names: names(own),
    })
}

/// The host of `host:port`, without the brackets of an IPv6 address.
fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

/// The DNS names and IP addresses among the alternative names, in order, joined by `, `; `none` without any.
fn names(own: &CertificateDer<'_>) -> String {
    let parsed = X509Certificate::from_der(own).ok();
    let alternatives = parsed
        .as_ref()
        .and_then(|(_, parsed)| parsed.subject_alternative_name().ok().flatten());
    let names: Vec<String> = alternatives
        .iter()
        .flat_map(|extension| &extension.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(octets) => ip(octets),
            _ => None,
        })
        .collect();
    match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    }
}

fn ip(octets: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    let ip = v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from));
    ip.ok().map(|ip| ip.to_string())
}
