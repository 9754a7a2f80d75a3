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
pub mod form;
pub(crate) mod headers;
pub(crate) mod object_tags;
pub mod operation;
pub(crate) mod part_etag;
pub(crate) mod passthrough;
pub mod payload;
mod preflight;
pub(crate) mod response;
pub(crate) mod stored_checksum;
pub mod support;
pub(crate) mod upload_checksum;
pub mod xml;

use std::borrow::Cow;

use bucketry_web::origins::AllowedOrigins;
use bytes::Bytes;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body::Body;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::front::s3::auth::{RememberedAuthorization, Verified, Verifier};
use crate::front::s3::error::{Code, Result, S3Error};
use crate::front::s3::form::{Post, SignedForm, Success, UploadForm};
use crate::front::s3::headers::X_AMZ_REQUEST_ID;
use crate::front::s3::operation::{Domains, Operation, Query, Target};
use crate::front::s3::response::S3Answer;
use crate::front::{Access, AuthenticatedKey, Class, Front, FrontCall, KeepAliveForm};
use crate::object::body::GatewayBody;
use crate::object::context::RequestContext;
use crate::payload::{BoxError, PayloadBody, Receipt};
use crate::routing::key_lookup::KeyLookup;
use crate::routing::resolved_bucket::ResolvedBucket;

/// The answer of a node that can't know whether keys are still valid.
const STALE: &str = "This node has had no contact with its control plane for longer than its operator allows, so it can't \
                     know whether this key was revoked. Try again later, or use another node.";
const STALE_RETRY_SECONDS: u32 = 60;

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
    /// How to answer a form. `None` for other requests.
    success: Option<Box<Success>>,
}

/// What authentication learned.
pub(crate) enum S3Proof {
    /// How the signature protects the payload.
    Request(Verified<()>),
    /// The form with the signed policy.
    Form(Box<SignedForm>),
}

impl Front for S3Front {
    type Call = S3Call;
    type Proof = S3Proof;
    type Form = Box<UploadForm>;
    type Memory = RememberedAuthorization;
    type Error = S3Error;

    const KEEP_ALIVE: KeepAliveForm =
        KeepAliveForm { content_type: "application/xml", opening: xml::DECLARATION, filler: " " };

    fn answer_unauthenticated(
        &self,
        head: &Parts,
        origins: &AllowedOrigins,
    ) -> Result<Option<Response<GatewayBody>>> {
        if head.method == Method::OPTIONS {
            return preflight::preflight(origins, head).map(Some);
        }
        Ok(None)
    }

    fn is_form(head: &Parts) -> bool {
        form::is_form(head)
    }

    async fn read_form<B>(head: &Parts, body: &mut B) -> Result<Box<UploadForm>>
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Unpin,
    {
        form::read(head, body).await.map(Box::new)
    }

    fn authenticate(
        &self,
        head: &Parts,
        form: Option<Box<UploadForm>>,
        keys: &KeyLookup<'_>,
        now: Timestamp,
        memory: &RememberedAuthorization,
    ) -> Result<AuthenticatedKey<S3Proof>> {
        if keys.is_stale() {
            return Err(Failure::unavailable(STALE_RETRY_SECONDS, STALE).into());
        }
        let authenticated = match form {
            None => self.verifier.verify_next(head, keys, now, memory).map(|verified| {
                let (key, proof) = verified.split();
                AuthenticatedKey { key, proof: S3Proof::Request(proof) }
            }),
            Some(form) => form
                .authenticate(&self.verifier, keys, now)
                .map(|(key, form)| AuthenticatedKey { key, proof: S3Proof::Form(Box::new(form)) }),
        };
        match authenticated {
            // A node that has just started doesn't know all keys yet. Clients of unknown keys must retry, not give
            // up.
            Err(S3Error { code: Code::InvalidAccessKeyId, .. }) if !keys.is_complete() => {
                let message =
                    "This node has just started and has not loaded all repositories yet. Try again.";
                Err(Failure::unavailable(1, message).into())
            }
            outcome => outcome,
        }
    }

    fn key_refusal_code(error: &S3Error) -> Option<&'static str> {
        let is_refusal =
            matches!(error.code, Code::InvalidAccessKeyId | Code::SignatureDoesNotMatch | Code::AccessDenied);
        is_refusal.then(|| error.code.as_str())
    }

    fn parse(&self, head: &Parts, proof: &S3Proof) -> Result<S3Call> {
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
        let target = Target::parse(head.uri.path(), host, &self.domains)?;
        if let S3Proof::Form(form) = proof {
            let Post { put, headers, success } = form.parse(&target, &head.headers)?;
            return Ok(S3Call {
                operation: Operation::PutObject(put),
                bucket: target.into_bucket(),
                merged_headers: Some(Box::new(headers)),
                success: Some(Box::new(success)),
            });
        }
        let query = Query::parse(head.uri.query())?;
        let operation::Request { operation, headers } =
            operation::parse(&head.method, &target, &query, &head.headers)?;
        let merged_headers = match headers {
            Cow::Owned(merged) => Some(Box::new(merged)),
            Cow::Borrowed(_) => None,
        };
        Ok(S3Call { operation, bucket: target.into_bucket(), merged_headers, success: None })
    }

    fn execute_without_bucket(context: &RequestContext, headers: &HeaderMap, call: &S3Call) -> S3Answer {
        let headers = call.merged_headers.as_deref().unwrap_or(headers);
        dispatch::handle_without_bucket(context, &call.operation, headers)
    }

    fn payload<B>(head: &Parts, proof: S3Proof, body: B) -> Result<PayloadBody>
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Unpin + 'static,
    {
        match proof {
            S3Proof::Request(verified) => payload::reader(body, &verified, head),
            S3Proof::Form(form) => form.into_payload(body),
        }
    }

    async fn execute(
        context: &RequestContext,
        bucket: &ResolvedBucket,
        headers: &HeaderMap,
        call: &mut S3Call,
        payload: &mut PayloadBody,
    ) -> S3Answer {
        let headers = call.merged_headers.as_deref().unwrap_or(headers);
        if let Some(success) = call.success.take() {
            let (operation, payload) = (call.operation.take(), payload.take());
            return Box::pin(form::upload(context, bucket, operation, headers, &success, payload)).await;
        }
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

    fn name(&self) -> String {
        format!("{:?}", self.operation.name())
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
