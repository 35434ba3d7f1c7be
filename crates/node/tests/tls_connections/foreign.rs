//! Callers that are not ours: without a certificate, with an older TLS, with too much of everything.

use std::io;
use std::sync::Arc;

use node::identity::{InvalidIdentity, Peer};
use node::tls::explain;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme, SupportedProtocolVersion, version,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use node::network::Network;
use node::pki::Issued;

use crate::support::{ADDRESS, Answering, Site, peer};

/// A client that believes anybody.
#[derive(Debug)]
struct Believes(CryptoProvider);

impl ServerCertVerifier for Believes {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A foreign client: its version of TLS, and the chain and key that it presents.
fn foreign(
    version: &'static SupportedProtocolVersion,
    presents: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
) -> ClientConfig {
    let provider = ring::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider.clone()))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Believes(provider)));
    let mut config = match presents {
        Some((chain, key)) => config.with_client_auth_cert(chain, key).unwrap(),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

fn parts(issued: &Issued) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_slice_iter(issued.cert_pem.as_bytes()).map(Result::unwrap);
    let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap();
    (chain.collect(), key)
}

/// Why a foreign client cannot talk: in the handshake, or when it reads the answer to it.
async fn turned_away(one: &Answering, config: ClientConfig) -> String {
    let io = one.network.connect(ADDRESS).await.unwrap();
    let name = ServerName::try_from("attic.lan").unwrap();
    let tried = async {
        let mut stream = TlsConnector::from(Arc::new(config))
            .connect(name, io)
            .await?;
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .await?;
        let mut answer = [0; 1];
        match stream.read(&mut answer).await? {
            0 => Err(io::Error::other("closed")),
            _ => Ok(()),
        }
    };
    let error: io::Error = tried.await.unwrap_err();
    assert!(one.seen().is_empty());
    explain(&error)
}

#[tokio::test]
async fn a_caller_without_a_certificate_is_told_to_bring_one() {
    let site = Site::new();
    let one = Answering::start(site.load(&site.node(1))).await;
    assert_eq!(
        turned_away(&one, foreign(&version::TLS13, None)).await,
        "it demands a certificate, and none was presented"
    );
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let site = Site::new();
    let one = Answering::start(site.load(&site.node(1))).await;
    let presents = parts(&site.node(2));
    assert_eq!(
        turned_away(&one, foreign(&version::TLS12, Some(presents))).await,
        "it does not speak TLS 1.3"
    );
}

#[tokio::test]
async fn the_foreign_client_of_these_tests_gets_in_with_a_good_certificate() {
    let site = Site::new();
    let one = Answering::start(site.load(&site.node(1))).await;
    let io = one.network.connect(ADDRESS).await.unwrap();
    let config = foreign(&version::TLS13, Some(parts(&site.node(2))));
    let name = ServerName::try_from("attic.lan").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, io)
        .await
        .unwrap();
    let preface_and_settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    stream.write_all(preface_and_settings).await.unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4, "the first frame of a server is SETTINGS");
}

#[tokio::test]
async fn a_megabyte_of_certificates_is_refused() {
    let site = Site::new();
    let one = Answering::start(site.load(&site.node(1))).await;
    let (mut chain, key) = parts(&site.node(2));
    let filler = CertificateDer::from(vec![0x30; 10_000]);
    chain.extend(std::iter::repeat_n(filler, 100));
    let why = turned_away(&one, foreign(&version::TLS13, Some((chain, key)))).await;
    assert_ne!(why, "");
    one.check(site.load(&site.node(2)), peer(1)).await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_does_not_name_one_caller_is_refused() {
    let site = Site::new();
    let one = Answering::start(site.load(&site.node(1))).await;
    let Peer { cluster, .. } = peer(1);
    let (node, admin) = (
        format!("router-hosts://{cluster}/node/2"),
        format!("router-hosts://{cluster}/admin/alice"),
    );
    let none: &[&str] = &[];
    for uris in [
        none,
        &["https://example.org/"],
        &[&node, &admin],
        &["router-hosts://x"],
    ] {
        let config = foreign(&version::TLS13, Some(parts(&site.odd(uris, &[]))));
        let why = turned_away(&one, config).await;
        assert!(
            why.ends_with("another cluster, or no identity in it"),
            "{uris:?}: {why}"
        );
    }
    let error = site.try_load(&site.odd(none, &[])).unwrap_err();
    assert!(
        explain(&error).ends_with(&InvalidIdentity::Missing.to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_not_tls_is_hung_up_on() {
    let site = Site::new();
    let one = Answering::start(site.load(&site.node(1))).await;
    for words in [
        "GET / HTTP/1.1\r\nHost: attic.lan\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut io = one.network.connect(ADDRESS).await.unwrap();
        io.write_all(words.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        io.read_to_end(&mut answer).await.unwrap();
        assert!(answer.len() < 16, "an alert at the most: {answer:?}");
    }
    assert!(one.seen().is_empty());
}
