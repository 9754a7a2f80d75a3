//! Stores objects.

use bucketry_provider::driver::{PutRequest, Stored};

use crate::failure::{Failure, FailureKind};
use crate::object::context::RequestContext;
use crate::object::measured_write::{MeasuredWrite, SizeAfter};
use crate::object::stored_checksum::StoredChecksum;
use crate::object::{attributes, conditions};
use crate::payload::PayloadBody;
use crate::routing::object_key::ObjectKey;
use crate::routing::resolved_bucket::ResolvedBucket;

/// Stores an object. If it is dropped before the payload is complete, nothing is stored.
pub(crate) async fn put(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    key: &ObjectKey,
    mut request: PutRequest,
    payload: PayloadBody,
) -> Result<Stored, Failure> {
    let can = resolved.driver().capabilities();
    conditions::of_writing(&request.conditions, can)?;
    attributes::check(&request.attributes, can)?;
    let length = payload.length();
    check_length(length, can.max_put_bytes)?;
    let key = resolved.key(key)?;
    let receipt = payload.receipt();
    let declared = payload.declared_checksum().cloned();
    // Reads the start of the payload before asking for the size, so that a client that disconnects is noticed
    // meanwhile.
    let payload = payload.into_driver_payload().await?;
    if can.hidden_metadata {
        // A small payload has been verified by now, so a checksum at its end is known.
        let checksum = declared.or_else(|| receipt.checksum().cloned());
        let stored = checksum.map(|checksum| StoredChecksum { checksum, parts: None });
        request.hidden.checksum = stored.map(|stored| stored.text(Some(length)));
    }
    let write = MeasuredWrite::prepare(context, resolved, &key, &request.conditions).await?;
    let stored = write.run(SizeAfter::Bytes(length), resolved.driver().put(&key, payload, &request)).await;
    match stored {
        Ok(stored) => Ok(stored),
        Err(error) => {
            let error = conditions::unmet(resolved, &key, &request.conditions, error).await;
            Err(resolved.tagged_failure(&request.tags, &error, resolved.upload_failure(&error, &receipt)))
        }
    }
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
