//! Hashes and checksums of a payload while it passes.

use md5::{Digest as _, Md5};

use super::declared::Declared;
use super::expected::Expected;
use super::trailer::Trailer;
use crate::checksum::{Algorithm, Checksum, Running};
use crate::error::{Code, Result, S3Error};

/// Computes what is needed to say whether the payload is the one that was announced, and nothing else.
pub(super) struct Verification {
    signed: Option<[u8; 32]>,
    sha256: Option<Running>,
    md5: Option<(Md5, [u8; 16])>,
    checksum: Option<Checksum>,
    other: Option<Running>,
}

impl Verification {
    pub(super) fn new(declared: Declared, expected: &Expected) -> Self {
        let signed = match declared {
            Declared::Digest(digest) => Some(digest),
            Declared::Unsigned | Declared::Chunks { .. } => None,
        };
        let algorithm = expected.checksum.as_ref().map(|one| one.algorithm).or(expected.trailing);
        let needs_sha256 = signed.is_some() || algorithm == Some(Algorithm::Sha256);
        Self {
            signed,
            sha256: needs_sha256.then(|| Running::new(Algorithm::Sha256)),
            md5: expected.md5.map(|announced| (Md5::new(), announced)),
            checksum: expected.checksum.clone(),
            other: algorithm.filter(|one| *one != Algorithm::Sha256).map(Running::new),
        }
    }

    pub(super) fn update(&mut self, content: &[u8]) {
        for running in [&mut self.sha256, &mut self.other].into_iter().flatten() {
            running.update(content);
        }
        if let Some((md5, _)) = &mut self.md5 {
            md5.update(content);
        }
    }

    /// Everything was read: whether it is what was announced. The checksum that the client sent comes back.
    pub(super) fn finish(self, trailer: Trailer) -> Result<Option<Checksum>> {
        let sha256 = self.sha256.map(Running::finish);
        if let (Some(computed), Some(signed)) = (&sha256, &self.signed)
            && **computed != *signed
        {
            return Err(S3Error::new(
                Code::XAmzContentSHA256Mismatch,
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            ));
        }
        if let Some((md5, announced)) = self.md5
            && md5.finalize()[..] != announced
        {
            return Err(S3Error::new(
                Code::BadDigest,
                "The Content-MD5 you specified did not match what we received.",
            ));
        }
        let Some(checksum) = self.checksum.or(trailer.checksum) else { return Ok(None) };
        let computed = match checksum.algorithm {
            Algorithm::Sha256 => sha256,
            _ => self.other.map(Running::finish),
        };
        if computed.as_deref() == Some(checksum.bytes()) {
            return Ok(Some(checksum));
        }
        Err(S3Error::new(
            Code::BadDigest,
            format!("The {} you specified did not match what we received.", checksum.algorithm.header_text()),
        ))
    }
}
