//! Executes operations. `passthrough` passes requests through to providers that speak S3, `answer` executes all
//! others over the provider's [`Driver`](bucketry_provider::driver::Driver). This module chooses between the two.
//!
//! Dropping the future of [`handle`] cancels the request to the provider, which may still carry it out. If the
//! client of an upload disconnects, the upload fails and nothing is stored.

use http::{HeaderMap, Response};

use crate::failure::{Failure, FailureKind};
use crate::front::s3::error::S3Failure;
use crate::front::s3::operation::Operation;
use crate::front::s3::support::{Support, support};
use crate::front::s3::{answer, passthrough};
use crate::object::body::GatewayBody;
use crate::object::context::RequestContext;
use crate::payload::PayloadBody;
use crate::routing::resolved_bucket::ResolvedBucket;

/// Executes an operation on the bucket that it names. `headers` are those of the request, including those that a
/// presigned URL carries in its query.
///
/// The caller must have verified the signature, and that the key grants [`Operation::access`]. The source of a copy
/// is looked up in the same repository.
///
/// The operation and the payload are taken out of the arguments. They are passed by reference because a future
/// contains each argument that it passes on by value twice.
pub async fn handle(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    operation: &mut Operation,
    headers: &HeaderMap,
    payload: &mut PayloadBody,
) -> Result<Response<GatewayBody>, S3Failure> {
    if let Operation::CreateBucket { name } = operation {
        return answer::create_bucket(name, Some(resolved), headers);
    }
    if let Support::Refused(why) = support(operation.name(), resolved.driver().capabilities()) {
        return Err(Failure::new(FailureKind::NotImplemented, why).into());
    }
    if passthrough::takes(context, resolved, operation, headers) {
        passthrough::handle(context, resolved, operation, headers, payload).await
    } else {
        // On the heap, so that the future of passed-through requests stays small.
        Box::pin(answer::handle(context, resolved, operation, headers, payload)).await
    }
}

/// Executes an operation for which the repository has no bucket: `ListBuckets`, or `CreateBucket` with a new name.
/// The response to the latter explains how to register a bucket.
pub fn handle_without_bucket(
    context: &RequestContext,
    operation: &Operation,
    headers: &HeaderMap,
) -> Result<Response<GatewayBody>, S3Failure> {
    match operation {
        Operation::CreateBucket { name } => answer::create_bucket(name, None, headers),
        _ => answer::on_service(context, operation, headers),
    }
}
