//! The RSA keys with which nodes sign their messages.
//!
//! `rsa` generates keys and parses PEM. `ring` signs and verifies, because its private key operation takes constant
//! time.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_model::secret::Secret;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use rsa::pkcs1::{
    DecodeRsaPrivateKey as _, DecodeRsaPublicKey as _, EncodeRsaPrivateKey as _, EncodeRsaPublicKey as _,
};
use rsa::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _, EncodePublicKey as _, LineEnding};
use rsa::rand_core::OsRng;
use rsa::traits::PublicKeyParts as _;
use rsa::{RsaPrivateKey, RsaPublicKey};

use crate::{VaultError, private_file};

const NEW_KEY_BITS: usize = 2048;
const ACCEPTED_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Longer than the PEM text of any accepted key.
const MAX_PEM_BYTES: usize = 16 * 1024;

/// The private key with which a node signs its messages.
pub struct NodeSigningKey {
    pair: RsaKeyPair,
    pkcs1_pem: Secret,
    public: RsaPublicKey,
}

impl NodeSigningKey {
    /// Generates a key of 2048 bits. This takes some tenths of a second of CPU time, so don't call it in an async
    /// task.
    pub fn generate() -> Result<Self, VaultError> {
        let key = RsaPrivateKey::new(&mut OsRng, NEW_KEY_BITS).map_err(|_| VaultError::Cryptography)?;
        Self::from_rsa(&key)
    }

    /// Parses a private key: PKCS#1 ("RSA PRIVATE KEY") or PKCS#8 ("PRIVATE KEY") PEM.
    pub fn from_pem(pem: &Secret) -> Result<Self, VaultError> {
        let pem = pem.expose();
        if pem.len() > MAX_PEM_BYTES {
            return Err(VaultError::NotAnRsaKey);
        }
        let key = RsaPrivateKey::from_pkcs1_pem(pem)
            .ok()
            .or_else(|| RsaPrivateKey::from_pkcs8_pem(pem).ok())
            .ok_or(VaultError::NotAnRsaKey)?;
        Self::from_rsa(&key)
    }

    /// Reads the key from a file, or creates a file with a new key that only its owner can read. A file that other
    /// users can read is refused.
    pub fn load_or_create(path: &Path) -> Result<Self, VaultError> {
        let parse = |text: &str| {
            let wrong =
                VaultError::NotAKeyFile { path: path.to_owned(), reason: "it contains no RSA key as PEM" };
            Self::from_pem(&Secret::new(text)).map_err(|_| wrong)
        };
        if let Some(text) = private_file::read(path)? {
            return parse(&text);
        }
        let made = Self::generate()?;
        if private_file::create(path, made.pkcs1_pem.expose())? {
            return Ok(made);
        }
        let missing =
            VaultError::NotAKeyFile { path: path.to_owned(), reason: "it was removed while it was read" };
        private_file::read(path)?.ok_or(missing).and_then(|text| parse(&text))
    }

    /// The private key as PKCS#1 PEM, to be handed out once.
    pub fn to_pkcs1_pem(&self) -> &Secret {
        &self.pkcs1_pem
    }

    /// The public key that verifies this key's signatures.
    pub fn verifying_key(&self) -> Result<NodeVerifyingKey, VaultError> {
        NodeVerifyingKey::from_rsa(&self.public)
    }

    /// Signs with RSASSA-PKCS1-v1_5 and SHA-256. Returns base64.
    pub fn sign(&self, bytes: &[u8]) -> Result<String, VaultError> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature)
            .map_err(|_| VaultError::Cryptography)?;
        Ok(STANDARD.encode(signature))
    }

    fn from_rsa(key: &RsaPrivateKey) -> Result<Self, VaultError> {
        let der = key.to_pkcs1_der().map_err(|_| VaultError::NotAnRsaKey)?;
        let pair = RsaKeyPair::from_der(der.as_bytes()).map_err(|_| VaultError::NotAnRsaKey)?;
        let pem = key.to_pkcs1_pem(LineEnding::LF).map_err(|_| VaultError::NotAnRsaKey)?;
        Ok(Self { pair, pkcs1_pem: Secret::new(pem.as_str()), public: key.to_public_key() })
    }
}

impl fmt::Debug for NodeSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeSigningKey(…)")
    }
}

/// The public key that verifies a node's messages.
#[derive(Clone)]
pub struct NodeVerifyingKey {
    pkcs1_der: Vec<u8>,
    spki_pem: String,
}

impl NodeVerifyingKey {
    /// Parses a public key: SubjectPublicKeyInfo ("PUBLIC KEY") or PKCS#1 ("RSA PUBLIC KEY") PEM.
    pub fn from_pem(pem: &str) -> Result<Self, VaultError> {
        if pem.len() > MAX_PEM_BYTES {
            return Err(VaultError::NotAnRsaKey);
        }
        let key = RsaPublicKey::from_public_key_pem(pem)
            .ok()
            .or_else(|| RsaPublicKey::from_pkcs1_pem(pem).ok())
            .ok_or(VaultError::NotAnRsaKey)?;
        Self::from_rsa(&key)
    }

    /// The key as SubjectPublicKeyInfo PEM, the form in which it is stored and shown.
    pub fn to_pem(&self) -> &str {
        &self.spki_pem
    }

    /// Whether `signature` (base64) is this key's signature of `bytes`.
    pub fn verifies(&self, bytes: &[u8], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.pkcs1_der).verify(bytes, &signature).is_ok()
    }

    fn from_rsa(key: &RsaPublicKey) -> Result<Self, VaultError> {
        if !ACCEPTED_BITS.contains(&key.n().bits()) {
            return Err(VaultError::NotAnRsaKey);
        }
        let der = key.to_pkcs1_der().map_err(|_| VaultError::NotAnRsaKey)?;
        let spki_pem = key.to_public_key_pem(LineEnding::LF).map_err(|_| VaultError::NotAnRsaKey)?;
        Ok(Self { pkcs1_der: der.into_vec(), spki_pem })
    }
}

impl fmt::Debug for NodeVerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeVerifyingKey({} bytes)", self.pkcs1_der.len())
    }
}

#[cfg(test)]
mod tests {
    use rsa::pkcs8::EncodePrivateKey as _;

    use super::*;

    #[test]
    fn a_signature_verifies_with_the_key_that_made_it_and_no_other() {
        let [key, other] = [NodeSigningKey::generate().unwrap(), NodeSigningKey::generate().unwrap()];
        let signature = key.sign(b"message").unwrap();
        assert!(key.verifying_key().unwrap().verifies(b"message", &signature));
        assert!(!key.verifying_key().unwrap().verifies(b"massage", &signature));
        assert!(!other.verifying_key().unwrap().verifies(b"message", &signature));
        for wrong in ["", "x", "AAAA", &signature[4..]] {
            assert!(!key.verifying_key().unwrap().verifies(b"message", wrong));
        }
    }

    #[test]
    fn keys_are_read_in_all_common_forms() {
        let key = NodeSigningKey::generate().unwrap();
        let signature = key.sign(b"m").unwrap();
        assert!(key.to_pkcs1_pem().expose().starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));

        let rsa = RsaPrivateKey::from_pkcs1_pem(key.to_pkcs1_pem().expose()).unwrap();
        let pkcs8 = Secret::new(rsa.to_pkcs8_pem(LineEnding::CRLF).unwrap().as_str());
        for pem in [key.to_pkcs1_pem(), &pkcs8] {
            assert_eq!(NodeSigningKey::from_pem(pem).unwrap().sign(b"m").unwrap(), signature);
        }
        let spki = key.verifying_key().unwrap().to_pem().to_owned();
        assert!(spki.starts_with("-----BEGIN PUBLIC KEY-----\n"));
        let pkcs1 = rsa.to_public_key().to_pkcs1_pem(LineEnding::LF).unwrap();
        for pem in [&spki, &pkcs1] {
            let read = NodeVerifyingKey::from_pem(pem).unwrap();
            assert!(read.verifies(b"m", &signature));
            assert_eq!(read.to_pem(), spki);
        }
    }

    #[test]
    fn what_is_no_key_or_too_short_a_key_is_refused() {
        let short = RsaPrivateKey::new(&mut OsRng, 1024).unwrap();
        let short_private = short.to_pkcs1_pem(LineEnding::LF).unwrap();
        for wrong in
            ["", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", &short_private]
        {
            assert!(NodeSigningKey::from_pem(&Secret::new(wrong)).is_err(), "{wrong}");
        }
        let short_public = short.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
        for wrong in ["", "nonsense", &short_public, &"x".repeat(MAX_PEM_BYTES + 1)] {
            assert!(NodeVerifyingKey::from_pem(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_key_survives_in_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("node.pem");
        let made = NodeSigningKey::load_or_create(&path).unwrap();
        let read = NodeSigningKey::load_or_create(&path).unwrap();
        assert_eq!(made.sign(b"m").unwrap(), read.sign(b"m").unwrap());
    }

    #[test]
    fn debug_output_never_shows_the_private_key() {
        assert_eq!(format!("{:?}", NodeSigningKey::generate().unwrap()), "NodeSigningKey(…)");
    }
}
