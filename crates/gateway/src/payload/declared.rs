//! `x-amz-content-sha256`: how the signature protects the payload.

use crate::error::{Code, Result, S3Error};
use crate::hex;

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

impl Declared {
    pub(crate) const UNSIGNED: &'static str = "UNSIGNED-PAYLOAD";

    pub(crate) fn parse(text: &str) -> Result<Self> {
        if let Some(digest) = hex::read_32(text.as_bytes()) {
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
