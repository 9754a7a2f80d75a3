//! `PutObject`.

use bucketry_provider::driver::PutRequest;
use http::header::ETAG;
use http::{Response, StatusCode};

use crate::execute::{Answer, GatewayBody, RequestContext, ResolvedBucket, answer};
use crate::object;
use crate::operation::PutObject;
use crate::payload::{PayloadBody, Receipt};

/// `PutObject`. If it is dropped before the payload is complete, nothing is stored.
pub(super) async fn put(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    writing: PutObject,
    payload: PayloadBody,
) -> Answer {
    let receipt = payload.receipt();
    let request = PutRequest { attributes: writing.attributes, conditions: writing.conditions };
    let stored = object::put::put(context, resolved, &writing.key, &request, payload).await?;
    Ok(stored_answer(stored.etag.as_deref(), &receipt))
}

/// The response for an upload: the ETag, and the checksum that the client sent and that was verified.
pub(super) fn stored_answer(etag: Option<&str>, receipt: &Receipt) -> Response<GatewayBody> {
    let mut response = answer::empty(StatusCode::OK);
    let headers = response.headers_mut();
    answer::put(headers, ETAG, etag);
    if let Some((name, value)) = receipt.checksum() {
        headers.insert(name, value);
    }
    response
}
