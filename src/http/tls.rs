//! The TLS configuration: which authorities are trusted.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::error::{Error, Step};

/// Trusts the Mozilla authorities and those in the files. HTTP/1.1 only: one request at a time on a connection keeps
/// the limits per connection true.
pub(super) fn client_config(ca_files: &[impl AsRef<Path>]) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for path in ca_files {
        add_file(&mut roots, path.as_ref())?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| Error::new(Step::Tls, format!("TLS cannot be set up: {cause}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), Error> {
    let unusable = |cause: String| {
        let path = path.display();
        Error::new(
            Step::Tls,
            format!("the certificate file {path} (egress.ca_files) cannot be used: {cause}"),
        )
    };
    let mut found = 0;
    for certificate in CertificateDer::pem_file_iter(path).map_err(|cause| unusable(cause.to_string()))? {
        let certificate = certificate.map_err(|cause| unusable(cause.to_string()))?;
        roots.add(certificate).map_err(|cause| unusable(cause.to_string()))?;
        found += 1;
    }
    if found == 0 {
        return Err(unusable("it holds no PEM certificate".to_owned()));
    }
    Ok(())
}
