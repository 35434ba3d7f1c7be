//! What went wrong on a connection, in words for an operator.
//!
//! "Unreachable" hides whether a certificate expired, a CA is missing or somebody else answered. A refusal by the
//! other side comes as an alert with little in it; it is said as such, with the likely causes.

use std::error::Error;
use std::io;

use hosts::Timestamp;
use rustls::{AlertDescription, CertificateError, PeerIncompatible};
use rustls_pki_types::UnixTime;
use tonic::Status;

/// An error and what it comes from in one line, joined by `: ` and without repetitions. What TLS refused is said in a
/// sentence.
#[must_use]
pub fn explain(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    for text in chain(error).into_iter().filter_map(own_words) {
        if !said.iter().any(|earlier| earlier.contains(&text)) {
            said.push(text);
        }
    }
    said.join(": ")
}

/// What an error says beyond the one it comes from, if anything.
fn own_words(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(tls_reason(tls));
    }
    if let Some(status) = error.downcast_ref::<Status>() {
        return Some(status.message().to_owned());
    }
    if error.is::<tonic::transport::Error>() {
        return None; // "transport error"
    }
    match error.downcast_ref::<io::Error>() {
        Some(io) if io.kind() == io::ErrorKind::UnexpectedEof => Some(CLOSED.to_owned()),
        Some(io) if io.get_ref().is_some() => None, // what it wraps comes next, in the same words
        _ => Some(error.to_string()),
    }
}

/// The end of a stream in the middle of a handshake.
const CLOSED: &str = "it closed the connection";

/// An error and those it comes from. What an [`io::Error`] wraps counts as one of them: its `source` leaves it out.
pub(crate) fn chain<'e>(error: &'e (dyn Error + 'static)) -> Vec<&'e (dyn Error + 'static)> {
    let mut chain = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next.filter(|_| chain.len() < CHAIN_MAX) {
        chain.push(error);
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .filter(|_| own_words(error).is_none()) // else it has been said better
            .map(|inner| inner as &(dyn Error + 'static));
        next = wrapped.or_else(|| error.source());
    }
    chain
}

/// More errors than any library nests.
const CHAIN_MAX: usize = 32;

fn tls_reason(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(fault) => certificate_reason(fault),
        rustls::Error::NoCertificatesPresented => "it presented no certificate".to_owned(),
        rustls::Error::AlertReceived(alert) => alert_reason(*alert),
        rustls::Error::PeerIncompatible(
            PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::ServerDoesNotSupportTls12Or13,
        ) => "it does not speak TLS 1.3".to_owned(),
        rustls::Error::NoApplicationProtocol => "it does not offer HTTP/2 (ALPN h2)".to_owned(),
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS: what it sent is something else".to_owned()
        }
        other => other.to_string(),
    }
}

/// Why we do not accept the certificate of the other side.
fn certificate_reason(fault: &CertificateError) -> String {
    match fault {
        CertificateError::ExpiredContext { time, not_after } => format!(
            "its certificate expired at {}, and it is {} here",
            at(*not_after),
            at(*time)
        ),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "its certificate is not valid before {}, and it is {} here",
            at(*not_before),
            at(*time)
        ),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is not signed by a CA that is trusted here".to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not issued for this use (extended key usage)".to_owned()
        }
        CertificateError::Other(reason) => explain(&*reason.0),
        other => format!("its certificate is refused: {other}"),
    }
}

/// Why the other side does not accept ours, as far as the alert tells.
fn alert_reason(alert: AlertDescription) -> String {
    let why = match alert {
        AlertDescription::CertificateExpired => {
            "it says our certificate is expired or not yet valid: compare its dates with both clocks"
        }
        AlertDescription::UnknownCA | AlertDescription::DecryptError => {
            "it does not trust the CA of our certificate"
        }
        AlertDescription::CertificateRequired => "it demands a certificate, and none was presented",
        AlertDescription::CertificateUnknown | AlertDescription::AccessDenied => {
            "it refuses our certificate: another cluster, or no identity in it"
        }
        AlertDescription::UnsupportedCertificate => {
            "it says our certificate is not issued for this use (extended key usage)"
        }
        AlertDescription::BadCertificate | AlertDescription::CertificateRevoked => {
            "it refuses our certificate"
        }
        AlertDescription::ProtocolVersion => "it does not speak TLS 1.3",
        AlertDescription::NoApplicationProtocol => "it does not offer HTTP/2 (ALPN h2)",
        other => return format!("it broke off the handshake with the TLS alert {other:?}"),
    };
    why.to_owned()
}

fn at(time: UnixTime) -> Timestamp {
    Timestamp::from_millis(time.as_secs().saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::OtherError;

    use super::*;
    use crate::identity::InvalidIdentity;

    #[test]
    fn the_reason_is_found_under_layers_of_errors() {
        let tls = rustls::Error::AlertReceived(AlertDescription::UnknownCA);
        let io = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls));
        assert_eq!(explain(&io), "it does not trust the CA of our certificate");
    }

    #[test]
    fn a_reason_of_ours_is_said_as_it_is() {
        let reason = OtherError(Arc::new(InvalidIdentity::Several));
        let tls = rustls::Error::InvalidCertificate(CertificateError::Other(reason));
        assert_eq!(explain(&tls), InvalidIdentity::Several.to_string());
    }

    #[test]
    fn an_end_of_stream_is_said_without_advice_for_programmers() {
        let io = io::Error::new(io::ErrorKind::UnexpectedEof, "see https://docs.rs/rustls");
        assert_eq!(explain(&io), CLOSED);
    }

    #[test]
    fn dates_are_dates() {
        let secs = |n| UnixTime::since_unix_epoch(std::time::Duration::from_secs(n));
        let tls = rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
            time: secs(1_795_197_600),
            not_after: secs(1_795_197_599),
        });
        assert_eq!(
            explain(&tls),
            "its certificate expired at 2026-11-20T17:59:59.000Z, and it is 2026-11-20T18:00:00.000Z here"
        );
    }

    #[test]
    fn an_error_without_tls_is_its_chain_without_repetition() {
        let io = io::Error::from(io::ErrorKind::ConnectionRefused);
        let text = explain(&io::Error::other(io));
        assert_eq!(text, "connection refused");
    }
}
