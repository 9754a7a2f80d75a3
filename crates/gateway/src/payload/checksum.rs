//! Checksums, computed while bytes pass through.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use crc_fast::CrcAlgorithm;
use http::header::HeaderValue;
use ring::digest;

/// The algorithm of a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// CRC-32 as in Ethernet and ZIP.
    Crc32,
    /// CRC-32 with Castagnoli's polynomial.
    Crc32c,
    /// CRC-64 as in NVMe.
    Crc64Nvme,
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
}

impl Algorithm {
    /// Every supported algorithm.
    pub(crate) const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The usual name, such as `CRC32`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The algorithm with this name, in any case.
    pub(crate) fn of_name(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(text))
    }

    /// The length of a checksum.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The CRC that the algorithm computes. `None` for a hash.
    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    /// Whether checksums of parts can be combined to that of the whole.
    pub(crate) fn is_crc(self) -> bool {
        self.crc().is_some()
    }
}

/// A checksum in base64, with the length of its algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// Determines the length of the checksum.
    pub algorithm: Algorithm,
    value: HeaderValue,
    bytes: Box<[u8]>,
}

impl Checksum {
    /// Parses a header value. `None` if it isn't base64 of the algorithm's length.
    pub(crate) fn read(algorithm: Algorithm, text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == algorithm.bytes())?;
        Some(Self { algorithm, value: HeaderValue::from_str(text).ok()?, bytes: bytes.into() })
    }

    /// The checksum with these bytes. `None` if their number isn't that of the algorithm.
    pub(crate) fn of_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        Self::read(algorithm, &STANDARD.encode(bytes))
    }

    /// The base64 text.
    pub fn value(&self) -> &HeaderValue {
        &self.value
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The CRC of two contents together. `None` if the algorithm has no CRC.
pub(crate) fn combined(first: &Checksum, second: &Checksum, second_length: u64) -> Option<Checksum> {
    let algorithm = first.algorithm;
    let kind = algorithm.crc()?;
    let number = |checksum: &Checksum| {
        checksum.bytes.iter().fold(0, |number: u64, byte| (number << 8) | u64::from(*byte))
    };
    let crc = crc_fast::checksum_combine(kind, number(first), number(second), second_length).to_be_bytes();
    Checksum::of_bytes(algorithm, &crc[crc.len() - algorithm.bytes()..])
}

/// A checksum in progress.
pub(crate) struct RunningChecksum(ChecksumKind);

enum ChecksumKind {
    Crc(crc_fast::Digest, usize),
    Sha(digest::Context),
}

impl RunningChecksum {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let crc = |kind| ChecksumKind::Crc(crc_fast::Digest::new(kind), algorithm.bytes());
        Self(match algorithm {
            Algorithm::Crc32 => crc(CrcAlgorithm::Crc32IsoHdlc),
            Algorithm::Crc32c => crc(CrcAlgorithm::Crc32Iscsi),
            Algorithm::Crc64Nvme => crc(CrcAlgorithm::Crc64Nvme),
            Algorithm::Sha1 => ChecksumKind::Sha(digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY)),
            Algorithm::Sha256 => ChecksumKind::Sha(digest::Context::new(&digest::SHA256)),
        })
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            ChecksumKind::Crc(crc, _) => crc.update(bytes),
            ChecksumKind::Sha(sha) => sha.update(bytes),
        }
    }

    /// The bytes of the checksum, most significant first.
    pub(crate) fn finish(self) -> Bytes {
        match self.0 {
            ChecksumKind::Crc(crc, length) => {
                let bytes = crc.finalize().to_be_bytes();
                Bytes::copy_from_slice(&bytes[bytes.len() - length..])
            }
            ChecksumKind::Sha(sha) => Bytes::copy_from_slice(sha.finish().as_ref()),
        }
    }
}

impl fmt::Debug for RunningChecksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Running(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check values of the catalogue of parametrised CRC algorithms, and of FIPS 180-4.
    #[test]
    fn the_published_check_values_are_reproduced() {
        for (algorithm, input, hex) in [
            (Algorithm::Crc32, "123456789", "cbf43926"),
            (Algorithm::Crc32c, "123456789", "e3069283"),
            (Algorithm::Crc64Nvme, "123456789", "ae8b14860a799888"),
            (Algorithm::Sha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Algorithm::Sha256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ] {
            let mut running = RunningChecksum::new(algorithm);
            let (first, second) = input.split_at(2);
            running.update(first.as_bytes());
            running.update(second.as_bytes());
            let mut out = Vec::new();
            bucketry_model::hex::append(&mut out, &running.finish());
            assert_eq!(String::from_utf8(out).unwrap(), hex, "{algorithm:?}");
        }
    }

    #[test]
    fn crcs_of_parts_combine_to_that_of_the_whole() {
        let of = |algorithm, text: &str| {
            let mut running = RunningChecksum::new(algorithm);
            running.update(text.as_bytes());
            Checksum::of_bytes(algorithm, &running.finish()).unwrap()
        };
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            for (first, second) in [("12345", "6789"), ("", "123456789"), ("123456789", "")] {
                let whole = combined(&of(algorithm, first), &of(algorithm, second), second.len() as u64);
                assert_eq!(whole, Some(of(algorithm, "123456789")), "{algorithm:?}");
            }
        }
        let sha = of(Algorithm::Sha256, "a");
        assert_eq!(combined(&sha, &sha, 1), None);
    }

    #[test]
    fn a_checksum_has_the_length_of_its_algorithm() {
        assert!(Checksum::read(Algorithm::Crc32c, "sOO8/Q==").is_some());
        for wrong in ["", "sOO8/Q", "sOO8/Q==\n", "sOO8/QAA", "!!!!!!!!", "AAAAAAAAAAA="] {
            assert_eq!(Checksum::read(Algorithm::Crc32c, wrong), None, "{wrong}");
        }
        assert!(Checksum::read(Algorithm::Crc64Nvme, "AAAAAAAAAAA=").is_some());
    }
}
