//! Certificates of a test: a CA, and what it signs.

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType, date_time_ymd,
};

/// A CA. All of them have the same name, as clusters made one after the other
/// may have.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, both PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

/// When a certificate is valid, seen from any day these tests run on.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(crate) enum When {
    Now,
    Before,
    After,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, "test cluster");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    /// For a node that is called by `names`.
    pub(crate) fn node(&self, names: &[&str], when: When) -> Pair {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params, when)
    }

    /// For the node of this identity that is called by `names`.
    pub(crate) fn node_of(&self, identity: &str, names: &[&str]) -> Pair {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        let uri = SanType::URI(Ia5String::try_from(identity).unwrap());
        params.subject_alt_names.insert(0, uri);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params, When::Now)
    }

    /// For a client.
    pub(crate) fn client(&self, when: When) -> Pair {
        self.client_of(
            "router-hosts://01ARYZ6S41TSV4RRFFQ69G5FAV/admin/alice",
            when,
        )
    }

    /// For a client of this identity.
    pub(crate) fn client_of(&self, identity: &str, when: When) -> Pair {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.subject_alt_names = vec![SanType::URI(Ia5String::try_from(identity).unwrap())];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params, when)
    }

    fn sign(&self, mut params: CertificateParams, when: When) -> Pair {
        (params.not_before, params.not_after) = match when {
            When::Now => (date_time_ymd(2020, 1, 1), date_time_ymd(2120, 1, 1)),
            When::Before => (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1)),
            When::After => (date_time_ymd(2119, 1, 1), date_time_ymd(2120, 1, 1)),
        };
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Pair {
            cert: cert.pem(),
            key: key.serialize_pem(),
        }
    }
}
