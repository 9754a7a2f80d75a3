//! Stores the file of a form.
//!
//! Providers need to know the length of an object before its content. The length of the body doesn't tell the file's:
//! clients end forms differently, and fields may follow. So a file of a few megabytes is read into memory. For a
//! larger one, all but what could already be the end of the form is streamed as the first part of a multipart upload,
//! and the rest is the second.

use std::sync::LazyLock;

use bucketry_provider::driver::{Capabilities, NewUpload, UploadId};
use bucketry_web::body_budget::{BodyBudget, BodyLease};
use bytes::{Bytes, BytesMut};
use http::header::ETAG;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt as _;

use crate::failure::{Failure, FailureKind};
use crate::front::s3::error::S3Failure;
use crate::front::s3::form::Success;
use crate::front::s3::form::file::MAX_AFTER;
use crate::front::s3::operation::{Operation, PutObject};
use crate::front::s3::response::{self, S3Answer};
use crate::front::s3::{dispatch, object_tags, passthrough};
use crate::object;
use crate::object::body::GatewayBody;
use crate::object::context::RequestContext;
use crate::object::put::check_length;
use crate::payload::PayloadBody;
use crate::routing::resolved_bucket::ResolvedBucket;

/// The memory for the files of all forms, in bytes.
const ALL_IN_MEMORY: usize = 256 << 20;
/// Files of up to this many bytes are read into memory, even if the provider accepts smaller parts.
const SMALL: u64 = 1 << 20;
/// Encryption with the client's key, which every part would have to repeat.
const CUSTOMER_KEY: &str = "x-amz-server-side-encryption-customer-key";

static IN_MEMORY: LazyLock<BodyBudget> = LazyLock::new(|| BodyBudget::new(ALL_IN_MEMORY));

/// Stores the file of a form. `headers` are those of the `PutObject` that the form corresponds to. If it is dropped
/// before the file is complete, nothing is stored.
pub(crate) async fn upload(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    operation: Operation,
    headers: &HeaderMap,
    success: &Success,
    payload: PayloadBody,
) -> S3Answer {
    let can = resolved.driver().capabilities();
    let stored = if payload.length() <= most_in_memory(can) {
        small(context, resolved, operation, headers, payload).await?
    } else {
        large(context, resolved, operation, headers, payload).await?
    };
    Ok(success.response(resolved.name(), stored))
}

/// The first part of a larger file is at least as large as the provider demands.
fn most_in_memory(can: &Capabilities) -> u64 {
    can.multipart.min_part_bytes.max(SMALL) + MAX_AFTER as u64
}

async fn small(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    mut operation: Operation,
    headers: &HeaderMap,
    payload: PayloadBody,
) -> S3Answer {
    let mut lease = IN_MEMORY.lease(false);
    let receipt = payload.receipt();
    let content = collect(payload, &mut lease).await?;
    context.record_content(content.len() as u64);
    let mut payload = PayloadBody::of_verified(content, receipt.checksum());
    dispatch::handle(context, resolved, &mut operation, headers, &mut payload).await
}

async fn collect(mut payload: PayloadBody, lease: &mut BodyLease) -> Result<Bytes, Failure> {
    let mut content = BytesMut::new();
    while let Some(frame) = payload.frame().await {
        let Ok(piece) = frame?.into_data() else { continue };
        lease.take(piece.len()).await.map_err(|_| {
            Failure::throttled(
                1,
                "Too many forms are being uploaded at the same time. Try again in a moment.",
            )
        })?;
        content.extend_from_slice(&piece);
    }
    Ok(content.freeze())
}

async fn large(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    operation: Operation,
    headers: &HeaderMap,
    payload: PayloadBody,
) -> S3Answer {
    let can = resolved.driver().capabilities();
    check_length(payload.length(), can.max_put_bytes)?;
    let first = payload.length().saturating_sub(MAX_AFTER as u64);
    check_length(first, can.multipart.max_part_bytes)?;
    if headers.contains_key(CUSTOMER_KEY) {
        let message = format!(
            "A form with the customer's encryption key can upload at most {SMALL} bytes. Use a presigned URL instead."
        );
        return Err(Failure::new(FailureKind::NotImplemented, message).into());
    }
    let is_passed_through = passthrough::takes(context, resolved, &operation, headers);
    if !is_passed_through {
        operation.check_headers(can, headers)?;
    }
    let Operation::PutObject(PutObject { key, attributes, .. }) = operation else {
        return Err(Failure::new(FailureKind::NotAllowed, "Forms only store objects.").into());
    };
    let key = resolved.key(&key)?;
    let new = NewUpload { attributes, tags: object_tags::of_headers(headers)? };
    let begin = async {
        if is_passed_through {
            return passthrough::begin_upload(resolved, &key, headers).await;
        }
        let begun: Result<UploadId, _> = resolved.driver().create_multipart(&key, &new).await;
        begun.map_err(|error| resolved.failure(&error))
    };
    let stored = object::two_parts::put(context, resolved, &key, begin, first, payload).await?;
    let mut response: Response<GatewayBody> = response::empty(StatusCode::OK);
    response::put(response.headers_mut(), ETAG, stored.etag.as_deref());
    Ok::<_, S3Failure>(response)
}
