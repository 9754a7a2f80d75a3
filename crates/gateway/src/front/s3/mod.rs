//! The protocol of Amazon S3.
//!
//! `auth` verifies signatures and `operation` parses requests. `dispatch` chooses how an operation is executed:
//! `passthrough` passes requests through to providers that speak S3, `answer` runs all others through
//! [`object`](crate::object) and renders the responses.

pub(crate) mod answer;
pub mod auth;
pub mod checksum;
pub mod completed_parts;
pub(crate) mod completion;
pub(crate) mod conditions;
mod date;
pub mod dispatch;
pub mod error;
pub(crate) mod error_document;
pub(crate) mod headers;
pub mod operation;
pub(crate) mod part_etag;
pub(crate) mod passthrough;
pub mod payload;
mod preflight;
pub(crate) mod response;
pub mod support;
pub(crate) mod upload_checksum;
pub mod xml;

use std::borrow::Cow;

use bucketry_web::origins::AllowedOrigins;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body::Body;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::front::s3::auth::{Verified, Verifier};
use crate::front::s3::error::{Code, Result, S3Error};
use crate::front::s3::headers::X_AMZ_REQUEST_ID;
use crate::front::s3::operation::{Domains, Operation, Query, Target};
use crate::front::s3::response::S3Answer;
use crate::front::{Access, AuthenticatedKey, Class, Front, FrontCall, KeepAliveForm};
use crate::object::body::GatewayBody;
use crate::object::context::RequestContext;
use crate::payload::{BoxError, PayloadBody, Receipt};
use crate::routing::registry::Registry;
use crate::routing::resolved_bucket::ResolvedBucket;

/// The front for applications that speak S3.
pub(crate) struct S3Front {
    verifier: Verifier,
    domains: Domains,
}

impl S3Front {
    /// `domains` are those for virtual-host style.
    pub(crate) fn new(domains: Vec<String>) -> Self {
        Self { verifier: Verifier::new(), domains: Domains::new(domains) }
    }
}

/// A parsed request.
pub(crate) struct S3Call {
    operation: Operation,
    /// The bucket name that the client used.
    bucket: Option<String>,
    /// The headers of the request together with those that a presigned URL carries in its query. `None` if it
    /// carries none.
    merged_headers: Option<Box<HeaderMap>>,
}

impl Front for S3Front {
    type Call = S3Call;
    type Proof = Verified<()>;
    type Error = S3Error;

    const KEEP_ALIVE: KeepAliveForm =
        KeepAliveForm { content_type: "application/xml", opening: xml::DECLARATION, filler: " " };

    fn answer_unauthenticated(
        &self,
        head: &Parts,
        origins: &AllowedOrigins,
    ) -> Result<Option<Response<GatewayBody>>> {
        refuse_forms(head)?;
        if head.method == Method::OPTIONS {
            return preflight::preflight(origins, head).map(Some);
        }
        Ok(None)
    }

    fn authenticate(
        &self,
        head: &Parts,
        keys: &Registry,
        now: Timestamp,
    ) -> Result<AuthenticatedKey<Verified<()>>> {
        match self.verifier.verify(head, keys, now) {
            Ok(verified) => {
                let (key, proof) = verified.split();
                Ok(AuthenticatedKey { key, proof })
            }
            // A node that has just started doesn't know all keys yet. Clients of unknown keys must retry, not give
            // up.
            Err(S3Error { code: Code::InvalidAccessKeyId, .. }) if !keys.is_complete() => {
                let message =
                    "This node has just started and has not loaded all repositories yet. Try again.";
                Err(Failure::unavailable(1, message).into())
            }
            Err(error) => Err(error),
        }
    }

    fn parse(&self, head: &Parts) -> Result<S3Call> {
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
        let target = Target::parse(head.uri.path(), host, &self.domains)?;
        let query = Query::parse(head.uri.query())?;
        let operation::Request { operation, headers } =
            operation::parse(&head.method, &target, &query, &head.headers)?;
        let merged_headers = match headers {
            Cow::Owned(merged) => Some(Box::new(merged)),
            Cow::Borrowed(_) => None,
        };
        Ok(S3Call { operation, bucket: target.into_bucket(), merged_headers })
    }

    fn execute_without_bucket(context: &RequestContext, headers: &HeaderMap, call: &S3Call) -> S3Answer {
        let headers = call.merged_headers.as_deref().unwrap_or(headers);
        dispatch::handle_without_bucket(context, &call.operation, headers)
    }

    fn payload<B>(head: &Parts, proof: Verified<()>, body: B) -> Result<PayloadBody>
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Unpin + 'static,
    {
        payload::reader(body, &proof, head)
    }

    async fn execute(
        context: &RequestContext,
        bucket: &ResolvedBucket,
        headers: &HeaderMap,
        call: &mut S3Call,
        payload: &mut PayloadBody,
    ) -> S3Answer {
        let headers = call.merged_headers.as_deref().unwrap_or(headers);
        dispatch::handle(context, bucket, &mut call.operation, headers, payload).await
    }

    fn confirm(receipt: &Receipt, headers: &mut HeaderMap) {
        if let Some((name, value)) = receipt.checksum().map(checksum::header) {
            headers.entry(name).or_insert(value);
        }
    }

    fn render(error: &S3Error, method: &Method, path: &str, request_id: &str) -> Response<GatewayBody> {
        error_document::response(error, method, path, request_id).map(GatewayBody::bytes)
    }

    fn late_error(error: &S3Error, request_id: &str) -> Bytes {
        // Without the resource: aws-sdk-js looks for an error only in the first 3,000 bytes, and takes a longer
        // document for a success.
        error_document::document(error, "", request_id).into()
    }

    fn status(error: &S3Error) -> StatusCode {
        error.status()
    }

    fn add_request_id(headers: &mut HeaderMap, request_id: &str) {
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert(&X_AMZ_REQUEST_ID, id);
        }
    }
}

impl FrontCall for S3Call {
    fn class(&self) -> Class {
        self.operation.class()
    }

    fn access(&self) -> Access {
        self.operation.access()
    }

    fn bucket(&self) -> Option<&str> {
        self.bucket.as_deref()
    }

    fn creates_bucket(&self) -> bool {
        matches!(self.operation, Operation::CreateBucket { .. })
    }

    fn asks_provider(&self) -> bool {
        self.operation.asks_provider()
    }

    fn takes_content(&self) -> bool {
        self.operation.takes_content()
    }

    fn takes_long(&self) -> bool {
        self.operation.takes_long()
    }
}

/// `PostObject` carries its signature in a form field, which the gateway doesn't read.
fn refuse_forms(head: &Parts) -> Result<()> {
    let is_form = |value: &HeaderValue| value.as_bytes().starts_with(b"multipart/form-data");
    if head.method == Method::POST && head.headers.get(CONTENT_TYPE).is_some_and(is_form) {
        let message = "PostObject is not supported. Instead of an HTML form, use a presigned URL for PUT.";
        return Err(S3Error::new(Code::NotImplemented, message));
    }
    Ok(())
}
