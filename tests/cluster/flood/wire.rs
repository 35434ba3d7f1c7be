//! HTTP/2 by hand over TLS: frames as no library would send them.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long one read or write may take: a node that does not read has to be noticed, not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// An authenticated connection.
pub(super) struct Wire {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

/// What a client with the certificate in `dir` needs, whose CA is `ca`.
pub(super) fn client(dir: &Path, ca: &Path) -> Arc<ClientConfig> {
    let certificates = |path: &Path| -> Vec<CertificateDer<'static>> {
        let read = CertificateDer::pem_file_iter(path).unwrap();
        read.map(Result::unwrap).collect()
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(ca));
    let key = PrivateKeyDer::from_pem_file(dir.join("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates(&dir.join("cert.pem")), key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

impl Wire {
    /// Through the handshake of TLS, and no further.
    pub(super) fn silent(address: &str, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut session = ClientConnection::new(Arc::clone(config), name).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        let stream = StreamOwned::new(session, socket);
        Ok(Self { stream })
    }

    /// A connection that has begun HTTP/2, with these settings.
    pub(super) fn open(
        address: &str,
        config: &Arc<ClientConfig>,
        settings: &[(u16, u32)],
    ) -> io::Result<Self> {
        let mut wire = Self::silent(address, config)?;
        wire.stream.write_all(PREFACE)?;
        let settings: Vec<u8> = settings
            .iter()
            .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        wire.frame(SETTINGS, 0, 0, &settings)?;
        Ok(wire)
    }

    pub(super) fn frame(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
    ) -> io::Result<()> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.stream.write_all(&frame)
    }

    /// The head of a call, whose messages may follow.
    pub(super) fn call(&mut self, stream: u32, method: &str) -> io::Result<()> {
        self.frame(HEADERS, END_HEADERS, stream, &head(method))
    }

    /// One message of a call, and whether it is the last.
    pub(super) fn message(&mut self, stream: u32, message: &[u8], last: bool) -> io::Result<()> {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let framed = [&[0][..], &length, message].concat();
        self.frame(DATA, if last { END_STREAM } else { 0 }, stream, &framed)
    }

    /// Bytes as they are, in the place of frames.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads until the node closes the connection. Whether it does.
    pub(super) fn is_closed(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => {
                    return !matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    );
                }
            }
        }
    }
}

/// The headers of a call, as literals that no table keeps (RFC 7541, 6.2.2).
pub(super) fn head(method: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x87];
    for (name, value) in [
        (":path", method),
        (":authority", "127.0.0.1"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        literal(&mut block, name, value.as_bytes());
    }
    block
}

/// One header, both names and values as they are.
pub(super) fn literal(block: &mut Vec<u8>, name: &str, value: &[u8]) {
    block.push(0);
    for text in [name.as_bytes(), value] {
        // An integer of seven bits and more (RFC 7541, 5.1).
        let mut length = text.len();
        if length < 127 {
            block.push(u8::try_from(length).unwrap());
        } else {
            block.push(127);
            length -= 127;
            while length >= 128 {
                block.push(u8::try_from(length % 128).unwrap() | 128);
                length /= 128;
            }
            block.push(u8::try_from(length).unwrap());
        }
        block.extend(text);
    }
}
