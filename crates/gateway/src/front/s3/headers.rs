//! Header names that every request is checked for, parsed once.

use http::HeaderName;

pub(crate) static X_AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
pub(crate) static X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
pub(crate) static X_AMZ_DECODED_CONTENT_LENGTH: HeaderName =
    HeaderName::from_static("x-amz-decoded-content-length");
pub(crate) static X_AMZ_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
pub(crate) static X_AMZ_TRAILER: HeaderName = HeaderName::from_static("x-amz-trailer");
pub(crate) static CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
