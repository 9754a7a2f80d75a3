//! `CopyObject` and `UploadPartCopy`, where both sides are one account at one provider: it copies by itself.

use bucketry_provider::body::Payload;
use bucketry_provider::driver::VersionId;
use bucketry_provider::error::{ErrorKind, ProviderError};
use bucketry_provider::s3::{Parameter, UpstreamRequest};
use http::{HeaderName, HeaderValue, Method};

use crate::error::{Code, S3Error};
use crate::execute::{self, Answer, Failure, Outcome, RequestContext, ResolvedBucket, conditions, size};
use crate::forward::document::{XmlElement, rewrite};
use crate::forward::request::is_kept;
use crate::forward::{ForwardRequest, MAX_DOCUMENT_BYTES, answer};
use crate::operation::{CopyObject, CopySource, Part};

static X_AMZ_COPY_SOURCE: HeaderName = HeaderName::from_static("x-amz-copy-source");

/// Whether the provider can copy by itself. A source that isn't found is not, and the other way tells why.
pub(super) fn is_within_account(
    context: RequestContext<'_>,
    resolved: &ResolvedBucket<'_>,
    source: &CopySource,
) -> bool {
    let Ok(source) = ResolvedBucket::find(context, &source.bucket) else { return false };
    let (here, there) = (resolved.driver.forwarder(), source.driver.forwarder());
    let shared = || here.zip(there).is_some_and(|(here, there)| here.shares_account_with(there));
    source.bucket == resolved.bucket || shared()
}

/// `CopyObject`. Dropped in the middle, the copy may go on.
pub(super) async fn object(mut way: ForwardRequest<'_>, copying: CopyObject) -> Answer {
    conditions::none(&copying.conditions, "The place of a copy")?;
    let key = way.resolved.key(&copying.key)?;
    if copying.attributes.is_none() {
        // Without REPLACE they mean nothing, and not every server leaves them unheeded.
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
        return Err(S3Error::new(
            Code::InvalidRequest,
            "A copy of an object to itself must replace what is kept with it (x-amz-metadata-directive: REPLACE).",
        )
        .into());
    }
    way.headers.insert(&X_AMZ_COPY_SOURCE, source.header);
    let (context, resolved) = (way.context, way.resolved);
    let before = size::before(context, resolved, &key).await?;
    context.begin();
    match copy(way, &key, &[], "CopyObjectResult").await {
        Ok(response) => {
            Ok(Outcome { response, size_change: size::replaced(context, resolved, &key, before).await })
        }
        Err(error) => {
            let size_change = size::in_spite_of(&error, context, resolved, &key, before).await;
            Err(Failure { size_change, ..failure(resolved, &error) })
        }
    }
}

/// `UploadPartCopy`. Dropped in the middle, the part may be stored.
pub(super) async fn part(mut way: ForwardRequest<'_>, part: &Part, from: &CopySource) -> Answer {
    let key = way.resolved.key(&part.key)?;
    let resolved = way.resolved;
    let source = source(&way, from)?;
    let upload = resolved.open_upload(way.context, &key, &part.upload)?;
    way.headers.insert(&X_AMZ_COPY_SOURCE, source.header);
    let query = [Parameter::Number("partNumber", part.number), Parameter::Upload(&upload)];
    copy(way, &key, &query, "CopyPartResult")
        .await
        .map(Outcome::of)
        .map_err(|error| failure(resolved, &error))
}

/// What is copied, found as any object that is read: in the same repository, below its folder.
struct ForwardedSource<'a> {
    resolved: ResolvedBucket<'a>,
    key: String,
    version: Option<&'a VersionId>,
    header: HeaderValue,
}

impl ForwardedSource<'_> {
    fn is_the_object(&self, resolved: &ResolvedBucket<'_>, key: &str) -> bool {
        self.resolved.bucket == resolved.bucket && self.key == key && self.version.is_none()
    }
}

fn source<'a>(way: &ForwardRequest<'a>, source: &'a CopySource) -> Result<ForwardedSource<'a>, Failure> {
    let resolved = ResolvedBucket::find(way.context, &source.bucket)?;
    conditions::of_reading(&source.conditions, resolved.driver.capabilities())?;
    let key = resolved.key(&source.key)?;
    let version = source.version.as_ref();
    let not_here = || S3Error::new(Code::InvalidRequest, "The source lies with another provider.");
    let there = resolved.driver.forwarder().ok_or_else(not_here)?;
    let header = there.copy_source(&key, version).map_err(|error| resolved.failure(&error))?;
    Ok(ForwardedSource { resolved, key, version, header })
}

/// S3 takes a copy of an object to itself for a way to change its storage class or its encryption.
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
) -> Result<http::Response<execute::GatewayBody>, ProviderError> {
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
    let mut response = execute::answer::document(document);
    answer::tell(response.headers_mut(), answer.headers());
    Ok(response)
}

fn failure(resolved: &ResolvedBucket<'_>, error: &ProviderError) -> Failure {
    match error.kind() {
        // To a copy, a source that hasn't changed is a condition that doesn't hold.
        Some(ErrorKind::NotModified) => {
            S3Error::new(Code::PreconditionFailed, "A condition on the source does not hold.").into()
        }
        Some(ErrorKind::RangeNotSatisfiable) => {
            S3Error::new(Code::InvalidArgument, "x-amz-copy-source-range lies outside of the source.").into()
        }
        _ => resolved.failure(error),
    }
}
