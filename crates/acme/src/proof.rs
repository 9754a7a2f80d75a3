//! Certificates that this server makes itself: proofs for the authority, and one to start with.

use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair};

use crate::error::AcmeError;
use crate::state_files::IssuedPair;

/// A self-signed certificate, which clients refuse. Its subject says why.
pub(crate) fn placeholder(domains: &[String]) -> Result<IssuedPair, AcmeError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(domains)?;
    params.distinguished_name.push(DnType::CommonName, "Bucketry, no certificate issued yet");
    let certificate = params.self_signed(&key)?;
    Ok(IssuedPair { chain: certificate.pem(), key: key.serialize_pem() })
}

/// The certificate that proves a name: it contains the hash of the authority's token and the account's key (RFC 8737,
/// section 3).
pub(crate) fn of_name(name: &str, digest: &[u8]) -> Result<IssuedPair, AcmeError> {
    if digest.len() != 32 {
        return Err(AcmeError::Cryptography("the proof of a name isn't a SHA-256".to_owned()));
    }
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.custom_extensions.push(CustomExtension::new_acme_identifier(digest));
    let certificate = params.self_signed(&key)?;
    Ok(IssuedPair { chain: certificate.pem(), key: key.serialize_pem() })
}
