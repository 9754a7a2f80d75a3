//! Signatures of the chunks of a streamed payload ("Signature Calculations for the Authorization Header:
//! Transferring Payload in Multiple Chunks"). Each signature covers the previous one, and the first covers that of
//! the request.

use std::fmt;
use std::sync::Arc;

use ring::{digest, hmac};
use subtle::ConstantTimeEq;

use bucketry_model::hex;

/// Checks the signatures of a payload's chunks, in order.
#[derive(Clone)]
pub(crate) struct ChunkSignatures {
    key: Arc<hmac::Key>,
    time_and_scope: String,
    previous: [u8; 32],
}

const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

impl ChunkSignatures {
    pub(super) fn new(key: Arc<hmac::Key>, time_and_scope: String, seed: [u8; 32]) -> Self {
        Self { key, time_and_scope, previous: seed }
    }

    /// Whether the signature of the next chunk, with this hash, is correct.
    pub(crate) fn chunk(&mut self, content: &digest::Digest, claimed: &[u8; 32]) -> bool {
        let mut text = self.begin("AWS4-HMAC-SHA256-PAYLOAD");
        text.extend_from_slice(EMPTY_SHA256.as_bytes());
        text.push(b'\n');
        hex::append(&mut text, content.as_ref());
        self.check(&text, claimed)
    }

    /// Whether the signature of the trailer is correct. `headers` is written as `name:value\n` per header.
    pub(crate) fn trailer(&mut self, headers: &[u8], claimed: &[u8; 32]) -> bool {
        let mut text = self.begin("AWS4-HMAC-SHA256-TRAILER");
        hex::append(&mut text, digest::digest(&digest::SHA256, headers).as_ref());
        self.check(&text, claimed)
    }

    fn begin(&self, algorithm: &str) -> Vec<u8> {
        let mut text = Vec::with_capacity(320);
        for part in [algorithm, &self.time_and_scope] {
            text.extend_from_slice(part.as_bytes());
            text.push(b'\n');
        }
        hex::append(&mut text, &self.previous);
        text.push(b'\n');
        text
    }

    fn check(&mut self, text: &[u8], claimed: &[u8; 32]) -> bool {
        let signature = hmac::sign(&self.key, text);
        self.previous.copy_from_slice(signature.as_ref());
        self.previous.ct_eq(claimed).into()
    }
}

impl fmt::Debug for ChunkSignatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChunkSignatures(…)")
    }
}
