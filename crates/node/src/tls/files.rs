//! Certificates and keys as they lie on disk: PEM, bounded, the key for its owner only.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;

/// Where the certificate, its key and the CAs are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// Our certificate, then the certificates between it and the CA, if there are any.
    pub cert: PathBuf,
    /// Its private key: PKCS#8, SEC1 or PKCS#1, not encrypted, mode 0600 or less.
    pub key: PathBuf,
    /// The CAs that sign the certificates of this cluster: one, or two while one replaces the other.
    pub ca: PathBuf,
}

/// The certificates of a file, one at least, in order.
pub(super) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(path, open(path)?)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|fault| not_pem(path, &fault))?;
    if certificates.is_empty() {
        return Err(nothing(path, "certificate"));
    }
    Ok(certificates)
}

/// The private key of a file that only its owner can read.
pub(super) fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let file = open(path)?;
    let mode = file
        .metadata()
        .map_err(|cause| unreadable(path, cause))?
        .permissions()
        .mode()
        & 0o7777;
    if mode & 0o077 != 0 {
        return Err(TlsError::KeyExposed {
            path: path.to_owned(),
            mode,
        });
    }
    let bytes = read(path, file)?;
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(nothing(path, "unencrypted private key")),
        Err(fault) => Err(not_pem(path, &fault)),
    }
}

/// How long a file may be: room for a hundred certificates, and no way to fill the memory.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

fn open(path: &Path) -> Result<File, TlsError> {
    File::open(path).map_err(|cause| unreadable(path, cause))
}

fn read(path: &Path, file: File) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| unreadable(path, cause))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(TlsError::TooLong {
            path: path.to_owned(),
            max: FILE_BYTES_MAX,
        });
    }
    Ok(bytes)
}

fn unreadable(path: &Path, cause: std::io::Error) -> TlsError {
    TlsError::Read {
        path: path.to_owned(),
        cause,
    }
}

fn nothing(path: &Path, needed: &'static str) -> TlsError {
    TlsError::Nothing {
        path: path.to_owned(),
        needed,
    }
}

fn not_pem(path: &Path, fault: &pem::Error) -> TlsError {
    TlsError::Pem {
        path: path.to_owned(),
        fault: fault.to_string(),
    }
}
