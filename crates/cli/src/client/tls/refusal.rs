//! Why TLS was refused, in words that say which side to mend.

use super::Own;
use crate::exit::reasons::{self, Row};
use hosts::Timestamp;
use rustls::{AlertDescription as Alert, CertificateError as Fault, Error};
use rustls_pki_types::UnixTime;
use std::path::PathBuf;
use thiserror::Error as ThisError;

/// Who refused whom, and why. The first group is about the node's
/// certificate, the second about ours.
#[derive(Clone, PartialEq, Eq, Debug, ThisError)]
pub(crate) enum Refusal {
    #[error("unknown CA: the node's certificate is not signed by the CA given here")]
    UnknownCa,
    #[error("expired: the node's certificate was valid until {}; this machine's clock says {now}", shown(.not_after))]
    Expired {
        not_after: Option<Timestamp>,
        now: Timestamp,
    },
    #[error("not yet valid: the node's certificate begins {}; this machine's clock says {now}", shown(.not_before))]
    NotYetValid {
        not_before: Option<Timestamp>,
        now: Timestamp,
    },
    #[error("wrong name: the node's certificate is for {}", list(.presented))]
    WrongName { presented: Vec<String> },
    #[error("the node's certificate cannot be used: {0}")]
    Unusable(String),
    #[error("what listens there is not a node: it speaks no HTTP/2 over TLS 1.3")]
    NotANode,

    #[error("the node asks for a client certificate, and there is none")]
    OwnMissing,
    #[error("unknown CA: the node does not know the CA that signed the client certificate {0}")]
    OwnUnknownCa(PathBuf),
    #[error("expired: the client certificate {path} was valid until {not_after}")]
    OwnExpired { path: PathBuf, not_after: Timestamp },
    #[error(
        "not yet valid: the client certificate {path} begins {not_before}; this machine's clock says {now}"
    )]
    OwnNotYetValid {
        path: PathBuf,
        not_before: Timestamp,
        now: Timestamp,
    },
    #[error(
        "expired or not yet valid for the node, though not by this machine's clock, which says {now}: the client certificate {path}"
    )]
    OwnDates { path: PathBuf, now: Timestamp },
    #[error("certificate refused: the node does not take the client certificate {path} ({alert})")]
    OwnRefused { path: PathBuf, alert: String },
}

impl Refusal {
    /// Reads an error of TLS. `own` is our certificate, `now` our clock.
    pub(super) fn of(error: &Error, own: Option<&Own>, now: Timestamp) -> Self {
        match error {
            Error::InvalidCertificate(fault) => Self::of_theirs(fault, now),
            Error::AlertReceived(alert) => Self::of_ours(*alert, own, now),
            Error::InvalidMessage(_)
            | Error::PeerIncompatible(_)
            | Error::NoApplicationProtocol => Self::NotANode,
            other => Self::Unusable(other.to_string()),
        }
    }

    fn of_theirs(fault: &Fault, now: Timestamp) -> Self {
        match fault {
            // A bad signature is what a CA of the same name and another key gives.
            Fault::UnknownIssuer | Fault::BadSignature => Self::UnknownCa,
            Fault::Expired => Self::Expired {
                not_after: None,
                now,
            },
            Fault::ExpiredContext { not_after, .. } => Self::Expired {
                not_after: Some(time(*not_after)),
                now,
            },
            Fault::NotValidYet => Self::NotYetValid {
                not_before: None,
                now,
            },
            Fault::NotValidYetContext { not_before, .. } => Self::NotYetValid {
                not_before: Some(time(*not_before)),
                now,
            },
            Fault::NotValidForName => Self::WrongName {
                presented: Vec::new(),
            },
            Fault::NotValidForNameContext { presented, .. } => Self::WrongName {
                presented: presented.clone(),
            },
            other => Self::Unusable(other.to_string()),
        }
    }

    /// An alert only says so much; our own dates say more.
    fn of_ours(alert: Alert, own: Option<&Own>, now: Timestamp) -> Self {
        if matches!(alert, Alert::ProtocolVersion | Alert::NoApplicationProtocol) {
            return Self::NotANode;
        }
        let Some(Own {
            path,
            identity: _,
            not_before,
            not_after,
            chain: _,
        }) = own.cloned()
        else {
            return Self::OwnMissing;
        };
        match alert {
            Alert::UnknownCA | Alert::DecryptError => Self::OwnUnknownCa(path),
            Alert::CertificateExpired if now > not_after => Self::OwnExpired { path, not_after },
            Alert::CertificateExpired if now < not_before => Self::OwnNotYetValid {
                path,
                not_before,
                now,
            },
            Alert::CertificateExpired => Self::OwnDates { path, now },
            other => Self::OwnRefused {
                path,
                alert: format!("{other:?}"),
            },
        }
    }

    /// Its row in the table of reasons.
    pub(crate) fn row(&self) -> Row {
        match self {
            Self::UnknownCa => reasons::TLS_UNKNOWN_CA,
            Self::Expired { .. } => reasons::TLS_EXPIRED,
            Self::NotYetValid { .. } => reasons::TLS_NOT_YET_VALID,
            Self::WrongName { .. } => reasons::TLS_WRONG_NAME,
            Self::Unusable(_) => reasons::TLS_UNUSABLE,
            Self::NotANode => reasons::TLS_NOT_A_NODE,
            Self::OwnMissing => reasons::TLS_OWN_MISSING,
            Self::OwnUnknownCa(_) => reasons::TLS_OWN_UNKNOWN_CA,
            Self::OwnExpired { .. } => reasons::TLS_OWN_EXPIRED,
            Self::OwnNotYetValid { .. } => reasons::TLS_OWN_NOT_YET_VALID,
            Self::OwnDates { .. } => reasons::TLS_OWN_DATES,
            Self::OwnRefused { .. } => reasons::TLS_OWN_REFUSED,
        }
    }
}

fn time(time: UnixTime) -> Timestamp {
    Timestamp::from_millis(time.as_secs().saturating_mul(1000))
}

fn shown(time: &Option<Timestamp>) -> String {
    time.map_or_else(|| "at another time".to_owned(), |time| time.to_string())
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "another name".to_owned();
    }
    let names: Vec<&str> = names.iter().map(|name| plain(name)).collect();
    names.join(", ")
}

/// A name as it is typed: rustls hands names over in Rust's notation, such as `DnsName("nas.lan")`.
fn plain(name: &str) -> &str {
    ["DnsName(", "IpAddress(", "UniformResourceIdentifier("]
        .into_iter()
        .find_map(|kind| name.strip_prefix(kind)?.strip_suffix(')'))
        .map_or(name, |inner| inner.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Own {
        Own {
            path: "me.pem".into(),
            identity: None,
            not_before: Timestamp::from_millis(1_000),
            not_after: Timestamp::from_millis(2_000),
            chain: Vec::new(),
        }
    }

    fn alert(alert: Alert, own: Option<&Own>, now: u64) -> &'static str {
        Refusal::of(
            &Error::AlertReceived(alert),
            own,
            Timestamp::from_millis(now),
        )
        .row()
        .reason()
    }

    #[test]
    fn an_alert_is_read_beside_our_own_dates() {
        let own = own();
        let expired = Alert::CertificateExpired;
        assert_eq!(alert(expired, Some(&own), 3_000), "TLS_EXPIRED");
        assert_eq!(alert(expired, Some(&own), 500), "TLS_NOT_YET_VALID");
        let ours = Refusal::of(
            &Error::AlertReceived(expired),
            Some(&own),
            Timestamp::from_millis(1_500),
        );
        assert!(matches!(ours, Refusal::OwnDates { .. }));
        assert_eq!(ours.row(), reasons::TLS_OWN_DATES);
    }

    #[test]
    fn every_alert_about_certificates_names_its_fault() {
        let own = own();
        for (about, reason) in [
            (Alert::UnknownCA, "TLS_UNKNOWN_CA"),
            (Alert::DecryptError, "TLS_UNKNOWN_CA"),
            (Alert::BadCertificate, "TLS_CERTIFICATE_REFUSED"),
            (Alert::UnsupportedCertificate, "TLS_CERTIFICATE_REFUSED"),
            (Alert::CertificateRevoked, "TLS_CERTIFICATE_REFUSED"),
            (Alert::AccessDenied, "TLS_CERTIFICATE_REFUSED"),
            (Alert::ProtocolVersion, "TLS_FAILED"),
        ] {
            assert_eq!(alert(about, Some(&own), 1_500), reason, "{about:?}");
        }
        let missing = alert(Alert::CertificateRequired, None, 1_500);
        assert_eq!(missing, "TLS_NO_CLIENT_CERTIFICATE");
    }
}
