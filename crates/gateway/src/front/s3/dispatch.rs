//! Executes operations. `passthrough` passes requests through to providers that speak S3, `answer` executes all
//! others over the provider's [`Driver`](bucketry_provider::driver::Driver). This module chooses between the two.
//!
//! Dropping the future of [`handle`] cancels the request to the provider, which may still carry it out. If the
//! client of an upload disconnects, the upload fails and nothing is stored.

use std::sync::Arc;

use http::Response;

use crate::failure::{Failure, FailureKind};
use crate::front::s3::error::S3Failure;
use crate::front::s3::operation::{Operation, Request, Target};
use crate::front::s3::support::Support;
use crate::front::s3::support::support;
use crate::front::s3::{answer, passthrough};
use crate::object::body::GatewayBody;
use crate::object::context::RequestContext;
use crate::payload::PayloadBody;
use crate::routing::resolved_bucket::ResolvedBucket;
use crate::routing::route::Route;

/// The route of the bucket that a request names. `None` if it names none, and for `CreateBucket` with a name that
/// the repository doesn't have: the response explains how to register a bucket.
pub fn route(
    context: &RequestContext,
    target: &Target,
    operation: &Operation,
) -> Result<Option<Arc<Route>>, Failure> {
    let Some(name) = target.bucket() else { return Ok(None) };
    match context.key.routes.find(name) {
        Ok(route) => Ok(Some(Arc::clone(route))),
        Err(_) if *operation == Operation::CreateBucket => Ok(None),
        Err(unknown) => Err(unknown),
    }
}

/// Executes a request on the bucket that it names.
///
/// The caller must have verified the signature, and that the key grants
/// [`Operation::access`](crate::front::s3::operation::Operation::access). The source of a copy is looked up in the same
/// repository.
///
/// The operation and the payload are taken out of the arguments. They are passed by reference because a future
/// contains each argument that it passes on by value twice.
pub async fn handle(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    request: &mut Request<'_>,
    payload: &mut PayloadBody,
) -> Result<Response<GatewayBody>, S3Failure> {
    if request.operation == Operation::CreateBucket {
        return answer::create_bucket(Some(resolved));
    }
    if let Support::Refused(why) = support(request.operation.name(), resolved.driver().capabilities()) {
        return Err(Failure::new(FailureKind::NotImplemented, why).into());
    }
    if passthrough::takes(context, resolved, request) {
        passthrough::handle(context, resolved, request, payload).await
    } else {
        // On the heap, so that the future of forwarded requests stays small.
        Box::pin(answer::handle(context, resolved, request, payload)).await
    }
}

/// Executes a request that names no bucket of the repository: `ListBuckets`, or `CreateBucket` with a new name.
pub fn handle_without_bucket(
    context: &RequestContext,
    request: &Request<'_>,
) -> Result<Response<GatewayBody>, S3Failure> {
    match request.operation {
        Operation::CreateBucket => answer::create_bucket(None),
        _ => answer::on_service(context, request),
    }
}
