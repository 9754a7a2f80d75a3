//! The ETags of parts that clients get. If the gateway verified a checksum of the part, the ETag also contains it, and the
//! size of the part.
//!
//! Clients repeat the checksums of parts when they complete an upload, and S3 compares them. The gateway doesn't store
//! anything, and providers don't store these checksums, but every client returns the ETag of a part as it got it. The
//! ETag is a claim of the client, no proof: a client that changes it deceives only itself. The size is needed once the
//! provider has forgotten the parts, because the completion may be repeated.

use bucketry_model::hex;

use crate::payload::checksum::{Algorithm, Checksum};

/// What an ETag contains about the content of its part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartContent {
    /// The checksum that was verified when the part was uploaded.
    pub checksum: Checksum,
    /// The size in bytes.
    pub size: u64,
}

impl PartContent {
    /// The ETag for the client: `"etag-crc32-1a2b3c4d-5242880"`. AWS SDKs don't take an ETag with a hyphen for the part's
    /// MD5.
    pub(crate) fn add_to(&self, etag: &str) -> String {
        let Self { checksum, size } = self;
        let algorithm = checksum.algorithm.name().to_ascii_lowercase();
        format!("\"{}-{algorithm}-{}-{size}\"", etag.trim_matches('"'), hex::encode(checksum.bytes()))
    }
}

/// The provider's ETag with quotes, and what the ETag contained about the content.
pub(crate) fn split(etag: &str) -> (String, Option<PartContent>) {
    let bare = etag.trim().trim_matches('"');
    let parsed = || {
        let (rest, size) = bare.rsplit_once('-')?;
        let (rest, value) = rest.rsplit_once('-')?;
        let (etag, algorithm) = rest.rsplit_once('-')?;
        let checksum = Checksum::of_bytes(Algorithm::of_name(algorithm)?, &hex::decode(value)?)?;
        let is_number = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
        let size = is_number.then(|| size.parse().ok()).flatten()?;
        (!etag.is_empty()).then(|| (format!("\"{etag}\""), Some(PartContent { checksum, size })))
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
            let content = PartContent { checksum, size: 5_368_709_120 };
            for etag in ["\"9a-2\"", "\"MDAw+/w==\""] {
                let marked = content.add_to(etag);
                assert_eq!(split(&marked), (etag.to_owned(), Some(content.clone())));
                assert_eq!(split(marked.trim_matches('"')), (etag.to_owned(), Some(content.clone())));
            }
        }
    }

    #[test]
    fn an_etag_without_a_checksum_stays_as_it_is() {
        for etag in [
            "\"9a\"",
            "\"9a-2\"",
            "\"9a-crc32-\"",
            "\"9a-crc32-00000000\"",
            "\"9a-crc32-00000000-\"",
            "\"9a-crc32-00000000-+1\"",
            "\"9a-crc32-00000000-99999999999999999999\"",
            "\"9a-crc32-00-1\"",
            "\"-crc32-00000000-1\"",
            "\"a-md5-00000000-1\"",
        ] {
            assert_eq!(split(etag), (etag.to_owned(), None));
        }
    }
}
