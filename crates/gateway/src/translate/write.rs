//! `PutObject`.

use bucketry_provider::driver::{PutRequest, Stored};
use http::header::ETAG;
use http::{Response, StatusCode};

use crate::execute::write::{MeasuredWrite, SizeAfter};
use crate::execute::{Answer, GatewayBody, RequestContext, ResolvedBucket, answer, conditions};
use crate::failure::{Failure, FailureKind};
use crate::operation::PutObject;
use crate::payload::{PayloadBody, Receipt};

/// `PutObject`. If it is dropped before the payload is complete, nothing is stored.
pub(super) async fn put(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    writing: PutObject,
    payload: PayloadBody,
) -> Answer {
    let can = resolved.driver().capabilities();
    conditions::of_writing(&writing.conditions, can)?;
    let length = payload.length();
    check_length(length, can.max_put_bytes)?;
    let key = resolved.key(&writing.key)?;
    let receipt = payload.receipt();
    // Reads the start of the payload before asking for the size, so that a client that disconnects is noticed
    // meanwhile.
    let payload = payload.into_driver_payload().await?;
    let write = MeasuredWrite::prepare(context, resolved, &key, &writing.conditions).await?;
    let request = PutRequest { attributes: writing.attributes, conditions: writing.conditions };
    let stored = write.run(SizeAfter::Bytes(length), resolved.driver().put(&key, payload, &request)).await;
    let stored = stored.map_err(|error| resolved.upload_failure(&error, &receipt))?;
    Ok(stored_answer(&stored, &receipt))
}

/// Refuses content that is larger than the provider accepts in one request.
pub(crate) fn check_length(length: u64, most: u64) -> Result<(), Failure> {
    if length <= most {
        return Ok(());
    }
    let message = format!(
        "The bucket's provider accepts at most {most} bytes per request. Use a multipart upload, or smaller parts."
    );
    Err(Failure::new(FailureKind::TooLarge, message))
}

/// The response for an upload: the ETag, and the checksum that the client sent and that was verified.
pub(super) fn stored_answer(stored: &Stored, receipt: &Receipt) -> Response<GatewayBody> {
    let mut response = answer::empty(StatusCode::OK);
    let headers = response.headers_mut();
    answer::put(headers, ETAG, stored.etag.as_deref());
    if let Some((name, value)) = receipt.checksum() {
        headers.insert(name, value);
    }
    response
}
