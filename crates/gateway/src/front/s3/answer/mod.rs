//! Runs S3's operations through `object` and renders the responses. Each group of operations has a module.

mod acl;
mod attributes;
mod bucket;
mod copy;
mod delete;
mod list;
mod multipart;
mod part;
mod read;
mod tagging;
mod uploads;
mod write;

use bucketry_provider::driver::NewUpload;
use http::HeaderMap;

use crate::failure::{Failure, FailureKind};
pub(crate) use crate::front::s3::answer::attributes::attributes;
pub(crate) use crate::front::s3::answer::bucket::{create as create_bucket, on_service};
pub(crate) use crate::front::s3::answer::read::check as check_reading;
use crate::front::s3::object_tags;
use crate::front::s3::operation::Operation;
use crate::front::s3::response::S3Answer;
use crate::object::context::RequestContext;
use crate::payload::PayloadBody;
use crate::routing::resolved_bucket::ResolvedBucket;

/// Executes a request.
pub(crate) async fn handle(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    operation: &mut Operation,
    headers: &HeaderMap,
    payload: &mut PayloadBody,
) -> S3Answer {
    operation.check_headers(resolved.driver().capabilities(), headers)?;
    let (operation, payload) = (operation.take(), payload.take());
    match operation {
        Operation::ListBuckets(_) | Operation::CreateBucket { .. } => {
            Err(Failure::new(FailureKind::NotAllowed, "This is not an operation on a bucket.").into())
        }
        Operation::GetObjectTagging(tagging) => tagging::get(resolved, &tagging).await,
        Operation::PutObjectTagging(tagging) => tagging::put(resolved, &tagging, payload).await,
        Operation::DeleteObjectTagging(tagging) => tagging::delete(resolved, &tagging).await,
        Operation::ListMultipartUploads(uploads) => uploads::list(context, resolved, &uploads).await,
        Operation::DeleteBucket => bucket::delete(),
        Operation::PutBucketAcl => acl::put_of_bucket(headers, payload).await,
        Operation::PutObjectAcl { key, version } => {
            acl::put_of_object(resolved, &key, version.as_ref(), headers, payload).await
        }
        Operation::HeadBucket => bucket::head(resolved).await,
        Operation::GetBucketLocation => Ok(bucket::location()),
        Operation::GetBucketVersioning => Ok(bucket::versioning()),
        Operation::ListObjects(list) => list::keys(context, resolved, list::Form::First, &list).await,
        Operation::ListObjectsV2(list) => list::keys(context, resolved, list::Form::Second, &list).await,
        Operation::ListObjectVersions(list) => {
            list::keys(context, resolved, list::Form::Versions, &list).await
        }
        Operation::DeleteObjects => delete::objects(context, resolved, payload).await,
        Operation::HeadObject(reading) => match reading.part_number {
            Some(number) => part::head(resolved, reading, number, headers).await,
            None => read::head(resolved, reading, headers).await,
        },
        Operation::GetObject(reading) => match reading.part_number {
            Some(number) => part::get(resolved, reading, number, headers).await,
            None => read::get(resolved, reading, headers).await,
        },
        Operation::GetObjectAttributes(reading) => attributes::attributes(resolved, reading, headers).await,
        Operation::PutObject(writing) => write::put(context, resolved, writing, headers, payload).await,
        Operation::CopyObject(copying) => copy::object(context, resolved, copying, headers).await,
        Operation::DeleteObject(deleting) => delete::object(context, resolved, deleting).await,
        Operation::CreateMultipartUpload { key, attributes, checksum } => {
            let new = NewUpload { attributes, tags: object_tags::of_headers(headers)? };
            multipart::create(context, resolved, &key, &new, checksum).await
        }
        Operation::UploadPart(part) => multipart::upload(context, resolved, part, payload).await,
        Operation::UploadPartCopy { part, source, range } => {
            copy::part(context, resolved, part, source, range).await
        }
        Operation::CompleteMultipartUpload(request) => {
            multipart::complete(context, resolved, *request, payload).await
        }
        Operation::AbortMultipartUpload { key, upload } => {
            multipart::abort(context, resolved, &key, &upload).await
        }
        Operation::ListParts { key, upload, max_parts, after } => {
            multipart::list(context, resolved, &key, &upload, multipart::PartsAfter { after, max_parts })
                .await
        }
    }
}
