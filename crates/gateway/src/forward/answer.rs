//! Which headers of a provider's answer reach the client.
//!
//! What HTTP says of content, and S3's own headers except those that tell of the provider's inside: its requests' ids,
//! and the rules of the bucket, which the gateway does not show anywhere. Headers of a provider's own invention, some
//! of which name the account behind the bucket, stay here.

use http::header::{ETAG, LAST_MODIFIED};
use http::{HeaderMap, StatusCode};

use crate::carry::{GatewayBody, answer};

/// The headers of an object, of those that came.
pub(super) fn of_object(mut headers: HeaderMap) -> HeaderMap {
    let passes = |name: &str| describes_content(name) || is_s3s(name);
    let inside: Vec<_> = headers.keys().filter(|name| !passes(name.as_str())).cloned().collect();
    for name in &inside {
        headers.remove(name);
    }
    headers
}

/// An answer without a body to a request that stored something.
pub(super) fn stored(status: StatusCode, given: &HeaderMap) -> http::Response<GatewayBody> {
    let mut response = answer::empty(status);
    tell(response.headers_mut(), given);
    response
}

/// Adds what an answer tells beside its body.
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

fn is_s3s(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("x-amz-") else { return false };
    let inside = matches!(
        rest,
        "request-id"
            | "id-2"
            | "bucket-region"
            | "bucket-arn"
            | "access-point-alias"
            | "expiration"
            | "abort-date"
            | "abort-rule-id"
            | "request-charged"
            | "error-code"
            | "error-message"
            | "security-token"
    );
    // A server tells all tags in headers; S3 tells how many there are.
    let tag = rest.starts_with("tagging-") && rest != "tagging-count";
    !inside && !tag && !rest.starts_with("cf-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_is_told_and_the_provider_is_not() {
        let told = [
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
            "x-guploader-uploadid",
            "x-minio-deployment-id",
            "seaweed-x-amz-owner",
        ];
        let mut given = HeaderMap::new();
        for name in told.iter().chain(&kept) {
            given.append(*name, "x".parse().unwrap());
        }
        let passed = of_object(given.clone());
        let mut names: Vec<_> = passed.keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        let mut expected = told.to_vec();
        expected.sort_unstable();
        assert_eq!(names, expected);
        let stored = stored(StatusCode::OK, &given);
        assert!(stored.headers().contains_key("etag") && !stored.headers().contains_key("content-length"));
    }
}
