//! Seals short texts that clients store for the gateway. A sealed text is encrypted, authenticated and bound to a
//! scope. Sealing a text twice gives the same result.
//!
//! The nonce is derived from the sealed text, so neither random numbers nor state are needed. Nodes that share the
//! secret seal alike and open each other's texts.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

use crate::failure::{Failure, FailureKind};

/// Seals and opens texts for one purpose.
pub(crate) struct Sealer {
    key: LessSafeKey,
    nonce: hmac::Key,
}

impl Sealer {
    /// Derives the keys for a purpose from a secret. Texts that were sealed for another purpose don't open. Fails
    /// only if the cryptography library does.
    pub(crate) fn new(secret: &[u8], purpose: &str) -> Result<Self, Failure> {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let key = hmac::sign(&root, format!("{purpose}: seal").as_bytes());
        let nonce = hmac::sign(&root, format!("{purpose}: nonce").as_bytes());
        let key = UnboundKey::new(&AES_256_GCM, key.as_ref()).map_err(|_| failed())?;
        Ok(Self { key: LessSafeKey::new(key), nonce: hmac::Key::new(hmac::HMAC_SHA256, nonce.as_ref()) })
    }

    /// Seals a text, bound to `scope`. The result needs no escaping in URLs.
    pub(crate) fn seal(&self, scope: &[u8], mut text: Vec<u8>) -> Result<String, Failure> {
        let mut whole = hmac::Context::with_key(&self.nonce);
        whole.update(&(scope.len() as u64).to_be_bytes());
        whole.update(scope);
        whole.update(&text);
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&whole.sign().as_ref()[..NONCE_LEN]);
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(scope), &mut text)
            .map_err(|_| failed())?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &text].concat()))
    }

    /// Opens a text that was sealed for this scope. `None` for anything else.
    pub(crate) fn open(&self, scope: &[u8], sealed: &str) -> Option<Vec<u8>> {
        let mut bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        self.key.open_in_place(nonce, Aad::from(scope), sealed).ok().map(|text| text.to_vec())
    }
}

fn failed() -> Failure {
    Failure::new(
        FailureKind::Internal,
        "The gateway could not encrypt a continuation token or an upload id for the response.",
    )
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_opens_for_its_own_scope_purpose_and_secret_only() {
        let sealer = Sealer::new(&[7; 32], "one").unwrap();
        let sealed = sealer.seal(b"scope", b"text".to_vec()).unwrap();
        assert_eq!(sealer.open(b"scope", &sealed).as_deref(), Some(&b"text"[..]));
        assert_eq!(sealer.seal(b"scope", b"text".to_vec()).unwrap(), sealed, "sealing is deterministic");
        assert_eq!(sealer.open(b"other", &sealed), None);
        assert_eq!(Sealer::new(&[7; 32], "two").unwrap().open(b"scope", &sealed), None);
        assert_eq!(Sealer::new(&[8; 32], "one").unwrap().open(b"scope", &sealed), None);
        for wrong in ["", "AAAA", "ü", &sealed[1..], &format!("{sealed}A")] {
            assert_eq!(sealer.open(b"scope", wrong), None, "{wrong}");
        }
    }
}
