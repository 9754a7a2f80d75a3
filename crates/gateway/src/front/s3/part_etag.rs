//! The ETags of parts that clients get. If the gateway verified a checksum of the part, the ETag also contains it.
//!
//! Clients repeat the checksums of parts when they complete an upload, and S3 compares them. The gateway doesn't store
//! anything, and providers don't store these checksums, but every client returns the ETag of a part as it got it. The
//! ETag is a claim of the client, no proof: a client that changes it deceives only itself.

use bucketry_model::hex;

use crate::payload::checksum::{Algorithm, Checksum};

/// The ETag for the client: `"etag-crc32-1a2b3c4d"`. AWS SDKs don't take an ETag with a hyphen for the part's MD5.
pub(crate) fn with_checksum(etag: &str, checksum: &Checksum) -> String {
    let algorithm = checksum.algorithm.name().to_ascii_lowercase();
    format!("\"{}-{algorithm}-{}\"", etag.trim_matches('"'), hex::encode(checksum.bytes()))
}

/// The provider's ETag with quotes, and the checksum that the ETag contained.
pub(crate) fn split(etag: &str) -> (String, Option<Checksum>) {
    let bare = etag.trim().trim_matches('"');
    let parsed = || {
        let (rest, value) = bare.rsplit_once('-')?;
        let (etag, algorithm) = rest.rsplit_once('-')?;
        let checksum = Checksum::of_bytes(Algorithm::of_name(algorithm)?, &hex::decode(value)?)?;
        (!etag.is_empty()).then(|| (format!("\"{etag}\""), Some(checksum)))
    };
    parsed().unwrap_or_else(|| (format!("\"{bare}\""), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_comes_back_from_the_etag_and_the_rest_is_the_providers() {
        for (algorithm, length) in [
            (Algorithm::Crc32, 4),
            (Algorithm::Crc32c, 4),
            (Algorithm::Crc64Nvme, 8),
            (Algorithm::Sha1, 20),
            (Algorithm::Sha256, 32),
        ] {
            let checksum = Checksum::of_bytes(algorithm, &vec![0xab; length]).unwrap();
            for etag in ["\"9a-2\"", "\"MDAw+/w==\""] {
                let marked = with_checksum(etag, &checksum);
                assert_eq!(split(&marked), (etag.to_owned(), Some(checksum.clone())));
                assert_eq!(split(marked.trim_matches('"')), (etag.to_owned(), Some(checksum.clone())));
            }
        }
    }

    #[test]
    fn an_etag_without_a_checksum_stays_as_it_is() {
        for etag in [
            "\"9a\"",
            "\"9a-2\"",
            "\"9a-crc32-\"",
            "\"9a-crc32-00\"",
            "\"-crc32-00000000\"",
            "\"a-md5-00000000\"",
        ] {
            assert_eq!(split(etag), (etag.to_owned(), None));
        }
    }
}
