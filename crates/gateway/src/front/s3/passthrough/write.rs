//! `PutObject`.

use bucketry_provider::driver::UpstreamRequest;
use http::{Method, StatusCode};

use crate::front::s3::operation::PutObject;
use crate::front::s3::passthrough::{PassthroughRequest, response_headers};
use crate::front::s3::response::S3Answer;
use crate::front::s3::{checksum, conditions};
use crate::object::measured_write::{MeasuredWrite, SizeAfter};
use crate::object::put::check_length;
use crate::payload::PayloadBody;

const CUSTOMER_KEY: &str = "x-amz-server-side-encryption-customer-key";

/// `PutObject`. If it is dropped before the payload is complete, nothing is stored.
pub(super) async fn put(
    incoming: PassthroughRequest<'_>,
    writing: PutObject,
    payload: PayloadBody,
) -> S3Answer {
    let PassthroughRequest { context, resolved, s3, mut headers } = incoming;
    let can = resolved.driver().capabilities();
    conditions::of_writing(&writing.conditions, can)?;
    let length = payload.length();
    check_length(length, can.max_put_bytes)?;
    let key = resolved.key(&writing.key)?;
    let receipt = payload.receipt();
    // Without the customer's key the size can't be read later, so it could never be subtracted again.
    let counted = if headers.contains_key(CUSTOMER_KEY) { 0 } else { length };
    // Reads the start of the payload before asking for the size, so that a client that disconnects is noticed
    // meanwhile.
    let payload = payload.into_driver_payload().await?;
    let write = MeasuredWrite::prepare(context, resolved, &key, &writing.conditions).await?;
    // For small payloads, a trailing checksum is known by now.
    if let Some((name, value)) = receipt.checksum().filter(|_| can.checksums).map(checksum::header) {
        headers.insert(name, value);
    }
    let request = UpstreamRequest {
        method: Method::PUT,
        key: &key,
        query: &[],
        headers,
        payload: Some(payload),
        takes_long: false,
    };
    let stored = write.run(SizeAfter::Bytes(counted), s3.forward(request)).await;
    match stored {
        Ok(stored) => Ok(response_headers::stored(StatusCode::OK, stored.headers())),
        Err(error) => {
            let error = conditions::unmet(resolved, &key, &writing.conditions, error).await;
            Err(resolved.upload_failure(&error, &receipt).into())
        }
    }
}
