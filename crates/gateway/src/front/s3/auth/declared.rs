//! `x-amz-content-sha256`: how the signature protects the payload.

use crate::front::s3::error::{Code, Result, S3Error};
use bucketry_model::hex;

/// How the request's signature protects the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Declared {
    /// By its SHA-256, which is signed.
    Digest([u8; 32]),
    /// Not at all. TLS and the client's checksums may still protect it.
    Unsigned,
    /// By aws-chunked encoding.
    Chunks {
        /// Whether each chunk is signed.
        signed: bool,
        /// Whether headers follow the last chunk.
        trailer: bool,
    },
}

/// The SHA-256 of nothing.
const EMPTY_SHA256: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];
const EMPTY_SHA256_TEXT: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

impl Declared {
    pub(crate) const UNSIGNED: &'static str = "UNSIGNED-PAYLOAD";

    pub(crate) fn parse(text: &str) -> Result<Self> {
        // That of nearly every request without a body.
        if text == EMPTY_SHA256_TEXT {
            return Ok(Self::Digest(EMPTY_SHA256));
        }
        if let Some(digest) = hex::decode_32(text.as_bytes()) {
            return Ok(Self::Digest(digest));
        }
        match text {
            Self::UNSIGNED => Ok(Self::Unsigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Ok(Self::Chunks { signed: true, trailer: false }),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Ok(Self::Chunks { signed: true, trailer: true }),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Self::Chunks { signed: false, trailer: true }),
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
            | "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER" => Err(S3Error::new(
                Code::NotImplemented,
                "Chunks signed with Signature Version 4A are not supported. Use AWS4-HMAC-SHA256.",
            )),
            _ => Err(S3Error::new(
                Code::InvalidArgument,
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, \
                 STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-UNSIGNED-PAYLOAD-TRAILER or a SHA-256 in \
                 lower-case hexadecimal digits.",
            )),
        }
    }

    pub(crate) fn has_signed_chunks(self) -> bool {
        matches!(self, Self::Chunks { signed: true, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_nothing_is_known() {
        assert_eq!(hex::decode_32(EMPTY_SHA256_TEXT.as_bytes()), Some(EMPTY_SHA256));
        assert_eq!(ring::digest::digest(&ring::digest::SHA256, b"").as_ref(), EMPTY_SHA256);
    }

    #[test]
    fn every_form_of_s3_is_read_and_nothing_else() {
        assert_eq!(Declared::parse(&"ab".repeat(32)), Ok(Declared::Digest([0xab; 32])));
        assert_eq!(Declared::parse("UNSIGNED-PAYLOAD"), Ok(Declared::Unsigned));
        for (text, signed, trailer) in [
            ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", true, false),
            ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", true, true),
            ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", false, true),
        ] {
            assert_eq!(Declared::parse(text), Ok(Declared::Chunks { signed, trailer }));
        }
        for (text, code) in [
            ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", Code::NotImplemented),
            ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER", Code::NotImplemented),
            ("STREAMING-UNSIGNED-PAYLOAD", Code::InvalidArgument),
            ("unsigned-payload", Code::InvalidArgument),
            (&"AB".repeat(32), Code::InvalidArgument),
            ("required", Code::InvalidArgument),
            ("", Code::InvalidArgument),
        ] {
            assert_eq!(Declared::parse(text).unwrap_err().code, code, "{text}");
        }
    }
}
