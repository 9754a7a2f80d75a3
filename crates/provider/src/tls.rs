//! TLS to providers: rustls with ring, the machine's root certificates and, optionally, those of the operator.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// A client configuration that trusts the machine's roots and every certificate in `extra_ca_pem`.
pub(crate) fn client_config(extra_ca_pem: Option<&[u8]>) -> Result<Arc<ClientConfig>, ConnectionsError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    if roots.is_empty() {
        tracing::warn!(
            "no trusted root certificates were found on this machine, so https endpoints will fail; install them"
        );
    }
    if let Some(pem) = extra_ca_pem {
        let mut found = false;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| ConnectionsError::ExtraCa)?;
            roots.add(certificate).map_err(|_| ConnectionsError::ExtraCa)?;
            found = true;
        }
        if !found {
            return Err(ConnectionsError::ExtraCa);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| ConnectionsError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Why connections can't be set up. The settings must change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionsError {
    /// The extra certificates can't be read.
    #[error("the CA file must contain valid certificates in PEM form (--ca-file or BUCKETRY_CA_FILE)")]
    ExtraCa,
    /// TLS can't be configured.
    #[error("TLS can't be configured")]
    Tls,
}

/// Why TLS failed, in terms that a user can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsFailure {
    /// The certificate is not signed by an authority that this machine trusts.
    #[error("the certificate is signed by an authority that this node does not trust")]
    Untrusted,
    /// The certificate is for another host.
    #[error("the certificate is for another host name")]
    WrongName,
    /// The certificate has expired or is not valid yet.
    #[error("the certificate has expired or is not valid yet")]
    Expired,
    /// The server doesn't speak TLS.
    #[error("the port does not speak TLS")]
    NotTls,
    /// The handshake took too long.
    #[error("the TLS handshake did not finish in time")]
    TimedOut,
    /// Anything else: no common version, a broken certificate, an alert.
    #[error("the TLS handshake failed")]
    Handshake,
}

impl TlsFailure {
    /// What to change at the endpoint or the node.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::NotTls => {
                "If the endpoint uses plain http, enter it with http:// in front. Otherwise check its port."
            }
            Self::Untrusted => {
                "Check the endpoint's certificate. If a private authority signed it, the operator of this deployment can add \
                 that authority to the node with BUCKETRY_CA_FILE."
            }
            Self::WrongName => "Enter the endpoint by the host name that its certificate is for.",
            Self::Expired => {
                "Renew the endpoint's certificate, and check the clocks of this node and of the server."
            }
            Self::TimedOut | Self::Handshake => {
                "Check the endpoint's port, and check the TLS settings and the certificate of the server."
            }
        }
    }

    pub(crate) fn of(error: &rustls::Error) -> Self {
        use rustls::CertificateError as C;
        match error {
            rustls::Error::InvalidMessage(_) => Self::NotTls,
            rustls::Error::InvalidCertificate(certificate) => match certificate {
                C::UnknownIssuer | C::BadSignature => Self::Untrusted,
                C::NotValidForName | C::NotValidForNameContext { .. } => Self::WrongName,
                C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. } => {
                    Self::Expired
                }
                _ => Self::Handshake,
            },
            _ => Self::Handshake,
        }
    }

    /// Finds the TLS failure inside the I/O error of a handshake.
    pub(crate) fn of_io(error: &std::io::Error) -> Self {
        error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
            .map_or(Self::Handshake, Self::of)
    }
}
