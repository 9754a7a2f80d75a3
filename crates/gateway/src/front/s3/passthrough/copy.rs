//! `CopyObject` and `UploadPartCopy` within one account at one provider, where the provider copies.

use bucketry_provider::body::Payload;
use bucketry_provider::driver::{ByteRange, Conditions, Parameter, UpstreamRequest};
use bucketry_provider::error::{ErrorKind, ProviderError};
use http::{HeaderName, HeaderValue, Method};

use crate::failure::{Failure, FailureKind};
use crate::front::s3::conditions;
use crate::front::s3::operation::{CopyObject, CopySource, Part};
use crate::front::s3::passthrough::document::{XmlElement, rewrite};
use crate::front::s3::passthrough::request_headers::{is_kept, range_value};
use crate::front::s3::passthrough::{MAX_DOCUMENT_BYTES, PassthroughRequest, response_headers};
use crate::front::s3::response::{self, S3Answer};
use crate::object::body::GatewayBody;
use crate::object::context::RequestContext;
use crate::object::copy::{SourceObject, copy_failure};
use crate::object::measured_write::{MeasuredWrite, SizeAfter};
use crate::routing::resolved_bucket::ResolvedBucket;

static X_AMZ_COPY_SOURCE: HeaderName = HeaderName::from_static("x-amz-copy-source");
static X_AMZ_COPY_SOURCE_RANGE: HeaderName = HeaderName::from_static("x-amz-copy-source-range");

/// Whether the provider can copy. `false` if the source isn't found; `answer` then reports the error.
pub(super) fn is_within_account(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    source: &CopySource,
) -> bool {
    let Ok(source) = context.resolve(&source.bucket) else { return false };
    let (here, there) = (resolved.driver().forwarder(), source.driver().forwarder());
    let shared = || here.zip(there).is_some_and(|(here, there)| here.shares_account_with(there));
    source.id() == resolved.id() || shared()
}

/// `CopyObject`. If it is dropped midway, the provider may still complete the copy.
pub(super) async fn object(mut incoming: PassthroughRequest<'_>, copying: CopyObject) -> S3Answer {
    conditions::none(&copying.conditions, "The destination of a copy")?;
    let key = incoming.resolved.key(&copying.key)?;
    if copying.attributes.is_none() {
        // Without `REPLACE` these headers mean nothing, but not every server ignores them.
        let kept: Vec<_> = incoming.headers.keys().filter(|name| is_kept(name.as_str())).cloned().collect();
        for name in &kept {
            incoming.headers.remove(name);
        }
    }
    let source = source(&incoming, &copying.source)?;
    if copying.attributes.is_none() && copying.source.version.is_none() && !changes_how_it_is_kept(&incoming)
    {
        let must = "change its metadata (x-amz-metadata-directive: REPLACE), storage class or encryption";
        source.object.check_is_not(incoming.resolved, &key, must)?;
    }
    incoming.headers.insert(&X_AMZ_COPY_SOURCE, source.header);
    let (context, resolved) = (incoming.context, incoming.resolved);
    let write = MeasuredWrite::prepare(context, resolved, &key, &Conditions::default()).await?;
    let copied = write.run(SizeAfter::Unknown, copy(incoming, &key, &[], "CopyObjectResult")).await;
    copied.map_err(|error| failure(resolved, &error).into())
}

/// `UploadPartCopy`. If it is dropped midway, the provider may still store the part.
pub(super) async fn part(
    mut incoming: PassthroughRequest<'_>,
    part: &Part,
    from: &CopySource,
    range: Option<(u64, u64)>,
) -> S3Answer {
    if let Some((first, last)) = range {
        let range = range_value(ByteRange::Closed(first, last))?;
        incoming.headers.insert(&X_AMZ_COPY_SOURCE_RANGE, range);
    }
    let key = incoming.resolved.key(&part.key)?;
    let resolved = incoming.resolved;
    let source = source(&incoming, from)?;
    let upload = resolved.open_upload(&incoming.context.key, &key, &part.upload)?;
    incoming.headers.insert(&X_AMZ_COPY_SOURCE, source.header);
    let query = [Parameter::Number("partNumber", part.number), Parameter::Upload(&upload)];
    copy(incoming, &key, &query, "CopyPartResult").await.map_err(|error| failure(resolved, &error).into())
}

/// The source of a copy, and the header that names it to the provider.
struct PassthroughSource {
    object: SourceObject,
    header: HeaderValue,
}

fn source(incoming: &PassthroughRequest<'_>, source: &CopySource) -> Result<PassthroughSource, Failure> {
    let object = SourceObject::find(incoming.context, &source.bucket, &source.key, &source.conditions)?;
    let not_here = || Failure::new(FailureKind::InvalidRequest, "The source is at another provider.");
    let there = object.resolved.driver().forwarder().ok_or_else(not_here)?;
    let header = there.copy_source(&object.key, source.version.as_ref());
    let header = header.map_err(|error| object.resolved.failure(&error))?;
    Ok(PassthroughSource { object, header })
}

/// In S3, copying an object to itself is the way to change its storage class or encryption.
fn changes_how_it_is_kept(incoming: &PassthroughRequest<'_>) -> bool {
    let changes =
        |name: &str| name == "x-amz-storage-class" || name.starts_with("x-amz-server-side-encryption");
    incoming.headers.keys().any(|name| changes(name.as_str()))
}

async fn copy(
    incoming: PassthroughRequest<'_>,
    key: &str,
    query: &[Parameter<'_>],
    root: &'static str,
) -> Result<http::Response<GatewayBody>, ProviderError> {
    let PassthroughRequest { s3, headers, .. } = incoming;
    let request = UpstreamRequest {
        method: Method::PUT,
        key,
        query,
        headers,
        payload: Some(Payload::bytes("")),
        takes_long: true,
    };
    let answer = s3.forward_for_document(request, root, MAX_DOCUMENT_BYTES).await?;
    let is_part = root == "CopyPartResult";
    let document = rewrite(answer.body(), root, |name, _| match name {
        // Clients would repeat it to complete the upload, where only checksums that the gateway verified are known.
        name if is_part && name.starts_with("Checksum") => XmlElement::LeftOut,
        _ => XmlElement::Kept,
    });
    let document = document.map_err(|_| ProviderError::NotAnObjectStore { status: None })?;
    let mut response = response::document(document.finish());
    response_headers::tell(response.headers_mut(), answer.headers());
    Ok(response)
}

fn failure(resolved: &ResolvedBucket, error: &ProviderError) -> Failure {
    match error.kind() {
        Some(ErrorKind::RangeNotSatisfiable) => {
            Failure::new(FailureKind::InvalidValue, "x-amz-copy-source-range is outside of the source.")
        }
        _ => copy_failure(resolved, error),
    }
}
