//! Computes hashes and checksums of a payload while it passes through.

use std::task::{Context, Poll};

use bytes::Bytes;
use md5::{Digest as _, Md5};

use super::background::BackgroundHash;
use super::checksum::{Algorithm, Checksum, RunningChecksum};
use super::expected::{Expected, Mismatch};
use crate::failure::Failure;

/// Computes only the hashes and checksums that the payload must be checked against.
pub(super) struct Verification {
    signed: Option<[u8; 32]>,
    sha256: Option<Hashing>,
    md5: Option<(Md5, [u8; 16])>,
    checksum: Option<Checksum>,
    other: Option<RunningChecksum>,
    refuse: fn(Mismatch) -> Failure,
}

/// Where SHA-256 is computed.
enum Hashing {
    Here(Box<RunningChecksum>),
    Elsewhere(BackgroundHash),
}

impl Hashing {
    fn finish(self) -> Option<Bytes> {
        match self {
            Self::Here(running) => Some(running.finish()),
            Self::Elsewhere(background) => background.finish(),
        }
    }
}

impl Verification {
    pub(super) fn new(expected: Expected) -> Self {
        let algorithm = expected.checksum.as_ref().map(|one| one.algorithm).or(expected.trailing);
        let needs_sha256 = expected.sha256.is_some() || algorithm == Some(Algorithm::Sha256);
        Self {
            signed: expected.sha256,
            sha256: needs_sha256.then(|| {
                let running = RunningChecksum::new(Algorithm::Sha256);
                if BackgroundHash::pays(expected.length) {
                    Hashing::Elsewhere(BackgroundHash::new(running))
                } else {
                    Hashing::Here(Box::new(running))
                }
            }),
            md5: expected.md5.map(|announced| (Md5::new(), announced)),
            checksum: expected.checksum,
            other: algorithm.filter(|one| *one != Algorithm::Sha256).map(RunningChecksum::new),
            refuse: expected.refuse,
        }
    }

    pub(super) fn update(&mut self, content: &Bytes) {
        match &mut self.sha256 {
            Some(Hashing::Here(running)) => running.update(content),
            Some(Hashing::Elsewhere(background)) => background.update(content.clone()),
            None => {}
        }
        if let Some(running) = &mut self.other {
            running.update(content);
        }
        if let Some((md5, _)) = &mut self.md5 {
            md5.update(content);
        }
    }

    /// Waits until the hash in the background is not too far behind.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.sha256 {
            Some(Hashing::Elsewhere(background)) => background.poll_room(cx),
            Some(Hashing::Here(_)) | None => Poll::Ready(()),
        }
    }

    /// Waits until everything that was handed over is hashed.
    pub(super) fn poll_done(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.sha256 {
            Some(Hashing::Elsewhere(background)) => background.poll_done(cx),
            Some(Hashing::Here(_)) | None => Poll::Ready(()),
        }
    }

    /// Compares the results with what was declared, and with the checksum that followed the content. Returns the
    /// checksum that the client sent.
    pub(super) fn finish(self, trailing: Option<Checksum>) -> Result<Option<Checksum>, Failure> {
        let sha256 = self.sha256.and_then(Hashing::finish);
        if let Some(signed) = &self.signed
            && sha256.as_deref() != Some(signed)
        {
            return Err((self.refuse)(Mismatch::SignedHash));
        }
        if let Some((md5, announced)) = self.md5
            && md5.finalize()[..] != announced
        {
            return Err((self.refuse)(Mismatch::Md5));
        }
        let Some(checksum) = self.checksum.or(trailing) else { return Ok(None) };
        let computed = match checksum.algorithm {
            Algorithm::Sha256 => sha256,
            _ => self.other.map(RunningChecksum::finish),
        };
        if computed.as_deref() == Some(checksum.bytes()) {
            return Ok(Some(checksum));
        }
        Err((self.refuse)(Mismatch::Checksum(checksum.algorithm)))
    }
}
