//! Headers after the last chunk ("Transferring Payload in Multiple Chunks (with trailing headers)").
//!
//! Clients write them differently: lines end with LF or CR LF, and there is an empty line before the signature,
//! after it, or none. All forms are accepted, because names, values and signature are unambiguous.

use bucketry_model::hex;
use bytes::Bytes;

use super::line::{malformed, take_line};
use crate::failure::{Failure, FailureKind};
use crate::front::s3::auth::ChunkSignatures;
use crate::front::s3::checksum;
use crate::payload::checksum::{Algorithm, Checksum};
use crate::payload::incomplete;

/// Parses a trailer.
#[derive(Debug)]
pub(super) struct TrailerReader {
    /// The algorithm that `x-amz-trailer` announced.
    announced: Option<Algorithm>,
    line: Vec<u8>,
    /// Bytes read so far.
    total: usize,
    checksum: Option<Checksum>,
    /// The headers in the form in which they are signed.
    signed: Vec<u8>,
    signature: Option<[u8; 32]>,
}

const MAX_BYTES: usize = 4 * 1024;
const SIGNATURE: &[u8] = b"x-amz-trailer-signature";

impl TrailerReader {
    pub(super) fn new(announced: Option<Algorithm>) -> Self {
        Self { announced, line: Vec::new(), total: 0, checksum: None, signed: Vec::new(), signature: None }
    }

    /// Reads all of `input`.
    pub(super) fn read(&mut self, input: &mut Bytes) -> Result<(), Failure> {
        self.total = self.total.saturating_add(input.len());
        if self.total > MAX_BYTES {
            return Err(malformed("its trailer is longer than 4096 bytes"));
        }
        while !input.is_empty() {
            if take_line(&mut self.line, input, MAX_BYTES)? {
                let line = std::mem::take(&mut self.line);
                self.read_line(line.trim_ascii())?;
            }
        }
        Ok(())
    }

    fn read_line(&mut self, line: &[u8]) -> Result<(), Failure> {
        if line.is_empty() {
            return Ok(());
        }
        let colon = line.iter().position(|c| *c == b':');
        let (name, value) = line.split_at(colon.ok_or_else(|| wrong("a line is not a header"))?);
        let (name, value) = (name.to_ascii_lowercase(), value[1..].trim_ascii());
        if self.signature.is_some() {
            return Err(wrong("data follows its signature"));
        }
        if name == SIGNATURE {
            let signature = hex::decode_32(value);
            self.signature = Some(signature.ok_or_else(|| wrong("its signature is not valid"))?);
            return Ok(());
        }
        let announced = self.announced.filter(|one| checksum::header_name(*one).as_bytes() == name);
        let algorithm = announced.ok_or_else(|| wrong("it has a header that x-amz-trailer doesn't list"))?;
        let value = std::str::from_utf8(value).ok();
        let checksum = value.and_then(|value| Checksum::read(algorithm, value));
        let checksum = checksum.ok_or_else(|| wrong("its checksum is not valid"))?;
        for part in [name.as_slice(), b":", checksum.value().as_bytes(), b"\n"] {
            self.signed.extend_from_slice(part);
        }
        if self.checksum.replace(checksum).is_some() {
            return Err(wrong("it has two checksums"));
        }
        Ok(())
    }

    /// Call this at the end of the body. With `signatures`, the trailer must have a correct signature. Returns the
    /// checksum.
    pub(super) fn finish(self, signatures: Option<ChunkSignatures>) -> Result<Option<Checksum>, Failure> {
        if !self.line.is_empty() {
            return Err(incomplete("it ends in the middle of its trailer"));
        }
        if self.announced.is_some() && self.checksum.is_none() {
            return Err(wrong("the checksum that x-amz-trailer lists is missing"));
        }
        match (signatures, self.signature) {
            (None, None) => {}
            (None, Some(_)) => return Err(wrong("it has a signature, but the payload is unsigned")),
            (Some(_), None) => return Err(wrong("its signature is missing")),
            (Some(mut signatures), Some(claimed)) => {
                if !signatures.trailer(&self.signed, &claimed) {
                    return Err(Failure::new(
                        FailureKind::BadSignature,
                        "The signature of the trailer does not match.",
                    ));
                }
            }
        }
        Ok(self.checksum)
    }
}

fn wrong(what: &str) -> Failure {
    Failure::new(FailureKind::MalformedTrailer, format!("The body's trailer is malformed: {what}."))
}
