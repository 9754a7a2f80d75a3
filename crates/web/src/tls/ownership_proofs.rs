//! Proofs for an ACME authority that this server has a name (TLS-ALPN-01, RFC 8737): certificates that only the authority
//! asks for.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ClientHello;
use rustls::sign::CertifiedKey;

/// The protocol that the authority asks for (ALPN).
pub(super) const PROTOCOL: &[u8] = b"acme-tls/1";

/// The proofs that are shown now, by name. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct OwnershipProofs(Arc<Mutex<HashMap<String, Arc<CertifiedKey>>>>);

impl OwnershipProofs {
    /// Shows a proof: a certificate with its key, in PEM.
    ///
    /// # Errors
    /// They can't be used.
    pub fn set(&self, name: &str, certificate: &str, key: &str) -> Result<(), rustls::Error> {
        let wrong = |error: rustls::pki_types::pem::Error| rustls::Error::General(error.to_string());
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(wrong)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(wrong)?;
        let proof = CertifiedKey::new(vec![certificate], any_supported_type(&key)?);
        self.0.lock().insert(name.to_ascii_lowercase(), Arc::new(proof));
        Ok(())
    }

    /// Shows no more proofs.
    pub fn clear(&self) {
        self.0.lock().clear();
    }

    /// Whether a client asks for a proof. It speaks nothing else then.
    pub(super) fn are_wanted(hello: &ClientHello<'_>) -> bool {
        hello.alpn().is_some_and(|offered| offered.eq([PROTOCOL]))
    }

    /// The proof of the name that a client asks for. `None` if there is none.
    pub(super) fn of(&self, hello: &ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.lock().get(&hello.server_name()?.to_ascii_lowercase()).cloned()
    }
}
