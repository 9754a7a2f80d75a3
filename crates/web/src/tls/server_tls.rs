//! The TLS configuration of a listener, whose certificate can be replaced at any time.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::LoadedCertificate;
use super::ownership_proofs::{self, OwnershipProofs};

/// The certificate that new connections get. Listeners may share it.
pub struct CurrentCertificate {
    certificate: ArcSwap<LoadedCertificate>,
    /// `None` if no authority asks for proofs.
    proofs: Option<OwnershipProofs>,
}

impl CurrentCertificate {
    /// Begins with this certificate.
    pub fn new(certificate: LoadedCertificate) -> Arc<Self> {
        Arc::new(Self { certificate: ArcSwap::from_pointee(certificate), proofs: None })
    }

    /// Begins with this certificate, and shows proofs to clients that ask for them.
    pub fn with_proofs(certificate: LoadedCertificate, proofs: OwnershipProofs) -> Arc<Self> {
        Arc::new(Self { certificate: ArcSwap::from_pointee(certificate), proofs: Some(proofs) })
    }

    /// The certificate that new connections get now.
    pub fn get(&self) -> Arc<LoadedCertificate> {
        self.certificate.load_full()
    }

    /// From now on, new connections get this certificate. Open ones continue with theirs.
    pub fn replace(&self, certificate: LoadedCertificate) {
        self.certificate.store(Arc::new(certificate));
    }
}

impl fmt::Debug for CurrentCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CurrentCertificate")
    }
}

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(proofs) = self.proofs.as_ref().filter(|_| OwnershipProofs::are_wanted(&hello)) {
            return proofs.of(&hello);
        }
        // Also for names that aren't in it: the client's error then names the certificate.
        Some(Arc::clone(&self.certificate.load().key))
    }
}

/// The protocols that a listener offers to its clients (ALPN).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferedProtocols {
    /// Only HTTP/1.1.
    Http1,
    /// HTTP/2, and HTTP/1.1 for clients without it.
    Http2AndHttp1,
}

/// TLS can't be set up at all.
#[derive(Debug, thiserror::Error)]
#[error("TLS can't be set up: {0}")]
pub struct TlsUnavailable(#[from] rustls::Error);

/// How a listener speaks TLS. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ServerTls {
    pub(super) config: Arc<ServerConfig>,
}

impl ServerTls {
    /// TLS 1.2 and 1.3 with this certificate, without certificates of clients.
    ///
    /// # Errors
    /// The machine has no random numbers.
    pub fn new(
        certificate: Arc<CurrentCertificate>,
        offered: OfferedProtocols,
    ) -> Result<Self, TlsUnavailable> {
        let provider = Arc::new(ring::default_provider());
        let shows_proofs = certificate.proofs.is_some();
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(certificate);
        // Clients that come back save the key exchange, and the server stores nothing for it.
        config.ticketer = ring::Ticketer::new()?;
        config.send_tls13_tickets = 1;
        let protocols: &[&[u8]] = match offered {
            OfferedProtocols::Http1 => &[b"http/1.1"],
            OfferedProtocols::Http2AndHttp1 => &[b"h2", b"http/1.1"],
        };
        let proofs: &[&[u8]] = if shows_proofs { &[ownership_proofs::PROTOCOL] } else { &[] };
        config.alpn_protocols = protocols.iter().chain(proofs).map(|name| name.to_vec()).collect();
        Ok(Self { config: Arc::new(config) })
    }
}
