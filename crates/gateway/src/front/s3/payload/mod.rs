//! Payloads as S3's clients send them: declared by headers and the signature, and possibly in chunks (aws-chunked).

mod chunked;
mod expected;
mod line;
mod trailer;

use bytes::Bytes;
use http::request::Parts;
use http_body::Body;

pub(crate) use expected::checksum_of;
pub use expected::content_encoding;

use crate::failure::{Failure, FailureKind};
use crate::front::s3::auth::{Declared, Verified};
use crate::front::s3::checksum;
use crate::front::s3::error::Result;
use crate::payload::{BoxError, Mismatch, PayloadBody, Unframed};
use chunked::{Chunked, Decoder};
use trailer::TrailerReader;

/// Prepares to read a payload as headers and signature declare it. Nothing is read yet.
pub fn reader<B, K>(body: B, verified: &Verified<K>, request: &Parts) -> Result<PayloadBody>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let expected = expected::of(request, verified.declared, verified.presigned)?;
    Ok(match verified.declared {
        Declared::Chunks { trailer, .. } => {
            let trailer = trailer.then(|| TrailerReader::new(expected.trailing));
            let decoder = Decoder::new(expected.length, verified.chunks.clone(), trailer);
            PayloadBody::reading(Chunked::new(body, decoder), expected)
        }
        Declared::Digest(_) | Declared::Unsigned => PayloadBody::reading(Unframed(body), expected),
    })
}

/// The error for content that is not what was declared.
pub(crate) fn refuse(mismatch: Mismatch) -> Failure {
    match mismatch {
        Mismatch::SignedHash => Failure::new(
            FailureKind::SignedHashMismatch,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ),
        Mismatch::Md5 => Failure::new(
            FailureKind::BadDigest,
            "The Content-MD5 you specified did not match what we received.",
        ),
        Mismatch::Checksum(algorithm) => Failure::new(
            FailureKind::BadDigest,
            format!("The {} you specified did not match what we received.", checksum::header_name(algorithm)),
        ),
    }
}
