//! Decides which headers of a provider's response reach the client.
//!
//! Only listed headers do: HTTP's headers about content, and S3's own headers that describe an object. All others
//! reveal the provider's internals or the bucket's rules, or are inventions of a provider, some of which name the
//! account that owns the bucket.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use http::{HeaderMap, StatusCode};

use crate::front::s3::response;
use crate::object::body::GatewayBody;

/// Keeps the headers that describe an object.
pub(super) fn of_object(mut headers: HeaderMap) -> HeaderMap {
    let passes = |name: &str| describes_content(name) || is_s3s(name);
    let inside: Vec<_> = headers.keys().filter(|name| !passes(name.as_str())).cloned().collect();
    for name in &inside {
        headers.remove(name);
    }
    headers
}

/// Keeps the headers of a response with status 304 (RFC 9110 §15.4.5) from one that contains the object.
pub(super) fn keep_of_unmodified(headers: &mut HeaderMap) {
    for name in [CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, CONTENT_ENCODING] {
        headers.remove(name);
    }
}

/// A response without a body to a request that stored something.
pub(super) fn stored(status: StatusCode, given: &HeaderMap) -> http::Response<GatewayBody> {
    let mut response = response::empty(status);
    tell(response.headers_mut(), given);
    response
}

/// Adds the headers that accompany a document or an empty body.
pub(super) fn tell(headers: &mut HeaderMap, given: &HeaderMap) {
    for (name, value) in given {
        if *name == ETAG || *name == LAST_MODIFIED || is_s3s(name.as_str()) {
            headers.append(name.clone(), value.clone());
        }
    }
}

fn describes_content(name: &str) -> bool {
    matches!(
        name,
        "accept-ranges"
            | "cache-control"
            | "content-disposition"
            | "content-encoding"
            | "content-language"
            | "content-length"
            | "content-range"
            | "content-type"
            | "etag"
            | "expires"
            | "last-modified"
    )
}

/// S3's own headers that describe an object or what was done to it. Not listed, so not passed on: the bucket's
/// rules (`x-amz-expiration`, `x-amz-website-redirect-location`, `x-amz-replication-status`), the provider's
/// internals (`x-amz-request-id`, `x-amz-bucket-region`, `x-amz-cf-…`), tags that some servers send as separate
/// headers, and any header that a provider invents.
fn is_s3s(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("x-amz-") else { return false };
    rest.starts_with("meta-")
        || rest.starts_with("checksum-")
        || matches!(
            rest,
            "archive-status"
                | "copy-source-version-id"
                | "delete-marker"
                | "missing-meta"
                | "mp-parts-count"
                | "object-lock-legal-hold"
                | "object-lock-mode"
                | "object-lock-retain-until-date"
                | "object-size"
                | "restore"
                | "server-side-encryption"
                | "server-side-encryption-aws-kms-key-id"
                | "server-side-encryption-bucket-key-enabled"
                | "server-side-encryption-context"
                | "server-side-encryption-customer-algorithm"
                | "server-side-encryption-customer-key-md5"
                | "storage-class"
                | "tagging-count"
                | "version-id"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_is_told_and_the_provider_is_not() {
        let response = [
            "content-type",
            "content-length",
            "content-range",
            "etag",
            "last-modified",
            "x-amz-version-id",
            "x-amz-meta-colour",
            "x-amz-checksum-crc32",
            "x-amz-tagging-count",
            "x-amz-storage-class",
            "x-amz-server-side-encryption",
            "x-amz-delete-marker",
            "x-amz-mp-parts-count",
            "x-amz-restore",
            "x-amz-checksum-type",
            "x-amz-copy-source-version-id",
            "x-amz-object-lock-mode",
            "x-amz-server-side-encryption-customer-algorithm",
        ];
        let kept = [
            "date",
            "server",
            "connection",
            "keep-alive",
            "transfer-encoding",
            "trailer",
            "upgrade",
            "set-cookie",
            "location",
            "alt-svc",
            "strict-transport-security",
            "access-control-allow-origin",
            "vary",
            "via",
            "x-amz-request-id",
            "x-amz-id-2",
            "x-amz-expiration",
            "x-amz-abort-rule-id",
            "x-amz-bucket-region",
            "x-amz-tagging-colour",
            "x-amz-cf-id",
            "x-amz-website-redirect-location",
            "x-amz-replication-status",
            "x-amz-security-token",
            "x-amz-owner-account",
            "x-amz-anything-new",
            "x-guploader-uploadid",
            "x-minio-deployment-id",
            "seaweed-x-amz-owner",
        ];
        let mut given = HeaderMap::new();
        for name in response.iter().chain(&kept) {
            given.append(*name, "x".parse().unwrap());
        }
        let passed = of_object(given.clone());
        let mut names: Vec<_> = passed.keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        let mut expected = response.to_vec();
        expected.sort_unstable();
        assert_eq!(names, expected);
        let stored = stored(StatusCode::OK, &given);
        assert!(stored.headers().contains_key("etag") && !stored.headers().contains_key("content-length"));
    }
}
