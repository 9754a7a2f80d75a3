//! `PutObject`.

use bucketry_provider::driver::PutRequest;
use http::header::ETAG;
use http::{HeaderMap, Response, StatusCode};

use crate::front::s3::checksum;
use crate::front::s3::object_tags;
use crate::front::s3::operation::PutObject;
use crate::front::s3::response::{self, S3Answer};
use crate::object;
use crate::object::body::GatewayBody;
use crate::object::context::RequestContext;
use crate::payload::{PayloadBody, Receipt};
use crate::routing::resolved_bucket::ResolvedBucket;

/// `PutObject`. If it is dropped before the payload is complete, nothing is stored.
pub(super) async fn put(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    writing: PutObject,
    headers: &HeaderMap,
    payload: PayloadBody,
) -> S3Answer {
    let receipt = payload.receipt();
    let PutObject { key, attributes, conditions } = writing;
    let tags = object_tags::of_headers(headers)?;
    let request = PutRequest { attributes, tags, conditions, ..PutRequest::default() };
    let stored = object::put::put(context, resolved, &key, request, payload).await?;
    Ok(stored_answer(stored.etag.as_deref(), &receipt))
}

/// The response for an upload: the ETag, and the checksum that the client sent and that was verified.
pub(super) fn stored_answer(etag: Option<&str>, receipt: &Receipt) -> Response<GatewayBody> {
    let mut response = response::empty(StatusCode::OK);
    let headers = response.headers_mut();
    response::put(headers, ETAG, etag);
    if let Some((name, value)) = receipt.checksum().map(checksum::header) {
        headers.insert(name, value);
    }
    response
}
