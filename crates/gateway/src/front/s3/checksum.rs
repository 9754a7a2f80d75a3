//! The headers and trailers of S3 that carry checksums ("Checking object integrity").

use http::header::{HeaderName, HeaderValue};

use crate::payload::checksum::{Algorithm, Checksum};

/// The header of a checksum, with its value.
pub fn header(checksum: &Checksum) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static(header_name(checksum.algorithm)), checksum.value().clone())
}

/// The header or trailer that carries checksums of an algorithm.
pub(crate) fn header_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Crc32 => "x-amz-checksum-crc32",
        Algorithm::Crc32c => "x-amz-checksum-crc32c",
        Algorithm::Crc64Nvme => "x-amz-checksum-crc64nvme",
        Algorithm::Sha1 => "x-amz-checksum-sha1",
        Algorithm::Sha256 => "x-amz-checksum-sha256",
    }
}

/// The algorithm of a header name, in any case.
pub(crate) fn of_header(name: &str) -> Option<Algorithm> {
    Algorithm::ALL.into_iter().find(|algorithm| header_name(*algorithm).eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_names_are_read_in_any_case() {
        for algorithm in Algorithm::ALL {
            let upper = header_name(algorithm).to_uppercase();
            assert_eq!(of_header(&upper), Some(algorithm));
        }
        assert_eq!(of_header("x-amz-checksum-algorithm"), None);
    }
}
