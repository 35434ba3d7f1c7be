//! One gRPC connection over mutual TLS, the same for us and for etcd.

use std::path::Path;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore, version::TLS13};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

/// Connects to `address`, an IP and a port, with `cert.pem` and `key.pem` of a directory.
pub(crate) async fn connect(address: &str, files: &Path, ca: &Path) -> Channel {
    let certificates = |path: &Path| {
        let read = CertificateDer::pem_file_iter(path).unwrap();
        read.map(Result::unwrap)
    };
    let mut roots = RootCertStore::empty();
    for root in certificates(ca) {
        roots.add(root).unwrap();
    }
    let key = PrivateKeyDer::from_pem_file(files.join("key.pem")).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates(&files.join("cert.pem")).collect(), key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    let target = address.to_owned();
    let ip = address.rsplit_once(':').unwrap().0;
    let name = ServerName::try_from(ip.to_owned()).unwrap();
    let dial = service_fn(move |_| {
        let (connector, target, name) = (connector.clone(), target.clone(), name.clone());
        async move {
            let stream = TcpStream::connect(target).await?;
            stream.set_nodelay(true)?;
            connector.connect(name, stream).await.map(TokioIo::new)
        }
    });
    Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect_with_connector(dial)
        .await
        .unwrap()
}
