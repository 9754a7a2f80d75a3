//! `CopyObject` and `UploadPartCopy` within one account at one provider, where the provider copies.

use bucketry_provider::body::Payload;
use bucketry_provider::driver::{Conditions, Parameter, UpstreamRequest, VersionId};
use bucketry_provider::error::{ErrorKind, ProviderError};
use http::{HeaderName, HeaderValue, Method};

use crate::failure::{Failure, FailureKind};
use crate::front::s3::operation::{CopyObject, CopySource, Part};
use crate::front::s3::passthrough::document::{XmlElement, rewrite};
use crate::front::s3::passthrough::request_headers::is_kept;
use crate::front::s3::passthrough::{ForwardRequest, MAX_DOCUMENT_BYTES, response_headers};
use crate::front::s3::response::{self, Answer};
use crate::object::body::GatewayBody;
use crate::object::conditions;
use crate::object::context::RequestContext;
use crate::object::measured_write::{MeasuredWrite, SizeAfter};
use crate::routing::resolved_bucket::ResolvedBucket;

static X_AMZ_COPY_SOURCE: HeaderName = HeaderName::from_static("x-amz-copy-source");

/// Whether the provider can copy. `false` if the source isn't found; `translate` then reports the error.
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
pub(super) async fn object(mut way: ForwardRequest<'_>, copying: CopyObject) -> Answer {
    conditions::none(&copying.conditions, "The destination of a copy")?;
    let key = way.resolved.key(&copying.key)?;
    if copying.attributes.is_none() {
        // Without `REPLACE` these headers mean nothing, but not every server ignores them.
        let kept: Vec<_> = way.headers.keys().filter(|name| is_kept(name.as_str())).cloned().collect();
        for name in &kept {
            way.headers.remove(name);
        }
    }
    let source = source(&way, &copying.source)?;
    if source.is_the_object(way.resolved, &key)
        && copying.attributes.is_none()
        && !changes_how_it_is_kept(&way)
    {
        return Err(Failure::new(
            FailureKind::InvalidRequest,
            "A copy of an object to itself must change its metadata (x-amz-metadata-directive: REPLACE), storage class \
             or encryption.",
        )
        .into());
    }
    way.headers.insert(&X_AMZ_COPY_SOURCE, source.header);
    let (context, resolved) = (way.context, way.resolved);
    let write = MeasuredWrite::prepare(context, resolved, &key, &Conditions::default()).await?;
    let copied = write.run(SizeAfter::Unknown, copy(way, &key, &[], "CopyObjectResult")).await;
    copied.map_err(|error| failure(resolved, &error).into())
}

/// `UploadPartCopy`. If it is dropped midway, the provider may still store the part.
pub(super) async fn part(mut way: ForwardRequest<'_>, part: &Part, from: &CopySource) -> Answer {
    let key = way.resolved.key(&part.key)?;
    let resolved = way.resolved;
    let source = source(&way, from)?;
    let upload = resolved.open_upload(way.context, &key, &part.upload)?;
    way.headers.insert(&X_AMZ_COPY_SOURCE, source.header);
    let query = [Parameter::Number("partNumber", part.number), Parameter::Upload(&upload)];
    copy(way, &key, &query, "CopyPartResult").await.map_err(|error| failure(resolved, &error).into())
}

/// The source of a copy. Like any object that is read, it is looked up in the same repository, below its folder.
struct ForwardedSource<'a> {
    resolved: ResolvedBucket,
    key: String,
    version: Option<&'a VersionId>,
    header: HeaderValue,
}

impl ForwardedSource<'_> {
    fn is_the_object(&self, resolved: &ResolvedBucket, key: &str) -> bool {
        self.resolved.id() == resolved.id() && self.key == key && self.version.is_none()
    }
}

fn source<'a>(way: &ForwardRequest<'a>, source: &'a CopySource) -> Result<ForwardedSource<'a>, Failure> {
    let resolved = way.context.resolve(&source.bucket)?;
    conditions::of_reading(&source.conditions, resolved.driver().capabilities())?;
    let key = resolved.key(&source.key)?;
    let version = source.version.as_ref();
    let not_here = || Failure::new(FailureKind::InvalidRequest, "The source is at another provider.");
    let there = resolved.driver().forwarder().ok_or_else(not_here)?;
    let header = there.copy_source(&key, version).map_err(|error| resolved.failure(&error))?;
    Ok(ForwardedSource { resolved, key, version, header })
}

/// In S3, copying an object to itself is the way to change its storage class or encryption.
fn changes_how_it_is_kept(way: &ForwardRequest<'_>) -> bool {
    let changes =
        |name: &str| name == "x-amz-storage-class" || name.starts_with("x-amz-server-side-encryption");
    way.headers.keys().any(|name| changes(name.as_str()))
}

async fn copy(
    way: ForwardRequest<'_>,
    key: &str,
    query: &[Parameter<'_>],
    root: &'static str,
) -> Result<http::Response<GatewayBody>, ProviderError> {
    let ForwardRequest { s3, headers, .. } = way;
    let request = UpstreamRequest {
        method: Method::PUT,
        key,
        query,
        headers,
        payload: Some(Payload::bytes("")),
        takes_long: true,
    };
    let answer = s3.forward_for_document(request, root, MAX_DOCUMENT_BYTES).await?;
    let document = rewrite(answer.body(), root, |_, _| XmlElement::Kept)
        .map_err(|_| ProviderError::NotAnObjectStore { status: None })?;
    let mut response = response::document(document);
    response_headers::tell(response.headers_mut(), answer.headers());
    Ok(response)
}

fn failure(resolved: &ResolvedBucket, error: &ProviderError) -> Failure {
    match error.kind() {
        // For a copy, an unmodified source means that a condition isn't met.
        Some(ErrorKind::NotModified) => {
            Failure::new(FailureKind::PreconditionFailed, "A condition on the source does not hold.")
        }
        Some(ErrorKind::RangeNotSatisfiable) => {
            Failure::new(FailureKind::InvalidValue, "x-amz-copy-source-range is outside of the source.")
        }
        _ => resolved.failure(error),
    }
}
