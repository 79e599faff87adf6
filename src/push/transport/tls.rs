use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tracing::warn;

use crate::config::OtlpEndpoint;
use crate::regular_file;

/// Why there can be no connection as the configuration wants it.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("cannot read {what} from {}: {source}; name a PEM file that can be read", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{what} in {}: {source}; it must be a PEM file", path.display())]
    Pem {
        what: &'static str,
        path: PathBuf,
        source: pem::Error,
    },
    #[error("{} cannot serve as a certificate authority: {source}", path.display())]
    Authority {
        path: PathBuf,
        source: rustls::Error,
    },
    #[error("the client certificate in {} and the key in {} do not fit: {source}", certificate.display(), key.display())]
    Identity {
        certificate: PathBuf,
        key: PathBuf,
        source: rustls::Error,
    },
    #[error("TLS: {0}")]
    Provider(rustls::Error),
    #[error("the URL {url} cannot be used: {reason}")]
    Url { url: String, reason: String },
}

impl TlsError {
    /// The key of the endpoint's section that is to blame, where one is.
    pub fn key(&self) -> Option<&'static str> {
        match self {
            Self::File { what, .. } | Self::Pem { what, .. } if *what == KEY => Some("client_key"),
            Self::File { what, .. } | Self::Pem { what, .. } if *what == CLIENT => {
                Some("client_certificate")
            }
            Self::File { .. } | Self::Pem { .. } | Self::Authority { .. } => Some("certificate"),
            Self::Identity { .. } => Some("client_certificate"),
            Self::Provider(_) | Self::Url { .. } => None,
        }
    }
}

const AUTHORITIES: &str = "certificates of authorities";
const CLIENT: &str = "the client's certificate";
const KEY: &str = "the client's key";

/// Whether the endpoint's certificates and key can be read, and fit.
///
/// # Errors
/// Says which file is wrong, and how.
pub fn check(endpoint: &OtlpEndpoint) -> Result<(), TlsError> {
    client_config(endpoint, &endpoint.metrics_url).map(|_| ())
}

pub(super) fn client_config(endpoint: &OtlpEndpoint, url: &str) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Provider)?
        .with_root_certificates(roots(endpoint, url)?);
    let (Some(certificate), Some(key)) = (&endpoint.client_certificate, &endpoint.client_key)
    else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(CLIENT, certificate)?;
    let private = PrivateKeyDer::from_pem_slice(&read(KEY, key)?).map_err(|source| {
        let path = key.clone();
        TlsError::Pem {
            what: KEY,
            path,
            source,
        }
    })?;
    builder
        .with_client_auth_cert(chain, private)
        .map_err(|source| TlsError::Identity {
            certificate: certificate.clone(),
            key: key.clone(),
            source,
        })
}

/// Whom to believe: the authorities that are named, or the system's. None where nothing is
/// encrypted.
fn roots(endpoint: &OtlpEndpoint, url: &str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &endpoint.certificate {
        for certificate in certificates(AUTHORITIES, path)? {
            roots
                .add(certificate)
                .map_err(|source| TlsError::Authority {
                    path: path.clone(),
                    source,
                })?;
        }
    } else if url.starts_with("https:") {
        let found = rustls_native_certs::load_native_certs();
        let (_, unusable) = roots.add_parsable_certificates(found.certs);
        if roots.is_empty() || unusable > 0 || !found.errors.is_empty() {
            let errors = found.errors.len() + unusable;
            warn!(
                usable = roots.len(),
                errors, "certificate authorities of the system"
            );
        }
    }
    Ok(roots)
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unfit = |source| TlsError::Pem {
        what,
        path: path.to_owned(),
        source,
    };
    let bytes = read(what, path)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(unfit)?;
    if certificates.is_empty() {
        return Err(unfit(pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    regular_file::read(path).map_err(|source| TlsError::File {
        what,
        path: path.to_owned(),
        source,
    })
}
