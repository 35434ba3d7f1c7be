//! Certificates: who a caller is, read from bytes that may be anything.

use node::identity::{Caller, Who};
use rustls_pki_types::CertificateDer;

use crate::same::can_be_shown;

/// Reads the identity of a certificate, DER.
pub fn run(bytes: &[u8]) {
    match Caller::from_certificate(&CertificateDer::from(bytes)) {
        Ok(caller) => {
            assert_eq!(caller.to_string().parse::<Caller>().unwrap(), caller);
            assert_eq!(caller.peer().is_some(), matches!(caller.who, Who::Node(_)));
            let actor = caller.actor();
            assert_eq!(actor.to_string().parse::<hosts::Actor>().unwrap(), actor);
        }
        Err(error) => can_be_shown(&error),
    }
}
