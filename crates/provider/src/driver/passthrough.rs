//! Passing requests through to a bucket whose provider speaks S3.
//!
//! The caller decides which headers and parameters pass: all that it gives are sent.

use std::any::Any;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response};

use crate::body::ProviderBody;
use crate::driver::client_text::{UploadId, VersionId};
use crate::encode::Query;
use crate::error::ProviderError;
use crate::payload::Payload;

/// A bucket that takes requests of the S3 protocol.
#[async_trait]
pub trait S3Passthrough: Any + Send + Sync {
    /// Forwards a request. Returns successes and "not modified"; every other status is an error.
    async fn forward(&self, request: UpstreamRequest<'_>) -> Result<Response<ProviderBody>, ProviderError>;

    /// Forwards a request whose response is an XML document with this root and at most `limit` bytes. An error
    /// document in a successful response, which copies and completions can have, is returned as an error.
    async fn forward_for_document(
        &self,
        request: UpstreamRequest<'_>,
        root: &str,
        limit: usize,
    ) -> Result<Response<Bytes>, ProviderError>;

    /// The value of `x-amz-copy-source` for an object of this bucket, or a version of it.
    fn copy_source(&self, key: &str, version: Option<&VersionId>) -> Result<HeaderValue, ProviderError>;

    /// Whether the other bucket has the same endpoint and credential, so that the provider can copy between the
    /// two.
    fn shares_account_with(&self, other: &dyn S3Passthrough) -> bool;
}

/// A request about an object, to be forwarded.
#[derive(Debug)]
pub struct UpstreamRequest<'a> {
    /// The HTTP method.
    pub method: Method,
    /// The key of the object.
    pub key: &'a str,
    /// The query parameters, in any order.
    pub query: &'a [Parameter<'a>],
    /// The headers, each name once. All of them are signed.
    pub headers: HeaderMap,
    /// The body. A method that changes something needs one, even if it is empty.
    pub payload: Option<Payload>,
    /// Whether the provider may take long to respond. Copies and completions move whole objects.
    pub takes_long: bool,
}

/// A query parameter that may be forwarded. Nothing else of a client's query can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter<'a> {
    /// A name without a value, such as that of a sub-resource.
    Flag(&'static str),
    /// A name with a number.
    Number(&'static str, u32),
    /// `uploadId`.
    Upload(&'a UploadId),
    /// `versionId`.
    Version(&'a VersionId),
}

impl Parameter<'_> {
    pub(crate) fn add_to(self, query: &mut Query) {
        match self {
            Self::Flag(name) => query.push(name, ""),
            Self::Number(name, number) => query.push(name, &number.to_string()),
            Self::Upload(upload) => query.push("uploadId", upload.as_str()),
            Self::Version(version) => query.push("versionId", version.as_str()),
        }
    }
}
