//! Passes requests through to providers that speak S3, with ranges, conditions, checksums, versions, tags,
//! encryption and everything else that client and provider agree on. The gateway doesn't interpret them.
//!
//! Allow-lists decide what passes: for requests by operation and header (`request`), for responses by header
//! (`answer`). Names are rewritten into the repository's folder and back, in documents too (`document`). Operations
//! that gain nothing from this, such as lists, are left to `answer`.
//!
//! **Invariant:** nothing in a request is passed through unless it is on a list.

mod copy;
mod document;
mod multipart;
mod read;
mod request_headers;
mod response_headers;
mod tagging;
mod write;

use bucketry_provider::driver::{S3Passthrough, S3Protocol, UploadId};
use http::HeaderMap;

use crate::failure::{Failure, FailureKind};
use crate::front::s3::operation::{Name, Operation};
use crate::front::s3::response::S3Answer;
use crate::object::context::RequestContext;
use crate::payload::PayloadBody;
use crate::routing::resolved_bucket::ResolvedBucket;

/// The largest document in a response, in bytes. Enough for a thousand parts with all their fields.
const MAX_DOCUMENT_BYTES: usize = 2 << 20;

/// Whether a request is passed through.
pub(crate) fn takes(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    operation: &Operation,
    headers: &HeaderMap,
) -> bool {
    let protocol = resolved.driver().capabilities().protocol;
    match operation {
        Operation::HeadObject(_) | Operation::GetObject(_) => protocol != S3Protocol::None,
        _ if protocol != S3Protocol::Whole => false,
        Operation::CopyObject(copying) => copy::is_within_account(context, resolved, &copying.source),
        Operation::UploadPartCopy { source, .. } => copy::is_within_account(context, resolved, source),
        Operation::GetObjectAttributes(_) => headers.contains_key("x-amz-object-attributes"),
        Operation::PutObject(_)
        | Operation::CreateMultipartUpload { .. }
        | Operation::UploadPart(_)
        | Operation::CompleteMultipartUpload(_)
        | Operation::ListParts { .. }
        | Operation::GetObjectTagging(_)
        | Operation::PutObjectTagging(_)
        | Operation::DeleteObjectTagging(_) => true,
        _ => false,
    }
}

/// A request that is being passed through.
struct PassthroughRequest<'a> {
    context: &'a RequestContext,
    resolved: &'a ResolvedBucket,
    s3: &'a dyn S3Passthrough,
    /// The headers to pass through.
    headers: HeaderMap,
}

/// Passes a request through for which [`takes`] returned `true`.
pub(crate) async fn handle(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    operation: &mut Operation,
    headers: &HeaderMap,
    payload: &mut PayloadBody,
) -> S3Answer {
    let s3 = resolved.driver().forwarder().ok_or_else(not_here)?;
    let can = resolved.driver().capabilities();
    let headers = request_headers::headers(operation.name(), can, headers)?;
    let mut incoming = PassthroughRequest { context, resolved, s3, headers };
    // A future is as large as the largest one that it awaits, and is moved at each step outwards. Reads are the
    // most frequent requests, so all others are on the heap.
    match operation {
        Operation::GetObject(reading) => read::get(&mut incoming, reading).await,
        Operation::HeadObject(reading) => read::head(&mut incoming, reading).await,
        _ => Box::pin(handle_rare(incoming, operation.take(), payload.take())).await,
    }
}

/// Passes anything but a read of an object through.
async fn handle_rare(
    mut incoming: PassthroughRequest<'_>,
    operation: Operation,
    payload: PayloadBody,
) -> S3Answer {
    match operation {
        Operation::GetObject(reading) => read::get(&mut incoming, &reading).await,
        Operation::HeadObject(reading) => read::head(&mut incoming, &reading).await,
        Operation::GetObjectAttributes(reading) => read::attributes(incoming, reading).await,
        Operation::PutObject(writing) => write::put(incoming, writing, payload).await,
        Operation::CopyObject(copying) => copy::object(incoming, copying).await,
        Operation::CreateMultipartUpload { key, checksum, .. } => {
            multipart::create(incoming, &key, checksum).await
        }
        Operation::UploadPart(part) => multipart::upload(incoming, &part, payload).await,
        Operation::UploadPartCopy { part, source, range } => {
            copy::part(incoming, &part, &source, range).await
        }
        Operation::CompleteMultipartUpload(request) => multipart::complete(incoming, *request, payload).await,
        Operation::ListParts { key, upload, max_parts, after } => {
            multipart::list(incoming, &key, &upload, max_parts, after).await
        }
        Operation::GetObjectTagging(tagging) => tagging::get(incoming, &tagging).await,
        Operation::PutObjectTagging(tagging) => tagging::put(incoming, &tagging, payload).await,
        Operation::DeleteObjectTagging(tagging) => tagging::delete(incoming, &tagging).await,
        _ => Err(not_here().into()),
    }
}

/// Begins an upload with the headers of a `PutObject` for which [`takes`] returned `true`. `key` includes the
/// repository's folder.
pub(crate) async fn begin_upload(
    resolved: &ResolvedBucket,
    key: &str,
    headers: &HeaderMap,
) -> Result<UploadId, Failure> {
    let s3 = resolved.driver().forwarder().ok_or_else(not_here)?;
    let headers =
        request_headers::headers(Name::CreateMultipartUpload, resolved.driver().capabilities(), headers)?;
    multipart::begin(resolved, s3, headers, key).await.map(|(_, upload)| upload)
}

fn not_here() -> Failure {
    Failure::new(FailureKind::NotAllowed, "This bucket does not support the operation.")
}
