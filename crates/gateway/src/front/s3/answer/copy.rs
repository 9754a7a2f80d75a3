//! `CopyObject` and `UploadPartCopy`.

use bytes::Bytes;
use http::{HeaderMap, HeaderName};

use crate::failure::Failure;
use crate::front::s3::conditions;
use crate::front::s3::object_tags;
use crate::front::s3::operation::{CopyObject, CopySource, Part};
use crate::front::s3::response::{self, S3Answer};
use crate::front::s3::xml::Document;
use crate::object;
use crate::object::context::RequestContext;
use crate::object::copy::{Copied, SourceObject};
use crate::object::multipart::OpenUpload;
use crate::routing::resolved_bucket::ResolvedBucket;

/// Names what a copy lacks because the destination's provider can't store it, such as `Expires, tags`.
const NOT_COPIED: HeaderName = HeaderName::from_static("x-bucketry-not-copied");

/// `CopyObject`.
pub(super) async fn object(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    copying: CopyObject,
    headers: &HeaderMap,
) -> S3Answer {
    let tags = object_tags::of_copy(headers)?;
    conditions::none(&copying.conditions, "The destination of a copy")?;
    let source = source(context, &copying.source)?;
    let key = resolved.key(&copying.key)?;
    if copying.attributes.is_none() {
        source.check_is_not(resolved, &key, "replace its metadata (x-amz-metadata-directive: REPLACE)")?;
    }
    let Copied { stored, left_out } =
        object::copy::object(context, resolved, &source, &key, copying.attributes, tags).await?;
    let mut response = response::document(result("CopyObjectResult", context, stored.etag.as_deref()));
    let left_out = left_out.join(", ");
    response::put(
        response.headers_mut(),
        NOT_COPIED,
        Some(left_out.as_str()).filter(|list| !list.is_empty()),
    );
    Ok(response)
}

/// `UploadPartCopy`.
pub(super) async fn part(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    part: Part,
    from: CopySource,
    range: Option<(u64, u64)>,
) -> S3Answer {
    let source = source(context, &from)?;
    let upload = OpenUpload::new(context, resolved, &part.key, &part.upload)?;
    let etag = object::copy::part(context, resolved, &source, upload, part.number, range).await?;
    Ok(response::document(result("CopyPartResult", context, Some(&etag))))
}

fn source(context: &RequestContext, source: &CopySource) -> Result<SourceObject, Failure> {
    conditions::no_version(source.version.as_ref())?;
    SourceObject::find(context, &source.bucket, &source.key, &source.conditions)
}

/// The copy was stored just now, so the provider isn't asked for the time.
fn result(root: &'static str, context: &RequestContext, etag: Option<&str>) -> Bytes {
    let mut document = Document::new(root);
    document.time("LastModified", context.now);
    document.optional("ETag", etag);
    document.finish()
}
